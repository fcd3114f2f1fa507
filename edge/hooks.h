/* The operator's hooks, run one after another for one call, under the loop. What they say together is one answer: the first deny ends
 * it, an ask stays, each sees the arguments as the one before left them. */
#pragma once

#include "edge/app.h"
#include "os/loop.h"
#include "tools/hook.h"

struct hooks; /* opaque */

/* answer and who live for the call; who: which hook decided ("PreToolUse[0]"), for the rule of a receipt. */
typedef void (*hooks_fn)(struct hook_answer *answer, const char *who, void *arg);
/* Told of each hook that was asked: for the journal. */
typedef void (*hooks_note_fn)(const char *who, const struct hook_answer *answer, int64_t wall_us,
                              void *arg);

must_use int hooks_new(const struct app *app, struct os_loop *loop, hooks_note_fn note, void *arg,
                       own struct hooks **ret);
void hooks_free(own struct hooks *h); /* ends what is under way */
DEFINE_FREEP(hooks, struct hooks);

bool hooks_are_for(const struct app *app, enum hook_event e, const struct tool *tool);
/* fn comes once, from the loop or at once; until then nothing else may be asked. call is copied as far as needed: its tool, strings and
 * result are borrowed until fn has come. Whatever goes wrong denies. */
void hooks_ask(struct hooks *h, enum hook_event e, const struct hook_call *call, hooks_fn fn,
               void *arg);
bool hooks_is_busy(const struct hooks *h);
/* Ends what is under way, with all that it started; its fn does not come any more. */
void hooks_cancel(struct hooks *h);
