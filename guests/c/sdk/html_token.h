/* HTML as a sequence of texts and tags, split as browsers split it: whatever the bytes are, there is a next token until
 * the end, each byte is looked at a fixed number of times, and nothing is remembered but the place. Pure. */
#pragma once

#include "base.h"

enum html_kind { HTML_END, HTML_TEXT, HTML_OPEN, HTML_CLOSE };

struct html_token {
    enum html_kind kind;
    struct str text;     /* HTML_TEXT: as written, references and all */
    struct str name;     /* of a tag, as written */
    struct str attrs;    /* of a tag: all between its name and its end */
    bool is_self_closed; /* <x/> */
};

struct html_reader {
    struct str html;
    size_t at;
};

/* Comments, declarations and broken tags are passed over. */
void html_next(struct html_reader *reader, struct html_token *ret);
/* After an open tag whose content is no HTML (script, style, title...): what stands before its close tag, which is taken
 * too. Without one it is all of the rest. */
struct str html_take_raw(struct html_reader *reader, struct str name);
/* The first attribute of this name (lower case). true: it is there; ret_value gets its value, references replaced, cut
 * where the buffer ends. */
bool html_attr(struct str attrs, const char *name, struct buf *ret_value);
/* Without regard to ASCII case; `name` is lower case. */
bool html_is_name(struct str text, const char *name);
