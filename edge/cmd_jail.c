/* boxagnts jail: one native command in the process jail, no planner. Behaves like the program itself: its stdin, stdout,
 * stderr, as far as bytes go; it never gets the terminal. A stop by a limit is one sentence on stderr and an exit code. */
#include "base/digest.h"
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/outward.h"
#include "edge/receipt_file.h"
#include "edge/safe.h"
#include "host/journal.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/term.h"
#include "sandbox/ask/command.h"
#include "tools/receipt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

static const struct option_row options_jail[] = {
    {OPT_CWD, "cwd", 0, OPTION_VALUE, "DIR",
     "where it starts, as tools see it: / is the work folder (default)"},
    {OPT_READ_ONLY, "read-only", 0, OPTION_FLAG, NULL, "no mapped folder can be changed"},
    {OPT_LOOPBACK, "loopback", 0, OPTION_FLAG, NULL,
     "127.0.0.1 works within the jail, for a test that talks to its own server"},
    {OPT_RECEIPT, "receipt", 0, OPTION_VALUE, "FILE|-",
     "write the receipt there (- = last line of stderr)"},
    {OPT_SETTINGS, "settings", 0, OPTION_VALUE, "FILE", "one more settings file"},
    {0},
};

#define AGENT_NAME "person" /* who calls by hand, as in agent_limits of the settings */

static int cmd_jail(const struct parsed *p, struct fault *reterr);

/* The limits' flags are made at start from the limits table. */
static const struct option_row *tables[] = {options_jail, options_sandbox, options_common, NULL,
                                            NULL};

const struct command command_jail = {
    .name = "jail",
    .usage = "[limits] -- PROGRAM [ARG...]",
    .summary = "run one native program in the process jail, like the program itself",
    .text =
        "It sees the system's programs read-only, the work folder under its own name, writable, a private /tmp, its own\n"
        "processes, and no network; with --allowed-outbound-hosts a proxy that leads to those and to nothing else. Exit: 8 when the program failed by itself (its own code is in the receipt), or the stop's code\n"
        "(5 a limit, 7 the jail cannot be built).\n",
    .tables = tables,
    .stops_at_first = true,
    .run = cmd_jail,
};

__attribute__((constructor)) static void cmd_jail_tables(void)
{
    tables[3] = options_limits(LIMITS_OF_COMMANDS);
}

struct jailing {
    struct app *app;
    struct sandbox_limits
        limits; /* of the settings, tightened by what agent_limits say of a person */
    struct limit_doors limit_doors;
    struct os_loop *loop;
    struct sandbox_command *command; /* own */
    struct outward *outward;         /* own; the way out, when hosts are allowed */
    char session[SESSION_ID_SIZE];
    const char *const *argv;
    size_t argc;
    char argv_sha256[DIGEST_HEX_SIZE];
    const char *receipt_path;
    bool intent_written, is_booked;
    bool is_shown[3]; /* this stream goes to a person's terminal */
    int exit_code;
};

/* To a terminal only what moves nothing there: the command may have read a hostile document. */
static void on_output(int stream, struct str bytes, void *arg)
{
    struct jailing *x = arg;
    FILE *out = stream == 2 ? stderr : stdout;
    if (x->is_shown[stream]) {
        safe_print(out, bytes);
        if (fflush(out) == 0)
            return;
    } else if (os_write_all(stream, bytes) >= 0) {
        return;
    }
    sandbox_command_cancel(x->command); /* nobody reads: stop, as SIGPIPE would */
}

static void say_how_it_ended(const struct jailing *x, const struct sandbox_outcome *o)
{
    if (o->output_cut)
        fprintf(stderr, "boxagnts: output past max_output_bytes was dropped\n");
    if (o->stop == SANDBOX_EXIT && o->exit_code == 0)
        return;
    fputs("boxagnts: ", stderr);
    safe_print_line(stderr, *o->detail && o->stop == SANDBOX_EXIT ? o->detail : x->argv[0]);
    if (o->stop == SANDBOX_EXIT) {
        if (!*o->detail)
            fprintf(stderr, " exited with code %d", o->exit_code);
    } else {
        fprintf(stderr, " stopped: %s: ", sandbox_stop_name(o->stop));
        safe_print_line(stderr, o->detail);
        if (o->limits_hit)
            fprintf(stderr, " (%s)", o->limits_hit);
    }
    fputc('\n', stderr);
}

