/* What every test of the tools room needs. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/str.h"
#include "wire/json.h"

/* JSON with ' for ", so that it reads in C. */
static inline json_t *json_of(const char *text)
{
    char copy[8192];
    size_t n = strlen(text);
    assert_true(n < sizeof copy);
    for (size_t i = 0; i <= n; i++)
        copy[i] = text[i] == '\'' ? '"' : text[i];
    json_t *value = NULL;
    struct fault fault = {0};
    if (json_parse(str_of(copy), sizeof copy, &value, &fault) != 0)
        fail_msg("bad JSON in the test: %s: %s", fault.text, copy);
    return value;
}

#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" is not in \"%s\"", (part), (text));                                   \
    } while (0)
