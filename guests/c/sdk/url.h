/* References of web pages -> absolute URLs (RFC 3986, section 5), and URLs in a form that cannot be mistaken for the text
 * around them. Text only: what may be reached is decided by who connects. Pure. */
#pragma once

#include "base.h"

enum { URL_MAX_BYTES = 2048 };

/* The reference as a page writes it -> ret_url, absolute and plain (blanks, quotes, brackets, controls and what is not
 * ASCII are %XX; tabs and newlines are out, as browsers do it). base: absolute; "" leaves a relative one relative.
 * false: longer than URL_MAX_BYTES, and ret_url is as it was. */
bool url_resolve(struct str base, struct str reference, struct buf *ret_url);
/* "https" of "https://x"; empty when there is none. */
struct str url_scheme(struct str url);
/* "https://host:port", nothing of the path; empty when it is not of that form. */
struct str url_origin(struct str url);
/* Without "#..." */
struct str url_without_fragment(struct str url);
