/* Prepared statements: made once per literal, used again by its address. A statement that is in use
 * already (a loop inside a loop over the same text) is made a second time for that use only. */
#include "store/store_private.h"

#include <errno.h>

static int prepare(struct store *s, const char *sql, unsigned flags, sqlite3_stmt **ret,
                   struct fault *reterr)
{
    const char *rest = NULL;
    int code = sqlite3_prepare_v3(s->db, sql, -1, flags, ret, &rest);
    if (code != SQLITE_OK)
        return store_failed(s, code, "read", reterr);
    must(*ret != NULL && *rest == '\0'); /* one statement per literal */
    return 0;
}

static struct store_query *find_kept(struct store *s, const char *sql)
{
    for (size_t i = 0; i < s->kept_count; i++) {
        if (s->kept[i].sql == sql)
            return &s->kept[i];
    }
    return NULL;
}

int store_query(struct store *s, const char *sql, struct store_query **ret, struct fault *reterr)
{
    struct store_query *q = find_kept(s, sql);
    if (q != NULL && !q->is_used) {
        q->is_used = true;
        *ret = q;
        return 0;
    }
    bool is_kept = q == NULL && s->kept_count < STORE_STATEMENTS_MAX;
    sqlite3_stmt *stmt = NULL;
    int r = prepare(s, sql, is_kept ? SQLITE_PREPARE_PERSISTENT : 0, &stmt, reterr);
    if (r < 0)
        return r;
    if (is_kept) {
        q = &s->kept[s->kept_count++];
    } else {
        q = calloc(1, sizeof(*q));
        if (q == NULL) {
            (void)sqlite3_finalize(stmt);
            return fault_set(reterr, ENOMEM, "out of memory");
        }
    }
    *q = (struct store_query){
        .store = s, .stmt = stmt, .sql = sql, .is_used = true, .is_kept = is_kept};
    *ret = q;
    return 0;
}

static void note(struct store_query *q, int code)
{
    if (code != SQLITE_OK && q->error == SQLITE_OK)
        q->error = code;
}

void store_bind_i64(struct store_query *q, int parameter, int64_t value)
{
    note(q, sqlite3_bind_int64(q->stmt, parameter, value));
}

void store_bind_str(struct store_query *q, int parameter, struct str text)
{
    if (text.at == NULL)
        note(q, sqlite3_bind_null(q->stmt, parameter));
    else
        note(q, sqlite3_bind_text64(q->stmt, parameter, text.at, text.len, SQLITE_STATIC,
                                    SQLITE_UTF8));
}

void store_bind_null(struct store_query *q, int parameter)
{
    note(q, sqlite3_bind_null(q->stmt, parameter));
}

int store_next(struct store_query *q, struct fault *reterr)
{
    if (q->error != SQLITE_OK)
        return store_failed(q->store, q->error, "write to", reterr);
    int code = sqlite3_step(q->stmt);
    if (code == SQLITE_ROW)
        return STORE_ROW;
    if (code == SQLITE_DONE)
        return 0;
    return store_failed(q->store, code, sqlite3_stmt_readonly(q->stmt) ? "read" : "write to",
                        reterr);
}

int64_t store_i64(const struct store_query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

struct str store_str(const struct store_query *q, int column)
{
    const unsigned char *text = sqlite3_column_text(q->stmt, column);
    int len = sqlite3_column_bytes(q->stmt, column);
    return (struct str){(const char *)text, text != NULL && len > 0 ? (size_t)len : 0};
}

bool store_is_null(const struct store_query *q, int column)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

void store_end(struct store_query *q)
{
    if (q == NULL)
        return;
    if (!q->is_kept) {
        (void)sqlite3_finalize(q->stmt);
        free(q);
        return;
    }
    (void)sqlite3_reset(q->stmt);
    (void)sqlite3_clear_bindings(q->stmt);
    q->error = SQLITE_OK;
    q->is_used = false;
}

int store_run(struct store_query *q, int64_t *ret_changed, struct fault *reterr)
{
    struct store *s = q->store;
    int r = store_next(q, reterr);
    must(r != STORE_ROW);
    if (r == 0 && ret_changed != NULL)
        *ret_changed = sqlite3_changes64(s->db);
    store_end(q);
    return r;
}

void store_forget_statements(struct store *s)
{
    for (size_t i = 0; i < s->kept_count; i++)
        (void)sqlite3_finalize(s->kept[i].stmt);
    s->kept_count = 0;
}
