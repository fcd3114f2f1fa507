/* boxagnts chat: a conversation. Each message is a run of its own in one session, with limits of its own: the conversation, the money
 * and the answers to questions go on. Between two messages nothing of the tree is there. */
#include "edge/app.h"
#include "edge/chat_input.h"
#include "edge/cmd_undo.h"
#include "edge/commands.h"
#include "edge/grants_view.h"
#include "edge/money.h"
#include "edge/run_options.h"
#include "edge/safe.h"
#include "edge/show_call.h"
#include "host/undo.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/loop.h"
#include "os/term.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct option_row *const tables[] = {options_run, options_policy, options_sandbox,
                                                  options_common, NULL};

static int cmd_chat(const struct parsed *p, struct fault *reterr);

const struct command command_chat = {
    .name = "chat",
    .usage = "",
    .summary = "talk with a model that has tools: each step decided, sandboxed and journalled",
    .text =
        "Lines that begin with / are commands; /help lists them. A line that ends in a backslash goes on in the next;\n"
        "@FILE attaches a file. Ctrl-C cancels a message, twice leaves. Without a terminal each line is a message.\n",
    .tables = tables,
    .run = cmd_chat,
};

struct chat {
    struct app app;
    struct tree_config config;
    char session[SESSION_ID_SIZE];
    const char *
        first_model; /* of the command line or the settings; a session that goes on knows its own */
    char *model;     /* own; from /model */
    struct chat_input *input;
    struct approval_door *door; /* own; NULL without --approvals */
    int exit_code;              /* of the last message */
    unsigned interrupts;        /* Ctrl-C in a row */
    bool is_over;
};

/* --- commands --- */

static int say_help(struct chat *c, struct str rest, struct fault *reterr);

static int set_model(struct chat *c, struct str name, struct fault *reterr)
{
    (void)reterr;
    if (name.len == 0) {
        fprintf(stderr, "model: ");
        safe_print_line(stderr, c->model         ? c->model
                                : c->first_model ? c->first_model
                                                 : "the first whose key is set");
        fputc('\n', stderr);
        return 0;
    }
    char *copy = str_dup(name);
    if (!copy)
        return -ENOMEM;
    free(c->model);
    c->model = copy;
    return 0;
}

static int say_cost(struct chat *c, struct str rest, struct fault *reterr)
{
    (void)rest;
    if (!*c->session) {
        fputs("nothing was said yet\n", stderr);
        return 0;
    }
    auto_json json_t *money = NULL;
    int r = money_of_session(c->app.state, c->session, &money, reterr);
    if (r < 0)
        return r;
    fprintf(stderr, "spent $%s of $%s\n", json_string_value(json_object_get(money, "spent_usd")),
            json_string_value(json_object_get(money, "budget_usd")));
    return 0;
}

static int undo_it(struct chat *c, struct str call, struct fault *reterr)
{
    if (!*c->session) {
        fputs("nothing was done yet\n", stderr);
        return 0;
    }
    auto_free char *name = call.len ? str_dup(call) : NULL;
    if (call.len && !name)
        return -ENOMEM;
    int r = undo_now(c->app.state, c->session, &(struct undo_want){.call = name}, false, reterr);
    return r < 0 ? r : 0;
}

static void print_rule(enum policy_verdict verdict, enum policy_layer layer, const char *rule,
                       void *arg)
{
    (void)arg;
    fprintf(stderr, "  %-5s ", policy_verdict_name(verdict));
    safe_print_line(stderr, rule);
    fprintf(stderr, "  (%s)\n", policy_layer_name(layer));
}

static int say_grants(const struct chat *c, struct fault *reterr)
{
    auto_(grants) struct grants *grants = NULL;
    int r = grants_new(c->app.state, c->session, &grants);
    if (r < 0)
        return fault_sys(reterr, -r, "what you allowed cannot be read");
    return grants_print(stderr, grants, true);
}

static int take_back(const struct chat *c, struct str number, struct fault *reterr)
{
    if (!*c->session)
        return fault_set(reterr, FAULT_USAGE, "nothing was allowed yet");
    int r = grants_revoke_text(c->app.state, c->session, number, reterr);
    if (r > 0)
        fprintf(stderr, "%d revoked\n", r);
    return r < 0 ? r : 0;
}

static int say_permissions(struct chat *c, struct str rest, struct fault *reterr)
{
    struct str word = rest, number = {"", 0};
    (void)str_split(rest, ' ', &word, &number);
    if (str_is(word, "revoke"))
        return take_back(c, str_trim(number), reterr);
    if (rest.len > 0)
        return fault_set(reterr, FAULT_USAGE, "/permissions, or /permissions revoke [N]");
    fprintf(stderr, "mode %s\n", policy_mode_name(policy_mode_of(c->app.settings->policy)));
    policy_each(c->app.settings->policy, print_rule, NULL);
    return *c->session ? say_grants(c, reterr) : 0;
}

