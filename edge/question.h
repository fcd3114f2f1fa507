/* One question to a person, as a JSON value, so that whoever asks (terminal, socket) shows the same:
 *
 *   {call, agent, tool, what, effects: [{effect, target, recursive, rule, worst, source?, pattern?}], detail: {form, text, is_cut}}
 *
 * what, worst and source are the runtime's own sentences about decided effects; detail is anybody's text. Everything is printed by
 * safe_print(). pattern: what "always" would allow when nothing else is said; without one, this target alone. */
#pragma once

#include "edge/grants.h"
#include "tools/registry.h"
#include "wire/json.h"

#include <stdio.h>

/* The pattern that is offered for an effect: a folder, a program; is_again (a folder was allowed before): the work folder, which does
 * not cover hidden files. false: none is, only the target itself. */
bool question_offer(const struct effect *e, bool is_again, char ret[GRANT_PATTERN_MAX]);

/* What an effect could do at worst, and what stands below. has_read: the session has read files. */
void question_worst(const struct effect *e, const struct tool *tool,
                    const struct effect_mount *mounts, size_t mount_count, bool has_read,
                    struct buf *out);

enum approval_answer {
    APPROVAL_ONCE,
    APPROVAL_SESSION,
    APPROVAL_ALWAYS,
    APPROVAL_NO,
    APPROVAL_NOBODY
};

struct approval_reply {
    enum approval_answer answer;
    char pattern[GRANT_PATTERN_MAX]; /* "": what is offered */
    struct grant_bounds bounds;      /* of always */
    char reason[512];                /* of no */
    const char *by;                  /* static: "terminal", "socket" */
};

/* Whether a pattern that somebody typed covers at least one of the question's effects: 0, or -FAULT_USAGE with a sentence. */
must_use int question_check_pattern(const json_t *question, const char *pattern,
                                    struct fault *reterr);

/* A line typed on a terminal: `y`, `s`, `a [PATTERN] [20x] [2h] [$0.50]`, `n [REASON]`. A pattern without a name is one for the
 * first effect's kind. QUESTION_MORE: `d`, the whole detail is wanted; QUESTION_HELP: `?`, or it is no answer. */
enum { QUESTION_MORE = 1, QUESTION_HELP = 2 };
must_use int question_read_line(const json_t *question, struct str line, struct approval_reply *ret,
                                struct fault *reterr);
/* {"id":N,"answer":"once|session|always|no","reason":...,"pattern":...,"uses":N,"seconds":N,"usd":"0.5"} of a client; the id
 * goes to *ret_id. What concerns the question is checked later. */
must_use int question_read_json(struct str line, int64_t *ret_id, struct approval_reply *ret,
                                struct fault *reterr);

/* For a person. lines_max: of the detail; what is left out is said. */
void question_print(FILE *out, const json_t *question, bool has_color, size_t lines_max);
void question_print_keys(FILE *out, const json_t *question);
void question_print_help(FILE *out, const json_t *question);
