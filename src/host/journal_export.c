/* The export: JSON lines, a header, one line per row (the row's canonical JSON with its hash), the head
 * and its signature. An export of one session has lines for the rows between its rows too, with their
 * hashes only, so that the chain can be followed without showing what other sessions did.
 *
 * What is signed is believed by people who cannot look into this store, so the whole journal is
 * verified on the way, also the rows that are not shown. Otherwise who can write the store (but not read the key) could
 * give rows to another session, and would get our signature under "nothing is missing". */
#include "host/journal_private.h"
#include "host/state_private.h"

#include "os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct exporter {
    struct state *s;
    const char *session, *nonce; /* session NULL = all */
    const json_t *about;
    char header_hash[65];
    int64_t first, last; /* rows that belong in the export */
    int64_t last_seq;    /* last row written */
    char last_hash[65];
    int64_t rows, skipped;
    struct journal_check check;
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
    e->skipped++;
    if (strcmp(r->kind, "receipt") == 0 && json_parse(r->json, JOURNAL_LINE_MAX, &body, NULL) == 0)
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
    int checked = journal_check_stored_row(&e->check, r);
    if (checked < 0 || r->seq < e->first || r->seq > e->last)
        return checked;
    e->last_seq = r->seq;
    (void)snprintf(e->last_hash, sizeof(e->last_hash), "%.*s", STR_FMT(r->hash));
    if (e->session != NULL && (r->session == NULL || strcmp(r->session, e->session) != 0))
        return emit_skipped(e, r);
    e->rows++;
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

static int find_range(struct exporter *e, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    e->first = 1;
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
    e->first = store_i64(q, 0);
    e->last = store_i64(q, 1);
    return 0;
}

/* The signature says which rows, how many of them are shown, and that no more belong to it. */
static int sign(struct exporter *e, const struct journal_head *h, json_t *line,
                struct fault *reterr)
{
    json_t *statement = NULL;
    int r = journal_statement_new(e->s, JOURNAL_WHY_EXPORT, e->session, h, &statement, reterr);
    if (r < 0)
        return r;
    auto_json json_t *range = json_pack(
        "{s:s, s:I, s:I, s:s, s:I, s:I, s:s?}", "header_sha256", e->header_hash, "from_seq",
        (json_int_t)e->first, "last_seq", (json_int_t)e->last_seq, "last_hash", e->last_hash,
        "rows", (json_int_t)e->rows, "skipped", (json_int_t)e->skipped, "nonce", e->nonce);
    if (range == NULL || json_object_set_new(line, "signed", statement) < 0)
        return state_no_memory(reterr);
    if (json_object_update(statement, range) < 0)
        return state_no_memory(reterr);
    return journal_statement_sign(e->s, statement, reterr);
}

static int emit_head(struct exporter *e, struct fault *reterr)
{
    struct journal_head h = {.hash = JOURNAL_ZERO_HASH, .receipt_hash = JOURNAL_ZERO_HASH};
    int r = journal_head_read(e->s, &h, reterr);
    if (r >= 0)
        r = journal_check_stored_head(e->s, &e->check, reterr);
    if (r < 0)
        return r;
    json_t *line = json_pack("{s:{s:I, s:s, s:I, s:s, s:s}, s:I, s:s}", "head", "seq",
                             (json_int_t)h.seq, "hash", h.hash, "receipts", (json_int_t)h.receipts,
                             "receipt_hash", h.receipt_hash, "mac", h.mac, "last_seq",
                             (json_int_t)e->last_seq, "last_hash", e->last_hash);
    r = line == NULL ? -ENOMEM : e->check.is_bad ? 0 : sign(e, &h, line, reterr);
    if (r < 0) {
        json_decref(line);
        return r;
    }
    r = emit_json(e, line);
    return r < 0 ? r : e->check.is_bad ? JOURNAL_BAD : 0;
}

/* The header is signed too, by its hash. */
static int emit_header(struct exporter *e)
{
    json_t *header = json_pack("{s:i, s:I, s:s?, s:I, s:O*}", "boxagnts_journal", 1, "time_ms",
                               (json_int_t)(os_now_real_ns() / OS_NS_PER_MS), "session", e->session,
                               "from_seq", (json_int_t)e->first, "about", e->about);
    buf_reset(&e->text);
    int r = header ? journal_value_hash(header, &e->text, e->header_hash) : -ENOMEM;
    if (r < 0) {
        json_decref(header);
        return r;
    }
    return emit_json(e, header);
}

static int export_in_view(struct exporter *e, struct fault *reterr)
{
    int r = find_range(e, reterr);
    if (r == 0)
        r = emit_header(e);
    if (r == 0)
        r = journal_each(e->s, NULL, INT64_MIN, export_row, e);
    return r == 0 ? emit_head(e, reterr) : r;
}

int journal_export(struct state *s, const struct journal_ask *ask,
                   int (*line)(struct str json_line, void *arg), void *arg, struct fault *reterr)
{
    struct fault fault = {0};
    struct exporter e = {.s = s,
                         .session = ask->session,
                         .nonce = ask->nonce,
                         .about = ask->about,
                         .line = line,
                         .arg = arg,
                         .last_hash = JOURNAL_ZERO_HASH};
    if (ask->nonce != NULL && !utf8_valid(str_of(ask->nonce)))
        return fault_set(reterr, FAULT_USAGE, "the nonce is not UTF-8");
    buf_init(&e.text, JOURNAL_LINE_MAX);
    int r = journal_check_init(&e.check, false);
    if (r == 0)
        r = store_begin_read(s->store, &fault);
    if (r == 0) {
        r = export_in_view(&e, &fault);
        store_rollback(s->store);
    }
    if (r < 0 && fault.code == 0)
        r = fault_set(reterr, -r, "cannot export the journal: %s", fault_sentence(r));
    else if (r < 0 && reterr != NULL)
        *reterr = fault;
    journal_check_done(&e.check);
    buf_done(&e.text);
    return r;
}

int journal_signed_head(struct state *s, json_t **ret, struct fault *reterr)
{
    struct journal_head h;
    json_t *statement = NULL;
    int r = store_begin_read(s->store, reterr);
    if (r < 0)
        return r;
    r = journal_head_load(s, &h, reterr);
    if (r == 0)
        r = journal_statement_new(s, JOURNAL_WHY_ASKED, NULL, &h, &statement, reterr);
    store_rollback(s->store);
    if (r == 0)
        r = journal_statement_sign(s, statement, reterr);
    if (r == 0 && (*ret = json_pack("{s:O}", "signed", statement)) == NULL)
        r = state_no_memory(reterr);
    json_decref(statement);
    return r;
}