static int send_message(struct chat *c, const char *text, struct fault *reterr);

/* A run of its own like a message: within turns, money and time, and it can be cancelled. */
static int compact(struct chat *c, struct str rest, struct fault *reterr)
{
    (void)rest;
    if (!*c->session)
        return fault_set(reterr, FAULT_USAGE, "nothing was said yet");
    c->config.only_compacts = true;
    int r = send_message(c, "", reterr);
    c->config.only_compacts = false;
    return r;
}

static int unfold(struct chat *c, struct str call, struct fault *reterr)
{
    if (!*c->session)
        return fault_set(reterr, FAULT_USAGE, "nothing was done yet");
    bool has_color = os_is_terminal(2) && !os_env("NO_COLOR");
    return show_call(stderr, c->app.state, c->session, call, has_color, reterr);
}

static int say_session(struct chat *c, struct str rest, struct fault *reterr)
{
    (void)rest;
    (void)reterr;
    fprintf(stderr, "%s\n", *c->session ? c->session : "it begins with the first message");
    return 0;
}

static int begin_new(struct chat *c, struct str rest, struct fault *reterr)
{
    (void)rest;
    (void)reterr;
    c->session[0] = '\0';
    fputs("a new session begins with the next message\n", stderr);
    return 0;
}

static int leave(struct chat *c, struct str rest, struct fault *reterr)
{
    (void)rest;
    (void)reterr;
    c->is_over = true;
    return 0;
}

static const struct chat_command {
    const char *name, *usage, *help;
    int (*run)(struct chat *c, struct str rest, struct fault *reterr);
} chat_commands[] = {
    {"/help", "", "this list", say_help},
    {"/model", "[P/M]", "which model plans; another one from the next message on", set_model},
    {"/cost", "", "money spent in this session, and its budget", say_cost},
    {"/undo", "[CALL]", "put back the files that this session, or one call, changed", undo_it},
    {"/permissions", "[revoke [N]]", "mode, rules and what you allowed; take back grant N, or all",
     say_permissions},
    {"/compact", "", "sum up what was said so far, in one turn of the model; the newest stays",
     compact},
    {"/show", "[CALL]", "a call unfolded: arguments, result, receipt; else the last one", unfold},
    {"/session", "", "its name, for `boxagnts session`, `replay`, `undo` and `journal`",
     say_session},
    {"/new", "", "begin another session", begin_new},
    {"/quit", "", "leave; the session can be resumed", leave},
};

static int say_help(struct chat *c, struct str rest, struct fault *reterr)
{
    (void)c;
    (void)rest;
    (void)reterr;
    for (size_t i = 0; i < ARRAY_LEN(chat_commands); i++)
        fprintf(stderr, "  %-13s %-13s %s\n", chat_commands[i].name, chat_commands[i].usage,
                chat_commands[i].help);
    fputs(
        "  a backslash at the end of a line: it goes on in the next; @FILE: attach it; Ctrl-C: cancel, twice: leave\n",
        stderr);
    return 0;
}

static int run_command(struct chat *c, struct str line, struct fault *reterr)
{
    struct str name = line, rest = {"", 0};
    const char *names[ARRAY_LEN(chat_commands)];
    char shown[64];
    (void)str_split(line, ' ', &name, &rest);
    for (size_t i = 0; i < ARRAY_LEN(chat_commands); i++) {
        names[i] = chat_commands[i].name;
        if (str_is(name, chat_commands[i].name))
            return chat_commands[i].run(c, str_trim(rest), reterr);
    }
    snprintf(shown, sizeof(shown), "%.*s", (int)(name.len < 60 ? name.len : 60), name.at);
    const char *near = options_nearest(shown, names, ARRAY_LEN(names));
    (void)fault_set(reterr, FAULT_USAGE, "there is no command %s", shown);
    if (near)
        fault_next(reterr, "did you mean %s?", near);
    else
        fault_next(reterr, "/help lists them");
    return -FAULT_USAGE;
}

/* --- messages --- */

static int send_message(struct chat *c, const char *text, struct fault *reterr)
{
    c->config.app = &c->app;
    c->config.model = c->model ? c->model : *c->session ? NULL : c->first_model;
    c->config.prompt = text;
    c->config.resume = *c->session ? c->session : NULL;
    c->config.started_ns = os_now_mono_ns();
    char session[SESSION_ID_SIZE] = "";
    c->config.ret_session = session;
    int r = tree_run(&c->config, reterr);
    if (*session)
        memcpy(c->session, session, sizeof(session));
    if (r >= 0)
        c->exit_code = r;
    if (r == 130)
        c->interrupts = 1; /* one more now leaves */
    return r;
}

