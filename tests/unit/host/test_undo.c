#include "scratch.h"

#include "host/state_private.h"
#include "host/undo_private.h"

/* --- a stand-in for the worker: image, line, effect, in that order (docs/undo.md) --- */

struct job {
    struct scratch *x;
    struct state *s;
    char session[SESSION_ID_SIZE], call[32];
    int lock, work_fd, folder, n;
    struct undo_mount mounts[2];
};

static void begin_call(struct job *j, const char *call)
{
    (void)snprintf(j->call, sizeof(j->call), "%s", call);
    j->n = 0;
    assert_ok(undo_begin(j->s, j->session, call, j->mounts, 2, &j->folder, &scratch_fault));
}

static struct job start(void **given)
{
    struct job j = {.x = *given, .s = scratch_open(), .lock = -1};
    assert_ok(session_begin(j.s, j.x->work, "m", "p", 0, j.session, &j.lock, &scratch_fault));
    j.work_fd = open(j.x->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    j.mounts[0] = (struct undo_mount){"/", j.x->work, j.work_fd, true};
    j.mounts[1] = (struct undo_mount){"/ro", "/usr", j.work_fd, false};
    begin_call(&j, "call-1");
    return j;
}

static void finish(struct job *j)
{
    close(j->work_fd);
    close(j->lock);
    state_free(j->s);
}

static void raw(struct job *j, const char *line)
{
    int fd = openat(j->folder, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, line, strlen(line)), strlen(line));
    close(fd);
}

/* path and to are relative to the work folder, without the slash. */
static void line(struct job *j, const char *op, const char *path, const char *to)
{
    struct stat st;
    char text[1024], target[256] = "", name[16], *bytes = NULL;
    bool has_before =
        (strcmp(op, "write") == 0 || strcmp(op, "delete") == 0 || strcmp(op, "rmdir") == 0) &&
        fstatat(j->work_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    (void)snprintf(name, sizeof(name), "%d", j->n);
    if (has_before && S_ISREG(st.st_mode)) {
        bytes = scratch_read(j->x->work, path);
        int fd = openat(j->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
        close(fd);
        free(bytes);
    }
    if (has_before && S_ISLNK(st.st_mode))
        assert_true(readlinkat(j->work_fd, path, target, sizeof(target) - 1) > 0);
    json_t *o =
        json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o}", "n", j->n++, "op", op, "path",
                  json_sprintf("/%s", path), "to", to ? json_sprintf("/%s", to) : json_null(),
                  "mode", has_before ? json_integer(st.st_mode & 07777) : json_null(), "kind",
                  has_before ? json_string(S_ISREG(st.st_mode)   ? "file"
                                           : S_ISDIR(st.st_mode) ? "dir"
                                                                 : "link")
                             : json_null(),
                  "target", target[0] ? json_string(target) : json_null());
    char *printed = json_dumps(o, JSON_COMPACT);
    (void)snprintf(text, sizeof(text), "%s\n", printed);
    raw(j, text);
    free(printed);
    json_decref(o);
}

static void w_write(struct job *j, const char *path, const char *text)
{
    struct stat st;
    bool is_new = fstatat(j->work_fd, path, &st, 0) < 0;
    line(j, is_new ? "create" : "write", path, NULL);
    scratch_write(j->x->work, path, text, is_new ? 0644 : st.st_mode & 07777);
}

static void w_delete(struct job *j, const char *path)
{
    line(j, "delete", path, NULL);
    assert_int_equal(unlinkat(j->work_fd, path, 0), 0);
}

static void w_mkdir(struct job *j, const char *path)
{
    line(j, "mkdir", path, NULL);
    assert_int_equal(mkdirat(j->work_fd, path, 0755), 0);
}

static void w_rmdir(struct job *j, const char *path)
{
    line(j, "rmdir", path, NULL);
    assert_int_equal(unlinkat(j->work_fd, path, AT_REMOVEDIR), 0);
}

