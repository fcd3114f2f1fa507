/* JSON in: the one door for bytes from outside. Size, depth and number of values are bounded, because a short text can make a
 * large tree or a deep recursion.
 * A string with U+0000 is refused: too much of what reads these values ends at a NUL, and a check
 * that sees less than the later use is a hole. Getters never convert between types, except that an
 * integer may be written as a real with nothing behind the point (JSON does not tell them apart). */
#include "wire/json.h"

#include "wire/json_read.h"

#include <errno.h>
#include <math.h>

void json_start(uint32_t seed)
{
    /* 0 would let the library find a seed itself, from a file. */
    json_object_seed(seed != 0 ? seed : 1);
}

/* A place in the text as people count it: characters, not bytes. */
struct place {
    unsigned line, column;
};

static void place_step(struct place *p, char c)
{
    if (c == '\n')
        *p = (struct place){p->line + 1, 0};
    else if (((unsigned char)c & 0xC0) != 0x80)
        p->column++;
}

static int fault_at(struct fault *reterr, struct place at, const char *what)
{
    return fault_set(reterr, FAULT_INPUT, "line %u column %u: %s", at.line, at.column, what);
}

/* Where the reader stopped, as people count. */
static int fault_from_reader(struct fault *reterr, struct str s, const struct json_read_error *e)
{
    struct place at = {1, 0};
    for (size_t i = 0; i < e->end; i++)
        place_step(&at, s.at[i]);
    return fault_at(reterr, at, e->what);
}

static int check_size(size_t len, size_t size_max, struct fault *reterr)
{
    size_t max = size_max < JSON_SIZE_MAX ? size_max : JSON_SIZE_MAX;
    if (len > max)
        return fault_set(reterr, FAULT_INPUT, "%zu bytes of JSON, at most %zu are accepted", len,
                         max);
    return 0;
}

int json_parse(struct str s, size_t size_max, json_t **ret, struct fault *reterr)
{
    struct json_read_error error;
    int r = check_size(s.len, size_max, reterr);
    if (r < 0)
        return r;
    r = json_read(s, ret, &error);
    if (r == -ENOMEM)
        return fault_set(reterr, ENOMEM, "no memory for a JSON value");
    return r < 0 ? fault_from_reader(reterr, s, &error) : 0;
}

/* ---- settings: comments and trailing commas ---- */

/* Copies text with comments blanked. Columns stay right because they count characters: a blank takes
 * the place of each, and the bytes that only continue a character are left out. */
struct blanking {
    struct str in;
    size_t at;
    struct place place;
    struct buf out;
    size_t comma;      /* where the last significant comma stands in out; SIZE_MAX = not last */
    char last, before; /* the last significant character, and the one before it */
};

static char blank_next(struct blanking *b)
{
    char c = b->in.at[b->at++];
    place_step(&b->place, c);
    return c;
}

static int blank_copy(struct blanking *b)
{
    return buf_add_c(&b->out, blank_next(b));
}

static int blank_over(struct blanking *b)
{
    char c = blank_next(b);
    if (((unsigned char)c & 0xC0) == 0x80)
        return 0;
    return buf_add_c(&b->out, c == '\n' || c == '\r' ? c : ' ');
}

static bool blank_sees(const struct blanking *b, const char *two)
{
    return b->in.len - b->at >= 2 && memcmp(b->in.at + b->at, two, 2) == 0;
}

static int blank_line_comment(struct blanking *b)
{
    int r = 0;
    while (r == 0 && b->at < b->in.len && b->in.at[b->at] != '\n')
        r = blank_over(b);
    return r;
}

static int blank_block_comment(struct blanking *b, struct fault *reterr)
{
    struct place start = {b->place.line, b->place.column + 1};
    int r = blank_over(b);
    if (r == 0)
        r = blank_over(b);
    while (r == 0 && b->at < b->in.len && !blank_sees(b, "*/"))
        r = blank_over(b);
    if (r == 0 && b->at == b->in.len)
        return fault_at(reterr, start, "a comment without end");
    if (r == 0)
        r = blank_over(b);
    return r == 0 ? blank_over(b) : r;
}

static int blank_string(struct blanking *b)
{
    int r = blank_copy(b);
    while (r == 0 && b->at < b->in.len) {
        char c = b->in.at[b->at];
        r = blank_copy(b);
        if (c == '"')
            break;
        if (c == '\\' && r == 0 && b->at < b->in.len)
            r = blank_copy(b);
    }
    return r;
}

/* Only a comma that stands behind a value and before a closing bracket is trailing; "[,]" and "[1,,]"
 * stay as they are and are refused by the parser. */
static int blank_significant(struct blanking *b)
{
    char c = b->in.at[b->at];
    bool is_close = c == ']' || c == '}';
    if (is_close && b->last == ',' && strchr("[{,:", b->before) == NULL)
        b->out.at[b->comma] = ' ';
    if (c == ',')
        b->comma = b->out.len;
    b->before = b->last;
    b->last = c;
    return c == '"' ? blank_string(b) : blank_copy(b);
}

