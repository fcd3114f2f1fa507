#include "query/foreign.h"

#include <stdio.h>
#include <string.h>

static bool is_type(const json_t *block, const char *type)
{
    const char *z = json_string_value(json_object_get(block, "type"));
    return z && strcmp(z, type) == 0;
}

static bool is_foreign(const json_t *message, const char *name)
{
    const char *by = json_string_value(json_object_get(message, "by"));
    return by && strcmp(by, name) != 0;
}

/* The k-th call of message m; its result gets the same. Letters, digits and dashes: every service takes those. */
static int rename_block(json_t *block, size_t m, size_t k)
{
    char id[64];
    int n = snprintf(id, sizeof(id), "other-%zu-%zu", m, k);
    return json_object_set_new(block, "id", json_stringn(id, (size_t)n));
}

/* The message with its content taken over block by block: those of `type` renamed; strip: those
 * that only their model understands left out. */
static own json_t *take_over(const json_t *message, const char *type, size_t number, bool strip)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)message), *content = json_array(), *block;
    size_t i, k = 0;
    bool is_bad = !copy || !content;
    json_array_foreach(json_object_get(message, "content"), i, block)
    {
        if (is_bad || (strip && (is_type(block, "thinking") || is_type(block, "redacted"))))
            continue;
        json_t *one = json_copy(block);
        if (one && strip)
            (void)json_object_del(one, "signature"); /* fails when there is none */
        if (one && is_type(one, type) && rename_block(one, number, k++) != 0)
            is_bad = true;
        is_bad = json_array_append_new(content, one) != 0 || is_bad;
    }
    /* no message is empty; the loop keeps none that only thinks */
    if (!is_bad && json_array_size(content) == 0)
        is_bad = json_array_append_new(content, json_pack("{s:s, s:s}", "type", "text", "text",
                                                          "[thinking of another model]"));
    if (is_bad || json_object_set(copy, "content", content)) {
        json_decref(copy);
        copy = NULL;
    }
    json_decref(content);
    return copy;
}

static bool has_results(const json_t *message)
{
    return is_type(json_array_get(json_object_get(message, "content"), 0), "result");
}

own json_t *foreign_view(const json_t *conversation, const char *name)
{
    json_t *list = (json_t *)(uintptr_t)conversation, *message;
    size_t i, first = 0, count = json_array_size(list);
    while (first < count && !is_foreign(json_array_get(list, first), name))
        first++;
    if (first == count)
        return json_incref(list);
    json_t *view = json_array();
    json_array_foreach(list, i, message)
    {
        bool after_foreign = i > 0 && is_foreign(json_array_get(list, i - 1), name);
        json_t *one = is_foreign(message, name) ? take_over(message, "call", i, true)
                      : after_foreign && has_results(message)
                          ? take_over(message, "result", i - 1, false)
                          : json_incref(message);
        if (json_array_append_new(view, one)) {
            json_decref(view);
            return NULL;
        }
    }
    return view;
}
