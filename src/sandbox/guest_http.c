/* See guest_http.h. The guest is hostile: every pointer and length is held against its memory before use, a request is
 * taken apart here so that nothing but a method, a URL and whole header lines leaves, and each wait ends with the call. */
#include "sandbox/guest_http.h"

#include "base/buf.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Beside -errno and -WASI_NOTCAPABLE: the run ends. */
enum { STOP_DEADLINE = 4001, STOP_CANCEL };

#define http_args const uint64_t *a

void guest_http_done(struct guest_http *h)
{
    http_client_free(take(h->client));
}

static int refuse(struct guest_http *h, int error, const char *why)
{
    snprintf(h->why, sizeof h->why, "%s", why);
    return -error;
}

/* What the client says -> what the guest hears. `broken`: the errno of a request that failed at this point. */
static int answer_of(struct guest_http *h, int result, int broken)
{
    static const int errors[] = {[HTTP_DENIED] = EACCES,
                                 [HTTP_QUOTA] = EDQUOT,
                                 [HTTP_BAD] = EINVAL,
                                 [HTTP_TIMEOUT] = ETIMEDOUT,
                                 [HTTP_CANCELLED] = ECANCELED};
    if (result == HTTP_OK)
        return 0;
    if (result == HTTP_TIMEOUT && os_now_mono_ns() >= h->deadline_ns)
        return -STOP_DEADLINE;
    if (result == HTTP_CANCELLED && h->is_cancelled && h->is_cancelled(h->arg))
        return -STOP_CANCEL;
    int error = EIO; /* the channel is gone: no request will pass any more */
    if (result == HTTP_FAILED)
        error = broken;
    else if (result > 0 && (size_t)result < ARRAY_LEN(errors))
        error = errors[result];
    return refuse(h, error, http_client_why(h->client));
}

/* --- the guest's arguments --- */

static bool guest_bytes(struct wasi_memory m, uint64_t at, uint64_t len, struct str *ret)
{
    const uint8_t *bytes = guest_at(m, (uint32_t)at, len);
    *ret = (struct str){(const char *)bytes, (size_t)len};
    return bytes != NULL;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c && strchr("!#$%&'*+-.^_`|~", c))))
            return false;
    }
    return s.len > 0;
}

enum { NO_CONTROL = ' ' };
/* allowed: the one control character that is fine, or NO_CONTROL. */
static bool has_control(struct str s, char allowed)
{
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.at[i] < 0x20 && s.at[i] != allowed) || s.at[i] == 0x7f)
            return true;
    return false;
}

/* "Name: value\n" lines, the last newline may be missing. A line is one header or the request is refused: what could be
 * read as two here and as one behind us does not leave. */
static int take_fields(struct guest_http *h, struct str lines, struct http_field *ret,
                       size_t *ret_count)
{
    size_t count = 0;
    while (lines.len > 0) {
        struct str line = lines, rest = {lines.at + lines.len, 0}, name, value;
        (void)str_split(lines, '\n', &line, &rest);
        lines = rest;
        if (count == HTTP_FIELDS_MAX)
            return refuse(h, EINVAL, "more than 64 headers");
        if (!str_split(line, ':', &name, &value) || !is_token(name) || has_control(value, '\t'))
            return refuse(h, EINVAL, "a header is not a line of the form Name: value");
        ret[count++] = (struct http_field){name, str_trim(value)};
    }
    *ret_count = count;
    return 0;
}

/* Scheme, host and port of what was asked for, for the receipt: no user name and nothing of the path, which may be a
 * secret. */
static void note_refused(struct guest_http *h, struct str url)
{
    char target[GUEST_HTTP_TARGET_MAX];
    size_t len = 0, from = 0;
    for (size_t i = 0; i + 2 < url.len && i < 16 && from == 0; i++)
        if (memcmp(url.at + i, "://", 3) == 0)
            from = i + 3;
    for (size_t i = 0; i < url.len && len + 1 < sizeof target; i++) {
        char c = url.at[i];
        if (i >= from && strchr("/?#", c))
            break;
        if (i >= from && c == '@')
            len = from;
        else
            target[len++] = c;
        if ((unsigned char)c <= 0x20 || (unsigned char)c >= 0x7f)
            target[len - 1] = '?';
    }
    target[len] = '\0';
    for (size_t i = 0; i < h->refused_count; i++)
        if (strcmp(h->refused[i], target) == 0)
            return;
    if (h->refused_count < GUEST_HTTP_REFUSALS_MAX)
        memcpy(h->refused[h->refused_count++], target, len + 1);
}

