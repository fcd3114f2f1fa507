/* Names: what each odd path answers, links in and out, and that nothing outside is reached. */
#include "guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int setup(void **state)
{
    struct guest *g = g_new();
    *state = g;
    h_save(g, "a.txt", "alpha");
    mkdir(h_path(g, "dir"), 0755);
    mkdir(h_path(g, "dir/nested"), 0755);
    h_save(g, "dir/nested/file", "deep");
    g_start(g);
    return 0;
}

static int teardown(void **state)
{
    g_free(*state);
    return 0;
}

static void paths_are_cleaned_but_never_leave(void **state)
{
    struct guest *g = *state;
    assert_string_equal(g_load(g, "dir/.//nested/../../dir/nested/../nested///./file"), "deep");
    assert_int_equal(g_open(g, ROOT, "/a.txt", true, 0, R_RO, 0, NULL), G_NOTCAPABLE);
    assert_true(g_was_refused(g, "open", "/a.txt"));
    assert_int_equal(g_open(g, ROOT, "../a.txt", true, 0, R_RO, 0, NULL), G_NOTCAPABLE);
    assert_true(g_was_refused(g, "open", "/../a.txt"));
    assert_int_equal(g_open(g, ROOT, "dir/nested/../../../etc/passwd", true, 0, R_RO, 0, NULL),
                     G_NOTCAPABLE);
    assert_int_equal(g_open(g, ROOT, "dir/../..", true, O_G_DIR, 0, 0, NULL), G_NOTCAPABLE);
    assert_int_equal(g_open(g, ROOT, "..", true, O_G_DIR, 0, 0, NULL), G_NOTCAPABLE);
    assert_int_equal(g_path(g, "mkdir", ROOT, "../x"), G_NOTCAPABLE);
    assert_int_equal(g_path(g, "unlink", ROOT, "../x"), G_NOTCAPABLE);
    assert_int_equal(g_rename(g, "a.txt", "../x"), G_NOTCAPABLE);
    assert_int_equal(g_stat(g, "dir/../../x", false), G_NOTCAPABLE);
    /* Beneath the directory fd, not only beneath the mount. */
    uint32_t fd;
    assert_int_equal(g_open(g, ROOT, "dir", true, O_G_DIR, R_READDIR | 1 << 13, 0, &fd), 0);
    assert_int_equal(g_open(g, fd, "../a.txt", true, 0, R_RO, 0, NULL), G_NOTCAPABLE);
    assert_int_equal(g_open(g, fd, "nested/../nested/file", true, 0, R_RO, 0, NULL), 0);
    assert_int_equal(g_load(g, "a.txt/../a.txt") == NULL, 1);
}

static void empty_long_and_broken_paths(void **state)
{
    struct guest *g = *state;
    char *name = malloc(5000);
    assert_int_equal(g_open(g, ROOT, "", true, 0, R_RO, 0, NULL), G_NOENT);
    assert_int_equal(g_call(g, "path_open", ROOT, 0, PATH_A, 6, 0, 0, 0, 0, ANSWER),
                     G_INVAL); /* NUL inside */
    memcpy(g->memory + PATH_A, "a.txt\0", 6);
    assert_int_equal(g_call(g, "path_open", ROOT, 0, PATH_A, 6, 0, 0, 0, 0, ANSWER), G_INVAL);
    memcpy(g->memory + PATH_A, "a\xff", 2);
    assert_int_equal(g_call(g, "path_open", ROOT, 0, PATH_A, 2, 0, 0, 0, 0, ANSWER), G_ILSEQ);
    memset(name, 'n', 4999);
    name[256] = '\0';
    assert_int_equal(g_path(g, "mkdir", ROOT, name), G_NAMETOOLONG);
    assert_int_equal(g_stat(g, name, true), G_NAMETOOLONG);
    name[256] = 'n';
    name[255] = '\0';
    assert_int_equal(g_path(g, "mkdir", ROOT, name), 0);
    name[255] = 'n';
    for (int i = 0; i < 4999; i += 2)
        memcpy(name + i, "./", 2);
    strcpy(name + 4090, "a.txt");
    assert_int_equal(strlen(name), WASI_PATH_MAX);
    assert_non_null(g_load(g, name));
    strcpy(name + 4090, "/a.txt");
    assert_int_equal(g_open(g, ROOT, name, true, 0, R_RO, 0, NULL), G_NAMETOOLONG);
    free(name);
}

