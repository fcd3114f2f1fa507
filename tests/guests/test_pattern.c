/* Patterns and ignore rules, as tables: pattern, path, should it match. */
#include "check.h"
#include "ignore.h"
#include "pattern.h"

#include <time.h>

struct row {
    const char *pattern;
    const char *path;
    bool is_match;
};

static const struct row rows[] = {
    {"a", "a", true},
    {"a", "b", false},
    {"a", "ab", false},
    {"*", "a", true},
    {"*", "a/b", false},
    {"*", ".hidden", true},
    {"*.c", "x.c", true},
    {"*.c", ".c", true},
    {"*.c", "x.cc", false},
    {"*.c", "d/x.c", false},
    {"a*b*c", "abc", true},
    {"a*b*c", "aXbYc", true},
    {"a*b*c", "aXbY", false},
    {"a*b*c", "abcbc", true},
    {"?", "é", true},
    {"??", "é", false},
    {"?", "\xFF", true},
    {"[a-c]x", "bx", true},
    {"[a-c]x", "dx", false},
    {"[!a-c]x", "dx", true},
    {"[^a-c]x", "ax", false},
    {"[]]", "]", true},
    {"[!]]", "]", false},
    {"[a-]", "-", true},
    {"[\\]]", "]", true},
    {"[à-ü]", "é", true},
    {"[[:digit:]x]", "7", true},
    {"[[:digit:]x]", "x", true},
    {"[[:digit:]]", "a", false},
    {"[![:space:]]", "a", true},
    {"[[:nothing:]]", ":]", true},
    {"[a", "[a", true},
    {"[a", "a", false},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"\\", "\\", true},
    {"**", "a", true},
    {"**", "a/b/c", true},
    {"**/c", "c", true},
    {"**/c", "a/b/c", true},
    {"**/c", "a/b/cc", false},
    {"a/**", "a", false},
    {"a/**", "a/b", true},
    {"a/**", "a/b/c", true},
    {"a/**/c", "a/c", true},
    {"a/**/c", "a/b/b/c", true},
    {"a/**/c", "a/b/cd", false},
    {"a/**/b/**/c", "a/x/b/y/z/c", true},
    {"a/**/b/**/c", "a/x/y/z/c", false},
    {"a**c", "abbc", true},
    {"a**c", "ab/bc", false},
    {"/a/b", "a/b", true},
    {"./a//b", "a/b", true},
    {"a/b/", "a/b", true},
    {"**/**/x", "x", true},
    {"{a,b}", "{a,b}", true}, /* braces belong to pattern_set */
};

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str text = tight(rows[i].pattern);
        struct str path = tight(rows[i].path);
        struct pattern pattern;

        CHECK(pattern_init(&pattern, text) == PATTERN_OK, "%s", rows[i].pattern);
        CHECK(pattern_match(&pattern, path) == rows[i].is_match, "%s on %s", rows[i].pattern,
              rows[i].path);
        pattern_done(&pattern);
        tight_free(text);
        tight_free(path);
    }
}

/* What matches below a folder must never be cut off with the folder. */
static void test_below_is_never_too_narrow(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str path = str_of(rows[i].path);
        struct pattern pattern;

        if (!rows[i].is_match || pattern_init(&pattern, str_of(rows[i].pattern)) != PATTERN_OK)
            continue;
        for (size_t at = 0; at < path.len; at++)
            if (path.at[at] == '/')
                CHECK(pattern_may_match_below(&pattern, str_part(path, 0, at)), "%s below %.*s",
                      rows[i].pattern, (int)at, path.at);
        pattern_done(&pattern);
    }
}

static bool set_matches(const char *text, const char *path)
{
    struct pattern_set set;
    bool answer = false;

    if (pattern_set_init(&set, str_of(text)) != PATTERN_OK)
        return false;
    for (size_t i = 0; i < set.count; i++)
        answer = answer || pattern_match(&set.patterns[i], str_of(path));
    pattern_set_done(&set);
    return answer;
}

static void test_braces(void)
{
    struct pattern_set set;

    CHECK(set_matches("*.{c,h}", "a.h"), "second alternative");
    CHECK(!set_matches("*.{c,h}", "a.x"), "no alternative");
    CHECK(set_matches("{a,b{1,2}}/x", "b2/x"), "nested");
    CHECK(set_matches("{a,}b", "b"), "empty alternative");
    CHECK(set_matches("{a}", "{a}"), "no comma: ordinary");
    CHECK(set_matches("{a,b", "{a,b"), "never closed: ordinary");
    CHECK(set_matches("\\{a,b}", "{a,b}"), "escaped");
    CHECK(set_matches("{a/**/z,q}", "a/b/z"), "slashes inside");
    CHECK(pattern_set_init(&set, STR("{,a}")) == PATTERN_EMPTY,
          "an alternative that names nothing");
    CHECK(pattern_set_init(&set, STR("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}")) == PATTERN_OK,
          "256 are allowed");
    CHECK(set.count == 256, "%zu", set.count);
    pattern_set_done(&set);
    CHECK(pattern_set_init(&set, STR("{a,b,c}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}")) ==
              PATTERN_TOO_MANY,
          "384 are not");
    CHECK(pattern_set_init(&set, STR("a/../b")) == PATTERN_LEAVES_TOP, "dots");
}

