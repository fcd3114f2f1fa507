/* boxagnts exec: one module under the sandbox, no planner. Behaves like the program itself: its stdin, stdout,
 * stderr; a stop by a limit is one sentence on stderr and an exit code. */
#include "base/digest.h"
#include "edge/app.h"
#include "edge/codes.h"
#include "edge/commands.h"
#include "edge/outflow.h"
#include "edge/outward.h"
#include "edge/receipt_file.h"
#include "edge/safe.h"
#include "host/journal.h"
#include "host/undo.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/loop.h"
#include "sandbox/ask/code.h"
#include "sandbox/ask/worker.h"
#include "tools/receipt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#define AGENT_NAME "person"
#define MODULE_MAX ((size_t)64 << 20)
/* Output that the reader does not take is kept up to PAUSE_ABOVE, then the guest waits. What comes once more in that moment
 * stays far below KEPT_MAX. */
#define PAUSE_ABOVE ((size_t)256 << 10)
#define KEPT_MAX ((size_t)64 << 20)
#define LAST_WAIT_NS OS_NS_PER_S /* for a reader, when the guest was stopped */

static const struct option_row options_exec[] = {
    {OPT_RECEIPT, "receipt", 0, OPTION_VALUE, "FILE|-",
     "write the receipt there (- = last line of stderr)"},
    {OPT_SETTINGS, "settings", 0, OPTION_VALUE, "FILE", "one more settings file"},
    {0},
};

static int cmd_exec(const struct parsed *p, struct fault *reterr);

/* The limits' flags are made at start from the limits table; the slot is filled by cmd_exec_tables(). */
static const struct option_row *tables[] = {options_exec, options_sandbox, options_common, NULL,
                                            NULL};

const struct command command_exec = {
    .name = "exec",
    .usage = "FILE.wasm [-- ARG...]",
    .summary = "run one WASI module in the sandbox, like the program itself",
    .text =
        "The work folder is / inside, writable; --map-dirs DIR::/ (read-only) replaces it.\n"
        "Exit: the stop's code (5 a limit, 8 the guest failed, 2 not a module); the guest's own code is in the receipt.\n",
    .tables = tables,
    .stops_at_first = true,
    .run = cmd_exec,
};

__attribute__((constructor)) static void cmd_exec_tables(void)
{
    tables[3] = options_limits(LIMITS_OF_MODULES);
}

/* States: compiling -> running -> over (the guest is gone, its last output may be on its way) -> booked. A signal ends
 * whichever it is. */
struct execution {
    struct app *app;
    struct os_loop *loop;
    struct sandbox_coding *coding; /* own; being compiled */
    struct sandbox_code code;
    struct sandbox_worker *worker;
    struct outward *outward; /* own; the way out */
    struct outflow *out[2];  /* own; stdout, stderr */
    struct os_watch *signals, *last_wait;
    struct sandbox_outcome outcome; /* once is_over */
    struct sandbox_limits limits;
    struct limit_doors limit_doors;
    char session[SESSION_ID_SIZE];
    const char *path;
    char wasm_sha256[DIGEST_HEX_SIZE];
    struct undo_mount mounts[SANDBOX_MOUNTS_MAX];
    const char *receipt_path;
    bool undo_begun, intent_written, is_booked, is_over, is_cancelled;
    int exit_code;
    int code_result; /* of compiling */
    struct fault code_why;
};

static size_t kept(const struct execution *x)
{
    return outflow_kept(x->out[0]) + outflow_kept(x->out[1]);
}

/* Some of the output has gone. */
static void on_outflow(void *arg)
{
    struct execution *x = arg;
    if (!x->is_over)
        sandbox_worker_pause(x->worker, kept(x) > PAUSE_ABOVE);
    else if (kept(x) == 0)
        os_loop_stop(x->loop, 0);
}

static void on_output(int stream, struct str bytes, void *arg)
{
    struct execution *x = arg;
    if (outflow_add(x->out[stream - 1], bytes) < 0)
        sandbox_worker_cancel(x->worker); /* nobody reads: stop, as SIGPIPE would */
    else
        sandbox_worker_pause(x->worker, kept(x) > PAUSE_ABOVE);
}

