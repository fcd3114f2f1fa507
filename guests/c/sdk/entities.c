/* See entities.h. Names are found by halving; a name without semicolon costs six searches at most, so that a page of
 * ampersands is as cheap as any other. */
#include "entities.h"

#include "charset.h"
#include "utf8.h"

#include <string.h>

enum { NAME_MAX_BYTES = 31, LEGACY_MAX_BYTES = 6, LEGACY_MIN_BYTES = 2 };

static const char *const *sorted_names(void)
{
    static const char *names[ENTITIES_COUNT];
    size_t count = 0;

    if (names[0] != NULL)
        return names;
    for (size_t i = 0; entities_table[i] != NULL; i++) {
        for (const char *at = entities_table[i]; *at != '\0' && count < ENTITIES_COUNT;) {
            names[count++] = at;
            while (*at != '\0' && *at != '\1')
                at++;
            at++;
            at += strlen(at) + 1;
        }
    }
    return names;
}

/* The value, or NULL. ret_is_legacy: the name is also known without semicolon. */
static const char *find(struct str name, bool *ret_is_legacy)
{
    const char *const *names = sorted_names();
    size_t low = 0;
    size_t high = ENTITIES_COUNT;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct str known = {names[middle], 0};
        int order;

        while (known.at[known.len] > '\1')
            known.len++;
        order = str_compare(name, known);
        if (order == 0) {
            *ret_is_legacy = known.at[known.len] == '\1';
            return known.at + known.len + 1;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static size_t add_named(struct buf *ret_text, struct str text, bool in_attribute)
{
    size_t run = 0;
    bool is_legacy;
    const char *value;

    while (run + 1 < text.len && run <= NAME_MAX_BYTES && is_alnum(text.at[run + 1]))
        run++;
    if (run + 1 < text.len && text.at[run + 1] == ';') {
        value = find(str_part(text, 1, run + 1), &is_legacy);
        if (value != NULL)
            return buf_add(ret_text, str_of(value)) ? run + 2 : 0;
    }
    for (size_t len = run < LEGACY_MAX_BYTES ? run : LEGACY_MAX_BYTES; len >= LEGACY_MIN_BYTES;
         len--) {
        value = find(str_part(text, 1, len + 1), &is_legacy);
        if (value == NULL || !is_legacy)
            continue;
        if (in_attribute && len + 1 < text.len &&
            (text.at[len + 1] == '=' || is_alnum(text.at[len + 1])))
            return 0;
        return buf_add(ret_text, str_of(value)) ? len + 1 : 0;
    }
    return 0;
}

/* What pages mean by numbers that Unicode gives to controls: the characters of windows-1252. */
static uint32_t corrected(uint32_t number)
{
    if (number >= 0x80 && number <= 0x9F)
        return charset_windows_1252[number - 0x80];
    if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF))
        return 0xFFFD;
    return number;
}

static int digit_of(char c, bool is_hex)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (is_hex && c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (is_hex && c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static size_t add_number(struct buf *ret_text, struct str text)
{
    size_t at = 2;
    bool is_hex = at < text.len && (text.at[at] == 'x' || text.at[at] == 'X');
    size_t first = at += is_hex;
    uint32_t number = 0;

    for (; at < text.len && digit_of(text.at[at], is_hex) >= 0; at++)
        if (number <= 0x10FFFF)
            number = number * (is_hex ? 16 : 10) + (uint32_t)digit_of(text.at[at], is_hex);
    if (at == first)
        return 0;
    if (at < text.len && text.at[at] == ';')
        at++;
    return utf8_add(ret_text, corrected(number)) ? at : 0;
}

size_t entities_add(struct buf *ret_text, struct str text, bool in_attribute)
{
    if (text.len < 3 || text.at[0] != '&')
        return 0;
    return text.at[1] == '#' ? add_number(ret_text, text) : add_named(ret_text, text, in_attribute);
}

bool entities_add_all(struct buf *ret_text, struct str text, bool in_attribute)
{
    for (size_t at = 0; at < text.len;) {
        const char *amp = memchr(text.at + at, '&', text.len - at);
        size_t end = amp != NULL ? (size_t)(amp - text.at) : text.len;
        size_t taken;

        if (!buf_add(ret_text, str_part(text, at, end)) ||
            !buf_reserve(ret_text, ENTITIES_VALUE_MAX))
            return false;
        at = end;
        if (at == text.len)
            break;
        taken = entities_add(ret_text, str_part(text, at, text.len), in_attribute);
        if (taken == 0)
            buf_add_byte(ret_text, '&');
        at += taken > 0 ? taken : 1;
    }
    return true;
}
