/* Verifying an export: no store, no private key, nothing but the file and what the verifier brings
 * along (a public key, a head seen before, a nonce). Every byte of it is anybody's. What is wrong is
 * named once, the first of it; a line that is no line of an export at all is a fault. */
#include "host/journal_private.h"
#include "host/state_private.h"

#include "os/clock.h"

#include <errno.h>
#include <string.h>

struct reader {
    struct journal_check c;
    struct buf body;
    const struct journal_trust *trust;
    struct journal_statement seen; /* borrows from seen_json */
    json_t *seen_json;             /* own */
    int64_t line;
    char header_hash[65];
    char *session; /* own; the session of the header, NULL = all */
    bool has_header, has_head, is_part;
};

static int bad_line(const struct reader *v, struct fault *reterr, const char *what)
{
    int r = fault_set(reterr, FAULT_INPUT, "line %lld is not a line of a journal export: %s",
                      (long long)v->line, what);
    fault_next(reterr, "give the file that `boxagnts journal export` wrote");
    return r;
}

static int read_header(struct reader *v, const json_t *o, struct fault *reterr)
{
    int64_t version = 0, from_seq = 0;
    struct str session = {NULL, 0};
    int r = json_get_i64(o, "boxagnts_journal", 1, 1, &version, NULL);
    if (r != 0)
        return bad_line(v, reterr, "the first line must be {\"boxagnts_journal\":1,...}");
    r = json_get_str(o, "session", &session, NULL);
    if (r < 0)
        return bad_line(v, reterr, "\"session\" must be a string or null");
    v->is_part = r == 0;
    if (v->is_part && (v->session = str_dup(session)) == NULL)
        return state_no_memory(reterr);
    if (json_get_i64(o, "from_seq", 1, INT64_MAX, &from_seq, NULL) != 0)
        return bad_line(v, reterr, "\"from_seq\" must be the number of the first row");
    v->has_header = true;
    if (journal_check_init(&v->c, v->is_part) < 0)
        return state_no_memory(reterr);
    r = journal_value_hash(o, &v->body, v->header_hash);
    if (r < 0)
        return r == -ENOMEM ? state_no_memory(reterr)
                            : bad_line(v, reterr, "the header is too long");
    v->c.first_seq = from_seq;
    journal_check_expect_key(&v->c, v->trust->public_key);
    if (v->seen_json != NULL && v->seen.seq > 0) {
        v->c.watch_seq = v->seen.seq;
        memcpy(v->c.watch_hash, v->seen.hash.at, 64);
    }
    return 0;
}

/* A nullable string of a row. */
static int get_nullable(const json_t *o, const char *key, struct str *ret)
{
    *ret = (struct str){NULL, 0};
    int r = json_get_str(o, key, ret, NULL);
    return r < 0 ? r : 0;
}

static int read_row(struct reader *v, const json_t *o, struct fault *reterr)
{
    struct journal_parts p = {0};
    int64_t time_ms = 0, sub_ns = 0, version = 0;
    const json_t *body = NULL;
    if (json_get_i64(o, "v", 1, 1, &version, NULL) != 0 ||
        json_get_i64(o, "seq", 1, INT64_MAX - 1, &p.seq, NULL) != 0 ||
        json_get_i64(o, "time_ms", 0, INT64_MAX / OS_NS_PER_MS - 1, &time_ms, NULL) != 0 ||
        json_get_i64(o, "sub_ns", 0, OS_NS_PER_MS - 1, &sub_ns, NULL) != 0 ||
        json_get_str(o, "kind", &p.kind, NULL) != 0 ||
        json_get_str(o, "prev", &p.prev, NULL) != 0 ||
        json_get_str(o, "hash", &p.hash, NULL) != 0 ||
        json_get_object(o, "body", &body, NULL) != 0 ||
        get_nullable(o, "session", &p.session) < 0 || get_nullable(o, "call", &p.call) < 0)
        return bad_line(
            v, reterr,
            "a row has v, seq, time_ms, sub_ns, session, call, kind, body, prev and hash");
    if (json_object_size(o) != 10 || json_object_get(o, "call") == NULL ||
        json_object_get(o, "session") == NULL)
        journal_check_bad(&v->c, JOURNAL_CHANGED, p.seq,
                          "row %lld was changed: it has other keys than a row", (long long)p.seq);
    if (v->is_part && !str_is(p.session, v->session))
        journal_check_bad(&v->c, JOURNAL_CHANGED, p.seq,
                          "row %lld is of another session than this export", (long long)p.seq);
    p.time_ns = time_ms * OS_NS_PER_MS + sub_ns;
    buf_reset(&v->body);
    int r = json_print_canonical(body, &v->body);
    if (r == 0)
        r = buf_error(&v->body);
    if (r < 0)
        return r;
    p.body = buf_str(&v->body);
    return journal_check_row(&v->c, &p, body);
}