static void w_rename(struct job *j, const char *from, const char *to)
{
    struct stat st;
    if (fstatat(j->work_fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
        line(j, S_ISDIR(st.st_mode) ? "rmdir" : "delete", to, NULL);
    line(j, "rename", from, to);
    assert_int_equal(renameat(j->work_fd, from, j->work_fd, to), 0);
}

static void w_symlink(struct job *j, const char *target, const char *path)
{
    line(j, "create", path, NULL);
    assert_int_equal(symlinkat(target, j->work_fd, path), 0);
}

static void w_link(struct job *j, const char *from, const char *to)
{
    line(j, "link", from, to);
    assert_int_equal(linkat(j->work_fd, from, j->work_fd, to, 0), 0);
}

static json_t *seal(struct job *j)
{
    json_t *touched = NULL;
    assert_ok(undo_seal(j->s, j->session, j->call, j->mounts, 2, &touched, &scratch_fault));
    return touched;
}

static void sealed(struct job *j)
{
    json_decref(seal(j));
    close(j->folder);
}

/* --- looking --- */

/* The whole work folder as text: one line per entry, sorted. */
static char *picture(struct job *j)
{
    char command[600];
    static char text[1 << 16];
    (void)snprintf(
        command, sizeof(command),
        "cd '%s' && find . -mindepth 1 \\( -type f -printf '%%P %%m file ' -exec cat {} \\; -printf '\\n' \\)"
        " -o \\( -type l -printf '%%P link %%l\\n' \\) -o -printf '%%P %%m %%y\\n' | sort",
        j->x->work);
    FILE *p = popen(command, "re");
    size_t n = fread(text, 1, sizeof(text) - 1, p);
    text[n] = '\0';
    pclose(p);
    return strdup(text);
}

static void undo_gives_back(struct job *j, const char *call, const char *wanted)
{
    json_t *report = NULL;
    int r =
        undo_apply(j->s, j->session, &(struct undo_want){.call = call}, &report, &scratch_fault);
    char *now = picture(j);
    if (r != 0 || strcmp(now, wanted) != 0 ||
        json_array_size(json_object_get(report, "failed")) > 0)
        fail_msg("undo %d %s %s\n--- wanted\n%s--- got\n%s", r, r < 0 ? scratch_fault.text : "",
                 report ? json_dumps(report, 0) : "", wanted, now);
    free(now);
    json_decref(report);
}

static json_t *undo_conflicts(struct job *j, const char *call)
{
    json_t *report = NULL;
    char *before = picture(j);
    int r =
        undo_apply(j->s, j->session, &(struct undo_want){.call = call}, &report, &scratch_fault);
    if (r != UNDO_CONFLICT)
        fail_msg("undo: %d %s", r, r < 0 ? scratch_fault.text : "");
    char *after = picture(j);
    assert_string_equal(before, after); /* nothing was changed */
    free(before);
    free(after);
    return report;
}

static void conflict_says(struct job *j, const char *call, const char *path, const char *why)
{
    json_t *report = undo_conflicts(j, call),
           *first = json_array_get(json_object_get(report, "conflicts"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "path")), path);
    if (!strstr(json_string_value(json_object_get(first, "why")), why))
        fail_msg("%s: %s", path, json_string_value(json_object_get(first, "why")));
    json_decref(report);
}

static void a_usual_tree(struct job *j)
{
    mkdirat(j->work_fd, "src", 0755);
    mkdirat(j->work_fd, "empty", 0700);
    scratch_write(j->x->work, "a.txt", "A", 0640);
    scratch_write(j->x->work, "b.txt", "B", 0644);
    scratch_write(j->x->work, "run.sh", "#!", 0755);
    scratch_write(j->x->work, "src/c.c", "C", 0600);
    assert_int_equal(symlinkat("a.txt", j->work_fd, "link"), 0);
}

/* --- each kind of change --- */

static void each_kind_of_change_comes_back(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    char *before = picture(&j);
    w_write(&j, "a.txt", "AAA");
    w_write(&j, "run.sh", "#!/bin/sh");
    w_write(&j, "new.txt", "N");
    w_delete(&j, "b.txt");
    w_delete(&j, "link");
    w_symlink(&j, "b.txt", "link2");
    w_rmdir(&j, "empty");
    w_mkdir(&j, "dir");
    w_mkdir(&j, "dir/sub");
    w_write(&j, "dir/sub/x", "X");
    w_rename(&j, "src/c.c", "dir/d.c");
    w_link(&j, "a.txt", "hard");
    sealed(&j);
    undo_gives_back(&j, NULL, before);
    json_t *report = NULL;
    assert_int_equal(undo_apply(j.s, j.session, &(struct undo_want){0}, &report, &scratch_fault),
                     UNDO_NOTHING);
    json_decref(report);
    free(before);
    finish(&j);
}

static void renames_over_things_and_of_whole_folders_come_back(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    char *before = picture(&j);
    w_rename(&j, "a.txt", "b.txt");
    w_write(&j, "a.txt", "new A");
    w_rename(&j, "src", "empty");
    w_write(&j, "empty/c.c", "changed");
    w_rename(&j, "empty", "moved");
    w_write(&j, "moved/more.c", "M");
    w_rename(&j, "moved", "again");
    w_rename(&j, "run.sh", "again/run.sh");
    w_delete(&j, "again/run.sh");
    sealed(&j);
    undo_gives_back(&j, "call-1", before);
    free(before);
    finish(&j);
}

static void what_comes_and_goes_in_one_call_leaves_no_trace(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    char *before = picture(&j), path[300];
    struct stat st;
    w_mkdir(&j, "t");
    w_rmdir(&j, "t");
    json_t *touched = seal(&j);
    assert_int_equal(json_array_size(touched), 0);
    json_decref(touched);
    assert_int_equal(
        stat(scratch_path(path, "%s/undo/%s/sealed/call-1", j.x->state, j.session), &st), -1);
    json_t *report = NULL;
    assert_int_equal(undo_apply(j.s, j.session, &(struct undo_want){0}, &report, &scratch_fault),
                     UNDO_NOTHING);
    json_decref(report);
    begin_call(&j, "call-2"); /* and a call that changes nothing */
    touched = seal(&j);
    assert_int_equal(json_array_size(touched), 0);
    json_decref(touched);
    assert_int_equal(stat(scratch_path(path, "%s/undo/%s/work/call-2", j.x->state, j.session), &st),
                     -1);
    free(before);
    finish(&j);
}

static void the_receipt_says_what_was_touched(void **given)
{
    static const char *const wanted[][2] = {
        {"/a.txt", "write"},    {"/new", "create"}, {"/b.txt", "delete"},
        {"/src/c.c", "rename"}, {"/d.c", "create"}, {"/dir", "mkdir"},
    };
    struct job j = start(given);
    a_usual_tree(&j);
    w_write(&j, "a.txt", "AAA");
    w_write(&j, "new", "");
    w_delete(&j, "b.txt");
    w_rename(&j, "src/c.c", "d.c");
    w_mkdir(&j, "dir");
    json_t *touched = seal(&j);
    assert_int_equal(json_array_size(touched), 6);
    for (size_t i = 0; i < 6; i++) {
        const json_t *o = json_array_get(touched, i);
        assert_string_equal(json_string_value(json_object_get(o, "path")), wanted[i][0]);
        assert_string_equal(json_string_value(json_object_get(o, "op")), wanted[i][1]);
    }
    /* sha256 of "A", of "", of "C" */
    const json_t *a = json_array_get(touched, 0), *n = json_array_get(touched, 1),
                 *c = json_array_get(touched, 3);
    assert_string_equal(json_string_value(json_object_get(a, "before_sha256")),
                        "559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd");
    assert_true(json_is_null(json_object_get(n, "before_sha256")));
    assert_string_equal(json_string_value(json_object_get(n, "after_sha256")),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(json_string_value(json_object_get(c, "to")), "/d.c");
    assert_string_equal(json_string_value(json_object_get(c, "before_sha256")),
                        "6b23c0d5f35d1b11f9b683f0b0a617355deb11277d91ae091d399c655b87940d");
    json_decref(touched);
    finish(&j);
}

static void a_failed_effect_is_left_out(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    char *before = picture(&j);
    line(&j, "delete", "a.txt", NULL);
    raw(&j, "{\"n\":0,\"op\":\"void\"}\n");
    w_write(&j, "b.txt", "BB");
    sealed(&j);
    undo_gives_back(&j, NULL, before);
    free(before);
    finish(&j);
}

/* --- several calls --- */

static void a_session_is_undone_newest_first_and_calls_one_by_one(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    char *zero = picture(&j);
    w_write(&j, "a.txt", "A1");
    w_mkdir(&j, "d");
    sealed(&j);
    char *one = picture(&j);
    begin_call(&j, "call-2");
    w_write(&j, "a.txt", "A2");
    w_write(&j, "d/x", "X");
    sealed(&j);
    char *two = picture(&j);
    begin_call(&j, "call-3");
    w_rename(&j, "d", "e");
    w_write(&j, "e/x", "XX");
    w_delete(&j, "a.txt");
    sealed(&j);
    conflict_says(&j, "call-1", "/a.txt", "removed since"); /* newer calls stand on it */
    conflict_says(&j, "call-2", "/a.txt", "removed since");
    undo_gives_back(&j, "call-3", two);
    undo_gives_back(&j, "call-2", one);
    begin_call(&j, "call-4");
    w_write(&j, "b.txt", "B4");
    sealed(&j);
    undo_gives_back(&j, NULL, zero);
    free(zero);
    free(one);
    free(two);
    finish(&j);
}

static void order_is_kept_by_a_later_process(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    char *zero = picture(&j);
    w_write(&j, "a.txt", "A1");
    sealed(&j);
    state_free(j.s);
    j.s = scratch_open();
    begin_call(&j, "a-name-that-sorts-first");
    w_write(&j, "a.txt", "A2");
    sealed(&j);
    undo_gives_back(&j, NULL, zero);
    free(zero);
    finish(&j);
}

static void the_last_calls_are_undone_and_no_others(void **given)
{
    struct job j = start(given);
    json_t *report = NULL;
    char *pictures[4];
    a_usual_tree(&j);
    for (int i = 0; i < 4; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "n%d", i);
        if (i > 0)
            begin_call(&j, name);
        w_write(&j, "a.txt", name);
        if (i % 2 == 0)
            w_write(&j, name, "new");
        sealed(&j);
        pictures[i] = picture(&j);
    }
    begin_call(&j, "looks-only"); /* changed nothing: is not counted */
    sealed(&j);
    assert_ok(undo_apply(j.s, j.session, &(struct undo_want){.last = 2}, &report, &scratch_fault));
    char *now = picture(&j);
    assert_string_equal(now, pictures[1]);
    assert_int_equal(json_array_size(json_object_get(report, "calls")), 2);
    json_decref(report);
    free(now);
    assert_ok(undo_apply(j.s, j.session, &(struct undo_want){.last = 1}, &report, &scratch_fault));
    now = picture(&j);
    assert_string_equal(now, pictures[0]);
    json_decref(report);
    free(now);
    for (int i = 0; i < 4; i++)
        free(pictures[i]);
    finish(&j);
}

/* --- space --- */

static json_t *undo_all(struct job *j, int wanted)
{
    json_t *report = NULL;
    assert_int_equal(undo_apply(j->s, j->session, &(struct undo_want){0}, &report, &scratch_fault),
                     wanted);
    return report;
}

static void the_oldest_calls_give_way_and_that_is_said(void **given)
{
    struct job j = start(given);
    char *big = calloc(1, (20 << 10) + 1);
    memset(big, 'b', 20 << 10);
    scratch_write(j.x->work, "big", big, 0644);
    char *pictures[3];
    for (int i = 0; i < 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "n%d", i);
        if (i > 0)
            begin_call(&j, name);
        pictures[i] = picture(&j);
        big[i] = 'x';
        w_write(&j, "big", big);
        sealed(&j);
    }
    assert_ok(undo_make_room(j.s, 1 << 20)); /* room enough: all stay */
    json_t *report = NULL;
    assert_ok(
        undo_apply(j.s, j.session, &(struct undo_want){.dry_run = true}, &report, &scratch_fault));
    assert_int_equal(json_array_size(json_object_get(report, "calls")), 3);
    assert_int_equal(json_array_size(json_object_get(report, "dropped")), 0);
    json_decref(report);
    assert_ok(undo_make_room(j.s, 60 << 10)); /* for two */
    report = undo_all(&j, 0);
    json_t *dropped = json_object_get(report, "dropped");
    assert_int_equal(json_array_size(dropped), 1);
    assert_string_equal(json_string_value(json_array_get(dropped, 0)), "call-1");
    assert_int_equal(json_array_size(json_object_get(report, "calls")), 2);
    json_decref(report);
    char *now = picture(&j);
    assert_string_equal(now, pictures[1]); /* as before the second call: the first is past */
    free(now);
    for (int i = 0; i < 3; i++)
        free(pictures[i]);
    free(big);
    finish(&j);
}

