/* Sessions: one row each in the store, and a lock that lives exactly as long as the process that runs
 * it (flock on undo/<session>/lock). The lock, not the row, says whether a session is running: a row
 * that says "running" without a held lock belongs to a process that is gone, and becomes "lost". */
#include "host/state_private.h"

#include "host/journal_private.h"
#include "host/ledger_private.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROW                                                                                        \
    "id, status, started_ns, ended_ns, cost_pico, budget_pico, calls, turns, work_dir, model, prompt"

enum { PROMPT_KEPT = 64 << 10, RUNNING_MAX = 10000, CANDIDATES_SHOWN = 3 };

void session_row_done(struct session_row *r)
{
    free(r->work_dir);
    free(r->model);
    free(r->prompt);
    *r = (struct session_row){0};
}

static void copy_short(char *to, size_t size, struct str from)
{
    size_t len = from.len < size ? from.len : size - 1;
    if (len > 0)
        memcpy(to, from.at, len);
    to[len] = '\0';
}

static int read_row(const struct store_query *q, struct session_row *ret)
{
    struct session_row row = {
        .started_ns = store_i64(q, 2),
        .ended_ns = store_i64(q, 3),
        .cost_pico = store_i64(q, 4),
        .budget_pico = store_i64(q, 5),
        .calls = store_i64(q, 6),
        .turns = store_i64(q, 7),
    };
    copy_short(row.id, sizeof(row.id), store_str(q, 0));
    copy_short(row.status, sizeof(row.status), store_str(q, 1));
    row.work_dir = str_dup(store_str(q, 8));
    row.model = str_dup(store_str(q, 9));
    row.prompt = str_dup(store_str(q, 10));
    if (row.work_dir == NULL || row.model == NULL || row.prompt == NULL) {
        session_row_done(&row);
        return -ENOMEM;
    }
    *ret = row;
    return 0;
}

static int no_such(struct str wanted, struct fault *reterr)
{
    int r;
    if (wanted.len == 0 || str_is(wanted, "last"))
        r = fault_set(reterr, FAULT_USAGE, "there is no session yet");
    else
        r = fault_set(reterr, FAULT_USAGE, "no session begins with '%.*s'",
                      (int)(wanted.len < 64 ? wanted.len : 64), wanted.at);
    fault_next(reterr, "boxagnts session list");
    return r;
}

/* --- the lock --- */

int state_session_dir(struct state *s, const char *session, bool make, int *ret_fd,
                      struct fault *reterr)
{
    char name[STATE_NAME_SIZE];
    state_safe_name(session, name);
    int r = state_sub_dir(s->undo_fd, name, make, ret_fd);
    if (r < 0 && reterr != NULL)
        return fault_sys(reterr, -r, "cannot open %s/undo/%s", s->dir, name);
    return r;
}

static void write_owner(int lock_fd)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)os_pid());
    /* Only a hint for the sentence below: the lock itself is what counts. */
    if (n > 0 && os_write_all(lock_fd, (struct str){text, (size_t)n}) < 0)
        return;
}

static int busy(int lock_fd, const char *id, struct fault *reterr)
{
    char text[32];
    ssize_t n = os_pread(lock_fd, text, sizeof(text), 0);
    struct str pid = str_trim((struct str){text, n > 0 ? (size_t)n : 0});
    int64_t number = 0;
    int r;
    if (base_parse_i64(pid, 1, INT32_MAX, &number) == 0)
        r = fault_set(reterr, FAULT_BUSY, "session %s is in use by process %lld", id,
                      (long long)number);
    else
        r = fault_set(reterr, FAULT_BUSY, "session %s is in use by another process", id);
    fault_next(reterr, "wait for it to end, or end it; a new session runs beside it: boxagnts run");
    return r;
}

