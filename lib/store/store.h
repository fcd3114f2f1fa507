/* One database behind a small face: open with schema steps, transactions of two weights, prepared
 * statements by their text. No type of a database library shows here, so that another database can
 * stand behind it; the SQL that callers write keeps to what SQLite and PostgreSQL share.
 *
 * Several processes may have the same store open. A write transaction takes the write lock at its
 * begin and waits at most 5 s for it (-FAULT_BUSY after that), so what it reads stays true until its
 * commit. A process that dies at any moment leaves the last committed state.
 *
 * A handle belongs to one process and one thread; it must not be used after a fork. While a store is
 * open, its file must not be opened and closed by other means in the same process: that would drop
 * the locks that this process holds (POSIX record locks). */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"

struct store;       /* opaque */
struct store_query; /* opaque; one prepared statement in use */

/* Step i brings a store of version i to version i + 1. Steps are only ever added at the end. */
struct store_step {
    const char *sql;
};

enum store_weight {
    STORE_LIGHT,   /* survives the death of this process; a power cut may take the last ones */
    STORE_DURABLE, /* on disk when the commit returns, with everything that was committed before it */
};

/* path is absolute, without links in it, and for this user only. Makes the file when it is missing.
 * A store that is damaged, made by a newer version, read-only or on a full disk: a sentence that
 * names it; nothing is changed then. */
must_use int store_open(const char *path, const struct store_step *steps, size_t step_count,
                        own struct store **ret, struct fault *reterr);
void store_free(own struct store *s);
DEFINE_FREEP(store, struct store);

/* --- transactions; they do not nest --- */
must_use int store_begin(struct store *s, enum store_weight weight, struct fault *reterr);
must_use int store_begin_read(struct store *s,
                              struct fault *reterr); /* one view of the data until the end */
must_use int store_commit(struct store *s,
                          struct fault *reterr); /* on failure all is rolled back */
void store_rollback(struct store *s);            /* no transaction: does nothing */
bool store_in_transaction(const struct store *s);

/* --- statements ---
 * sql is a literal: statements are kept by its address. Parameters are ?1, ?2... and columns count
 * from 0. Binding errors are kept and come out of the first store_next(). Bound texts are borrowed
 * until store_end(); texts that come out are valid until the next store_next() or store_end(). */
must_use int store_query(struct store *s, const char *sql, own struct store_query **ret,
                         struct fault *reterr);
void store_bind_i64(struct store_query *q, int parameter, int64_t value);
void store_bind_str(struct store_query *q, int parameter,
                    struct str text); /* at == NULL binds null */
void store_bind_null(struct store_query *q, int parameter);
enum { STORE_ROW = 1 };
must_use int store_next(struct store_query *q,
                        struct fault *reterr); /* STORE_ROW | 0 no more | fault */
int64_t store_i64(const struct store_query *q, int column);
struct str store_str(const struct store_query *q, int column); /* at == NULL for null */
bool store_is_null(const struct store_query *q, int column);
void store_end(own struct store_query *q); /* NULL is fine */
static inline void store_queryp(struct store_query **slot)
{
    store_end(*slot);
    *slot = NULL;
}
#define auto_query __attribute__((cleanup(store_queryp)))

/* Steps once and ends q; for statements that give no rows. *ret_changed may be NULL. */
must_use int store_run(own struct store_query *q, int64_t *ret_changed, struct fault *reterr);

/* --- health --- */
/* Reads every page. 0 whole | STORE_DAMAGED with the first complaint in ret_why. */
enum { STORE_DAMAGED = 1 };
must_use int store_check(struct store *s, size_t why_size, char *ret_why, struct fault *reterr);
/* Moves what was committed into the main file now; for idle moments. Failing to is not an error. */
void store_settle(struct store *s);
const char *store_path(const struct store *s);
