/* Adding to the journal. Each row is one transaction (or part of the caller's): the head is read
 * inside it, after the write lock is held, so the chain is right however many processes write. A
 * commit puts the row into the kernel's hands at once; durable rows wait for the disk as well.
 * Must never change or remove a row. */
#include "host/journal_private.h"
#include "host/state_private.h"

#include "os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 2 * JSON_DEPTH_MAX };

static void copy_hash(char to[65], struct str from)
{
    size_t len = from.len < 64 ? from.len : 64;
    if (len > 0)
        memcpy(to, from.at, len);
    to[len] = '\0';
}

int journal_head_read(struct state *s, struct journal_head *ret, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store,
                        "SELECT seq, hash, receipts, receipt_hash, mac FROM head WHERE one = 1", &q,
                        reterr);
    if (r == 0)
        r = store_next(q, reterr);
    if (r < 0)
        return r;
    if (r == 0)
        return 1;
    ret->seq = store_i64(q, 0);
    copy_hash(ret->hash, store_str(q, 1));
    ret->receipts = store_i64(q, 2);
    copy_hash(ret->receipt_hash, store_str(q, 3));
    copy_hash(ret->mac, store_str(q, 4));
    return 0;
}

/* The head that the next row is chained to. A head that is not ours means that somebody else wrote
 * into the store; going on would give the forgery our signature. */
int journal_head_load(struct state *s, struct journal_head *ret, struct fault *reterr)
{
    char mac[65];
    int r = journal_head_read(s, ret, reterr);
    if (r == 1) {
        *ret = (struct journal_head){.hash = JOURNAL_ZERO_HASH, .receipt_hash = JOURNAL_ZERO_HASH};
        return 0;
    }
    if (r < 0)
        return r;
    journal_head_mac(s->key, ret, mac);
    if (base_equal_secret(mac, ret->mac, 64))
        return 0;
    r = fault_set(reterr, FAULT_CORRUPT,
                  "the journal's head in %s does not carry this installation's seal",
                  store_path(s->store));
    fault_next(
        reterr,
        "boxagnts journal verify; nothing is written until the store is put back from a copy or moved away");
    return r;
}

static int store_head(struct state *s, struct journal_head *h, struct fault *reterr)
{
    struct store_query *q = NULL;
    int r = store_query(
        s->store,
        "INSERT INTO head (one, seq, hash, receipts, receipt_hash, mac) VALUES (1, ?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,"
        " receipts = excluded.receipts, receipt_hash = excluded.receipt_hash, mac = excluded.mac",
        &q, reterr);
    if (r < 0)
        return r;
    journal_head_mac(s->key, h, h->mac);
    store_bind_i64(q, 1, h->seq);
    store_bind_str(q, 2, str_of(h->hash));
    store_bind_i64(q, 3, h->receipts);
    store_bind_str(q, 4, str_of(h->receipt_hash));
    store_bind_str(q, 5, str_of(h->mac));
    return store_run(q, NULL, reterr);
}

