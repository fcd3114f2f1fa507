/* Files beneath a directory: no way out through links, dots or magic, and whole replacement. */
#include "base/fault.h"
#include "os/fd.h"
#include "os/file.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int fd_of(void **state)
{
    return ((struct scratch *)*state)->fd;
}

static void put(int dir, const char *name, const char *text)
{
    assert_int_equal(os_write_file_at(dir, name, str_of(text), 0644, false), 0);
}

static int opening(int dir, const char *path, enum os_resolve how)
{
    int fd = os_open_at(dir, path, O_RDONLY, 0, how);
    if (fd >= 0) {
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        os_close(fd);
        return 0;
    }
    return fd;
}

static void make_maze(int dir)
{
    assert_int_equal(os_mkdir_at(dir, "sub", 0755), 0);
    put(dir, "file", "x");
    assert_int_equal(symlinkat("file", dir, "good"), 0);
    assert_int_equal(symlinkat("../file", dir, "sub/up"), 0);
    assert_int_equal(symlinkat("/etc/passwd", dir, "absolute"), 0);
    assert_int_equal(symlinkat("../../../../../../etc/passwd", dir, "relative"), 0);
    assert_int_equal(symlinkat("/", dir, "root"), 0);
    assert_int_equal(symlinkat("/proc/self/root/etc/passwd", dir, "magic"), 0);
    assert_int_equal(symlinkat("loop", dir, "loop"), 0);
}

static void nothing_leads_out_of_the_directory(void **state)
{
    int dir = fd_of(state);
    make_maze(dir);
    assert_int_equal(opening(dir, "file", OS_BENEATH), 0);
    assert_int_equal(opening(dir, "good", OS_BENEATH), 0);
    assert_int_equal(opening(dir, "sub/up", OS_BENEATH), 0);
    assert_int_equal(opening(dir, "sub/../file", OS_BENEATH), 0);
    assert_int_equal(opening(dir, "..", OS_BENEATH), -EXDEV);
    assert_int_equal(opening(dir, "../x", OS_BENEATH), -EXDEV);
    assert_int_equal(opening(dir, "sub/../../x", OS_BENEATH), -EXDEV);
    assert_int_equal(opening(dir, "/etc/passwd", OS_BENEATH), -EXDEV);
    assert_int_equal(opening(dir, "absolute", OS_BENEATH), -EXDEV);
    assert_int_equal(opening(dir, "relative", OS_BENEATH), -EXDEV);
    assert_int_equal(opening(dir, "root/etc/passwd", OS_BENEATH), -EXDEV);
    assert_int_equal(opening(dir, "magic", OS_BENEATH), -EXDEV);
    assert_int_equal(opening(dir, "loop", OS_BENEATH), -ELOOP);
    assert_int_equal(opening(dir, "missing", OS_BENEATH), -ENOENT);
    assert_int_equal(opening(dir, "", OS_BENEATH), -ENOENT);
}

static void in_root_the_directory_is_the_root(void **state)
{
    int dir = fd_of(state);
    make_maze(dir);
    assert_int_equal(opening(dir, "/file", OS_IN_ROOT), 0);
    assert_int_equal(opening(dir, "../../../file", OS_IN_ROOT), 0);
    assert_int_equal(opening(dir, "root/file", OS_IN_ROOT), 0);
    assert_int_equal(opening(dir, "absolute", OS_IN_ROOT), -ENOENT);
}

static void without_links_no_link_is_followed(void **state)
{
    int dir = fd_of(state);
    make_maze(dir);
    assert_int_equal(opening(dir, "file", OS_NO_LINKS), 0);
    assert_int_equal(opening(dir, "good", OS_NO_LINKS), -ELOOP);
    assert_int_equal(opening(dir, "sub/up", OS_NO_LINKS), -ELOOP);
}

static void magic_links_are_never_followed(void **state)
{
    (void)state;
    int proc = os_open_dir_trusted("/proc");
    assert_true(proc >= 0);
    assert_int_equal(opening(proc, "self/exe", OS_BENEATH), -ELOOP);
    assert_int_equal(opening(proc, "self/root/etc/passwd", OS_IN_ROOT), -ELOOP);
    os_close(proc);
}

