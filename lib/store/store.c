/* The connection: how the file is opened, which safety it is held to, its schema steps, and its
 * transactions. SQLite in WAL mode: readers never wait, one writer at a time, and a commit is in the
 * kernel's hands when it returns, so the death of this process loses nothing.
 *
 * The two weights share one connection, whose `synchronous` is set before a transaction when the
 * weight changes. Two connections would each throw away their page cache whenever the other one has
 * written, which costs several times the pragma (tests/bench/bench_journal.c measures it). */
#include "os/fd.h"
#include "os/file.h"
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { BUSY_MS = 5000, RETRY_MS = 25 };

int store_exec(struct store *s, const char *sql, const char *doing, struct fault *reterr)
{
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : store_failed(s, code, doing, reterr);
}

/* The file is made here, private from its first moment; SQLite gives its side files the same mode.
 * O_EXCL: a file that exists is never opened and closed by us (see the head of store.h). */
static int make_file(const struct store *s, struct fault *reterr)
{
    auto_close int fd = os_open_trusted(s->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd >= 0 || fd == -EEXIST)
        return 0;
    int r = fault_sys(reterr, -fd, "cannot make the store %s", s->path);
    if (fd == -ENOSPC || fd == -EDQUOT)
        fault_next(reterr, "make room on its disk and try again");
    else
        fault_next(reterr,
                   "make its folder writable for this user, or name another one in BOXAGNTS_STATE");
    return r;
}