static int read_skipped(struct reader *v, const json_t *o, struct fault *reterr)
{
    int64_t seq = 0;
    struct str prev = {NULL, 0}, hash = {NULL, 0}, receipt = {NULL, 0};
    if (!v->is_part)
        return bad_line(v, reterr, "an export of everything skips no rows");
    if (json_get_i64(o, "seq", 1, INT64_MAX - 1, &seq, NULL) != 0 ||
        json_get_str(o, "prev", &prev, NULL) != 0 || json_get_str(o, "hash", &hash, NULL) != 0 ||
        get_nullable(o, "receipt", &receipt) < 0)
        return bad_line(v, reterr, "a skipped row has seq, prev and hash");
    return journal_check_skipped(&v->c, seq, prev, hash, receipt);
}

/* --- the end of it: the head, and what is signed --- */

/* Does the signature speak of these very rows? Each way in which it may not has a name. */
static void check_covers(struct reader *v, const struct journal_statement *st)
{
    struct journal_check *c = &v->c;
    if (st->why != JOURNAL_WHY_EXPORT)
        journal_check_bad(c, JOURNAL_REPLAY, c->last_seq,
                          "the head at the end was signed inside the journal, not for an export");
    else if (!str_eq(st->session, str_of(v->session)))
        journal_check_bad(c, JOURNAL_REPLAY, c->last_seq,
                          "the head at the end was signed for the export of another session");
    else if (st->last_seq > c->last_seq)
        journal_check_bad(c, JOURNAL_CUT, c->last_seq + 1,
                          "the end was cut off: what was signed goes to row %lld, this to row %lld",
                          (long long)st->last_seq, (long long)c->last_seq);
    else if (st->last_seq < c->last_seq)
        journal_check_bad(c, JOURNAL_REPLAY, st->last_seq + 1,
                          "an older head: it was signed when row %lld was the last, not row %lld",
                          (long long)st->last_seq, (long long)c->last_seq);
    else if (!str_is(st->last_hash, c->last_hash) && c->last_seq > 0)
        journal_check_bad(c, JOURNAL_CHANGED, c->last_seq,
                          "the rows are not those that were signed: row %lld had the hash %.*s",
                          (long long)c->last_seq, STR_FMT(st->last_hash));
    else if (!str_is(st->header_hash, v->header_hash))
        journal_check_bad(c, JOURNAL_CHANGED, c->last_seq,
                          "the header is not the one that was signed");
    else if (st->from_seq != c->first_seq)
        journal_check_bad(c, JOURNAL_MISSING, st->from_seq,
                          "rows are missing: what was signed begins with row %lld",
                          (long long)st->from_seq);
    else if (st->rows != c->rows || st->skipped != c->skipped)
        journal_check_bad(c, JOURNAL_HIDDEN, c->last_seq,
                          "%lld rows were signed as shown, %lld are: some were hidden",
                          (long long)st->rows, (long long)c->rows);
}