static void only_regular_files_are_read_whole(void **state)
{
    int dir = fd_of(state);
    struct buf out;
    buf_init(&out, 100);
    put(dir, "file", "content");
    assert_int_equal(os_read_file_at(dir, "file", &out), 0);
    assert_string_equal(out.at, "content");
    buf_reset(&out);
    assert_int_equal(mkfifoat(dir, "pipe", 0600), 0);
    assert_int_equal(os_read_file_at(dir, "pipe", &out), -EINVAL); /* and does not wait */
    assert_int_equal(os_read_file_at(dir, ".", &out), -EISDIR);
    assert_int_equal(os_read_file_at(dir, "none", &out), -ENOENT);
    out.max = 6;
    assert_int_equal(os_read_file_at(dir, "file", &out), -FAULT_CAP);
    buf_reset(&out);
    out.max = 100000;
    assert_int_equal(os_read_file_trusted("/proc/self/stat", &out), 0); /* claims to be empty */
    assert_true(out.len > 0);
    buf_done(&out);
}

static int count_entry(const char *name, unsigned char type, void *arg)
{
    (void)name;
    (void)type;
    ++*(int *)arg;
    return 0;
}

static int count(int dir)
{
    int n = 0;
    assert_int_equal(os_list_dir(dir, 1000, count_entry, &n), 0);
    return n;
}

