/* JSON out: compact text, and the canonical form (RFC 8785) that hashes are taken over. One writer for
 * both, so that they differ in two things only: the order of keys, and that compact text keeps a
 * real recognisable as one ("1.0") while the canonical form writes numbers as ECMAScript does ("1").
 *
 * One deliberate step away from RFC 8785: integers beyond 2^53 are written in full, not rounded to a
 * double. Two different int64 values must never hash alike. */
#include "wire/json.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Values that we put together may wrap values that were parsed at full depth. */
enum { PRINT_DEPTH_MAX = 2 * JSON_DEPTH_MAX };

struct printer {
    struct buf *out;
    bool is_canonical;
};

static int print_value(const struct printer *p, const json_t *value, unsigned depth);

/* ---- strings ---- */

static void print_escape(struct buf *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char plain[] = "\"\\\b\t\n\f\r", letters[] = "\"\\btnfr";
    const char *found = strchr(plain, c);
    char text[6] = {'\\', 'u', '0', '0', hex[(unsigned char)c >> 4], hex[(unsigned char)c & 15]};
    if (c != '\0' && found != NULL) {
        text[1] = letters[found - plain];
        buf_add(out, text, 2);
        return;
    }
    buf_add(out, text, sizeof(text));
}

static int print_string(struct buf *out, struct str s)
{
    if (!utf8_valid(s))
        return -EINVAL;
    buf_add_c(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, s.at + from, i - from);
        print_escape(out, s.at[i]);
        from = i + 1;
    }
    buf_add(out, s.at + from, s.len - from);
    return buf_add_c(out, '"');
}

/* ---- numbers ---- */

/* A finite, positive double as 0.DIGITS * 10^point, with the fewest digits that read back as it. */
struct digits {
    char text[18];
    int count, point;
};

static void digits_print(double value, int count, struct digits *ret)
{
    char text[40];
    int64_t exponent = 0;
    (void)snprintf(text, sizeof(text), "%.*e", count - 1, value);
    ret->count = 0;
    const char *c = text;
    for (; *c != 'e'; c++) {
        if (*c >= '0' && *c <= '9') /* the point may be a comma, if somebody set a locale */
            ret->text[ret->count++] = *c;
    }
    c += c[1] == '+' ? 2 : 1;
    must(base_parse_i64(str_of(c), -400, 400, &exponent) == 0);
    ret->point = (int)exponent + 1;
}

static bool digits_read_back(const struct digits *d, double value)
{
    char text[48];
    (void)snprintf(text, sizeof(text), "%.*se%d", d->count, d->text, d->point - d->count);
    double back = strtod(text, NULL);
    return !(back < value) && !(back > value);
}

/* The next larger number of as many digits. */
static void digits_next(struct digits *d)
{
    int i = d->count - 1;
    while (i >= 0 && d->text[i] == '9')
        d->text[i--] = '0';
    if (i >= 0) {
        d->text[i]++;
        return;
    }
    d->text[0] = '1';
    d->point++;
}

/* Below the normal doubles precision fades with size: there the first count that reads back is it.
 * Otherwise 15 digits always survive the way through a double, so what needs fewer shows as zeros at their end.
 * With 16, the nearest number may fail where the next one reads back: just above a power of two the
 * doubles lie closer together below than above. 17 digits always read back. */
static void digits_shortest(double value, struct digits *ret)
{
    int count = value < DBL_MIN ? 1 : 15;
    do
        digits_print(value, count, ret);
    while (!digits_read_back(ret, value) && ++count <= 15);
    if (count > 15) {
        digits_print(value, 16, ret);
        if (!digits_read_back(ret, value)) {
            digits_next(ret);
            if (!digits_read_back(ret, value))
                digits_print(value, 17, ret);
        }
    }
    while (ret->count > 1 && ret->text[ret->count - 1] == '0')
        ret->count--;
}

static void add_zeros(struct buf *out, int count)
{
    for (int i = 0; i < count; i++)
        buf_add_c(out, '0');
}

/* The layout of Number::toString in ECMAScript. */
static void print_digits(struct buf *out, const struct digits *d)
{
    int k = d->count, n = d->point;
    bool has_exponent = n > 21 || n <= -6;
    int head = has_exponent ? 1 : n;
    if (k <= n && n <= 21) {
        buf_add(out, d->text, (size_t)k);
        add_zeros(out, n - k);
        return;
    }
    if (head <= 0) {
        buf_add_z(out, "0.");
        add_zeros(out, -n);
        buf_add(out, d->text, (size_t)k);
        return;
    }
    buf_add(out, d->text, (size_t)head);
    if (k > head) {
        buf_add_c(out, '.');
        buf_add(out, d->text + head, (size_t)(k - head));
    }
    if (has_exponent)
        buf_addf(out, "e%+d", n - 1);
}

