/* What the wires' codecs share: members of events, texts of results, images, and calls whose pieces come
 * in any order. Pure. */
#pragma once

#include "query/codec.h"
#include "query/turn.h"

/* A string member, or "" when it is absent or of another type. Borrowed. */
struct str codec_str(const json_t *object, const char *key);
/* A count: 0 and *ret as it was when it is absent or null; -FAULT_INPUT when it is no count. */
must_use int codec_count(const json_t *object, const char *key, int64_t *ret);

/* An image piece or block of the conversation? */
bool codec_is_image(const json_t *piece);
bool codec_is_block(const json_t *block, const char *type);
/* "data:image/png;base64,..." of an image; NULL on no memory. */
own json_t *codec_data_url(const json_t *image);

/* A result as one text, for wires whose results are texts: pieces joined by line ends, with "Error: " before
 * them when it is one. Images are told by a note when `notes`, else left out (the caller sends them).
 * NULL on no memory. */
own json_t *codec_result_text(const json_t *result, bool notes);

/* Appends to a list: -ENOMEM when there is no item. */
must_use int codec_append(json_t *list, own json_t *item);

/* Calls of one answer, collected until they are whole: services send pieces of several in any order, and some
 * number them wrongly. Never more than TURN_CALLS_MAX, nor TURN_TEXT_MAX bytes together. */
struct calls {
    struct calls_slot {
        int64_t index;   /* as the service counts; -1 = it does not */
        char *id, *tool; /* own */
        struct buf input;
    } slots[TURN_CALLS_MAX];
    size_t count, bytes;
    size_t emitted; /* so far, of this answer */
};
/* A piece of a call. */
struct calls_piece {
    int64_t index; /* -1 = not said */
    struct str id, tool, input;
    bool replaces; /* input is the whole of it */
};
void calls_init(struct calls *c);
void calls_done(struct calls *c);
/* -FAULT_CAP, -ENOMEM. */
must_use int calls_add(struct calls *c, const struct calls_piece *piece);
/* Hands on the one with this index (the last of them), or all in their order, and forgets them. A call
 * without an id, or with one that an earlier of these has, gets one: its place in the answer. */
must_use int calls_emit_at(struct calls *c, int64_t index, query_sink sink, void *arg);
must_use int calls_emit(struct calls *c, query_sink sink, void *arg);