static void trailing_slashes(void **state)
{
    struct guest *g = *state;
    assert_int_equal(g_open(g, ROOT, "a.txt/", true, 0, R_RO, 0, NULL), G_NOTDIR);
    assert_int_equal(g_open(g, ROOT, "dir/nested/file///", true, 0, R_RO, 0, NULL), G_NOTDIR);
    assert_int_equal(g_open(g, ROOT, "dir/nested///", true, 0, 0, 0, NULL), 0);
    assert_int_equal(g_open(g, ROOT, "new/", true, O_G_CREAT, R_WRITE, 0, NULL), G_ISDIR);
    assert_int_equal(g_path(g, "mkdir", ROOT, "made/"), 0);
    assert_int_equal(g_path(g, "rmdir", ROOT, "made/"), 0);
    assert_int_equal(g_path(g, "rmdir", ROOT, "a.txt"), G_NOTDIR);
    assert_int_equal(g_path(g, "rmdir", ROOT, "a.txt/"), G_NOTDIR);
    assert_int_equal(g_path(g, "unlink", ROOT, "a.txt/"), G_NOTDIR);
    assert_int_equal(g_path(g, "unlink", ROOT, "dir"), G_ISDIR);
    assert_int_equal(g_path(g, "unlink", ROOT, "dir/"), G_ISDIR);
    assert_int_equal(g_rename(g, "a.txt/", "b.txt"), G_NOTDIR);
    assert_int_equal(g_rename(g, "a.txt", "b.txt/"), G_NOTDIR);
    assert_int_equal(g_rename(g, "dir/", "moved/"), 0);
    assert_int_equal(g_symlink(g, "a.txt", "link/"), G_NOENT);
    assert_int_equal(g_symlink(g, "a.txt", "a.txt/"), G_NOTDIR);
    assert_int_equal(g_symlink(g, "a.txt", "moved/"), G_EXIST);
    assert_int_equal(g_link(g, false, "a.txt", "link/"), G_NOENT);
    assert_int_equal(g_stat(g, "a.txt/", false), G_NOTDIR);
    assert_int_equal(g_symlink(g, "moved", "to-dir"), 0);
    assert_int_equal(g_stat(g, "to-dir", false), 0);
    assert_int_equal(g->memory[ANSWER + 16], 7);
    assert_int_equal(g_stat(g, "to-dir/", false), 0);
    assert_int_equal(g->memory[ANSWER + 16], 3);
    assert_int_equal(g_path(g, "rmdir", ROOT, "to-dir/"), G_NOTDIR);
    assert_int_equal(g_path(g, "unlink", ROOT, "to-dir/"), G_NOTDIR);
    assert_null(g_readlink(g, "to-dir/"));
}

static void dots_as_last_component(void **state)
{
    struct guest *g = *state;
    static const char *const names[] = {".", "dir/.", "dir/nested/..", "./", "dir/nested/../"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(g_path(g, "mkdir", ROOT, names[i]), G_EXIST);
        assert_true(g_path(g, "unlink", ROOT, names[i]) == G_ISDIR ||
                    g_path(g, "unlink", ROOT, names[i]) == G_BUSY);
        assert_true(g_path(g, "rmdir", ROOT, names[i]) == G_INVAL ||
                    g_path(g, "rmdir", ROOT, names[i]) == G_BUSY);
        assert_int_equal(g_rename(g, names[i], "x"), G_BUSY);
        assert_int_equal(g_rename(g, "dir", names[i]), G_BUSY);
        assert_int_equal(g_symlink(g, "a.txt", names[i]), G_EXIST);
        assert_int_equal(g_link(g, false, "a.txt", names[i]), G_EXIST);
        assert_int_equal(g_link(g, false, names[i], "x"), G_PERM);
        assert_int_equal(g_stat(g, names[i], false), 0);
        assert_int_equal(g->memory[ANSWER + 16], 3);
        assert_null(g_readlink(g, names[i]));
        assert_int_equal(g_open(g, ROOT, names[i], true, O_G_CREAT, R_WRITE, 0, NULL), G_ISDIR);
        assert_int_equal(g_open(g, ROOT, names[i], true, O_G_DIR, R_READ, 0, NULL), 0);
        assert_int_equal(g_open(g, ROOT, names[i], true, O_G_DIR, R_READ | R_WRITE, 0, NULL),
                         G_ISDIR);
    }
}

