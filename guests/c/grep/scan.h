/* The regular expression of a grep, and one file searched with it, line by line, in bounded memory. */
#pragma once

#include "base.h"

struct matcher;

/* Compiles the pattern; ends with an error result that points into it when it is not valid. */
own struct matcher *matcher_new(struct str pattern, bool ignore_case);
/* Does the pattern match in this line? `where` names the place for the error when a limit is passed.
 * ret_start: of the match, in bytes */
bool matcher_test(struct matcher *matcher, struct str line, bool is_utf8, struct str path,
                  uint64_t line_number, size_t *ret_start);
/* The first line at or after `at` that may match, as an offset into it, or SIZE_MAX: lets whole lines be left out
 * without looking at them. Answers `at` when it knows nothing. */
size_t matcher_skip(const struct matcher *matcher, struct str text, size_t at);

/* What is found goes to the caller line by line. */
typedef void scan_line(void *context, uint64_t line_number, struct str line, bool is_match,
                       size_t match_start);

struct scan_result {
    uint64_t matches; /* lines that match */
    uint64_t read_bytes;
    bool is_binary; /* a NUL byte near the start: not searched */
    bool is_split;  /* a line too long to be held was searched in pieces */
    bool is_cut;    /* longer than the maximum: the rest was not searched */
};

/* `fd` is open at its start. Context lines are given around each match, each line once, in order. */
void scan_file(int fd, struct str path, struct matcher *matcher, size_t context_lines,
               scan_line *found, void *context, struct scan_result *ret_result);
