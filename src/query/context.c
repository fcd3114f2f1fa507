#include "query/context.h"

#include "base/fault.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define RATIO_MIN 100
#define RATIO_MAX 1000
#define TRIM_AT 70    /* percent of the limit */
#define SUMMARY_AT 85 /* the same */
#define TAIL_KEPT 30  /* the same: the newest messages, as they are */
#define SUMMARY_MAX 20
#define COMPACT_LEAST 8000 /* tokens; what is compacted counts as so long at least */
#define RESULTS_KEPT 2     /* newest messages of results that are left whole */
#define TRIM_LEAST 512     /* bytes; shorter results stay */
#define HEAD_KEPT 8192     /* bytes of a result that is itself too large */
#define TOKEN_BYTES_MOST 8 /* on the average; prose has 4, code 3, other alphabets fewer */
#define SUMMARY_BYTES_MAX ((size_t)256 << 10)

int64_t context_tokens(const struct query *q)
{
    int64_t bytes = (int64_t)q->history.bytes + q->limits.overhead_bytes;
    return bytes / 1000 * q->ratio + bytes % 1000 * q->ratio / 1000;
}

void context_learn(struct query *q, const struct query_usage *usage)
{
    int64_t tokens, bytes = q->asked_bytes;
    if (!i64_add(usage->input, usage->cache_read, &tokens) ||
        !i64_add(tokens, usage->cache_write, &tokens) || tokens <= 0 || bytes < 1000 ||
        tokens > bytes)
        return;
    int64_t ratio = tokens * 1000 / bytes;
    q->ratio = ratio < RATIO_MIN ? RATIO_MIN : ratio > RATIO_MAX ? RATIO_MAX : ratio;
}

static int64_t percent(const struct query *q, int64_t part)
{
    return q->context_limit / 100 * part;
}

/* --- old results --- */