static void test_segments_have_a_maximum(void)
{
    struct pattern pattern;
    struct buf text;

    buf_init(&text, 4096);
    for (int i = 0; i < PATTERN_MAX_SEGMENTS; i++)
        buf_add(&text, STR("a/"));
    CHECK(pattern_init(&pattern, buf_str(&text)) == PATTERN_OK, "at the maximum");
    pattern_done(&pattern);
    buf_add(&text, STR("a"));
    CHECK(pattern_init(&pattern, buf_str(&text)) == PATTERN_TOO_MANY, "one more");
    buf_done(&text);
}

static void test_never_exponential(void)
{
    struct buf name;
    struct buf text;
    struct pattern pattern;
    clock_t start = clock();

    buf_init(&name, 4096);
    buf_init(&text, 4096);
    for (int i = 0; i < 60; i++) {
        buf_add(&text, STR("*a"));
        buf_add(&name, STR("aaaa"));
    }
    buf_add(&text, STR("b"));
    CHECK(!pattern_match_name(buf_str(&text), buf_str(&name)), "no b");
    text.len = name.len = 0;
    for (int i = 0; i < 60; i++) {
        buf_add(&text, STR("**/a/"));
        buf_add(&name, STR("a/a/a/"));
    }
    buf_add(&text, STR("b"));
    buf_add(&name, STR("a"));
    CHECK(pattern_init(&pattern, buf_str(&text)) == PATTERN_OK, "long");
    CHECK(!pattern_match(&pattern, buf_str(&name)), "no b");
    CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 0.5, "took long");
    pattern_done(&pattern);
    buf_done(&name);
    buf_done(&text);
}

struct ignore_row {
    const char *rules;
    const char *path;
    bool is_folder;
    enum ignore_verdict verdict;
};

static const struct ignore_row ignore_rows[] = {
    {"*.o\n", "a.o", false, IGNORE_HIDE},
    {"*.o\n", "d/a.o", false, IGNORE_HIDE},
    {"*.o\n", "a.c", false, IGNORE_SILENT},
    {"*.o\n!keep.o\n", "d/keep.o", false, IGNORE_KEEP},
    {"!keep.o\n*.o\n", "keep.o", false, IGNORE_HIDE},
    {"build/\n", "build", true, IGNORE_HIDE},
    {"build/\n", "build", false, IGNORE_SILENT},
    {"build/\n", "a/build", true, IGNORE_HIDE},
    {"/build\n", "build", true, IGNORE_HIDE},
    {"/build\n", "a/build", true, IGNORE_SILENT},
    {"a/b\n", "a/b", false, IGNORE_HIDE},
    {"a/b\n", "x/a/b", false, IGNORE_SILENT},
    {"**/a/b\n", "x/a/b", false, IGNORE_HIDE},
    {"a/**\n", "a/x/y", false, IGNORE_HIDE},
    {"a/**\n", "a", true, IGNORE_SILENT},
    {"a/**/b\n", "a/b", false, IGNORE_HIDE},
    {"# comment\n\n   \nx\n", "x", false, IGNORE_HIDE},
    {"# comment\n", "# comment", false, IGNORE_SILENT},
    {"\\#x\n", "#x", false, IGNORE_HIDE},
    {"\\!x\n", "!x", false, IGNORE_HIDE},
    {"x  \n", "x", false, IGNORE_HIDE},
    {"x\\ \n", "x ", false, IGNORE_HIDE},
    {"x\r\n", "x", false, IGNORE_HIDE},
    {"\xEF\xBB\xBFx\n", "x", false, IGNORE_HIDE},
    {"x", "x", false, IGNORE_HIDE},
    {"/*\n!/src\n", "src", true, IGNORE_KEEP},
    {"/*\n!/src\n", "doc", true, IGNORE_HIDE},
    {"doc/*.txt\n", "doc/a.txt", false, IGNORE_HIDE},
    {"doc/*.txt\n", "doc/a/b.txt", false, IGNORE_SILENT},
    {"../x\n", "x", false, IGNORE_SILENT},
    {"!\n/\n", "x", false, IGNORE_SILENT},
    {"[\n", "[", false, IGNORE_HIDE},
};

static void test_ignore(void)
{
    for (size_t i = 0; i < sizeof(ignore_rows) / sizeof(ignore_rows[0]); i++) {
        const struct ignore_row *row = &ignore_rows[i];
        struct str text = tight(row->rules);
        size_t dropped;
        struct ignore_file *file = ignore_new(text, &dropped);

        tight_free(text);
        CHECK(ignore_check(file, str_of(row->path), row->is_folder) == row->verdict,
              "row %zu: %s on %s", i, row->rules, row->path);
        ignore_free(file);
    }
}

static void test_ignore_has_a_maximum(void)
{
    struct buf text;
    size_t dropped;
    struct ignore_file *file;

    buf_init(&text, IGNORE_MAX_BYTES);
    for (int i = 0; i < IGNORE_MAX_RULES + 3; i++)
        buf_addf(&text, "f%d\n", i);
    file = ignore_new(buf_str(&text), &dropped);
    CHECK(dropped == 3, "%zu dropped", dropped);
    CHECK(ignore_check(file, STR("f9999"), false) == IGNORE_HIDE, "the last that fits");
    CHECK(ignore_check(file, STR("f10000"), false) == IGNORE_SILENT, "the first that does not");
    ignore_free(file);
    buf_done(&text);
}

int main(void)
{
    test_rows();
    test_below_is_never_too_narrow();
    test_braces();
    test_segments_have_a_maximum();
    test_never_exponential();
    test_ignore();
    test_ignore_has_a_maximum();
    return check_failed > 0;
}
