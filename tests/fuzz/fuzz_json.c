/* rooms: wire base */
/* Any bytes as JSON: our reader accepts what another accepts, with the same value, but for what only we refuse;
 * what is accepted prints and reads back as the same value, its canonical form is
 * stable, and text that is JSON without comments means the same to the parser that allows them. */
#include "wire/json.h"

#include "wire/json_read.h"

static void print(const json_t *value, bool is_canonical, struct buf *out)
{
    buf_init(out, JSON_SIZE_MAX);
    int r = is_canonical ? json_print_canonical(value, out) : json_print(value, out);
    must(r == 0);
}

static json_t *read_back(const struct buf *text)
{
    json_t *value = NULL;
    must(json_parse(buf_str(text), JSON_SIZE_MAX, &value, NULL) == 0);
    return value;
}

static void check_value(const json_t *value)
{
    struct buf compact, again, canonical, canonical_again;
    print(value, false, &compact);
    print(value, true, &canonical);
    auto_json json_t *back = read_back(&compact);
    must(json_equal(value, back));
    print(back, false, &again);
    must(str_eq(buf_str(&compact), buf_str(&again)));
    /* Reals from 2^63 to 1e21 are written as integers there, which the parser then refuses. */
    json_t *back_canonical = NULL;
    buf_init(&canonical_again, JSON_SIZE_MAX);
    if (json_parse(buf_str(&canonical), JSON_SIZE_MAX, &back_canonical, NULL) == 0) {
        must(json_print_canonical(back_canonical, &canonical_again) == 0);
        must(str_eq(buf_str(&canonical), buf_str(&canonical_again)));
    }
    json_decref(back_canonical);
    buf_done(&compact);
    buf_done(&again);
    buf_done(&canonical);
    buf_done(&canonical_again);
}

/* The library's reader knows no limits of ours, and skips a NUL between values. */
static void compare_with_library(struct str s)
{
    json_error_t theirs;
    struct json_read_error ours = {0, NULL};
    auto_json json_t *a = NULL;
    auto_json json_t *b =
        json_loadb(s.len > 0 ? s.at : "", s.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &theirs);
    int r = json_read(s, &a, &ours);
    must(r == 0 || r == -FAULT_INPUT);
    must(r == 0 ? b != NULL && json_equal(a, b) : ours.what != NULL && ours.end <= s.len);
    bool only_ours = (s.len > 0 && memchr(s.at, 0, s.len)) ||
                     (ours.what && (strcmp(ours.what, "nested too deep") == 0 ||
                                    strcmp(ours.what, "too many values") == 0));
    must(r == 0 || b == NULL || only_ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    struct fault f = {0}, g = {0};
    json_t *strict = NULL, *loose = NULL;
    json_start(1);
    compare_with_library(s);
    int r = json_parse(s, 1 << 20, &strict, &f);
    int q = json_parse_commented(s, 1 << 20, &loose, &g);
    must((r == 0) == (strict != NULL) && (q == 0) == (loose != NULL));
    must(r == 0 || (f.code != 0 && f.text[0] != '\0' && utf8_valid(str_of(f.text))));
    must(q == 0 || (g.code != 0 && g.text[0] != '\0' && utf8_valid(str_of(g.text))));
    must(r != 0 || (q == 0 && json_equal(strict, loose)));
    if (loose != NULL)
        check_value(loose);
    json_decref(strict);
    json_decref(loose);
    json_t *text = json_string_lossy(s);
    must(text != NULL);
    check_value(text);
    json_decref(text);
    return 0;
}
