/* The cache of native code. Whoever can write into the folder could otherwise choose what a worker runs, so the check
 * is on the bytes that will be handed out (the sealed copy), never on the file they came from. */
#include "host/codecache.h"

#include "base/digest.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { VERSION = 1, FILES_MAX = 65536, CHUNK = 128 << 10 };

struct head {
    char magic[8];
    uint32_t version, reserved;
    uint64_t length;
    char key[64];
    struct digest code;
    struct digest mac;
};
_Static_assert(sizeof(struct head) == 152 && offsetof(struct head, mac) == 120,
               "written to disk as it is");
static const char magic[8] = {'B', 'X', 'C', 'O', 'D', 'E', '\r', '\n'};

struct codecache {
    int dir_fd; /* own; -1 = there is no folder */
    char *path; /* own; for people */
    uint8_t install_key[32];
};

static void note(struct buf *ret_note, const char *fmt, ...) printf_like(2, 3);
static void note(struct buf *ret_note, const char *fmt, ...)
{
    if (!ret_note)
        return;
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    buf_addf(ret_note, "%s%s", ret_note->len ? "; " : "", text);
}

static int open_dir(struct codecache *c, const char *cache_dir)
{
    auto_done(buf) struct buf path;
    buf_init(&path, 4096);
    buf_addf(&path, "%s/code", cache_dir);
    c->path = buf_take(&path);
    if (!c->path)
        return -ENAMETOOLONG;
    int r = os_mkdir_parents(c->path, 0700);
    if (r < 0)
        return r;
    c->dir_fd = os_open_trusted(c->path, O_RDONLY | O_DIRECTORY, 0);
    return c->dir_fd < 0 ? c->dir_fd : 0;
}

int codecache_open(const char *cache_dir, const uint8_t install_key[32], own struct codecache **ret,
                   struct buf *ret_note)
{
    struct codecache *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->dir_fd = -1;
    memcpy(c->install_key, install_key, sizeof c->install_key);
    int r = open_dir(c, cache_dir);
    if (r < 0) {
        c->dir_fd = -1;
        note(ret_note, "the code cache %s/code cannot be used: %s", cache_dir, strerror(-r));
    }
    *ret = c;
    return 0;
}

void codecache_free(own struct codecache *c)
{
    if (!c)
        return;
    os_close(c->dir_fd);
    free(c->path);
    base_wipe(c->install_key, sizeof c->install_key);
    free(c);
}

static bool is_key(const char *key)
{
    return strlen(key) == 64 && strspn(key, "0123456789abcdef") == 64;
}

static void mac_of(const struct codecache *c, const struct head *h, struct digest *ret)
{
    digest_hmac(c->install_key, sizeof c->install_key, h, offsetof(struct head, mac), ret);
}

/* NULL, or what is wrong with the header. The MAC comes first: no other field means anything without it. */
static const char *head_fault(const struct codecache *c, const struct head *h, const char *key,
                              uint64_t file_size)
{
    struct digest mac;
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return "it is no code file";
    mac_of(c, h, &mac);
    if (!base_equal_secret(mac.bytes, h->mac.bytes, sizeof mac.bytes))
        return "it was not written by this install, or was changed";
    if (h->version != VERSION || memcmp(h->key, key, 64) != 0)
        return "it is another module's";
    if (h->length != file_size - sizeof *h)
        return "its length is wrong";
    return NULL;
}

/* Copies the rest of the file into the memory file and digests what was written. 0, 1 = shorter than length. */
static int copy_code(int from_fd, int to_fd, uint64_t length, struct digest *ret)
{
    struct digest_stream *s = digest_stream_new();
    auto_free char *chunk = malloc(CHUNK);
    int r = s && chunk ? 0 : -ENOMEM;
    while (r == 0 && length > 0) {
        ssize_t n = os_read(from_fd, chunk, length < CHUNK ? (size_t)length : CHUNK);
        if (n <= 0) {
            r = n == 0 ? 1 : (int)n;
            break;
        }
        digest_stream_add(s, chunk, (size_t)n);
        length -= (uint64_t)n;
        r = os_write_all(to_fd, (struct str){chunk, (size_t)n});
    }
    if (r == 0)
        digest_stream_end(s, ret);
    digest_stream_free(s);
    return r;
}

