/* Words that two rooms know and neither may see of the other: the settings' names of facets and the jail's. And the one door through
 * which text of others goes to a terminal. */
#include "base/base.h"
#include "edge/safe.h"
#include "sandbox/jail/jail.h"
#include "tools/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_settings_and_the_jail_call_each_facet_the_same(void **state)
{
    (void)state;
    uint32_t all = 0;
    for (unsigned bit = 0; bit < JAIL_FACET_COUNT; bit++) {
        const char *name = jail_facet_name((enum jail_facet)(1u << bit));
        auto_(settings) struct settings *s = NULL;
        struct fault fault = {0};
        uint32_t parsed = 0;
        char text[128];
        assert_int_equal(settings_new(&s), 0);
        snprintf(text, sizeof(text), "{\"required_layers\":[\"%s\"]}", name);
        if (settings_add(s, POLICY_COMMAND_LINE, "s.json", str_of(text), &fault) != 0)
            fail_msg("%s: %s", name, fault.text);
        assert_int_equal(jail_facets_parse(name, &parsed, &fault), 0);
        assert_int_equal(s->required_facets, parsed);
        assert_int_equal(parsed, 1u << bit);
        all |= parsed;
    }
    assert_int_equal(all, JAIL_ALL);
}

static void a_word_that_the_jail_does_not_know_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "all", "landlock,seccomp", "Landlock", "cgroup"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        auto_(settings) struct settings *s = NULL;
        struct fault fault = {0};
        char text[128];
        assert_int_equal(settings_new(&s), 0);
        snprintf(text, sizeof(text), "{\"required_layers\":[\"%s\"]}", wrong[i]);
        assert_int_equal(settings_add(s, POLICY_COMMAND_LINE, "s.json", str_of(text), &fault),
                         -FAULT_CONFIG);
        assert_int_equal(s->required_facets, 0);
    }
}

static void text_of_others_cannot_act_on_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *given, *shown;
    } rows[] = {
        {"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
         "plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\x1b[2J\a\r\n\t", "?[2J????"},
        {"\xc2\x9b"
         "31m\x7f",
         "?31m?"},
        {"\x9b"
         "31m",
         "?31m"}, /* C1 as one byte */
        {"a\xe2\x80\xae"
         "b\xe2\x81\xa6",
         "a?b?"},                  /* turned direction */
        {"\xf3\xa0\x81\x81", "?"}, /* a tag nobody sees */
        {"\xe2\x82", "??"},        /* half a letter */
        {"\xc0\x9b", "??"},        /* written longer than it is */
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char shown[64], printed[64] = "";
        safe_copy(shown, sizeof(shown), rows[i].given);
        assert_string_equal(shown, rows[i].shown);
        FILE *out = fmemopen(printed, sizeof(printed), "w");
        safe_print_line(out, rows[i].given);
        fclose(out);
        assert_string_equal(printed, rows[i].shown);
    }
}

static void a_cell_never_cuts_a_letter(void **state)
{
    (void)state;
    char cell[6];
    safe_copy(cell, sizeof(cell),
              "abc\xe2\x82\xac"
              "d");
    assert_string_equal(cell, "abc");
    safe_copy(cell, sizeof(cell),
              "ab\xe2\x82\xac"
              "d");
    assert_string_equal(cell, "ab\xe2\x82\xac");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_settings_and_the_jail_call_each_facet_the_same),
        cmocka_unit_test(a_word_that_the_jail_does_not_know_is_refused),
        cmocka_unit_test(text_of_others_cannot_act_on_a_terminal),
        cmocka_unit_test(a_cell_never_cuts_a_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
