/* The tree as it would be, without touching it. Undo of many calls is decided as a whole before the
 * first file changes: what an older call left must be compared with what will stand there once the
 * newer calls are taken back. The same answers what stood there before a call, for its receipt.
 *
 * A simulation is a list of events, each "from now on `path` is so" or "from now on what was at `from`
 * is at `to`". Looking up a path walks back from the newest event; a move changes the path that is
 * looked for; behind the oldest event stands the real tree. Events are found by the paths they name,
 * so that a log of many lines, which a guest can make, costs no square of it. */
#include "host/undo_private.h"

#include "base/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* HOPS_MAX: far above what any honest call needs; bounds what a log made for it can cost us. */
enum { NAMES_TEXT_MAX = 64 << 20, HOPS_MAX = 4 * 1000 * 1000, PATH_ROOM = UNDO_PATH_MAX * 2 + 2 };
enum { AT_TREE = 0, BY_EVENT = 1, TOO_FAR = 2 };

struct event {
    bool is_move;
    char *path, *to;           /* own; to only for moves */
    struct undo_state state;   /* own */
    int64_t before, before_to; /* the event before this one that names path (to), -1 = none */
    /* A move, followed to its start once, when it is made: a file that a guest renames ten thousand
     * times is still found in one step. decided: as resolve() gives it; at: the path then. */
    char *at; /* own */
    int64_t event;
    int decided;
};

struct undo_sim {
    struct undo_tree *tree;
    struct event *events;
    size_t count, room;
    int64_t hops; /* steps through moves that may still be taken */
    json_t *last; /* own: path -> number of the newest event that names it */
    const struct undo_call *of;
};

int undo_sim_new(struct undo_tree *tree, struct undo_sim **ret)
{
    struct undo_sim *sim = calloc(1, sizeof(*sim));
    if (sim == NULL || (sim->last = json_object()) == NULL) {
        free(sim);
        return -ENOMEM;
    }
    sim->tree = tree;
    sim->hops = HOPS_MAX;
    *ret = sim;
    return 0;
}

void undo_sim_free(struct undo_sim *sim)
{
    if (sim == NULL)
        return;
    for (size_t i = 0; i < sim->count; i++) {
        free(sim->events[i].path);
        free(sim->events[i].to);
        free(sim->events[i].at);
        undo_state_done(&sim->events[i].state);
    }
    free(sim->events);
    json_decref(sim->last);
    free(sim);
}

static int64_t newest(const struct undo_sim *sim, const char *path)
{
    const json_t *number = json_object_get(sim->last, path);
    return number ? (int64_t)json_integer_value(number) : -1;
}

static struct event *new_event(struct undo_sim *sim)
{
    if (sim->count == sim->room) {
        size_t room = sim->room ? sim->room * 2 : 64, bytes = 0;
        struct event *more =
            size_mul(room, sizeof(*more), &bytes) ? realloc(sim->events, bytes) : NULL;
        if (more == NULL)
            return NULL;
        sim->events = more;
        sim->room = room;
    }
    sim->events[sim->count] = (struct event){.before = -1, .before_to = -1};
    return &sim->events[sim->count++];
}

static int name_event(struct undo_sim *sim, const char *path, int64_t *ret_before)
{
    *ret_before = newest(sim, path);
    return json_object_set_new(sim->last, path, json_integer((json_int_t)sim->count - 1)) < 0
               ? -ENOMEM
               : 0;
}

int undo_sim_set(struct undo_sim *sim, const char *path, const struct undo_state *state)
{
    struct event *e = new_event(sim);
    if (e == NULL || (e->path = str_dup(str_of(path))) == NULL ||
        undo_state_copy(state, &e->state) < 0)
        return -ENOMEM;
    return name_event(sim, path, &e->before);
}

/* The newest event before `limit` that names exactly path. */
static int64_t find_at(const struct undo_sim *sim, const char *path, int64_t limit)
{
    int64_t i = newest(sim, path);
    while (i >= limit && i >= 0) {
        const struct event *e = &sim->events[i];
        int64_t next = e->is_move && strcmp(e->to, path) == 0 ? e->before_to : e->before;
        i = next < i ? next : (e->before < i ? e->before : -1);
    }
    return i;
}