static void book(struct jailing *x, const struct sandbox_outcome *o, enum sandbox_stop stop,
                 const char *detail)
{
    struct fault why = {0};
    x->is_booked = true;
    const struct receipt_facts facts = {
        .call = "c1",
        .agent = AGENT_NAME,
        .tool = "jail",
        .input_sha256 = x->argv_sha256,
        .verdict = POLICY_ALLOW,
        .rule = "jail",
        .by = "person",
        .outcome = o,
        .stop = stop,
        .is_error = stop != SANDBOX_EXIT || (o && o->exit_code != 0),
        .detail = detail,
        .limits = &x->limits,
        .limit_doors = &x->limit_doors,
        .limits_of = LIMITS_OF_COMMANDS,
        .http = outward_revoke(x->outward),
        .confinement = x->command ? sandbox_command_confinement(x->command) : NULL,
    };
    auto_json json_t *receipt = receipt_new(&facts);
    outward_say_limits(x->app->settings, AGENT_NAME, NULL, receipt);
    int r = receipt ? journal_receipt(x->app->state, x->session, receipt, JOURNAL_LIGHT, &why)
                    : -ENOMEM;
    if (r == 0 && x->receipt_path)
        r = receipt_file_write(x->receipt_path, receipt, &why);
    if (r < 0) {
        if (why.code == 0)
            (void)fault_set(&why, -r, "jail: %s", fault_sentence(r));
        app_complain(&why);
        if (x->exit_code == 0)
            x->exit_code = 1;
    }
}

static void on_done(struct sandbox_outcome *o, void *arg)
{
    struct jailing *x = arg;
    x->exit_code = sandbox_stop_exit_code(o->stop, o->exit_code);
    say_how_it_ended(x, o);
    book(x, o, o->stop, o->detail);
    os_loop_stop(x->loop, 0);
}

static void on_signal(int signal unused_, void *arg)
{
    sandbox_command_cancel(((struct jailing *)arg)->command);
}

/* Before the program runs: what is lost with this process has at least been meant. */
static int journal_intent(struct jailing *x, bool read_only, struct fault *reterr)
{
    const struct app *a = x->app;
    struct digest d;
    auto_done(buf) struct buf text;
    buf_init(&text, 8 << 20);
    auto_json json_t *argv = json_array(), *effects = json_array();
    for (size_t i = 0; argv && i < x->argc; i++)
        if (json_array_append_new(argv, json_string_lossy(str_of(x->argv[i]))))
            return -ENOMEM;
    for (size_t i = 0; effects && i < a->mount_count; i++) {
        bool writes = a->mounts[i].writable && !read_only;
        json_t *one = json_pack("{s:s, s:o}", "effect", writes ? "Write" : "Read", "target",
                                json_string_lossy(str_of(a->mounts[i].guest)));
        if (json_array_append_new(effects, one))
            return -ENOMEM;
    }
    for (size_t i = 0; effects && i < a->settings->allowed_count; i++)
        if (json_array_append_new(effects, json_pack("{s:s, s:s}", "effect", "Net", "target",
                                                     a->settings->allowed_outbound_hosts[i])))
            return -ENOMEM;
    int r = argv && effects ? json_print(argv, &text) : -ENOMEM;
    if (r < 0)
        return r;
    digest_sha256(buf_str(&text).at, text.len, &d);
    digest_hex(&d, x->argv_sha256);
    auto_json json_t *body =
        json_pack("{s:s, s:s, s:s, s:O, s:O, s:{s:s, s:s, s:s}}", "call", "c1", "agent", AGENT_NAME,
                  "tool", "jail", "input", argv, "effects", effects, "decision", "verdict", "allow",
                  "rule", "jail", "by", "person");
    r = body ? journal_add(a->state, x->session, "c1", "intent", body, JOURNAL_DURABLE, reterr)
             : -ENOMEM;
    x->intent_written = r == 0;
    return r;
}

