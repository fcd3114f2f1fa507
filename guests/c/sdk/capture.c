/* See capture.h. */
#include "capture.h"

#include "utf8.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    bool is_on;
    uint64_t written;
    size_t head_len;
    char head[CAPTURE_HEAD];
    char tail[CAPTURE_TAIL]; /* a ring: byte n of what follows the head is at n % CAPTURE_TAIL */
} kept;

/* The linker's names for what these stand in front of. */
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __real_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count);

static void keep(const char *data, size_t len)
{
    size_t room = CAPTURE_HEAD - kept.head_len;
    size_t first = len < room ? len : room;

    kept.written += len;
    memcpy(kept.head + kept.head_len, data, first);
    kept.head_len += first;
    data += first;
    len -= first;
    uint64_t at = kept.written - len - kept.head_len;

    if (len > CAPTURE_TAIL) {
        data += len - CAPTURE_TAIL;
        at += len - CAPTURE_TAIL;
        len = CAPTURE_TAIL;
    }
    for (size_t i = 0; i < len; i++)
        kept.tail[(at + i) % CAPTURE_TAIL] = data[i];
}

static bool is_kept(int fd)
{
    return kept.is_on && (fd == STDOUT_FILENO || fd == STDERR_FILENO);
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (!is_kept(fd))
        return __real_write(fd, data, len);
    keep(data, len);
    return (ssize_t)len;
}

ssize_t __wrap_writev(int fd, const struct iovec *parts, int count)
{
    ssize_t len = 0;

    if (!is_kept(fd))
        return __real_writev(fd, parts, count);
    for (int i = 0; i < count; i++) {
        keep(parts[i].iov_base, parts[i].iov_len);
        len += (ssize_t)parts[i].iov_len;
    }
    return len;
}

void capture_begin(void)
{
    kept.is_on = true;
}

void capture_end(void)
{
    kept.is_on = false;
}

uint64_t capture_bytes(void)
{
    return kept.written;
}

bool capture_is_cut(void)
{
    return kept.written > (uint64_t)CAPTURE_HEAD + CAPTURE_TAIL;
}

/* Line ends stay, the rest is made fit to be shown. */
static void add_shown(struct buf *text, struct str raw)
{
    for (size_t at = 0; at < raw.len;) {
        size_t end = str_line_end(raw, at);
        bool has_newline = raw.at[end - 1] == '\n';

        utf8_add_shown(text, str_part(raw, at, end - has_newline), UTF8_SHOW_LINE);
        if (has_newline)
            buf_add_byte(text, '\n');
        at = end;
    }
}

/* A character that a cut went through is left out whole, so that the mark does not stand beside half of one. */
static struct str whole_end(struct str raw)
{
    size_t end = raw.len;

    while (end > 0 && raw.len - end < 4 && ((unsigned char)raw.at[end - 1] & 0xc0) == 0x80)
        end--;
    if (end > 0 && (unsigned char)raw.at[end - 1] >= 0xc0 &&
        utf8_step(str_part(raw, end - 1, raw.len)) == 0)
        return str_part(raw, 0, end - 1);
    return raw;
}

static struct str whole_start(struct str raw)
{
    size_t at = 0;

    while (at < 3 && at < raw.len && ((unsigned char)raw.at[at] & 0xc0) == 0x80)
        at++;
    return str_part(raw, at, raw.len);
}

struct str capture_text(void)
{
    static char line[CAPTURE_TAIL];
    uint64_t behind = kept.written - kept.head_len;
    size_t len = behind < CAPTURE_TAIL ? (size_t)behind : CAPTURE_TAIL;
    struct str head = {kept.head, kept.head_len};
    struct buf text;

    for (size_t i = 0; i < len; i++)
        line[i] = kept.tail[(behind - len + i) % CAPTURE_TAIL];
    buf_init(&text, (CAPTURE_HEAD + CAPTURE_TAIL) * 3 + 256);
    if (!capture_is_cut()) {
        struct buf all;

        buf_init(&all, CAPTURE_HEAD + CAPTURE_TAIL + 1);
        buf_add(&all, head);
        buf_add(&all, (struct str){line, len});
        add_shown(&text, buf_str(&all));
        return buf_str(&text);
    }
    add_shown(&text, whole_end(head));
    buf_addf(&text, "\n[... %llu bytes are left out here ...]\n",
             (unsigned long long)(behind - len));
    add_shown(&text, whole_start((struct str){line, len}));
    return buf_str(&text);
}