static int take_lock(struct state *s, const char *id, int *ret_lock_fd, struct fault *reterr)
{
    auto_close int dir_fd = -1;
    int r = state_session_dir(s, id, true, &dir_fd, reterr);
    if (r < 0)
        return r;
    auto_close int probe = os_open_at(dir_fd, "lock", O_RDWR | O_CREAT, 0600, OS_NO_LINKS);
    if (probe < 0)
        return fault_sys(reterr, -probe, "cannot open the lock of session %s", id);
    r = os_lock_exclusive(probe);
    if (r == 1)
        return busy(probe, id, reterr);
    if (r < 0)
        return fault_sys(reterr, -r, "cannot lock session %s", id);
    auto_close int writer = os_open_at(dir_fd, "lock", O_WRONLY | O_TRUNC, 0, OS_NO_LINKS);
    if (writer >= 0)
        write_owner(writer);
    *ret_lock_fd = take_fd(&probe);
    return 0;
}

int session_lock(struct state *s, const char *id, int *ret_lock_fd, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store, "SELECT 1 FROM session WHERE id = ?1", &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(id));
    r = store_next(q, reterr);
    if (r == 0)
        return no_such(str_of(id), reterr);
    return r < 0 ? r : take_lock(s, id, ret_lock_fd, reterr);
}

/* True when no living process has the session. Leaves nothing locked. */
static bool is_ownerless(struct state *s, const char *id)
{
    auto_close int dir_fd = -1;
    if (state_session_dir(s, id, false, &dir_fd, NULL) < 0)
        return true;
    auto_close int fd = os_open_at(dir_fd, "lock", O_RDWR, 0, OS_NO_LINKS);
    return fd < 0 || os_lock_exclusive(fd) == 0;
}

/* --- begin and end --- */

static void make_id(char ret[SESSION_ID_SIZE])
{
    time_t seconds = (time_t)(os_now_real_ns() / OS_NS_PER_S);
    uint8_t noise[3];
    struct tm tm;
    os_random(noise, sizeof(noise));
    if (gmtime_r(&seconds, &tm) == NULL)
        tm = (struct tm){.tm_mday = 1};
    size_t n = strftime(ret, SESSION_ID_SIZE, "%Y%m%d-%H%M%S-", &tm);
    hex_encode(noise, sizeof(noise), ret + n);
}

static int insert_row(struct state *s, const char *id, const char *work_dir, const char *model,
                      struct str prompt, int64_t budget_pico, struct fault *reterr)
{
    struct store_query *q = NULL;
    int r = store_query(s->store,
                        "INSERT INTO session (" ROW
                        ", first_seq) VALUES (?1, 'running', ?2, 0, 0, ?3, 0, 0,"
                        " ?4, ?5, ?6, (SELECT coalesce(max(seq), 0) + 1 FROM journal))",
                        &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(id));
    store_bind_i64(q, 2, os_now_real_ns());
    store_bind_i64(q, 3, budget_pico);
    store_bind_str(q, 4, str_of(work_dir ? work_dir : ""));
    store_bind_str(q, 5, str_of(model ? model : ""));
    store_bind_str(q, 6, prompt);
    return store_run(q, NULL, reterr);
}

static int note_in_journal(struct state *s, const char *id, json_t *body, struct fault *reterr)
{
    if (body == NULL)
        return state_no_memory(reterr);
    int r = journal_put(s, id, NULL, "session", body, reterr);
    json_decref(body);
    return r;
}

/* Everything that makes a session known, in one durable transaction. */
static int record_begin(struct state *s, const char *id, const char *work_dir, const char *model,
                        const char *prompt, int64_t budget_pico, struct fault *reterr)
{
    struct str kept = str_of(prompt ? prompt : "");
    if (kept.len > PROMPT_KEPT)
        kept.len = PROMPT_KEPT;
    kept.len = utf8_valid_prefix(kept);
    int r = store_begin(s->store, STORE_DURABLE, reterr);
    if (r < 0)
        return r;
    r = insert_row(s, id, work_dir, model, kept, budget_pico, reterr);
    if (r == 0)
        r = ledger_put(s, id, budget_pico, reterr);
    if (r == 0)
        r = note_in_journal(s, id,
                            json_pack("{s:s, s:o, s:s, s:I}", "event", "begin", "work_dir",
                                      json_string_lossy(str_of(work_dir ? work_dir : "")), "model",
                                      model ? model : "", "budget_pico", (json_int_t)budget_pico),
                            reterr);
    if (r == 0)
        return store_commit(s->store, reterr);
    store_rollback(s->store);
    return r;
}