/* Names come from the monitor; one that would need quoting is not shown. */
static bool is_plain_name(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

static own json_t *stub_text(const json_t *block, size_t bytes, struct str head)
{
    const char *call = json_string_value(json_object_get(block, "call"));
    auto_done(buf) struct buf text;
    buf_init(&text, HEAD_KEPT + 1024);
    (void)buf_add_str(&text, head);
    (void)buf_addf(&text, "%s[%zu bytes of this result were taken out to save room",
                   head.len ? "\n" : "", bytes - head.len);
    if (call && is_plain_name(call))
        (void)buf_addf(&text, "; fetch_result {\"call\":\"%s\"} shows them", call);
    (void)buf_add_c(&text, ']');
    return buf_error(&text) == 0 ? json_string_lossy(buf_str(&text)) : NULL;
}

/* One result: its text up to `head` bytes and a note. 0 nothing to gain, 1 shorter. */
static int trim_block(json_t *block, size_t head)
{
    json_t *content = json_object_get(block, "content");
    size_t bytes = history_size_of(content);
    if (bytes < TRIM_LEAST + head || json_is_true(json_object_get(block, "trimmed")))
        return 0;
    const json_t *first = json_object_get(json_array_get(content, 0), "text");
    struct str kept = {json_string_value(first), json_string_length(first)};
    if (kept.len > head)
        kept.len = head;
    kept.len = kept.at ? utf8_valid_prefix(kept) : 0;
    json_t *text = stub_text(block, bytes, kept);
    json_t *stub = json_pack("[{s:s, s:o}]", "type", "text", "text", text);
    if (!stub || json_object_set_new(block, "content", stub) ||
        (head == 0 && json_object_set_new(block, "trimmed", json_true())))
        return -ENOMEM;
    return 1;
}

/* Results before the `kept` newest messages of them. Gives how many were trimmed. */
static int trim_results(struct query *q, size_t until, size_t kept, size_t head)
{
    struct history *h = &q->history;
    int count = 0;
    for (size_t i = until; i > 0; i--) {
        if (!h->marks[i - 1].is_results)
            continue;
        if (kept > 0) {
            kept--;
            continue;
        }
        size_t k;
        json_t *block;
        json_array_foreach(json_object_get(json_array_get(h->list, i - 1), "content"), k, block)
        {
            int r = trim_block(block, head);
            if (r < 0)
                return r;
            count += r;
        }
        history_measure(h, i - 1);
    }
    return count;
}

/* What was removed is shown. */
static int tell(const char *what, int count, size_t before, size_t after, query_act act, void *arg)
{
    char line[160];
    int n = snprintf(line, sizeof(line), "%d %s taken out of the context, %zu bytes less", count,
                     what, before > after ? before - after : 0);
    return query_say("context", (struct str){line, (size_t)n}, act, arg);
}

static int trim(struct query *q, size_t kept, size_t head, query_act act, void *arg)
{
    size_t before = q->history.bytes;
    int count = trim_results(q, q->history.count, kept, head);
    if (count <= 0)
        return count;
    return tell(count == 1 ? "result was" : "results were", count, before, q->history.bytes, act,
                arg);
}

/* --- the summary --- */

/* The newest messages that stay: no more than their share, and they begin with no results. 0 = there is nothing to sum up. */
static size_t boundary(const struct query *q, size_t *ret_from)
{
    const struct history *h = &q->history;
    int64_t room = percent(q, TAIL_KEPT) * 1000 / q->ratio, tail = 0;
    size_t from = 0, to = 0;
    while (from < h->count && h->marks[from].is_pinned)
        from++;
    for (size_t i = h->count; i > from; i--) {
        tail += (int64_t)h->marks[i - 1].bytes;
        if (tail > room && to > 0)
            break;
        if (!h->marks[i - 1].is_results)
            to = i - 1;
    }
    /* a summary takes the place of two messages at least: an answer and what it was answered with */
    size_t goes = 0;
    for (size_t i = from; i < to; i++)
        goes += !h->marks[i].is_pinned;
    *ret_from = from;
    return goes >= 2 ? to : 0;
}

static int ask_for_summary(struct query *q, size_t from, size_t to)
{
    struct history *h = &q->history;
    /* it is shown to the planner once more, so it need not be whole */
    int r = trim_results(q, to, 0, 1024);
    if (r < 0)
        return r;
    json_decref(q->summary_ask);
    q->summary_ask = json_array();
    for (size_t i = 0; q->summary_ask && i < to; i++)
        if (json_array_append(q->summary_ask, json_array_get(h->list, i)))
            return -ENOMEM;
    json_t *ask = json_pack("{s:s, s:[{s:s, s:s}]}", "role", "user", "content", "type", "text",
                            "text", recovery_message(INCIDENT_SUMMARY));
    if (!q->summary_ask || json_array_append_new(q->summary_ask, ask))
        return -ENOMEM;
    q->summary_from = from;
    q->summary_to = to;
    return CONTEXT_SUMMARY;
}

void context_drop_summary(struct query *q)
{
    json_decref(q->summary_ask);
    q->summary_ask = NULL;
}

static int begin_summary(struct query *q)
{
    size_t from, to = boundary(q, &from);
    return to > 0 ? ask_for_summary(q, from, to) : CONTEXT_FITS;
}

int context_make_room(struct query *q, query_act act, void *arg)
{
    int r = 0;
    if (q->context_limit == 0)
        return CONTEXT_FITS;
    if (context_tokens(q) > percent(q, TRIM_AT))
        r = trim(q, RESULTS_KEPT, 0, act, arg);
    if (r == 0 && context_tokens(q) > percent(q, SUMMARY_AT))
        r = begin_summary(q);
    if (r == CONTEXT_FITS && context_tokens(q) > percent(q, 100)) {
        r = trim(q, 1, 0, act, arg);
        if (r == 0 && context_tokens(q) > percent(q, 100))
            r = trim(q, 0, HEAD_KEPT, act, arg);
    }
    return r;
}

int context_compact(struct query *q, query_act act, void *arg)
{
    int64_t now = context_tokens(q);
    int r = trim(q, RESULTS_KEPT, 0, act, arg);
    if (now < COMPACT_LEAST)
        now = COMPACT_LEAST;
    if (q->context_limit == 0 || q->context_limit > now)
        q->context_limit = now;
    return r < 0 ? r : begin_summary(q);
}

bool context_is_hopeless(const struct query *q, int64_t *ret)
{
    *ret = ((int64_t)q->history.bytes + q->limits.overhead_bytes) / TOKEN_BYTES_MOST;
    return q->context_limit > 0 && *ret > q->context_limit;
}

int context_shrink(struct query *q, query_act act, void *arg)
{
    size_t before = q->history.bytes;
    int64_t now = context_tokens(q);
    if (q->context_limit == 0 || q->context_limit > now)
        q->context_limit = now;
    q->context_limit = q->context_limit / 4 * 3 + 1;
    int r = context_make_room(q, act, arg);
    if (r != 0)
        return r;
    if (q->history.bytes < before)
        return 0;
    r = begin_summary(q);
    return r != CONTEXT_FITS ? r : CONTEXT_FULL;
}

/* A plan is a text of the planner's that begins with that word; the last one is carried on as it stands. */
static struct str last_plan(const struct query *q)
{
    for (size_t i = q->summary_to; i > q->summary_from; i--) {
        const json_t *message = json_array_get(q->history.list, i - 1);
        size_t k;
        json_t *block;
        if (strcmp(json_string_value(json_object_get(message, "role")), "assistant") != 0)
            continue;
        json_array_foreach(json_object_get(message, "content"), k, block)
        {
            const json_t *text = json_object_get(block, "text");
            struct str s =
                str_trim((struct str){json_string_value(text), json_string_length(text)});
            while (s.len > 0 && (*s.at == '#' || *s.at == '*' || *s.at == ' '))
                s = (struct str){s.at + 1, s.len - 1};
            if (s.len > 4 && strncasecmp(s.at, "plan", 4) == 0)
                return s;
        }
    }
    return STR("");
}

static int place_summary(struct query *q, struct str summary, query_act act, void *arg)
{
    struct history *h = &q->history;
    size_t before = h->bytes, count = h->count, from = q->summary_from;
    uint64_t number = q->summary_to < count ? h->marks[q->summary_to].number : q->kept + 1;
    auto_done(buf) struct buf text;
    buf_init(&text, SUMMARY_BYTES_MAX * 2);
    struct str plan = last_plan(q);
    (void)buf_addf(&text, "Summary of what came before, which was taken out to save room:\n%.*s",
                   STR_FMT(summary));
    if (plan.len > 0 && plan.len <= SUMMARY_BYTES_MAX / 2)
        (void)buf_addf(&text, "\n\nThe plan, word for word:\n%.*s", STR_FMT(plan));
    json_t *content = buf_error(&text) < 0 ? NULL
                                           : json_pack("[{s:s, s:o}]", "type", "text", "text",
                                                       json_string_lossy(buf_str(&text)));
    if (!content)
        return -ENOMEM;
    int r = history_replace(h, from, q->summary_to, content);
    if (r < 0)
        return r;
    h->marks[from].number = number;
    struct query_action keep = {.kind = QUERY_ACT_KEEP,
                                .number = number,
                                .message = json_array_get(h->list, from),
                                .is_summary = true};
    r = act(&keep, arg);
    if (r == 0)
        r = tell("messages were summed up and", (int)(count - h->count + 1), before, h->bytes, act,
                 arg);
    return r < 0 ? r : query_say("context", buf_str(&text), act, arg);
}

int context_take_summary(struct query *q, query_act act, void *arg)
{
    struct turn *t = &q->turn;
    struct str text = str_trim(buf_str(&t->all_text));
    int64_t tokens = (int64_t)text.len * q->ratio / 1000;
    if (t->stop == QUERY_MAX_TOKENS || t->stop == QUERY_REFUSAL || t->call_count || text.len == 0 ||
        text.len > SUMMARY_BYTES_MAX || tokens > percent(q, SUMMARY_MAX))
        return CONTEXT_BAD;
    int r = place_summary(q, text, act, arg);
    context_drop_summary(q);
    return r;
}
