/* The few lines that the unit tests of the guests' sdk need: no library, so that they build anywhere. */
#pragma once

#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failed;

/* The sanitizer's own memmem looks over the whole text at each call: a search for all matches would be quadratic. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "intercept_memmem=0";
}

/* The condition is printed as it is written in the test. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_failed++;                                                                        \
            printf("%s:%d: not so: %s  ", __FILE__, __LINE__, #condition);                         \
            printf(__VA_ARGS__);                                                                   \
            printf("\n");                                                                          \
        }                                                                                          \
    } while (0)

static inline bool same(struct str text, const char *wanted)
{
    return str_equal(text, str_of(wanted));
}

/* A copy that ends where the text ends, so that the address sanitizer sees one byte too many. */
static inline struct str tight(const char *text)
{
    size_t len = strlen(text);
    char *copy = malloc(len > 0 ? len : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, text, len);
    return (struct str){copy, len};
}

static inline void tight_free(struct str text)
{
    union {
        const char *in;
        void *out;
    } pointer = {text.at};

    free(pointer.out);
}
