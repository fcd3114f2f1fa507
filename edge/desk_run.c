/* Running what was allowed. The intent is in the journal before the worker hears of the call. */
#include "edge/desk_inside.h"

#include "edge/tool_watch.h"
#include "host/journal.h"
#include "os/fd.h"
#include "tools/command.h"
#include "tools/invoke.h"

#include <errno.h>
#include <stdio.h>

static void on_ran(struct sandbox_outcome *outcome, void *arg)
{
    struct desk *d = arg;
    if (outcome->stop == SANDBOX_CRASH || sandbox_worker_dead(d->worker)) {
        auto_json json_t *body =
            json_pack("{s:s, s:s}", "program", "worker", "detail", outcome->detail);
        if (body)
            (void)!journal_add(d->c.app->state, d->c.session, desk_front(d)->id, "peer", body,
                               JOURNAL_LIGHT, NULL);
    }
    desk_end_or_hook(d, outcome);
}

static int journal_intent(struct desk *d, struct call *c, struct fault *reterr)
{
    auto_json json_t *intent = desk_intent_of(d, c);
    int r = intent ? journal_add(d->c.app->state, d->c.session, c->id, "intent", intent,
                                 JOURNAL_DURABLE, reterr)
                   : -ENOMEM;
    c->intent_written = r == 0;
    return r;
}

static void on_command_done(struct sandbox_outcome *outcome, void *arg)
{
    struct desk *d = arg;
    /* Off the desk first: the answer may bring the next call. */
    auto_(sandbox_command) struct sandbox_command *ended = take(d->command);
    desk_front(d)->confinement =
        json_incref((json_t *)(uintptr_t)sandbox_command_confinement(ended));
    desk_end_or_hook(d, outcome);
}

/* Egress stands before the command does. ret_has: it gets a way out. */
static int prepare_way_out(struct desk *d, const struct call *c, const struct outward_ask *ask,
                           bool *ret_has, struct fault *reterr)
{
    *ret_has = false;
    if (!c->reaches)
        return 0;
    int r = d->outward ? 0 : outward_new(d->c.app, d->c.loop, &d->outward);
    if (r == 0)
        r = outward_prepare(d->outward, ask, reterr);
    *ret_has = r == 0;
    return r < 0 ? r : 0;
}

/* A native program. The planner's words become the program's words and nothing else; its limits only shorten. */
static int run_command(struct desk *d, struct call *c, struct fault *reterr)
{
    const struct app *a = d->c.app;
    const char *env[SANDBOX_ARGS_MAX];
    size_t env_count = 0;
    struct command_call said;
    int r = journal_intent(d, c, reterr);
    if (r == 0)
        r = command_call_read(c->input, &said, reterr);
    if (r < 0)
        return r;
    for (size_t i = 0; i < a->settings->env_count && env_count < ARRAY_LEN(env); i++)
        env[env_count++] = a->settings->env_vars[i];
    for (size_t i = 0; i < said.env_count && env_count < ARRAY_LEN(env); i++)
        env[env_count++] = said.env[i];
    if (said.timeout_ns < c->limits.command_timeout_ns)
        c->limits.command_timeout_ns = said.timeout_ns;
    const struct outward_ask ask = {.limits = &c->limits,
                                    .agent = d->c.agent,
                                    .tool = c->tool,
                                    .effects = c->effects,
                                    .effect_count = c->effect_count,
                                    .is_command = true};
    bool has_proxy;
    r = prepare_way_out(d, c, &ask, &has_proxy, reterr);
    const struct sandbox_command_config config = {
        .program = a->jail_program,
        .mounts = a->mounts,
        .mount_count = a->mount_count,
        .read_only = !c->writes,
        .argv = said.argv,
        .argc = said.argc,
        .env = env,
        .env_count = env_count,
        .cwd = said.cwd,
        .limits = c->limits,
        .loopback = said.loopback,
        .proxy = has_proxy,
        .stdin_bytes = said.stdin_text,
        .stdin_fd = -1,
        .required_facets = a->settings->required_facets,
    };
    if (r == 0)
        r = sandbox_command_start(&config, d->c.loop, NULL, on_command_done, d, &d->command,
                                  reterr);
    if (r == 0 && has_proxy)
        r = outward_grant_proxy(d->outward, &ask, sandbox_command_listener(d->command), reterr);
    if (r < 0)
        sandbox_command_free(take(d->command));
    command_call_done(&said);
    return r;
}

/* Why a call that was allowed never ran, as a receipt has it. */
static enum sandbox_stop stop_of_fault(int r)
{
    return r == -FAULT_SCHEMA ? SANDBOX_SCHEMA /* no command line takes these arguments */
                              : codes_stop(r);
}

static void give_up(struct desk *d, int r, const struct fault *why)
{
    desk_finish(d, NULL, stop_of_fault(r), *why->text ? why->text : fault_sentence(r));
    desk_pump(d);
}

/* What the sandbox would refuse anyway is not run, and nobody is asked about it. true: the call has ended. */
bool desk_end_unreachable(struct desk *d)
{
    struct call *c = desk_front(d);
    struct net_door doors[NET_LIMITS_DOORS];
    outward_doors(d->c.app->settings, d->c.agent, c->tool, doors);
    size_t i = 0;
    while (i < c->effect_count &&
           (c->effects[i].kind != EFFECT_NET ||
            outward_is_allowed(d->c.app->settings, doors, c->effects[i].target)))
        i++;
    if (i == c->effect_count)
        return false;
    char sentence[1400];
    snprintf(sentence, sizeof(sentence),
             "%.1100s is not in allowed_outbound_hosts, so nothing may reach it",
             c->effects[i].target);
    c->decision.verdict = POLICY_DENY;
    snprintf(c->decision.rule, sizeof(c->decision.rule), "allowed_outbound_hosts");
    desk_finish(d, NULL, SANDBOX_DENIED_NET, sentence);
    desk_pump(d);
    return true;
}

