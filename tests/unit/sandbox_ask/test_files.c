/* Files through the whole jail: the mount and the undo folder are really there for the guest's calls, and read-only is
 * read-only. What WASI does with files in detail is tested in its own room. */
#include "modules.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/random.h"
#include "stage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WASI_NOENT = 44, WASI_ROFS = 69 };

static char dir[64];
static struct stage stage;

static int open_stage(void **state)
{
    (void)state;
    char path[80];
    uint64_t number;
    json_start(1);
    os_random(&number, sizeof number);
    snprintf(dir, sizeof dir, "/tmp/test-files-%016" PRIx64, number);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, i == 0 ? "work" : i == 1 ? "undo" : "undo/call");
        assert_true(os_mkdir_parents(path, 0700) >= 0);
        int fd = os_open_trusted(path, O_RDONLY | O_DIRECTORY, 0);
        assert_true(fd >= 0);
        *(i == 0 ? &stage.dir_fd : i == 1 ? &stage.undo_root_fd : &stage.undo_fd) = fd;
    }
    int undo_fd = stage.undo_fd;
    stage_open(&stage);
    stage.undo_fd = undo_fd;
    return 0;
}

static int close_stage(void **state)
{
    (void)state;
    stage_close(&stage);
    os_close(stage.dir_fd);
    os_close(stage.undo_root_fd);
    os_close(stage.undo_fd);
    int tmp = os_open_trusted("/tmp", 0, 0);
    (void)!os_remove_tree(tmp, dir + 5);
    os_close(tmp);
    return 0;
}

static int put_file(void **state)
{
    (void)state;
    stage.read_only = false;
    return os_write_file_at(stage.dir_fd, "a.txt", STR("old\n"), 0640, false);
}

static void assert_file(const char *content)
{
    auto_done(buf) struct buf text;
    buf_init(&text, 100);
    assert_int_equal(os_read_file_at(stage.dir_fd, "a.txt", &text), 0);
    assert_string_equal(text.at, content);
}

static void a_file_of_the_mount_is_read(void **state)
{
    (void)state;
    assert_int_equal(stage_run(&stage, WASM(cat_file)), SANDBOX_EXIT);
    assert_int_equal(stage.outcome.exit_code, 0);
    assert_string_equal(stage.outcome.out.at, "old\n");
    assert_int_equal(stage.outcome.used.read_bytes, 4);
}

static void a_missing_file_is_an_errno(void **state)
{
    (void)state;
    assert_int_equal(os_unlink_at(stage.dir_fd, "a.txt", 0), 0);
    assert_int_equal(stage_run(&stage, WASM(cat_file)), SANDBOX_EXIT);
    assert_int_equal(stage.outcome.exit_code, WASI_NOENT);
}

static void a_file_is_rewritten_and_what_was_there_is_kept(void **state)
{
    (void)state;
    assert_int_equal(stage_run(&stage, WASM(rewrite_file)), SANDBOX_EXIT);
    assert_int_equal(stage.outcome.exit_code, 0);
    assert_file("new\n");
    assert_int_equal(stage.outcome.touched_count, 1);
    assert_string_equal(stage.outcome.touched[0].path, "/a.txt");
    assert_true(stage.outcome.touched[0].image >= 0);
    char image[16];
    auto_done(buf) struct buf text;
    buf_init(&text, 100);
    snprintf(image, sizeof image, "%d", stage.outcome.touched[0].image);
    assert_int_equal(os_read_file_at(stage.undo_fd, image, &text), 0);
    assert_string_equal(text.at, "old\n");
}

static void a_run_that_may_only_read_does_not_write(void **state)
{
    (void)state;
    stage.read_only = true;
    assert_int_equal(stage_run(&stage, WASM(rewrite_file)), SANDBOX_EXIT);
    assert_int_equal(stage.outcome.exit_code, WASI_ROFS);
    assert_file("old\n");
    assert_int_equal(stage.outcome.touched_count, 0);
    assert_true(stage.outcome.refused_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_file_of_the_mount_is_read, put_file),
        cmocka_unit_test_setup(a_missing_file_is_an_errno, put_file),
        cmocka_unit_test_setup(a_file_is_rewritten_and_what_was_there_is_kept, put_file),
        cmocka_unit_test_setup(a_run_that_may_only_read_does_not_write, put_file),
    };
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
