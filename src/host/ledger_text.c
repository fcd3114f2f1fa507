/* Amounts as text, both ways, exactly: no floating point touches one. */
#include "host/ledger.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>

enum { REAL_DIGITS_MAX = 15 };

char *ledger_usd_text(int64_t pico)
{
    char text[48];
    uint64_t left = pico < 0 ? UINT64_C(0) - (uint64_t)pico : (uint64_t)pico;
    int n = snprintf(text, sizeof(text), "%s%llu.%012llu", pico < 0 ? "-" : "",
                     (unsigned long long)(left / (uint64_t)PICO_PER_USD),
                     (unsigned long long)(left % (uint64_t)PICO_PER_USD));
    must(n > 13 && (size_t)n < sizeof(text));
    size_t len = (size_t)n;
    for (size_t least = len - 10; len > least && text[len - 1] == '0'; len--)
        text[len - 1] = '\0';
    return str_dup((struct str){text, len});
}

/* Digits of a number's text, zeros in front not counted. */
static unsigned digits_of(struct str text)
{
    unsigned digits = 0;
    for (size_t i = 0; i < text.len && text.at[i] != 'e'; i++) {
        if (text.at[i] >= '0' && text.at[i] <= '9' && (digits > 0 || text.at[i] != '0'))
            digits++;
    }
    return digits;
}

/* A JSON number, exactly: integers as they are, reals by their shortest text, never by arithmetic on
 * the double. Up to 15 digits that text is what the person wrote; what needs more is refused, because
 * then nobody can tell any more. */
int ledger_decimal_from_json(const json_t *number, unsigned scale, int64_t max, int64_t *ret)
{
    struct buf text;
    buf_init(&text, 64);
    int r = -EINVAL;
    if (json_is_number(number))
        r = json_print_canonical(number, &text);
    if (r == 0 && json_is_real(number) && digits_of(buf_str(&text)) > REAL_DIGITS_MAX)
        r = -EINVAL;
    if (r == 0)
        r = base_parse_decimal(buf_str(&text), scale, 0, max, ret);
    buf_done(&text);
    return r;
}