static void check_freshness(struct reader *v, const struct journal_statement *st)
{
    struct journal_check *c = &v->c;
    struct str wanted = v->trust->nonce;
    if (wanted.at != NULL && !str_eq(wanted, st->nonce))
        journal_check_bad(c, JOURNAL_REPLAY, c->last_seq,
                          "an older export: it was not made for the nonce that you gave");
    if (v->seen_json == NULL)
        return;
    if (!str_eq(v->seen.store, st->store))
        journal_check_bad(c, JOURNAL_REPLAY, c->last_seq,
                          "this is another journal than the one that you have seen before");
    else if (st->seq < v->seen.seq)
        journal_check_bad(c, JOURNAL_REPLAY, st->seq + 1,
                          "an older head: it is row %lld, and you have seen row %lld signed before",
                          (long long)st->seq, (long long)v->seen.seq);
    else if (st->seq == v->seen.seq && !str_eq(st->hash, v->seen.hash))
        journal_check_bad(c, JOURNAL_FORK, st->seq,
                          "row %lld is not the row that you have seen signed before",
                          (long long)st->seq);
}

static int check_signed(struct reader *v, const json_t *line, const struct journal_head *h)
{
    struct journal_statement st;
    json_t *o = json_object_get(line, "signed");
    if (o == NULL) {
        if (v->trust->public_key != NULL || v->seen_json != NULL || v->trust->nonce.at != NULL)
            journal_check_bad(&v->c, JOURNAL_UNSIGNED, v->c.last_seq, "the head is not signed");
        return 0;
    }
    int r = journal_check_statement(&v->c, v->c.last_seq, o, &st);
    if (r != 0)
        return r < 0 ? r : 0;
    if (st.seq != h->seq || !str_is(st.hash, h->hash) || st.receipts != h->receipts ||
        !str_is(st.receipt_hash, h->receipt_hash))
        journal_check_bad(
            &v->c, st.seq < h->seq ? JOURNAL_REPLAY : JOURNAL_CUT, st.seq,
            "the signature is of another head (row %lld) than the one beside it (row %lld)",
            (long long)st.seq, (long long)h->seq);
    check_covers(v, &st);
    check_freshness(v, &st);
    return 0;
}

/* The head is the store's; the last row of this export is named beside it, because the export of one
 * session ends earlier. */
static int read_head(struct reader *v, const json_t *line, const json_t *o, struct fault *reterr)
{
    struct journal_head h = {0};
    int64_t last_seq = 0;
    struct str hash = {NULL, 0}, receipt = {NULL, 0}, last_hash = {NULL, 0};
    if (json_get_i64(o, "seq", 0, INT64_MAX, &h.seq, NULL) != 0 ||
        json_get_str(o, "hash", &hash, NULL) != 0 ||
        json_get_i64(o, "receipts", 0, INT64_MAX, &h.receipts, NULL) != 0 ||
        json_get_str(o, "receipt_hash", &receipt, NULL) != 0 || hash.len != 64 ||
        receipt.len != 64 || json_get_i64(line, "last_seq", 0, INT64_MAX, &last_seq, NULL) != 0 ||
        json_get_str(line, "last_hash", &last_hash, NULL) != 0)
        return bad_line(
            v, reterr,
            "the head has seq, hash, receipts and receipt_hash, and beside it last_seq and last_hash");
    memcpy(h.hash, hash.at, 64);
    memcpy(h.receipt_hash, receipt.at, 64);
    v->has_head = true;
    if (!v->is_part || h.seq == v->c.last_seq)
        journal_check_head(&v->c, &h);
    if (h.seq < last_seq || last_seq != v->c.last_seq || !str_is(last_hash, v->c.last_hash))
        journal_check_bad(&v->c, last_seq > v->c.last_seq ? JOURNAL_CUT : JOURNAL_ADDED,
                          v->c.last_seq + 1, "the last row should be %lld, it is %lld",
                          (long long)last_seq, (long long)v->c.last_seq);
    int r = check_signed(v, line, &h);
    return r == -ENOMEM ? state_no_memory(reterr) : r;
}

