/* One process at a time. Its end is the end of its namespace's first process; its output is read up to a cap and then dropped. Whatever
 * goes wrong (it cannot be started, its time is over, it says too much) is an answer that denies. */
#include "edge/hooks.h"

#include "edge/hook_runner.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERR_MAX ((size_t)65536)
#define INPUT_MAX ((size_t)64 << 20)
#define ENV_MAX 8

struct stream {
    struct hooks *hooks;
    int fd;                 /* own */
    struct os_watch *watch; /* own */
    struct buf text;
    bool is_cut;
};

struct hooks {
    const struct app *app;
    struct os_loop *loop;
    hooks_note_fn note;
    void *note_arg;
    char *program;      /* own */
    char *env[ENV_MAX]; /* own; NULL-terminated */
    /* of the call under way */
    enum hook_event event;
    struct hook_call call;
    json_t *input; /* own; as the hooks so far left it */
    struct hook_answer so_far;
    char who[40], asked_by[40];
    size_t next; /* index in the settings */
    hooks_fn fn;
    void *arg;
    /* of the hook under way */
    struct os_child child;
    struct os_watch *ended, *timer; /* own */
    struct stream out, err;
    int64_t begun_ns;
    bool is_running;
};

static void go_on(struct hooks *h);

/* --- life --- */

static int add_env(struct hooks *h, size_t *n, const char *name, const char *value)
{
    if (!value)
        return 0;
    must(*n + 1 < ENV_MAX);
    return asprintf(&h->env[(*n)++], "%s=%s", name, value) < 0 ? -ENOMEM : 0;
}

/* Nothing of the monitor's environment but where home is: no key can be in it. */
static int make_env(struct hooks *h)
{
    size_t n = 0;
    int r = add_env(h, &n, "PATH", "/usr/local/bin:/usr/bin:/bin");
    if (r == 0)
        r = add_env(h, &n, "HOME", os_home());
    if (r == 0)
        r = add_env(h, &n, "LANG", "C.UTF-8");
    if (r == 0)
        r = add_env(h, &n, "CLAUDE_PROJECT_DIR", h->app->work_dir);
    return r == 0 ? add_env(h, &n, "BOXAGNTS_WORK_DIR", h->app->work_dir) : r;
}

int hooks_new(const struct app *app, struct os_loop *loop, hooks_note_fn note, void *arg,
              own struct hooks **ret)
{
    auto_(hooks) struct hooks *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    *h = (struct hooks){.app = app, .loop = loop, .note = note, .note_arg = arg};
    h->out.fd = h->err.fd = -1;
    h->child = (struct os_child){.pid = -1, .pidfd = -1};
    buf_init(&h->out.text, HOOK_ANSWER_MAX);
    buf_init(&h->err.text, ERR_MAX);
    if (asprintf(&h->program, "%s/boxagnts", app->bin_dir) < 0) {
        h->program = NULL;
        return -ENOMEM;
    }
    int r = make_env(h);
    if (r < 0)
        return r;
    *ret = take(h);
    return 0;
}

static void stream_close(struct stream *s)
{
    os_watch_free(take(s->watch));
    os_close(take_fd(&s->fd));
}

/* The process and all that it started are gone when this returns. */
static void end_process(struct hooks *h)
{
    os_watch_free(take(h->ended));
    os_watch_free(take(h->timer));
    stream_close(&h->out);
    stream_close(&h->err);
    if (h->is_running)
        os_child_done(&h->child);
    h->child = (struct os_child){.pid = -1, .pidfd = -1};
    h->is_running = false;
}

void hooks_cancel(struct hooks *h)
{
    end_process(h);
    json_decref(take(h->input));
    hook_answer_done(&h->so_far);
    h->fn = NULL;
}

void hooks_free(own struct hooks *h)
{
    if (!h)
        return;
    hooks_cancel(h);
    buf_done(&h->out.text);
    buf_done(&h->err.text);
    for (size_t i = 0; i < ENV_MAX; i++)
        free(h->env[i]);
    free(h->program);
    free(h);
}

