#ifndef NUMERALS_H
#define NUMERALS_H

#include <stddef.h>

struct numeral {
    int value;
    const char *letters;
};

extern const struct numeral numerals[];
extern const size_t numeral_count;

#endif
