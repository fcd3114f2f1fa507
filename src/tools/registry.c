/* Which tools exist: folders of modules -> a sorted table, and the table of what they hold now. Reads files that the operator or the
 * build put there; a file that is no good is named and left out. Never runs anything, never looks into the workspace. */
#include "tools/registry_inside.h"

#include "base/digest.h"
#include "os/fd.h"
#include "os/file.h"
#include "tools/nearest.h"

#include <errno.h>

struct registry {
    struct table {
        struct tool **at; /* own; sorted by name */
        size_t count;
    } table;
    struct tool **fixed; /* own; no file of a folder */
    size_t fixed_count;
    struct tool_index *index; /* borrowed; NULL = none */
    struct folder folders[REGISTRY_FOLDERS_MAX];
    size_t folder_count;
};

static void table_done(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        tool_free(t->at[i]);
    free(t->at);
    *t = (struct table){0};
}

static int table_new(struct table *ret)
{
    ret->count = 0;
    ret->at = calloc(TOOLS_MAX, sizeof(struct tool *));
    return ret->at ? 0 : -ENOMEM;
}

int registry_new(own struct registry **ret)
{
    struct registry *r = calloc(1, sizeof *r);
    if (r)
        r->fixed = calloc(TOOLS_MAX, sizeof(struct tool *));
    if (!r || !r->fixed || table_new(&r->table) < 0) {
        registry_free(r);
        return -ENOMEM;
    }
    *ret = r;
    return 0;
}

void registry_free(own struct registry *r)
{
    if (!r)
        return;
    table_done(&r->table);
    for (size_t i = 0; i < r->fixed_count; i++)
        tool_free(r->fixed[i]);
    for (size_t i = 0; i < r->folder_count; i++)
        folder_done(&r->folders[i]);
    free(r->fixed);
    free(r);
}