static int run(struct jailing *x, const struct parsed *p, struct fault *reterr)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, 0};
    struct app *a = x->app;
    struct os_watch *watch = NULL;
    const char *cwd = option_value(p, OPT_CWD);
    bool read_only = option_flag(p, OPT_READ_ONLY);
    const struct outward_ask ask = {.limits = &x->limits, .agent = AGENT_NAME, .is_command = true};
    int way = outward_prepare(x->outward, &ask, reterr);
    if (way < 0)
        return way;
    const struct sandbox_command_config config = {
        .program = a->jail_program,
        .mounts = a->mounts,
        .mount_count = a->mount_count,
        .read_only = read_only,
        .argv = x->argv,
        .argc = x->argc,
        .env = (const char *const *)a->settings->env_vars,
        .env_count = a->settings->env_count,
        .cwd = cwd ? cwd : "/",
        .limits = x->limits,
        .loopback = option_flag(p, OPT_LOOPBACK),
        .proxy = way == 0,
        .stdin_fd = 0,
        .required_facets = a->settings->required_facets,
    };
    int r = journal_intent(x, read_only, reterr);
    if (r == 0)
        r = sandbox_command_start(&config, x->loop, on_output, on_done, x, &x->command, reterr);
    if (r == 0 && config.proxy)
        r = outward_grant_proxy(x->outward, &ask, sandbox_command_listener(x->command), reterr);
    if (r == 0)
        r = os_loop_watch_signals(x->loop, signals, on_signal, x, &watch);
    if (r == 0)
        r = os_loop_run(x->loop);
    os_watch_free(watch);
    return r;
}

static int execute(struct jailing *x, const struct parsed *p, struct fault *reterr)
{
    auto_close int lock_fd = -1;
    struct app *a = x->app;
    int r =
        session_begin(a->state, a->work_dir, "none", x->argv[0], 0, x->session, &lock_fd, reterr);
    settings_limits_of(a->settings, AGENT_NAME, &x->limits, &x->limit_doors);
    if (r == 0)
        r = os_loop_new(&x->loop);
    if (r == 0)
        r = outward_new(a, x->loop, &x->outward);
    if (r == 0)
        r = run(x, p, reterr);
    if (r < 0 && x->intent_written && !x->is_booked)
        book(x, NULL, SANDBOX_CRASH, *reterr->text ? reterr->text : fault_sentence(r));
    if (*x->session)
        (void)!session_end(a->state, x->session,
                           r < 0               ? "failed"
                           : x->exit_code == 0 ? "done"
                                               : "stopped",
                           0, 1, 0);
    return r;
}

static int cmd_jail(const struct parsed *p, struct fault *reterr)
{
    if (p->positional_count == 0) {
        (void)fault_set(reterr, FAULT_USAGE, "jail: which program?");
        fault_next(reterr, "usage: boxagnts jail [limits] -- PROGRAM [ARG...]");
        return -FAULT_USAGE;
    }
    struct app app;
    struct jailing x = {.app = &app,
                        .argv = p->positional,
                        .argc = p->positional_count,
                        .receipt_path = option_value(p, OPT_RECEIPT),
                        .is_shown = {false, os_is_terminal(1), os_is_terminal(2)}};
    int r = app_open(&app, p, APP_MOUNTS | APP_STATE, reterr);
    if (r == 0)
        r = execute(&x, p, reterr);
    sandbox_command_free(x.command);
    outward_free(x.outward);
    os_loop_free(x.loop);
    app_done(&app);
    return r < 0 ? r : x.exit_code;
}