static void the_newest_call_stays_and_a_kill_while_dropping_does_no_harm(void **given)
{
    struct job j = start(given);
    struct undo_dirs dirs;
    a_usual_tree(&j);
    w_write(&j, "a.txt", "1");
    sealed(&j);
    char *after_first = picture(&j);
    begin_call(&j, "call-2");
    w_write(&j, "a.txt", "2");
    sealed(&j);
    /* Killed behind the mark: the folder is still there, and is not undone any more. */
    assert_ok(undo_dirs_open(j.s, j.session, false, &dirs));
    int fd = openat(dirs.seal, "call-1.dropped", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_ok(undo_make_room(j.s, 0)); /* which takes it away */
    assert_int_equal(faccessat(dirs.sealed, "call-1", F_OK, 0), -1);
    assert_int_equal(faccessat(dirs.sealed, "call-2", F_OK, 0), 0);
    undo_dirs_done(&dirs);
    json_decref(undo_all(&j, 0));
    char *now = picture(&j);
    assert_string_equal(now, after_first);
    free(now);
    free(after_first);
    json_t *report = undo_all(&j, UNDO_NOTHING);
    assert_int_equal(json_array_size(json_object_get(report, "dropped")), 1);
    json_decref(report);
    finish(&j);
}

/* --- conflicts --- */

static void a_conflict_names_what_differs_and_the_later_call(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    w_write(&j, "a.txt", "one");
    sealed(&j);
    begin_call(&j, "call-2");
    w_write(&j, "a.txt", "two");
    sealed(&j);
    json_t *report = undo_conflicts(&j, "call-1"),
           *first = json_array_get(json_object_get(report, "conflicts"), 0),
           *was = json_object_get(first, "was"), *is = json_object_get(first, "is");
    assert_string_equal(json_string_value(json_object_get(first, "call")), "call-1");
    assert_string_equal(json_string_value(json_array_get(json_object_get(first, "by"), 0)),
                        "call-2");
    assert_string_equal(json_string_value(json_object_get(was, "kind")), "file");
    assert_string_not_equal(json_string_value(json_object_get(was, "sha256")),
                            json_string_value(json_object_get(is, "sha256")));
    json_decref(report);
    scratch_write(j.x->work, "a.txt", "mine", 0644);
    report = undo_conflicts(&j, "call-2");
    first = json_array_get(json_object_get(report, "conflicts"), 0);
    assert_int_equal(json_array_size(json_object_get(first, "by")), 0); /* no call did that */
    json_decref(report);
    finish(&j);
}

static void each_change_since_is_a_conflict_and_changes_nothing(void **given)
{
    static const struct {
        const char *command, *path, *why;
    } cases[] = {
        {"echo mine > a.txt", "/a.txt", "changed since"},
        {"rm a.txt", "/a.txt", "removed since"},
        {"rm a.txt; mkdir a.txt", "/a.txt", "another kind"},
        {"rm a.txt; ln -s /etc/passwd a.txt", "/a.txt", "another kind"},
        {"chmod 0666 a.txt", "/a.txt", "mode"},
        {"echo mine > b.txt", "/b.txt", "something new"},
        {"echo mine > d/y", "/d", "files in it"},
        {"rm d/x", "/d", "files in it"},
        {"ln -sfn elsewhere l", "/l", "leads elsewhere"},
        {"mv d real; ln -s real d", "/d", "another kind"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char command[400];
        struct job j = start(given);
        a_usual_tree(&j);
        w_write(&j, "a.txt", "A1");
        w_delete(&j, "b.txt");
        w_mkdir(&j, "d");
        w_write(&j, "d/x", "X");
        w_symlink(&j, "a.txt", "l");
        sealed(&j);
        (void)snprintf(command, sizeof(command), "cd '%s' && %s", j.x->work, cases[i].command);
        assert_int_equal(system(command), 0);
        conflict_says(&j, "call-1", cases[i].path, cases[i].why);
        finish(&j);
        scratch_remove(given);
        assert_int_equal(scratch_make(given), 0);
    }
}

static void force_restores_and_keeps_what_is_not_ours(void **given)
{
    struct job j = start(given);
    char command[400];
    a_usual_tree(&j);
    w_write(&j, "a.txt", "A1");
    w_delete(&j, "b.txt");
    w_mkdir(&j, "d");
    w_write(&j, "d/x", "X");
    sealed(&j);
    (void)snprintf(command, sizeof(command),
                   "cd '%s' && echo mine > a.txt && echo mine > b.txt && echo mine > d/mine",
                   j.x->work);
    assert_int_equal(system(command), 0);
    json_decref(undo_conflicts(&j, NULL));
    json_t *report = NULL;
    assert_int_equal(
        undo_apply(j.s, j.session, &(struct undo_want){.force = true}, &report, &scratch_fault), 0);
    assert_int_equal(json_array_size(json_object_get(report, "failed")), 1); /* d is not empty */
    assert_int_equal(json_array_size(json_object_get(report, "conflicts")), 3);
    json_decref(report);
    char *a = scratch_read(j.x->work, "a.txt"), *b = scratch_read(j.x->work, "b.txt"),
         *m = scratch_read(j.x->work, "d/mine");
    assert_string_equal(a, "A");
    assert_string_equal(b, "B");
    assert_string_equal(m, "mine\n");
    assert_null(scratch_read(j.x->work, "d/x"));
    free(a);
    free(b);
    free(m);
    finish(&j);
}

static void a_dry_run_tells_and_changes_nothing(void **given)
{
    struct job j = start(given);
    json_t *report = NULL;
    a_usual_tree(&j);
    char *zero = picture(&j);
    w_write(&j, "a.txt", "A1");
    w_delete(&j, "b.txt");
    sealed(&j);
    char *one = picture(&j);
    assert_int_equal(
        undo_apply(j.s, j.session, &(struct undo_want){.dry_run = true}, &report, &scratch_fault),
        0);
    assert_int_equal(json_array_size(json_object_get(report, "restored")), 2);
    json_decref(report);
    char *now = picture(&j);
    assert_string_equal(now, one);
    undo_gives_back(&j, NULL, zero);
    free(zero);
    free(one);
    free(now);
    finish(&j);
}

static void another_folder_at_the_same_place_is_refused(void **given)
{
    struct job j = start(given);
    char command[700];
    json_t *report = NULL;
    struct fault fault = {0};
    a_usual_tree(&j);
    w_write(&j, "a.txt", "A1");
    sealed(&j);
    (void)snprintf(command, sizeof(command),
                   "mv '%s' '%s.old' && mkdir '%s' && cp '%s.old/a.txt' '%s/'", j.x->work,
                   j.x->work, j.x->work, j.x->work, j.x->work);
    assert_int_equal(system(command), 0);
    assert_int_equal(
        undo_apply(j.s, j.session, &(struct undo_want){.force = true}, &report, &fault), -ENOENT);
    assert_non_null(strstr(fault.text, "the folder it had then"));
    finish(&j);
}

/* --- images and logs that changed after the seal --- */

static void a_changed_image_or_log_is_noticed(void **given)
{
    struct job j = start(given);
    json_t *report = NULL;
    struct fault fault = {0};
    a_usual_tree(&j);
    w_write(&j, "a.txt", "A1");
    int image = openat(j.folder, "0", O_WRONLY | O_CLOEXEC),
        log = openat(j.folder, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
    sealed(&j);
    assert_int_equal(pwrite(image, "Z", 1, 0), 1); /* an owned worker kept it open */
    assert_int_equal(undo_apply(j.s, j.session, &(struct undo_want){0}, &report, &fault), 0);
    assert_int_equal(json_array_size(json_object_get(report, "failed")), 1);
    json_decref(report);
    char *a = scratch_read(j.x->work, "a.txt");
    assert_string_equal(a, "A1");
    free(a);
    assert_int_equal(pwrite(image, "A", 1, 0), 1); /* put right again: not lost */
    assert_int_equal(write(log, "{}\n", 3), 3);
    report = NULL;
    assert_int_equal(undo_apply(j.s, j.session, &(struct undo_want){0}, &report, &fault),
                     -FAULT_CORRUPT);
    assert_non_null(strstr(fault.text, "changed after it was sealed"));
    close(image);
    close(log);
    finish(&j);
}

static void a_missing_image_is_a_conflict(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    w_write(&j, "a.txt", "A1");
    assert_int_equal(unlinkat(j.folder, "0", 0), 0);
    sealed(&j);
    conflict_says(&j, NULL, "/a.txt", "before-image is missing");
    finish(&j);
}

/* --- killed --- */

static void a_call_that_was_never_sealed_is_undone_and_named(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    char *before = picture(&j);
    w_write(&j, "a.txt", "half");
    w_rename(&j, "src", "lib");
    line(&j, "delete", "b.txt", NULL);          /* killed before the effect */
    raw(&j, "{\"n\":9,\"op\":\"create\",\"pa"); /* and in the middle of a line */
    json_t *report = NULL;
    assert_int_equal(undo_apply(j.s, j.session, &(struct undo_want){0}, &report, &scratch_fault),
                     0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(report, "unknown"), 0)),
                        "call-1");
    json_decref(report);
    char *now = picture(&j);
    assert_string_equal(now, before);
    free(now);
    free(before);
    finish(&j);
}

static void an_effect_that_never_happened_is_not_undone(void **given)
{
    static const struct {
        const char *op, *path, *to;
    } lasts[] = {{"write", "a.txt", NULL}, {"delete", "a.txt", NULL}, {"create", "n", NULL},
                 {"rename", "a.txt", "n"}, {"mkdir", "n", NULL},      {"rmdir", "empty", NULL},
                 {"link", "a.txt", "n"}};
    for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
        struct job j = start(given);
        a_usual_tree(&j);
        char *before = picture(&j);
        line(&j, lasts[i].op, lasts[i].path, lasts[i].to);
        undo_gives_back(&j, NULL, before);
        free(before);
        close(j.folder);
        finish(&j);
        scratch_remove(given);
        assert_int_equal(scratch_make(given), 0);
    }
}

