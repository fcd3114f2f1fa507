/* Forms of hostile JSON: a copy is made that has nothing but what a table names. The tables are trees without
 * cycles, so the walk is as deep as its table. What a table does not name is left out where it is a member, and
 * refused where it is a kind of thing (a block, a message): a kind that nobody foresaw may cost money. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "wire/json.h"

enum allow_kind {
    ALLOW_TEXT,
    ALLOW_TEXT_OR_NULL,
    ALLOW_BOOL,
    ALLOW_ANY_OBJECT, /* arguments: for the service they are data */
    ALLOW_WORD,       /* one of `words` */
    ALLOW_IMAGE_TYPE, /* image/png ... */
    ALLOW_DATA_URL,   /* an image that is in it: nothing is fetched */
    ALLOW_RECORD,     /* an object with some of `members` */
    ALLOW_TAGGED,     /* an object whose member `tag` chooses one of `cases` */
    ALLOW_LIST,       /* of `items` */
    ALLOW_TEXT_OR_LIST,
};

struct allow;
struct allow_member {
    const char *name; /* NULL = end of the list */
    const struct allow *form;
};
struct allow_case {
    const char *word; /* NULL = end of the list */
    const struct allow_member *members;
};
struct allow {
    enum allow_kind kind;
    bool is_image;                      /* counts as one */
    const char *const *words;           /* ALLOW_WORD; NULL-terminated */
    const struct allow_member *members; /* ALLOW_RECORD */
    const char *tag;                    /* ALLOW_TAGGED */
    const struct allow_case *cases;
    const struct allow *items; /* ALLOW_LIST, ALLOW_TEXT_OR_LIST */
};

/* theirs -> *ret (own), adding to *images. -FAULT_INPUT with a sentence, -ENOMEM. */
must_use int allow_take(const struct allow *form, json_t *theirs, own json_t **ret, int64_t *images,
                        struct fault *reterr);
/* The members of a table that theirs has, into ours. */
must_use int allow_take_members(const struct allow_member *members, const json_t *theirs,
                                json_t *ours, int64_t *images, struct fault *reterr);
