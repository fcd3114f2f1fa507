/* Rows wait in memory until the next flush, so that one turn costs one or two small transactions and not one for each thing
 * said. The caller flushes before anything that must not be forgotten: before a call may have an effect, and before it waits
 * for a service. */
#include "host/talk.h"

#include "host/state_private.h"

#include <errno.h>

enum { WAITING_MAX = 256 };

struct waiting {
    const char *kind; /* static */
    int64_t number;
    char *call; /* own; may be NULL */
    struct buf body, bytes;
};

struct talk {
    struct state *state;
    char session[SESSION_ID_SIZE];
    int64_t next_seq, size;
    struct waiting waiting[WAITING_MAX];
    size_t waiting_count;
};

static void waiting_done(struct waiting *w)
{
    free(w->call);
    buf_done(&w->body);
    buf_done(&w->bytes);
}

static int read_end(struct talk *t, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(t->state->store,
                        "SELECT coalesce(max(seq), 0) + 1, coalesce(sum(size), 0) FROM talk"
                        " WHERE session = ?1",
                        &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(t->session));
    r = store_next(q, reterr);
    if (r != STORE_ROW)
        return r < 0 ? r : -EIO;
    t->next_seq = store_i64(q, 0);
    t->size = store_i64(q, 1);
    return 0;
}

int talk_open(struct state *s, const char *session, own struct talk **ret, struct fault *reterr)
{
    auto_(talk) struct talk *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return state_no_memory(reterr);
    t->state = s;
    if (strlen(session) >= sizeof(t->session))
        return -EINVAL;
    memcpy(t->session, session, strlen(session) + 1);
    int r = read_end(t, reterr);
    if (r < 0)
        return r;
    *ret = take(t);
    return 0;
}

void talk_free(own struct talk *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->waiting_count; i++)
        waiting_done(&t->waiting[i]);
    free(t);
}

int talk_add(struct talk *t, const char *kind, int64_t number, const char *call, struct str body,
             struct str bytes)
{
    if (t->waiting_count == WAITING_MAX) {
        int r = talk_flush(t, NULL);
        if (r < 0)
            return r;
    }
    if (body.len > TALK_BODY_MAX || bytes.len > TALK_BODY_MAX ||
        t->size + (int64_t)body.len + (int64_t)bytes.len > TALK_SESSION_MAX)
        return -FAULT_CAP;
    struct waiting *w = &t->waiting[t->waiting_count];
    *w = (struct waiting){.kind = kind, .number = number};
    buf_init(&w->body, TALK_BODY_MAX);
    buf_init(&w->bytes, TALK_BODY_MAX);
    int r = buf_add_str(&w->body, body);
    if (r == 0)
        r = buf_add_str(&w->bytes, bytes);
    if (r == 0 && call != NULL && (w->call = str_dup(str_of(call))) == NULL)
        r = -ENOMEM;
    if (r < 0) {
        waiting_done(w);
        return r;
    }
    t->waiting_count++;
    t->size += (int64_t)body.len + (int64_t)bytes.len;
    return 0;
}

static int insert(struct state *s, const char *session, int64_t seq, const struct talk_row *row,
                  struct fault *reterr)
{
    struct store_query *q = NULL;
    int r = store_query(s->store,
                        "INSERT INTO talk (session, seq, kind, number, call, size, body, bytes)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                        &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    store_bind_i64(q, 2, seq);
    store_bind_str(q, 3, row->kind);
    store_bind_i64(q, 4, row->number);
    store_bind_str(q, 5, row->call);
    store_bind_i64(q, 6, (int64_t)(row->body.len + row->bytes.len));
    store_bind_str(q, 7, row->body);
    store_bind_str(q, 8, row->bytes);
    return store_run(q, NULL, reterr);
}

int talk_flush(struct talk *t, struct fault *reterr)
{
    if (t->waiting_count == 0)
        return 0;
    int r = store_begin(t->state->store, STORE_LIGHT, reterr);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < t->waiting_count; i++) {
        const struct waiting *w = &t->waiting[i];
        const struct talk_row row = {
            .number = w->number,
            .kind = str_of(w->kind),
            .call = w->call != NULL ? str_of(w->call) : (struct str){NULL, 0},
            .body = buf_str(&w->body),
            .bytes = w->bytes.len > 0 ? buf_str(&w->bytes) : (struct str){NULL, 0},
        };
        r = insert(t->state, t->session, t->next_seq + (int64_t)i, &row, reterr);
    }
    if (r == 0)
        r = store_commit(t->state->store, reterr);
    else
        store_rollback(t->state->store);
    if (r < 0)
        return r;
    t->next_seq += (int64_t)t->waiting_count;
    for (size_t i = 0; i < t->waiting_count; i++)
        waiting_done(&t->waiting[i]);
    t->waiting_count = 0;
    return 0;
}

int talk_each(struct state *s, const char *session,
              int (*each)(const struct talk_row *row, void *arg), void *arg, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store,
                        "SELECT seq, number, kind, call, body, bytes FROM talk"
                        " WHERE session = ?1 ORDER BY seq",
                        &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    while ((r = store_next(q, reterr)) == STORE_ROW) {
        const struct talk_row row = {store_i64(q, 0), store_i64(q, 1), store_str(q, 2),
                                     store_str(q, 3), store_str(q, 4), store_str(q, 5)};
        if ((r = each(&row, arg)) != 0)
            return r;
    }
    return r;
}

int talk_result(struct state *s, const char *session, struct str call, struct buf *out,
                struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store,
                        "SELECT body FROM talk WHERE session = ?1 AND kind = 'result' AND call = ?2"
                        " ORDER BY seq LIMIT 1",
                        &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    store_bind_str(q, 2, call);
    r = store_next(q, reterr);
    if (r != STORE_ROW)
        return r < 0 ? r : TALK_ABSENT;
    return buf_add_str(out, store_str(q, 0));
}

int talk_copy(struct state *s, const char *from, const char *to, struct fault *reterr)
{
    struct store_query *q = NULL;
    int r = store_query(s->store,
                        "INSERT INTO talk (session, seq, kind, number, call, size, body, bytes)"
                        " SELECT ?2, seq, kind, number, call, size, body, bytes FROM talk"
                        " WHERE session = ?1 ORDER BY seq",
                        &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(from));
    store_bind_str(q, 2, str_of(to));
    return store_run(q, NULL, reterr);
}
