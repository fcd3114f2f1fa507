/* Bytes of the web -> UTF-8. Which characters the bytes mean is found as browsers do: a byte order mark, then what the
 * service says, then what an HTML page says of itself, then UTF-8 when it fits and windows-1252 when it does not.
 * Pure. */
#pragma once

#include "base.h"

enum charset {
    CHARSET_UNKNOWN, /* a name that is not in our table */
    CHARSET_UTF_8,
    CHARSET_WINDOWS_1252, /* also what pages mean by iso-8859-1 and us-ascii */
    CHARSET_ISO_8859_15,
    CHARSET_UTF_16LE,
    CHARSET_UTF_16BE,
};

/* What bytes 0x80 to 0x9F mean in windows-1252; pages mean the same by &#128; to &#159;. */
extern const uint16_t charset_windows_1252[32];

const char *charset_name(enum charset charset);
/* A name as services write it; upper case, quotes and blanks round it do not count. */
enum charset charset_of_label(struct str label);

struct charset_choice {
    enum charset charset; /* never CHARSET_UNKNOWN */
    bool is_guessed;      /* nobody said so */
    struct str unknown;   /* a label that was said and is not known here; inside the arguments */
};
/* label: of the Content-Type header, empty when it had none. */
struct charset_choice charset_choose(struct str label, struct str bytes, bool is_html);

/* Adds bytes as valid UTF-8, without the mark at their start; what is no character becomes U+FFFD.
 * ret_text's maximum must be at least 3 times bytes.len. Returns the number of replaced places. */
size_t charset_decode(enum charset charset, struct str bytes, struct buf *ret_text);
