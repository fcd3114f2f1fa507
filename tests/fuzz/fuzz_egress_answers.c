/* rooms: host_egress net wire os base */
/* What a service sends: the usage reader gives the same counts however the stream is cut, and a failure is one printable line
 * of its length without the key. The first byte chooses the cuts, the second the status, the
 * third the wire. */
#include "base/fault.h"
#include "host/egress/failure.h"
#include "host/egress/usage.h"

static const char key[] = "secret-key";

static int read_usage(const char *wire, struct str s, size_t step, struct usage_reader *u)
{
    int r = 0;
    usage_init(u, usage_wire_find(str_of(wire)));
    for (size_t at = 0; r == 0 && at < s.len; at += step)
        r = usage_feed(u, (struct str){s.at + at, step < s.len - at ? step : s.len - at});
    must(r == 0 || r == -FAULT_INPUT || r == -FAULT_CAP);
    if (r == 0)
        usage_end(u);
    must(u->count.input >= 0 && u->count.output >= 0 && u->count.cache_read >= 0 &&
         u->count.cache_write >= 0);
    must(!usage_is_known(u) || u->state == USAGE_WHOLE);
    return r;
}

static void check_failure(const struct failure *f)
{
    struct str text = str_of(f->text);
    must(f->class_name != NULL && text.len <= FAILURE_TEXT_MAX && utf8_valid(text));
    must(f->retry_after_ms >= 0 && f->retry_after_ms <= INT32_MAX);
    must(strstr(f->text, key) == NULL);
    for (size_t i = 0; i < text.len; i++)
        must((unsigned char)text.at[i] >= 0x20 && text.at[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const wires[] = {"anthropic", "openai", "openai-compatible",
                                        "openai-responses", "gemini"};
    if (size < 3)
        return 0;
    const char *wire = wires[data[2] % ARRAY_LEN(wires)];
    struct str s = {(const char *)data + 3, size - 3};
    struct usage_reader a, b;
    struct failure f;
    int r = read_usage(wire, s, s.len + 1, &a), q = read_usage(wire, s, data[0] % 9 + 1u, &b);
    must(r == q && a.state == b.state && usage_is_known(&a) == usage_is_known(&b) &&
         memcmp(&a.count, &b.count, sizeof(a.count)) == 0);

    struct secrets secrets = {.values = {STR(key)}, .value_count = 1};
    const struct failure_answer answer = {.status = data[1] * 4,
                                          .retry_after = s,
                                          .retry_after_ms = s,
                                          .body = s,
                                          .now_s = 1700000000};
    failure_of_answer(&answer, &secrets, &f);
    check_failure(&f);
    failure_of_event(a.error, &secrets, &f);
    check_failure(&f);
    usage_done(&a);
    usage_done(&b);
    return 0;
}