static void say_how_it_ended(const struct execution *x, enum sandbox_stop stop, int exit_code,
                             const char *detail, bool cut)
{
    if (cut)
        fprintf(stderr, "boxagnts: output past max_output_bytes was dropped\n");
    if (stop == SANDBOX_EXIT && exit_code == 0)
        return;
    fputs("boxagnts: ", stderr);
    safe_print_line(stderr, x->path);
    if (stop == SANDBOX_EXIT) {
        fprintf(stderr, " exited with code %d\n", exit_code);
        return;
    }
    fprintf(stderr, " stopped: %s: ", sandbox_stop_name(stop));
    safe_print_line(stderr, detail);
    fputc('\n', stderr);
}

static void book(struct execution *x, const struct sandbox_outcome *o, enum sandbox_stop stop,
                 const char *detail)
{
    auto_json json_t *touched = NULL;
    struct fault why = {0};
    x->is_booked = true;
    if (x->undo_begun && undo_seal(x->app->state, x->session, "c1", x->mounts, x->app->mount_count,
                                   &touched, &why) < 0)
        app_complain(&why);
    const struct receipt_facts facts = {
        .call = "c1",
        .agent = AGENT_NAME,
        .tool = x->path,
        .input_sha256 = x->wasm_sha256,
        .verdict = POLICY_ALLOW,
        .rule = "exec",
        .by = "person",
        .outcome = o,
        .stop = stop,
        .exit_code = o ? o->exit_code : 0,
        .is_error = stop != SANDBOX_EXIT || (o && o->exit_code != 0),
        .detail = detail,
        .limits = &x->limits,
        .limit_doors = &x->limit_doors,
        .limits_of = LIMITS_OF_MODULES,
        .http = outward_revoke(x->outward),
        .touched = touched,
        .confinement = x->worker ? sandbox_worker_confinement(x->worker) : NULL,
    };
    auto_json json_t *receipt = receipt_new(&facts);
    outward_say_limits(x->app->settings, AGENT_NAME, NULL, receipt);
    int r = receipt
                ? journal_receipt(
                      x->app->state, x->session, receipt,
                      touched && json_array_size(touched) ? JOURNAL_DURABLE : JOURNAL_LIGHT, &why)
                : -ENOMEM;
    if (r == 0 && x->receipt_path)
        r = receipt_file_write(x->receipt_path, receipt, &why);
    if (r < 0) {
        if (why.code == 0)
            (void)fault_set(&why, -r, "exec: %s", fault_sentence(r));
        app_complain(&why);
        if (x->exit_code == 0)
            x->exit_code = 1;
    }
}

static void finish(struct execution *x, const struct sandbox_outcome *o, enum sandbox_stop stop,
                   const char *detail)
{
    x->exit_code = sandbox_stop_exit_code(stop, o ? o->exit_code : 0);
    say_how_it_ended(x, stop, o ? o->exit_code : 0, detail, o && o->output_cut);
    book(x, o, stop, detail);
}

static void on_last_wait(void *arg)
{
    os_loop_stop(((struct execution *)arg)->loop, 0);
}

/* A guest that ended by itself has its output delivered, however long its reader takes; one that was stopped has a second. */
static void on_done(struct sandbox_outcome *o, void *arg)
{
    struct execution *x = arg;
    x->outcome = *o;
    sandbox_outcome_init(o, 0); /* taken over */
    x->is_over = true;
    if (kept(x) == 0 || x->is_cancelled)
        os_loop_stop(x->loop, 0);
    else if (x->outcome.stop != SANDBOX_EXIT)
        os_watch_set_timer(x->last_wait, os_now_mono_ns() + LAST_WAIT_NS);
}

static void on_code(int result, struct sandbox_code *code, const struct fault *why, void *arg)
{
    struct execution *x = arg;
    x->code_result = result;
    x->code_why = *why;
    x->code.fd = take_fd(&code->fd);
    buf_reset(&x->code.note);
    (void)!buf_add_str(&x->code.note, buf_str(&code->note));
    os_loop_stop(x->loop, 0);
}

static void on_signal(int signal, void *arg)
{
    struct execution *x = arg;
    (void)signal;
    x->is_cancelled = true;
    if (x->worker && !x->is_over)
        sandbox_worker_cancel(x->worker);
    else
        os_loop_stop(x->loop, 0);
}

static void name_mounts(struct execution *x)
{
    const struct app *a = x->app;
    for (size_t i = 0; i < a->mount_count; i++)
        x->mounts[i] = (struct undo_mount){a->mounts[i].guest, a->mounts[i].host,
                                           a->mounts[i].dir_fd, a->mounts[i].writable};
}