static int need_grant(struct guest_http *h)
{
    return h->fd >= 0 ? 0 : refuse(h, WASI_NOTCAPABLE, "no host is granted to this call");
}

static int need_handle(struct guest_http *h, uint64_t handle)
{
    int r = need_grant(h);
    if (r == 0 && (handle == 0 || handle != h->handle))
        r = refuse(h, EBADF, "no request is open under this number");
    return r;
}

/* Text that does not fit is cut; its whole length is told, so that the guest can ask again. */
static int give_text(struct wasi_memory m, struct str text, uint64_t at, uint64_t cap,
                     uint64_t ret_len)
{
    uint8_t *to = guest_at(m, (uint32_t)at, cap), *len = guest_at(m, (uint32_t)ret_len, 4);
    if (!to || !len)
        return -EFAULT;
    if (text.len > 0)
        memcpy(to, text.at, text.len < cap ? text.len : (size_t)cap);
    put_u32(len, (uint32_t)text.len);
    return 0;
}

/* --- the calls --- */

static int need_client(struct guest_http *h)
{
    int fd;
    if (h->client)
        return 0;
    int r = os_dup(h->fd, 3, &fd);
    if (r == 0)
        r = http_client_new(fd, h->cancel_fd, &h->client);
    return r < 0 ? refuse(h, EIO, "the channel to the network cannot be opened") : 0;
}

static int begin(struct guest_http *h, const struct http_ask *ask)
{
    if (!is_token(ask->method) || ask->method.len > 32)
        return refuse(h, EINVAL, "the method is not a word of at most 32 letters");
    if (ask->url.len == 0 || ask->url.len > HTTP_URL_MAX || has_control(ask->url, NO_CONTROL) ||
        memchr(ask->url.at, ' ', ask->url.len))
        return refuse(
            h, EINVAL,
            "the URL is empty, longer than 8192 bytes, or has blanks or control characters in it");
    if (ask->redirects > HTTP_REDIRECTS_MAX)
        return refuse(h, EINVAL, "more than 10 redirects");
    int r = need_client(h);
    return r == 0 ? answer_of(h, http_client_begin(h->client, ask, h->deadline_ns), EHOSTUNREACH)
                  : r;
}

static int call_request(struct guest_http *h, struct wasi_memory m, http_args)
{
    struct http_field fields[HTTP_FIELDS_MAX];
    struct http_ask ask = {.fields = fields,
                           .redirects = a[7] <= UINT32_MAX ? (unsigned)a[7] : UINT32_MAX};
    struct str lines;
    uint8_t *ret_handle = guest_at(m, (uint32_t)a[8], 4);
    if (!guest_bytes(m, a[0], a[1], &ask.method) || !guest_bytes(m, a[2], a[3], &ask.url) ||
        !guest_bytes(m, a[4], a[5], &lines) || !ret_handle)
        return refuse(h, EFAULT, "a pointer or a length leads out of the memory");
    int r = need_grant(h);
    if (r < 0) {
        note_refused(h, ask.url);
        return r;
    }
    if (h->handle != 0)
        return refuse(h, EMFILE, "a request is open: close it first");
    ask.body_size = (int64_t)a[6];
    ask.has_body = ask.body_size != 0;
    if (ask.body_size < -1)
        return refuse(h, EINVAL, "the size of the body is below -1");
    if (lines.len > HTTP_FIELDS_SIZE_MAX * 2)
        return refuse(h, EINVAL, "the headers are too long");
    r = take_fields(h, lines, fields, &ask.field_count);
    if (r == 0)
        r = begin(h, &ask);
    if (r < 0) {
        if (h->client)
            http_client_close(h->client);
        return r;
    }
    /* The count cannot come round: each took a message to another program, and a run has a deadline. */
    must(h->last_handle < UINT32_MAX);
    h->handle = ++h->last_handle;
    put_u32(ret_handle, h->handle);
    return 0;
}

static int call_write(struct guest_http *h, struct wasi_memory m, http_args)
{
    struct str bytes;
    int r = need_handle(h, a[0]);
    if (r < 0)
        return r;
    if (!guest_bytes(m, a[1], a[2], &bytes))
        return refuse(h, EFAULT, "a pointer or a length leads out of the memory");
    return answer_of(h, http_client_send(h->client, bytes, h->deadline_ns), ECONNRESET);
}

static int call_finish(struct guest_http *h, struct wasi_memory m, http_args)
{
    (void)m;
    int r = need_handle(h, a[0]);
    return r == 0 ? answer_of(h, http_client_end_body(h->client, h->deadline_ns), ECONNRESET) : r;
}

