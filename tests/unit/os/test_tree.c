/* Whole trees: listing with a limit, removing what a guest may have built, copying contents. */
#include "base/fault.h"
#include "os/fd.h"
#include "os/file.h"
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
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

static bool exists(int dir, const char *path)
{
    struct stat st;
    return os_stat_at(dir, path, &st) == 0;
}

static int count_entry(const char *name, unsigned char type, void *arg)
{
    assert_true(type == DT_REG || type == DT_UNKNOWN);
    ++*(int *)arg;
    return strcmp(name, "stop") == 0 ? 42 : 0;
}

static void a_listing_is_whole_or_says_that_it_is_not(void **state)
{
    int dir = fd_of(state), count = 0;
    put(dir, "a", "");
    put(dir, "b", "");
    put(dir, "c", "");
    for (int i = 0; i < 2; i++) { /* twice: there is no position that moves */
        count = 0;
        assert_int_equal(os_list_dir(dir, 3, count_entry, &count), 0);
        assert_int_equal(count, 3);
    }
    count = 0;
    assert_int_equal(os_list_dir(dir, 2, count_entry, &count), -FAULT_CAP);
    assert_int_equal(count, 2);
    assert_int_equal(os_unlink_at(dir, "c", 0), 0);
    put(dir, "stop", "");
    assert_int_equal(os_list_dir(dir, 3, count_entry, &count), 42);
    assert_int_equal(os_list_dir(-1, 3, count_entry, &count), -EBADF);
}

static void a_tree_goes_and_what_its_links_point_to_stays(void **state)
{
    int dir = fd_of(state);
    char target[100];
    assert_int_equal(os_mkdir_at(dir, "outside", 0755), 0);
    put(dir, "precious", "x");
    assert_int_equal(os_mkdir_at(dir, "tree", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "tree/a", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "tree/a/b", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "tree/.bx-tmp-moved-0", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "tree/a/.bx-tmp-moved-1", 0755), 0);
    assert_int_equal(symlinkat("../outside", dir, "tree/link"), 0);
    assert_int_equal(symlinkat("../../../outside", dir, "tree/a/b/link"), 0);
    assert_int_equal(mkfifoat(dir, "tree/a/b/pipe", 0600), 0);
    (void)snprintf(target, sizeof(target), "tree/a/b/%s", "f");
    assert_int_equal(linkat(dir, "precious", dir, target, 0), 0);
    assert_int_equal(os_remove_tree(dir, "tree"), 0);
    assert_false(exists(dir, "tree"));
    assert_true(exists(dir, "outside") && exists(dir, "precious"));
    assert_int_equal(os_remove_tree(dir, "precious"), 0);
    assert_int_equal(symlinkat("outside", dir, "link"), 0);
    assert_int_equal(os_remove_tree(dir, "link"), 0);
    assert_true(exists(dir, "outside"));
    assert_int_equal(os_remove_tree(dir, "nothing"), -ENOENT);
}

static void a_name_that_is_no_plain_name_is_refused(void **state)
{
    int dir = fd_of(state);
    assert_int_equal(os_remove_tree(dir, "."), -EINVAL);
    assert_int_equal(os_remove_tree(dir, ".."), -EINVAL);
    assert_int_equal(os_remove_tree(dir, ""), -EINVAL);
    assert_int_equal(os_remove_tree(dir, "a/b"), -EINVAL);
}

