/* The same at any split; without colour nothing but the words. */
#include "edge/markdown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void render(const char *text, size_t piece, bool has_color, char ret[2000])
{
    struct markdown m;
    char *out = NULL;
    size_t size = 0, len = strlen(text);
    FILE *file = open_memstream(&out, &size);
    assert_non_null(file);
    markdown_begin(&m, file, has_color);
    for (size_t at = 0; at < len; at += piece)
        markdown_add(&m, (struct str){text + at, len - at < piece ? len - at : piece});
    markdown_end(&m);
    assert_int_equal(fclose(file), 0);
    snprintf(ret, 2000, "%s", out);
    free(out);
}

static void marks_become_calm(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"plain", "plain\033[0m"},
        {"a **b** c", "a \033[0m\033[1mb\033[0m c\033[0m"},
        {"2*3 and * item", "2*3 and * item\033[0m"},
        {"`x*y`", "\033[0m\033[36m`x*y`\033[0m\033[0m"},
        {"# Head\nx", "\033[0m\033[1m# Head\033[0m\nx\033[0m"},
        {"#5 is no head", "#5 is no head\033[0m"},
        {"**open\nx", "\033[0m\033[1mopen\033[0m\nx\033[0m"},
        {"```c\n**x\n```\ny", "\033[0m\033[2m```c\n**x\n```\033[0m\ny\033[0m"},
        {"\033[2Jx", "?[2Jx\033[0m"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t piece = 1; piece <= strlen(rows[i].text); piece++) {
            char out[2000];
            render(rows[i].text, piece, true, out);
            if (strcmp(out, rows[i].expected) != 0)
                fail_msg("%s in pieces of %zu: %s", rows[i].text, piece, out);
            render(rows[i].text, piece, false, out);
            if (rows[i].text[0] != '\033')
                assert_string_equal(out, rows[i].text);
        }
}

static void letters_are_whole(void **state)
{
    char out[2000];
    (void)state;
    render("`\xc3\xa9` *\xc3\xbc", 2000, true, out);
    assert_string_equal(out, "\033[0m\033[36m`\xc3\xa9`\033[0m *\xc3\xbc\033[0m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(marks_become_calm),
                                       cmocka_unit_test(letters_are_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