static void handle(struct chat *c, const struct buf *text)
{
    struct fault why = {0};
    struct str line = str_trim(buf_str(text));
    c->interrupts = 0;
    if (line.len == 0)
        return;
    int r;
    if (!utf8_valid(buf_str(text)) || memchr(text->at, '\0', text->len))
        r = fault_set(&why, FAULT_USAGE, "the message is not UTF-8 text");
    else
        r = line.at[0] == '/' ? run_command(c, line, &why)
                              : send_message(c, buf_str(text).at, &why);
    if (r >= 0)
        return;
    if (*why.text == '\0')
        (void)fault_set(&why, -r, "%s", fault_sentence(r));
    app_complain(&why);
    c->exit_code = fault_exit_code(r);
    /* a script that breaks off is noticed by whoever runs it; a person goes on */
    c->is_over = c->is_over || !chat_input_is_terminal(c->input);
}

static int converse(struct chat *c, struct fault *reterr)
{
    auto_done(buf) struct buf text;
    buf_init(&text, CHAT_MESSAGE_MAX);
    while (!c->is_over) {
        int r = chat_input_read(c->input, &text);
        if (r == -FAULT_CAP)
            return fault_set(reterr, FAULT_USAGE, "chat: the message is longer than 1 MiB");
        if (r < 0)
            return fault_sys(reterr, -r, "chat: cannot read what is typed");
        if (r == CHAT_TEXT)
            handle(c, &text);
        if (r == CHAT_INTERRUPT && ++c->interrupts >= 2)
            return 130;
        if (r == CHAT_INTERRUPT)
            fputs("once more to leave\n", stderr);
        if (r == CHAT_END || r == CHAT_KILLED)
            break;
    }
    return c->exit_code;
}

static void greet(const struct chat *c)
{
    if (!chat_input_is_terminal(c->input))
        return;
    fputs("BoxAgnts in ", stderr);
    safe_print_line(stderr, c->app.work_dir);
    fprintf(stderr, ", mode %s. /help says what there is.\n",
            policy_mode_name(policy_mode_of(c->app.settings->policy)));
}

static void on_guarded(int signal, void *arg)
{
    (void)signal;
    (void)arg;
}

/* Signals stay blocked from here to the end: between two messages they would end the process otherwise. Nobody reads this watch;
 * the input's and the tree's own take them. */
static int guard_signals(struct os_loop **ret_loop, struct os_watch **ret)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, 0};
    int r = os_loop_new(ret_loop);
    return r < 0 ? r : os_loop_watch_signals(*ret_loop, signals, on_guarded, NULL, ret);
}

static int start(struct chat *c, const struct parsed *p, struct fault *reterr)
{
    const char *names[ARRAY_LEN(chat_commands) + 1] = {NULL};
    char history[4200];
    int r = run_options_take(p, &c->config, reterr);
    if (r == 0 && c->config.view == VIEW_JSON)
        r = fault_set(reterr, FAULT_USAGE, "chat: --output is text or stream-json");
    if (r == 0)
        r = app_open(&c->app, p, APP_MOUNTS | APP_STATE | APP_TOOLS, reterr);
    if (r < 0)
        return r;
    c->first_model = c->config.model ? c->config.model : c->app.settings->model;
    c->config.is_chat = true;
    if (c->config.approvals && (r = approval_door_new(c->config.approvals, &c->door, reterr)) < 0)
        return r;
    c->config.door = c->door;
    for (size_t i = 0; i < ARRAY_LEN(chat_commands); i++)
        names[i] = chat_commands[i].name;
    snprintf(history, sizeof(history), "%s/chat_history", state_dir(c->app.state));
    r = chat_input_new(names, c->app.work_dir_fd, history, &c->input, reterr);
    if (r < 0)
        return r;
    greet(c);
    return converse(c, reterr);
}

static int cmd_chat(const struct parsed *p, struct fault *reterr)
{
    struct chat c = {.app = {.work_dir_fd = -1}};
    auto_(os_loop) struct os_loop *loop = NULL;
    struct os_watch *guard = NULL;
    if (p->positional_count > 0)
        return fault_set(reterr, FAULT_USAGE,
                         "chat takes no prompt; for one task: boxagnts run PROMPT");
    int r = guard_signals(&loop, &guard);
    if (r == 0)
        r = start(&c, p, reterr);
    chat_input_free(c.input);
    approval_door_free(c.door);
    free(c.model);
    app_done(&c.app);
    os_watch_free(guard);
    return r;
}
