/* The edit engine: results against a plain model, reports, limits, and speed on a big file. */
#include "check.h"
#include "edits.h"

#include <time.h>

struct outcome {
    enum edits_outcome code;
    struct buf text;
    struct buf report;
    struct buf why;
};

static struct outcome run(struct str text, struct edit *edits, size_t count)
{
    struct outcome outcome = {.text = {0}};

    buf_init(&outcome.report, EDITS_REPORT_MAX);
    buf_init(&outcome.why, 8192);
    outcome.code = edits_apply(text, edits, count, &outcome.text, &outcome.report, &outcome.why);
    return outcome;
}

static void outcome_done(struct outcome *outcome)
{
    buf_done(&outcome->text);
    buf_done(&outcome->report);
    buf_done(&outcome->why);
}

struct row {
    const char *text;
    const char *old_text;
    const char *new_text;
    bool replace_all;
    enum edits_outcome code;
    const char *result; /* the text, or a part of the reason */
};

static const struct row rows[] = {
    {"abc", "b", "x", false, EDITS_OK, "axc"},
    {"abc", "abc", "", false, EDITS_OK, ""},
    {"abc", "c", "cd", false, EDITS_OK, "abcd"},
    {"aaa", "a", "b", true, EDITS_OK, "bbb"},
    {"aaaa", "aa", "a", true, EDITS_OK, "aa"},
    {"aaa", "aa", "b", false, EDITS_OK, "ba"},
    {"a\nb\n", "\n", "", true, EDITS_OK, "ab"},
    {"a\nb\n", "\n", "\n\n", true, EDITS_OK, "a\n\nb\n\n"},
    {"a\nb\nc\n", "a\nb\n", "x", false, EDITS_OK, "xc\n"},
    {"a\n", "a\n", "a", false, EDITS_OK, "a"},
    {"aba", "a", "b", false, EDITS_AMBIGUOUS, "matches 2 times (lines 1, 1)"},
    {"a\nb\na", "a", "b", false, EDITS_AMBIGUOUS, "matches 2 times (lines 1, 3)"},
    {"abc", "", "x", false, EDITS_EMPTY, "empty"},
    {"abc", "b", "b", false, EDITS_EQUAL, "the same"},
    {"abc", "B", "x", false, EDITS_NO_MATCH, "not in the file"},
    {"", "b", "x", false, EDITS_NO_MATCH, "The file is empty"},
    {"x\n", "\n\n\n", "x", false, EDITS_NO_MATCH, "not in the file"},
};

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct str text = tight(row->text);
        struct edit edit = {str_of(row->old_text), str_of(row->new_text), row->replace_all, 0, 0};
        struct outcome outcome = run(text, &edit, 1);

        CHECK(outcome.code == row->code, "row %zu: %d", i, (int)outcome.code);
        if (row->code == EDITS_OK)
            CHECK(same(buf_str(&outcome.text), row->result), "row %zu: %s", i, outcome.text.at);
        else
            CHECK(str_find(buf_str(&outcome.why), str_of(row->result), 0) != SIZE_MAX,
                  "row %zu: %s", i, outcome.why.at);
        outcome_done(&outcome);
        tight_free(text);
    }
}

static void test_line_numbers_after_earlier_hunks(void)
{
    struct edit edit = {STR("x\n"), STR("y\ny\n"), true, 0, 0};
    struct outcome outcome = run(STR("x\n1\n2\n3\n4\n5\n6\nx\n"), &edit, 1);

    CHECK(same(buf_str(&outcome.report),
               "@@ -1,3 +1,4 @@\n-x\n+y\n+y\n 1\n 2\n@@ -6,3 +7,4 @@\n 5\n 6\n-x\n+y\n+y\n"),
          "%s", outcome.report.at);
    CHECK(edit.replaced == 2 && edit.first_line == 1, "%zu at %zu", edit.replaced, edit.first_line);
    outcome_done(&outcome);
}

static void test_all_or_none(void)
{
    struct edit edits[] = {
        {STR("a"), STR("b"), false, 0, 0},
        {STR("zz"), STR("b"), false, 0, 0},
    };
    struct outcome outcome = run(STR("a\n"), edits, 2);

    CHECK(outcome.code == EDITS_NO_MATCH, "%d", (int)outcome.code);
    CHECK(outcome.text.at == NULL, "a text came out");
    CHECK(edits[0].replaced == 1 && edits[1].replaced == 0, "who failed");
    outcome_done(&outcome);
}

