/* Searching bytes against the plain way of doing it, at every place and length around a block; and what text a regular expression
 * cannot do without, as a table. */
#include "bytes.h"
#include "check.h"
#include "required.h"
#include "utf8.h"

enum { SIZE = 75 };

static size_t find_plainly(const char *at, size_t len, const char *needle, size_t needle_len)
{
    for (size_t i = 0; needle_len > 0 && needle_len <= len && i <= len - needle_len; i++)
        if (memcmp(at + i, needle, needle_len) == 0)
            return i;
    return SIZE_MAX;
}

static size_t count_plainly(const char *at, size_t len, char byte)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += at[i] == byte;
    return count;
}

static void check_bytes(const char *text, size_t len)
{
    for (int c = 'a'; c <= 'd'; c++) {
        char byte = (char)c;

        CHECK(bytes_find(text, len, byte) == find_plainly(text, len, &byte, 1), "%.*s %c", (int)len,
              text, c);
        CHECK(bytes_count(text, len, byte) == count_plainly(text, len, byte), "%.*s %c", (int)len,
              text, c);
    }
    for (size_t from = 0; from < len; from += 5) {
        for (size_t needle = 0; needle <= 20 && from + needle <= len; needle++)
            CHECK(bytes_find_text(text, len, text + from, needle) ==
                      find_plainly(text, len, text + from, needle),
                  "%.*s %zu %zu", (int)len, text, from, needle);
    }
    CHECK(bytes_find_text(text, len, "zab", 3) == SIZE_MAX, "%.*s", (int)len, text);
}

static void bytes_are_found_where_they_are(void)
{
    unsigned seed = 1;

    for (size_t len = 0; len <= SIZE; len++) {
        char *text = malloc(len > 0 ? len : 1); /* ends where it ends: the sanitizer looks */

        for (int round = 0; round < 20; round++) {
            for (size_t i = 0; i < len; i++) {
                seed = seed * 1103515245u + 12345u;
                text[i] = (char)('a' + (seed >> 16) % (round < 10 ? 2 : 3));
            }
            check_bytes(text, len);
        }
        free(text);
    }
    CHECK(bytes_find(NULL, 0, 'a') == SIZE_MAX && bytes_count(NULL, 0, 'a') == 0, "nothing");
}

static void the_first_byte_that_is_not_ascii_is_not_passed(void)
{
    char text[SIZE];

    for (size_t len = 0; len <= SIZE; len++) {
        memset(text, 'x', sizeof(text));
        CHECK(bytes_ascii(text, len) + 16 > len && bytes_ascii(text, len) <= len, "%zu", len);
        for (size_t i = 0; i < len; i++) {
            text[i] = '\x80';
            CHECK(bytes_ascii(text, len) <= i, "%zu %zu", len, i);
            CHECK(utf8_check((struct str){text, len}) == i, "%zu %zu", len, i);
            text[i] = 'x';
        }
    }
}

static const struct {
    const char *pattern, *required;
} rows[] = {
    {"main", "main"},
    {"needle_of_[a-z]*\\(", "needle_of_"},
    {"^int \\w+\\(void\\)$", "int "},
    {"a+b", "a"},
    {"ab?cd", "cd"},
    {"ab*", "a"},
    {"abc{2,3}d", "ab"},
    {"abc{2", ""},
    {"fo{x|bar}", ""},
    {"one|two", ""},
    {"(one|two)three", "three"},
    {"x(a(b|c)[)(]\\))?yz", "yz"},
    {"[abc]", ""},
    {"[]abc]d", "d"},
    {"[^]abc]d", "d"},
    {"[\\]abc]d", "d"},
    {"[[:alpha:]]d|e", ""},
    {"a[b|c]def", "def"},
    {"\\d+ms", "ms"},
    {"\\x41bc", ""},
    {"\\pLbc", ""},
    {"\\012bc", ""},
    {"(a)\\1bc", ""},
    {"\\Qa|b\\E", ""},
    {"(?i)main", ""},
    {"a(?=b)c", ""},
    {"(*UCP)abc", ""},
    {"caf\xC3\xA9?s", "caf"},
    {"\xC3\xA9*abc", "abc"},
    {"a.c", "a"},
    {".*", ""},
    {"", ""},
    {"abc\\", ""},
    {"abc(", ""},
    {"abc[", ""},
    {"a{,2}bcd", "bcd"},
    {"a\\|bc", "bc"},
};

static void what_is_required_is_in_every_match(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str pattern = tight(rows[i].pattern);
        struct str is = required_text(pattern);

        CHECK(same(is, rows[i].required), "%s: %.*s, not %s", rows[i].pattern, (int)is.len, is.at,
              rows[i].required);
        tight_free(pattern);
    }
}

int main(void)
{
    bytes_are_found_where_they_are();
    the_first_byte_that_is_not_ascii_is_not_passed();
    what_is_required_is_in_every_match();
    return check_failed > 0;
}
