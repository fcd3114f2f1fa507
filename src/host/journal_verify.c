/* The two doors to the checker: the store, and an export. And the export itself.
 * An export is JSON lines: a header, one line per row (the row's canonical JSON with its hash), the
 * head. An export of one session has lines for the rows between its rows too, with their hashes only,
 * so that the chain can be followed without showing what other sessions did. docs/journal.md. */
#include "host/journal_private.h"
#include "host/state_private.h"

#include "os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_SIZE = 17 << 20 };

/* --- over the store --- */

static int feed_row(const struct journal_row *r, void *arg)
{
    struct journal_check *c = (struct journal_check *)arg;
    auto_json json_t *body = NULL;
    struct fault fault = {0};
    struct journal_parts p = {
        .seq = r->seq,
        .time_ns = r->time_ns,
        .session = str_of(r->session),
        .call = str_of(r->call),
        .kind = str_of(r->kind),
        .body = r->json,
        .prev = r->prev,
        .hash = r->hash,
    };
    if (str_is(p.kind, "receipt") || str_is(p.kind, "intent")) {
        int parsed = json_parse(r->json, LINE_MAX_SIZE, &body, &fault);
        if (parsed < 0)
            journal_check_bad(c, r->seq, "row %lld was changed: it is no JSON (%s)",
                              (long long)r->seq, fault.text);
        if (parsed == -ENOMEM)
            return parsed;
    }
    return journal_check_row(c, &p, body);
}

static int check_stored_head(struct state *s, struct journal_check *c, struct fault *reterr)
{
    struct journal_head head;
    char mac[65];
    int r = journal_head_read(s, &head, reterr);
    if (r < 0)
        return r;
    if (r == 1) {
        if (c->rows > 0)
            journal_check_bad(c, c->last_seq, "the head record is missing");
        return 0;
    }
    journal_head_mac(s->key, &head, mac);
    if (!base_equal_secret(mac, head.mac, 64))
        journal_check_bad(c, head.seq, "the head record does not carry this installation's seal");
    journal_check_head(c, &head);
    return 0;
}

static bool is_running(const char *session, void *arg)
{
    struct state *s = (struct state *)arg;
    auto_query struct store_query *q = NULL;
    if (store_query(s->store, "SELECT 1 FROM session WHERE id = ?1 AND status = 'running'", &q,
                    NULL) < 0)
        return false;
    store_bind_str(q, 1, str_of(session));
    return store_next(q, NULL) == STORE_ROW;
}

static int verify_in_view(struct state *s, struct journal_check *c, struct fault *reterr)
{
    char why[200];
    int r = store_check(s->store, sizeof(why), why, reterr);
    if (r < 0)
        return r;
    if (r == STORE_DAMAGED)
        journal_check_bad(c, 0, "the store itself is damaged: %s", why);
    r = journal_each(s, NULL, INT64_MIN, feed_row, c);
    if (r == -FAULT_CORRUPT) { /* rows that cannot even be read: the report says how far it went */
        journal_check_bad(c, c->last_seq + 1, "the store itself is damaged behind row %lld",
                          (long long)c->last_seq);
        return 0;
    }
    if (r < 0)
        return fault_set(reterr, -r, "cannot read the journal in %s: %s", store_path(s->store),
                         fault_sentence(r));
    return check_stored_head(s, c, reterr);
}

int journal_verify(struct state *s, json_t **ret_report, struct fault *reterr)
{
    struct journal_check c;
    int r = journal_check_init(&c, false);
    if (r < 0)
        return state_no_memory(reterr);
    r = store_begin_read(s->store, reterr);
    if (r == 0) {
        r = verify_in_view(s, &c, reterr);
        if (r == 0) {
            r = journal_check_end(&c, is_running, s, ret_report);
            if (r < 0)
                r = state_no_memory(reterr);
        }
        store_rollback(s->store);
    }
    journal_check_done(&c);
    return r;
}

/* --- export --- */

struct exporter {
    struct state *s;
    const char *session; /* NULL = all */
    int64_t last;        /* last row that belongs in the export */
    int64_t last_seq;    /* last row written */
    char last_hash[65];
    int (*line)(struct str json_line, void *arg);
    void *arg;
    struct buf text;
};

static int emit(struct exporter *e)
{
    int r = buf_error(&e->text);
    return r < 0 ? r : e->line(buf_str(&e->text), e->arg);
}

static int emit_json(struct exporter *e, json_t *value)
{
    buf_reset(&e->text);
    int r = value ? json_print(value, &e->text) : -ENOMEM;
    json_decref(value);
    return r < 0 ? r : emit(e);
}

static int emit_skipped(struct exporter *e, const struct journal_row *r)
{
    auto_json json_t *body = NULL;
    json_t *receipt = NULL;
    if (strcmp(r->kind, "receipt") == 0 && json_parse(r->json, LINE_MAX_SIZE, &body, NULL) == 0)
        receipt = json_object_get(body, "hash");
    json_t *line = json_pack("{s:b, s:I, s:s%, s:s%}", "skipped", 1, "seq", (json_int_t)r->seq,
                             "prev", r->prev.at, r->prev.len, "hash", r->hash.at, r->hash.len);
    if (line != NULL && receipt != NULL && json_object_set(line, "receipt", receipt) < 0)
        return -ENOMEM;
    return emit_json(e, line);
}