/* 0, CODECACHE_REFUSED and *ret_why, or negative. */
static int load(const struct codecache *c, int file, const char *key, int *ret_code_fd,
                const char **ret_why)
{
    struct head h;
    uint64_t size;
    int r = os_file_size(file, &size);
    if (r < 0)
        return r;
    *ret_why = "it is cut";
    if (size < sizeof h || os_read(file, &h, sizeof h) != (ssize_t)sizeof h)
        return CODECACHE_REFUSED;
    *ret_why = size > CODECACHE_CODE_MAX ? "it is too large" : head_fault(c, &h, key, size);
    if (*ret_why)
        return CODECACHE_REFUSED;
    auto_close int code = -1;
    r = os_memfd("code", &code);
    if (r < 0)
        return r;
    struct digest digest;
    r = copy_code(file, code, h.length, &digest);
    if (r < 0)
        return r;
    *ret_why = r > 0 ? "it is cut" : "its content was changed";
    if (r > 0 || !base_equal_secret(digest.bytes, h.code.bytes, sizeof digest.bytes))
        return CODECACHE_REFUSED;
    r = os_memfd_seal(code);
    if (r < 0)
        return r;
    *ret_code_fd = take_fd(&code);
    return 0;
}

void codecache_file_name(const uint8_t install_key[32], const char *key,
                         char ret_name[CODECACHE_KEY_SIZE])
{
    struct digest d;
    digest_hmac(install_key, 32, key, strlen(key), &d);
    digest_hex(&d, ret_name);
}

int codecache_get(struct codecache *c, const char *key, int *ret_code_fd, struct buf *ret_note)
{
    must(is_key(key));
    if (c->dir_fd < 0)
        return CODECACHE_MISS;
    char name[CODECACHE_KEY_SIZE];
    codecache_file_name(c->install_key, key, name);
    auto_close int file =
        os_open_at(c->dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0, OS_NO_LINKS);
    if (file == -ENOENT)
        return CODECACHE_MISS;
    const char *why = NULL;
    int r;
    struct stat st;
    if (file < 0) {
        note(ret_note, "code file %s/%s cannot be read: %s", c->path, name, strerror(-file));
        return CODECACHE_REFUSED;
    }
    r = os_stat_fd(file, &st);
    if (r == 0 && !S_ISREG(st.st_mode)) {
        why = "it is no file";
        r = CODECACHE_REFUSED;
    } else if (r == 0) {
        r = load(c, file, key, ret_code_fd, &why);
    }
    if (r != CODECACHE_REFUSED)
        return r;
    note(ret_note, "code file %s/%s was refused: %s", c->path, name, why);
    (void)!os_unlink_at(c->dir_fd, name, 0);
    return CODECACHE_REFUSED;
}

/* --- keeping --- */

struct sweep {
    int dir_fd;
    uint64_t total;
    char oldest[CODECACHE_KEY_SIZE];
    int64_t oldest_s;
};

static int on_file(const char *name, unsigned char type, void *arg)
{
    struct sweep *s = arg;
    struct stat st;
    (void)type;
    if (!is_key(name) || os_stat_at(s->dir_fd, name, &st) < 0)
        return 0;
    s->total += (uint64_t)st.st_size;
    if (!s->oldest[0] || st.st_mtime < s->oldest_s) {
        s->oldest_s = st.st_mtime;
        memcpy(s->oldest, name, sizeof s->oldest);
    }
    return 0;
}

/* One file per round: putting is rare, and there are few rounds. */
static void make_room(const struct codecache *c, uint64_t needed)
{
    for (;;) {
        struct sweep s = {.dir_fd = c->dir_fd};
        if (os_list_dir(c->dir_fd, FILES_MAX, on_file, &s) < 0 ||
            s.total + needed <= CODECACHE_BYTES_MAX || !s.oldest[0] ||
            os_unlink_at(c->dir_fd, s.oldest, 0) < 0)
            return;
    }
}

void codecache_put(struct codecache *c, const char *key, struct str code, struct buf *ret_note)
{
    must(is_key(key));
    if (c->dir_fd < 0)
        return;
    size_t size;
    if (!size_add(code.len, sizeof(struct head), &size) || size > CODECACHE_CODE_MAX) {
        note(ret_note, "the code is too large to be kept");
        return;
    }
    struct head h = {.version = VERSION, .length = code.len};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.key, key, sizeof h.key);
    digest_sha256(code.at, code.len, &h.code);
    mac_of(c, &h, &h.mac);
    make_room(c, size);
    auto_done(buf) struct buf whole;
    buf_init(&whole, size);
    buf_add(&whole, &h, sizeof h);
    buf_add_str(&whole, code);
    char name[CODECACHE_KEY_SIZE];
    codecache_file_name(c->install_key, key, name);
    int r = buf_error(&whole);
    if (r == 0)
        r = os_write_file_at(c->dir_fd, name, buf_str(&whole), 0600, false);
    if (r < 0)
        note(ret_note, "the code cache %s cannot be written: %s", c->path,
             r == -FAULT_CAP ? "too large" : strerror(-r));
}