int session_begin(struct state *s, const char *work_dir, const char *model, const char *prompt,
                  int64_t budget_pico, char ret_id[SESSION_ID_SIZE], int *ret_lock_fd,
                  struct fault *reterr)
{
    char id[SESSION_ID_SIZE];
    auto_close int lock_fd = -1;
    auto_close int dir_fd = -1;
    static const char *const parts[] = {"work", "seal", "sealed"};
    make_id(id);
    /* The lock is taken before the row exists: no other process can find the row and not the lock. */
    int r = take_lock(s, id, &lock_fd, reterr);
    if (r == 0)
        r = state_session_dir(s, id, true, &dir_fd, reterr);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
        int made = os_mkdir_at(dir_fd, parts[i], 0700);
        if (made < 0)
            r = fault_sys(reterr, -made, "cannot make %s/undo/%s/%s", s->dir, id, parts[i]);
    }
    if (r == 0)
        r = record_begin(s, id, work_dir, model, prompt, budget_pico, reterr);
    if (r < 0) {
        if (os_remove_tree(s->undo_fd, id) < 0)
            return r; /* the first fault is the one to tell */
        return r;
    }
    memcpy(ret_id, id, sizeof(id));
    *ret_lock_fd = take_fd(&lock_fd);
    return 0;
}

static int set_status(struct state *s, const char *id, const char *status, bool is_end,
                      struct fault *reterr)
{
    struct store_query *q = NULL;
    int64_t changed = 0;
    int r = store_query(s->store, "UPDATE session SET status = ?2, ended_ns = ?3 WHERE id = ?1", &q,
                        reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(id));
    store_bind_str(q, 2, str_of(status));
    store_bind_i64(q, 3, is_end ? os_now_real_ns() : 0);
    r = store_run(q, &changed, reterr);
    return r == 0 && changed != 1 ? fault_set(reterr, FAULT_USAGE, "there is no session %s", id)
                                  : r;
}

static int record_end(struct state *s, const char *id, const char *status, int64_t cost_pico,
                      int64_t calls, int64_t turns, struct fault *reterr)
{
    struct store_query *q = NULL;
    int r = set_status(s, id, status, true, reterr);
    if (r == 0)
        r = store_query(s->store,
                        "UPDATE session SET cost_pico = ?2, calls = ?3, turns = ?4 WHERE id = ?1",
                        &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(id));
    store_bind_i64(q, 2, cost_pico);
    store_bind_i64(q, 3, calls);
    store_bind_i64(q, 4, turns);
    r = store_run(q, NULL, reterr);
    if (r < 0)
        return r;
    return note_in_journal(s, id,
                           json_pack("{s:s, s:s, s:I, s:I, s:I}", "event", "end", "status", status,
                                     "cost_pico", (json_int_t)cost_pico, "calls", (json_int_t)calls,
                                     "turns", (json_int_t)turns),
                           reterr);
}

/* The last word about a session is signed: from here on nothing of it can be cut off unseen by who
 * keeps that head. */
static int sign_end(struct state *s, const char *id, int r, struct fault *reterr)
{
    return r < 0 ? r : journal_sign_row(s, JOURNAL_WHY_END, id, reterr);
}

int session_end(struct state *s, const char *id, const char *status, int64_t cost_pico,
                int64_t calls, int64_t turns)
{
    int r = store_begin(s->store, STORE_DURABLE, NULL);
    if (r < 0)
        return r;
    r = sign_end(s, id, record_end(s, id, status, cost_pico, calls, turns, NULL), NULL);
    if (r == 0)
        return store_commit(s->store, NULL);
    store_rollback(s->store);
    return r;
}