/* The newest event before `limit` that decides about path: a set of itself, or a move of itself or of
 * a folder above it. *ret_len is how much of path the event names. */
static int64_t find_event(const struct undo_sim *sim, const char *path, int64_t limit,
                          size_t *ret_len)
{
    char above[UNDO_PATH_MAX + 1];
    size_t len = strlen(path);
    int64_t best = find_at(sim, path, limit);
    *ret_len = len;
    if (len > UNDO_PATH_MAX)
        return best;
    memcpy(above, path, len + 1);
    for (char *slash; (slash = strrchr(above, '/')) != NULL && slash != above;) {
        *slash = '\0';
        int64_t i = find_at(sim, above, limit);
        while (i >= 0 && !sim->events[i].is_move)
            i = find_at(sim, above, i);
        if (i > best) {
            best = i;
            *ret_len = strlen(above);
        }
    }
    return best;
}

static bool is_at_or_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Follows path back through the moves. BY_EVENT: event *ret_event decides (-1: nothing stands there);
 * AT_TREE: the real tree decides, at path; TOO_FAR: nobody can tell in sensible time. */
static int resolve(struct undo_sim *sim, char path[PATH_ROOM], int64_t *ret_event)
{
    int64_t limit = (int64_t)sim->count;
    for (;;) {
        size_t len = 0;
        int64_t i = find_event(sim, path, limit, &len);
        if (i < 0)
            return AT_TREE;
        const struct event *e = &sim->events[i];
        *ret_event = i;
        if (!e->is_move)
            return BY_EVENT;
        if (!is_at_or_below(path, e->to)) {
            *ret_event = -1; /* moved away */
            return BY_EVENT;
        }
        size_t top = strlen(e->to), rest = strlen(path) - top, from = strlen(e->path);
        if (rest == 0) {
            *ret_event = e->event;
            memcpy(path, e->at, strlen(e->at) + 1);
            return e->decided;
        }
        if (from + rest + 1 > PATH_ROOM || sim->hops-- <= 0)
            return TOO_FAR;
        memmove(path + from, path + top, rest + 1);
        memcpy(path, e->path, from);
        limit = i;
    }
}

int undo_sim_move(struct undo_sim *sim, const char *from, const char *to)
{
    char at[PATH_ROOM];
    int64_t event = -1;
    (void)snprintf(at, sizeof(at), "%s", from);
    int decided = resolve(sim, at, &event);
    struct event *e = new_event(sim);
    if (e == NULL || (e->path = str_dup(str_of(from))) == NULL ||
        (e->to = str_dup(str_of(to))) == NULL || (e->at = str_dup(str_of(at))) == NULL)
        return -ENOMEM;
    e->is_move = true;
    e->event = event;
    e->decided = decided;
    int r = name_event(sim, from, &e->before);
    return r < 0 ? r : name_event(sim, to, &e->before_to);
}

void undo_sim_is_of(struct undo_sim *sim, const struct undo_call *call)
{
    sim->of = call;
}

static int look(struct undo_sim *sim, const char *path, struct undo_state *ret, char at[PATH_ROOM],
                bool *ret_real)
{
    int64_t event = -1;
    (void)snprintf(at, PATH_ROOM, "%s", path);
    int decided = resolve(sim, at, &event);
    *ret_real = decided == AT_TREE;
    if (decided == AT_TREE)
        return undo_tree_look(sim->tree, at, ret);
    if (decided == BY_EVENT && event >= 0)
        return undo_state_copy(&sim->events[event].state, ret);
    *ret = (struct undo_state){.kind = decided == TOO_FAR ? UNDO_OTHER : UNDO_NONE,
                               .is_out_of_reach = decided == TOO_FAR};
    return 0;
}

int undo_sim_look(struct undo_sim *sim, const char *path, struct undo_state *ret)
{
    char at[PATH_ROOM];
    bool is_real;
    return look(sim, path, ret, at, &is_real);
}

int undo_sim_find(struct undo_sim *sim, const char *path, struct undo_state *ret, char **ret_at)
{
    char at[PATH_ROOM];
    bool is_real;
    int r = look(sim, path, ret, at, &is_real);
    *ret_at = r == 0 && is_real ? str_dup(str_of(at)) : NULL;
    if (r < 0 || !is_real || *ret_at != NULL)
        return r;
    undo_state_done(ret);
    return -ENOMEM;
}

