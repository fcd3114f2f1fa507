/* The environment, the machine, and a line from the terminal (here: from a pipe). */
#include "base/fault.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/term.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void an_empty_variable_is_none(void **state)
{
    (void)state;
    setenv("BX_TEST_A", "value", 1);
    setenv("BX_TEST_B", "", 1);
    assert_string_equal(os_env("BX_TEST_A"), "value");
    assert_null(os_env("BX_TEST_B"));
    assert_null(os_env("BX_TEST_C"));
}

static void the_home_folder_has_a_second_source(void **state)
{
    (void)state;
    setenv("HOME", "/some/where", 1);
    assert_string_equal(os_home(), "/some/where");
    unsetenv("HOME");
    const char *home = os_home();
    assert_true(home == NULL || home[0] == '/');
}

static void a_wiped_value_is_nowhere_in_the_environment(void **state)
{
    (void)state;
    setenv("BX_TEST_A", "secret-value", 1);
    const char *at = os_env("BX_TEST_A");
    os_env_wipe("BX_TEST_A");
    os_env_wipe("BX_TEST_C"); /* there is none */
    assert_null(os_env("BX_TEST_A"));
    static const char zeros[12];
    assert_memory_equal(at, zeros, sizeof(zeros));
}

static void a_cleared_environment_is_empty(void **state)
{
    (void)state;
    setenv("BX_TEST_A", "value", 1);
    os_env_clear();
    assert_null(os_env("BX_TEST_A"));
    assert_null(os_env("PATH"));
}

static void a_program_knows_where_it_is_and_who_it_is(void **state)
{
    char *dir = NULL, path[4200];
    (void)state;
    assert_int_equal(os_self_dir(&dir), 0);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, "");
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(dir[0], '/');
    assert_true(strlen(dir) == 1 || dir[strlen(dir) - 1] != '/');
    free(dir);
    assert_int_equal(os_pid(), getpid());
    assert_int_equal(os_uid(), geteuid());
    assert_int_equal(os_gid(), getegid());
    assert_in_range(os_cpu_count(), 1, 100000);
}

static int pipe_with(const char *text, int *ret_write)
{
    int a, b;
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(os_write_all(b, str_of(text)), 0);
    *ret_write = b;
    return a;
}

static void lines_are_read_one_at_a_time(void **state)
{
    char *line = NULL;
    int b, a = pipe_with("one\n\nthree", &b);
    (void)state;
    os_close(b);
    assert_int_equal(os_read_line(a, -1, 100, &line), 0);
    assert_string_equal(line, "one");
    free(line);
    assert_int_equal(os_read_line(a, -1, 100, &line), 0);
    assert_string_equal(line, "");
    free(line);
    assert_int_equal(os_read_line(a, -1, 100, &line), 0);
    assert_string_equal(line, "three");
    free(line);
    assert_int_equal(os_read_line(a, -1, 100, &line), 1);
    os_close(a);
}

static void a_line_has_a_limit_and_can_be_cancelled(void **state)
{
    char *line = NULL;
    int b, d, a = pipe_with("12345\n12345\n", &b), c = pipe_with("x", &d);
    (void)state;
    assert_int_equal(os_read_line(a, -1, 5, &line), 0);
    free(line);
    assert_int_equal(os_read_line(a, -1, 4, &line), -FAULT_CAP);
    assert_int_equal(os_read_line(a, c, 100, &line), 2);
    os_close(a);
    os_close(b);
    os_close(c);
    os_close(d);
}

static void a_pipe_is_no_terminal(void **state)
{
    int a, b;
    (void)state;
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_false(os_is_terminal(a));
    assert_int_equal(os_terminal_width(a), 80);
    os_close(a);
    os_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_variable_is_none),
        cmocka_unit_test(the_home_folder_has_a_second_source),
        cmocka_unit_test(a_program_knows_where_it_is_and_who_it_is),
        cmocka_unit_test(lines_are_read_one_at_a_time),
        cmocka_unit_test(a_line_has_a_limit_and_can_be_cancelled),
        cmocka_unit_test(a_pipe_is_no_terminal),
        cmocka_unit_test(a_wiped_value_is_nowhere_in_the_environment),
        cmocka_unit_test(a_cleared_environment_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
