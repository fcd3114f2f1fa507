/* Hooks: programs of the operator that are asked about a call before it runs, and about its result after. They can only narrow: deny,
 * ask, or give other arguments that do no more. What a hook says is an outside text like any other; anything but a whole and known
 * answer denies. Running them is not done here. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "tools/policy.h"
#include "tools/registry.h"
#include "wire/json.h"

#define HOOKS_MAX 64
#define HOOK_WORDS_MAX 64
#define HOOK_ANSWER_MAX ((size_t)1 << 20)
#define HOOK_REASON_MAX 512

enum hook_event { HOOK_BEFORE, HOOK_AFTER };
const char *hook_event_name(enum hook_event e); /* "PreToolUse", "PostToolUse" */

struct hook {
    enum hook_event event;
    char *matcher;      /* own; "" = every tool */
    char **argv;        /* own; NULL-terminated; what is executed */
    int64_t timeout_ns; /* 0.1 s to 600 s */
};
void hook_done(struct hook *h);

struct hook_list {
    struct hook at[HOOKS_MAX]; /* own */
    size_t count;
};
void hook_list_done(struct hook_list *l);
/* Moves all of `from` behind those of `to`. -FAULT_CAP when they are too many; then nothing is moved. */
must_use int hook_list_append(struct hook_list *to, struct hook_list *from);

/* {"PreToolUse": [{"matcher", "hooks": [{"type": "command", "command" | "argv", "timeout"}]}], "PostToolUse": ...}
 * -FAULT_CONFIG: ret_why says what and where, beginning with the place ("PreToolUse[0].matcher: ..."); -ENOMEM. On failure ret is
 * empty. */
must_use int hooks_read(const json_t *v, struct hook_list *ret, char ret_why[400]);

/* Whether a hook is about a tool. A matcher is names with `|` between them, each with `.*` for any text; the names are the tool's
 * own, or the one that Claude Code has for such a tool (Bash, Edit, ...). */
bool hook_matches(const struct hook *h, const struct tool *tool);

/* What the hook is told on its stdin. result: NULL before the call. NULL on no memory. */
struct hook_call {
    const char *session, *work_dir, *call, *agent;
    const struct tool *tool;
    const json_t *input, *result;
};
own json_t *hook_input(enum hook_event e, const struct hook_call *c);

enum hook_verdict { HOOK_PASS, HOOK_ASK, HOOK_DENY };
struct hook_answer {
    enum hook_verdict verdict;
    char reason[HOOK_REASON_MAX]; /* safe to show; "" = none was given */
    json_t *input;                /* own; the arguments as they are to be; NULL = as they were */
};
/* exit_code 2 denies, its reason is what came on stderr; 0 with an answer on stdout is that answer; everything else denies with a
 * sentence. Never fails but for -ENOMEM. */
must_use int hook_answer_read(enum hook_event e, int exit_code, struct str out, struct str err,
                              struct hook_answer *ret);
void hook_answer_done(struct hook_answer *a);

/* Whether each of `now` is covered by one of `before`: the same, or less of it. ret_wider: the first that is not. */
bool effects_within(const struct effect *now, size_t now_count, const struct effect *before,
                    size_t before_count, const struct effect **ret_wider);