/* Adds or removes the last name of path in names, when its folder is `folder`. */
static int adjust(struct undo_sim *sim, json_t *names, const char *folder, const char *path)
{
    struct undo_state state = {0};
    size_t len = strlen(folder);
    if (strncmp(path, folder, len) != 0 || path[len] != '/' || strchr(path + len + 1, '/') != NULL)
        return 0;
    int r = undo_sim_look(sim, path, &state);
    if (r == 0 && state.kind == UNDO_NONE)
        (void)json_object_del(names, path + len + 1);
    else if (r == 0 && json_object_set_new(names, path + len + 1, json_true()) < 0)
        r = -ENOMEM;
    undo_state_done(&state);
    return r;
}

int undo_sim_list(struct undo_sim *sim, const char *path, json_t **ret)
{
    char at[PATH_ROOM];
    int64_t event = -1;
    auto_json json_t *names = NULL;
    (void)snprintf(at, sizeof(at), "%s", path);
    bool is_real = resolve(sim, at, &event) == AT_TREE;
    int r = is_real ? undo_tree_list(sim->tree, at, &names) : 1;
    if (r < 0)
        return r;
    if (r == 1 && (is_real || event < 0 || sim->events[event].state.kind != UNDO_DIR))
        return 1;
    if (names == NULL && (names = json_object()) == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < sim->count; i++) {
        r = adjust(sim, names, path, sim->events[i].path);
        if (r == 0 && sim->events[i].is_move)
            r = adjust(sim, names, path, sim->events[i].to);
        if (r < 0)
            return r;
    }
    *ret = take(names);
    return 0;
}

int undo_sim_list_hash(struct undo_sim *sim, const char *path, char ret_hex[65])
{
    auto_json json_t *names = NULL;
    struct buf text;
    struct digest digest;
    int r = undo_sim_list(sim, path, &names);
    if (r != 0)
        return r;
    buf_init(&text, NAMES_TEXT_MAX);
    r = json_print_canonical(names, &text);
    if (r == 0)
        r = buf_error(&text);
    if (r == 0) {
        digest_sha256(buf_str(&text).at, text.len, &digest);
        digest_hex(&digest, ret_hex);
    }
    buf_done(&text);
    return r;
}

/* The name goes back only where the move is seen: the old name is free and the new one is not. */
static int take_back_rename(struct undo_sim *sim, const struct undo_line *line)
{
    struct undo_state from = {0}, to = {0};
    int r = undo_sim_look(sim, line->path, &from);
    if (r == 0)
        r = undo_sim_look(sim, line->to, &to);
    if (r == 0 && from.kind == UNDO_NONE && to.kind != UNDO_NONE)
        r = undo_sim_move(sim, line->to, line->path);
    undo_state_done(&from);
    undo_state_done(&to);
    return r;
}

static int take_back_delete(struct undo_sim *sim, const struct undo_line *line,
                            const char *image_sha256)
{
    struct undo_state state = {
        .kind = line->kind, .mode = line->mode, .image_of = sim->of, .image = line->n};
    char target[UNDO_PATH_MAX + 1];
    if (line->kind == UNDO_NONE)
        return 0; /* made in the same call: the line that made it takes it back */
    if (line->kind == UNDO_SYMLINK) {
        (void)snprintf(target, sizeof(target), "%s", line->target);
        state.target = target;
        state.mode = 0;
    }
    (void)snprintf(state.sha256, sizeof(state.sha256), "%s",
                   line->kind == UNDO_FILE ? image_sha256 : "");
    return undo_sim_set(sim, line->path, &state);
}

int undo_sim_take_back(struct undo_sim *sim, const struct undo_line *line, const char *image_sha256)
{
    static const struct undo_state nothing;
    switch (line->op) {
    case UNDO_CREATE:
    case UNDO_MKDIR: return undo_sim_set(sim, line->path, &nothing);
    case UNDO_LINK: return undo_sim_set(sim, line->to, &nothing);
    case UNDO_RENAME: return take_back_rename(sim, line);
    case UNDO_WRITE:
    case UNDO_DELETE:
    case UNDO_RMDIR: return take_back_delete(sim, line, image_sha256);
    }
    return 0;
}