static void links_inside_are_followed_as_asked(void **state)
{
    struct guest *g = *state;
    assert_int_equal(g_symlink(g, "a.txt", "link"), 0);
    assert_int_equal(g_symlink(g, "../dir/nested", "dir/again"), 0);
    assert_string_equal(g_readlink(g, "link"), "a.txt");
    assert_string_equal(g_load(g, "link"), "alpha");
    assert_string_equal(g_load(g, "dir/again/file"), "deep");
    assert_string_equal(g_load(g, "dir/again/../nested/file"), "deep");
    assert_int_equal(g_open(g, ROOT, "link", false, 0, R_RO, 0, NULL), G_LOOP);
    assert_int_equal(g_open(g, ROOT, "dir/again", false, O_G_DIR, 0, 0, NULL), G_LOOP);
    assert_int_equal(g_open(g, ROOT, "dir/again", true, O_G_DIR, 0, 0, NULL), 0);
    assert_int_equal(g_open(g, ROOT, "link", true, O_G_DIR, 0, 0, NULL), G_NOTDIR);
    assert_int_equal(g_open(g, ROOT, "link", true, O_G_CREAT | O_G_EXCL, R_WRITE, 0, NULL),
                     G_EXIST);
    assert_int_equal(g_stat(g, "link", false), 0);
    assert_int_equal(g->memory[ANSWER + 16], 7);
    assert_int_equal(g_stat(g, "link", true), 0);
    assert_int_equal(g_u64(g, ANSWER + 32), 5);
    assert_int_equal(g_save(g, "link", "through"), 0);
    char *text = h_load(g->dir, "a.txt");
    assert_string_equal(text, "through");
    free(text);
    assert_true(g_was_touched(g, WASI_TOUCH_WRITE, "/a.txt"));
    assert_int_equal(g_symlink(g, "link", "twice"), 0);
    assert_string_equal(g_load(g, "twice"), "through");
    assert_int_equal(g_path(g, "unlink", ROOT, "link"), 0);
    assert_true(h_exists(g, "a.txt"));
}

static void dangling_links_and_loops(void **state)
{
    struct guest *g = *state;
    assert_int_equal(g_symlink(g, "target", "dangling"), 0);
    assert_int_equal(g_open(g, ROOT, "dangling", true, 0, R_RO, 0, NULL), G_NOENT);
    assert_int_equal(g_open(g, ROOT, "dangling", false, 0, R_RO, 0, NULL), G_LOOP);
    assert_int_equal(g_open(g, ROOT, "dangling", false, O_G_CREAT, R_WRITE, 0, NULL), G_LOOP);
    assert_int_equal(g_stat(g, "dangling", true), G_NOENT);
    assert_int_equal(g_stat(g, "dangling", false), 0);
    assert_int_equal(g_link(g, true, "dangling", "hard"), G_NOENT);
    assert_int_equal(g_link(g, false, "dangling", "hard"), 0);
    assert_int_equal(g_link(g, false, "a.txt", "dangling"), G_EXIST);
    assert_int_equal(g_save(g, "dangling", "made"), 0);
    assert_true(h_exists(g, "target"));
    assert_true(g_was_touched(g, WASI_TOUCH_CREATE, "/target"));
    assert_int_equal(g_symlink(g, "loop", "loop"), 0);
    assert_int_equal(g_open(g, ROOT, "loop", true, 0, R_RO, 0, NULL), G_LOOP);
    assert_int_equal(g_open(g, ROOT, "loop/x", true, 0, R_RO, 0, NULL), G_LOOP);
    assert_int_equal(g_path(g, "mkdir", ROOT, "loop"), G_EXIST);
}

