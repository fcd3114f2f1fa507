/* What a person or a program sees of a run while it goes: text (calm, live on a terminal), json (one object
 * at the end), stream-json (one object a line). The runner tells; the view never decides. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "edge/desk.h"
#include "os/loop.h"
#include "wire/json.h"

enum view_mode { VIEW_TEXT, VIEW_JSON, VIEW_STREAM_JSON };
must_use int view_mode_parse(const char *text, enum view_mode *ret, struct fault *reterr);

struct view; /* opaque */
/* is_chat: text is one message of a conversation: rendered as Markdown on a terminal, and nothing is said of the session and of an end
 * that is an ordinary one. */
must_use int view_new(enum view_mode mode, bool is_chat, struct os_loop *loop,
                      own struct view **ret);
void view_free(own struct view *v);
DEFINE_FREEP(view, struct view);

void view_session(struct view *v, const char *session, const char *model, const char *work_dir);
/* say: "text" | "thinking" | "recovery" | "context" (from the agent: hostile text) */
void view_say(struct view *v, struct str say, struct str text);
void view_note(struct view *v, const char *what, const json_t *body); /* the desk's notes */
/* Talk that every form of output has on stderr. */
void view_warn(struct view *v, const char *text);
/* A file that went before the prompt: {path, from, sha256, bytes, is_cut}. */
void view_attached(struct view *v, const json_t *file);
void view_result(struct view *v, const struct desk_outcome *o);
/* model: who answered. */
void view_usage(struct view *v, int64_t turn, const char *model, int64_t input_tokens,
                int64_t output_tokens, int64_t cost_pico, int64_t total_pico);
/* What is being waited for ("model", NULL = nothing): the spinner. */
void view_waiting(struct view *v, const char *what);
/* The end: done is the object of interfaces.md, without its two amounts: cost_usd and budget_usd. */
struct money_number; /* edge/money.h */
void view_done(struct view *v, const json_t *done, const struct money_number *money,
               const char *detail);