static int read_line(struct reader *v, struct str line, struct fault *reterr)
{
    auto_json json_t *o = NULL;
    const json_t *head = NULL;
    struct fault fault = {0};
    int r = json_parse(line, JOURNAL_LINE_MAX, &o, &fault);
    if (r == -ENOMEM)
        return state_no_memory(reterr);
    if (r < 0 || !json_is_object(o))
        return bad_line(v, reterr, r < 0 ? fault.text : "it is no object");
    if (!v->has_header)
        return read_header(v, o, reterr);
    if (v->has_head)
        return bad_line(v, reterr, "there is more behind the head");
    if (json_is_true(json_object_get(o, "skipped")))
        return read_skipped(v, o, reterr);
    if (json_get_object(o, "head", &head, NULL) == 0)
        return read_head(v, o, head, reterr);
    return read_row(v, o, reterr);
}

/* --- what the verifier has seen before: an export, or one signed head; its last line counts --- */

static struct str last_line(struct str text)
{
    text = str_trim(text);
    const char *newline = text.len > 0 ? memrchr(text.at, '\n', text.len) : NULL;
    if (newline == NULL)
        return text;
    return (struct str){newline + 1, text.len - (size_t)(newline + 1 - text.at)};
}

/* It is evidence only under the key that is trusted; without one nothing is worth comparing. */
static int read_seen(struct reader *v, struct fault *reterr)
{
    struct buf scratch;
    uint8_t key[SIGN_PUBLIC_SIZE];
    const json_t *o = NULL;
    if (v->trust->seen.at == NULL)
        return 0;
    int r = json_parse(last_line(v->trust->seen), JOURNAL_LINE_MAX, &v->seen_json, reterr);
    if (r == -ENOMEM)
        return r;
    buf_init(&scratch, JOURNAL_LINE_MAX);
    bool is_good = r == 0 && json_get_object(v->seen_json, "signed", &o, NULL) == 0 &&
                   journal_statement_read(o, &v->seen) == 0 &&
                   journal_statement_check(o, &scratch) == 0 && v->trust->public_key != NULL &&
                   hex_decode(v->seen.public_key, key, sizeof(key)) == 0 &&
                   memcmp(key, v->trust->public_key, sizeof(key)) == 0;
    buf_done(&scratch);
    if (is_good)
        return 0;
    r = fault_set(reterr, FAULT_INPUT,
                  "what was seen before does not end in a head that is signed by the key given");
    fault_next(reterr,
               "give an earlier export, or what `boxagnts journal head` printed, and --key");
    return r;
}

static int read_lines(struct reader *v, struct str text, struct fault *reterr)
{
    int r = 0;
    while (r == 0 && text.len > 0) {
        struct str line = text, rest = {NULL, 0};
        if (!str_split(text, '\n', &line, &rest))
            rest = (struct str){text.at + text.len, 0};
        text = rest;
        v->line++;
        if (str_trim(line).len > 0)
            r = read_line(v, line, reterr);
    }
    if (r == 0 && !v->has_header)
        r = bad_line(v, reterr, "there is no header");
    if (r == 0 && !v->has_head)
        journal_check_bad(&v->c, JOURNAL_CUT, v->c.last_seq + 1,
                          "the end was cut off: there is no head line");
    return r;
}

int journal_verify_export(struct str text, const struct journal_trust *trust, json_t **ret_report,
                          struct fault *reterr)
{
    static const struct journal_trust nothing;
    struct reader v = {.trust = trust ? trust : &nothing};
    buf_init(&v.body, JOURNAL_LINE_MAX);
    int r = read_seen(&v, reterr);
    if (r == 0)
        r = read_lines(&v, text, reterr);
    if (r == 0)
        r = journal_check_end(&v.c, NULL, NULL, ret_report);
    if (r == -ENOMEM)
        r = state_no_memory(reterr);
    if (v.has_header)
        journal_check_done(&v.c);
    json_decref(v.seen_json);
    free(v.session);
    buf_done(&v.body);
    return r;
}
