/* Files made since a moment, counted by somebody who may only look. */
#include "os/created.h"
#include "os/fd.h"
#include "os/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS_MAX = 20000 };
#define BUDGET_NS 1000000

static char folder[] = "/tmp/bx-created-XXXXXX";
static int folder_fd = -1;

static int set_up(void **state unused_)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder_fd < 0 ? -1 : 0;
}

static int tear_down(void **state unused_)
{
    char command[128];
    close(folder_fd);
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", folder, folder);
    return system(command) == 0 ? 0 : -1;
}

static void make(const char *name)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    close(fd);
}

static struct os_created *begin(uint64_t max)
{
    struct os_created *c = NULL;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(os_created_new(&fd, 1, max, &c), 0);
    assert_int_equal(fd, -1);
    return c;
}

/* Others make and remove files on the same file system meanwhile, so it may take more than it should until the number of files
 * is seen to grow; what is found then is exact. */
static int make_until(struct os_created *c, uint64_t *found)
{
    char name[64];
    int r = OS_CREATED_FINE;
    for (int i = 0; i < ROUNDS_MAX && r == OS_CREATED_FINE; i++) {
        snprintf(name, sizeof name, "in/%d", i);
        make(name);
        r = os_created_look(c, BUDGET_NS, found);
    }
    return r;
}

static void what_was_there_before_does_not_count(void **state unused_)
{
    uint64_t found = 0;
    char name[64];
    mkdirat(folder_fd, "in", 0755);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "in/old%d", i);
        make(name);
    }
    usleep(20000); /* the clock of files ticks in steps of some ms */
    auto_(os_created) struct os_created *c = begin(20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(os_created_look(c, BUDGET_NS, &found), OS_CREATED_FINE);
    assert_int_equal(make_until(c, &found), OS_CREATED_TOO_MANY);
    assert_true(found > 20); /* it looks at the number after some names each */
}

static void folders_and_links_count_wherever_they_are(void **state unused_)
{
    uint64_t found = 0;
    char name[64];
    mkdirat(folder_fd, "in", 0755);
    usleep(20000);
    auto_(os_created) struct os_created *c = begin(60);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "d%d", i);
        assert_int_equal(mkdirat(folder_fd, name, 0755), 0);
        snprintf(name, sizeof name, "d%d/link", i);
        assert_int_equal(symlinkat("/", folder_fd, name), 0);
        snprintf(name, sizeof name, "d%d/file", i);
        make(name);
    }
    assert_int_equal(make_until(c, &found), OS_CREATED_TOO_MANY);
    assert_true(found > 60);
}

static void what_hides_is_told(void **state unused_)
{
    uint64_t found = 0;
    int r = OS_CREATED_FINE;
    usleep(20000);
    /* What is made beside the watched folder makes it be looked at, and is not counted. */
    assert_int_equal(mkdirat(folder_fd, "in", 0755), 0);
    assert_int_equal(mkdirat(folder_fd, "watched", 0755), 0);
    int watched = openat(folder_fd, "watched", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        at = dup(watched);
    auto_(os_created) struct os_created *c = NULL;
    assert_int_equal(os_created_new(&watched, 1, 2 * OS_CREATED_DEPTH_MAX, &c), 0);
    for (int i = 0; i < OS_CREATED_DEPTH_MAX + 1; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    close(at);
    r = make_until(c, &found);
    assert_true(r == OS_CREATED_HIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_there_before_does_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_and_links_count_wherever_they_are, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_hides_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