/* Changing to WAL needs the file alone for a moment, and SQLite does not wait for that by itself. */
static int set_wal(struct store *s, struct fault *reterr)
{
    for (int waited_ms = 0;; waited_ms += RETRY_MS) {
        int code = sqlite3_exec(s->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if (code == SQLITE_OK)
            return 0;
        if ((code & 0xff) != SQLITE_BUSY || waited_ms >= BUSY_MS)
            return store_failed(s, code, "open", reterr);
        (void)sqlite3_sleep(RETRY_MS);
    }
}

static int configure(struct store *s, struct fault *reterr)
{
    int persist = 1;
    (void)sqlite3_extended_result_codes(s->db, 1);
    (void)sqlite3_busy_timeout(s->db, BUSY_MS);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    (void)sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
    int r = store_exec(s,
                       "PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
                       "PRAGMA temp_store=MEMORY; PRAGMA synchronous=FULL; PRAGMA cache_size=-4096",
                       "open", reterr);
    if (r == 0)
        r = set_wal(s, reterr);
    if (r == 0)
        r = store_exec(s, "PRAGMA journal_size_limit=16777216; PRAGMA wal_autocheckpoint=2000",
                       "open", reterr);
    /* The side file stays when the last process closes: making it again costs two syncs at each start. */
    if (r == 0)
        (void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    s->weight = STORE_DURABLE;
    return r;
}

static int read_version(struct store *s, int64_t *ret, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s, "PRAGMA user_version", &q, reterr);
    if (r == 0)
        r = store_next(q, reterr);
    if (r < 0)
        return r;
    *ret = store_i64(q, 0);
    return 0;
}

static int run_step(struct store *s, const struct store_step *step, int64_t version,
                    struct fault *reterr)
{
    char set_version[64];
    (void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version=%lld",
                   (long long)version);
    int r = store_exec(s, step->sql, "bring up to date", reterr);
    if (r == 0)
        r = store_exec(s, set_version, "bring up to date", reterr);
    return r;
}

static int check_version(const struct store *s, int64_t version, size_t newest,
                         struct fault *reterr)
{
    if (version >= 0 && (uint64_t)version <= newest)
        return 0;
    int r = fault_set(reterr, FAULT_CONFIG,
                      "the store %s has schema version %lld, this program knows up to %zu", s->path,
                      (long long)version, newest);
    fault_next(reterr, "use the boxagnts that made it or a newer one; nothing was changed");
    return r;
}

/* All missing steps in one transaction: another process sees the old schema or the new one. The
 * version is read again inside, because another process may have been first. */
static int bring_up_to_date(struct store *s, const struct store_step *steps, size_t count,
                            struct fault *reterr)
{
    int64_t version = 0;
    int r = read_version(s, &version, reterr);
    if (r == 0)
        r = check_version(s, version, count, reterr);
    if (r < 0 || (uint64_t)version == count)
        return r;
    r = store_begin(s, STORE_DURABLE, reterr);
    if (r < 0)
        return r;
    r = read_version(s, &version, reterr);
    if (r == 0)
        r = check_version(s, version, count, reterr);
    for (; r == 0 && (uint64_t)version < count; version++)
        r = run_step(s, &steps[version], version + 1, reterr);
    if (r == 0)
        return store_commit(s, reterr);
    store_rollback(s);
    return r;
}

static struct store *new_store(const char *path)
{
    struct store *s = calloc(1, sizeof(*s));
    if (s != NULL && (s->path = str_dup(str_of(path))) == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

int store_open(const char *path, const struct store_step *steps, size_t step_count,
               struct store **ret, struct fault *reterr)
{
    auto_(store) struct store *s = new_store(path);
    if (s == NULL)
        return fault_set(reterr, ENOMEM, "out of memory");
    int r = make_file(s, reterr);
    if (r < 0)
        return r;
    int code = sqlite3_open_v2(
        path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE,
        NULL);
    if (code != SQLITE_OK)
        return store_failed(s, code, "open", reterr);
    r = configure(s, reterr);
    if (r == 0)
        r = bring_up_to_date(s, steps, step_count, reterr);
    if (r < 0)
        return r;
    *ret = take(s);
    return 0;
}

void store_free(struct store *s)
{
    if (s == NULL)
        return;
    store_forget_statements(s);
    (void)sqlite3_close(s->db);
    free(s->path);
    free(s);
}

/* The pragma works while it is compiled, so it cannot be a prepared statement. */
static int set_weight(struct store *s, enum store_weight weight, struct fault *reterr)
{
    if (s->weight == (int)weight)
        return 0;
    int r = store_exec(
        s, weight == STORE_DURABLE ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
        "write to", reterr);
    s->weight = r == 0 ? (int)weight : -1;
    return r;
}

static int run_literal(struct store *s, const char *sql, struct fault *reterr)
{
    struct store_query *q = NULL;
    int r = store_query(s, sql, &q, reterr);
    return r < 0 ? r : store_run(q, NULL, reterr);
}

int store_begin(struct store *s, enum store_weight weight, struct fault *reterr)
{
    must(!store_in_transaction(s));
    int r = set_weight(s, weight, reterr);
    return r < 0 ? r : run_literal(s, "BEGIN IMMEDIATE", reterr);
}

int store_begin_read(struct store *s, struct fault *reterr)
{
    must(!store_in_transaction(s));
    return run_literal(s, "BEGIN DEFERRED", reterr);
}

int store_commit(struct store *s, struct fault *reterr)
{
    int r = run_literal(s, "COMMIT", reterr);
    if (r < 0)
        store_rollback(s);
    return r;
}

void store_rollback(struct store *s)
{
    /* After some errors SQLite has rolled back by itself. */
    if (store_in_transaction(s))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

bool store_in_transaction(const struct store *s)
{
    return sqlite3_get_autocommit(s->db) == 0;
}

int store_check(struct store *s, size_t why_size, char *ret_why, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s, "PRAGMA integrity_check(1)", &q, reterr);
    if (r == 0)
        r = store_next(q, reterr);
    if (r == -FAULT_CORRUPT) {
        (void)snprintf(ret_why, why_size, "%s", sqlite3_errmsg(s->db));
        return STORE_DAMAGED;
    }
    if (r < 0)
        return r;
    struct str why = store_str(q, 0);
    if (r == STORE_ROW && str_is(why, "ok"))
        return 0;
    (void)snprintf(ret_why, why_size, "%.*s", STR_FMT(why));
    return STORE_DAMAGED;
}

void store_settle(struct store *s)
{
    if (!store_in_transaction(s))
        (void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

const char *store_path(const struct store *s)
{
    return s->path;
}
