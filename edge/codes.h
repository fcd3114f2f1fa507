/* Native code of the tools of one session: made when a tool is first called, without the monitor waiting for it, and kept. A
 * module that cannot be compiled is remembered as well, so that a planner that calls it again and again keeps nobody busy. */
#pragma once

#include "edge/app.h"
#include "os/loop.h"

struct codes; /* opaque */

/* Views live until the next question. */
struct tool_code {
    const char *key;
    int fd;
};
/* result: 0 and code | -FAULT_MODULE, -FAULT_LIMIT, ... with why. */
typedef void (*codes_fn)(int result, const struct tool_code *code, const struct fault *why,
                         void *arg);
typedef void (*codes_note_fn)(const struct tool *tool, struct str text, void *arg);

/* note: told why a cache file was refused. app and loop are borrowed. */
must_use int codes_new(const struct app *app, struct os_loop *loop, codes_note_fn note, void *arg,
                       own struct codes **ret);
void codes_free(own struct codes *c); /* ends what is under way */
DEFINE_FREEP(codes, struct codes);

/* 0: ret is filled. CODES_LATER: fn comes once, from the loop; until then nothing else may be asked. CODES_GONE, with a sentence: it
 * must be compiled, and the tool's module is not there any more as it was registered. Else as fn's result. */
enum { CODES_LATER = 1, CODES_GONE = 2 };
must_use int codes_get(struct codes *c, const struct tool *tool, codes_fn fn, void *arg,
                       struct tool_code *ret, struct fault *reterr);
/* Keeps what codes_get() will need for this tool, one tool at a time, whatever becomes of its file: a person is asked about it. */
void codes_keep(struct codes *c, const struct tool *tool);
/* Why a call never ran whose code could not be had, or that could not be sent, as a receipt has it. */
enum sandbox_stop codes_stop(int result);
bool codes_is_busy(const struct codes *c);
/* Ends what is under way; its fn does not come any more. */
void codes_cancel(struct codes *c);
