/* The conversation as a list of messages, and what the loop knows about each: how large it is, whether it may be
 * shortened, under which number the monitor keeps it. */
#pragma once

#include "base/base.h"
#include "wire/json.h"

struct history_mark {
    uint64_t number; /* under which it is kept; 0 = not kept (yet), as results never are */
    size_t bytes;    /* what it adds to a request, about */
    bool is_results; /* answers the calls of the message before it */
    bool is_pinned;  /* a person's own words and what they attached: never removed */
};

struct history {
    json_t *list; /* own; [{role, content}] */
    struct history_mark *marks;
    size_t count, cap;
    size_t bytes; /* of all */
};

must_use int history_open(struct history *h);
void history_done(struct history *h);
/* content: own, also on failure */
must_use int history_add(struct history *h, const char *role, own json_t *content, bool is_results,
                         bool is_pinned);
void history_drop_last(struct history *h);
/* A request's share of a JSON value, about: its texts, and a little for each member. */
size_t history_size_of(const json_t *value);
/* After message i was changed in place. */
void history_measure(struct history *h, size_t i);
/* Removes the messages from `from` (included) to `to` (not included) that are not pinned, and puts one of the user's with
 * this content in place of the first of them. content: own, also on failure. */
must_use int history_replace(struct history *h, size_t from, size_t to, own json_t *content);