static void undo_now(void *arg)
{
    struct job *j = arg;
    struct state *s = scratch_open();
    json_t *report = NULL;
    int r = undo_apply(s, j->session, &(struct undo_want){0}, &report, &scratch_fault);
    json_decref(report);
    state_free(s);
    if (r != 0 && r != UNDO_NOTHING)
        _exit(1);
}

static void an_undo_that_is_killed_goes_on_where_it_stopped(void **given)
{
    unsigned seed = 5;
    for (int round = 0; round < 8; round++) {
        struct job j = start(given);
        char name[32];
        int killed = 0;
        a_usual_tree(&j);
        char *before = picture(&j);
        for (int i = 0; i < 20; i++) {
            w_mkdir(&j, scratch_path(name, "d%d", i));
            w_write(&j, scratch_path(name, "d%d/f", i), "F");
            w_write(&j, "a.txt", name);
        }
        w_rename(&j, "src", "d0/src");
        w_write(&j, "d0/src/c.c", "CC");
        w_delete(&j, "b.txt");
        sealed(&j);
        for (int tries = 0; tries < 50; tries++) {
            int status;
            pid_t pid = scratch_fork(undo_now, &j);
            seed = seed * 1103515245u + 12345u;
            usleep((seed >> 16) % 4000);
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            if (WIFEXITED(status)) {
                assert_int_equal(WEXITSTATUS(status), 0);
                break;
            }
            killed++;
        }
        scratch_in_child(undo_now, &j);
        char *now = picture(&j);
        if (strcmp(now, before) != 0)
            fail_msg("round %d, killed %d times\n--- wanted\n%s--- got\n%s", round, killed, before,
                     now);
        free(now);
        free(before);
        finish(&j);
        scratch_remove(given);
        assert_int_equal(scratch_make(given), 0);
    }
}