/* Before the module runs: what is lost with this process has at least been meant. */
static int journal_intent(struct execution *x, const struct parsed *p, struct fault *reterr)
{
    const struct app *a = x->app;
    enum journal_weight weight = JOURNAL_LIGHT;
    auto_json json_t *argv = json_array(), *effects = json_array();
    for (size_t i = 0; argv && i < p->positional_count; i++)
        if (json_array_append_new(argv, json_string_lossy(str_of(p->positional[i]))))
            return -ENOMEM;
    for (size_t i = 0; effects && i < a->mount_count; i++) {
        json_t *one = json_pack("{s:s, s:o}", "effect", a->mounts[i].writable ? "Write" : "Read",
                                "target", json_string_lossy(str_of(a->mounts[i].guest)));
        if (json_array_append_new(effects, one))
            return -ENOMEM;
        if (a->mounts[i].writable)
            weight = JOURNAL_DURABLE;
    }
    for (size_t i = 0; effects && i < a->settings->allowed_count; i++) {
        const char *host = a->settings->allowed_outbound_hosts[i];
        if (json_array_append_new(effects,
                                  json_pack("{s:s, s:s}", "effect", "Net", "target", host)))
            return -ENOMEM;
        weight = JOURNAL_DURABLE;
    }
    auto_json json_t *body = json_pack(
        "{s:s, s:s, s:o, s:s, s:O, s:O, s:{s:s, s:s, s:s}}", "call", "c1", "agent", "person",
        "tool", json_string_lossy(str_of(x->path)), "wasm_sha256", x->wasm_sha256, "input", argv,
        "effects", effects, "decision", "verdict", "allow", "rule", "exec", "by", "person");
    int r =
        body ? journal_add(a->state, x->session, "c1", "intent", body, weight, reterr) : -ENOMEM;
    x->intent_written = r == 0;
    return r;
}

static int run_module(struct execution *x, const struct parsed *p, struct fault *reterr)
{
    struct app *a = x->app;
    auto_close int undo_root_fd = -1, undo_fd = -1, http_fd = -1;
    name_mounts(x);
    int r = undo_root(a->state, x->session, &undo_root_fd, reterr);
    if (r == 0)
        r = app_start_worker(a, AGENT_NAME, undo_root_fd, x->limits.wasm_max_wasm_stack, &x->worker,
                             reterr);
    if (r == 0)
        r = undo_begin(a->state, x->session, "c1", x->mounts, a->mount_count, &undo_fd, reterr);
    x->undo_begun = r == 0;
    if (r == 0)
        r = journal_intent(x, p, reterr);
    if (r == 0)
        r = outward_new(a, x->loop, &x->outward);
    if (r == 0) {
        const struct outward_ask ask = {.limits = &x->limits, .agent = AGENT_NAME};
        r = outward_grant(x->outward, &ask, &http_fd, reterr);
        r = r > 0 ? 0 : r;
    }
    if (r == 0) {
        const struct sandbox_run run = {
            .agent = AGENT_NAME,
            .argv = p->positional,
            .argc = p->positional_count,
            .env = (const char *const *)a->settings->env_vars,
            .env_count = a->settings->env_count,
            .limits = x->limits,
            .stream_output = true,
            .mounts = a->mount_count >= 32 ? UINT32_MAX : (1u << a->mount_count) - 1,
            .stdin_fd = 0,
            .code_fd = x->code.fd,
            .code_key = x->code.key,
            .undo_fd = undo_fd,
            .http_fd = http_fd,
        };
        const struct sandbox_listener listener = {
            .on_output = on_output, .on_done = on_done, .arg = x};
        r = sandbox_worker_run(x->worker, x->loop, &run, &listener, reterr);
    }
    if (r == 0)
        r = os_loop_run(x->loop);
    if (r < 0)
        return r;
    size_t left = kept(x);
    if (left > 0)
        fprintf(stderr, "boxagnts: %zu bytes of output were not taken by anybody\n", left);
    finish(x, &x->outcome, x->outcome.stop, x->outcome.detail);
    if (left > 0 && x->is_cancelled)
        x->exit_code = sandbox_stop_exit_code(SANDBOX_CANCEL, 0);
    return 0;
}

static int load_module(struct execution *x, struct buf *wasm, struct fault *reterr)
{
    int r = os_read_file_trusted(x->path, wasm);
    if (r == -FAULT_CAP)
        return fault_set(reterr, FAULT_MODULE, "%s: larger than 64 MiB", x->path);
    if (r < 0) {
        (void)fault_sys(reterr, -r, "cannot read the module %s", x->path);
        reterr->code = FAULT_USAGE;
        return -FAULT_USAGE;
    }
    struct digest d;
    digest_sha256(wasm->at, wasm->len, &d);
    digest_hex(&d, x->wasm_sha256);
    return 0;
}

