/* rooms: query wire os base */
/* What a model's stream costs: the event parser and each wire's codec in MB/s (of long streams of small events, as models send
 * them), and one step of the loop for one event, in us. Prints JSON lines {"name","unit","p50","p95","p99","n"}; for MB/s a higher
 * percentile is a slower pass. */
#include "os/clock.h"
#include "query/codec.h"
#include "query/step.h"
#include "wire/sse.h"

#include <stdio.h>
#include <stdlib.h>

enum { PASSES = 60, EVENTS = 8000, PIECE = 16384, STEPS = 200000 };

static size_t seen;

static void check(int r)
{
    if (r < 0) {
        fprintf(stderr, "bench_wires: fault %d\n", r);
        exit(1);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* of: percentiles of time, so that 99 is the worst in both units */
static void print(const char *name, const char *unit, double *values, size_t n, bool high_is_good)
{
    qsort(values, n, sizeof values[0], by_value);
    const double *best = high_is_good ? values + n - 1 : values;
    int step = high_is_good ? -1 : 1;
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"n\":%zu}\n",
           name, unit, best[step * (int)(n / 2)], best[step * (int)(n * 95 / 100)],
           best[step * (int)(n * 99 / 100)], n);
}

static int on_sse(struct str event, struct str data, void *arg)
{
    (void)arg;
    seen += event.len + data.len;
    return 0;
}

static int on_event(const struct query_event *e, void *arg)
{
    (void)arg;
    seen += e->text.len;
    return 0;
}

static int on_action(const struct query_action *a, void *arg)
{
    (void)arg;
    seen += a->text.len;
    return 0;
}

static void fill(struct buf *out, const char *event, const char *last)
{
    buf_init(out, (size_t)64 << 20);
    for (int i = 0; i < EVENTS; i++)
        check(buf_add_z(out, event));
    check(buf_add_z(out, last));
}

static void bench_parser(const char *name, const char *event)
{
    static double rates[PASSES];
    auto_done(buf) struct buf text;
    fill(&text, event, "");
    for (size_t pass = 0; pass < PASSES; pass++) {
        struct sse s;
        sse_init(&s, SSE_EVENT_MAX);
        int64_t from = os_now_mono_ns();
        for (size_t at = 0; at < text.len; at += PIECE)
            check(sse_feed(
                &s, (struct str){text.at + at, text.len - at < PIECE ? text.len - at : PIECE},
                on_sse, NULL));
        rates[pass] = (double)text.len * 1e3 / (double)(os_now_mono_ns() - from);
        sse_done(&s);
    }
    print(name, "MB/s", rates, PASSES, true);
}

static void bench_codec(const struct codec_wire *wire, const char *event, const char *last)
{
    static double rates[PASSES];
    char name[64];
    auto_done(buf) struct buf text;
    fill(&text, event, last);
    for (size_t pass = 0; pass < PASSES; pass++) {
        struct codec *c = NULL;
        check(wire->decoder_new(&c));
        int64_t from = os_now_mono_ns();
        for (size_t at = 0; at < text.len; at += PIECE)
            check(wire->feed(
                c, (struct str){text.at + at, text.len - at < PIECE ? text.len - at : PIECE},
                on_event, NULL));
        check(wire->end(c, on_event, NULL));
        rates[pass] = (double)text.len * 1e3 / (double)(os_now_mono_ns() - from);
        wire->decoder_free(c);
    }
    snprintf(name, sizeof name, "codec_%s", wire->name);
    print(name, "MB/s", rates, PASSES, true);
}

static void bench_step(void)
{
    double *us = calloc(STEPS, sizeof *us);
    struct query *q = NULL;
    const struct query_limits limits = {.max_turns = 1000, .max_tool_calls = 1000};
    const struct query_event piece = {.kind = QUERY_TEXT, .text = STR("a piece of text")};
    if (us == NULL)
        exit(1);
    check(query_new(&limits, 1, &q));
    check(query_start(q, STR("task"), NULL, on_action, NULL));
    for (size_t i = 0; i < STEPS; i++) {
        int64_t from = os_now_mono_ns();
        check(query_step(q, &piece, on_action, NULL));
        us[i] = (double)(os_now_mono_ns() - from) / 1e3;
    }
    query_free(q);
    print("step_for_a_text_event", "us", us, STEPS, false);
    free(us);
}

int main(void)
{
    json_start(1);
    bench_parser(
        "sse_parse",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"some words\"}}\n\n");
    bench_parser(
        "sse_parse_crlf",
        "event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"some words\"}}\r\n\r\n");
    bench_parser(
        "sse_parse_cr",
        "event: content_block_delta\rdata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"some words\"}}\r\r");
    bench_codec(
        &codec_anthropic,
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"some words\"}}\n\n",
        "data: {\"type\":\"message_stop\"}\n\n");
    bench_codec(
        &codec_openai,
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some words\"},\"finish_reason\":null}]}\n\n",
        "data: [DONE]\n\n");
    bench_codec(
        &codec_responses,
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":7,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,"
        "\"delta\":\"some words\"}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{}}\n\n");
    bench_codec(
        &codec_gemini,
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"some words\"}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\"}\n\n",
        "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n");
    bench_step();
    return seen == 0;
}
