/* Views, buffers, UTF-8, base64, paths and similarity. */
#include "base64.h"
#include "check.h"
#include "path.h"
#include "similar.h"
#include "utf8.h"

static void test_buffers_keep_their_maximum(void)
{
    struct buf buf;

    buf_init(&buf, 5);
    CHECK(buf_add(&buf, STR("abc")), "3 of 5");
    CHECK(!buf_add(&buf, STR("def")), "6 of 5");
    CHECK(same(buf_str(&buf), "abc"), "nothing was added: %s", buf.at);
    CHECK(!buf_addf(&buf, "%d", 123), "6 of 5");
    CHECK(buf_add(&buf, STR("de")), "5 of 5");
    CHECK(!buf_add_byte(&buf, 'f'), "6 of 5");
    CHECK(buf.at[5] == '\0', "terminated");
    buf_done(&buf);
}

static void test_lines(void)
{
    struct str text = STR("a\nbb\n\nc");

    CHECK(str_line_end(text, 0) == 2, "first");
    CHECK(str_line_end(text, 2) == 5, "second");
    CHECK(str_line_end(text, 5) == 6, "empty");
    CHECK(str_line_end(text, 6) == 7, "last");
    CHECK(str_line_end(text, 7) == 7, "end");
    CHECK(str_line_start(text, 4) == 2, "second");
    CHECK(str_line_start(text, 7) == 6, "last");
    CHECK(str_count(text, '\n') == 3, "count");
    CHECK(str_find(text, STR("b"), 3) == 3, "find");
    CHECK(str_find(text, STR("b"), 4) == SIZE_MAX, "no more");
    CHECK(str_find(text, STR(""), 0) == SIZE_MAX, "an empty needle");
    CHECK(str_find(text, STR("a"), 100) == SIZE_MAX, "past the end");
}

struct utf8_row {
    const char *bytes;
    size_t valid;
};

static const struct utf8_row utf8_rows[] = {
    {"", 0},
    {"plain", 5},
    {"\xC2\x80", 2},
    {"\xC1\xBF", 0},
    {"\xE0\xA0\x80", 3},
    {"\xE0\x9F\xBF", 0},
    {"\xED\x9F\xBF", 3},
    {"\xED\xA0\x80", 0},
    {"\xEE\x80\x80", 3},
    {"\xF0\x90\x80\x80", 4},
    {"\xF0\x8F\xBF\xBF", 0},
    {"\xF4\x8F\xBF\xBF", 4},
    {"\xF4\x90\x80\x80", 0},
    {"\xF5\x80\x80\x80", 0},
    {"\xFE", 0},
    {"ab\xC3", 2},
    {"ab\xE2\x82", 2},
    {"ab\xF0\x9F\x98", 2},
    {"ab\x80", 2},
    {"0123456\xC3\xA9", 9},
    {"01234567\xC3\xA9", 10},
    {"0123456789abcde\xFF", 15},
    {"0123456789abcdef\xFF", 16},
};

static void test_utf8(void)
{
    for (size_t i = 0; i < sizeof(utf8_rows) / sizeof(utf8_rows[0]); i++) {
        struct str text = tight(utf8_rows[i].bytes);

        CHECK(utf8_check(text) == utf8_rows[i].valid, "row %zu: %zu", i, utf8_check(text));
        tight_free(text);
    }
    CHECK(utf8_count(STR("aé☃👍")) == 4, "characters");
    CHECK(same(utf8_head(STR("aé"), 2), "a"), "a cut character");
    CHECK(same(utf8_head(STR("aé"), 3), "aé"), "a whole one");
    CHECK(same(utf8_head(STR("👍"), 3), ""), "nothing fits");
    CHECK(utf8_head(STR("\xFF\xFF\xFF"), 2).len == 2, "invalid bytes are cut anywhere");
}

/* Every character survives: what utf8_decode reads is what was written. */
static void test_utf8_whole_range(void)
{
    for (uint32_t c = 0; c < 0x110000; c++) {
        char bytes[4];
        size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
        bool is_surrogate = c >= 0xD800 && c < 0xE000;
        uint32_t rest = c;
        uint32_t back;

        for (size_t i = len; i-- > 1; rest >>= 6)
            bytes[i] = (char)(0x80 | (rest & 0x3F));
        bytes[0] = (char)(lead[len] | rest);
        if ((utf8_check((struct str){bytes, len}) == len) == is_surrogate)
            CHECK(false, "U+%04X", (unsigned)c);
        if (!is_surrogate && (utf8_decode((struct str){bytes, len}, 0, &back) != len || back != c))
            CHECK(false, "U+%04X comes back as %X", (unsigned)c, (unsigned)back);
    }
}