static int insert_row(struct state *s, const struct journal_parts *p, struct fault *reterr)
{
    struct store_query *q = NULL;
    int r = store_query(s->store,
                        "INSERT INTO journal (seq, time_ns, session, call, kind, body, prev, hash)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                        &q, reterr);
    if (r < 0)
        return r;
    store_bind_i64(q, 1, p->seq);
    store_bind_i64(q, 2, p->time_ns);
    store_bind_str(q, 3, p->session);
    store_bind_str(q, 4, p->call);
    store_bind_str(q, 5, p->kind);
    store_bind_str(q, 6, p->body);
    store_bind_str(q, 7, p->prev);
    store_bind_str(q, 8, p->hash);
    r = store_run(q, NULL, reterr);
    return r;
}

/* The body text is in s->body. Chains the row to *head and moves *head on. */
static int put_row(struct state *s, struct journal_head *head, const char *session,
                   const char *call, const char *kind, struct fault *reterr)
{
    char hash[65];
    struct journal_parts p = {
        .time_ns = os_now_real_ns(),
        .session = str_of(session),
        .call = str_of(call),
        .kind = str_of(kind),
        .body = buf_str(&s->body),
        .prev = str_of(head->hash),
    };
    if (!i64_add(head->seq, 1, &p.seq))
        return fault_set(reterr, FAULT_CAP, "the journal has no more row numbers");
    if (!utf8_valid(p.session) || !utf8_valid(p.call) || !utf8_valid(p.kind))
        return fault_set(reterr, FAULT_INPUT, "a journal row's session, call or kind is not UTF-8");
    journal_row_hash(&p, &s->row, hash);
    int r = buf_error(&s->row);
    if (r < 0)
        return fault_set(reterr, -r, "cannot put a journal row together: %s", fault_sentence(r));
    p.hash = str_of(hash);
    r = insert_row(s, &p, reterr);
    if (r < 0)
        return r;
    head->seq = p.seq;
    memcpy(head->hash, hash, sizeof(hash));
    return 0;
}

/* A real without a fraction from 2^63 on is written as digits (RFC 8785), which our own strict parser
 * refuses as too big an integer: the row could not be verified. Such a number, which only a model can
 * come up with, is journalled as a string of the same digits. */
static bool is_wild(const json_t *value)
{
    double real = json_is_real(value) ? json_real_value(value) : 0;
    return real >= 9223372036854775808.0 || real < -9223372036854775808.0;
}

static bool has_wild(const json_t *value, int depth)
{
    size_t i;
    const char *key;
    json_t *part;
    if (depth > DEPTH_MAX)
        return false; /* printing will refuse it */
    if (json_is_array(value)) {
        json_array_foreach(value, i, part)
        {
            if (has_wild(part, depth + 1))
                return true;
        }
        return false;
    }
    if (!json_is_object(value))
        return is_wild(value);
    json_object_foreach((json_t *)(uintptr_t)value, key, part)
    {
        if (has_wild(part, depth + 1))
            return true;
    }
    return false;
}

static json_t *tame_one(const json_t *value)
{
    struct buf text;
    buf_init(&text, 512);
    json_t *string =
        json_print_canonical(value, &text) == 0 ? json_stringn(text.at, text.len) : NULL;
    buf_done(&text);
    return string;
}

static int tame(json_t *value, int depth)
{
    size_t i;
    const char *key;
    json_t *part;
    int r = 0;
    if (depth > DEPTH_MAX)
        return -1;
    json_array_foreach(value, i, part)
    {
        r |= is_wild(part) ? json_array_set_new(value, i, tame_one(part)) : tame(part, depth + 1);
    }
    json_object_foreach(value, key, part)
    {
        r |=
            is_wild(part) ? json_object_set_new(value, key, tame_one(part)) : tame(part, depth + 1);
    }
    return r;
}

static int print_plain(struct state *s, const json_t *body, struct fault *reterr)
{
    buf_reset(&s->body);
    int r = json_print_canonical(body, &s->body);
    if (r == 0)
        r = buf_error(&s->body);
    return r < 0 ? fault_set(reterr, -r, "cannot journal this: %s", fault_sentence(r)) : 0;
}

static int print_body(struct state *s, const json_t *body, struct fault *reterr)
{
    if (!json_is_object(body))
        return fault_set(reterr, EINVAL, "the body of a journal row must be a JSON object");
    if (!has_wild(body, 0))
        return print_plain(s, body, reterr);
    auto_json json_t *copy = json_deep_copy(body);
    if (copy == NULL || tame(copy, 0) < 0)
        return state_no_memory(reterr);
    return print_plain(s, copy, reterr);
}

static int put_body(struct state *s, struct journal_head *head, const char *session,
                    const char *call, const char *kind, const json_t *body, struct fault *reterr)
{
    int r = print_body(s, body, reterr);
    return r < 0 ? r : put_row(s, head, session, call, kind, reterr);
}

/* A signed head as a row: of the row before it, chained and sealed like every other. */
static int put_signed(struct state *s, struct journal_head *head, enum journal_why why,
                      const char *session, struct fault *reterr)
{
    auto_json json_t *statement = NULL;
    int r = journal_statement_new(s, why, session, head, &statement, reterr);
    if (r == 0)
        r = journal_statement_sign(s, statement, reterr);
    if (r == 0)
        r = put_body(s, head, session, NULL, "head", statement, reterr);
    return r;
}

/* The head after the rows that followed row `before`; now and then a signed one goes with it. */
static int move_head(struct state *s, struct journal_head *head, int64_t before,
                     struct fault *reterr)
{
    int r = 0;
    if (head->seq / JOURNAL_SIGN_EVERY != before / JOURNAL_SIGN_EVERY)
        r = put_signed(s, head, JOURNAL_WHY_ROWS, NULL, reterr);
    return r == 0 ? store_head(s, head, reterr) : r;
}

int journal_sign_row(struct state *s, enum journal_why why, const char *session,
                     struct fault *reterr)
{
    struct journal_head head = {0};
    must(store_in_transaction(s->store));
    int r = journal_head_load(s, &head, reterr);
    if (r == 0)
        r = put_signed(s, &head, why, session, reterr);
    return r == 0 ? store_head(s, &head, reterr) : r;
}

int journal_put(struct state *s, const char *session, const char *call, const char *kind,
                const json_t *body, struct fault *reterr)
{
    struct journal_head head = {0};
    must(store_in_transaction(s->store));
    int r = journal_head_load(s, &head, reterr);
    int64_t before = head.seq;
    if (r == 0)
        r = put_body(s, &head, session, call, kind, body, reterr);
    return r < 0 ? r : move_head(s, &head, before, reterr);
}

/* Receipts have a chain of their own: prev and hash in the receipt itself. The hash goes into the text that was
 * hashed, so that it is printed once. */
static int seal_receipt(struct state *s, const struct journal_head *head, json_t *receipt,
                        char ret_hash[65], struct fault *reterr)
{
    struct digest digest;
    (void)json_object_del(receipt, "hash");
    if (json_object_set_new(receipt, "prev", json_string(head->receipt_hash)) < 0)
        return state_no_memory(reterr);
    int r = print_plain(s, receipt, reterr);
    if (r < 0)
        return r;
    digest_sha256(s->body.at, s->body.len, &digest);
    digest_hex(&digest, ret_hash);
    if (json_object_set_new(receipt, "hash", json_string(ret_hash)) < 0)
        return state_no_memory(reterr);
    r = journal_add_hash(&s->body, ret_hash);
    return r < 0 ? fault_set(reterr, -r, "cannot journal this: %s", fault_sentence(r)) : 0;
}

static int put_receipt(struct state *s, struct journal_head *head, const char *session,
                       json_t *receipt, struct fault *reterr)
{
    char hash[65];
    const char *call = json_string_value(json_object_get(receipt, "call"));
    if (!json_is_object(receipt))
        return fault_set(reterr, EINVAL, "a receipt must be a JSON object");
    if (has_wild(receipt, 0) && tame(receipt, 0) < 0)
        return state_no_memory(reterr);
    int r = seal_receipt(s, head, receipt, hash, reterr);
    if (r == 0)
        r = put_row(s, head, session, call, "receipt", reterr);
    if (r < 0)
        return r;
    memcpy(head->receipt_hash, hash, sizeof(hash));
    head->receipts++;
    return 0;
}

static int begin(struct state *s, enum journal_weight weight, struct fault *reterr)
{
    return store_begin(s->store, weight == JOURNAL_DURABLE ? STORE_DURABLE : STORE_LIGHT, reterr);
}

static int end(struct state *s, int r, struct fault *reterr)
{
    if (r == 0)
        return store_commit(s->store, reterr);
    store_rollback(s->store);
    return r;
}

static void unseal(json_t *receipt)
{
    (void)json_object_del(receipt, "prev");
    (void)json_object_del(receipt, "hash");
}

int journal_add(struct state *s, const char *session, const char *call, const char *kind,
                const json_t *body, enum journal_weight weight, struct fault *reterr)
{
    if (strcmp(kind, "receipt") == 0 || strcmp(kind, "head") == 0)
        return fault_set(reterr, EINVAL,
                         "receipts and heads are rows that the journal makes itself");
    int r = begin(s, weight, reterr);
    return r < 0 ? r : end(s, journal_put(s, session, call, kind, body, reterr), reterr);
}

/* A row if there is a kind, and a receipt, in one transaction that reads and writes the head once. */
static int add_receipt(struct state *s, const char *session, const char *call, const char *kind,
                       const json_t *body, json_t *receipt, enum journal_weight weight,
                       struct fault *reterr)
{
    struct journal_head head = {0};
    int r = begin(s, weight, reterr);
    if (r < 0)
        return r;
    r = journal_head_load(s, &head, reterr);
    int64_t before = head.seq;
    if (r == 0 && kind)
        r = put_body(s, &head, session, call, kind, body, reterr);
    if (r == 0)
        r = put_receipt(s, &head, session, receipt, reterr);
    if (r == 0)
        r = move_head(s, &head, before, reterr);
    r = end(s, r, reterr);
    if (r < 0)
        unseal(receipt); /* what was not stored must not look as if it were */
    return r;
}

int journal_receipt(struct state *s, const char *session, json_t *receipt,
                    enum journal_weight weight, struct fault *reterr)
{
    return add_receipt(s, session, NULL, NULL, NULL, receipt, weight, reterr);
}

int journal_add_with_receipt(struct state *s, const char *session, const char *call,
                             const char *kind, const json_t *body, json_t *receipt,
                             enum journal_weight weight, struct fault *reterr)
{
    return add_receipt(s, session, call, kind, body, receipt, weight, reterr);
}

/* --- reading --- */

/* Where the rows of a session begin, so that reading them need not walk the whole journal. */
static int first_seq_of(struct state *s, const char *session, int64_t *ret)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store, "SELECT first_seq FROM session WHERE id = ?1", &q, NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    r = store_next(q, NULL);
    if (r == STORE_ROW)
        *ret = store_i64(q, 0);
    return r < 0 ? r : 0;
}