static int blank_all(struct blanking *b, struct fault *reterr)
{
    int r = 0;
    while (r == 0 && b->at < b->in.len) {
        char c = b->in.at[b->at];
        if (blank_sees(b, "//"))
            r = blank_line_comment(b);
        else if (blank_sees(b, "/*"))
            r = blank_block_comment(b, reterr);
        else if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            r = blank_copy(b);
        else
            r = blank_significant(b);
    }
    return r;
}

int json_parse_commented(struct str s, size_t size_max, json_t **ret, struct fault *reterr)
{
    struct blanking b = {.in = s, .place = {1, 0}, .comma = SIZE_MAX};
    int r = check_size(s.len, size_max, reterr);
    if (r < 0)
        return r;
    buf_init(&b.out, s.len);
    r = blank_all(&b, reterr);
    if (r == 0)
        r = json_parse(buf_str(&b.out), size_max, ret, reterr);
    buf_done(&b.out);
    return r;
}

/* ---- getters ---- */

/* 0 and the value, or JSON_ABSENT. */
static int get_present(const json_t *object, const char *key, const json_t **ret)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value))
        return JSON_ABSENT;
    *ret = value;
    return 0;
}

static int fault_type(struct fault *reterr, const char *key, const char *wanted)
{
    return fault_set(reterr, FAULT_INPUT, "\"%s\" must be %s", key, wanted);
}

int json_get_str(const json_t *object, const char *key, struct str *ret, struct fault *reterr)
{
    const json_t *value;
    if (get_present(object, key, &value) != 0)
        return JSON_ABSENT;
    if (!json_is_string(value))
        return fault_type(reterr, key, "a string");
    *ret = (struct str){json_string_value(value), json_string_length(value)};
    return 0;
}

/* The integer that a number is, if it is one that a double holds exactly. */
static bool integer_of(const json_t *value, int64_t *ret)
{
    if (json_is_integer(value)) {
        *ret = json_integer_value(value);
        return true;
    }
    double real = json_is_real(value) ? json_real_value(value) : 0.5;
    if (fabs(real) > 9007199254740992.0 || real < floor(real) || real > floor(real))
        return false;
    *ret = (int64_t)real;
    return true;
}

int json_get_i64(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret,
                 struct fault *reterr)
{
    const json_t *value;
    int64_t number = 0;
    if (get_present(object, key, &value) != 0)
        return JSON_ABSENT;
    if (!integer_of(value, &number))
        return fault_type(reterr, key, "an integer");
    if (number < min || number > max)
        return fault_set(reterr, FAULT_INPUT, "\"%s\" must be from %lld to %lld", key,
                         (long long)min, (long long)max);
    *ret = number;
    return 0;
}

int json_get_bool(const json_t *object, const char *key, bool *ret, struct fault *reterr)
{
    const json_t *value;
    if (get_present(object, key, &value) != 0)
        return JSON_ABSENT;
    if (!json_is_boolean(value))
        return fault_type(reterr, key, "true or false");
    *ret = json_is_true(value);
    return 0;
}

int json_get_object(const json_t *object, const char *key, const json_t **ret, struct fault *reterr)
{
    const json_t *value;
    if (get_present(object, key, &value) != 0)
        return JSON_ABSENT;
    if (!json_is_object(value))
        return fault_type(reterr, key, "an object");
    *ret = value;
    return 0;
}

int json_get_array(const json_t *object, const char *key, const json_t **ret, struct fault *reterr)
{
    const json_t *value;
    if (get_present(object, key, &value) != 0)
        return JSON_ABSENT;
    if (!json_is_array(value))
        return fault_type(reterr, key, "an array");
    *ret = value;
    return 0;
}

json_t *json_string_lossy(struct str s)
{
    static const struct str replacement = {"\xEF\xBF\xBD", 3};
    if (memchr(s.len > 0 ? s.at : "x", '\0', s.len > 0 ? s.len : 1) == NULL && utf8_valid(s))
        return json_stringn_nocheck(s.len > 0 ? s.at : "", s.len);
    auto_done(buf) struct buf text;
    buf_init(&text, SIZE_MAX);
    while (s.len > 0) {
        size_t good = utf8_valid_prefix(s);
        const char *nul = good > 0 ? memchr(s.at, '\0', good) : NULL;
        if (nul != NULL)
            good = (size_t)(nul - s.at);
        buf_add(&text, s.at, good);
        if (good < s.len)
            buf_add_str(&text, replacement);
        size_t used = good < s.len ? good + 1 : good;
        s = (struct str){s.at + used, s.len - used};
    }
    return buf_error(&text) == 0 ? json_stringn_nocheck(text.at, text.len) : NULL;
}
