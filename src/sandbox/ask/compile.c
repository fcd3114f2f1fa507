/* The monitor's side of compiling: hands a sealed copy of the module over, waits, ends the program whatever it says,
 * and only then seals the code, so that nobody is left who could still write to it. What came back is native code made
 * by a process that read hostile bytes; it only ever runs inside a worker's jail. */
#include "sandbox/ask/compile.h"

#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/process.h"
#include "os/socket.h"
#include "sandbox/jail/jail.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CODE_MAX ((uint64_t)512 << 20)
#define QUEUE_MAX ((size_t)1 << 16) /* one small question */

/* States: started -> (READY) asked -> over. However it ends, fn is called once, unless it is freed before. */
struct sandbox_compiling {
    struct os_child child;
    struct channel *channel;           /* own */
    int wasm_fd, code_fd;              /* own */
    struct os_watch *fd_watch, *timer; /* own */
    bool is_asked;
    int result;
    struct fault why;
    sandbox_compiled_fn fn;
    void *arg;
};

static int spawn(const char *program, int channel_fd, struct os_child *ret, struct fault *reterr)
{
    char outer[JAIL_OUTSIDE_ARG_SIZE];
    jail_outside_arg(outer);
    const char *const argv[] = {"boxagnts-compile", outer, NULL};
    const int fds[] = {-1, -1, -1, channel_fd};
    const struct os_spawn how = {
        .program = program,
        .program_fd = -1,
        .argv = argv,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .namespaces = jail_namespaces(JAIL_COMPILE),
        .die_with_parent = true,
    };
    return os_spawn(&how, ret, reterr);
}

static void add_text(struct fault *f, const json_t *object)
{
    struct str next;
    if (json_get_str(object, "next", &next, NULL) == 0 && next.len > 0)
        fault_next(f, "%.*s", (int)(next.len < 200 ? next.len : 200), next.at);
}

