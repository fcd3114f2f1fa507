/* Several mounts: read-only ones, nested ones, and what hides what. */
#include "guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* work/ is "/", writable; ro/ is "/lib", read-only, over work/lib; deep/ is "/a/b/deep", where the host
 * has no folder. */
static int setup(void **state)
{
    struct guest *g = g_new();
    *state = g;
    static const char *const dirs[] = {"work", "work/lib", "work/a", "work/a/b",
                                       "ro",   "ro/sub",   "deep"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        mkdir(h_path(g, dirs[i]), 0755);
    h_save(g, "work/lib/hidden", "hidden");
    h_save(g, "work/own", "own");
    h_save(g, "ro/seen", "seen");
    h_save(g, "ro/sub/x", "x");
    h_save(g, "deep/d", "d");
    close(g->dir_fd);
    g->config.mount_count = 0;
    g_mount(g, "work", "/", true);
    g_mount(g, "ro", "/lib", false);
    g_mount(g, "deep", "/a/b/deep", true);
    g_start(g);
    return 0;
}

static int teardown(void **state)
{
    g_free(*state);
    return 0;
}

static void a_read_only_mount_changes_in_no_way(void **state)
{
    struct guest *g = *state;
    enum { LIB = 4 };
    uint32_t fd;
    assert_int_equal(g_open(g, LIB, "seen", true, 0, R_RO | R_TIMES, 0, &fd), 0);
    assert_int_equal(g_call(g, "fd_filestat_set_times", fd, 0, 0, 2), G_ROFS);
    assert_int_equal(g_call(g, "fd_filestat_set_times", LIB, 0, 0, 2), G_ROFS);
    assert_int_equal(g_open(g, LIB, "seen", true, 0, R_RW, 0, NULL), G_ROFS);
    assert_true(g_was_refused(g, "open", "/lib/seen"));
    assert_int_equal(g_open(g, LIB, "seen", true, O_G_TRUNC, R_READ, 0, NULL), G_ROFS);
    assert_int_equal(g_open(g, LIB, "new", true, O_G_CREAT, R_READ, 0, NULL), G_ROFS);
    assert_int_equal(g_open(g, LIB, "seen", true, O_G_CREAT, R_READ, 0, NULL), 0);
    assert_int_equal(g_open(g, LIB, "seen", true, O_G_CREAT | O_G_EXCL, R_READ, 0, NULL), G_EXIST);
    assert_int_equal(g_path(g, "mkdir", LIB, "d"), G_ROFS);
    assert_int_equal(g_path(g, "mkdir", LIB, "."), G_ROFS);
    assert_int_equal(g_path(g, "rmdir", LIB, "sub"), G_ROFS);
    assert_int_equal(g_path(g, "unlink", LIB, "seen"), G_ROFS);
    assert_int_equal(g_rename(g, "lib/seen", "own2"), G_ROFS);
    assert_int_equal(g_rename(g, "own", "lib/x"), G_ROFS);
    assert_int_equal(g_symlink(g, "x", "lib/x"), G_ROFS);
    assert_int_equal(g_link(g, false, "own", "lib/x"), G_ROFS);
    /* And no second name in a writable mount, though the host could make one. */
    assert_int_equal(g_link(g, false, "lib/seen", "mine"), G_XDEV);
    uint32_t len = g_put(g, PATH_A, "seen");
    assert_int_equal(g_call(g, "path_filestat_set_times", LIB, 0, PATH_A, len, 0, 0, 2), G_ROFS);
    char *text = h_load(g->dir, "ro/seen");
    assert_string_equal(text, "seen");
    free(text);
    assert_int_equal(wasi_touch_count(g->w), 0);
}

static void the_inner_mount_serves_its_path(void **state)
{
    struct guest *g = *state;
    static const char *const ways[] = {
        "lib/seen", "./lib/../lib/seen", "a/../lib/seen",         "lib/sub/../seen",
        "way/seen", "way2/lib/seen",     "lib/../way/sub/../seen"};
    assert_int_equal(g_symlink(g, "lib", "way"), 0);
    assert_int_equal(g_symlink(g, "a/..", "way2"), 0);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        assert_non_null(g_load(g, ways[i]));
        assert_string_equal(g_load(g, ways[i]), "seen");
        assert_int_equal(g_open(g, ROOT, ways[i], true, 0, R_RW, 0, NULL), G_ROFS);
    }
    assert_null(g_load(g, "lib/hidden"));
    assert_null(g_load(g, "way/hidden"));
    assert_null(g_load(g, "way2/lib/hidden"));
    assert_int_equal(g_open(g, ROOT, "lib/new", true, O_G_CREAT, R_RW, 0, NULL), G_ROFS);
    assert_int_equal(g_open(g, ROOT, "way/new", true, O_G_CREAT, R_RW, 0, NULL), G_ROFS);
    assert_true(!h_exists(g, "work/lib/new"));
    uint32_t fd;
    assert_int_equal(g_open(g, ROOT, "lib", true, O_G_DIR, R_ALL & ~(R_WRITE | 3 << 28), 0, &fd),
                     0);
    assert_int_equal(g_path(g, "mkdir", fd, "d"), G_ROFS);
    assert_int_equal(g_open(g, fd, "../own", true, 0, R_RO, 0, NULL), G_NOTCAPABLE);
    char *names = g_list(g, fd, 4096);
    assert_string_equal(names, "seen sub ");
    free(names);
    assert_int_equal(g_open(g, ROOT, "a/b", true, O_G_DIR, R_ALL & ~(R_WRITE | 3 << 28), 0, &fd),
                     0);
    names = g_list(g, fd, 4096);
    assert_string_equal(names, "deep ");
    free(names);
    assert_string_equal(g_load(g, "a/b/deep/d"), "d");
    assert_int_equal(g_open(g, fd, "deep/d", true, 0, R_RO, 0, NULL), 0);
    assert_int_equal(g_open(g, fd, "deep/../../own", true, 0, R_RO, 0, NULL), G_NOTCAPABLE);
    assert_int_equal(g_save(g, "a/b/deep/new", "n"), 0);
    assert_true(h_exists(g, "deep/new"));
    assert_true(g_was_touched(g, WASI_TOUCH_CREATE, "/a/b/deep/new"));
    assert_int_equal(g_rename(g, "a/b/deep/new", "new"), G_XDEV);
    assert_string_equal(g_load(g, "a/b/deep/../../../own"), "own");
}