/* Killed between its two calls: the list of both is written, the newer one is undone, and that is all. */
static void an_undo_of_the_last_two_that_was_killed_takes_no_third(void **given)
{
    struct job j = start(given);
    json_t *report = NULL;
    struct undo_dirs dirs;
    a_usual_tree(&j);
    w_write(&j, "a.txt", "1");
    sealed(&j);
    char *after_first = picture(&j);
    begin_call(&j, "call-2");
    w_write(&j, "a.txt", "2");
    sealed(&j);
    begin_call(&j, "call-3");
    w_write(&j, "a.txt", "3");
    sealed(&j);
    struct undo_call second = {.name = "call-2"}, third = {.name = "call-3"};
    struct undo_call *both[] = {&third, &second};
    assert_ok(undo_dirs_open(j.s, j.session, false, &dirs));
    assert_ok(undo_last_begin(&dirs, both, 2));
    undo_dirs_done(&dirs);
    assert_ok(
        undo_apply(j.s, j.session, &(struct undo_want){.call = "call-3"}, &report, &scratch_fault));
    json_decref(report);
    assert_ok(undo_apply(j.s, j.session, &(struct undo_want){.last = 2}, &report, &scratch_fault));
    assert_int_equal(json_array_size(json_object_get(report, "calls")), 1);
    json_decref(report);
    char *now = picture(&j);
    assert_string_equal(now, after_first);
    free(now);
    /* The list is gone with it: the next one means the next. */
    assert_ok(undo_apply(j.s, j.session, &(struct undo_want){.last = 2}, &report, &scratch_fault));
    assert_int_equal(json_array_size(json_object_get(report, "calls")), 1);
    json_decref(report);
    free(after_first);
    finish(&j);
}