/* A header's value is another machine's: a control character in it would make two lines of one. */
static void add_field(struct buf *out, struct http_field field)
{
    const struct str parts[] = {field.name, STR(": "), field.value, STR("\n")};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        for (size_t k = 0; k < parts[i].len; k++) {
            char c = parts[i].at[k];
            buf_add_c(out, (unsigned char)c < 0x20 && i < 3 ? ' ' : c);
        }
}

static int call_response(struct guest_http *h, struct wasi_memory m, http_args)
{
    struct http_head head;
    uint8_t *status = guest_at(m, (uint32_t)a[1], 4);
    int r = need_handle(h, a[0]);
    if (r == 0 &&
        (!status || !guest_at(m, (uint32_t)a[2], a[3]) || !guest_at(m, (uint32_t)a[4], 4)))
        r = refuse(h, EFAULT, "a pointer or a length leads out of the memory");
    if (r == 0)
        r = answer_of(h, http_client_head(h->client, h->deadline_ns, &head), EHOSTUNREACH);
    if (r < 0)
        return r;
    auto_done(buf) struct buf lines;
    buf_init(&lines, PROTOCOL_HTTP_HEAD_MAX); /* shorter than the frame that brought it */
    for (size_t i = 0; i < head.field_count; i++)
        add_field(&lines, http_client_field(h->client, i));
    if (buf_error(&lines) < 0)
        return refuse(h, ENOMEM, "no memory for the headers");
    put_u32(status, (uint32_t)head.status);
    return give_text(m, buf_str(&lines), a[2], a[3], a[4]);
}

static int call_url(struct guest_http *h, struct wasi_memory m, http_args)
{
    struct http_head head;
    int r = need_handle(h, a[0]);
    if (r == 0)
        r = answer_of(h, http_client_head(h->client, h->deadline_ns, &head), EHOSTUNREACH);
    return r == 0 ? give_text(m, head.url, a[1], a[2], a[3]) : r;
}

static int call_read(struct guest_http *h, struct wasi_memory m, http_args)
{
    uint8_t *to = guest_at(m, (uint32_t)a[1], a[2]), *ret_len = guest_at(m, (uint32_t)a[3], 4);
    size_t len = 0;
    int r = need_handle(h, a[0]);
    if (r < 0)
        return r;
    if (!to || !ret_len)
        return refuse(h, EFAULT, "a pointer or a length leads out of the memory");
    if (a[2] == 0)
        return refuse(h, EINVAL, "nothing is asked for: 0 bytes would look like the end");
    r = answer_of(h, http_client_read(h->client, to, (size_t)a[2], h->deadline_ns, &len),
                  ECONNRESET);
    if (r == 0)
        put_u32(ret_len, (uint32_t)len);
    return r;
}

static int call_error(struct guest_http *h, struct wasi_memory m, http_args)
{
    return give_text(m, str_of(h->why), a[0], a[1], a[2]);
}

static int call_close(struct guest_http *h, struct wasi_memory m, http_args)
{
    (void)m;
    int r = need_handle(h, a[0]);
    if (r < 0)
        return r;
    http_client_close(h->client);
    h->handle = 0;
    return 0;
}

/* --- the table --- */

static int answer(int r, uint32_t *ret_errno)
{
    if (r == -STOP_DEADLINE || r == -STOP_CANCEL) {
        *ret_errno = 0;
        return r == -STOP_DEADLINE ? WASI_STOP_DEADLINE : WASI_STOP_CANCEL;
    }
    *ret_errno = wasi_errno(r);
    return 0;
}

#define EACH(X)                                                                                    \
    X(request, "iiiiiiIii")                                                                        \
    X(write, "iii")                                                                                \
    X(finish, "i")                                                                                 \
    X(response, "iiiii")                                                                           \
    X(url, "iiii")                                                                                 \
    X(read, "iiii")                                                                                \
    X(error, "iii")                                                                                \
    X(close, "i")
#define WRAP(name, params)                                                                         \
    static int answer_##name(struct guest_http *h, struct wasi_memory m, const uint64_t *a,        \
                             uint32_t *ret_errno)                                                  \
    {                                                                                              \
        return answer(call_##name(h, m, a), ret_errno);                                            \
    }
#define ROW(name, params) {#name, params, "i", answer_##name},

EACH(WRAP)

const struct guest_http_function guest_http_functions[] = {EACH(ROW)};
const size_t guest_http_function_count = ARRAY_LEN(guest_http_functions);