bool hooks_is_busy(const struct hooks *h)
{
    return h->fn != NULL;
}

/* --- one hook --- */

static const struct hook *current(const struct hooks *h)
{
    return &h->app->settings->hooks.at[h->next];
}

static void finish(struct hooks *h)
{
    hooks_fn fn = h->fn;
    h->fn = NULL;
    struct hook_answer answer = h->so_far;
    h->so_far = (struct hook_answer){0};
    json_decref(take(h->input));
    fn(&answer, answer.verdict == HOOK_PASS ? "" : h->asked_by, h->arg);
    hook_answer_done(&answer);
}

/* What one hook said goes into what all say. */
static void take_answer(struct hooks *h, struct hook_answer *a)
{
    if (h->note)
        h->note(h->who, a, (os_now_mono_ns() - h->begun_ns) / 1000, h->note_arg);
    if (a->verdict > h->so_far.verdict) {
        h->so_far.verdict = a->verdict;
        memcpy(h->so_far.reason, a->reason, sizeof(a->reason));
        memcpy(h->asked_by, h->who, sizeof(h->who));
    }
    if (a->input) {
        json_decref(h->so_far.input);
        h->so_far.input = json_incref(a->input);
        json_decref(h->input);
        h->input = json_incref(a->input);
    }
    hook_answer_done(a);
    h->next++;
    go_on(h);
}

static void deny(struct hooks *h, const char *sentence)
{
    struct hook_answer a = {.verdict = HOOK_DENY};
    snprintf(a.reason, sizeof(a.reason), "%s", sentence);
    take_answer(h, &a);
}

/* What is there now; past the cap it is read and dropped, so that the hook is not held up by us. */
static void drain(struct stream *s)
{
    char piece[16384];
    ssize_t n = 1;
    for (int i = 0; i < 64 && n > 0; i++) {
        n = os_read(s->fd, piece, sizeof(piece));
        if (n > 0 && buf_add(&s->text, piece, (size_t)n) < 0)
            s->is_cut = true;
    }
    if (n == 0 || (n < 0 && n != -EAGAIN))
        os_watch_free(take(s->watch));
}

static void on_readable(int fd, unsigned events, void *arg)
{
    (void)fd;
    (void)events;
    drain(arg);
}

/* Everything of it is gone; its pipes hold what it said, and end there. */
static void on_ended(int fd, unsigned events, void *arg)
{
    struct hooks *h = arg;
    int status = 0;
    (void)fd;
    (void)events;
    if (os_child_wait(&h->child, os_now_mono_ns() + OS_NS_PER_S, &status) != 0)
        status = 0xff00; /* it cannot be reaped: as if it had failed */
    drain(&h->out);
    drain(&h->err);
    end_process(h);
    struct hook_answer answer;
    int code = os_exit_code(status);
    if (h->out.is_cut) {
        deny(h, "it said more than 1 MiB");
        return;
    }
    if (hook_answer_read(h->event, code, buf_str(&h->out.text), buf_str(&h->err.text), &answer) < 0)
        deny(h, "its answer cannot be read: out of memory");
    else
        take_answer(h, &answer);
}

static void on_time(void *arg)
{
    struct hooks *h = arg;
    char sentence[80];
    snprintf(sentence, sizeof(sentence), "it did not answer within %.1f s",
             (double)current(h)->timeout_ns / 1e9);
    end_process(h);
    deny(h, sentence);
}

static int make_input(const struct hooks *h, int *ret_fd)
{
    struct hook_call call = h->call;
    auto_done(buf) struct buf text;
    call.input = h->input;
    auto_json json_t *v = hook_input(h->event, &call);
    buf_init(&text, INPUT_MAX);
    int r = v ? json_print(v, &text) : -ENOMEM;
    return r == 0 ? os_memfd_sealed("hook", buf_str(&text), ret_fd) : r;
}