static int export_row(const struct journal_row *r, void *arg)
{
    struct exporter *e = (struct exporter *)arg;
    if (r->seq > e->last)
        return 1;
    e->last_seq = r->seq;
    (void)snprintf(e->last_hash, sizeof(e->last_hash), "%.*s", STR_FMT(r->hash));
    if (e->session != NULL && (r->session == NULL || strcmp(r->session, e->session) != 0))
        return emit_skipped(e, r);
    struct journal_parts p = {
        .seq = r->seq,
        .time_ns = r->time_ns,
        .session = str_of(r->session),
        .call = str_of(r->call),
        .kind = str_of(r->kind),
        .body = r->json,
        .prev = r->prev,
        .hash = r->hash,
    };
    buf_reset(&e->text);
    journal_row_print(&p, &e->text);
    return emit(e);
}

static int find_range(struct exporter *e, int64_t *ret_first, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    *ret_first = 1;
    e->last = INT64_MAX;
    if (e->session == NULL)
        return 0;
    int r = store_query(
        e->s->store,
        "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM journal WHERE session = ?1", &q,
        reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(e->session));
    r = store_next(q, reterr);
    if (r < 0)
        return r;
    *ret_first = store_i64(q, 0);
    e->last = store_i64(q, 1);
    return 0;
}

static int emit_head(struct exporter *e)
{
    struct journal_head h = {.hash = JOURNAL_ZERO_HASH, .receipt_hash = JOURNAL_ZERO_HASH};
    int r = journal_head_read(e->s, &h, NULL);
    if (r < 0)
        return r;
    return emit_json(e,
                     json_pack("{s:{s:I, s:s, s:I, s:s, s:s}, s:I, s:s}", "head", "seq",
                               (json_int_t)h.seq, "hash", h.hash, "receipts",
                               (json_int_t)h.receipts, "receipt_hash", h.receipt_hash, "mac", h.mac,
                               "last_seq", (json_int_t)e->last_seq, "last_hash", e->last_hash));
}

static int export_in_view(struct exporter *e, struct fault *reterr)
{
    int64_t first = 1;
    int r = find_range(e, &first, reterr);
    if (r == 0)
        r = emit_json(e, json_pack("{s:i, s:I, s:s?, s:I}", "boxagnts_journal", 1, "time_ms",
                                   (json_int_t)(os_now_real_ns() / OS_NS_PER_MS), "session",
                                   e->session, "from_seq", (json_int_t)first));
    if (r == 0)
        r = journal_each(e->s, NULL, first, export_row, e);
    if (r == 1)
        r = 0; /* behind the last row of the session */
    return r == 0 ? emit_head(e) : r;
}

int journal_export(struct state *s, const char *session,
                   int (*line)(struct str json_line, void *arg), void *arg, struct fault *reterr)
{
    struct exporter e = {
        .s = s, .session = session, .line = line, .arg = arg, .last_hash = JOURNAL_ZERO_HASH};
    buf_init(&e.text, LINE_MAX_SIZE);
    int r = store_begin_read(s->store, reterr);
    if (r == 0) {
        struct fault fault = {0};
        r = export_in_view(&e, &fault);
        store_rollback(s->store);
        if (r < 0 && fault.code == 0)
            r = fault_set(reterr, -r, "cannot export the journal: %s", fault_sentence(r));
        else if (r < 0 && reterr != NULL)
            *reterr = fault;
    }
    buf_done(&e.text);
    return r;
}

/* --- over an export --- */

struct reader {
    struct journal_check c;
    struct buf body;
    int64_t line;
    char session[128];
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
    if (json_get_i64(o, "from_seq", 1, INT64_MAX, &from_seq, NULL) != 0)
        return bad_line(v, reterr, "\"from_seq\" must be the number of the first row");
    v->has_header = true;
    r = journal_check_init(&v->c, v->is_part);
    v->c.first_seq = from_seq;
    return r;
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
        journal_check_bad(&v->c, p.seq, "row %lld was changed: it has other keys than a row",
                          (long long)p.seq);
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
        journal_check_bad(&v->c, v->c.last_seq + 1,
                          "the end was cut off: the last row should be %lld, it is %lld",
                          (long long)last_seq, (long long)v->c.last_seq);
    return 0;
}

static int read_line(struct reader *v, struct str line, struct fault *reterr)
{
    auto_json json_t *o = NULL;
    const json_t *head = NULL;
    struct fault fault = {0};
    int r = json_parse(line, LINE_MAX_SIZE, &o, &fault);
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

int journal_verify_export(struct str text, json_t **ret_report, struct fault *reterr)
{
    struct reader v = {0};
    int r = 0;
    buf_init(&v.body, LINE_MAX_SIZE);
    while (r == 0 && text.len > 0) {
        struct str line = text, rest = {NULL, 0};
        if (!str_split(text, '\n', &line, &rest))
            rest = (struct str){text.at + text.len, 0};
        text = rest;
        v.line++;
        if (str_trim(line).len > 0)
            r = read_line(&v, line, reterr);
    }
    if (r == 0 && !v.has_header)
        r = bad_line(&v, reterr, "there is no header");
    if (r == 0 && !v.has_head)
        journal_check_bad(&v.c, v.c.last_seq + 1, "the end was cut off: there is no head line");
    if (r == 0)
        r = journal_check_end(&v.c, NULL, NULL, ret_report);
    if (r == -ENOMEM)
        r = state_no_memory(reterr);
    if (v.has_header)
        journal_check_done(&v.c);
    buf_done(&v.body);
    return r;
}
