/* File: head {magic, version, count, length, MAC of all behind it}, then records: fixed part, path, manifest. Host byte order: it never
 * leaves the machine, and another order is another MAC. Sorted by path when it is written, so that a lookup is a search. */
#include "tools/tool_index.h"

#include "base/buf.h"
#include "base/digest.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define FRESH_NS INT64_C(2000000000)
#define FILE_NAME "tools.index"
static const char magic[8] = {'B', 'X', 'T', 'O', 'O', 'L', 'S', '1'};

enum text { PATH, NAME, VERSION, DESCRIPTION, MANIFEST, TEXTS };

struct head {
    char magic[8];
    uint32_t count, reserved;
    uint64_t length;
    struct digest mac;
};
struct fixed {
    struct file_mark mark;
    uint8_t sha256[32];
    uint32_t lengths[TEXTS]; /* of the texts behind it, in the order of enum text */
    uint32_t reserved;
};
_Static_assert(sizeof(struct head) == 56 && sizeof(struct fixed) == 96, "written to disk as it is");

struct record {
    struct file_mark mark;
    struct str texts[TEXTS]; /* views into `bytes`; of what is added: into `own_texts` */
    const uint8_t *sha256;
    char *own_texts; /* own; NULL = it was read */
    uint8_t own_sha256[32];
};

struct tool_index {
    uint8_t install_key[32];
    char *dir;        /* own */
    struct str bytes; /* mapped file; or of tool_index_read()'s caller */
    bool is_mapped;
    struct record *known; /* own; sorted by path */
    size_t known_count;
    struct record *added; /* own */
    size_t added_count;
};

