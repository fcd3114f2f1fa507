/* Server-sent events out of a stream of bytes that may be split anywhere. Must give the same events
 * for every split, and must never hold more than the caller's maximum of one event. Text is handed
 * on as it came; whoever reads it as JSON checks its UTF-8. `id` and `retry` are for clients that
 * reconnect; ours never do. */
#include "wire/sse.h"

#include "base/fault.h"

void sse_init(struct sse *s, size_t event_max)
{
    *s = (struct sse){.max = event_max};
    buf_init(&s->line, event_max);
    buf_init(&s->data, event_max);
    buf_init(&s->event, event_max);
}

void sse_done(struct sse *s)
{
    buf_done(&s->line);
    buf_done(&s->data);
    buf_done(&s->event);
}

static int add_field(struct sse *s, struct str name, struct str value)
{
    if (str_eq(name, STR("data"))) {
        if (s->has_data)
            buf_add_c(&s->data, '\n');
        s->has_data = true;
        return buf_add_str(&s->data, value);
    }
    if (str_eq(name, STR("event"))) {
        buf_reset(&s->event);
        return buf_add_str(&s->event, value);
    }
    return 0;
}

/* An event without a data field is none, as the standard says. */
static int end_event(struct sse *s, sse_event_fn on_event, void *arg)
{
    int r = s->has_data ? on_event(buf_str(&s->event), buf_str(&s->data), arg) : 0;
    s->has_data = false;
    buf_reset(&s->data);
    buf_reset(&s->event);
    return r;
}

static int take_line(struct sse *s, struct str line, sse_event_fn on_event, void *arg)
{
    struct str name, value;
    if (!s->seen_start && str_starts(line, STR("\xEF\xBB\xBF")))
        line = (struct str){line.at + 3, line.len - 3};
    s->seen_start = true;
    if (line.len == 0)
        return end_event(s, on_event, arg);
    if (!str_split(line, ':', &name, &value))
        return add_field(s, line, STR(""));
    if (str_starts(value, STR(" ")))
        value = (struct str){value.at + 1, value.len - 1};
    return add_field(s, name, value); /* a comment has an empty name */
}

static size_t line_length(struct str bytes)
{
    size_t i = 0;
    while (i < bytes.len && bytes.at[i] != '\n' && bytes.at[i] != '\r')
        i++;
    return i;
}

/* A line that is whole in these bytes is read where it lies; only a split one is collected. */
static int end_line(struct sse *s, struct str last_part, sse_event_fn on_event, void *arg)
{
    if (s->line.len == 0 && last_part.len <= s->max)
        return take_line(s, last_part, on_event, arg);
    int r = buf_add_str(&s->line, last_part);
    if (r < 0)
        return r;
    r = take_line(s, buf_str(&s->line), on_event, arg);
    buf_reset(&s->line);
    return r;
}

/* A stream that went past its limits once only fails from then on. */
static int sticky_error(const struct sse *s)
{
    int r = buf_error(&s->line);
    if (r == 0)
        r = buf_error(&s->data);
    return r == 0 ? buf_error(&s->event) : r;
}

int sse_feed(struct sse *s, struct str bytes, sse_event_fn on_event, void *arg)
{
    int r = sticky_error(s);
    while (r == 0 && bytes.len > 0) {
        if (s->skip_lf && bytes.at[0] == '\n')
            bytes = (struct str){bytes.at + 1, bytes.len - 1};
        s->skip_lf = false;
        size_t len = line_length(bytes);
        struct str part = {bytes.at, len};
        if (len == bytes.len)
            return buf_add_str(&s->line, part);
        s->skip_lf = bytes.at[len] == '\r';
        bytes = (struct str){bytes.at + len + 1, bytes.len - len - 1};
        r = end_line(s, part, on_event, arg);
    }
    return r;
}

bool sse_end(struct sse *s)
{
    bool was_unfinished = s->has_data || s->line.len > 0 || s->event.len > 0;
    buf_reset(&s->line);
    buf_reset(&s->data);
    buf_reset(&s->event);
    s->has_data = s->skip_lf = s->seen_start = false;
    return was_unfinished;
}