int session_resume(struct state *s, const char *id, int *ret_lock_fd, struct fault *reterr)
{
    auto_close int lock_fd = -1;
    int r = session_lock(s, id, &lock_fd, reterr);
    if (r == 0)
        r = store_begin(s->store, STORE_DURABLE, reterr);
    if (r < 0)
        return r;
    r = set_status(s, id, "running", false, reterr);
    if (r == 0)
        r = note_in_journal(s, id, json_pack("{s:s}", "event", "resume"), reterr);
    if (r == 0)
        r = store_commit(s->store, reterr);
    else
        store_rollback(s->store);
    if (r == 0)
        *ret_lock_fd = take_fd(&lock_fd);
    return r;
}

/* --- find --- */

static int ambiguous(struct store_query *q, struct str wanted, const char *first,
                     struct fault *reterr)
{
    char names[CANDIDATES_SHOWN * (SESSION_ID_SIZE + 2)] = "";
    size_t len = (size_t)snprintf(names, sizeof(names), "%s", first);
    int shown = 1, r = STORE_ROW;
    for (; r == STORE_ROW && shown < CANDIDATES_SHOWN; shown++) {
        struct str id = store_str(q, 0);
        len +=
            (size_t)snprintf(names + len, sizeof(names) - len, ", %.*s",
                             (int)(id.len < SESSION_ID_SIZE ? id.len : SESSION_ID_SIZE - 1), id.at);
        r = store_next(q, NULL);
    }
    r = fault_set(reterr, FAULT_USAGE, "'%.*s' is the beginning of more than one session: %s%s",
                  (int)(wanted.len < 64 ? wanted.len : 64), wanted.at, names,
                  r == STORE_ROW ? ", ..." : "");
    fault_next(reterr, "give more of the id");
    return r;
}

int session_find(struct state *s, struct str wanted, struct session_row *ret, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    struct session_row row = {0};
    bool is_last = str_is(wanted, "last");
    if (wanted.len == 0)
        return no_such(wanted, reterr);
    int r = is_last ? store_query(s->store,
                                  "SELECT " ROW
                                  " FROM session ORDER BY started_ns DESC, id DESC LIMIT 1",
                                  &q, reterr)
                    : store_query(s->store,
                                  "SELECT " ROW " FROM session WHERE substr(id, 1, length(?1)) = ?1"
                                  " ORDER BY length(id) > length(?1), started_ns DESC",
                                  &q, reterr);
    if (r < 0)
        return r;
    if (!is_last)
        store_bind_str(q, 1, wanted);
    r = store_next(q, reterr);
    if (r <= 0)
        return r < 0 ? r : no_such(wanted, reterr);
    r = read_row(q, &row);
    if (r < 0)
        return state_no_memory(reterr);
    if (!str_is(wanted, row.id)) {
        r = store_next(q, reterr);
        if (r == STORE_ROW)
            r = ambiguous(q, wanted, row.id, reterr);
    }
    if (r < 0) {
        session_row_done(&row);
        return r;
    }
    *ret = row;
    return 0;
}

int session_each(struct state *s, size_t max, int (*each)(const struct session_row *r, void *arg),
                 void *arg)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store, "SELECT " ROW " FROM session ORDER BY started_ns DESC, id DESC",
                        &q, NULL);
    if (r < 0)
        return r;
    for (size_t i = 0; i < max && (r = store_next(q, NULL)) == STORE_ROW; i++) {
        struct session_row row;
        r = read_row(q, &row);
        if (r < 0)
            return r;
        r = each(&row, arg);
        session_row_done(&row);
        if (r != 0)
            return r;
    }
    return r < 0 ? r : 0;
}

/* --- recover and delete --- */

