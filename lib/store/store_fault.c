/* From result codes of SQLite to faults with a sentence and a next step. The only place that decides
 * what a person reads when the store fails. Must never change the store. */
#include "store/store_private.h"

#include <errno.h>

static int damaged(const struct store *s, const char *doing, const char *why, struct fault *reterr)
{
    int r = fault_set(reterr, FAULT_CORRUPT,
                      "cannot %s the store %s: it is damaged (%s); nothing was changed", doing,
                      s->path, why);
    fault_next(reterr,
               "keep it (mv %.80s %.80s.damaged, with its -wal file), then start anew; "
               "the sqlite3 shell's .recover reads what is left",
               s->path, s->path);
    return r;
}

static int full(const struct store *s, const char *doing, int err, struct fault *reterr)
{
    int r = fault_sys(reterr, err, "cannot %s the store %s", doing, s->path);
    fault_next(reterr, "make room on its disk and try again; what was committed is kept");
    return r;
}

static int forbidden(const struct store *s, const char *doing, int err, struct fault *reterr)
{
    int r = fault_sys(reterr, err, "cannot %s the store %s", doing, s->path);
    fault_next(reterr,
               "make its folder writable for this user, or name another one in BOXAGNTS_STATE");
    return r;
}

/* An I/O error: what the kernel said is more than what SQLite makes of it. */
static int io_failed(const struct store *s, const char *doing, struct fault *reterr)
{
    int err = s->db ? sqlite3_system_errno(s->db) : EIO;
    if (err == ENOSPC || err == EDQUOT || err == EFBIG)
        return full(s, doing, err, reterr);
    if (err == EROFS || err == EACCES || err == EPERM)
        return forbidden(s, doing, err, reterr);
    int r = fault_sys(reterr, err > 0 ? err : EIO, "cannot %s the store %s (%s)", doing, s->path,
                      s->db ? sqlite3_errmsg(s->db) : "i/o error");
    fault_next(reterr, "look at the kernel's log for errors of its disk");
    return r;
}

int store_failed(const struct store *s, int code, const char *doing, struct fault *reterr)
{
    const char *message = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code);
    int err;
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return damaged(s, doing, message, reterr);
    case SQLITE_FULL: return full(s, doing, ENOSPC, reterr);
    case SQLITE_IOERR: return io_failed(s, doing, reterr);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        err = s->db ? sqlite3_system_errno(s->db) : 0;
        if (err == ENOSPC || err == EDQUOT || err == EFBIG)
            return full(s, doing, err, reterr);
        return forbidden(s, doing, err > 0 && err != ENOENT ? err : EROFS, reterr);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: {
        int r = fault_set(reterr, FAULT_BUSY,
                          "cannot %s the store %s: another process has kept it locked for 5 s",
                          doing, s->path);
        fault_next(reterr,
                   "see whether another boxagnts hangs or its disk is very slow, then try again");
        return r;
    }
    case SQLITE_NOMEM:
        return fault_set(reterr, ENOMEM, "cannot %s the store %s: out of memory", doing, s->path);
    case SQLITE_CONSTRAINT:
        return fault_set(reterr, EEXIST, "cannot %s the store %s: %s", doing, s->path, message);
    case SQLITE_TOOBIG:
        return fault_set(reterr, FAULT_CAP, "cannot %s the store %s: the value is too long", doing,
                         s->path);
    default: return fault_set(reterr, EIO, "cannot %s the store %s: %s", doing, s->path, message);
    }
}