static void links_out_are_refused(void **state)
{
    struct guest *g = *state;
    assert_int_equal(symlink("/etc/passwd", h_path(g, "abs")), 0);
    assert_int_equal(symlink("/etc", h_path(g, "abs-dir")), 0);
    assert_int_equal(symlink("../../etc/passwd", h_path(g, "up")), 0);
    assert_int_equal(symlink("dir/../../x", h_path(g, "sly")), 0);
    assert_int_equal(symlink("/proc/self/root", h_path(g, "magic")), 0);
    static const char *const names[] = {"abs", "abs-dir/passwd",   "up",
                                        "sly", "magic/etc/passwd", "abs-dir/../a.txt"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char seen[64];
        snprintf(seen, sizeof(seen), "/%s", names[i]);
        assert_int_equal(g_open(g, ROOT, names[i], true, 0, R_RO, 0, NULL), G_NOTCAPABLE);
        assert_true(g_was_refused(g, "open", seen));
        assert_int_equal(g_open(g, ROOT, names[i], true, O_G_CREAT | O_G_TRUNC, R_RW, 0, NULL),
                         G_NOTCAPABLE);
        assert_int_equal(g_stat(g, names[i], true), G_NOTCAPABLE);
        assert_true(g_was_refused(g, "stat", seen));
    }
    assert_int_equal(g_path(g, "unlink", ROOT, "abs-dir/passwd"), G_NOTCAPABLE);
    assert_int_equal(g_path(g, "mkdir", ROOT, "abs-dir/x"), G_NOTCAPABLE);
    assert_int_equal(g_rename(g, "a.txt", "abs-dir/x"), G_NOTCAPABLE);
    assert_int_equal(g_link(g, false, "a.txt", "abs-dir/x"), G_NOTCAPABLE);
    assert_string_equal(g_readlink(g, "abs"), "/etc/passwd");
    /* The link itself may be handled. */
    assert_int_equal(g_rename(g, "abs", "other"), 0);
    assert_int_equal(g_path(g, "unlink", ROOT, "other"), 0);
    /* And none that leads out by its text is made. */
    assert_int_equal(g_symlink(g, "/etc/passwd", "mine"), G_NOTCAPABLE);
    assert_int_equal(g_symlink(g, "..", "mine"), G_NOTCAPABLE);
    assert_int_equal(g_symlink(g, "dir/../../x", "mine"), G_NOTCAPABLE);
    assert_int_equal(g_symlink(g, "../..", "dir/mine"), G_NOTCAPABLE);
    assert_int_equal(g_symlink(g, "..", "dir/mine"), 0);
    assert_true(g_was_refused(g, "symlink", "/mine"));
}

static void only_files_and_folders_are_opened(void **state)
{
    struct guest *g = *state;
    mkfifo(h_path(g, "pipe"), 0644);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    strcpy(where.sun_path, h_path(g, "sock"));
    assert_int_equal(bind(s, (struct sockaddr *)&where, sizeof(where)), 0);
    close(s);
    static const char *const names[] = {"pipe", "sock"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(g_open(g, ROOT, names[i], true, 0, R_RO, 0, NULL), G_NOTCAPABLE);
        assert_int_equal(g_open(g, ROOT, names[i], true, 0, R_RW, 0, NULL), G_NOTCAPABLE);
        assert_int_equal(g_open(g, ROOT, names[i], true, O_G_CREAT | O_G_TRUNC, R_RW, 0, NULL),
                         G_NOTCAPABLE);
        assert_int_equal(g_link(g, true, names[i], "x"), G_NOTCAPABLE);
        assert_int_equal(g_stat(g, names[i], true), 0);
    }
    assert_true(g_was_refused(g, "open", "/pipe"));
    if (mknod(h_path(g, "null"), S_IFCHR | 0666, 1 << 8 | 3) == 0) {
        assert_int_equal(g_open(g, ROOT, "null", true, 0, R_RO, 0, NULL), G_NOTCAPABLE);
        assert_int_equal(g_open(g, ROOT, "null", true, 0, R_RW, 0, NULL), G_NOTCAPABLE);
    }
}