/* --- hostile logs --- */

#define PRE                                                                                        \
    "{\"n\":0,\"op\":\"create\",\"path\":\"/ok\",\"to\":null,\"mode\":null,\"kind\":null,\"target\":null}\n"

static void a_hostile_log_is_refused_by_name_of_its_line(void **given)
{
    static const char *const lines[] = {
        "{\"n\":1,\"op\":\"create\",\"path\":\"../x\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"/../x\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"/a/../../x\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"/a//x\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"/./x\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"/x/\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"/\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"x\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"/x\\u0000y\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":null}",
        "{\"n\":1,\"op\":\"create\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":7}",
        "{\"n\":0,\"op\":\"create\",\"path\":\"/x\"}",
        "{\"n\":-1,\"op\":\"create\",\"path\":\"/x\"}",
        "{\"n\":99999999999,\"op\":\"create\",\"path\":\"/x\"}",
        "{\"n\":1e30,\"op\":\"create\",\"path\":\"/x\"}",
        "{\"n\":18446744073709551617,\"op\":\"create\",\"path\":\"/x\"}",
        "{\"n\":\"1\",\"op\":\"create\",\"path\":\"/x\"}",
        "{\"n\":1,\"op\":\"chmod\",\"path\":\"/x\"}",
        "{\"n\":1,\"op\":\"void\"}",
        "{\"n\":1,\"path\":\"/x\"}",
        "{\"n\":1,\"op\":\"rename\",\"path\":\"/x\"}",
        "{\"n\":1,\"op\":\"rename\",\"path\":\"/x\",\"to\":\"/../y\"}",
        "{\"n\":1,\"op\":\"create\",\"path\":\"/x\",\"to\":\"/y\"}",
        "{\"n\":1,\"op\":\"write\",\"path\":\"/x\"}",
        "{\"n\":1,\"op\":\"write\",\"path\":\"/x\",\"kind\":\"file\",\"mode\":65535}",
        "{\"n\":1,\"op\":\"write\",\"path\":\"/x\",\"kind\":\"file\",\"mode\":-1}",
        "{\"n\":1,\"op\":\"write\",\"path\":\"/x\",\"kind\":\"\",\"mode\":420}",
        "{\"n\":1,\"op\":\"delete\",\"path\":\"/x\",\"kind\":\"link\",\"mode\":511}",
        "{\"n\":1,\"op\":\"delete\",\"path\":\"/x\",\"kind\":\"link\",\"mode\":511,\"target\":\"\"}",
        "{\"n\":1,\"op\":\"rmdir\",\"path\":\"/x\",\"kind\":\"file\",\"mode\":511}",
        "[]",
        "7",
        "",
        "{",
        "\xff\xfe",
        "{\"n\":1,\"n\":2,\"op\":\"create\",\"path\":\"/x\"}",
    };
    (void)given;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[512];
        struct undo_log log = {0};
        struct fault fault = {0};
        (void)snprintf(text, sizeof(text), PRE "%s\n", lines[i]);
        int r = undo_log_parse(str_of(text), &log, &fault);
        if (r != -FAULT_INPUT || !strstr(fault.text, "line 2"))
            fail_msg("%s: %d %s", lines[i], r, fault.text);
    }
    struct undo_log log = {0};
    assert_ok(
        undo_log_parse(str_of(PRE "{\"n\":0,\"op\":\"void\"}\n{\"n\""), &log, &scratch_fault));
    assert_int_equal(log.count, 0);
    assert_true(log.is_torn);
    undo_log_done(&log);
}

