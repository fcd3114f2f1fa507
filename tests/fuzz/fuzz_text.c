/* rooms: base */
/* The small parsers of text: numbers agree with each other and stay within what was asked, the valid
 * prefix is valid and cannot be longer, hex and splitting give back what they were given. */
#include "base/str.h"

static void check_numbers(struct str s)
{
    int64_t whole = 0, decimal = 0, tenths = 0, ns = 0;
    uint64_t natural = 0;
    int r = base_parse_i64(s, -1000000, 1000000, &whole);
    int q = base_parse_decimal(s, 0, -1000000, 1000000, &decimal);
    must(r != 0 || (q == 0 && whole == decimal && whole >= -1000000 && whole <= 1000000));
    must(q != 0 || (decimal >= -1000000 && decimal <= 1000000));
    if (q == 0) {
        must(base_parse_decimal(s, 1, -10000000, 10000000, &tenths) == 0);
        must(tenths == decimal * 10);
    }
    if (r == 0 && whole >= 0)
        must(s.at[0] == '-' ||
             (base_parse_u64(s, 1000000, &natural) == 0 && natural == (uint64_t)whole));
    must(base_parse_duration(s, &ns) != 0 || ns >= 0);
}

static void check_utf8(struct str s)
{
    size_t valid = utf8_valid_prefix(s);
    must(valid <= s.len);
    must(utf8_valid((struct str){s.at, valid}));
    for (size_t more = 1; more <= 4 && valid + more <= s.len; more++)
        must(!utf8_valid((struct str){s.at, valid + more}));
}

static void check_hex(struct str s)
{
    char hex[2 * 64 + 1], back[64];
    size_t len = s.len < sizeof(back) ? s.len : sizeof(back);
    hex_encode(s.at, len, hex);
    must(hex_decode(str_of(hex), back, len) == 0);
    must(len == 0 || memcmp(back, s.at, len) == 0);
    if (s.len / 2 <= sizeof(back) && hex_decode(s, back, s.len / 2) == 0) {
        hex_encode(back, s.len / 2, hex);
        must(strlen(hex) == s.len && strncasecmp(hex, s.at, s.len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size}, head, tail;
    check_numbers(s);
    check_utf8(s);
    check_hex(s);
    if (str_split(s, ':', &head, &tail))
        must(head.len + 1 + tail.len == s.len && !str_split(head, ':', &head, &tail));
    struct str trimmed = str_trim(s);
    must(str_eq(str_trim(trimmed), trimmed));
    return 0;
}
