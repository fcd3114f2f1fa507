/* rooms: query wire base */
/* A script's line cut in two ways means the same; what it means is never more than a line can hold. */
#include "base/fault.h"
#include "query/codec.h"

static int note(const struct query_event *e, void *arg)
{
    struct buf *out = arg;
    buf_addf(out, "%d %d %lld ", (int)e->kind, (int)e->stop, (long long)e->usage.output);
    buf_add_str(out, e->tool);
    buf_add_str(out, e->text);
    return buf_add_c(out, '\n');
}

static int decode(struct str s, size_t step, struct buf *out)
{
    struct codec *c = NULL;
    int r = 0;
    buf_init(out, (size_t)1 << 30);
    must(codec_script.decoder_new(&c) == 0);
    for (size_t at = 0; r == 0 && at < s.len; at += step)
        r = codec_script.feed(c, (struct str){s.at + at, step < s.len - at ? step : s.len - at},
                              note, out);
    if (r == 0)
        r = codec_script.end(c, note, out);
    codec_script.decoder_free(c);
    must(r == 0 || r == -FAULT_INPUT || r == -FAULT_CAP);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    auto_done(buf) struct buf whole, cut;
    int r = decode(s, size + 1, &whole);
    int q = decode(s, 3, &cut);
    must(r == q && str_eq(buf_str(&whole), buf_str(&cut)));
    return 0;
}
