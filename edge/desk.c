/* One call at a time goes down the line described in desk.h; this file keeps the queue, the worker, and who moves next. Everything from
 * the planner is data here. A refusal is an ordinary end: it has a receipt and a result that the planner reads. */
#include "edge/desk_inside.h"

#include "edge/fetch_result.h"
#include "edge/tool_watch.h"
#include "os/fd.h"
#include "tools/command.h"
#include "tools/invoke.h"

#include <errno.h>
#include <stdio.h>

static void on_code_note(const struct tool *tool, struct str text, void *arg);

/* --- life --- */

int desk_new(const struct desk_config *config, own struct desk **ret)
{
    struct desk *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->c = *config;
    d->calls_made = config->calls_before;
    d->undo_root_fd = -1;
    d->scratch = calloc(CALL_EFFECTS_MAX, sizeof(*d->scratch));
    int r = d->scratch ? codes_new(config->app, config->loop, on_code_note, d, &d->codes) : -ENOMEM;
    if (r == 0 && d->c.prompt)
        r = origin_new(config->app->settings, config->prompt, &d->origin);
    if (r == 0)
        r = grants_new(config->app->state, config->session, &d->grants);
    if (r < 0) {
        desk_free(d);
        return r;
    }
    *ret = d;
    return 0;
}

void desk_drop_tool(struct call *c)
{
    tool_free((struct tool *)(uintptr_t)take(c->tool));
}

void desk_call_free(struct call *c)
{
    if (!c)
        return;
    free(c->name);
    free(c->arguments);
    desk_drop_tool(c);
    json_decref(c->input);
    json_decref(c->confinement);
    json_decref(c->given);
    json_decref(c->result);
    sandbox_outcome_done(&c->outcome);
    asking_done(&c->asking);
    json_decref(c->question);
    os_close(c->undo_fd);
    tool_argv_free(c->argv);
    free(c->effects);
    buf_done(&c->stdin_text);
    free(c);
}

void desk_free(own struct desk *d)
{
    if (!d)
        return;
    sandbox_worker_free(d->worker);
    sandbox_command_free(d->command);
    outward_free(d->outward);
    hooks_free(d->hooks);
    for (size_t i = 0; i < d->queue_len; i++)
        desk_call_free(d->queue[i]);
    codes_free(d->codes);
    os_close(d->undo_root_fd);
    origin_free(d->origin);
    grants_free(d->grants);
    free(d->scratch);
    free(d);
}

void desk_on_note(struct desk *d, desk_note_fn fn, void *arg)
{
    d->note = fn;
    d->note_arg = arg;
}

bool desk_is_idle(const struct desk *d)
{
    return d->queue_len == 0;
}

void desk_tell(struct desk *d, const char *what, own json_t *body)
{
    if (d->note && body)
        d->note(what, body, d->note_arg);
    json_decref(body);
}

/* --- the worker --- */

/* Stack, memory and table belong to a worker: a tool with a stack of its own gets a worker of its own. */
int desk_start_worker_for(struct desk *d, const struct sandbox_limits *limits, struct fault *reterr)
{
    const struct app *a = d->c.app;
    if (d->worker && !sandbox_worker_spent(d->worker) && sandbox_worker_serves(d->worker, limits))
        return 0;
    sandbox_worker_free(take(d->worker));
    if (d->undo_root_fd < 0) {
        int r = undo_root(a->state, d->c.session, &d->undo_root_fd, reterr);
        if (r < 0)
            return r;
    }
    return app_start_worker(a, d->c.agent, d->undo_root_fd, limits->wasm_max_wasm_stack, &d->worker,
                            reterr);
}

int desk_start_worker(struct desk *d, struct fault *reterr)
{
    struct sandbox_limits limits;
    struct limit_doors ignored;
    settings_limits_of(d->c.app->settings, d->c.agent, &limits, &ignored);
    return desk_start_worker_for(d, &limits, reterr);
}

const json_t *desk_confinement(const struct desk *d)
{
    return d->worker ? sandbox_worker_confinement(d->worker) : NULL;
}

static void on_code_note(const struct tool *tool, struct str text, void *arg)
{
    desk_tell(arg, "note",
              json_pack("{s:s, s:o}", "tool", tool->name, "text", json_string_lossy(text)));
}

/* --- the end of a call --- */

struct call *desk_front(struct desk *d)
{
    return d->queue[0];
}

void desk_offer_fetch(struct desk *d)
{
    d->has_fetch = true;
}

static void not_decided(struct call *c)
{
    c->decision.verdict = POLICY_DENY;
    snprintf(c->decision.rule, sizeof(c->decision.rule), "not-decided");
}

