/* One folder of modules. A file is read when its mark is not the one that is known: then it is taken whole or not at all. A file that
 * somebody is still writing is not looked at; a file that became no good is told once, and the tool that was made of its earlier
 * state stays. Never runs anything. */
#include "tools/registry_inside.h"

#include "base/digest.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define MODULE_SIZE_MAX ((size_t)256 << 20)
#define SIDECAR_SIZE_MAX ((size_t)1 << 20)
#define FOLDER_ENTRIES_MAX 8192
/* Of a module that came or changed while the process runs its file is held open, so that the next change of it takes nothing away
 * from a call that has begun: as long as descriptors are not scarce. */
#define MODULE_FD_MAX 256

enum { BEING_WRITTEN = 1 }; /* come again when it is closed */

static void entry_done(struct entry *e)
{
    free(e->file);
    tool_free(e->tool);
    *e = (struct entry){0};
}

static void entries_free(struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        entry_done(&entries[i]);
    free(entries);
}

void folder_done(struct folder *f)
{
    entries_free(f->entries, f->count);
    free(f->dir);
    *f = (struct folder){0};
}

/* --- files --- */

/* O_NONBLOCK: a named pipe in place of a file must not hold us up before we look at its kind. */
#define TO_READ (O_RDONLY | O_NONBLOCK | O_NOCTTY)

/* A regular file beneath the folder. */
static int open_file(int dir_fd, const char *name, int how, struct stat *ret)
{
    int fd = os_open_at(dir_fd, name, how, 0, OS_BENEATH);
    int r = fd < 0 ? fd : os_stat_fd(fd, ret);
    if (r == 0 && !S_ISREG(ret->st_mode))
        r = S_ISDIR(ret->st_mode) ? -EISDIR : -EINVAL;
    if (r < 0 && fd >= 0)
        os_close(fd);
    return r < 0 ? r : fd;
}

/* Its mark without reading it; zeros when it cannot be had. */
static struct file_mark look_at(int dir_fd, const char *name)
{
    struct stat st;
    auto_close int fd = open_file(dir_fd, name, O_PATH, &st);
    return fd < 0 ? (struct file_mark){0} : file_mark_of(&st);
}

/* The whole file, as one state of it: 0 | BEING_WRITTEN | -errno | -FAULT_CAP. ret_fd: own; NULL = it is not wanted. */
static int read_file(int dir_fd, const char *name, struct buf *out, int *ret_fd)
{
    struct stat st;
    auto_close int fd = open_file(dir_fd, name, TO_READ, &st);
    if (fd < 0)
        return fd;
    const struct file_mark before = file_mark_of(&st);
    if (os_is_being_written(fd) == 1)
        return BEING_WRITTEN;
    int r = os_read_all(fd, out);
    if (r == 0 && (r = os_stat_fd(fd, &st)) == 0) {
        const struct file_mark after = file_mark_of(&st);
        r = file_mark_same(&before, &after) ? 0 : BEING_WRITTEN;
    }
    if (r == 0 && ret_fd)
        *ret_fd = take_fd(&fd);
    return r;
}

/* NAME.wasm -> NAME and the suffix. */
static int name_beside(const char *module, const char *suffix, char ret[300])
{
    int n = snprintf(ret, 300, "%.*s%s", (int)(strlen(module) - strlen(".wasm")), module, suffix);
    return n < 300 ? 0 : -ENOENT;
}

static struct file_mark look_beside(int dir_fd, const char *module, const char *suffix)
{
    char name[300];
    return name_beside(module, suffix, name) < 0 ? (struct file_mark){0} : look_at(dir_fd, name);
}

static int read_beside(int dir_fd, const char *module, const char *suffix, struct buf *out,
                       struct fault *reterr)
{
    char name[300];
    int r = name_beside(module, suffix, name);
    if (r == 0)
        r = read_file(dir_fd, name, out, NULL);
    if (r >= 0 || r == -ENOENT)
        return r;
    return fault_sys(reterr, r == -FAULT_CAP ? EFBIG : -r, "cannot read %s", name);
}

/* --- one module --- */

/* What lies beside it says what the section does not: first how it stands, then what it says. */
static void look_at_both(int dir_fd, struct entry *e)
{
    e->sidecar = look_beside(dir_fd, e->file, TOOL_SIDECAR_SUFFIX);
    e->help = look_beside(dir_fd, e->file, TOOL_HELP_SUFFIX);
}