static void mount_points_stand_still(void **state)
{
    struct guest *g = *state;
    static const char *const points[] = {"lib", "a/b/deep", "lib/", "lib/."};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        uint32_t e = g_path(g, "unlink", ROOT, points[i]);
        assert_true(e == G_BUSY || e == G_ROFS);
        e = g_path(g, "rmdir", ROOT, points[i]);
        assert_true(e == G_BUSY || e == G_ROFS);
        e = g_path(g, "mkdir", ROOT, points[i]);
        assert_true(e == G_EXIST || e == G_ROFS);
        e = g_rename(g, points[i], "x");
        assert_true(e == G_BUSY || e == G_ROFS);
        e = g_rename(g, "own", points[i]);
        assert_true(e == G_BUSY || e == G_ROFS);
        assert_int_equal(g_stat(g, points[i], false), 0);
    }
    assert_int_equal(g_rename(g, "a", "x"), G_BUSY);
    assert_int_equal(g_rename(g, "a/b", "x"), G_BUSY);
    assert_int_equal(g_path(g, "rmdir", ROOT, "a/b"), G_BUSY);
    assert_true(h_exists(g, "work/lib/hidden"));
    char *names = g_list(g, ROOT, 100);
    assert_string_equal(names, "a lib own ");
    free(names);
    names = g_list(g, ROOT, 28);
    assert_string_equal(names, "a lib own ");
    free(names);
}

static void a_hidden_folder_is_known_by_its_inode(void **state)
{
    struct guest *g = *state;
    assert_string_equal(g_load(g, "lib/sub/x"), "x");
    assert_non_null(g_load(g, "a/../lib/seen")); /* found and compared by now */
    /* The host moves the hidden folder to another name: it still leads to the mount. */
    assert_int_equal(rename(h_path(g, "work/lib"), h_path(g, "work/Other")), 0);
    assert_int_equal(g_symlink(g, "Other", "way"), 0);
    assert_null(g_load(g, "way/hidden"));
    assert_string_equal(g_load(g, "way/seen"), "seen");
}

/* What the kernel shows as files is refused by every name, also when it was mapped and writable. */
static void files_of_the_kernel_are_refused(void **state)
{
    struct guest *g = *state;
    uint32_t fd = 0;
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(proc >= 0);
    g->config.mount_count = 1;
    g->mounts[0] = (struct wasi_mount){.guest = "/", .dir_fd = proc, .writable = true};
    g_restart(g);
    static const char *const names[] = {"self/mem", "self/maps", "self/environ",
                                        "version",  "self/task", "sys/kernel/hostname"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(g_open(g, ROOT, names[i], true, 0, R_RO, 0, &fd), G_NOTCAPABLE);
    assert_int_not_equal(g_open(g, ROOT, "self/mem", true, 0, R_RW, 0, &fd), 0);
    assert_int_equal(g_path(g, "path_create_directory", ROOT, "new"), G_NOTCAPABLE);
    assert_true(g_was_refused(g, "open", "/self/mem"));
    close(proc);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_read_only_mount_changes_in_no_way),
        T(the_inner_mount_serves_its_path),
        T(mount_points_stand_still),
        T(a_hidden_folder_is_known_by_its_inode),
        T(files_of_the_kernel_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
