/* See json_read.h. The depth is an argument and bounded, so the recursion is. */
#include "wire/json_read.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_TEXT = 64 }; /* keys and numbers up to here need no memory */

struct reader {
    struct str s;
    size_t at, values;
    char *scratch; /* own; as long as s: a string without its escapes; NULL until one has some */
    struct json_read_error *error;
};

static int bad(struct reader *r, size_t end, const char *what)
{
    *r->error = (struct json_read_error){end < r->s.len ? end : r->s.len, what};
    return -FAULT_INPUT;
}

/* The next byte, or NUL at the end: no NUL is legal anywhere. */
static char peek(const struct reader *r)
{
    return r->at < r->s.len ? r->s.at[r->at] : '\0';
}

static void skip_space(struct reader *r)
{
    for (char c = peek(r); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(r))
        r->at++;
}

static int expected(struct reader *r, const char *what)
{
    if (r->at >= r->s.len)
        return bad(r, r->at, "the text ends too early");
    return bad(r, r->at + 1, r->s.at[r->at] == '\0' ? "a NUL byte" : what);
}

/* --- strings --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u, which stands at `at`. */
static int read_hex4(struct reader *r, size_t at, uint32_t *ret)
{
    uint32_t code = 0;
    for (size_t i = at + 2; i < at + 6; i++) {
        int digit = i < r->s.len ? hex_digit(r->s.at[i]) : -1;
        if (digit < 0)
            return bad(r, i + 1, "\\u without four hexadecimal digits");
        code = code << 4 | (uint32_t)digit;
    }
    *ret = code;
    return 0;
}

static size_t put_utf8(char *to, uint32_t code)
{
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3F));
    to[0] = (char)(lead[len] | code);
    return len;
}

/* \uXXXX, or two of them that are one character. At most as long in UTF-8 as it was. */
static int read_unicode(struct reader *r, size_t *at, char *to, size_t *to_len)
{
    uint32_t code, low = 0;
    int result = read_hex4(r, *at, &code);
    if (result)
        return result;
    *at += 6;
    if (code == 0)
        return bad(r, *at, "a string with the character U+0000 is not accepted");
    if (code >= 0xD800 && code <= 0xDFFF) {
        bool is_pair =
            code < 0xDC00 && r->s.len - *at >= 6 && r->s.at[*at] == '\\' && r->s.at[*at + 1] == 'u';
        result = is_pair ? read_hex4(r, *at, &low) : 0;
        if (result)
            return result;
        if (low < 0xDC00 || low > 0xDFFF)
            return bad(r, *at, "a half of a surrogate pair alone");
        *at += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *to_len += put_utf8(to + *to_len, code);
    return 0;
}

static int read_escape(struct reader *r, size_t *at, char *to, size_t *to_len)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = *at + 1 < r->s.len ? r->s.at[*at + 1] : '\0';
    if (c == 'u')
        return read_unicode(r, at, to, to_len);
    const char *known = c ? strchr(from, c) : NULL;
    if (!known)
        return bad(r, *at + 2, "no such escape in a string");
    to[(*to_len)++] = into[known - from];
    *at += 2;
    return 0;
}

/* From the first backslash on. */
static int read_escaped(struct reader *r, size_t start, size_t at, struct str *ret)
{
    if (!r->scratch && !(r->scratch = malloc(r->s.len)))
        return -ENOMEM;
    size_t len = at - start;
    memcpy(r->scratch, r->s.at + start, len);
    while (at < r->s.len && r->s.at[at] != '"') {
        if (r->s.at[at] == '\\') {
            int result = read_escape(r, &at, r->scratch, &len);
            if (result)
                return result;
        } else if ((unsigned char)r->s.at[at] < 0x20) {
            return bad(r, at + 1, "a control character in a string");
        } else {
            r->scratch[len++] = r->s.at[at++];
        }
    }
    r->at = at;
    *ret = (struct str){r->scratch, len};
    return 0;
}

/* The view lives until the next string is read. */
static int read_string(struct reader *r, struct str *ret)
{
    size_t start = r->at + 1, i = start;
    while (i < r->s.len && r->s.at[i] != '"' && r->s.at[i] != '\\' &&
           (unsigned char)r->s.at[i] >= 0x20)
        i++;
    struct str text = {r->s.at + start, i - start};
    if (i < r->s.len && r->s.at[i] == '\\') {
        int result = read_escaped(r, start, i, &text);
        if (result)
            return result;
        i = r->at;
    }
    if (i >= r->s.len)
        return bad(r, i, "the text ends within a string");
    if (r->s.at[i] != '"')
        return bad(r, i + 1, "a control character in a string");
    const struct str raw = {r->s.at + start, i - start};
    size_t valid = utf8_valid_prefix(raw);
    if (valid < raw.len)
        return bad(r, start + valid + 1, "bytes that are not UTF-8");
    r->at = i + 1;
    *ret = text;
    return 0;
}

/* --- numbers --- */

static size_t skip_digits(struct reader *r)
{
    size_t from = r->at;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    return r->at - from;
}

static int read_integer(struct reader *r, struct str text, json_t **ret)
{
    bool is_negative = text.at[0] == '-';
    int64_t n = 0;
    for (size_t i = is_negative; i < text.len; i++) {
        int64_t digit = text.at[i] - '0';
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, is_negative ? -digit : digit, &n))
            return bad(r, r->at, "an integer that does not fit into 64 bits");
    }
    *ret = json_integer(n);
    return *ret ? 0 : -ENOMEM;
}