/* The worker's end of the call's way out; -1 = it has none. */
static int open_way_out(struct desk *d, const struct call *c, int *ret_fd, struct fault *reterr)
{
    const struct outward_ask ask = {.limits = &c->limits,
                                    .agent = d->c.agent,
                                    .tool = c->tool,
                                    .effects = c->effects,
                                    .effect_count = c->effect_count};
    *ret_fd = -1;
    if (!c->reaches)
        return 0;
    int r = d->outward ? 0 : outward_new(d->c.app, d->c.loop, &d->outward);
    if (r == 0)
        r = outward_grant(d->outward, &ask, ret_fd, reterr);
    return r < 0 ? r : 0;
}

/* The run's mounts, and no others: what it may only read is not written to for it either. */
static int on_land(const struct undo_landing *what, void *arg)
{
    const struct desk *d = arg;
    const struct call *c = d->queue[0];
    if (!c->writes || !c->undo_begun)
        return -EROFS;
    struct undo_mount mounts[SANDBOX_MOUNTS_MAX];
    desk_undo_mounts(d, mounts);
    return undo_land(mounts, d->c.app->mount_count, c->undo_fd, what);
}

static int send_to_worker(struct desk *d, const struct tool_code *code, struct fault *reterr)
{
    struct call *c = desk_front(d);
    const struct app *a = d->c.app;
    auto_close int http_fd = -1;
    int r = open_way_out(d, c, &http_fd, reterr);
    if (r < 0)
        return r;
    const struct sandbox_run request = {
        .agent = d->c.agent,
        .argv = (const char *const *)c->argv,
        .argc = c->argc,
        .env = (const char *const *)a->settings->env_vars,
        .env_count = a->settings->env_count,
        .limits = c->limits,
        .mounts = a->mount_count >= 32 ? UINT32_MAX : (1u << a->mount_count) - 1,
        .read_only = !c->writes,
        .atomic_writes = true,
        .stdin_bytes = buf_str(&c->stdin_text),
        .stdin_fd = -1,
        .code_fd = code->fd,
        .code_key = code->key,
        .undo_fd = c->undo_fd,
        .http_fd = http_fd,
    };
    const struct sandbox_listener listener = {.on_land = on_land, .on_done = on_ran, .arg = d};
    return sandbox_worker_run(d->worker, d->c.loop, &request, &listener, reterr);
}

/* The code is there: intent, worker, undo, run. */
static void run_code(struct desk *d, const struct tool_code *code)
{
    struct call *c = desk_front(d);
    const struct app *a = d->c.app;
    struct fault why = {0};
    int r = c->writes || c->reaches ? journal_intent(d, c, &why) : 0;
    if (r == 0)
        r = desk_start_worker_for(d, &c->limits, &why);
    if (r == 0 && c->writes) {
        struct undo_mount mounts[SANDBOX_MOUNTS_MAX];
        desk_undo_mounts(d, mounts);
        r = undo_begin(a->state, d->c.session, c->id, mounts, a->mount_count, &c->undo_fd, &why);
        c->undo_begun = r == 0;
    }
    if (r == 0)
        r = tool_argv(c->tool, c->input, &c->argv, &c->argc, &why);
    if (r == 0 && c->tool->invoke == INVOKE_STDIN)
        r = json_print(c->input, &c->stdin_text);
    if (r == 0)
        r = send_to_worker(d, code, &why);
    if (r < 0)
        give_up(d, r, &why);
}

static void on_code(int result, const struct tool_code *code, const struct fault *why, void *arg)
{
    struct desk *d = arg;
    if (result < 0)
        give_up(d, result, why);
    else
        run_code(d, code);
}

/* The module is not what it was when the tool was looked up: a call that nobody was asked about yet goes down the line again, with
 * the tool as it is now. false: it is the same one still, or this happens again and again. */
static bool begin_anew(struct desk *d)
{
    struct call *c = desk_front(d);
    if (!d->c.tools || c->was_asked || c->tries >= CALL_TRIES_MAX)
        return false;
    tool_watch_look_now(d->c.tools);
    if (registry_find(d->c.app->registry, str_of(c->name)) == c->tool)
        return false;
    desk_drop_tool(c);
    json_decref(take(c->input));
    free(take(c->effects));
    c->effect_count = 0;
    c->writes = c->reaches = c->has_limits = c->is_narrowed = c->is_hooked = c->hook_asks = false;
    c->decision = (struct policy_decision){0};
    desk_begin(d);
    return true;
}

/* Compiling may take its time: the loop goes on meanwhile, and a cancel ends it. */
void desk_run(struct desk *d)
{
    struct call *c = desk_front(d);
    struct tool_code code;
    struct fault why = {0};
    if (desk_end_unreachable(d))
        return;
    settings_limits_of(d->c.app->settings, d->c.agent, &c->limits, &c->limit_doors);
    limits_tighten(&c->limits, &c->limit_doors, &c->tool->limits, LIMIT_TOOL);
    c->has_limits = true;
    if (c->tool->is_native) {
        c->fault = run_command(d, c, &why);
        if (c->fault < 0)
            give_up(d, c->fault, &why);
        return;
    }
    int r = codes_get(d->codes, c->tool, on_code, d, &code, &why);
    if (r == CODES_GONE && begin_anew(d))
        return;
    if (r < 0 || r == CODES_GONE)
        give_up(d, r < 0 ? r : -FAULT_MODULE, &why);
    else if (r == 0)
        run_code(d, &code);
}
