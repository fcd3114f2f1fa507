/* A folder tells that something in it changed, and a file whether somebody is writing it. */
#include "scratch.h"

#include "os/fd.h"
#include "os/file.h"
#include "os/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void a_change_is_told_once(void **state)
{
    struct scratch *s = *state;
    auto_close int fd = os_notify_new();
    assert_true(fd >= 0);
    assert_int_equal(os_notify_add(fd, s->path, OS_NOTIFY_ALL), 0);
    assert_int_equal(os_notify_drain(fd), 0);
    assert_int_equal(os_write_file_at(s->fd, "a", STR("x"), 0600, false), 0);
    assert_int_equal(os_notify_drain(fd), 1);
    assert_int_equal(os_notify_drain(fd), 0);
    assert_int_equal(os_unlink_at(s->fd, "a", 0), 0);
    assert_int_equal(os_notify_drain(fd), 1);
    assert_int_equal(os_notify_add(fd, "/nowhere/at/all", OS_NOTIFY_ALL), -ENOENT);
}

static void a_wait_for_names_does_not_narrow_what_is_watched(void **state)
{
    struct scratch *s = *state;
    auto_close int fd = os_notify_new();
    assert_int_equal(os_write_file_at(s->fd, "a", STR("x"), 0600, false), 0);
    assert_int_equal(os_notify_add(fd, s->path, OS_NOTIFY_ALL), 0);
    assert_int_equal(os_notify_add(fd, s->path, OS_NOTIFY_NEW_NAMES), 0);
    assert_int_equal(os_unlink_at(s->fd, "a", 0), 0);
    assert_int_equal(os_notify_drain(fd), 1);
}

static void an_open_writer_is_seen_and_let_go_on(void **state)
{
    struct scratch *s = *state;
    assert_int_equal(os_write_file_at(s->fd, "a", STR("x"), 0600, false), 0);
    auto_close int reader = os_open_at(s->fd, "a", O_RDONLY, 0, OS_BENEATH);
    assert_int_equal(os_is_being_written(reader), 0);
    int writer =
        os_open_at(s->fd, "a", O_WRONLY, 0, OS_BENEATH); /* nothing is left that would hold it up */
    assert_true(writer >= 0);
    assert_int_equal(os_is_being_written(reader), 1);
    os_close(writer);
    assert_int_equal(os_is_being_written(reader), 0);
}

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, scratch_open, scratch_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_change_is_told_once),
        scratch_test(a_wait_for_names_does_not_narrow_what_is_watched),
        scratch_test(an_open_writer_is_seen_and_let_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