static void rename_answers_as_posix_says(void **state)
{
    struct guest *g = *state;
    assert_int_equal(g_rename(g, "nothing", "x"), G_NOENT);
    assert_int_equal(g_rename(g, "a.txt", "dir"), G_ISDIR);
    assert_int_equal(g_rename(g, "dir", "a.txt"), G_NOTDIR);
    assert_int_equal(g_path(g, "mkdir", ROOT, "other"), 0);
    assert_int_equal(g_rename(g, "other", "dir"), G_NOTEMPTY);
    assert_int_equal(g_rename(g, "dir", "other"), 0);
    assert_int_equal(g_rename(g, "other", "other/nested/below"), G_INVAL);
    assert_string_equal(g_load(g, "other/nested/file"), "deep");
    h_save(g, "b.txt", "beta");
    assert_int_equal(g_rename(g, "a.txt", "b.txt"), 0);
    assert_string_equal(g_load(g, "b.txt"), "alpha");
    assert_int_equal(g_rename(g, "b.txt", "b.txt"), 0);
    assert_int_equal(g_link(g, false, "b.txt", "c.txt"), 0);
    assert_int_equal(g_rename(g, "b.txt", "c.txt"), 0);
    assert_true(h_exists(g, "b.txt") && h_exists(g, "c.txt"));
    assert_int_equal(g_path(g, "rmdir", ROOT, "other"), G_NOTEMPTY);
    /* An open folder keeps its name through the rename of a folder above it. */
    uint32_t fd;
    assert_int_equal(
        g_open(g, ROOT, "other/nested", true, O_G_DIR, R_ALL & ~(R_WRITE | 3 << 28), 0, &fd), 0);
    assert_int_equal(g_rename(g, "other", "third"), 0);
    assert_int_equal(g_path(g, "mkdir", fd, "made"), 0);
    assert_true(g_was_touched(g, WASI_TOUCH_MKDIR, "/third/nested/made"));
}

static void hard_links(void **state)
{
    struct guest *g = *state;
    assert_int_equal(g_link(g, false, "a.txt", "a.txt"), G_EXIST);
    assert_int_equal(g_link(g, false, "a.txt", "dir"), G_EXIST);
    assert_int_equal(g_link(g, false, "dir", "x"), G_PERM);
    assert_int_equal(g_link(g, false, "a.txt", "hard"), 0);
    assert_int_equal(g_stat(g, "hard", false), 0);
    assert_int_equal(g_u64(g, ANSWER + 24), 2);
    uint32_t len = g_put(g, PATH_A, "a.txt");
    g_put(g, PATH_B, "x");
    assert_int_equal(g_call(g, "path_link", ROOT, 2, PATH_A, len, ROOT, PATH_B, 1), G_INVAL);
}

static void times_are_set(void **state)
{
    struct guest *g = *state;
    uint32_t len = g_put(g, PATH_A, "a.txt");
    assert_int_equal(
        g_call(g, "path_filestat_set_times", ROOT, 0, PATH_A, len, 1500000001, 7000000005, 1 | 4),
        0);
    assert_int_equal(g_stat(g, "a.txt", false), 0);
    assert_int_equal(g_u64(g, ANSWER + 40), 1500000001);
    assert_int_equal(g_u64(g, ANSWER + 48), 7000000005);
    g_put(g, PATH_A, "a.txt");
    assert_int_equal(g_call(g, "path_filestat_set_times", ROOT, 0, PATH_A, len, 0, 0, 1 | 2),
                     G_INVAL);
    assert_int_equal(g_call(g, "path_filestat_set_times", ROOT, 0, PATH_A, len, 0, 0, 4 | 8),
                     G_INVAL);
    assert_int_equal(g_call(g, "path_filestat_set_times", ROOT, 0, PATH_A, len, 0, 0, 16), G_INVAL);
    assert_int_equal(g_call(g, "path_filestat_set_times", ROOT, 0, PATH_A, len, 0, 0, 8), 0);
    assert_int_equal(g_stat(g, "a.txt", false), 0);
    assert_int_equal(g_u64(g, ANSWER + 40), 1500000001);
    assert_int_equal(g_call(g, "fd_filestat_set_times", ROOT, 0, 5000000000, 4), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(paths_are_cleaned_but_never_leave),
        T(empty_long_and_broken_paths),
        T(trailing_slashes),
        T(dots_as_last_component),
        T(links_inside_are_followed_as_asked),
        T(dangling_links_and_loops),
        T(links_out_are_refused),
        T(only_files_and_folders_are_opened),
        T(rename_answers_as_posix_says),
        T(hard_links),
        T(times_are_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
