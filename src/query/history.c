#include "query/history.h"

#include <errno.h>

#define MEMBER_BYTES 8 /* quotes, colon, comma and a service's own frame round it */

int history_open(struct history *h)
{
    *h = (struct history){.list = json_array()};
    return h->list ? 0 : -ENOMEM;
}

void history_done(struct history *h)
{
    json_decref(h->list);
    free(h->marks);
    *h = (struct history){0};
}

size_t history_size_of(const json_t *value)
{
    size_t size = MEMBER_BYTES, i;
    const char *key;
    json_t *one;
    if (json_is_string(value))
        return size + json_string_length(value);
    if (json_is_array(value))
        json_array_foreach((json_t *)(uintptr_t)value, i, one) size += history_size_of(one);
    if (json_is_object(value))
        json_object_foreach((json_t *)(uintptr_t)value, key, one) size +=
            strlen(key) + history_size_of(one);
    return size;
}

void history_measure(struct history *h, size_t i)
{
    h->bytes -= h->marks[i].bytes;
    h->marks[i].bytes = history_size_of(json_array_get(h->list, i));
    h->bytes += h->marks[i].bytes;
}

static int make_room(struct history *h)
{
    if (h->count < h->cap)
        return 0;
    size_t cap = h->cap ? h->cap * 2 : 16;
    struct history_mark *more = realloc(h->marks, cap * sizeof(*more));
    if (!more)
        return -ENOMEM;
    h->marks = more;
    h->cap = cap;
    return 0;
}

int history_add(struct history *h, const char *role, own json_t *content, bool is_results,
                bool is_pinned)
{
    auto_json json_t *message = json_pack("{s:s, s:o}", "role", role, "content", content);
    if (!message || make_room(h) < 0 || json_array_append(h->list, message))
        return -ENOMEM;
    h->marks[h->count] = (struct history_mark){.is_results = is_results, .is_pinned = is_pinned};
    history_measure(h, h->count++);
    return 0;
}

void history_drop_last(struct history *h)
{
    h->bytes -= h->marks[--h->count].bytes;
    json_array_remove(h->list, h->count);
}

int history_replace(struct history *h, size_t from, size_t to, own json_t *content)
{
    auto_json json_t *summary = json_pack("{s:s, s:o}", "role", "user", "content", content);
    auto_json json_t *list = json_array();
    if (!summary || !list)
        return -ENOMEM;
    bool is_placed = false;
    size_t kept = 0, place = from;
    for (size_t i = 0; i < h->count; i++) {
        bool goes = i >= from && i < to && !h->marks[i].is_pinned;
        json_t *one = goes ? summary : json_array_get(h->list, i);
        if (goes && is_placed)
            continue;
        if (json_array_append(list, one))
            return -ENOMEM;
        if (goes)
            place = kept;
        is_placed = is_placed || goes;
        kept++;
    }
    if (!is_placed)
        return -EINVAL;
    /* nothing can fail any more: the marks follow the list */
    is_placed = false;
    kept = 0;
    for (size_t i = 0; i < h->count; i++) {
        bool goes = i >= from && i < to && !h->marks[i].is_pinned;
        if (goes && is_placed)
            continue;
        is_placed = is_placed || goes;
        h->marks[kept++] = goes ? (struct history_mark){.bytes = 0} : h->marks[i];
    }
    h->count = kept;
    json_decref(h->list);
    h->list = take(list);
    h->bytes = 0;
    for (size_t i = 0; i < kept; i++)
        h->bytes += h->marks[i].bytes;
    history_measure(h, place);
    return 0;
}
