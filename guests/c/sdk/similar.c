/* See similar.h. */
#include "similar.h"

#include <string.h>

enum { LINE_MAX_COMPARED = 512 };

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t similar_distance(struct str a, struct str b)
{
    /* three rows of the table, used in turn: this one, the one above, the one above that */
    static size_t rows[3][SIMILAR_MAX_BYTES + 1];
    size_t a_len = least(a.len, SIMILAR_MAX_BYTES);
    size_t b_len = least(b.len, SIMILAR_MAX_BYTES);

    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *twice_above = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned char x = fold(a.at[i - 1]);
            unsigned char y = fold(b.at[j - 1]);

            row[j] = least(above[j - 1] + (x != y), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == fold(b.at[j - 2]) && fold(a.at[i - 2]) == y)
                row[j] = least(row[j], twice_above[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

static bool holds_folded(struct str text, struct str part)
{
    for (size_t at = 0; part.len >= 3 && at + part.len <= text.len; at++) {
        size_t i = 0;

        while (i < part.len && fold(text.at[at + i]) == fold(part.at[i]))
            i++;
        if (i == part.len)
            return true;
    }
    return false;
}

bool similar_name(struct str wanted, struct str name, size_t *ret_distance)
{
    size_t distance = similar_distance(wanted, name);
    size_t longest = wanted.len > name.len ? wanted.len : name.len;

    *ret_distance = distance;
    if (distance <= 1 || distance * 3 <= longest)
        return true;
    return holds_folded(name, wanted) || holds_folded(wanted, name);
}

static struct str trim(struct str line)
{
    while (line.len > 0 && (unsigned char)line.at[0] <= ' ')
        line = str_part(line, 1, line.len);
    while (line.len > 0 && (unsigned char)line.at[line.len - 1] <= ' ')
        line.len--;
    if (line.len > LINE_MAX_COMPARED)
        line.len = LINE_MAX_COMPARED;
    return line;
}

static unsigned pair_slot(const char *at)
{
    return ((unsigned char)at[0] * 167u + (unsigned char)at[1] * 13u) & 1023u;
}

void similar_line_init(struct similar_line *ret_line, struct str line)
{
    *ret_line = (struct similar_line){.pair_count = 0};
    line = trim(line);
    for (size_t i = 0; i + 1 < line.len; i++) {
        unsigned slot = pair_slot(line.at + i);

        ret_line->pairs[slot / 64] |= UINT64_C(1) << slot % 64;
        ret_line->pair_count++;
    }
}

unsigned similar_line_score(const struct similar_line *wanted, struct str line)
{
    size_t common = 0;
    size_t count;

    line = trim(line);
    if (line.len < 2 || wanted->pair_count == 0)
        return 0;
    count = line.len - 1;
    for (size_t i = 0; i < count; i++) {
        unsigned slot = pair_slot(line.at + i);

        common += wanted->pairs[slot / 64] >> slot % 64 & 1;
    }
    common = least(common, wanted->pair_count);
    return (unsigned)(2000 * common / (count + wanted->pair_count));
}
