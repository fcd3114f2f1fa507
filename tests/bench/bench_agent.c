/* rooms: jail host_ask os wire base */
/* A stand-in for boxagnts-agent that measures what an agent sees: the time from sending a call to having its result, with
 * everything between (monitor, policy, worker, journalled receipt). tests/bench/run.py puts it beside copies of the
 * other programs under the agent's name, so that the whole real tree runs round it. The prompt says what to do:
 * "COUNT TOOL JSON"; %d in JSON becomes the call's number. One JSON line as the run's final text. */
#include "base/fault.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/random.h"
#include "sandbox/jail/jail.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT_MAX 20000

static int64_t ns[COUNT_MAX], part[COUNT_MAX / 10];

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int one_call(struct channel *c, const json_t *body, const char *input, size_t number,
                    int64_t *ret_ns)
{
    char text[1024];
    const char *at = strstr(input, "%d");
    int len =
        at ? snprintf(text, sizeof text, "%.*s%zu%s", (int)(at - input), input, number, at + 2)
           : snprintf(text, sizeof text, "%s", input);
    int64_t from = os_now_mono_ns();
    int r = channel_send(c, MONITOR_CALL, number, body, (struct str){text, (size_t)len}, NULL, 0);
    struct message m;
    if (r == 0)
        r = channel_recv(c, INT64_MAX, &m, NULL);
    if (r != 0)
        return r;
    *ret_ns = os_now_mono_ns() - from;
    r = m.type == AGENT_RESULT && !json_is_true(json_object_get(m.body, "is_error")) ? 0
                                                                                     : -FAULT_INPUT;
    message_done(&m);
    return r;
}

static int measure(struct channel *c, struct str prompt)
{
    struct str count_text, rest, tool, input;
    int64_t count;
    if (!str_split(prompt, ' ', &count_text, &rest) || !str_split(rest, ' ', &tool, &input) ||
        base_parse_i64(count_text, 10, COUNT_MAX, &count) < 0)
        return -FAULT_INPUT;
    auto_free char *input_text = str_dup(input);
    auto_json json_t *body = json_pack("{s:s%, s:i}", "tool", tool.at, tool.len, "turn", 1);
    if (!input_text || !body)
        return -FAULT_INPUT;
    for (size_t i = 0; i < 50; i++) { /* warm */
        int r = one_call(c, body, input_text, i + 1, &ns[0]);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < (size_t)count; i++) {
        int r = one_call(c, body, input_text, i + 51, &ns[i]);
        if (r < 0)
            return r;
    }
    /* the middle of the first tenth and of the last one: does a call cost more, the more came before it? */
    size_t tenth = (size_t)count / 10;
    memcpy(part, ns, tenth * sizeof ns[0]);
    qsort(part, tenth, sizeof ns[0], by_size);
    int64_t first = part[tenth / 2];
    memcpy(part, ns + (size_t)count - tenth, tenth * sizeof ns[0]);
    qsort(part, tenth, sizeof ns[0], by_size);
    int64_t last = part[tenth / 2];
    qsort(ns, (size_t)count, sizeof ns[0], by_size);
    char line[256];
    int len = snprintf(
        line, sizeof line,
        "{\"p50\":%.1f,\"p95\":%.1f,\"p99\":%.1f,\"n\":%" PRId64 ",\"early\":%.1f,\"late\":%.1f}",
        (double)ns[count / 2] / 1e3, (double)ns[count * 95 / 100] / 1e3,
        (double)ns[count * 99 / 100] / 1e3, count, (double)first / 1e3, (double)last / 1e3);
    auto_json json_t *done =
        json_pack("{s:s, s:s, s:s}", "status", "done", "stopped_by", "", "detail", "");
    return done ? channel_send(c, MONITOR_DONE, 0, done, (struct str){line, (size_t)len}, NULL, 0)
                : -FAULT_INPUT;
}

int main(int argc, char **argv)
{
    struct channel *c = NULL;
    struct fault f = {0};
    struct message m;
    uint32_t seed;
    os_random(&seed, sizeof seed);
    json_start(seed);
    int r = channel_new(3, permits_agent, (size_t)1 << 20, &c);
    if (r == 0)
        r = jail_enter_from_argv(JAIL_AGENT, argc, argv, 3, c, &f);
    if (r == 0)
        r = channel_recv(c, INT64_MAX, &m, &f);
    if (r != 0)
        return 1;
    channel_set_state(c, STATE_IDLE);
    auto_free char *prompt = str_dup(m.raw);
    message_done(&m);
    r = prompt ? measure(c, str_of(prompt)) : -1;
    if (r == 0)
        (void)!channel_recv(c, INT64_MAX, &m, NULL); /* until the monitor ends us */
    channel_free(c);
    return r < 0;
}
