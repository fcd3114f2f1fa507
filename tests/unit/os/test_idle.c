/* rooms: os base */
#include "os/idle.h"

#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const words[] = {"one", "two", "three"};
static int counted = 7;

/* Pages of files that this process has in memory. */
static long file_pages(void)
{
    long size = 0, resident = 0, shared = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    assert_non_null(f);
    char line[128] = "";
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    char *at = line;
    size = strtol(at, &at, 10);
    resident = strtol(at, &at, 10);
    shared = strtol(at, &at, 10);
    assert_true(size > resident && resident > shared && shared > 0);
    return shared;
}

static void a_process_gives_back_its_code_and_goes_on(void **state)
{
    (void)state;
    char *large = malloc(1 << 20);
    assert_non_null(large);
    memset(large, 'x', 1 << 20);
    long before = file_pages();
    os_give_back_memory();
    long after = file_pages();
    assert_true(after < before);
    assert_string_equal(words[2],
                        "three"); /* relocated: it must not come back as it is in the file */
    assert_int_equal(++counted, 8);
    assert_true(large[0] == 'x' && large[(1 << 20) - 1] == 'x');
    free(large);
    os_give_back_memory();
    char text[32];
    snprintf(text, sizeof text, "%d %s", counted, words[0]);
    assert_string_equal(text, "8 one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_gives_back_its_code_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