static int begin(struct execution *x, int *ret_lock_fd, struct fault *reterr)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, 0};
    const struct app *a = x->app;
    int r =
        session_begin(a->state, a->work_dir, "none", x->path, 0, x->session, ret_lock_fd, reterr);
    if (r == 0)
        r = os_loop_new(&x->loop);
    if (r == 0)
        r = os_loop_watch_signals(x->loop, signals, on_signal, x, &x->signals);
    if (r == 0)
        r = os_loop_watch_timer(x->loop, INT64_MAX, on_last_wait, x, &x->last_wait);
    for (int i = 0; r == 0 && i < 2; i++)
        r = outflow_new(x->loop, i + 1, KEPT_MAX, on_outflow, x, &x->out[i]);
    return r;
}

/* From the cache, or compiled while signals are looked after. Negative also for a module that is none, see execute(). */
static int get_code(struct execution *x, struct str wasm, struct fault *reterr)
{
    const struct app *a = x->app;
    int r = sandbox_code_get(a->cache, a->compile_program, wasm, x->loop, on_code, x, &x->code,
                             &x->coding, reterr);
    if (r == SANDBOX_CODE_LATER) {
        r = os_loop_run(x->loop);
        sandbox_coding_free(take(x->coding));
        if (r == 0 && !x->is_cancelled && (r = x->code_result) < 0)
            *reterr = x->code_why;
    }
    if (x->code.note.len)
        app_note(buf_str(&x->code.note).at);
    return r;
}

static int execute(struct execution *x, const struct parsed *p, struct fault *reterr)
{
    struct app *a = x->app;
    auto_done(buf) struct buf wasm;
    buf_init(&wasm, MODULE_MAX);
    auto_close int lock_fd = -1;
    int r = load_module(x, &wasm, reterr);
    if (r == 0)
        r = begin(x, &lock_fd, reterr);
    if (r < 0)
        return r;
    r = get_code(x, buf_str(&wasm), reterr);
    if (r < 0 &&
        r != -FAULT_SANDBOX) { /* a jail that cannot be built is no matter of this module */
        finish(x, NULL, codes_stop(r), *reterr->text ? reterr->text : fault_sentence(r));
        r = 0;
    } else if (r == 0 && x->is_cancelled) {
        finish(x, NULL, SANDBOX_CANCEL, "cancelled while it was compiled");
    } else if (r == 0) {
        r = run_module(x, p, reterr);
        if (r < 0 && x->intent_written && !x->is_booked)
            book(x, NULL, SANDBOX_CRASH, *reterr->text ? reterr->text : fault_sentence(r));
    }
    (void)!session_end(a->state, x->session,
                       r < 0               ? "failed"
                       : x->exit_code == 0 ? "done"
                                           : "stopped",
                       0, 1, 0);
    return r;
}

static void execution_done(struct execution *x)
{
    sandbox_coding_free(x->coding);
    sandbox_worker_free(x->worker);
    outward_free(x->outward);
    for (int i = 0; i < 2; i++)
        outflow_free(x->out[i]);
    os_watch_free(x->last_wait);
    os_watch_free(x->signals);
    os_loop_free(x->loop);
    sandbox_code_done(&x->code);
    sandbox_outcome_done(&x->outcome);
}

static int cmd_exec(const struct parsed *p, struct fault *reterr)
{
    if (p->positional_count == 0) {
        (void)fault_set(reterr, FAULT_USAGE, "exec: which module?");
        fault_next(reterr, "usage: boxagnts exec [limits] FILE.wasm [-- ARG...]");
        return -FAULT_USAGE;
    }
    struct app app;
    struct execution x = {
        .app = &app, .path = p->positional[0], .receipt_path = option_value(p, OPT_RECEIPT)};
    int r = app_open(&app, p, APP_MOUNTS | APP_STATE, reterr);
    if (r == 0)
        r = app_check_arguments(&app, p->positional, p->positional_count, reterr);
    sandbox_code_init(&x.code);
    sandbox_outcome_init(&x.outcome, 0);
    if (r == 0) {
        settings_limits_of(app.settings, AGENT_NAME, &x.limits, &x.limit_doors);
        r = execute(&x, p, reterr);
    }
    execution_done(&x);
    app_done(&app);
    return r < 0 ? r : x.exit_code;
}
