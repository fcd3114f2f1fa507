/* The taxonomy of faults as one table, and the sentence that is made once, where a fault starts.
 * Must never allocate: a fault is often about memory. */
#include "base/fault.h"

#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct fault_row {
    int code;
    int exit_code;
    const char *name;
    const char *sentence;
};

static const struct fault_row fault_rows[] = {
    {FAULT_USAGE, 2, "usage", "the command line is not right"},
    {FAULT_CONFIG, 2, "config", "a setting is not right"},
    {FAULT_INPUT, 2, "input", "the input does not parse"},
    {FAULT_SCHEMA, 2, "schema", "the arguments do not fit the schema"},
    {FAULT_MODULE, 2, "invalid_module", "this is not a module that can be run here"},
    {FAULT_POLICY, 3, "policy", "refused by policy"},
    {FAULT_BUDGET, 4, "budget", "the money budget does not reach"},
    {FAULT_LIMIT, 5, "limit", "a limit was reached"},
    {FAULT_MODEL, 6, "model", "the model service failed"},
    {FAULT_SANDBOX, 7, "sandbox", "the sandbox cannot be built as required"},
    {FAULT_GUEST, 8, "guest", "the guest failed by itself"},
    {FAULT_CANCELLED, 130, "cancelled", "cancelled"},
    {FAULT_PROTOCOL, 1, "protocol", "another program of ours broke the protocol"},
    {FAULT_PEER_GONE, 1, "peer_gone", "another program of ours has ended"},
    {FAULT_CORRUPT, 1, "corrupt", "stored state does not verify"},
    {FAULT_BUSY, 1, "busy", "another process holds it"},
    {FAULT_CAP, 5, "cap", "something grew to its maximum"},
};

