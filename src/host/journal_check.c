/* Verifying: rows in, a report out. The same checker sits behind the store and behind an export, so
 * that both mean the same by "verified". It believes nothing it is fed: each hash is computed again,
 * each link is followed, and only the first thing that is wrong is named, because what comes after
 * a break is not evidence. */
#include "host/journal_private.h"
#include "host/state_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SCRATCH_MAX = 17 << 20 };

int journal_check_init(struct journal_check *c, bool may_begin_anywhere)
{
    *c = (struct journal_check){
        .is_first = true,
        .is_receipt_known = !may_begin_anywhere,
        .may_begin_anywhere = may_begin_anywhere,
        .last_hash = JOURNAL_ZERO_HASH,
        .last_receipt = JOURNAL_ZERO_HASH,
        .pending = json_object(),
    };
    buf_init(&c->scratch, SCRATCH_MAX);
    return c->pending == NULL ? -ENOMEM : 0;
}

void journal_check_done(struct journal_check *c)
{
    json_decref(c->pending);
    json_decref(c->first_bad);
    buf_done(&c->scratch);
    c->pending = c->first_bad = NULL;
}

void journal_check_bad(struct journal_check *c, int64_t seq, const char *fmt, ...)
{
    char why[400];
    va_list args;
    if (c->is_bad)
        return;
    c->is_bad = true;
    va_start(args, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    c->first_bad =
        json_pack("{s:I, s:o}", "seq", (json_int_t)seq, "why", json_string_lossy(str_of(why)));
}

static bool is_hash(struct str s)
{
    if (s.len != 64)
        return false;
    for (size_t i = 0; i < 64; i++) {
        if (!((s.at[i] >= '0' && s.at[i] <= '9') || (s.at[i] >= 'a' && s.at[i] <= 'f')))
            return false;
    }
    return true;
}

/* The link from the row before: number and hash. */
static void check_link(struct journal_check *c, int64_t seq, struct str prev)
{
    if (c->is_first && c->may_begin_anywhere) {
        if (seq != c->first_seq)
            journal_check_bad(c, c->first_seq,
                              "row %lld is missing: the header says that it is the first",
                              (long long)c->first_seq);
        return;
    }
    if (seq != c->last_seq + 1) {
        if (seq > c->last_seq && seq - c->last_seq > 2)
            journal_check_bad(c, c->last_seq + 1, "rows %lld to %lld are missing",
                              (long long)c->last_seq + 1, (long long)seq - 1);
        else if (seq > c->last_seq)
            journal_check_bad(c, c->last_seq + 1, "row %lld is missing",
                              (long long)c->last_seq + 1);
        else
            journal_check_bad(c, seq, "row %lld stands behind row %lld", (long long)seq,
                              (long long)c->last_seq);
        return;
    }
    if (!str_is(prev, c->last_hash))
        journal_check_bad(c, seq,
                          "row %lld does not follow on the row before it: its prev is another hash",
                          (long long)seq);
}

static void move_on(struct journal_check *c, int64_t seq, struct str hash)
{
    c->is_first = false;
    c->last_seq = seq;
    if (is_hash(hash)) {
        memcpy(c->last_hash, hash.at, 64);
        return;
    }
    c->last_hash[0] = '\0';
    journal_check_bad(c, seq, "row %lld has no hash", (long long)seq);
}

static int pending_key(const char *session, const char *call, char **ret)
{
    return asprintf(ret, "%s\x1f%s", session ? session : "", call ? call : "") < 0 ? -ENOMEM : 0;
}

static int note_intent(struct journal_check *c, const struct journal_parts *p, const json_t *body)
{
    auto_free char *key = NULL;
    json_t *tool = json_object_get(body, "tool");
    int r = pending_key(p->session.at, p->call.at, &key);
    if (r < 0)
        return r;
    json_t *entry =
        json_pack("{s:s?, s:s?, s:I, s:O?}", "session", p->session.at, "call", p->call.at, "seq",
                  (json_int_t)p->seq, "tool", json_is_string(tool) ? tool : NULL);
    return json_object_set_new(c->pending, key, entry) < 0 ? -ENOMEM : 0;
}

static int check_receipt(struct journal_check *c, const struct journal_parts *p, const json_t *body)
{
    struct digest digest;
    char hash[65];
    auto_free char *key = NULL;
    const char *said = json_string_value(json_object_get(body, "hash"));
    const char *prev = json_string_value(json_object_get(body, "prev"));
    const char *call = json_string_value(json_object_get(body, "call"));
    c->receipts++;
    auto_json json_t *rest = json_copy((json_t *)(uintptr_t)body);
    if (rest == NULL)
        return -ENOMEM;
    (void)json_object_del(rest, "hash");
    buf_reset(&c->scratch);
    int r = json_print_canonical(rest, &c->scratch);
    if (r < 0)
        return r;
    digest_sha256(buf_str(&c->scratch).at, c->scratch.len, &digest);
    digest_hex(&digest, hash);
    if (said == NULL || strcmp(said, hash) != 0)
        journal_check_bad(c, p->seq,
                          "the receipt in row %lld was changed: its hash is of other content",
                          (long long)p->seq);
    if (c->is_receipt_known && (prev == NULL || strcmp(prev, c->last_receipt) != 0))
        journal_check_bad(c, p->seq,
                          "the receipt in row %lld does not follow on the receipt before it",
                          (long long)p->seq);
    if (!str_eq(str_of(call), p->call) || (call == NULL) != (p->call.at == NULL))
        journal_check_bad(c, p->seq, "the receipt in row %lld is of another call than its row",
                          (long long)p->seq);
    memcpy(c->last_receipt, hash, sizeof(hash));
    c->is_receipt_known = true;
    r = pending_key(p->session.at, p->call.at, &key);
    if (r == 0)
        (void)json_object_del(c->pending, key);
    return r;
}

int journal_check_row(struct journal_check *c, const struct journal_parts *p, const json_t *body)
{
    char hash[65];
    c->rows++;
    check_link(c, p->seq, p->prev);
    journal_row_hash(p, &c->scratch, hash);
    int r = buf_error(&c->scratch);
    if (r < 0)
        return r;
    if (!str_is(p->hash, hash))
        journal_check_bad(c, p->seq, "row %lld was changed: its hash is of other content",
                          (long long)p->seq);
    move_on(c, p->seq, p->hash);
    if (str_is(p->kind, "receipt"))
        return check_receipt(c, p, body);
    return str_is(p->kind, "intent") ? note_intent(c, p, body) : 0;
}

int journal_check_skipped(struct journal_check *c, int64_t seq, struct str prev, struct str hash,
                          struct str receipt)
{
    c->skipped++;
    check_link(c, seq, prev);
    move_on(c, seq, hash);
    if (receipt.at == NULL)
        return 0;
    if (!is_hash(receipt)) {
        journal_check_bad(c, seq, "row %lld names a receipt by something that is no hash",
                          (long long)seq);
        return 0;
    }
    memcpy(c->last_receipt, receipt.at, 64);
    c->is_receipt_known = true;
    return 0;
}

void journal_check_head(struct journal_check *c, const struct journal_head *h)
{
    if (h->seq > c->last_seq)
        journal_check_bad(c, c->last_seq + 1,
                          "the end was cut off: the head is row %lld, the last row is %lld",
                          (long long)h->seq, (long long)c->last_seq);
    else if (h->seq < c->last_seq)
        journal_check_bad(
            c, h->seq + 1,
            "rows were added behind the head: the head is row %lld, the last row is %lld",
            (long long)h->seq, (long long)c->last_seq);
    else if (strcmp(h->hash, c->last_hash) != 0)
        journal_check_bad(c, h->seq, "the head's hash is not the last row's");
    else if (c->is_receipt_known && strcmp(h->receipt_hash, c->last_receipt) != 0)
        journal_check_bad(c, h->seq, "the head's last receipt is not the last receipt");
    else if (!c->may_begin_anywhere && h->receipts != c->receipts)
        journal_check_bad(c, h->seq, "the head counts %lld receipts, there are %lld",
                          (long long)h->receipts, (long long)c->receipts);
}

int journal_check_end(struct journal_check *c, bool (*is_open)(const char *session, void *arg),
                      void *arg, json_t **ret_report)
{
    const char *key;
    json_t *entry;
    json_t *unknown = json_array(), *open = json_array();
    json_object_foreach(c->pending, key, entry)
    {
        const char *session = json_string_value(json_object_get(entry, "session"));
        (void)json_array_append(is_open && session && is_open(session, arg) ? open : unknown,
                                entry);
    }
    json_t *report =
        json_pack("{s:b, s:I, s:I, s:I, s:o, s:o, s:O?, s:{s:I, s:s}}", "ok", !c->is_bad, "rows",
                  (json_int_t)c->rows, "receipts", (json_int_t)c->receipts, "skipped",
                  (json_int_t)c->skipped, "unknown", unknown, "open", open, "first_bad",
                  c->first_bad, "head", "seq", (json_int_t)c->last_seq, "hash", c->last_hash);
    if (report == NULL)
        return -ENOMEM;
    if (c->first_bad == NULL)
        (void)json_object_set_new(report, "first_bad", json_null());
    *ret_report = report;
    return c->is_bad ? JOURNAL_BAD : 0;
}