static void test_shown(void)
{
    struct buf buf;

    buf_init(&buf, 100);
    CHECK(utf8_add_shown(&buf, STR("a\nb\t\x1B\xFFé"), UTF8_SHOW_NAME) == 1, "changed");
    CHECK(same(buf_str(&buf), "a\\nb\\t\\x1b\\xffé"), "%s", buf.at);
    buf.len = 0;
    CHECK(utf8_add_shown(&buf, STR("a\tb\x1B"), UTF8_SHOW_LINE) == 1, "changed");
    CHECK(same(buf_str(&buf), "a\tb\xEF\xBF\xBD"), "%s", buf.at);
    buf.len = 0;
    CHECK(utf8_add_shown(&buf, STR("a é"), UTF8_SHOW_NAME) == 0, "as it is");
    buf.max = 6;
    CHECK(utf8_add_shown(&buf, STR("\n\n"), UTF8_SHOW_NAME) == -1 && same(buf_str(&buf), "a é"),
          "no room, nothing added");
    buf_done(&buf);
}

static void test_base64(void)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xFB\xFF\xFE", "+//+"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str bytes = tight(rows[i][0]);
        struct buf out;

        buf_init(&out, 8);
        CHECK(base64_add(&out, bytes), "fits");
        CHECK(same(buf_str(&out), rows[i][1]), "row %zu: %s", i, out.at);
        buf_done(&out);
        tight_free(bytes);
    }
}

struct path_row {
    const char *path;
    enum path_outcome outcome;
    const char *plain;
};

static const struct path_row path_rows[] = {
    {"a", PATH_OK, "a"},
    {"/a", PATH_OK, "a"},
    {"./a", PATH_OK, "a"},
    {"//a///b/", PATH_OK, "a/b"},
    {"/", PATH_OK, "."},
    {".", PATH_OK, "."},
    {"a/..", PATH_OK, "."},
    {"a/b/../../c", PATH_OK, "c"},
    {"a/../b/./../c/d", PATH_OK, "c/d"},
    {"...", PATH_OK, "..."},
    {"a/..b", PATH_OK, "a/..b"},
    {"..", PATH_LEAVES_TOP, NULL},
    {"/..", PATH_LEAVES_TOP, NULL},
    {"a/../..", PATH_LEAVES_TOP, NULL},
    {"a/b/../../../b", PATH_LEAVES_TOP, NULL},
    {"", PATH_EMPTY, NULL},
};

static void test_paths(void)
{
    for (size_t i = 0; i < sizeof(path_rows) / sizeof(path_rows[0]); i++) {
        struct str path = tight(path_rows[i].path);
        struct buf plain;

        buf_init(&plain, PATH_MAX_BYTES + 1);
        CHECK(path_normalise(path, &plain) == path_rows[i].outcome, "%s", path_rows[i].path);
        if (path_rows[i].plain != NULL)
            CHECK(same(buf_str(&plain), path_rows[i].plain) && strlen(plain.at) == plain.len,
                  "%s: %s", path_rows[i].path, plain.at);
        buf_done(&plain);
        tight_free(path);
    }
    CHECK(same(path_name(STR("a/b")), "b") && same(path_name(STR("a")), "a"), "name");
    CHECK(same(path_parent(STR("a/b")), "a") && same(path_parent(STR("a")), "."), "parent");
    CHECK(same(path_shown(STR(".")), "/"), "top");
}

static void test_similar(void)
{
    size_t distance;
    struct similar_line line;

    CHECK(similar_distance(STR("abc"), STR("abc")) == 0, "equal");
    CHECK(similar_distance(STR("abc"), STR("ABD")) == 1, "one change, case aside");
    CHECK(similar_distance(STR("abcd"), STR("acbd")) == 1, "two neighbours swapped");
    CHECK(similar_distance(STR(""), STR("abc")) == 3, "all of it");
    CHECK(similar_name(STR("parsr.c"), STR("parser.c"), &distance), "one letter");
    CHECK(!similar_name(STR("parser.c"), STR("README"), &distance), "another name");
    CHECK(similar_name(STR("config"), STR("app_config.json"), &distance), "a part of it");
    similar_line_init(&line, STR("int main(void)"));
    CHECK(similar_line_score(&line, STR("   int main(void)  ")) == 1000, "blanks do not count");
    CHECK(similar_line_score(&line, STR("int main(int argc)")) > 500, "close");
    CHECK(similar_line_score(&line, STR("something quite different")) < 300, "far");
    CHECK(similar_line_score(&line, STR("")) == 0, "nothing");
}

int main(void)
{
    test_buffers_keep_their_maximum();
    test_lines();
    test_utf8();
    test_utf8_whole_range();
    test_shown();
    test_base64();
    test_paths();
    test_similar();
    return check_failed > 0;
}