/* Manifest from the sidecar, else what its --help said when it was added. */
static int read_manifest_beside(int dir_fd, struct entry *e, const char *sha256,
                                struct fault *reterr)
{
    auto_done(buf) struct buf beside;
    buf_init(&beside, SIDECAR_SIZE_MAX);
    int r = read_beside(dir_fd, e->file, TOOL_SIDECAR_SUFFIX, &beside, reterr);
    if (r == 0 && (r = tool_from_manifest(buf_str(&beside), &e->tool, reterr)) == 0)
        e->tool->origin = "sidecar";
    if (r != -ENOENT)
        return r;
    r = read_beside(dir_fd, e->file, TOOL_HELP_SUFFIX, &beside, reterr);
    if (r == 0)
        return tool_from_help(e->file, buf_str(&beside), sha256, &e->tool, reterr);
    if (r == -ENOENT)
        r = fault_set(
            reterr, FAULT_CONFIG,
            "it has no manifest: neither a custom section boxagnts.tool nor a file NAME" TOOL_SIDECAR_SUFFIX
            " beside it; `boxagnts tool add` asks it for its --help");
    return r;
}

/* A module that is being loaded. */
struct loading {
    int dir_fd;
    const char *path;
    struct entry *entry; /* has its file's name; takes marks and tool */
    struct tool_index *index;
    bool keep_file; /* see MODULE_FD_MAX */
};

static bool load_known(const struct loading *l)
{
    struct tool_known known;
    struct entry *e = l->entry;
    return l->index && tool_index_find(l->index, l->path, &e->module, &known) &&
           tool_frozen(&known, &e->tool) == 0;
}

static int load_read(const struct loading *l, struct fault *reterr)
{
    struct digest digest;
    struct str section;
    struct entry *e = l->entry;
    char hex[DIGEST_HEX_SIZE];
    auto_close int file = -1;
    auto_done(buf) struct buf wasm;
    buf_init(&wasm, MODULE_SIZE_MAX);
    int r = read_file(l->dir_fd, e->file, &wasm, &file);
    if (r < 0)
        return fault_sys(reterr, r == -FAULT_CAP ? EFBIG : -r, "cannot read the module");
    if (r == BEING_WRITTEN)
        return r;
    digest_sha256(buf_str(&wasm).at, wasm.len, &digest);
    digest_hex(&digest, hex);
    r = tool_manifest_section(buf_str(&wasm), &section);
    bool has_section = r == 0;
    if (r < 0)
        return fault_set(reterr, FAULT_MODULE, "this is not a WebAssembly module, or a broken one");
    if (has_section) {
        r = tool_from_manifest(section, &e->tool, reterr);
    } else {
        look_at_both(l->dir_fd, e);
        r = read_manifest_beside(l->dir_fd, e, hex, reterr);
    }
    if (r != 0)
        return r;
    memcpy(e->tool->sha256, hex, sizeof hex);
    if (has_section && l->index) {
        const struct tool_known known = {str_of(e->tool->name), str_of(e->tool->version),
                                         str_of(e->tool->description), section, digest.bytes};
        tool_index_add(l->index, l->path, &e->module, &known, os_now_real_ns());
    }
    if (l->keep_file && file < MODULE_FD_MAX)
        e->tool->module_fd = take_fd(&file);
    return 0;
}

/* 0 | BEING_WRITTEN | a fault with a sentence. */
static int load(const struct loading *l, struct fault *reterr)
{
    /* Before anything is read: what changes from here on has another mark the next time. */
    l->entry->module = look_at(l->dir_fd, l->entry->file);
    int r = load_known(l) ? 0 : load_read(l, reterr);
    if (r == 0)
        r = (l->entry->tool->path = str_dup(str_of(l->path))) ? 0 : -ENOMEM;
    else if (r < 0 && l->entry->sidecar.inode == 0 && l->entry->help.inode == 0)
        look_at_both(l->dir_fd, l->entry);
    return r;
}

/* --- the folder --- */

struct scan {
    const struct folder *before;
    struct folder now;
    int dir_fd;
    registry_broken_fn on_broken;
    void *arg;
};

static const struct entry *find_before(const struct folder *f, const char *file)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(f->entries[middle].file, file);
        if (order == 0)
            return &f->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool is_as_before(const struct scan *s, const struct entry *was)
{
    struct file_mark module = look_at(s->dir_fd, was->file);
    if (!file_mark_same(&module, &was->module))
        return false;
    if (was->tool && !was->is_broken && strcmp(was->tool->origin, "section") == 0)
        return true; /* what lies beside it is not asked */
    struct file_mark sidecar = look_beside(s->dir_fd, was->file, TOOL_SIDECAR_SUFFIX);
    struct file_mark help = look_beside(s->dir_fd, was->file, TOOL_HELP_SUFFIX);
    return file_mark_same(&sidecar, &was->sidecar) && file_mark_same(&help, &was->help);
}