static void writing_replaces_whole_with_the_exact_mode(void **state)
{
    int dir = fd_of(state);
    struct stat st;
    struct buf out;
    buf_init(&out, 100);
    mode_t mask = umask(077);
    put(dir, "file", "one");
    int old = os_open_at(dir, "file", O_RDONLY, 0, OS_BENEATH);
    assert_int_equal(os_write_file_at(dir, "file", STR("second"), 0755, true), 0);
    umask(mask);
    assert_int_equal(os_stat_at(dir, "file", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(os_read_file_at(dir, "file", &out), 0);
    assert_string_equal(out.at, "second");
    buf_reset(&out);
    assert_int_equal(os_read_all(old, &out), 0); /* who had it open still sees the old one */
    assert_string_equal(out.at, "one");
    os_close(old);
    buf_done(&out);
    assert_int_equal(count(dir), 1);
}

static void writing_replaces_a_link_and_not_its_target(void **state)
{
    int dir = fd_of(state);
    struct stat st;
    put(dir, "target", "kept");
    assert_int_equal(symlinkat("target", dir, "link"), 0);
    put(dir, "link", "new");
    assert_int_equal(os_stat_at(dir, "link", &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(os_stat_at(dir, "target", &st), 0);
    assert_int_equal(st.st_size, 4);
}

static void a_failed_write_leaves_nothing_behind(void **state)
{
    int dir = fd_of(state);
    assert_int_equal(os_mkdir_at(dir, "folder", 0755), 0);
    assert_int_equal(os_write_file_at(dir, "folder", STR("x"), 0644, false), -EISDIR);
    assert_int_equal(os_write_file_at(dir, "a/b", STR("x"), 0644, false), -EINVAL);
    assert_int_equal(os_write_file_at(dir, "..", STR("x"), 0644, false), -EINVAL);
    assert_int_equal(os_write_file_at(dir, ".", STR("x"), 0644, false), -EINVAL);
    assert_int_equal(os_write_file_at(dir, "", STR("x"), 0644, false), -EINVAL);
    assert_int_equal(count(dir), 1);
}

static void a_reader_never_sees_half_a_file(void **state)
{
    enum { SIZE = 50000 };
    int dir = fd_of(state), status;
    char *text = malloc(SIZE);
    assert_non_null(text);
    memset(text, 'a', SIZE);
    assert_int_equal(os_write_file_at(dir, "f", (struct str){text, SIZE}, 0600, false), 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 200; i++) {
            memset(text, 'a' + i % 26, SIZE);
            if (os_write_file_at(dir, "f", (struct str){text, SIZE}, 0600, false) < 0)
                _exit(1);
        }
        _exit(0);
    }
    while (waitpid(pid, &status, WNOHANG) == 0) {
        struct buf out;
        buf_init(&out, SIZE);
        assert_int_equal(os_read_file_at(dir, "f", &out), 0);
        assert_int_equal(out.len, SIZE);
        assert_int_equal(out.at[0], out.at[SIZE - 1]);
        buf_done(&out);
    }
    assert_int_equal(status, 0);
    free(text);
}

static void leftovers_of_a_kill_are_swept(void **state)
{
    int dir = fd_of(state);
    put(dir, "keep", "x");
    put(dir, OS_TEMPORARY_PREFIX "0123", "half");
    put(dir, OS_TEMPORARY_PREFIX, "half");
    assert_int_equal(os_sweep_temporary(dir), 0);
    assert_int_equal(count(dir), 1);
}

static void folders_are_made_once_and_only_below(void **state)
{
    int dir = fd_of(state);
    make_maze(dir);
    assert_int_equal(os_mkdir_at(dir, "new", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "new", 0755), 1);
    assert_int_equal(os_mkdir_at(dir, "new/inner", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "file", 0755), -EEXIST);
    assert_int_equal(os_mkdir_at(dir, "root", 0755), -EEXIST); /* a link to a folder is none */
    assert_int_equal(os_mkdir_at(dir, "root/tmp/bx-out", 0755), -EXDEV);
    assert_int_equal(os_mkdir_at(dir, "../bx-out", 0755), -EXDEV);
    assert_int_equal(os_mkdir_at(dir, "no/such", 0755), -ENOENT);
    assert_int_equal(os_mkdir_at(dir, "", 0755), -ENOENT);
    assert_int_equal(os_mkdir_at(dir, "/x", 0755), -EINVAL);
}

static void parents_are_made_as_needed(void **state)
{
    struct scratch *s = *state;
    char path[200];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/a/b//c/", s->path);
    assert_int_equal(os_mkdir_parents(path, 0700), 0);
    assert_int_equal(os_mkdir_parents(path, 0700), 0);
    assert_int_equal(os_stat_at(s->fd, "a/b/c", &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    put(s->fd, "file", "x");
    (void)snprintf(path, sizeof(path), "%s/file/x", s->path);
    assert_int_equal(os_mkdir_parents(path, 0700), -ENOTDIR);
    (void)snprintf(path, sizeof(path), "%s/file", s->path);
    assert_int_equal(os_mkdir_parents(path, 0700), -ENOTDIR);
    assert_int_equal(os_mkdir_parents("/proc/self", 0700), 0);
}

static void unlink_rename_and_stat_stay_below(void **state)
{
    int dir = fd_of(state);
    struct stat st;
    make_maze(dir);
    assert_int_equal(os_unlink_at(dir, "root/tmp", AT_REMOVEDIR), -EXDEV);
    assert_int_equal(os_unlink_at(dir, "relative", 0), 0); /* the link, not the target */
    assert_int_equal(os_rename_at(dir, "file", dir, "root/tmp/bx-out"), -EXDEV);
    assert_int_equal(os_rename_at(dir, "file", dir, "sub/file"), 0);
    assert_int_equal(os_stat_at(dir, "sub/file", &st), 0);
    assert_int_equal(os_stat_at(dir, "absolute", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(os_stat_at(dir, "root/etc", &st), -EXDEV);
    assert_int_equal(os_unlink_at(dir, "sub/file", 0), 0);
    assert_int_equal(os_unlink_at(dir, "sub/file", 0), -ENOENT);
    assert_int_equal(os_unlink_at(dir, "sub/up", 0), 0);
    assert_int_equal(os_unlink_at(dir, "sub", AT_REMOVEDIR), 0);
}

static void a_lock_is_held_by_one(void **state)
{
    int dir = fd_of(state);
    put(dir, "lock", "");
    int one = os_open_at(dir, "lock", O_RDWR, 0, OS_BENEATH);
    int two = os_open_at(dir, "lock", O_RDWR, 0, OS_BENEATH);
    assert_int_equal(os_lock_exclusive(one), 0);
    assert_int_equal(os_lock_exclusive(one), 0);
    assert_int_equal(os_lock_exclusive(two), 1);
    os_close(one);
    assert_int_equal(os_lock_exclusive(two), 0);
    os_close(two);
}

static void a_real_path_has_no_links(void **state)
{
    struct scratch *s = *state;
    char path[200], wanted[200], *real = NULL;
    make_maze(s->fd);
    (void)snprintf(path, sizeof(path), "%s/sub/../good", s->path);
    (void)snprintf(wanted, sizeof(wanted), "%s/file", s->path);
    assert_int_equal(os_real_path(path, &real), 0);
    assert_string_equal(real, wanted);
    free(real);
    assert_int_equal(os_real_path("/nowhere/at/all", &real), -ENOENT);
}

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, scratch_open, scratch_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(nothing_leads_out_of_the_directory),
        scratch_test(in_root_the_directory_is_the_root),
        scratch_test(without_links_no_link_is_followed),
        cmocka_unit_test(magic_links_are_never_followed),
        scratch_test(only_regular_files_are_read_whole),
        scratch_test(writing_replaces_whole_with_the_exact_mode),
        scratch_test(writing_replaces_a_link_and_not_its_target),
        scratch_test(a_failed_write_leaves_nothing_behind),
        scratch_test(a_reader_never_sees_half_a_file),
        scratch_test(leftovers_of_a_kill_are_swept),
        scratch_test(folders_are_made_once_and_only_below),
        scratch_test(parents_are_made_as_needed),
        scratch_test(unlink_rename_and_stat_stay_below),
        scratch_test(a_lock_is_held_by_one),
        scratch_test(a_real_path_has_no_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
