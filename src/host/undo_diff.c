/* Before and after of each path that calls changed. Both are looked up in one simulation: first the calls that are newer than the
 * wanted ones are taken back in it, which gives "after"; then the wanted ones, which gives "before". A state that comes from a
 * before-image knows which; every other stands in the real tree, perhaps under another name. */
#include "host/undo_diff.h"
#include "host/state_private.h"
#include "host/undo_private.h"

#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* RENAME_STEPS_MAX: names times renames that are followed; beyond, a moved file is shown as deleted and created. */
enum { RENAME_STEPS_MAX = 20 * 1000 * 1000 };

struct found {
    struct undo_state state;
    char *at; /* own; in the real tree; NULL = in an image, or nowhere */
};

struct entry {
    const char *path; /* borrowed from the set of paths */
    char *origin;     /* own; its name before all renames; NULL = the same */
    struct found before, after;
    struct found of_origin; /* before, at origin */
    struct undo_state left; /* by the newest sealed call that names it; valid if is_left */
    bool is_left;
};

struct diffing {
    struct undo_tree *tree;
    struct undo_sim *sim;
    struct undo_call *const *calls; /* one group, newest first */
    size_t count, from, end;        /* of them [from, end) are wanted */
    json_t *paths;                  /* own; path -> number of its entry */
    json_t *old_names;              /* own; of what has another name now */
    struct entry *entries;          /* own */
    size_t entry_count;
    struct undo_line **renames; /* own; newest first; borrowed lines */
    size_t rename_count;
};

static void found_done(struct found *f)
{
    undo_state_done(&f->state);
    free(f->at);
}

static void diffing_done(struct diffing *x)
{
    for (size_t i = 0; i < x->entry_count; i++) {
        struct entry *e = &x->entries[i];
        found_done(&e->before);
        found_done(&e->after);
        found_done(&e->of_origin);
        undo_state_done(&e->left);
        free(e->origin);
    }
    free(x->entries);
    free(x->renames);
    json_decref(x->paths);
    json_decref(x->old_names);
    undo_sim_free(x->sim);
}

/* --- which paths --- */

static int add_path(struct diffing *x, const char *path)
{
    if (json_object_get(x->paths, path) != NULL)
        return 0;
    return json_object_set_new(x->paths, path, json_integer(0)) < 0 ? -ENOMEM : 0;
}

