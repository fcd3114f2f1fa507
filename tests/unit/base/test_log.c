/* Log lines: levels, the default silence, and that nobody can forge a second line. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct {
    int count;
    enum log_level level;
    char line[2000];
} seen;

static void collect(enum log_level level, const char *line, void *arg)
{
    assert_ptr_equal(arg, &seen);
    seen.count++;
    seen.level = level;
    assert_true(strlen(line) < sizeof(seen.line));
    memcpy(seen.line, line, strlen(line) + 1);
}

static void nothing_is_said_without_a_sink(void **state)
{
    (void)state;
    log_set_sink(NULL, LOG_DEBUG, NULL);
    log_line(LOG_ERROR, "x=%d", 1);
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    seen.count = 0;
    log_set_sink(collect, LOG_INFO, &seen);
    log_debug("x=1");
    assert_int_equal(seen.count, 0);
    log_warn("x=%s", "2");
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.level, LOG_WARN);
    assert_string_equal(seen.line, "x=2");
}

static void line_breaks_become_spaces_and_long_lines_are_cut(void **state)
{
    char text[1500];
    (void)state;
    log_set_sink(collect, LOG_DEBUG, &seen);
    log_line(LOG_INFO, "a=%s", "1\r\nb=2");
    assert_string_equal(seen.line, "a=1  b=2");
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_line(LOG_INFO, "%s", text);
    assert_int_equal(strlen(seen.line), 1023);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said_without_a_sink),
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(line_breaks_become_spaces_and_long_lines_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