/* The ids are read first and the rows written after, so that the common case (none) takes no lock. */
static int list_ownerless(struct state *s, json_t *ids, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store, "SELECT id FROM session WHERE status = 'running' LIMIT ?1", &q,
                        reterr);
    if (r < 0)
        return r;
    store_bind_i64(q, 1, RUNNING_MAX);
    while ((r = store_next(q, reterr)) == STORE_ROW) {
        char id[SESSION_ID_SIZE];
        copy_short(id, sizeof(id), store_str(q, 0));
        if (is_ownerless(s, id) && json_array_append_new(ids, json_string(id)) < 0)
            return state_no_memory(reterr);
    }
    return r;
}

static int is_still_running(struct state *s, const char *id, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store, "SELECT 1 FROM session WHERE id = ?1 AND status = 'running'", &q,
                        reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(id));
    return store_next(q, reterr);
}

/* Records of ours that were being written when the process died. */
static void sweep_records(struct state *s, const char *id)
{
    auto_close int dir_fd = -1;
    auto_close int seal_fd = -1;
    if (state_session_dir(s, id, false, &dir_fd, NULL) == 0 &&
        state_sub_dir(dir_fd, "seal", false, &seal_fd) == 0 && os_sweep_temporary(seal_fd) < 0)
        return; /* they do no harm */
}

static int mark_lost(struct state *s, const json_t *ids, struct fault *reterr)
{
    size_t i;
    const json_t *id;
    json_array_foreach(ids, i, id)
    {
        const char *text = json_string_value(id);
        int r = is_still_running(s, text, reterr); /* another process may have been first */
        if (r < 0)
            return r;
        if (r != STORE_ROW || !is_ownerless(s, text))
            continue;
        sweep_records(s, text);
        r = set_status(s, text, "lost", true, reterr);
        if (r == 0)
            r = note_in_journal(s, text, json_pack("{s:s}", "event", "lost"), reterr);
        r = sign_end(s, text, r, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

int session_recover(struct state *s, struct fault *reterr)
{
    auto_json json_t *ids = json_array();
    if (ids == NULL)
        return state_no_memory(reterr);
    int r = list_ownerless(s, ids, reterr);
    if (r < 0 || json_array_size(ids) == 0)
        return r;
    r = store_begin(s->store, STORE_DURABLE, reterr);
    if (r < 0)
        return r;
    r = mark_lost(s, ids, reterr);
    if (r == 0)
        r = ledger_settle_dead(s, reterr);
    if (r == 0)
        return store_commit(s->store, reterr);
    store_rollback(s->store);
    return r;
}

static int run_for(struct state *s, const char *sql, const char *id, struct fault *reterr)
{
    struct store_query *q = NULL;
    int r = store_query(s->store, sql, &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(id));
    return store_run(q, NULL, reterr);
}

static int forget_money(struct state *s, const char *id, struct fault *reterr)
{
    int r = ledger_forget(s, id);
    return r < 0 ? fault_set(reterr, -r, "cannot forget the money of session %s: %s", id,
                             fault_sentence(r))
                 : 0;
}

int session_delete(struct state *s, const char *id, struct fault *reterr)
{
    char name[STATE_NAME_SIZE];
    auto_close int lock_fd = -1;
    int r = session_lock(s, id, &lock_fd, reterr);
    if (r == 0)
        r = store_begin(s->store, STORE_DURABLE, reterr);
    if (r < 0)
        return r;
    r = run_for(s, "DELETE FROM session WHERE id = ?1", id, reterr);
    if (r == 0)
        r = forget_money(s, id, reterr);
    if (r == 0)
        r = note_in_journal(s, id, json_pack("{s:s}", "event", "delete"), reterr);
    if (r == 0)
        r = store_commit(s->store, reterr);
    else
        store_rollback(s->store);
    if (r < 0)
        return r;
    state_safe_name(id, name);
    r = os_remove_tree(s->undo_fd, name);
    return r < 0 && r != -ENOENT ? fault_sys(reterr, -r, "cannot remove %s/undo/%s", s->dir, name)
                                 : 0;
}