static int print_real(const struct printer *p, double value)
{
    struct digits d;
    struct buf *out = p->out;
    size_t from = out->len;
    if (!isfinite(value))
        return -EINVAL;
    if (value > 0 || value < 0) {
        if (value < 0)
            buf_add_c(out, '-');
        digits_shortest(fabs(value), &d);
        print_digits(out, &d);
    } else {
        buf_add_z(out, signbit(value) && !p->is_canonical ? "-0" : "0");
    }
    if (buf_error(out) == 0 && !p->is_canonical &&
        memchr(out->at + from, '.', out->len - from) == NULL &&
        memchr(out->at + from, 'e', out->len - from) == NULL)
        buf_add_z(out, ".0");
    return buf_error(out);
}

static int print_integer(struct buf *out, int64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, value);
    return buf_add(out, text, (size_t)len);
}

/* ---- containers ---- */

/* Order of UTF-16 code units, over UTF-8: as bytes, except that what UTF-16 writes with surrogates
 * (lead bytes F0 to F4) comes before U+E000 to U+FFFF (lead bytes EE and EF). */
static int compare_keys(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    for (size_t i = 0; i < len; i++) {
        unsigned char p = (unsigned char)x->at[i], q = (unsigned char)y->at[i];
        if (p == q)
            continue;
        if (p >= 0xEE && q >= 0xEE && (p >= 0xF0) != (q >= 0xF0))
            return p >= 0xF0 ? -1 : 1;
        return p < q ? -1 : 1;
    }
    return x->len == y->len ? 0 : x->len < y->len ? -1 : 1;
}

static int print_member(const struct printer *p, struct str key, const json_t *value, bool is_first,
                        unsigned depth)
{
    if (!is_first)
        buf_add_c(p->out, ',');
    int r = print_string(p->out, key);
    if (r == 0)
        r = buf_add_c(p->out, ':');
    return r == 0 ? print_value(p, value, depth) : r;
}

static int print_members_sorted(const struct printer *p, const json_t *object, unsigned depth)
{
    size_t count = 0, size = json_object_size(object);
    auto_free struct str *keys = calloc(size > 0 ? size : 1, sizeof(*keys));
    int r = 0;
    if (keys == NULL)
        return -ENOMEM;
    json_t *walk =
        (json_t *)(uintptr_t)object; /* jansson's walk takes no const; nothing is changed */
    for (void *i = json_object_iter(walk); i != NULL; i = json_object_iter_next(walk, i))
        keys[count++] = (struct str){json_object_iter_key(i), json_object_iter_key_len(i)};
    qsort(keys, count, sizeof(*keys), compare_keys);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = print_member(p, keys[i], json_object_getn(object, keys[i].at, keys[i].len), i == 0,
                         depth);
    return r;
}

static int print_members(const struct printer *p, const json_t *object, unsigned depth)
{
    json_t *walk = (json_t *)(uintptr_t)object;
    bool is_first = true;
    int r = 0;
    for (void *i = json_object_iter(walk); r == 0 && i != NULL;
         i = json_object_iter_next(walk, i)) {
        struct str key = {json_object_iter_key(i), json_object_iter_key_len(i)};
        r = print_member(p, key, json_object_iter_value(i), is_first, depth);
        is_first = false;
    }
    return r;
}

static int print_object(const struct printer *p, const json_t *object, unsigned depth)
{
    buf_add_c(p->out, '{');
    int r =
        p->is_canonical ? print_members_sorted(p, object, depth) : print_members(p, object, depth);
    return r == 0 ? buf_add_c(p->out, '}') : r;
}

static int print_array(const struct printer *p, const json_t *array, unsigned depth)
{
    buf_add_c(p->out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            buf_add_c(p->out, ',');
        int r = print_value(p, json_array_get(array, i), depth);
        if (r < 0)
            return r;
    }
    return buf_add_c(p->out, ']');
}

static int print_value(const struct printer *p, const json_t *value, unsigned depth)
{
    if (value == NULL || depth == 0)
        return -EINVAL;
    switch (json_typeof(value)) {
    case JSON_OBJECT: return print_object(p, value, depth - 1);
    case JSON_ARRAY: return print_array(p, value, depth - 1);
    case JSON_STRING:
        return print_string(p->out,
                            (struct str){json_string_value(value), json_string_length(value)});
    case JSON_INTEGER: return print_integer(p->out, json_integer_value(value));
    case JSON_REAL: return print_real(p, json_real_value(value));
    case JSON_TRUE: return buf_add_z(p->out, "true");
    case JSON_FALSE: return buf_add_z(p->out, "false");
    case JSON_NULL: return buf_add_z(p->out, "null");
    }
    return -EINVAL;
}

int json_print(const json_t *value, struct buf *out)
{
    struct printer p = {.out = out};
    return print_value(&p, value, PRINT_DEPTH_MAX);
}

int json_print_canonical(const json_t *value, struct buf *out)
{
    struct printer p = {.out = out, .is_canonical = true};
    return print_value(&p, value, PRINT_DEPTH_MAX);
}