void desk_begin(struct desk *d)
{
    struct call *c = desk_front(d);
    auto_done(buf) struct buf sentence;
    buf_init(&sentence, 8192);
    d->front_started = true;
    tool_watch_look(d->c.tools);
    if (d->cancelling) {
        not_decided(c);
        desk_finish(d, NULL, SANDBOX_CANCEL, "cancelled");
        return;
    }
    if (d->is_deaf) {
        not_decided(c);
        desk_finish(d, NULL, SANDBOX_CRASH, "not run: an earlier receipt could not be written");
        return;
    }
    bool is_own = desk_is_fetch(d, c);
    int stop = is_own ? desk_fetch(d, c, &sentence) : desk_parse_call(d, c, &sentence);
    if (c->tries++ == 0)
        desk_tell(d, "call",
                  json_pack("{s:s, s:s, s:o}", "call", c->id, "tool", c->name, "input",
                            c->input ? json_incref(c->input) : json_null()));
    if (stop == 0 && is_own) {
        desk_finish(d, NULL, SANDBOX_EXIT, "given by the monitor, from what it kept");
        return;
    }
    if (stop == 0)
        stop = desk_take_effects(d, c, &sentence);
    if (stop != 0) {
        c->decision.verdict = POLICY_DENY; /* nothing that does not parse was ever allowed */
        if (!*c->decision.rule)
            snprintf(c->decision.rule, sizeof(c->decision.rule), "schema");
        desk_finish(d, NULL, (enum sandbox_stop)stop, buf_str(&sentence).at);
        return;
    }
    desk_decide(d, c);
    bool is_asked = c->decision.verdict != POLICY_DENY && !c->is_hooked &&
                    hooks_are_for(d->c.app, HOOK_BEFORE, c->tool);
    if (!is_asked)
        desk_go_down(d);
    else if (desk_ask_hooks(d, HOOK_BEFORE, desk_on_hooked) < 0)
        desk_refuse_by_hook(d, "PreToolUse", "it cannot be asked: out of memory");
}

/* Works off the queue; not recursive, however many calls are refused in a row. */
void desk_pump(struct desk *d)
{
    if (d->pumping)
        return;
    d->pumping = true;
    while (d->queue_len && !d->front_started)
        desk_begin(d);
    d->pumping = false;
}

/* Which effects those calls had is not asked again: that private data and untrusted content were seen is the safe side. */
void desk_recall(struct desk *d, struct str name, const json_t *result)
{
    static char gone_name[] = "a tool of an earlier run";
    static const struct tool gone = {.name = gone_name};
    static const struct effect read = {.kind = EFFECT_READ};
    const struct tool *tool = registry_find(d->c.app->registry, name);
    if (!d->origin)
        return;
    (void)origin_ran(d->origin, &gone, &read, 1);
    origin_hear(d->origin, tool ? tool : &gone, result);
}

void desk_next_call(const struct desk *d, char ret[DESK_CALL_NAME_SIZE])
{
    snprintf(ret, DESK_CALL_NAME_SIZE, "c%llu", (unsigned long long)d->calls_made + 1);
}

int desk_call(struct desk *d, struct str tool, struct str arguments, desk_done_fn done, void *arg)
{
    if (d->queue_len == DESK_QUEUE_MAX)
        return -FAULT_CAP;
    struct call *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->undo_fd = -1;
    c->by = "policy";
    c->done = done;
    c->arg = arg;
    buf_init(&c->stdin_text, ARGUMENTS_MAX * 2);
    c->name_is_cut = tool.len > NAME_KEPT_MAX;
    if (c->name_is_cut)
        tool.len = utf8_valid_prefix((struct str){tool.at, NAME_KEPT_MAX});
    c->name = str_dup(tool);
    c->arguments = str_dup(arguments);
    c->arguments_len = arguments.len;
    if (!c->name || !c->arguments) {
        desk_call_free(c);
        return -ENOMEM;
    }
    desk_next_call(d, c->id);
    d->calls_made++;
    d->queue[d->queue_len++] = c;
    desk_pump(d);
    return 0;
}

/* A call whose code is being made has not begun: it ends here. */
/* A call whose hooks are asked has not begun, or it has ended and only its result is open. */
static void cancel_hooks(struct desk *d)
{
    if (!d->hooks || !hooks_is_busy(d->hooks))
        return;
    struct call *c = desk_front(d);
    hooks_cancel(d->hooks);
    if (!c->is_hooked || !c->result) {
        not_decided(c);
        desk_finish(d, NULL, SANDBOX_CANCEL, "cancelled while a hook was asked");
        return;
    }
    c->given = result_error("cancelled while a hook looked at the result");
    desk_finish(d, &c->outcome, c->outcome.stop, c->outcome.detail);
}

static void cancel_code(struct desk *d)
{
    if (!codes_is_busy(d->codes))
        return;
    codes_cancel(d->codes);
    desk_finish(d, NULL, SANDBOX_CANCEL, "cancelled while its module was compiled");
}

void desk_cancel(struct desk *d)
{
    d->cancelling = true;
    if (d->queue_len == 0)
        return;
    approval_cancel(d->c.approval, d);
    cancel_code(d);
    cancel_hooks(d);
    if (d->command)
        sandbox_command_cancel(d->command);
    else if (d->worker && d->queue_len && d->front_started)
        sandbox_worker_cancel(d->worker);
    desk_pump(d);
}

void desk_end(struct desk *d)
{
    d->cancelling = true;
    approval_cancel(d->c.approval, d);
    cancel_code(d);
    cancel_hooks(d);
    if (d->command)
        sandbox_command_kill(d->command);
    else if (d->queue_len && d->front_started && d->worker)
        sandbox_worker_kill(d->worker);
    desk_pump(d);
}

own json_t *desk_tools_json(const struct desk *d)
{
    json_t *list = json_array();
    const struct registry *r = d->c.app->registry;
    for (size_t i = 0; list && i < registry_count(r); i++) {
        const struct tool *t = registry_at(r, i);
        json_t *one = json_pack("{s:s, s:s, s:O}", "name", t->name, "description", t->description,
                                "input_schema", t->input_schema_json);
        if (json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }
    }
    if (list && d->has_fetch && json_array_append_new(list, fetch_result_tool())) {
        json_decref(list);
        return NULL;
    }
    return list;
}