/* clang-format off */
static const char *const errno_names[] = {
    [EPERM] = "eperm", [ENOENT] = "enoent", [ESRCH] = "esrch", [EINTR] = "eintr", [EIO] = "eio",
    [ENXIO] = "enxio", [E2BIG] = "e2big", [ENOEXEC] = "enoexec", [EBADF] = "ebadf",
    [ECHILD] = "echild", [EAGAIN] = "eagain", [ENOMEM] = "enomem", [EACCES] = "eacces",
    [EFAULT] = "efault", [ENOTBLK] = "enotblk", [EBUSY] = "ebusy", [EEXIST] = "eexist",
    [EXDEV] = "exdev", [ENODEV] = "enodev", [ENOTDIR] = "enotdir", [EISDIR] = "eisdir",
    [EINVAL] = "einval", [ENFILE] = "enfile", [EMFILE] = "emfile", [ENOTTY] = "enotty",
    [ETXTBSY] = "etxtbsy", [EFBIG] = "efbig", [ENOSPC] = "enospc", [ESPIPE] = "espipe",
    [EROFS] = "erofs", [EMLINK] = "emlink", [EPIPE] = "epipe", [EDOM] = "edom",
    [ERANGE] = "erange", [EDEADLK] = "edeadlk", [ENAMETOOLONG] = "enametoolong",
    [ENOLCK] = "enolck", [ENOSYS] = "enosys", [ENOTEMPTY] = "enotempty", [ELOOP] = "eloop",
    [ENOMSG] = "enomsg", [EIDRM] = "eidrm", [ECHRNG] = "echrng", [EL2NSYNC] = "el2nsync",
    [EL3HLT] = "el3hlt", [EL3RST] = "el3rst", [ELNRNG] = "elnrng", [EUNATCH] = "eunatch",
    [ENOCSI] = "enocsi", [EL2HLT] = "el2hlt", [EBADE] = "ebade", [EBADR] = "ebadr",
    [EXFULL] = "exfull", [ENOANO] = "enoano", [EBADRQC] = "ebadrqc", [EBADSLT] = "ebadslt",
    [EBFONT] = "ebfont", [ENOSTR] = "enostr", [ENODATA] = "enodata", [ETIME] = "etime",
    [ENOSR] = "enosr", [ENONET] = "enonet", [ENOPKG] = "enopkg", [EREMOTE] = "eremote",
    [ENOLINK] = "enolink", [EADV] = "eadv", [ESRMNT] = "esrmnt", [ECOMM] = "ecomm",
    [EPROTO] = "eproto", [EMULTIHOP] = "emultihop", [EDOTDOT] = "edotdot", [EBADMSG] = "ebadmsg",
    [EOVERFLOW] = "eoverflow", [ENOTUNIQ] = "enotuniq", [EBADFD] = "ebadfd", [EREMCHG] = "eremchg",
    [ELIBACC] = "elibacc", [ELIBBAD] = "elibbad", [ELIBSCN] = "elibscn", [ELIBMAX] = "elibmax",
    [ELIBEXEC] = "elibexec", [EILSEQ] = "eilseq", [ERESTART] = "erestart", [ESTRPIPE] = "estrpipe",
    [EUSERS] = "eusers", [ENOTSOCK] = "enotsock", [EDESTADDRREQ] = "edestaddrreq",
    [EMSGSIZE] = "emsgsize", [EPROTOTYPE] = "eprototype", [ENOPROTOOPT] = "enoprotoopt",
    [EPROTONOSUPPORT] = "eprotonosupport", [ESOCKTNOSUPPORT] = "esocktnosupport",
    [EOPNOTSUPP] = "eopnotsupp", [EPFNOSUPPORT] = "epfnosupport", [EAFNOSUPPORT] = "eafnosupport",
    [EADDRINUSE] = "eaddrinuse", [EADDRNOTAVAIL] = "eaddrnotavail", [ENETDOWN] = "enetdown",
    [ENETUNREACH] = "enetunreach", [ENETRESET] = "enetreset", [ECONNABORTED] = "econnaborted",
    [ECONNRESET] = "econnreset", [ENOBUFS] = "enobufs", [EISCONN] = "eisconn",
    [ENOTCONN] = "enotconn", [ESHUTDOWN] = "eshutdown", [ETOOMANYREFS] = "etoomanyrefs",
    [ETIMEDOUT] = "etimedout", [ECONNREFUSED] = "econnrefused", [EHOSTDOWN] = "ehostdown",
    [EHOSTUNREACH] = "ehostunreach", [EALREADY] = "ealready", [EINPROGRESS] = "einprogress",
    [ESTALE] = "estale", [EUCLEAN] = "euclean", [ENOTNAM] = "enotnam", [ENAVAIL] = "enavail",
    [EISNAM] = "eisnam", [EREMOTEIO] = "eremoteio", [EDQUOT] = "edquot", [ENOMEDIUM] = "enomedium",
    [EMEDIUMTYPE] = "emediumtype", [ECANCELED] = "ecanceled", [ENOKEY] = "enokey",
    [EKEYEXPIRED] = "ekeyexpired", [EKEYREVOKED] = "ekeyrevoked", [EKEYREJECTED] = "ekeyrejected",
    [EOWNERDEAD] = "eownerdead", [ENOTRECOVERABLE] = "enotrecoverable", [ERFKILL] = "erfkill", [EHWPOISON] = "ehwpoison",
};
/* clang-format on */

/* Callers give codes as they travel (negative) or as they are stored (positive). */
static int plain_code(int code)
{
    if (code == INT32_MIN)
        return INT32_MAX;
    return code < 0 ? -code : code;
}

static const struct fault_row *find_row(int code)
{
    size_t i = (size_t)plain_code(code) - FAULT_USAGE;
    return plain_code(code) >= FAULT_USAGE && i < ARRAY_LEN(fault_rows) ? &fault_rows[i] : NULL;
}

/* Copies text into a field of `size` bytes, cut where a character ends. A sentence is UTF-8 whatever it quotes: a "%.80s" may
 * have cut a character in the middle, and a name of the host may be any bytes; one ? stands for what is none. */
static void set_text(char *field, size_t size, struct str text)
{
    size_t used = 0;
    bool is_marked = false;
    while (text.len > 0 && used + 1 < size) {
        size_t valid = utf8_valid_prefix(text),
               len = valid < size - 1 - used ? valid : size - 1 - used;
        while (len > 0 && len < valid && ((unsigned char)text.at[len] & 0xC0) == 0x80)
            len--;
        memcpy(field + used, text.at, len);
        used += len;
        if (len < valid)
            break;
        is_marked = is_marked && len == 0;
        if (len < text.len && !is_marked && used + 1 < size) {
            field[used++] = '?';
            is_marked = true;
        }
        size_t over = len < text.len ? len + 1 : len;
        text = (struct str){text.at + over, text.len - over};
    }
    field[used] = '\0';
}