static void depth_costs_neither_stack_nor_descriptors(void **state)
{
    enum { DEPTH = 250 };
    int dir = fd_of(state);
    struct rlimit old, few;
    assert_int_equal(os_mkdir_at(dir, "tree", 0755), 0);
    int at = os_open_at(dir, "tree", O_PATH, 0, OS_BENEATH);
    for (int i = 0; i < DEPTH; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        assert_int_equal(mkdirat(at, "e", 0755), 0);
        int next = openat(at, "d", O_PATH | O_CLOEXEC);
        assert_true(next >= 0);
        os_close(at);
        at = next;
    }
    os_close(at);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 20;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(os_remove_tree(dir, "tree"), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_false(exists(dir, "tree"));
}

static void closed_folders_are_opened_up(void **state)
{
    int dir = fd_of(state);
    char command[256];
    assert_int_equal(os_mkdir_at(dir, "tree", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "tree/a", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "tree/a/b", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "tree/a/b/c", 0755), 0);
    assert_int_equal(os_mkdir_at(dir, "tree/a/b/c/d", 0755), 0);
    assert_int_equal(fchmodat(dir, "tree/a/b/c", 0, 0), 0);
    assert_int_equal(fchmodat(dir, "tree/a/b", 0555, 0), 0);
    assert_int_equal(fchmodat(dir, "tree/a", 0, 0), 0);
    assert_int_equal(fchmodat(dir, "tree", 0500, 0), 0);
    bool is_root = geteuid() == 0; /* to whom nothing is closed: be somebody else */
    if (is_root) {
        assert_int_equal(fchownat(dir, "", 65534, (gid_t)-1, AT_EMPTY_PATH), 0);
        (void)snprintf(command, sizeof(command), "chown -R 65534 %s/tree",
                       ((struct scratch *)*state)->path);
        assert_int_equal(system(command), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    int r = os_remove_tree(dir, "tree");
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, 0);
    assert_false(exists(dir, "tree"));
}

static int open_new(int dir, const char *name)
{
    int fd = os_open_at(dir, name, O_RDWR | O_CREAT | O_TRUNC, 0600, OS_BENEATH);
    assert_true(fd >= 0);
    return fd;
}

static void copying_stops_at_the_limit_and_counts(void **state)
{
    int dir = fd_of(state);
    char *text = malloc(200001);
    memset(text, 'c', 200000);
    text[200000] = '\0';
    put(dir, "from", text);
    static const uint64_t limits[] = {0, 1, 199999, 200000, 200001, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        uint64_t copied = 77, size = 0, wanted = limits[i] < 200000 ? limits[i] : 200000;
        int from = os_open_at(dir, "from", O_RDONLY, 0, OS_BENEATH), to = open_new(dir, "to");
        assert_int_equal(os_copy_range(from, to, limits[i], &copied), 0);
        assert_int_equal(copied, wanted);
        assert_int_equal(os_file_size(to, &size), 0);
        assert_int_equal(size, wanted);
        os_close(from);
        os_close(to);
    }
    free(text);
}

static void copying_works_between_things_of_any_kind(void **state)
{
    int dir = fd_of(state), a, b;
    uint64_t copied = 0, size = 0;
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(os_write_all(b, STR("through a pipe")), 0);
    os_close(b);
    int to = open_new(dir, "to");
    assert_int_equal(os_copy_range(a, to, 1000, &copied), 0);
    assert_int_equal(copied, 14);
    os_close(a);
    int proc = os_open_trusted("/proc/self/status", O_RDONLY, 0);
    assert_int_equal(os_copy_range(proc, to, 100000, &copied), 0);
    assert_true(copied > 100);
    assert_int_equal(os_file_size(to, &size), 0);
    assert_int_equal(size, 14 + copied);
    os_close(proc);
    os_close(to);
    int memory, source = open_new(dir, "source");
    assert_int_equal(os_write_all(source, STR("abc")), 0);
    assert_int_equal(lseek(source, 1, SEEK_SET), 1);
    assert_int_equal(os_memfd("m", &memory), 0);
    assert_int_equal(os_copy_range(source, memory, 1000, &copied), 0);
    assert_int_equal(copied, 2); /* from the read position on */
    os_close(source);
    os_close(memory);
}

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, scratch_open, scratch_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_listing_is_whole_or_says_that_it_is_not),
        scratch_test(a_tree_goes_and_what_its_links_point_to_stays),
        scratch_test(a_name_that_is_no_plain_name_is_refused),
        scratch_test(depth_costs_neither_stack_nor_descriptors),
        scratch_test(closed_folders_are_opened_up),
        scratch_test(copying_stops_at_the_limit_and_counts),
        scratch_test(copying_works_between_things_of_any_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
