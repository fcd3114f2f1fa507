/* Equality, hash and exact arithmetic over JSON values as JSON Schema sees them: 1 and 1.0 are one number,
 * order of members does not matter, and no comparison goes through a rounded value. */
#include "tools/json_walk.h"
#include "tools/schema_inside.h"

#include <math.h>
#include <stdio.h>

#define VALUE_DEPTH_MAX 256

static int compare_int_real(json_int_t i, double r)
{
    if (r >= 0x1p63)
        return -1;
    if (r < -0x1p63)
        return 1;
    double whole = trunc(r);
    json_int_t w = (json_int_t)whole;
    if (i != w)
        return i < w ? -1 : 1;
    return r > whole ? -1 : r < whole ? 1 : 0;
}

int schema_compare(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a), y = json_integer_value(b);
        return x < y ? -1 : x > y;
    }
    if (json_is_integer(a))
        return compare_int_real(json_integer_value(a), json_real_value(b));
    if (json_is_integer(b))
        return -compare_int_real(json_integer_value(b), json_real_value(a));
    double x = json_real_value(a), y = json_real_value(b);
    return x < y ? -1 : x > y;
}

bool schema_is_integer(const json_t *v)
{
    if (json_is_integer(v))
        return true;
    return json_is_real(v) && trunc(json_real_value(v)) == json_real_value(v);
}

static bool equal_objects(const json_t *a, const json_t *b, unsigned depth)
{
    if (json_object_size(a) != json_object_size(b))
        return false;
    const char *key;
    json_t *value;
    json_object_foreach(json_loose(a), key, value)
    {
        const json_t *other = json_object_get(b, key);
        if (!other || !schema_equal(value, other, depth + 1))
            return false;
    }
    return true;
}

static bool equal_arrays(const json_t *a, const json_t *b, unsigned depth)
{
    size_t n = json_array_size(a);
    if (n != json_array_size(b))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!schema_equal(json_array_get(a, i), json_array_get(b, i), depth + 1))
            return false;
    return true;
}

bool schema_equal(const json_t *a, const json_t *b, unsigned depth)
{
    if (depth > VALUE_DEPTH_MAX)
        return false;
    if (json_is_number(a) && json_is_number(b))
        return schema_compare(a, b) == 0;
    if (json_typeof(a) != json_typeof(b))
        return false;
    switch (json_typeof(a)) {
    case JSON_STRING: {
        size_t n = json_string_length(a);
        return n == json_string_length(b) &&
               memcmp(json_string_value(a), json_string_value(b), n) == 0;
    }
    case JSON_ARRAY: return equal_arrays(a, b, depth);
    case JSON_OBJECT: return equal_objects(a, b, depth);
    case JSON_INTEGER:
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL: return true;
    }
    return false;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    return h * 0xff51afd7ed558ccdu;
}

static uint64_t hash_bytes(const char *at, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)at[i]) * 0x100000001b3u;
    return h;
}

/* Equal values have equal hashes; that 2^53+1 shares the hash of its double neighbour does no harm. */
uint64_t schema_hash(const json_t *v, unsigned depth)
{
    uint64_t h = 0;
    const char *key;
    json_t *value;
    if (depth > VALUE_DEPTH_MAX)
        return 0;
    if (json_is_number(v)) {
        double d = json_number_value(v) + 0.0; /* -0.0 becomes 0.0 */
        uint64_t bits;
        memcpy(&bits, &d, sizeof bits);
        return mix(1, d == 0 ? 0 : bits);
    }
    switch (json_typeof(v)) {
    case JSON_STRING: return mix(2, hash_bytes(json_string_value(v), json_string_length(v)));
    case JSON_ARRAY:
        h = 3;
        for (size_t i = 0; i < json_array_size(v); i++)
            h = mix(h, schema_hash(json_array_get(v, i), depth + 1));
        return h;
    case JSON_OBJECT:
        h = 4;
        json_object_foreach(json_loose(v), key, value) h +=
            mix(hash_bytes(key, strlen(key)), schema_hash(value, depth + 1));
        return h;
    case JSON_TRUE: return 5;
    case JSON_FALSE: return 6;
    case JSON_NULL: return 7;
    case JSON_INTEGER:
    case JSON_REAL: break;
    }
    return 0;
}

static void strip_zeros(struct schema_decimal *d)
{
    if (d->digits == 0)
        d->exponent = 0;
    while (d->digits != 0 && d->digits % 10 == 0) {
        d->digits /= 10;
        d->exponent++;
    }
}

struct schema_decimal schema_decimal_of(const json_t *number)
{
    struct schema_decimal d = {0};
    if (json_is_integer(number)) {
        json_int_t i = json_integer_value(number);
        d.negative = i < 0;
        d.digits = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
        strip_zeros(&d);
        return d;
    }
    double r = json_real_value(number);
    char text[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, r);
        if (strtod(text, NULL) == r)
            break;
    }
    /* [-]D.DDDe[+-]XX; the point is whatever the locale makes it, so anything that is no digit is skipped. */
    const char *at = text;
    int fraction = 0;
    bool past_point = false;
    for (; *at && *at != 'e'; at++) {
        if (*at == '-')
            d.negative = true;
        else if (*at < '0' || *at > '9')
            past_point = true;
        else {
            d.digits = d.digits * 10 + (uint64_t)(*at - '0');
            fraction += past_point;
        }
    }
    int exponent = 0;
    bool negative = false;
    for (at += *at == 'e'; *at; at++) {
        if (*at == '-')
            negative = true;
        else if (*at >= '0' && *at <= '9')
            exponent = exponent * 10 + (*at - '0');
    }
    d.exponent = (negative ? -exponent : exponent) - fraction;
    strip_zeros(&d);
    return d;
}

static uint64_t power_mod(int exponent, uint64_t modulus)
{
    __extension__ unsigned __int128 result = 1 % modulus, base = 10 % modulus;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % modulus;
        base = base * base % modulus;
    }
    return (uint64_t)result;
}

/* Exact over the decimals that were written: 0.0075 is a multiple of 0.0001 though the doubles are not. */
bool schema_is_multiple(const json_t *v, const json_t *of)
{
    struct schema_decimal a = schema_decimal_of(v), b = schema_decimal_of(of);
    if (a.digits == 0)
        return true;
    if (b.digits == 0)
        return false;
    int shift = a.exponent - b.exponent;
    if (shift >= 0) {
        __extension__ unsigned __int128 left = a.digits % b.digits;
        return left * power_mod(shift, b.digits) % b.digits == 0;
    }
    uint64_t divisor = b.digits;
    for (; shift < 0; shift++)
        if (__builtin_mul_overflow(divisor, 10u, &divisor))
            return false; /* larger than any digits of a */
    return a.digits % divisor == 0;
}