static void tell_broken(const struct scan *s, const char *file, const struct fault *why)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", s->now.dir, file);
    if (s->on_broken)
        s->on_broken(path, why, s->arg);
}

/* What was known of the file stays: its tool, and of which state of it that is. */
static void keep_before(struct entry *e, const struct entry *was)
{
    e->module = was->module;
    e->sidecar = was->sidecar;
    e->help = was->help;
    e->is_broken = was->is_broken;
}

static int scan_file(struct scan *s, const char *file)
{
    const struct entry *was = find_before(s->before, file);
    struct fault why = {0};
    struct entry *e = &s->now.entries[s->now.count];
    *e = (struct entry){.file = str_dup(str_of(file))};
    if (!e->file)
        return -ENOMEM;
    s->now.count++;
    bool is_known = was && is_as_before(s, was);
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", s->now.dir, file);
    const struct loading l = {s->dir_fd, path, e, s->before->index, s->before->is_scanned};
    int r = is_known ? 0 : load(&l, &why);
    if (r == -ENOMEM || (r == 0 && !is_known))
        return r;
    tool_free(take(e->tool)); /* of a load that came half way */
    if (r < 0) {
        tell_broken(s, file, &why);
        e->is_broken = true;
    } else if (was) {
        keep_before(e, was);
    } else {
        e->module = (struct file_mark){0}; /* being written: its end is another state */
        e->is_broken = true;
        if (!s->before->is_scanned) {
            (void)fault_set(&why, FAULT_CONFIG, "somebody is writing it");
            tell_broken(s, file, &why);
        }
    }
    if (was && was->tool)
        e->tool = (struct tool *)(uintptr_t)tool_hold(was->tool);
    e->is_shadowed = is_known && was->is_shadowed;
    return 0;
}

struct names {
    char **at;
    size_t count;
};

static int keep_module_name(const char *name, unsigned char type unused_, void *arg)
{
    struct names *names = arg;
    if (!str_ends(str_of(name), STR(".wasm")) || name[0] == '.')
        return 0;
    if (names->count == FOLDER_ENTRIES_MAX)
        return -FAULT_CAP;
    names->at[names->count] = str_dup(str_of(name));
    return names->at[names->count++] ? 0 : -ENOMEM;
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* Sorted, so that which of two equal names wins does not hang on the file system. */
static int list_modules(int dir_fd, struct names *ret)
{
    ret->at = calloc(FOLDER_ENTRIES_MAX + 1, sizeof(char *));
    if (!ret->at)
        return -ENOMEM;
    int r = os_list_dir(dir_fd, FOLDER_ENTRIES_MAX * 4, keep_module_name, ret);
    if (r == 0)
        qsort(ret->at, ret->count, sizeof *ret->at, by_text);
    return r;
}

static int scan_names(struct scan *s, const struct names *names)
{
    s->now.entries = calloc(names->count + 1, sizeof *s->now.entries);
    int r = s->now.entries ? 0 : -ENOMEM;
    for (size_t i = 0; i < names->count && r == 0; i++)
        r = scan_file(s, names->at[i]);
    return r;
}

int folder_scan(struct folder *f, registry_broken_fn on_broken, void *arg, struct fault *reterr)
{
    struct names names = {0};
    struct scan s = {.before = f,
                     .now = {.dir = f->dir, .index = f->index, .is_scanned = true},
                     .on_broken = on_broken,
                     .arg = arg};
    auto_close int fd = os_open_trusted(f->dir, O_RDONLY | O_DIRECTORY, 0);
    s.dir_fd = fd;
    int r = fd == -ENOENT ? 0 : fd < 0 ? fd : list_modules(fd, &names);
    if (r == 0)
        r = scan_names(&s, &names);
    for (size_t i = 0; i < names.count; i++)
        free(names.at[i]);
    free(names.at);
    if (r < 0) {
        entries_free(s.now.entries, s.now.count);
        return fault_sys(reterr, r == -FAULT_CAP ? E2BIG : -r, "cannot read the tool folder %s",
                         f->dir);
    }
    entries_free(f->entries, f->count);
    *f = s.now;
    return 0;
}
