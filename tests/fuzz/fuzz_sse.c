/* rooms: wire base */
/* A stream of events cut in two ways gives the same events and the same end. The first byte chooses the
 * cuts, the second the limit. */
#include "base/fault.h"
#include "wire/sse.h"

static int collect(struct str event, struct str data, void *arg)
{
    struct buf *out = arg;
    buf_addf(out, "%zu %zu ", event.len, data.len);
    buf_add_str(out, event);
    return buf_add_str(out, data);
}

static int feed(struct str s, size_t max, size_t step, struct buf *out)
{
    struct sse sse;
    int r = 0;
    buf_init(out, SIZE_MAX);
    sse_init(&sse, max);
    while (r == 0 && s.len > 0) {
        size_t n = step > 0 && step < s.len ? step : s.len;
        r = sse_feed(&sse, (struct str){s.at, n}, collect, out);
        must(sse.line.len <= max && sse.data.len <= max && sse.event.len <= max);
        s = (struct str){s.at + n, s.len - n};
    }
    must(r == 0 || r == -FAULT_CAP);
    if (r != 0)
        must(sse_feed(&sse, STR("\n\n"), collect, out) == r);
    buf_add_c(out, sse_end(&sse) ? '1' : '0');
    sse_done(&sse);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, cut;
    if (size < 2)
        return 0;
    struct str s = {(const char *)data + 2, size - 2};
    size_t max = data[1] < 128 ? data[1] : SSE_EVENT_MAX;
    int r = feed(s, max, 0, &whole);
    int q = feed(s, max, data[0] % 8 + 1, &cut);
    must(r == q);
    if (r == 0)
        must(str_eq(buf_str(&whole), buf_str(&cut)));
    buf_done(&whole);
    buf_done(&cut);
    return 0;
}