static void a_hostile_log_makes_the_seal_a_sentence(void **given)
{
    struct job j = start(given);
    json_t *touched = NULL;
    struct fault fault = {0};
    raw(&j, "{\"n\":0,\"op\":\"create\",\"path\":\"/../../etc/passwd\"}\n");
    assert_int_equal(undo_seal(j.s, j.session, j.call, j.mounts, 2, &touched, &fault),
                     -FAULT_INPUT);
    assert_non_null(strstr(fault.text, "call call-1"));
    assert_null(touched);
    json_t *report = NULL;
    assert_int_equal(
        undo_apply(j.s, j.session, &(struct undo_want){.force = true}, &report, &fault),
        -FAULT_INPUT);
    finish(&j);
}

/* The log names paths that lead out, now that links stand in them. Nothing outside may change. */
static void links_in_the_path_lead_nowhere(void **given)
{
    struct job j = start(given);
    char outside[300], command[900];
    a_usual_tree(&j);
    scratch_path(outside, "%s/outside", j.x->top);
    assert_int_equal(mkdir(outside, 0755), 0);
    scratch_write(outside, "victim", "V", 0644);
    scratch_write(outside, "c.c", "V", 0644);
    w_write(&j, "src/c.c", "C1");
    w_write(&j, "src/victim", "X");
    (void)snprintf(command, sizeof(command), "cd '%s' && rm -r src && ln -s '%s' src", j.x->work,
                   outside);
    assert_int_equal(system(command), 0); /* before the seal: the worker itself did it */
    json_t *touched = seal(&j);
    json_decref(touched);
    json_t *report = NULL;
    for (int force = 0; force < 2; force++) {
        report = NULL;
        int r = undo_apply(j.s, j.session, &(struct undo_want){.force = force}, &report,
                           &scratch_fault);
        assert_int_equal(r, force ? 0 : UNDO_CONFLICT);
        json_decref(report);
    }
    char *victim = scratch_read(outside, "victim"), *c = scratch_read(outside, "c.c");
    assert_string_equal(victim, "V");
    assert_string_equal(c, "V");
    free(victim);
    free(c);
    finish(&j);
}

