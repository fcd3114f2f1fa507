/* fetch_result: the one tool that the monitor answers itself. It gives back, piece by piece, what a call of this session had
 * already given to this planner and what was taken out of its context since; it reads nothing else and changes nothing. */
#pragma once

#include "base/buf.h"
#include "host/state.h"
#include "wire/json.h"

#define FETCH_RESULT_NAME "fetch_result"

own json_t *fetch_result_tool(void); /* {name, description, input_schema}; NULL: no memory */
/* 0 and *ret {content, structured, is_error} | FETCH_RESULT_BAD: the arguments are not as they must be, with a sentence. */
enum { FETCH_RESULT_BAD = 1 };
must_use int fetch_result(struct state *state, const char *session, const json_t *input,
                          own json_t **ret, struct buf *sentence);
