/* The heads of HTTP/1.1 messages, as far as they are ours to judge: which requests a guest may make, and which answers are
 * taken. What two programs could read differently (request smuggling, answer splitting) is refused, never repaired. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#define HTTP_HEAD_FIELDS_MAX 256
#define HTTP_WHY_SIZE 160

bool http_is_token(struct str s); /* what a header's name is made of; not empty */
/* Names of headers: letters of either case are the same. names ends with NULL. */
bool http_name_is(struct str s, const char *name);
bool http_name_is_one_of(struct str s, const char *const *names);
/* Letters of a token, at most 16; not CONNECT (a tunnel) or TRACE, TRACK (they send back what the runtime has added). */
bool http_method_is_fine(struct str method);
/* One header of a request, as a guest gives it. -EINVAL with what is wrong. Refused: names and values with a byte that none
 * has (CR, LF, NUL above all), and headers that belong to the connection and not to the guest: host, content-length,
 * transfer-encoding, connection and the like, proxy-*; of accept-encoding only "identity", for nothing is unpacked here. */
must_use int http_field_check(struct str name, struct str value, char ret_why[HTTP_WHY_SIZE]);
/* May it go on to another origin after a redirect? Few do: whatever could be a credential does not. */
bool http_field_may_follow(struct str name);

/* The head of an answer, line by line. The first fault sticks. */
struct http_answer {
    int status;
    int64_t content_length;      /* -1 = not said */
    bool is_chunked, is_encoded; /* is_encoded: a content-encoding other than identity */
    struct buf names;            /* "name\0value\0" of each field, names in lower case */
    size_t field_count;
    char location[2048]; /* "" = none */
    const char *fault;   /* static; NULL = none */
};
void http_answer_init(struct http_answer *a, size_t size_max);
void http_answer_done(struct http_answer *a);
/* One line with its end. A status line begins anew (an interim answer came before), an empty one is the head's end. */
enum { HTTP_MORE, HTTP_WHOLE };
must_use int http_answer_line(struct http_answer *a,
                              struct str line); /* HTTP_* | -EINVAL and a->fault | -ENOMEM */
bool http_answer_next(const struct http_answer *a, size_t *at, struct str *ret_name,
                      struct str *ret_value);