/* What the program says when it gives up, cut and printable. */
static int say(struct fault *reterr, int code, const char *prefix, const json_t *object)
{
    struct str text = {"", 0};
    if (object && json_get_str(object, "text", &text, NULL) != 0)
        text = STR("no reason given");
    size_t len = text.len < 400 ? text.len : 400;
    len = utf8_valid_prefix((struct str){text.at, len});
    int r = fault_set(reterr, code, "%s%.*s", prefix, (int)len, text.at);
    if (reterr)
        for (char *c = reterr->text; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = ' ';
    if (object)
        add_text(reterr, object);
    return r;
}

static int take_answer(const struct message *m, int code_fd, struct fault *reterr)
{
    bool ok = false;
    int64_t size = 0, code = 0;
    const json_t *fault = NULL;
    if (json_get_bool(m->body, "ok", &ok, reterr) != 0)
        return fault_set(reterr, FAULT_PROTOCOL, "the compiler's answer is malformed");
    if (!ok) {
        if (json_get_object(m->body, "fault", &fault, NULL) != 0 ||
            json_get_i64(fault, "code", 1, INT32_MAX, &code, NULL) != 0)
            return fault_set(reterr, FAULT_PROTOCOL, "the compiler's answer is malformed");
        return say(reterr, code == FAULT_MODULE ? FAULT_MODULE : FAULT_SANDBOX, "", fault);
    }
    uint64_t real = 0;
    int r = os_file_size(code_fd, &real);
    if (r < 0)
        return fault_sys(reterr, -r, "the compiled code");
    if (json_get_i64(m->body, "size", 1, (int64_t)CODE_MAX, &size, NULL) != 0 ||
        (uint64_t)size != real)
        return fault_set(reterr, FAULT_PROTOCOL, "the compiler's answer does not fit its code");
    return 0;
}

/* --- the talk: READY, then one question and its answer --- */

enum { TALK_OVER = 1 };

static int ask(struct sandbox_compiling *c, struct fault *reterr)
{
    channel_set_state(c->channel, STATE_BUSY);
    const int fds[] = {c->wasm_fd, c->code_fd};
    int r =
        channel_send_text(c->channel, COMPILE_MODULE, 1, STR("{}"), STR(""), fds, ARRAY_LEN(fds));
    c->is_asked = true;
    return r < 0 ? fault_set(reterr, -r, "the compiler cannot be asked: %s", fault_sentence(r)) : 0;
}

/* The answer, or the reason why there is none, is in c->result and c->why. */
static int on_message(struct message *m, void *arg)
{
    struct sandbox_compiling *c = arg;
    if (!c->is_asked && m->type == MONITOR_READY && m->body) {
        c->result = ask(c, &c->why);
        return c->result < 0 ? TALK_OVER : 0;
    }
    if (c->is_asked && m->type == MONITOR_COMPILED && m->body)
        c->result = take_answer(m, c->code_fd, &c->why);
    else if (m->type == MONITOR_FAULT)
        c->result = say(&c->why, FAULT_SANDBOX, "the compiler cannot build its jail: ", m->body);
    else
        c->result = fault_set(&c->why, FAULT_PROTOCOL, "the compiler's answer is malformed");
    return TALK_OVER;
}

static void drop_watches(struct sandbox_compiling *c)
{
    os_watch_free(c->fd_watch);
    os_watch_free(c->timer);
    c->fd_watch = c->timer = NULL;
}

/* The program is ended whatever it said, and only then the code is sealed: nobody is left who could still write to it. */
static void finish(struct sandbox_compiling *c)
{
    drop_watches(c);
    os_child_done(&c->child);
    if (c->result == 0) {
        int r = os_memfd_seal(c->code_fd);
        if (r < 0)
            c->result = fault_sys(&c->why, -r, "the compiled code cannot be sealed");
    }
    sandbox_compiled_fn fn = c->fn;
    struct fault why = c->why;
    fn(c->result, c->result == 0 ? take_fd(&c->code_fd) : -1, &why, c->arg); /* c may be gone */
}

/* Without an answer. At the address-space limit of its jail it ends by a signal that depends on who met it first: its allocator
 * (SIGABRT), its stack (SIGSEGV, SIGBUS), or the kernel when the machine has no more (SIGKILL). A mistake in the compiler that
 * hostile bytes have found looks alike; both are the module's doing. SIGXCPU is the processor's limit. */
static int say_how_it_died(struct sandbox_compiling *c)
{
    int status = 0;
    bool is_known = os_child_wait(&c->child, os_now_mono_ns() + OS_NS_PER_S, &status) == 0;
    int number = is_known ? status & 0x7f : 0;
    if (number == SIGABRT || number == SIGSEGV || number == SIGBUS || number == SIGKILL) {
        int r = fault_set(&c->why, FAULT_CAP,
                          "compiling takes more memory than it may have, or crashes (signal %d)",
                          number);
        fault_next(&c->why, "compile a smaller module");
        return r;
    }
    if (number == SIGXFSZ)
        return fault_set(&c->why, FAULT_CAP, "its code is larger than a module's may be");
    if (number == SIGXCPU)
        return fault_set(&c->why, FAULT_LIMIT,
                         "compiling took more processor time than a module may have");
    return fault_set(&c->why, FAULT_PEER_GONE, "the compiler ended without an answer (%s %d)",
                     number ? "signal" : "code", number ? number : (status >> 8) & 0xff);
}

static void on_ready(int fd, unsigned events, void *arg)
{
    (void)fd;
    struct sandbox_compiling *c = arg;
    struct fault why = {0};
    int r = 0;
    if (events & OS_WRITE) {
        int left = channel_pump_out(c->channel);
        r = left == 0 ? os_watch_set_events(c->fd_watch, OS_READ) : left < 0 ? left : 0;
    }
    if (r >= 0 && (events & (OS_READ | OS_HUP)))
        r = channel_pump_in(c->channel, on_message, c, &why);
    if (r == 0 && channel_queued(c->channel) > 0)
        r = os_watch_set_events(c->fd_watch, OS_READ | OS_WRITE);
    if (r == 0)
        return;
    if (r == -FAULT_PEER_GONE)
        c->result = say_how_it_died(c);
    else if (r < 0)
        c->result = fault_set(&c->why, -r, "the compiler's answer: %s",
                              *why.text ? why.text : fault_sentence(r));
    finish(c);
}

static void on_time(void *arg)
{
    struct sandbox_compiling *c = arg;
    c->result =
        fault_set(&c->why, FAULT_LIMIT, "compiling took longer than %d s", SANDBOX_COMPILE_S);
    fault_next(&c->why, "compile a smaller module");
    finish(c);
}

static int launch(struct sandbox_compiling *c, const char *program, struct os_loop *loop,
                  struct fault *reterr)
{
    int ours;
    auto_close int theirs = -1;
    int r = os_socket_pair(&ours, &theirs);
    if (r == 0)
        r = channel_new(ours, permits_monitor_compile, QUEUE_MAX, &c->channel);
    if (r == 0)
        r = channel_set_nonblock(c->channel);
    if (r < 0)
        return fault_set(reterr, -r, "no channel to the compiler: %s", fault_sentence(r));
    r = spawn(program, theirs, &c->child, reterr);
    if (r < 0)
        return r;
    os_close(take_fd(&theirs)); /* or its end would never be seen */
    r = os_loop_watch_fd(loop, channel_fd(c->channel), OS_READ, on_ready, c, &c->fd_watch);
    if (r == 0)
        r = os_loop_watch_timer(loop, os_now_mono_ns() + SANDBOX_COMPILE_S * OS_NS_PER_S, on_time,
                                c, &c->timer);
    return r < 0 ? fault_sys(reterr, -r, "the compiler cannot be watched") : 0;
}

int sandbox_compile_start(const char *program, struct str wasm, struct os_loop *loop,
                          sandbox_compiled_fn fn, void *arg, own struct sandbox_compiling **ret,
                          struct fault *reterr)
{
    if (wasm.len > SANDBOX_WASM_MAX)
        return fault_set(reterr, FAULT_MODULE, "it is larger than %zu MiB", SANDBOX_WASM_MAX >> 20);
    auto_(sandbox_compiling) struct sandbox_compiling *c = calloc(1, sizeof *c);
    if (!c)
        return fault_set(reterr, ENOMEM, "no memory to compile");
    c->child.pidfd = c->wasm_fd = c->code_fd = -1;
    c->fn = fn;
    c->arg = arg;
    int r = os_memfd_sealed("wasm", wasm, &c->wasm_fd);
    if (r == 0)
        r = os_memfd("code", &c->code_fd);
    if (r < 0)
        return fault_sys(reterr, -r, "a memory file for compiling");
    r = launch(c, program, loop, reterr);
    if (r == 0)
        *ret = take(c);
    return r;
}

void sandbox_compiling_free(own struct sandbox_compiling *c)
{
    if (!c)
        return;
    drop_watches(c);
    os_child_done(&c->child);
    channel_free(c->channel);
    os_close(c->wasm_fd);
    os_close(c->code_fd);
    free(c);
}

/* --- waiting for it --- */

struct waiting {
    struct os_loop *loop;
    int result, code_fd;
    struct fault why;
};

static void on_compiled(int result, own int code_fd, const struct fault *why, void *arg)
{
    struct waiting *w = arg;
    w->result = result;
    w->code_fd = code_fd;
    w->why = *why;
    os_loop_stop(w->loop, 0);
}

int sandbox_compile(const char *program, struct str wasm, int *ret_code_fd, struct fault *reterr)
{
    auto_(os_loop) struct os_loop *loop = NULL;
    auto_(sandbox_compiling) struct sandbox_compiling *c = NULL; /* goes before its loop */
    int r = os_loop_new(&loop);
    struct waiting w = {.loop = loop, .code_fd = -1};
    if (r == 0)
        r = sandbox_compile_start(program, wasm, loop, on_compiled, &w, &c, reterr);
    if (r == 0)
        r = os_loop_run(loop);
    if (r < 0)
        return r;
    if (w.result < 0 && reterr)
        *reterr = w.why;
    if (w.result == 0)
        *ret_code_fd = w.code_fd;
    return w.result;
}