static int read_real(struct reader *r, struct str text, json_t **ret)
{
    char small[SHORT_TEXT];
    auto_free char *large = text.len < sizeof small ? NULL : str_dup(text);
    if (text.len >= sizeof small && !large)
        return -ENOMEM;
    if (!large) {
        memcpy(small, text.at, text.len);
        small[text.len] = '\0';
    }
    double value =
        strtod(large ? large : small, NULL); /* the grammar is checked; no locale is set */
    if (!isfinite(value))
        return bad(r, r->at, "a number that is too large");
    *ret = json_real(value);
    return *ret ? 0 : -ENOMEM;
}

static int read_number(struct reader *r, json_t **ret)
{
    size_t from = r->at;
    bool is_real = false;
    if (peek(r) == '-')
        r->at++;
    bool is_zero = peek(r) == '0';
    size_t digits = skip_digits(r);
    if (digits == 0)
        return expected(r, "no digit where a number has one");
    if (is_zero && digits > 1)
        return bad(r, r->at, "a number with a zero in front");
    if (peek(r) == '.') {
        is_real = true;
        r->at++;
        if (skip_digits(r) == 0)
            return expected(r, "no digit behind the point");
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        is_real = true;
        r->at++;
        if (peek(r) == '+' || peek(r) == '-')
            r->at++;
        if (skip_digits(r) == 0)
            return expected(r, "no digit in the exponent");
    }
    const struct str text = {r->s.at + from, r->at - from};
    return is_real ? read_real(r, text, ret) : read_integer(r, text, ret);
}

/* --- values --- */

static int read_value(struct reader *r, size_t depth, json_t **ret);

/* Behind a value of a list: 0 there is another, 1 it ends here. */
static int read_separator(struct reader *r, char close)
{
    skip_space(r);
    char c = peek(r);
    if (c != ',' && c != close)
        return expected(r, close == ']' ? "no comma or ] behind a value"
                                        : "no comma or } behind a value");
    r->at++;
    return c == close;
}

static int read_array(struct reader *r, size_t depth, json_t **ret)
{
    auto_json json_t *array = json_array();
    r->at++;
    skip_space(r);
    int end = peek(r) == ']';
    r->at += (size_t)end;
    while (array && end == 0) {
        json_t *value = NULL;
        int result = read_value(r, depth + 1, &value);
        if (result == 0)
            result = json_array_append_new(array, value) == 0 ? 0 : -ENOMEM;
        if (result)
            return result;
        end = read_separator(r, ']');
    }
    if (!array || end < 0)
        return array ? end : -ENOMEM;
    *ret = take(array);
    return 0;
}

static int read_member(struct reader *r, size_t depth, json_t *object)
{
    struct str text;
    char small[SHORT_TEXT];
    skip_space(r);
    if (peek(r) != '"')
        return expected(r, "no key in quotes where an object has one");
    int result = read_string(r, &text);
    if (result)
        return result;
    auto_free char *large = text.len < sizeof small ? NULL : str_dup(text);
    if (text.len >= sizeof small && !large)
        return -ENOMEM;
    if (!large) {
        memcpy(small, text.at, text.len);
        small[text.len] = '\0';
    }
    const char *key = large ? large : small;
    if (json_object_get(object, key))
        return bad(r, r->at, "a key that is in the object already");
    skip_space(r);
    if (peek(r) != ':')
        return expected(r, "no : behind a key");
    r->at++;
    json_t *value = NULL;
    result = read_value(r, depth + 1, &value);
    if (result)
        return result;
    return json_object_set_new_nocheck(object, key, value) == 0 ? 0 : -ENOMEM;
}

static int read_object(struct reader *r, size_t depth, json_t **ret)
{
    auto_json json_t *object = json_object();
    r->at++;
    skip_space(r);
    int end = peek(r) == '}';
    r->at += (size_t)end;
    while (object && end == 0) {
        int result = read_member(r, depth, object);
        if (result)
            return result;
        end = read_separator(r, '}');
    }
    if (!object || end < 0)
        return object ? end : -ENOMEM;
    *ret = take(object);
    return 0;
}

static int read_word(struct reader *r, json_t **ret)
{
    static const struct {
        struct str text;
        json_t *(*make)(void);
    } words[] = {{{"true", 4}, json_true}, {{"false", 5}, json_false}, {{"null", 4}, json_null}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (r->s.len - r->at >= words[i].text.len &&
            memcmp(r->s.at + r->at, words[i].text.at, words[i].text.len) == 0) {
            r->at += words[i].text.len;
            *ret = words[i].make();
            return 0;
        }
    }
    return expected(r, "no value where there must be one");
}

static int read_value(struct reader *r, size_t depth, json_t **ret)
{
    skip_space(r);
    char c = peek(r);
    if (++r->values > JSON_VALUES_MAX)
        return bad(r, r->at, "too many values");
    if ((c == '[' || c == '{') && depth >= JSON_DEPTH_MAX)
        return bad(r, r->at + 1, "nested too deep");
    if (c == '[')
        return read_array(r, depth, ret);
    if (c == '{')
        return read_object(r, depth, ret);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(r, ret);
    if (c != '"')
        return read_word(r, ret);
    struct str text;
    int result = read_string(r, &text);
    if (result)
        return result;
    *ret = json_stringn_nocheck(text.at, text.len); /* read_string() has checked it */
    return *ret ? 0 : -ENOMEM;
}

int json_read(struct str s, own json_t **ret, struct json_read_error *ret_error)
{
    struct reader r = {.s = s, .error = ret_error};
    auto_json json_t *value = NULL;
    int result = read_value(&r, 0, &value);
    free(r.scratch);
    if (result)
        return result;
    skip_space(&r);
    if (r.at < s.len)
        return expected(&r, "something behind the value");
    *ret = take(value);
    return 0;
}
