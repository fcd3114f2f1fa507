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

static const char *const problem_names[] = {
    [JOURNAL_CHANGED] = "changed",     [JOURNAL_CHAIN] = "chain",
    [JOURNAL_MISSING] = "missing",     [JOURNAL_CUT] = "cut",
    [JOURNAL_ADDED] = "added",         [JOURNAL_REORDERED] = "reordered",
    [JOURNAL_HIDDEN] = "hidden",       [JOURNAL_SEAL] = "seal",
    [JOURNAL_DAMAGED] = "damaged",     [JOURNAL_UNSIGNED] = "unsigned",
    [JOURNAL_SIGNATURE] = "signature", [JOURNAL_FOREIGN_KEY] = "foreign-key",
    [JOURNAL_REPLAY] = "replay",       [JOURNAL_FORK] = "fork",
};

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
    buf_init(&c->scratch, JOURNAL_LINE_MAX);
    return c->pending == NULL ? -ENOMEM : 0;
}

void journal_check_done(struct journal_check *c)
{
    json_decref(c->pending);
    json_decref(c->first_bad);
    buf_done(&c->scratch);
    c->pending = c->first_bad = NULL;
}

void journal_check_bad(struct journal_check *c, enum journal_problem problem, int64_t seq,
                       const char *fmt, ...)
{
    char why[400];
    va_list args;
    if (c->is_bad)
        return;
    c->is_bad = true;
    va_start(args, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    c->first_bad = json_pack("{s:I, s:o, s:s}", "seq", (json_int_t)seq, "why",
                             json_string_lossy(str_of(why)), "problem", problem_names[problem]);
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

/* Rows that stand before the one expected. They are missing until they turn up further down. */
static void check_gap(struct journal_check *c, int64_t seq)
{
    int64_t from = c->last_seq + 1, to = seq - 1;
    if (c->is_bad)
        return;
    c->gap_from = from;
    c->gap_to = to;
    if (from < to)
        journal_check_bad(c, JOURNAL_MISSING, from, "rows %lld to %lld are missing",
                          (long long)from, (long long)to);
    else
        journal_check_bad(c, JOURNAL_MISSING, from, "row %lld is missing", (long long)from);
}

static void check_backwards(struct journal_check *c, int64_t seq)
{
    if (c->gap_to > 0 && seq >= c->gap_from && seq <= c->gap_to) { /* not missing: moved */
        c->is_bad = false;
        json_decref(c->first_bad);
        c->first_bad = NULL;
        c->gap_to = 0;
    }
    journal_check_bad(c, JOURNAL_REORDERED, seq, "row %lld stands behind row %lld", (long long)seq,
                      (long long)c->last_seq);
}

/* The link from the row before: number and hash. */
static void check_link(struct journal_check *c, int64_t seq, struct str prev)
{
    if (c->is_first && c->may_begin_anywhere) {
        if (seq != c->first_seq)
            journal_check_bad(c, JOURNAL_MISSING, c->first_seq,
                              "row %lld is missing: the header says that it is the first",
                              (long long)c->first_seq);
        return;
    }
    if (seq <= c->last_seq)
        check_backwards(c, seq);
    else if (seq != c->last_seq + 1)
        check_gap(c, seq);
    else if (!str_is(prev, c->last_hash))
        journal_check_bad(c, JOURNAL_CHAIN, seq,
                          "row %lld does not follow on the row before it: its prev is another hash",
                          (long long)seq);
}

static void move_on(struct journal_check *c, int64_t seq, struct str hash)
{
    c->is_first = false;
    c->last_seq = seq;
    if (!is_hash(hash)) {
        c->last_hash[0] = '\0';
        journal_check_bad(c, JOURNAL_CHANGED, seq, "row %lld has no hash", (long long)seq);
        return;
    }
    memcpy(c->last_hash, hash.at, 64);
    if (seq == 1)
        memcpy(c->store, hash.at, 64);
    if (seq != c->watch_seq)
        return;
    c->is_watch_met = true;
    if (!str_is(hash, c->watch_hash))
        journal_check_bad(
            c, JOURNAL_FORK, seq,
            "row %lld is not the row that you have seen signed before: its hash was %s",
            (long long)seq, c->watch_hash);
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
    int r = journal_value_hash(rest, &c->scratch, hash);
    if (r < 0)
        return r;
    if (said == NULL || strcmp(said, hash) != 0)
        journal_check_bad(c, JOURNAL_CHANGED, p->seq,
                          "the receipt in row %lld was changed: its hash is of other content",
                          (long long)p->seq);
    if (c->is_receipt_known && (prev == NULL || strcmp(prev, c->last_receipt) != 0))
        journal_check_bad(c, JOURNAL_CHAIN, p->seq,
                          "the receipt in row %lld does not follow on the receipt before it",
                          (long long)p->seq);
    if (!str_eq(str_of(call), p->call) || (call == NULL) != (p->call.at == NULL))
        journal_check_bad(c, JOURNAL_CHANGED, p->seq,
                          "the receipt in row %lld is of another call than its row",
                          (long long)p->seq);
    memcpy(c->last_receipt, hash, sizeof(hash));
    c->is_receipt_known = true;
    r = pending_key(p->session.at, p->call.at, &key);
    if (r == 0)
        (void)json_object_del(c->pending, key);
    return r;
}

/* --- signed heads --- */

void journal_check_expect_key(struct journal_check *c, const uint8_t *public_key)
{
    if (public_key != NULL)
        hex_encode(public_key, SIGN_PUBLIC_SIZE, c->expected_key);
}

static int check_signer(struct journal_check *c, int64_t seq, const struct journal_statement *st)
{
    if (*c->expected_key && !str_is(st->public_key, c->expected_key)) {
        journal_check_bad(c, JOURNAL_FOREIGN_KEY, seq,
                          "the head behind row %lld is signed by another key: %.*s", (long long)seq,
                          (int)(st->public_key.len < 64 ? st->public_key.len : 64),
                          st->public_key.at);
        return JOURNAL_BAD;
    }
    if (c->store[0] == '\0')
        memcpy(c->store, st->store.at, 64);
    if (!str_is(st->store, c->store)) {
        journal_check_bad(c, JOURNAL_REPLAY, seq,
                          "the head behind row %lld was signed for another journal",
                          (long long)seq);
        return JOURNAL_BAD;
    }
    return 0;
}

int journal_check_statement(struct journal_check *c, int64_t seq, const json_t *o,
                            struct journal_statement *ret)
{
    struct journal_statement st;
    if (journal_statement_read(o, &st) < 0) {
        journal_check_bad(c, JOURNAL_SIGNATURE, seq, "the head behind row %lld is no signed head",
                          (long long)seq);
        return JOURNAL_BAD;
    }
    int r = journal_statement_check(o, &c->scratch);
    if (r == JOURNAL_STATEMENT_FORGED) {
        journal_check_bad(c, JOURNAL_SIGNATURE, seq,
                          "the head behind row %lld was changed: the signature is of other content",
                          (long long)seq);
        return JOURNAL_BAD;
    }
    if (r == 0)
        r = check_signer(c, seq, &st);
    if (r != 0)
        return r;
    if (!str_is(st.public_key, c->key)) {
        c->keys++;
        memcpy(c->key, st.public_key.at, 64);
    }
    c->heads++;
    c->signed_seq = st.seq;
    c->signed_time_ms = st.time_ms;
    *ret = st;
    return 0;
}

/* A head that is a row signs the row before it, and is good for no other place. */
static int check_signed_row(struct journal_check *c, const struct journal_parts *p,
                            const json_t *body)
{
    struct journal_statement st;
    int r = journal_check_statement(c, p->seq - 1, body, &st);
    if (r != 0)
        return r < 0 ? r : 0;
    bool is_here = st.seq == p->seq - 1 && str_eq(st.hash, p->prev) &&
                   str_eq(st.session, p->session) &&
                   (st.why == JOURNAL_WHY_ROWS || st.why == JOURNAL_WHY_END) &&
                   (!c->is_receipt_known || str_is(st.receipt_hash, c->last_receipt)) &&
                   (c->may_begin_anywhere || st.receipts == c->receipts);
    if (!is_here)
        journal_check_bad(c, JOURNAL_REPLAY, p->seq,
                          "the head in row %lld was signed for another place (row %lld)",
                          (long long)p->seq, (long long)st.seq);
    return 0;
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
        journal_check_bad(c, JOURNAL_CHANGED, p->seq,
                          "row %lld was changed: its hash is of other content", (long long)p->seq);
    move_on(c, p->seq, p->hash);
    if (str_is(p->kind, "receipt"))
        return check_receipt(c, p, body);
    if (str_is(p->kind, "head"))
        return check_signed_row(c, p, body);
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
        journal_check_bad(c, JOURNAL_CHANGED, seq,
                          "row %lld names a receipt by something that is no hash", (long long)seq);
        return 0;
    }
    memcpy(c->last_receipt, receipt.at, 64);
    c->is_receipt_known = true;
    return 0;
}

void journal_check_head(struct journal_check *c, const struct journal_head *h)
{
    if (h->seq > c->last_seq)
        journal_check_bad(c, JOURNAL_CUT, c->last_seq + 1,
                          "the end was cut off: the head is row %lld, the last row is %lld",
                          (long long)h->seq, (long long)c->last_seq);
    else if (h->seq < c->last_seq)
        journal_check_bad(
            c, JOURNAL_ADDED, h->seq + 1,
            "rows were added behind the head: the head is row %lld, the last row is %lld",
            (long long)h->seq, (long long)c->last_seq);
    else if (strcmp(h->hash, c->last_hash) != 0)
        journal_check_bad(c, JOURNAL_CHANGED, h->seq, "the head's hash is not the last row's");
    else if (c->is_receipt_known && strcmp(h->receipt_hash, c->last_receipt) != 0)
        journal_check_bad(c, JOURNAL_CHANGED, h->seq,
                          "the head's last receipt is not the last receipt");
    else if (!c->may_begin_anywhere && h->receipts != c->receipts)
        journal_check_bad(c, JOURNAL_CHANGED, h->seq,
                          "the head counts %lld receipts, there are %lld", (long long)h->receipts,
                          (long long)c->receipts);
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
    json_t *report = json_pack(
        "{s:b, s:I, s:I, s:I, s:o, s:o, s:O?, s:{s:I, s:s}, s:{s:I, s:I, s:I, s:s?, s:I, s:b, s:s?}}",
        "ok", !c->is_bad, "rows", (json_int_t)c->rows, "receipts", (json_int_t)c->receipts,
        "skipped", (json_int_t)c->skipped, "unknown", unknown, "open", open, "first_bad",
        c->first_bad, "head", "seq", (json_int_t)c->last_seq, "hash", c->last_hash, "signed",
        "heads", (json_int_t)c->heads, "seq", (json_int_t)c->signed_seq, "time_ms",
        (json_int_t)c->signed_time_ms, "public_key", *c->key ? c->key : NULL, "keys",
        (json_int_t)c->keys, "key_given", *c->expected_key != '\0', "store",
        *c->store ? c->store : NULL);
    if (report == NULL)
        return -ENOMEM;
    if (c->first_bad == NULL)
        (void)json_object_set_new(report, "first_bad", json_null());
    *ret_report = report;
    return c->is_bad ? JOURNAL_BAD : 0;
}