int journal_last_call(struct state *s, const char *session, int64_t *ret)
{
    auto_query struct store_query *q = NULL;
    int64_t first = 0;
    int r = first_seq_of(s, session, &first);
    if (r == 0)
        r = store_query(s->store,
                        "SELECT max(CAST(substr(call, 2) AS INTEGER)) FROM journal"
                        " WHERE seq >= ?1 AND session = ?2 AND call GLOB 'c[0-9]*'",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_i64(q, 1, first);
    store_bind_str(q, 2, str_of(session));
    r = store_next(q, NULL);
    *ret = r == STORE_ROW ? store_i64(q, 0) : 0;
    return r < 0 ? r : 0;
}

int journal_each(struct state *s, const char *session, int64_t from_seq,
                 int (*each)(const struct journal_row *r, void *arg), void *arg)
{
    auto_query struct store_query *q = NULL;
    int64_t first = INT64_MIN;
    int r = session ? first_seq_of(s, session, &first) : 0;
    if (r == 0)
        r = store_query(s->store,
                        "SELECT seq, time_ns, session, call, kind, body, hash, prev FROM journal"
                        " WHERE seq >= ?1 AND (?2 IS NULL OR session = ?2) ORDER BY seq",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_i64(q, 1, from_seq > first ? from_seq : first);
    store_bind_str(q, 2, str_of(session));
    while ((r = store_next(q, NULL)) == STORE_ROW) {
        struct journal_row row = {
            .seq = store_i64(q, 0),
            .time_ns = store_i64(q, 1),
            .session = store_str(q, 2).at,
            .call = store_str(q, 3).at,
            .kind = store_str(q, 4).at,
            .json = store_str(q, 5),
            .hash = store_str(q, 6),
            .prev = store_str(q, 7),
        };
        r = each(&row, arg);
        if (r != 0)
            return r;
    }
    return r;
}