static int compare(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.at, b.at, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* The first place whose name is not less. */
static size_t place_of(const struct table *t, struct str name)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(str_of(t->at[middle]->name), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct tool *table_find(const struct table *t, struct str name)
{
    size_t i = place_of(t, name);
    return i < t->count && str_is(name, t->at[i]->name) ? t->at[i] : NULL;
}

/* A tool whose manifest cannot be read (no memory; it was read before) is as one that is not there. */
static const struct tool *thawed(struct tool *t)
{
    return t && tool_thaw(t) == 0 ? t : NULL;
}

const struct tool *registry_find(const struct registry *r, struct str name)
{
    return thawed(table_find(&r->table, name));
}

const struct tool *registry_nearest(const struct registry *r, struct str name)
{
    struct nearest near;
    nearest_init(&near, name);
    for (size_t i = 0; i < r->table.count; i++)
        nearest_offer(&near, str_of(r->table.at[i]->name));
    return nearest_found(&near) ? registry_find(r, near.best) : NULL;
}

size_t registry_count(const struct registry *r)
{
    return r->table.count;
}
const struct tool *registry_at(const struct registry *r, size_t i)
{
    return i < r->table.count ? thawed(r->table.at[i]) : NULL;
}
const struct tool *registry_peek(const struct registry *r, size_t i)
{
    return i < r->table.count ? r->table.at[i] : NULL;
}

/* A hold of t goes into its place. The same module again is fine; another with its name is not. */
static int table_put(struct table *table, const struct tool *t, struct fault *reterr)
{
    const struct tool *there = table_find(table, str_of(t->name));
    if (there && strcmp(there->sha256, t->sha256) != 0)
        return fault_set(reterr, FAULT_CONFIG, "another tool is called \"%s\" already: %s", t->name,
                         there->path ? there->path : "built in");
    if (there)
        return 0;
    if (table->count == TOOLS_MAX)
        return fault_set(reterr, FAULT_CONFIG, "there are more than %d tools", TOOLS_MAX);
    size_t i = place_of(table, str_of(t->name));
    memmove(table->at + i + 1, table->at + i, (table->count - i) * sizeof(struct tool *));
    table->at[i] = (struct tool *)(uintptr_t)tool_hold(t);
    table->count++;
    return 0;
}

int registry_add(struct registry *r, own struct tool *t, struct fault *reterr)
{
    int result = r->fixed_count == TOOLS_MAX
                     ? fault_set(reterr, FAULT_CONFIG, "there are more than %d tools", TOOLS_MAX)
                     : table_put(&r->table, t, reterr);
    if (result == 0)
        r->fixed[r->fixed_count++] = t;
    else
        tool_free(t);
    return result;
}

/* The tools of a folder into the table. One whose name is another's is told once for each state of its file. */
static void put_folder(struct table *table, struct folder *f, registry_broken_fn on_broken,
                       void *arg)
{
    for (size_t i = 0; i < f->count; i++) {
        struct entry *e = &f->entries[i];
        struct fault why = {0};
        bool was_told = e->is_shadowed;
        e->is_shadowed = e->tool && table_put(table, e->tool, &why) < 0;
        if (e->is_shadowed && !was_told && on_broken)
            on_broken(e->tool->path, &why, arg);
    }
}

int registry_add_dir(struct registry *r, const char *dir, registry_broken_fn on_broken, void *arg,
                     struct fault *reterr)
{
    if (r->folder_count == REGISTRY_FOLDERS_MAX)
        return fault_set(reterr, FAULT_CONFIG, "there are more than %d folders of tools",
                         REGISTRY_FOLDERS_MAX);
    struct folder *f = &r->folders[r->folder_count];
    *f = (struct folder){.dir = str_dup(str_of(dir)), .index = r->index};
    int result = f->dir ? folder_scan(f, on_broken, arg, reterr) : -ENOMEM;
    if (result < 0) {
        folder_done(f);
        return result;
    }
    r->folder_count++;
    put_folder(&r->table, f, on_broken, arg);
    return 0;
}

void registry_set_index(struct registry *r, struct tool_index *index)
{
    r->index = index;
}

size_t registry_folder_count(const struct registry *r)
{
    return r->folder_count;
}
const char *registry_folder(const struct registry *r, size_t i)
{
    return i < r->folder_count ? r->folders[i].dir : NULL;
}

/* Both are sorted: one walk. */
static size_t tell_changes(const struct table *was, const struct table *is,
                           const struct registry_events *events)
{
    size_t i = 0, k = 0, changes = 0;
    while (i < was->count || k < is->count) {
        const struct tool *a = i < was->count ? was->at[i] : NULL;
        const struct tool *b = k < is->count ? is->at[k] : NULL;
        int order = !a ? 1 : !b ? -1 : compare(str_of(a->name), str_of(b->name));
        i += order <= 0;
        k += order >= 0;
        if (a == b)
            continue;
        changes++;
        if (events->on_change)
            events->on_change(order <= 0 ? a : NULL, order >= 0 ? b : NULL, events->arg);
    }
    return changes;
}

int registry_reload(struct registry *r, const struct registry_events *events, size_t *ret_changes,
                    struct fault *reterr)
{
    struct table now;
    int result = table_new(&now);
    *ret_changes = 0;
    for (size_t i = 0; i < r->fixed_count && result == 0; i++)
        result = table_put(&now, r->fixed[i], reterr);
    for (size_t i = 0; i < r->folder_count && result == 0; i++) {
        result = folder_scan(&r->folders[i], events->on_broken, events->arg, reterr);
        if (result == 0)
            put_folder(&now, &r->folders[i], events->on_broken, events->arg);
    }
    if (result < 0) {
        table_done(&now);
        return result;
    }
    struct table was = r->table;
    r->table = now;
    *ret_changes = tell_changes(&was, &now, events);
    table_done(&was);
    return 0;
}

/* From its beginning; the read position is nobody's. */
static int read_module(int fd, struct buf *out)
{
    uint64_t size = 0;
    int r = os_file_size(fd, &size);
    if (r == 0)
        r = size > out->max ? -FAULT_CAP : buf_reserve(out, (size_t)size);
    while (r == 0 && out->len < size) {
        ssize_t n = os_pread(fd, out->at + out->len, (size_t)size - out->len, (int64_t)out->len);
        if (n <= 0)
            return n < 0 ? (int)n : 0; /* shorter now: its hash says so */
        out->len += (size_t)n;
    }
    return r;
}

int tool_wasm(const struct tool *t, struct buf *out, struct fault *reterr)
{
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    int r = t->module_fd >= 0 ? read_module(t->module_fd, out) : os_read_file_trusted(t->path, out);
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
