/* Undo, in three parts: load what calls have left to undo, newest first; decide everything by looking
 * only; then take the lines back one by one. Nothing is changed before all is decided. While it
 * changes files, each step is noted first, so that an undo that was killed is carried on by the next.
 * One undo per session at a time (a lock of its own, so that the session's owner may undo too). */
#include "host/state_private.h"
#include "host/undo_private.h"

#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { REPORT_MAX = 1000 };

struct undoing {
    struct undo_dirs dirs;
    struct undo_list list; /* own; newest first */
    const char *only;      /* file name of the one call that is wanted; NULL = all */
    size_t last;           /* so many of the newest; 0 = all */
    bool force;
    json_t *restored, *conflicts, *failed, *ids, *unknown, *dropped; /* own */
    struct fault fault;
};

static void undoing_done(struct undoing *u)
{
    undo_list_done(&u->list);
    json_t *all[] = {u->restored, u->conflicts, u->failed, u->ids, u->unknown, u->dropped};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        json_decref(all[i]);
    undo_dirs_done(&u->dirs);
}

/* --- decide --- */

static int report(json_t *list, const char *path, const char *why)
{
    if (json_array_size(list) >= REPORT_MAX)
        return 0;
    return json_array_append_new(list, json_pack("{s:s, s:s}", "path", path, "why", why)) < 0
               ? -ENOMEM
               : 0;
}

static int add_state(json_t *conflict, const char *key, const struct undo_state *state)
{
    json_t *o = NULL;
    int r = undo_state_to_json(state, &o);
    return r < 0 ? r : json_object_set_new(conflict, key, o) < 0 ? -ENOMEM : 0;
}

/* was, is: NULL where nobody knows. */
static int conflict(struct undoing *u, const struct undo_call *c, const char *path, const char *why,
                    const struct undo_state *was, const struct undo_state *is)
{
    int r = 0;
    if (json_array_size(u->conflicts) >= REPORT_MAX)
        return 0;
    json_t *o = json_pack("{s:s, s:s, s:s, s:[]}", "path", path, "why", why, "call", c->id, "by");
    if (o == NULL || json_array_append_new(u->conflicts, o) < 0)
        return -ENOMEM;
    if (was != NULL)
        r = add_state(o, "was", was);
    return r == 0 && is != NULL ? add_state(o, "is", is) : r;
}

static int compare_names(struct undo_sim *sim, const json_t *after, const char *path,
                         const char **ret_why)
{
    char hash[65];
    const char *sealed = json_string_value(json_object_get(after, "names_sha256"));
    if (sealed == NULL)
        return 0;
    int r = undo_sim_list_hash(sim, path, hash);
    if (r == 0 && strcmp(hash, sealed) != 0)
        *ret_why = "there are files in it that the call did not make, or some are gone";
    return r < 0 ? r : 0;
}

static int check_path(struct undoing *u, struct undo_sim *sim, const struct undo_call *c,
                      const json_t *after)
{
    const char *path = json_string_value(json_object_get(after, "path"));
    const char *why = NULL;
    struct undo_state was = {0}, is = {0};
    if (path == NULL)
        return -EINVAL;
    int r = undo_state_from_json(after, &was);
    if (r == 0)
        r = undo_sim_look(sim, path, &is);
    if (r == 0)
        why = undo_state_differs(&was, &is);
    if (r == 0 && why == NULL)
        r = compare_names(sim, after, path, &why);
    if (r == 0 && why != NULL)
        r = conflict(u, c, path, why, &was, &is);
    undo_state_done(&was);
    undo_state_done(&is);
    return r;
}

/* A call without a seal (all was killed): nobody wrote down what it left, so only what cannot be the
 * call's doing is seen: another kind of thing, or a link in the path. */
static int check_unsealed(struct undoing *u, struct undo_sim *sim, const struct undo_call *c,
                          const struct undo_line *line)
{
    struct undo_state is = {0};
    const char *path = line->op == UNDO_LINK || line->op == UNDO_RENAME ? line->to : line->path;
    bool makes_dir = line->op == UNDO_MKDIR;
    int r = undo_sim_look(sim, path, &is);
    if (r == 0 && is.is_out_of_reach)
        r = conflict(u, c, path, undo_state_differs(&is, &is), NULL, &is);
    else if (r == 0 && is.kind != UNDO_NONE && line->op != UNDO_RENAME && line->op != UNDO_RMDIR &&
             (is.kind == UNDO_DIR) != makes_dir)
        r = conflict(u, c, path, "something of another kind stands there", NULL, &is);
    undo_state_done(&is);
    return r;
}

static int check_image(struct undoing *u, const struct undo_call *c, const struct undo_line *line)
{
    char name[24];
    if (line->kind != UNDO_FILE)
        return 0;
    (void)snprintf(name, sizeof(name), "%lld", (long long)line->n);
    auto_close int fd = undo_open_regular(c->dir_fd, name);
    return fd < 0 ? conflict(u, c, line->path, "its before-image is missing", NULL, NULL) : 0;
}