static void a_read_only_mount_is_not_written_to(void **given)
{
    struct job j = start(given);
    json_t *report = NULL, *touched = NULL;
    raw(&j,
        "{\"n\":0,\"op\":\"create\",\"path\":\"/ro/bin/env\",\"to\":null,\"mode\":null,\"kind\":null,\"target\":null}\n");
    assert_ok(undo_seal(j.s, j.session, j.call, j.mounts, 2, &touched, &scratch_fault));
    json_decref(touched);
    assert_int_equal(undo_apply(j.s, j.session, &(struct undo_want){0}, &report, &scratch_fault),
                     UNDO_CONFLICT);
    json_decref(report);
    assert_int_equal(
        undo_apply(j.s, j.session, &(struct undo_want){.force = true}, &report, &scratch_fault), 0);
    assert_int_equal(json_array_size(json_object_get(report, "failed")), 1);
    json_decref(report);
    assert_int_equal(access("/usr/bin/env", F_OK), 0);
    finish(&j);
}

/* What stands in for an image or the log may be a link, a pipe or a folder: it is not followed or waited for. */
static void images_that_are_no_files_are_not_opened(void **given)
{
    struct job j = start(given);
    a_usual_tree(&j);
    w_write(&j, "a.txt", "A1");
    w_write(&j, "b.txt", "B1");
    assert_int_equal(unlinkat(j.folder, "0", 0), 0);
    assert_int_equal(unlinkat(j.folder, "1", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", j.folder, "0"), 0);
    assert_int_equal(mkfifoat(j.folder, "1", 0600), 0);
    sealed(&j);
    json_t *report = undo_conflicts(&j, NULL);
    assert_int_equal(json_array_size(json_object_get(report, "conflicts")), 2);
    json_decref(report);
    finish(&j);
}

static void ids_from_outside_are_no_paths(void **given)
{
    static const char *const ids[] = {
        "../../x",
        "/etc",
        ".",
        "..",
        "a/b",
        "",
        "toolu_01AbC-9.z",
        "\xff\n",
        ("a123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890")};
    struct job j = start(given);
    close(j.folder);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char name[STATE_NAME_SIZE];
        state_safe_name(ids[i], name);
        assert_true(name[0] != '.' && name[0] != '\0' && strchr(name, '/') == NULL &&
                    strlen(name) < 136);
    }
    assert_ok(
        undo_begin(j.s, j.session, "../../../escaped", j.mounts, 2, &j.folder, &scratch_fault));
    struct fault fault = {0};
    int fd = -1;
    assert_int_equal(undo_begin(j.s, j.session, "../../../escaped", j.mounts, 2, &fd, &fault),
                     -EEXIST);
    (void)snprintf(j.call, sizeof(j.call), "../../../escaped");
    a_usual_tree(&j);
    char *before = picture(&j);
    w_write(&j, "a.txt", "A1");
    sealed(&j);
    undo_gives_back(&j, "../../../escaped", before);
    free(before);
    finish(&j);
}

static void many_changes_take_no_square_of_time(void **given)
{
    struct job j = start(given);
    char text[160];
    int fd = openat(j.folder, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    FILE *log = fdopen(fd, "w");
    scratch_write(j.x->work, "f8000", "F", 0644);
    for (int i = 0; i < 8000; i++) {
        (void)snprintf(
            text, sizeof(text),
            "{\"n\":%d,\"op\":\"rename\",\"path\":\"/f%d\",\"to\":\"/f%d\",\"mode\":null,\"kind\":null}\n",
            i, i, i + 1);
        fputs(text, log);
    }
    fclose(log);
    json_t *touched = seal(&j);
    assert_int_equal(json_array_size(touched), 2);
    json_decref(touched);
    close(j.folder);
    assert_int_equal(unlinkat(j.work_fd, "f8000", 0), 0);
    scratch_write(j.x->work, "f8000", "F", 0644);
    undo_gives_back(&j, NULL, "f0 644 file F\n");
    finish(&j);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        T(each_kind_of_change_comes_back),
        T(renames_over_things_and_of_whole_folders_come_back),
        T(what_comes_and_goes_in_one_call_leaves_no_trace),
        T(the_receipt_says_what_was_touched),
        T(a_failed_effect_is_left_out),
        T(a_session_is_undone_newest_first_and_calls_one_by_one),
        T(order_is_kept_by_a_later_process),
        T(the_last_calls_are_undone_and_no_others),
        T(the_oldest_calls_give_way_and_that_is_said),
        T(the_newest_call_stays_and_a_kill_while_dropping_does_no_harm),
        T(a_conflict_names_what_differs_and_the_later_call),
        T(an_undo_of_the_last_two_that_was_killed_takes_no_third),
        T(each_change_since_is_a_conflict_and_changes_nothing),
        T(force_restores_and_keeps_what_is_not_ours),
        T(a_dry_run_tells_and_changes_nothing),
        T(another_folder_at_the_same_place_is_refused),
        T(a_changed_image_or_log_is_noticed),
        T(a_missing_image_is_a_conflict),
        T(a_call_that_was_never_sealed_is_undone_and_named),
        T(an_effect_that_never_happened_is_not_undone),
        T(an_undo_that_is_killed_goes_on_where_it_stopped),
        T(a_hostile_log_is_refused_by_name_of_its_line),
        T(a_hostile_log_makes_the_seal_a_sentence),
        T(links_in_the_path_lead_nowhere),
        T(a_read_only_mount_is_not_written_to),
        T(images_that_are_no_files_are_not_opened),
        T(ids_from_outside_are_no_paths),
        T(many_changes_take_no_square_of_time),
    };
    json_start(1);
    if (getenv("BX_TEST_ONLY"))
        cmocka_set_test_filter(getenv("BX_TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