/* Room for the longest field twice, so that a prefix and a text meet before they are cut. All
 * printing goes through it: the arguments may point into the fault that is being written. */
struct draft {
    char text[sizeof(((struct fault *)0)->text) * 2];
    size_t len;
};

static void draft_addv(struct draft *d, const char *fmt, va_list args) printf_like(2, 0);
static void draft_addv(struct draft *d, const char *fmt, va_list args)
{
    int len = vsnprintf(d->text + d->len, sizeof(d->text) - d->len, fmt, args);
    if (len < 0) {
        d->text[d->len] = '\0';
        return;
    }
    size_t left = sizeof(d->text) - 1 - d->len;
    d->len += (size_t)len < left ? (size_t)len : left;
}

static void draft_add(struct draft *d, struct str s)
{
    size_t left = sizeof(d->text) - 1 - d->len;
    size_t len = s.len < left ? s.len : left;
    memcpy(d->text + d->len, s.at, len);
    d->len += len;
    d->text[d->len] = '\0';
}

static struct str draft_str(const struct draft *d)
{
    return (struct str){d->text, d->len};
}

int fault_set(struct fault *f, int code, const char *fmt, ...)
{
    struct draft d = {.len = 0};
    va_list args;
    if (f == NULL)
        return -plain_code(code);
    va_start(args, fmt);
    draft_addv(&d, fmt, args);
    va_end(args);
    f->code = plain_code(code);
    f->next[0] = '\0';
    set_text(f->text, sizeof(f->text), draft_str(&d));
    return -f->code;
}

int fault_sys(struct fault *f, int err, const char *fmt, ...)
{
    struct draft d = {.len = 0};
    va_list args;
    if (f == NULL)
        return -plain_code(err);
    va_start(args, fmt);
    draft_addv(&d, fmt, args);
    va_end(args);
    draft_add(&d, STR(": "));
    draft_add(&d, str_of(fault_sentence(err)));
    f->code = plain_code(err);
    f->next[0] = '\0';
    set_text(f->text, sizeof(f->text), draft_str(&d));
    return -f->code;
}

void fault_next(struct fault *f, const char *fmt, ...)
{
    struct draft d = {.len = 0};
    va_list args;
    if (f == NULL || f->code == 0)
        return;
    va_start(args, fmt);
    draft_addv(&d, fmt, args);
    va_end(args);
    set_text(f->next, sizeof(f->next), draft_str(&d));
}

void fault_prefix(struct fault *f, const char *fmt, ...)
{
    struct draft d = {.len = 0};
    va_list args;
    if (f == NULL || f->code == 0)
        return;
    va_start(args, fmt);
    draft_addv(&d, fmt, args);
    va_end(args);
    draft_add(&d, STR(": "));
    draft_add(&d, str_of(f->text));
    set_text(f->text, sizeof(f->text), draft_str(&d));
}

const char *fault_name(int code)
{
    const struct fault_row *row = find_row(code);
    size_t err = (size_t)plain_code(code);
    if (row != NULL)
        return row->name;
    if (err < ARRAY_LEN(errno_names) && errno_names[err] != NULL)
        return errno_names[err];
    return code == 0 ? "none" : "unknown";
}

const char *fault_sentence(int code)
{
    const struct fault_row *row = find_row(code);
    if (row != NULL)
        return row->sentence;
    /* The constant English text, not strerror(): no locale, no shared buffer. */
    const char *text = code == 0 ? "no fault" : strerrordesc_np(plain_code(code));
    return text != NULL ? text : "unknown fault";
}

int fault_exit_code(int code)
{
    const struct fault_row *row = find_row(code);
    if (row != NULL)
        return row->exit_code;
    if (plain_code(code) == ECANCELED)
        return 130;
    return code == 0 ? 0 : 1;
}