static int decide_call(struct undoing *u, struct undo_sim *sim, const struct undo_call *c)
{
    size_t i;
    const json_t *after, *list = json_object_get(c->seal, "after");
    int r = 0;
    bool goes_on = c->steps_done >= 0; /* it was decided when that undo began */
    json_array_foreach(list, i, after)
    {
        if (!goes_on && (r = check_path(u, sim, c, after)) < 0)
            return r;
    }
    for (size_t n = c->log.count; n > 0; n--) {
        const struct undo_line *line = &c->log.lines[n - 1];
        char hash[65];
        if (!goes_on && c->seal == NULL)
            r = check_unsealed(u, sim, c, line);
        if (r == 0 && !goes_on)
            r = check_image(u, c, line);
        undo_call_image_hash(c, line, hash);
        if (r == 0)
            r = undo_sim_take_back(sim, line, hash);
        if (r < 0)
            return r;
    }
    return 0;
}

/* All calls of a session see the same tree: the mounts of the newest are taken for looking, and a call
 * with other mounts is decided by itself. */
static int decide(struct undoing *u)
{
    auto_(undo_sim) struct undo_sim *sim = NULL;
    struct undo_call *base = NULL;
    for (size_t i = 0; i < u->list.count; i++) {
        struct undo_call *c = u->list.calls[i];
        if (base == NULL || !undo_has_same_mounts(base, c)) {
            undo_sim_free(sim);
            sim = NULL;
            base = c;
            int made = undo_sim_new(&c->tree, &sim);
            if (made < 0)
                return made;
        }
        int r = decide_call(u, sim, c);
        if (r == 0 && json_array_append_new(u->ids, json_string_nocheck(c->id)) < 0)
            r = -ENOMEM;
        if (r == 0 && c->seal == NULL &&
            json_array_append_new(u->unknown, json_string_nocheck(c->id)) < 0)
            r = -ENOMEM;
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- do --- */

static const char *restored_path(const struct undo_line *line)
{
    return line->op == UNDO_LINK ? line->to : line->path;
}

static int note_restored(struct undoing *u, const struct undo_line *line)
{
    size_t i;
    const json_t *path;
    if (json_array_size(u->restored) >= REPORT_MAX)
        return 0;
    json_array_foreach(u->restored, i, path)
    {
        if (strcmp(json_string_value(path), restored_path(line)) == 0)
            return 0;
    }
    return json_array_append_new(u->restored, json_string(restored_path(line))) < 0 ? -ENOMEM : 0;
}

static bool would_do_something(const struct undo_line *line)
{
    return line->op != UNDO_DELETE || line->kind != UNDO_NONE;
}

static int list_only(struct undoing *u)
{
    for (size_t i = 0; i < u->list.count; i++) {
        const struct undo_call *c = u->list.calls[i];
        for (size_t n = c->log.count; n > 0; n--) {
            if (would_do_something(&c->log.lines[n - 1]) &&
                note_restored(u, &c->log.lines[n - 1]) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

static int note_step(int fd, size_t number)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%zu\n", number);
    return os_write_all(fd, (struct str){text, n > 0 ? (size_t)n : 0});
}

static int take_step(struct undoing *u, const struct undo_call *c, size_t number)
{
    const struct undo_line *line = &c->log.lines[number];
    const char *why = "";
    int r = undo_step(c, line, u->force, &why);
    if (r < 0)
        return fault_sys(&u->fault, -r, "undo of call %s stopped at %s, %zu of %zu steps are left",
                         c->id, restored_path(line), number + 1, c->log.count);
    if (r == UNDO_STEP_FAILED)
        return report(u->failed, restored_path(line), why);
    return r == UNDO_STEP_DONE ? note_restored(u, line) : 0;
}

static int take_steps(struct undoing *u, struct undo_call *c)
{
    char name[STATE_NAME_SIZE + 16];
    size_t from = c->log.count;
    /* Step 0 noted: all were taken and some failed; all are taken again, which does no harm. */
    if (c->steps_done > 0 && (size_t)c->steps_done < c->log.count)
        from = (size_t)c->steps_done + 1;
    (void)snprintf(name, sizeof(name), "%s.steps", c->name);
    auto_close int fd =
        os_open_at(u->dirs.seal, name, O_WRONLY | O_CREAT | O_APPEND, 0600, OS_NO_LINKS);
    if (fd < 0)
        return fault_sys(&u->fault, -fd, "cannot note the steps of an undo");
    for (size_t n = from; n > 0; n--) {
        int r = note_step(fd, n - 1);
        if (r < 0)
            r = fault_sys(&u->fault, -r, "cannot note the steps of an undo");
        if (r == 0)
            r = take_step(u, c, n - 1);
        if (r < 0) {
            fault_next(&u->fault,
                       "mend that and run the same undo again: it goes on where it stopped");
            return r;
        }
    }
    return 0;
}

/* Marked first, removed after: images that stay behind a kill do no harm. */
static int mark_undone(struct undoing *u, struct undo_call *c)
{
    char name[STATE_NAME_SIZE + 16];
    (void)snprintf(name, sizeof(name), "%s.undone", c->name);
    int r = os_write_file_at(u->dirs.seal, name, STR("1\n"), 0600, true);
    if (r < 0)
        return fault_sys(&u->fault, -r, "cannot note that call %s was undone", c->id);
    r = os_remove_tree(c->is_sealed ? u->dirs.sealed : u->dirs.work, c->name);
    (void)snprintf(name, sizeof(name), "%s.steps", c->name);
    if (r == 0)
        r = os_unlink_at(u->dirs.seal, name, 0);
    return r == -ENOMEM ? r : 0;
}

static int carry_out(struct undoing *u)
{
    for (size_t i = 0; i < u->list.count; i++) {
        size_t failed = json_array_size(u->failed);
        int r = take_steps(u, u->list.calls[i]);
        /* What could not be restored keeps its images, until somebody forces it. */
        if (r == 0 && (u->force || json_array_size(u->failed) == failed))
            r = mark_undone(u, u->list.calls[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int lock_undo(struct undoing *u, const char *session, int *ret_fd)
{
    auto_close int fd =
        os_open_at(u->dirs.session, "undo.lock", O_RDWR | O_CREAT, 0600, OS_NO_LINKS);
    if (fd < 0)
        return fault_sys(&u->fault, -fd, "cannot open the undo lock of session %s", session);
    int r = os_lock_exclusive(fd);
    if (r == 1)
        return fault_set(&u->fault, FAULT_BUSY, "another process is undoing session %s", session);
    if (r == 0)
        *ret_fd = take_fd(&fd);
    return r;
}

static int run(struct undoing *u, const char *session, bool dry_run)
{
    auto_close int lock_fd = -1;
    int r = lock_undo(u, session, &lock_fd);
    if (r == 0)
        r = undo_list_dropped(&u->dirs, u->dropped);
    if (r == 0)
        r = undo_list_load(&u->dirs, u->only, &u->list, &u->fault);
    if (r == 0 && u->last > 0)
        r = undo_last_choose(&u->dirs, u->last, u->list.calls, &u->list.count);
    if (r < 0 || u->list.count == 0)
        return r < 0 ? r : UNDO_NOTHING;
    r = decide(u);
    if (r < 0)
        return r;
    if (json_array_size(u->conflicts) > 0 && !u->force) {
        r = undo_name_later_calls(&u->dirs, u->list.calls, u->list.count, u->conflicts);
        return r < 0 ? r : UNDO_CONFLICT;
    }
    if (dry_run)
        return list_only(u);
    r = u->last > 0 ? undo_last_begin(&u->dirs, u->list.calls, u->list.count) : 0;
    if (r == 0)
        r = carry_out(u);
    return r == 0 && u->last > 0 ? undo_last_end(&u->dirs) : r;
}

static int make_report(const struct undoing *u, json_t **ret_report)
{
    json_t *all = json_pack("{s:O, s:O, s:O, s:O, s:O, s:O}", "restored", u->restored, "conflicts",
                            u->conflicts, "failed", u->failed, "calls", u->ids, "unknown",
                            u->unknown, "dropped", u->dropped);
    if (all == NULL)
        return -ENOMEM;
    *ret_report = all;
    return 0;
}

int undo_apply(struct state *s, const char *session, const struct undo_want *want,
               json_t **ret_report, struct fault *reterr)
{
    char only[STATE_NAME_SIZE];
    struct undoing u = {.dirs = {-1, -1, -1, -1},
                        .last = want->last,
                        .force = want->force,
                        .restored = json_array(),
                        .conflicts = json_array(),
                        .failed = json_array(),
                        .ids = json_array(),
                        .unknown = json_array(),
                        .dropped = json_array()};
    if (want->call != NULL) {
        state_safe_name(want->call, only);
        u.only = only;
    }
    int r = u.restored && u.conflicts && u.failed && u.ids && u.unknown && u.dropped ? 0 : -ENOMEM;
    if (r == 0)
        r = undo_dirs_open(s, session, false, &u.dirs);
    if (r == -ENOENT)
        r = UNDO_NOTHING;
    else if (r == 0)
        r = run(&u, session, want->dry_run);
    if (r >= 0) {
        int made = make_report(&u, ret_report);
        r = made < 0 ? made : r;
    }
    if (r < 0 && u.fault.code == 0)
        (void)fault_sys(&u.fault, -r, "cannot undo in session %s", session);
    if (r < 0 && reterr != NULL)
        *reterr = u.fault;
    undoing_done(&u);
    return r;
}