static int spawn(struct hooks *h, const int fds[3], struct fault *reterr)
{
    char user[24], group[24];
    const char *argv[HOOK_WORDS_MAX + 8] = {HOOK_RUNNER_NAME, user, group, h->app->work_dir};
    size_t n = 4;
    snprintf(user, sizeof(user), "%u", (unsigned)os_uid());
    snprintf(group, sizeof(group), "%u", (unsigned)os_gid());
    for (char *const *word = current(h)->argv; *word; word++)
        argv[n++] = *word;
    const struct os_spawn how = {
        .program = h->program,
        .program_fd = -1,
        .argv = argv,
        .env = (const char *const *)h->env,
        .fds = fds,
        .fd_count = 3,
        .namespaces = OS_NS_USER | OS_NS_PID,
        .namespaces_must = OS_NS_USER | OS_NS_PID,
        .die_with_parent = true,
    };
    return os_spawn(&how, &h->child, reterr);
}

static int watch_stream(struct hooks *h, struct stream *s)
{
    s->hooks = h;
    s->is_cut = false;
    buf_reset(&s->text);
    int r = os_set_nonblock(s->fd, true);
    return r == 0 ? os_loop_watch_fd(h->loop, s->fd, OS_READ, on_readable, s, &s->watch) : r;
}

static int start(struct hooks *h, struct fault *reterr)
{
    auto_close int in = -1, out = -1, err = -1;
    int r = make_input(h, &in);
    if (r == 0)
        r = os_pipe(&h->out.fd, &out);
    if (r == 0)
        r = os_pipe(&h->err.fd, &err);
    const int fds[] = {in, out, err};
    if (r == 0)
        r = spawn(h, fds, reterr);
    h->is_running = r == 0;
    if (r == 0)
        r = watch_stream(h, &h->out);
    if (r == 0)
        r = watch_stream(h, &h->err);
    if (r == 0)
        r = os_loop_watch_fd(h->loop, h->child.pidfd, OS_READ, on_ended, h, &h->ended);
    if (r == 0)
        r = os_loop_watch_timer(h->loop, os_now_mono_ns() + current(h)->timeout_ns, on_time, h,
                                &h->timer);
    return r;
}

/* The next hook that is about the tool, or the end. Not deeper than there are hooks: each that cannot be started denies. */
static void go_on(struct hooks *h)
{
    const struct hook_list *all = &h->app->settings->hooks;
    while (h->next < all->count &&
           (all->at[h->next].event != h->event || !hook_matches(&all->at[h->next], h->call.tool)))
        h->next++;
    if (h->next == all->count || h->so_far.verdict == HOOK_DENY) {
        finish(h);
        return;
    }
    snprintf(h->who, sizeof(h->who), "%s[%zu]", hook_event_name(h->event), h->next);
    struct fault why = {0};
    h->begun_ns = os_now_mono_ns();
    int r = start(h, &why);
    if (r == 0)
        return;
    char sentence[HOOK_REASON_MAX];
    snprintf(sentence, sizeof(sentence), "it cannot be started: %.300s",
             *why.text ? why.text : fault_sentence(r));
    end_process(h);
    deny(h, sentence);
}

bool hooks_are_for(const struct app *app, enum hook_event e, const struct tool *tool)
{
    const struct hook_list *all = &app->settings->hooks;
    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].event == e && hook_matches(&all->at[i], tool))
            return true;
    return false;
}

void hooks_ask(struct hooks *h, enum hook_event e, const struct hook_call *call, hooks_fn fn,
               void *arg)
{
    must(!h->fn);
    h->event = e;
    h->call = *call;
    h->input = json_incref((json_t *)(uintptr_t)call->input);
    h->next = 0;
    *h->asked_by = 0;
    h->fn = fn;
    h->arg = arg;
    go_on(h);
}
