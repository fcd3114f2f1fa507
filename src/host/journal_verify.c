/* Verifying the journal in the store. The rows go through the same checker as an export's
 * (journal_read.c); what only the store has is checked here: the database itself, and the head's seal. */
#include "host/journal_private.h"
#include "host/state_private.h"

#include <errno.h>
#include <string.h>

int journal_check_stored_row(struct journal_check *c, const struct journal_row *r)
{
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
    if (str_is(p.kind, "receipt") || str_is(p.kind, "intent") || str_is(p.kind, "head")) {
        int parsed = json_parse(r->json, JOURNAL_LINE_MAX, &body, &fault);
        if (parsed < 0)
            journal_check_bad(c, JOURNAL_CHANGED, r->seq,
                              "row %lld was changed: it is no JSON (%s)", (long long)r->seq,
                              fault.text);
        if (parsed == -ENOMEM)
            return parsed;
    }
    return journal_check_row(c, &p, body);
}

int journal_check_stored_head(struct state *s, struct journal_check *c, struct fault *reterr)
{
    struct journal_head head;
    char mac[65];
    int r = journal_head_read(s, &head, reterr);
    if (r < 0)
        return r;
    if (r == 1) {
        if (c->rows > 0)
            journal_check_bad(c, JOURNAL_CUT, c->last_seq, "the head record is missing");
        return 0;
    }
    journal_head_mac(s->key, &head, mac);
    if (!base_equal_secret(mac, head.mac, 64))
        journal_check_bad(c, JOURNAL_SEAL, head.seq,
                          "the head record does not carry this installation's seal");
    journal_check_head(c, &head);
    return 0;
}

static int feed_row(const struct journal_row *r, void *arg)
{
    return journal_check_stored_row(arg, r);
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
        journal_check_bad(c, JOURNAL_DAMAGED, 0, "the store itself is damaged: %s", why);
    r = journal_each(s, NULL, INT64_MIN, feed_row, c);
    if (r == -FAULT_CORRUPT) { /* rows that cannot even be read: the report says how far it went */
        journal_check_bad(c, JOURNAL_DAMAGED, c->last_seq + 1,
                          "the store itself is damaged behind row %lld", (long long)c->last_seq);
        return 0;
    }
    if (r < 0)
        return fault_set(reterr, -r, "cannot read the journal in %s: %s", store_path(s->store),
                         fault_sentence(r));
    return journal_check_stored_head(s, c, reterr);
}

int journal_verify(struct state *s, const struct journal_trust *trust, json_t **ret_report,
                   struct fault *reterr)
{
    struct journal_check c;
    int r = journal_check_init(&c, false);
    if (r < 0)
        return state_no_memory(reterr);
    journal_check_expect_key(&c, trust ? trust->public_key : NULL);
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
