/* rooms: query wire base */
/* An answer of the Anthropic wire cut in two ways means the same, and what the loop makes of it is a conversation that can be
 * sent. The first byte chooses the cuts. */
#include "base/fault.h"
#include "query/codec.h"
#include "query/turn.h"

struct reader {
    struct buf *out;
    struct turn *turn;
    int turn_fault;
};

static int note(const struct query_event *e, void *arg)
{
    struct reader *r = arg;
    buf_addf(r->out, "%d %d %d %lld %lld ", (int)e->kind, (int)e->stop, (int)e->error, (long long)e->usage.input, (long long)e->usage.output);
    buf_add_str(r->out, e->id);
    buf_add_str(r->out, e->tool);
    buf_add_str(r->out, e->text);
    buf_add_c(r->out, '\n');
    must(e->usage.input >= 0 && e->usage.output >= 0 && e->usage.cache_read >= 0 && e->usage.cache_write >= 0);
    if (r->turn_fault == 0)
        r->turn_fault = turn_add(r->turn, e);
    return 0;
}

static int decode(struct str s, size_t step, struct buf *out, struct turn *turn)
{
    struct codec *c = NULL;
    struct reader reader = {out, turn, 0};
    int r = 0;
    buf_init(out, (size_t)1 << 30);
    turn_init(turn);
    must(codec_anthropic.decoder_new(&c) == 0);
    for (size_t at = 0; r == 0 && at < s.len; at += step)
        r = codec_anthropic.feed(c, (struct str){s.at + at, step < s.len - at ? step : s.len - at}, note, &reader);
    if (r == 0)
        r = codec_anthropic.end(c, note, &reader);
    codec_anthropic.decoder_free(c);
    must(r == 0 || r == -FAULT_INPUT || r == -FAULT_CAP);
    must(reader.turn_fault == 0 || reader.turn_fault == -FAULT_INPUT || reader.turn_fault == -FAULT_CAP);
    return r;
}

static void check_request(const struct turn *turn)
{
    auto_json json_t *conversation = json_pack("[{s:s, s:O}]", "role", "assistant", "content", turn->blocks);
    const struct codec_request request = {.model = "m", .system = "", .conversation = conversation, .max_tokens = 1};
    auto_done(buf) struct buf body;
    auto_json json_t *back = NULL;
    buf_init(&body, (size_t)1 << 30);
    must(codec_anthropic.request(&request, &body) == 0);
    must(json_parse(buf_str(&body), JSON_SIZE_MAX, &back, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct str s = {(const char *)data + 1, size - 1};
    auto_done(buf) struct buf whole, cut;
    auto_done(turn) struct turn a, b;
    int r = decode(s, s.len + 1, &whole, &a);
    int q = decode(s, data[0] % 9 + 1u, &cut, &b);
    must(r == q && str_eq(buf_str(&whole), buf_str(&cut)));
    if (r == 0 && turn_close(&a) == 0 && a.blocks != NULL)
        check_request(&a);
    return 0;
}