static void test_growth_stops_at_the_maximum(void)
{
    size_t size = (size_t)EDITS_MAX_BYTES / 2;
    char *bytes = malloc(size);
    struct edit edit = {STR("a"), STR("aa"), true, 0, 0};
    struct edit more = {STR("a"), STR("aaa"), true, 0, 0};
    struct outcome outcome;

    if (bytes == NULL)
        abort();
    memset(bytes, 'a', size);
    outcome = run((struct str){bytes, size}, &edit, 1);
    CHECK(outcome.code == EDITS_OK && outcome.text.len == EDITS_MAX_BYTES, "exactly the maximum");
    outcome_done(&outcome);
    outcome = run((struct str){bytes, size}, &more, 1);
    CHECK(outcome.code == EDITS_TOO_BIG, "past the maximum: %d", (int)outcome.code);
    outcome_done(&outcome);
    free(bytes);
}

/* Random small texts over a small alphabet: compare with replacing by hand. */
static void test_against_a_model(void)
{
    static const char alphabet[] = "ab\n ";

    srand(7);
    for (int round = 0; round < 20000; round++) {
        char text[40];
        char old_text[4];
        char new_text[5];
        char model[200];
        size_t text_len = (size_t)rand() % sizeof(text);
        size_t old_len = 1 + (size_t)rand() % sizeof(old_text);
        size_t new_len = (size_t)rand() % sizeof(new_text);
        size_t model_len = 0;
        size_t matches = 0;
        struct edit edit;
        struct outcome outcome;

        for (size_t i = 0; i < text_len; i++)
            text[i] = alphabet[rand() % 4];
        for (size_t i = 0; i < old_len; i++)
            old_text[i] = alphabet[rand() % 4];
        for (size_t i = 0; i < new_len; i++)
            new_text[i] = alphabet[rand() % 4];
        for (size_t at = 0; at < text_len;) {
            if (text_len - at >= old_len && memcmp(text + at, old_text, old_len) == 0) {
                memcpy(model + model_len, new_text, new_len);
                model_len += new_len;
                at += old_len;
                matches++;
            } else {
                model[model_len++] = text[at++];
            }
        }
        edit = (struct edit){{old_text, old_len}, {new_text, new_len}, true, 0, 0};
        outcome = run((struct str){text, text_len}, &edit, 1);
        if (old_len == new_len && memcmp(old_text, new_text, old_len) == 0)
            CHECK(outcome.code == EDITS_EQUAL, "round %d", round);
        else if (matches == 0)
            CHECK(outcome.code == EDITS_NO_MATCH, "round %d", round);
        else
            CHECK(outcome.code == EDITS_OK && edit.replaced == matches &&
                      str_equal(buf_str(&outcome.text), (struct str){model, model_len}),
                  "round %d", round);
        outcome_done(&outcome);
    }
}

static double seconds_for(struct str text, struct edit *edit)
{
    clock_t start = clock();
    struct outcome outcome = run(text, edit, 1);

    CHECK(outcome.code == EDITS_OK || outcome.code == EDITS_NO_MATCH, "%d", (int)outcome.code);
    outcome_done(&outcome);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* Bounds with much room, for slow machines and sanitizers: they are here to catch a quadratic step. */
static void test_big_files_take_no_quadratic_time(void)
{
    struct edit one = {STR("needle"), STR("pin"), false, 0, 0};
    struct edit all = {STR("x"), STR("yy"), true, 0, 0};
    struct edit none = {STR("no such text\nat all"), STR("y"), false, 0, 0};
    struct buf lines;
    struct buf single;
    double seconds;

    buf_init(&lines, 12 << 20);
    buf_init(&single, 12 << 20);
    for (int i = 0; i < 250000; i++) {
        buf_add(&lines, STR("a line of ordinary text, x, in a file.\n"));
        buf_add(&single, STR("x and something that has no line end: "));
    }
    buf_add(&lines, STR("needle\n"));
    seconds = seconds_for(buf_str(&lines), &one);
    printf("   one edit in %zu bytes: %.1f ms\n", lines.len, seconds * 1000);
    CHECK(seconds < 2, "%.3f s", seconds);
    seconds = seconds_for(buf_str(&lines), &all);
    printf("   every line changed: %.1f ms\n", seconds * 1000);
    CHECK(seconds < 2, "%.3f s", seconds);
    seconds = seconds_for(buf_str(&single), &all);
    printf("   250000 changes in one line: %.1f ms\n", seconds * 1000);
    CHECK(seconds < 2, "%.3f s", seconds);
    seconds = seconds_for(buf_str(&lines), &none);
    printf("   no match, nearest line: %.1f ms\n", seconds * 1000);
    CHECK(seconds < 5, "%.3f s", seconds);
    buf_done(&lines);
    buf_done(&single);
}

int main(void)
{
    test_rows();
    test_line_numbers_after_earlier_hunks();
    test_all_or_none();
    test_growth_stops_at_the_maximum();
    test_against_a_model();
    test_big_files_take_no_quadratic_time();
    return check_failed > 0;
}
