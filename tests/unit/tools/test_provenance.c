/* A value is found where it stands alone, in any folded form, and nowhere else. */
#include "check.h"

#include "tools/provenance.h"

#include <stdio.h>
#include <time.h>

static struct provenance_answer look(enum target_kind kind, const char *request,
                                     const char *untrusted, const char *value)
{
    auto_(provenance) struct provenance *p = NULL;
    struct provenance_answer a;
    assert_int_equal(provenance_new(&p), 0);
    if (request)
        assert_int_equal(provenance_add(p, FROM_REQUEST, STR("the request"), str_of(request)), 0);
    if (untrusted)
        assert_int_equal(
            provenance_add(p, FROM_UNTRUSTED, STR("the result of x"), str_of(untrusted)), 0);
    provenance_of(p, kind, str_of(value), &a);
    return a;
}

static void a_value_stands_alone_or_not_at_all(void **state)
{
    static const struct {
        enum target_kind kind;
        const char *text, *value;
        bool is_there;
    } rows[] = {
        {TARGET_HOST, "see example.org.", "example.org", true},
        {TARGET_HOST, "see https://example.org/a", "EXAMPLE.org", true},
        {TARGET_HOST, "mail.example.org", "example.org", true},
        {TARGET_HOST, "example.org", "ample.org", false},
        {TARGET_HOST, "example.org", "example.or", false},
        {TARGET_HOST, "example.org.evil.net", "example.org", false},
        {TARGET_HOST, "my-example.org", "example.org", false},
        {TARGET_HOST, "example.org@evil.net", "example.org", false},
        {TARGET_HOST, "bob@example.org", "example.org", true},
        {TARGET_HOST,
         "ex\xe2\x80\x8b"
         "ample.org",
         "example.org", true},
        {TARGET_EMAIL, "to bob@x.org, please", "Bob@x.org", true},
        {TARGET_EMAIL, "<bob@x.org>.", "bob@x.org", true},
        {TARGET_EMAIL, "jim.bob@x.org", "bob@x.org", false},
        {TARGET_EMAIL, "bob@x.org.evil.net", "bob@x.org", false},
        {TARGET_EMAIL, "bob@x.organic", "bob@x.org", false},
        {TARGET_PATH, "in /a/b/c.txt.", "/a/b/c.txt", true},
        {TARGET_PATH, "in /a/b/c.txt", "c.txt", true},
        {TARGET_PATH, "in /a/b/c.txt", "/a/b", false},
        {TARGET_PATH, "in /a/b", "/b", false},
        {TARGET_PATH, "in /a/b/", "/a/b", true},
        {TARGET_PATH, "xc.txt", "c.txt", false},
        {TARGET_NUMBER, "IBAN de89 3704 0044 0532 0130 00", "DE89370400440532013000", true},
        {TARGET_NUMBER, "IBAN DE89370400440532013000", "DE89-3704-0044-0532-0130-00", true},
        {TARGET_NUMBER, "1DE89370400440532013000", "DE89370400440532013000", false},
        {TARGET_NUMBER, "DE893704004405320130001", "DE89370400440532013000", false},
        {TARGET_NUMBER, "call 555-123456", "555123456", true},
        {TARGET_TEXT, "book Hotel  Adlon\nnow", "hotel adlon", true},
        {TARGET_TEXT, "book Hotel Adlonia", "hotel adlon", false},
        {TARGET_TEXT, "", "x", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct provenance_answer a = look(rows[i].kind, rows[i].text, NULL, rows[i].value);
        if ((a.verdict == PROVENANCE_FINE) != rows[i].is_there)
            fail_msg("\"%s\" in \"%s\": %d", rows[i].value, rows[i].text, a.verdict);
        a = look(rows[i].kind, NULL, rows[i].text, rows[i].value);
        if (a.verdict != (rows[i].is_there ? PROVENANCE_UNTRUSTED : PROVENANCE_UNKNOWN))
            fail_msg("untrusted: \"%s\" in \"%s\": %d", rows[i].value, rows[i].text, a.verdict);
    }
}

static void the_best_label_wins_and_names_its_source(void **state)
{
    auto_(provenance) struct provenance *p = NULL;
    struct provenance_answer a;
    (void)state;
    assert_int_equal(provenance_new(&p), 0);
    assert_false(provenance_has_untrusted(p));
    assert_int_equal(provenance_add(p, FROM_UNTRUSTED, STR("page"), STR("a.org b.org c.org")), 0);
    assert_true(provenance_has_untrusted(p));
    assert_int_equal(provenance_add(p, FROM_TRUSTED, STR("book"), STR("a.org b.org")), 0);
    assert_int_equal(provenance_add(p, FROM_REQUEST, STR("request"), STR("a.org")), 0);
    static const struct {
        const char *value, *source;
        enum provenance_verdict verdict;
    } rows[] = {{"a.org", "request", PROVENANCE_FINE},
                {"b.org", "book", PROVENANCE_FINE},
                {"c.org", "page", PROVENANCE_UNTRUSTED},
                {"d.org", "", PROVENANCE_UNKNOWN}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        provenance_of(p, TARGET_HOST, str_of(rows[i].value), &a);
        assert_int_equal(a.verdict, rows[i].verdict);
        assert_string_equal(a.source, rows[i].source);
    }
}

static void too_long_a_value_is_not_fine_and_an_empty_one_is(void **state)
{
    static char text[PROVENANCE_VALUE_MAX + 2];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    assert_int_equal(look(TARGET_TEXT, text, NULL, text).verdict, PROVENANCE_UNKNOWN);
    text[PROVENANCE_VALUE_MAX] = '\0';
    assert_int_equal(look(TARGET_TEXT, text, NULL, text).verdict, PROVENANCE_FINE);
    assert_int_equal(look(TARGET_NUMBER, NULL, "x", " - ").verdict, PROVENANCE_FINE);
}

/* What was not kept may have been where a value stood: nothing unknown is fine any more. */
static void a_full_memory_is_no_way_out(void **state)
{
    auto_(provenance) struct provenance *p = NULL;
    struct provenance_answer a;
    size_t size = (size_t)4 << 20;
    auto_free char *big = malloc(size);
    (void)state;
    assert_non_null(big);
    memset(big, 'x', size);
    assert_int_equal(provenance_new(&p), 0);
    assert_int_equal(provenance_add(p, FROM_REQUEST, STR("request"), STR("a.org")), 0);
    int r = 0;
    for (int i = 0; i < 9 && r == 0; i++)
        r = provenance_add(p, FROM_UNTRUSTED, STR("flood"), (struct str){big, size});
    assert_int_equal(r, -FAULT_CAP);
    provenance_of(p, TARGET_HOST, STR("b.org"), &a);
    assert_int_equal(a.verdict, PROVENANCE_UNTRUSTED);
    provenance_of(p, TARGET_HOST, STR("a.org"), &a);
    assert_int_equal(a.verdict, PROVENANCE_FINE);
}

/* Printed, not asserted: <= 50 us is the number to reach. */
static void a_decision_over_a_long_session_is_quick(void **state)
{
    auto_(provenance) struct provenance *p = NULL;
    struct provenance_answer a;
    char text[4096];
    (void)state;
    assert_int_equal(provenance_new(&p), 0);
    for (int i = 0; i < 64; i++) {
        for (size_t k = 0; k < sizeof text; k++)
            text[k] = (char)(k % 61 == 60 ? ' ' : 'a' + (int)((k * 7 + (size_t)i) % 26));
        assert_int_equal(provenance_add(p, i % 4 ? FROM_UNTRUSTED : FROM_TRUSTED, STR("x"),
                                        (struct str){text, sizeof text}),
                         0);
    }
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < 200; i++)
        provenance_of(p, TARGET_HOST, STR("api.example.org"), &a);
    clock_gettime(CLOCK_MONOTONIC, &to);
    print_message(
        "provenance over 256 KiB: %.1f us\n",
        ((double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3) /
            200);
    assert_int_equal(a.verdict, PROVENANCE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_stands_alone_or_not_at_all),
        cmocka_unit_test(the_best_label_wins_and_names_its_source),
        cmocka_unit_test(too_long_a_value_is_not_fine_and_an_empty_one_is),
        cmocka_unit_test(a_full_memory_is_no_way_out),
        cmocka_unit_test(a_decision_over_a_long_session_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
