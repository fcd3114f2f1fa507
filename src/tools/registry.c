/* Which tools exist: folders of modules -> a sorted table. Reads files that the operator or the build put there; a file that is
 * no good is named and left out. Never runs anything, never looks into the workspace. */
#include "tools/registry.h"

#include "base/digest.h"
#include "os/fd.h"
#include "os/file.h"
#include "tools/nearest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define MODULE_SIZE_MAX ((size_t)256 << 20)
#define SIDECAR_SIZE_MAX ((size_t)1 << 20)
#define FOLDER_ENTRIES_MAX 8192

struct registry {
    struct tool **tools; /* own; sorted by name */
    size_t count;
};

int registry_new(own struct registry **ret)
{
    struct registry *r = calloc(1, sizeof *r);
    if (r)
        r->tools = calloc(TOOLS_MAX, sizeof(struct tool *));
    if (!r || !r->tools) {
        free(r);
        return -ENOMEM;
    }
    *ret = r;
    return 0;
}

void registry_free(own struct registry *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        tool_free(r->tools[i]);
    free(r->tools);
    free(r);
}

static int compare(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.at, b.at, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* The first place whose name is not less. */
static size_t place_of(const struct registry *r, struct str name)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(str_of(r->tools[middle]->name), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct tool *registry_find(const struct registry *r, struct str name)
{
    size_t i = place_of(r, name);
    return i < r->count && str_is(name, r->tools[i]->name) ? r->tools[i] : NULL;
}

const struct tool *registry_nearest(const struct registry *r, struct str name)
{
    struct nearest near;
    nearest_init(&near, name);
    for (size_t i = 0; i < r->count; i++)
        nearest_offer(&near, str_of(r->tools[i]->name));
    return nearest_found(&near) ? registry_find(r, near.best) : NULL;
}

size_t registry_count(const struct registry *r)
{
    return r->count;
}
const struct tool *registry_at(const struct registry *r, size_t i)
{
    return i < r->count ? r->tools[i] : NULL;
}

int registry_add(struct registry *r, own struct tool *t, struct fault *reterr)
{
    const struct tool *there = registry_find(r, str_of(t->name));
    int result = 0;
    if (there && strcmp(there->sha256, t->sha256) != 0)
        result = fault_set(reterr, FAULT_CONFIG, "another tool is called \"%s\" already: %s",
                           t->name, there->path ? there->path : "built in");
    else if (!there && r->count == TOOLS_MAX)
        result = fault_set(reterr, FAULT_CONFIG, "there are more than %d tools", TOOLS_MAX);
    if (there || result) {
        tool_free(t);
        return result;
    }
    size_t i = place_of(r, str_of(t->name));
    memmove(r->tools + i + 1, r->tools + i, (r->count - i) * sizeof(struct tool *));
    r->tools[i] = t;
    r->count++;
    return 0;
}

/* NAME.wasm -> NAME and the suffix. */
static int name_beside(const char *module, const char *suffix, char ret[300])
{
    int n = snprintf(ret, 300, "%.*s%s", (int)(strlen(module) - strlen(".wasm")), module, suffix);
    return n < 300 ? 0 : -ENAMETOOLONG;
}

static int read_beside(int dir_fd, const char *module, const char *suffix, struct buf *ret,
                       struct fault *reterr)
{
    char name[300];
    int r = name_beside(module, suffix, name);
    if (r == 0)
        r = os_read_file_at(dir_fd, name, ret);
    if (r == -ENAMETOOLONG)
        r = -ENOENT;
    return r == 0 || r == -ENOENT ? r : fault_sys(reterr, -r, "cannot read %s", name);
}

/* Manifest from the section, else from the sidecar beside it, else what its --help said when it was added. */
static int read_tool(int dir_fd, const char *name, struct str wasm, const char *sha256,
                     struct tool **ret, struct fault *reterr)
{
    struct str section;
    auto_done(buf) struct buf beside;
    buf_init(&beside, SIDECAR_SIZE_MAX);
    int r = tool_manifest_section(wasm, &section);
    if (r == 0)
        return tool_from_manifest(section, ret, reterr);
    if (r < 0)
        return fault_set(reterr, FAULT_MODULE, "this is not a WebAssembly module, or a broken one");
    r = read_beside(dir_fd, name, TOOL_SIDECAR_SUFFIX, &beside, reterr);
    if (r == 0 && (r = tool_from_manifest(buf_str(&beside), ret, reterr)) == 0)
        (*ret)->origin = "sidecar";
    if (r != -ENOENT)
        return r;
    r = read_beside(dir_fd, name, TOOL_HELP_SUFFIX, &beside, reterr);
    if (r == 0)
        return tool_from_help(name, buf_str(&beside), sha256, ret, reterr);
    if (r == -ENOENT) {
        r = fault_set(
            reterr, FAULT_CONFIG,
            "it has no manifest: neither a custom section boxagnts.tool nor a file NAME" TOOL_SIDECAR_SUFFIX
            " beside it; `boxagnts tool add` asks it for its --help");
    }
    return r;
}

static int add_module(struct registry *r, int dir_fd, const char *dir, const char *name,
                      struct fault *reterr)
{
    struct buf wasm, path;
    struct tool *t = NULL;
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    buf_init(&wasm, MODULE_SIZE_MAX);
    buf_init(&path, 8192);
    int result = os_read_file_at(dir_fd, name, &wasm);
    if (result)
        result =
            fault_sys(reterr, result == -FAULT_CAP ? EFBIG : -result, "cannot read the module");
    if (result == 0) {
        digest_sha256(buf_str(&wasm).at, wasm.len, &digest);
        digest_hex(&digest, hex);
        result = read_tool(dir_fd, name, buf_str(&wasm), hex, &t, reterr);
    }
    if (result == 0) {
        memcpy(t->sha256, hex, sizeof hex);
        buf_addf(&path, "%s/%s", dir, name);
        t->path = buf_take(&path);
        if (t->path) {
            result = registry_add(r, t, reterr);
        } else {
            tool_free(t);
            result = -ENOMEM;
        }
    }
    buf_done(&wasm);
    buf_done(&path);
    return result;
}

struct folder {
    char **names;
    size_t count;
};

static int keep_module_name(const char *name, unsigned char type unused_, void *arg)
{
    struct folder *f = arg;
    if (!str_ends(str_of(name), STR(".wasm")) || name[0] == '.')
        return 0;
    if (f->count == FOLDER_ENTRIES_MAX)
        return -FAULT_CAP;
    f->names[f->count] = str_dup(str_of(name));
    return f->names[f->count++] ? 0 : -ENOMEM;
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

int registry_add_dir(struct registry *r, const char *dir,
                     void (*on_broken)(const char *path, const struct fault *why, void *arg),
                     void *arg, struct fault *reterr)
{
    auto_close int fd = os_open_trusted(dir, O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return fault_sys(reterr, -fd, "cannot read the tool folder %s", dir);
    struct folder f = {.names = calloc(FOLDER_ENTRIES_MAX + 1, sizeof(char *))};
    if (!f.names)
        return -ENOMEM;
    int result = os_list_dir(fd, FOLDER_ENTRIES_MAX, keep_module_name, &f);
    if (result)
        result = fault_sys(reterr, result == -FAULT_CAP ? E2BIG : -result,
                           "cannot read the tool folder %s", dir);
    /* Sorted, so that which of two equal names wins does not hang on the file system. */
    qsort(f.names, f.count, sizeof *f.names, by_text);
    for (size_t i = 0; i < f.count; i++) {
        struct fault why = {0};
        int broken = result == 0 && f.names[i] ? add_module(r, fd, dir, f.names[i], &why) : 0;
        if (broken == -ENOMEM)
            result = broken;
        if (broken && on_broken) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", dir, f.names[i]);
            on_broken(path, &why, arg);
        }
        free(f.names[i]);
    }
    free(f.names);
    return result;
}

int tool_wasm(const struct tool *t, struct buf *out, struct fault *reterr)
{
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    int r = os_read_file_trusted(t->path, out);
    if (r)
        return fault_sys(reterr, r == -FAULT_CAP ? EFBIG : -r,
                         "cannot read the module of tool %s: %s", t->name, t->path);
    digest_sha256(buf_str(out).at, out->len, &digest);
    digest_hex(&digest, hex);
    if (strcmp(hex, t->sha256) == 0)
        return 0;
    r = fault_set(reterr, FAULT_MODULE, "the module of tool %s changed since it was registered: %s",
                  t->name, t->path);
    fault_next(reterr, "start again to register it as it is now");
    return r;
}
