/* jansson's iterators want a json_t that is not const; this is the one place that drops it. Nobody writes through it. */
#pragma once

#include "wire/json.h"

static inline json_t *json_loose(const json_t *v)
{
    return (json_t *)(uintptr_t)v;
}
static inline struct str json_view(const json_t *string)
{
    return (struct str){json_string_value(string), json_string_length(string)};
}