static int collect_paths(struct diffing *x)
{
    size_t renames = 0;
    for (size_t i = x->from; i < x->end; i++) {
        const struct undo_log *log = &x->calls[i]->log;
        for (size_t n = 0; n < log->count; n++) {
            const struct undo_line *line = &log->lines[n];
            int r = line->op == UNDO_LINK ? 0 : add_path(x, line->path);
            if (r == 0 && line->to != NULL)
                r = add_path(x, line->to);
            if (r < 0)
                return r;
            renames += line->op == UNDO_RENAME;
        }
    }
    x->renames = calloc(renames + 1, sizeof(struct undo_line *));
    if (x->renames == NULL)
        return -ENOMEM;
    for (size_t i = x->from; i < x->end; i++) {
        for (size_t n = x->calls[i]->log.count; n > 0; n--) {
            struct undo_line *line = &x->calls[i]->log.lines[n - 1];
            if (line->op == UNDO_RENAME)
                x->renames[x->rename_count++] = line;
        }
    }
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static int make_entries(struct diffing *x)
{
    const char *path;
    json_t *number;
    x->entries = calloc(json_object_size(x->paths) + 1, sizeof(*x->entries));
    if (x->entries == NULL)
        return -ENOMEM;
    json_object_foreach(x->paths, path, number)
    {
        x->entries[x->entry_count++].path = path;
    }
    if (x->entry_count > 1)
        qsort(x->entries, x->entry_count, sizeof(*x->entries), by_path);
    for (size_t i = 0; i < x->entry_count; i++) {
        number = json_object_get(x->paths, x->entries[i].path);
        if (json_integer_set(number, (json_int_t)i) < 0)
            return -ENOMEM;
    }
    return 0;
}

static struct entry *entry_of(const struct diffing *x, const char *path)
{
    const json_t *number = path ? json_object_get(x->paths, path) : NULL;
    return number ? &x->entries[json_integer_value(number)] : NULL;
}

/* --- their names before --- */

static bool is_at_or_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int find_origin(const struct diffing *x, struct entry *e)
{
    char name[2 * UNDO_PATH_MAX + 2];
    bool is_moved = false;
    (void)snprintf(name, sizeof(name), "%s", e->path);
    for (size_t i = 0; i < x->rename_count; i++) {
        const struct undo_line *line = x->renames[i];
        if (!is_at_or_below(name, line->to))
            continue;
        size_t top = strlen(line->to), rest = strlen(name) - top, from = strlen(line->path);
        if (from + rest + 1 > sizeof(name))
            return 0;
        memmove(name + from, name + top, rest + 1);
        memcpy(name, line->path, from);
        is_moved = true;
    }
    if (!is_moved || strcmp(name, e->path) == 0 || !undo_path_is_fine(name, strlen(name)))
        return 0;
    e->origin = str_dup(str_of(name));
    return e->origin == NULL ? -ENOMEM : 0;
}

static int find_origins(struct diffing *x)
{
    if (x->rename_count > 0 && x->entry_count > RENAME_STEPS_MAX / x->rename_count)
        return 0;
    for (size_t i = 0; i < x->entry_count; i++) {
        int r = find_origin(x, &x->entries[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- before and after --- */

static int take_back(struct diffing *x, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        const struct undo_call *c = x->calls[i];
        undo_sim_is_of(x->sim, c);
        for (size_t n = c->log.count; n > 0; n--) {
            char hash[65];
            undo_call_image_hash(c, &c->log.lines[n - 1], hash);
            int r = undo_sim_take_back(x->sim, &c->log.lines[n - 1], hash);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int look_after(struct diffing *x)
{
    for (size_t i = 0; i < x->entry_count; i++) {
        struct entry *e = &x->entries[i];
        int r = undo_sim_find(x->sim, e->path, &e->after.state, &e->after.at);
        if (r < 0)
            return r;
    }
    return 0;
}

static int look_before(struct diffing *x)
{
    for (size_t i = 0; i < x->entry_count; i++) {
        struct entry *e = &x->entries[i];
        int r = undo_sim_find(x->sim, e->path, &e->before.state, &e->before.at);
        if (r == 0 && e->origin != NULL)
            r = undo_sim_find(x->sim, e->origin, &e->of_origin.state, &e->of_origin.at);
        if (r < 0)
            return r;
    }
    return 0;
}

static int look_left(struct diffing *x)
{
    for (size_t i = x->from; i < x->end; i++) {
        size_t n;
        const json_t *after;
        json_array_foreach(json_object_get(x->calls[i]->seal, "after"), n, after)
        {
            struct entry *e = entry_of(x, json_string_value(json_object_get(after, "path")));
            if (e == NULL || e->is_left)
                continue;
            int r = undo_state_from_json(after, &e->left);
            if (r < 0)
                return r;
            e->is_left = true;
        }
    }
    return 0;
}

/* --- telling --- */

static const char *kind_name(enum undo_kind kind)
{
    static const char *const names[] = {
        [UNDO_NONE] = "none",    [UNDO_FILE] = "file",   [UNDO_DIR] = "dir",
        [UNDO_SYMLINK] = "link", [UNDO_OTHER] = "other",
    };
    return names[kind];
}

static int open_side(const struct diffing *x, const struct found *f)
{
    const char *name = NULL;
    char number[24];
    auto_close int dir = -1;
    if (f->state.kind != UNDO_FILE)
        return -1;
    if (f->at == NULL && f->state.image_of != NULL) {
        (void)snprintf(number, sizeof(number), "%lld", (long long)f->state.image);
        return undo_open_regular(f->state.image_of->dir_fd, number);
    }
    if (f->at == NULL || undo_tree_parent(x->tree, f->at, &dir, &name) < 0)
        return -1;
    return undo_open_regular(dir, name);
}

static void describe_side(const struct found *f, int fd, struct undo_side *ret)
{
    uint64_t size = 0;
    bool is_known = fd >= 0 && os_file_size(fd, &size) == 0 && size <= INT64_MAX;
    *ret = (struct undo_side){.kind = kind_name(f->state.kind),
                              .mode = f->state.mode,
                              .target = f->state.target,
                              .sha256 = f->state.sha256,
                              .size = is_known ? (int64_t)size : -1,
                              .fd = fd};
}

/* A new name of something that is gone from its old one; not a new file put over an old one. */
static bool is_rename(struct diffing *x, const struct entry *e)
{
    const struct entry *old = entry_of(x, e->origin);
    return e->origin != NULL && e->before.state.kind == UNDO_NONE &&
           e->after.state.kind != UNDO_NONE && e->of_origin.state.kind == e->after.state.kind &&
           (old == NULL || old->after.state.kind == UNDO_NONE);
}

static bool is_same(const struct found *before, const struct found *after)
{
    return (before->state.kind == UNDO_NONE && after->state.kind == UNDO_NONE) ||
           undo_state_differs(&before->state, &after->state) == NULL;
}

static bool is_below_folder_rename(struct diffing *x, const struct entry *e)
{
    const char *name = strrchr(e->path, '/'), *old = strrchr(e->origin, '/');
    char above[UNDO_PATH_MAX + 1];
    if (strcmp(name, old) != 0)
        return false;
    (void)snprintf(above, sizeof(above), "%.*s", (int)(name - e->path), e->path);
    const struct entry *folder = entry_of(x, above);
    return folder != NULL && folder->origin != NULL && is_rename(x, folder) &&
           strlen(folder->origin) == (size_t)(old - e->origin) &&
           strncmp(folder->origin, e->origin, (size_t)(old - e->origin)) == 0;
}

/* Removed from a folder that had another name before. */
static bool is_gone_from_renamed(struct diffing *x, const struct entry *e)
{
    return e->origin != NULL && e->before.state.kind == UNDO_NONE &&
           e->after.state.kind == UNDO_NONE && e->of_origin.state.kind != UNDO_NONE &&
           entry_of(x, e->origin) == NULL && json_object_get(x->old_names, e->origin) == NULL;
}

static int tell_change(struct diffing *x, const struct entry *e, const struct found *before,
                       struct undo_change change, undo_change_fn fn, void *arg)
{
    auto_close int before_fd = open_side(x, before), after_fd = open_side(x, &e->after);
    change.is_changed_since = e->is_left && undo_state_differs(&e->left, &e->after.state) != NULL;
    describe_side(before, before_fd, &change.before);
    describe_side(&e->after, after_fd, &change.after);
    return fn(&change, arg);
}

static int tell(struct diffing *x, const struct entry *e, undo_change_fn fn, void *arg)
{
    if (is_gone_from_renamed(x, e))
        return tell_change(x, e, &e->of_origin, (struct undo_change){.path = e->origin}, fn, arg);
    if (is_rename(x, e)) {
        /* What only went along with its folder is told by the folder. */
        if (is_same(&e->of_origin, &e->after) && is_below_folder_rename(x, e))
            return 0;
        return tell_change(x, e, &e->of_origin,
                           (struct undo_change){.path = e->path, .from = e->origin}, fn, arg);
    }
    if (is_same(&e->before, &e->after) || json_object_get(x->old_names, e->path) != NULL)
        return 0;
    return tell_change(x, e, &e->before, (struct undo_change){.path = e->path}, fn, arg);
}

static int tell_all(struct diffing *x, undo_change_fn fn, void *arg)
{
    for (size_t i = 0; i < x->entry_count; i++) {
        if (is_rename(x, &x->entries[i]) &&
            json_object_set_new(x->old_names, x->entries[i].origin, json_true()) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < x->entry_count; i++) {
        int r = tell(x, &x->entries[i], fn, arg);
        if (r != 0)
            return r;
    }
    return 0;
}

static int diff_group(struct diffing *x, undo_change_fn fn, void *arg)
{
    x->paths = json_object();
    x->old_names = json_object();
    int r = !x->paths || !x->old_names ? -ENOMEM : undo_sim_new(x->tree, &x->sim);
    if (r == 0)
        r = collect_paths(x);
    if (r == 0)
        r = make_entries(x);
    if (r == 0)
        r = find_origins(x);
    if (r == 0)
        r = take_back(x, 0, x->from);
    if (r == 0)
        r = look_after(x);
    if (r == 0)
        r = take_back(x, x->from, x->end);
    if (r == 0)
        r = look_before(x);
    if (r == 0)
        r = look_left(x);
    return r < 0 ? r : tell_all(x, fn, arg);
}

/* --- calls --- */

/* Calls with other mounts see another tree, and are a group of their own. */
static size_t end_of_group(const struct undo_list *l, size_t from)
{
    size_t end = from + 1;
    while (end < l->count && undo_has_same_mounts(l->calls[from], l->calls[end]))
        end++;
    return end;
}

static size_t find_call(const struct undo_list *l, const char *name)
{
    size_t i = 0;
    while (i < l->count && strcmp(l->calls[i]->name, name) != 0)
        i++;
    return i;
}

static int note_call(json_t *about, const struct undo_call *c)
{
    int r = json_array_append_new(json_object_get(about, "calls"), json_string_nocheck(c->id));
    if (r == 0 && c->seal == NULL)
        r = json_array_append_new(json_object_get(about, "unknown"), json_string_nocheck(c->id));
    return r < 0 ? -ENOMEM : 0;
}

static int diff_calls(const struct undo_list *l, const char *only, undo_change_fn fn, void *arg,
                      json_t *about)
{
    size_t wanted = only ? find_call(l, only) : 0;
    for (size_t from = 0, end; from < l->count; from = end) {
        end = end_of_group(l, from);
        bool is_in = only == NULL || (wanted >= from && wanted < end);
        if (!is_in)
            continue;
        struct diffing x = {.tree = &l->calls[from]->tree,
                            .calls = l->calls + from,
                            .count = end - from,
                            .from = only ? wanted - from : 0,
                            .end = only ? wanted - from + 1 : end - from};
        int r = 0;
        for (size_t i = x.from; r == 0 && i < x.end; i++)
            r = note_call(about, x.calls[i]);
        if (r == 0)
            r = diff_group(&x, fn, arg);
        diffing_done(&x);
        if (r != 0)
            return r;
    }
    return 0;
}

static int diff_in(const struct undo_dirs *d, const char *call, undo_change_fn fn, void *arg,
                   json_t *about, struct fault *reterr)
{
    char only[STATE_NAME_SIZE];
    struct undo_list list = {0};
    if (call != NULL)
        state_safe_name(call, only);
    int r = undo_list_dropped(d, json_object_get(about, "dropped"));
    if (r == 0)
        r = undo_list_load(d, NULL, &list, reterr);
    if (r == 0 && (list.count == 0 || (call != NULL && find_call(&list, only) == list.count)))
        r = UNDO_NOTHING;
    if (r == 0)
        r = diff_calls(&list, call != NULL ? only : NULL, fn, arg, about);
    undo_list_done(&list);
    return r;
}

int undo_diff(struct state *s, const char *session, const char *call, undo_change_fn fn, void *arg,
              json_t **ret_about, struct fault *reterr)
{
    struct undo_dirs d = {-1, -1, -1, -1};
    struct fault fault = {0};
    auto_json json_t *about = json_pack("{s:[], s:[], s:[]}", "calls", "unknown", "dropped");
    if (about == NULL)
        return state_no_memory(reterr);
    int r = undo_dirs_open(s, session, false, &d);
    if (r == -ENOENT)
        r = UNDO_NOTHING;
    else if (r == 0)
        r = diff_in(&d, call, fn, arg, about, &fault);
    undo_dirs_done(&d);
    if (r < 0 && fault.code == 0)
        (void)fault_sys(&fault, -r, "cannot tell what session %s changed", session);
    if (r < 0 && reterr != NULL)
        *reterr = fault;
    if (r >= 0)
        *ret_about = take(about);
    return r;
}