static int64_t ns_of(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct file_mark file_mark_of(const struct stat *st)
{
    return (struct file_mark){st->st_dev, st->st_ino, st->st_size, ns_of(st->st_ctim),
                              ns_of(st->st_mtim)};
}

bool file_mark_same(const struct file_mark *a, const struct file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_ns == b->changed_ns && a->written_ns == b->written_ns;
}

static int compare(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.at, b.at, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_path(const void *a, const void *b)
{
    return compare(((const struct record *)a)->texts[PATH],
                   ((const struct record *)b)->texts[PATH]);
}

/* --- reading --- */

static bool take_record(struct str *rest, struct record *ret)
{
    struct fixed f;
    if (rest->len < sizeof f)
        return false;
    memcpy(&f, rest->at, sizeof f);
    *ret = (struct record){.mark = f.mark,
                           .sha256 = (const uint8_t *)rest->at + offsetof(struct fixed, sha256)};
    struct str left = {rest->at + sizeof f, rest->len - sizeof f};
    for (size_t i = 0; i < TEXTS; i++) {
        if (f.lengths[i] > left.len)
            return false;
        ret->texts[i] = (struct str){left.at, f.lengths[i]};
        left = (struct str){left.at + f.lengths[i], left.len - f.lengths[i]};
    }
    *rest = left;
    return true;
}

int tool_index_read(struct tool_index *x, struct str bytes)
{
    struct head head;
    struct digest mac;
    if (bytes.len < sizeof head)
        return 1;
    memcpy(&head, bytes.at, sizeof head);
    struct str rest = {bytes.at + sizeof head, bytes.len - sizeof head};
    if (memcmp(head.magic, magic, sizeof magic) != 0 || head.length != rest.len ||
        head.count > TOOL_INDEX_ENTRIES_MAX)
        return 1;
    digest_hmac(x->install_key, sizeof x->install_key, rest.at, rest.len, &mac);
    if (memcmp(&mac, &head.mac, sizeof mac) != 0)
        return 1;
    x->known = calloc(head.count + 1, sizeof *x->known);
    if (!x->known)
        return -ENOMEM;
    for (size_t i = 0; i < head.count; i++) {
        bool is_good = take_record(&rest, &x->known[i]) &&
                       (i == 0 || by_path(&x->known[i - 1], &x->known[i]) < 0);
        if (!is_good) {
            free(take(x->known));
            return 1;
        }
    }
    if (rest.len > 0) {
        free(take(x->known));
        return 1;
    }
    x->known_count = head.count;
    return 0;
}

int tool_index_open(const char *cache_dir, const uint8_t install_key[32],
                    own struct tool_index **ret)
{
    auto_(tool_index) struct tool_index *x = calloc(1, sizeof *x);
    auto_done(buf) struct buf path;
    buf_init(&path, 4096);
    if (!x || !(x->dir = str_dup(str_of(cache_dir))))
        return -ENOMEM;
    memcpy(x->install_key, install_key, sizeof x->install_key);
    x->added = calloc(TOOL_INDEX_ENTRIES_MAX, sizeof *x->added);
    if (!x->added)
        return -ENOMEM;
    buf_addf(&path, "%s/" FILE_NAME, cache_dir);
    /* replaced, never rewritten: what is mapped does not change */
    auto_close int fd = buf_error(&path) ? -1 : os_open_trusted(buf_str(&path).at, O_RDONLY, 0);
    if (fd >= 0 && os_map(fd, TOOL_INDEX_SIZE_MAX, &x->bytes) == 0) {
        x->is_mapped = true;
        if (tool_index_read(x, x->bytes) == -ENOMEM)
            return -ENOMEM;
    }
    *ret = take(x);
    return 0;
}

void tool_index_free(own struct tool_index *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->added_count; i++)
        free(x->added[i].own_texts);
    if (x->is_mapped)
        os_unmap(x->bytes);
    free(x->added);
    free(x->known);
    free(x->dir);
    free(x);
}

bool tool_index_find(const struct tool_index *x, const char *path, const struct file_mark *mark,
                     struct tool_known *ret)
{
    const struct record wanted = {.texts = {[PATH] = str_of(path)}};
    const struct record *r =
        x->known_count ? bsearch(&wanted, x->known, x->known_count, sizeof *x->known, by_path)
                       : NULL;
    if (!r || !file_mark_same(&r->mark, mark))
        return false;
    *ret = (struct tool_known){r->texts[NAME], r->texts[VERSION], r->texts[DESCRIPTION],
                               r->texts[MANIFEST], r->sha256};
    return true;
}

/* --- writing --- */

void tool_index_add(struct tool_index *x, const char *path, const struct file_mark *mark,
                    const struct tool_known *what, int64_t now_ns)
{
    int64_t last = mark->changed_ns > mark->written_ns ? mark->changed_ns : mark->written_ns;
    if (x->added_count == TOOL_INDEX_ENTRIES_MAX || last > now_ns - FRESH_NS)
        return;
    struct record *r = &x->added[x->added_count];
    const struct str texts[TEXTS] = {[PATH] = str_of(path),
                                     [NAME] = what->name,
                                     [VERSION] = what->version,
                                     [DESCRIPTION] = what->description,
                                     [MANIFEST] = what->manifest};
    auto_done(buf) struct buf all;
    buf_init(&all, (size_t)4 << 20);
    for (size_t i = 0; i < TEXTS; i++)
        buf_add_str(&all, texts[i]);
    *r = (struct record){.mark = *mark, .own_texts = buf_take(&all)};
    if (!r->own_texts)
        return; /* then it is read the next time, too */
    const char *at = r->own_texts;
    for (size_t i = 0; i < TEXTS; i++) {
        r->texts[i] = (struct str){at, texts[i].len};
        at += texts[i].len;
    }
    memcpy(r->own_sha256, what->sha256, sizeof r->own_sha256);
    x->added_count++;
}

static int put_record(struct buf *out, const struct record *r)
{
    struct fixed f = {.mark = r->mark};
    memcpy(f.sha256, r->own_texts ? r->own_sha256 : r->sha256, sizeof f.sha256);
    for (size_t i = 0; i < TEXTS; i++)
        f.lengths[i] = (uint32_t)r->texts[i].len;
    buf_add(out, &f, sizeof f);
    for (size_t i = 0; i < TEXTS; i++)
        buf_add_str(out, r->texts[i]);
    return buf_error(out);
}

/* Both lists are sorted; of one path the one that was added is the newer. Older ones of files that nobody asked about stay, as long as
 * there is room: another process has other folders. */
static int put_records(const struct tool_index *x, struct buf *out, uint32_t *ret_count)
{
    size_t i = 0, k = 0;
    while ((i < x->known_count || k < x->added_count) && *ret_count < TOOL_INDEX_ENTRIES_MAX) {
        int order = i == x->known_count   ? 1
                    : k == x->added_count ? -1
                                          : by_path(&x->known[i], &x->added[k]);
        int r = put_record(out, order < 0 ? &x->known[i] : &x->added[k]);
        if (r < 0)
            return r;
        i += order <= 0;
        k += order >= 0;
        ++*ret_count;
        while (k > 0 && k < x->added_count && by_path(&x->added[k - 1], &x->added[k]) == 0)
            k++; /* the same folder twice */
    }
    return 0;
}

void tool_index_save(struct tool_index *x)
{
    auto_done(buf) struct buf out;
    struct head head = {.count = 0};
    if (x->added_count == 0)
        return;
    buf_init(&out, TOOL_INDEX_SIZE_MAX);
    qsort(x->added, x->added_count, sizeof *x->added, by_path);
    buf_add(&out, &head, sizeof head);
    if (put_records(x, &out, &head.count) < 0)
        return;
    memcpy(head.magic, magic, sizeof magic);
    head.length = out.len - sizeof head;
    digest_hmac(x->install_key, sizeof x->install_key, out.at + sizeof head, (size_t)head.length,
                &head.mac);
    memcpy(out.at, &head, sizeof head);
    if (os_mkdir_parents(x->dir, 0700) < 0)
        return;
    auto_close int dir = os_open_trusted(x->dir, O_RDONLY | O_DIRECTORY, 0);
    if (dir >= 0)
        (void)!os_write_file_at(dir, FILE_NAME, buf_str(&out), 0600, false);
}
