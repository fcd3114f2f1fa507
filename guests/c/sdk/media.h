/* What a service says its answer is, and what it looks like: text, a page, an image, or bytes for programs. Pure. */
#pragma once

#include "base.h"

enum media_kind { MEDIA_BINARY, MEDIA_TEXT, MEDIA_HTML, MEDIA_IMAGE };

struct media {
    enum media_kind kind;
    struct str type;    /* "text/html" as written, without blanks; empty when nothing was said */
    struct str charset; /* the parameter, or empty */
};

/* header: value of Content-Type, may be empty. A view into it lives in ret. */
void media_parse(struct str header, struct media *ret);
/* The header says nothing of use: none, application/octet-stream. */
bool media_is_unsaid(const struct media *media);
/* The first bytes decide where the header says nothing of use, where a text has NUL bytes,
 * and whether an image is one that can be shown. */
void media_look(struct media *media, struct str head);
const char *media_kind_name(enum media_kind kind);
