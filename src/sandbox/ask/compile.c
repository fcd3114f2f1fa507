/* The monitor's side of compiling: hands a sealed copy of the module over, waits, ends the program whatever it says,
 * and only then seals the code, so that nobody is left who could still write to it. What came back is native code made
 * by a process that read hostile bytes; it only ever runs inside a worker's jail. */
#include "sandbox/ask/compile.h"

#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/process.h"
#include "os/socket.h"
#include "sandbox/jail/jail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CODE_MAX ((uint64_t)512 << 20)

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

static int receive(struct channel *c, uint16_t wanted, int64_t deadline_ns, struct message *ret, struct fault *reterr)
{
    struct fault why = {0};
    int r = channel_recv(c, deadline_ns, ret, &why);
    if (r > 0) {
        r = fault_set(reterr, FAULT_LIMIT, "compiling took longer than %d s", SANDBOX_COMPILE_S);
        fault_next(reterr, "compile a smaller module");
        return r;
    }
    if (r == -FAULT_PEER_GONE)
        return fault_set(reterr, FAULT_LIMIT, "the compiler ended without an answer: out of memory or time");
    if (r < 0)
        return fault_set(reterr, -r, "the compiler's answer: %s", why.text);
    if (ret->type == wanted && ret->body)
        return 0;
    r = say(reterr, FAULT_SANDBOX, "the compiler cannot build its jail: ", ret->body);
    message_done(ret);
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
    if (json_get_i64(m->body, "size", 1, (int64_t)CODE_MAX, &size, NULL) != 0 || (uint64_t)size != real)
        return fault_set(reterr, FAULT_PROTOCOL, "the compiler's answer does not fit its code");
    return 0;
}

static int talk(struct channel *c, int wasm_fd, int code_fd, struct fault *reterr)
{
    int64_t deadline = os_now_mono_ns() + SANDBOX_COMPILE_S * OS_NS_PER_S;
    struct message m;
    int r = receive(c, MONITOR_READY, deadline, &m, reterr);
    if (r < 0)
        return r;
    message_done(&m);
    channel_set_state(c, STATE_BUSY);
    const int fds[] = {wasm_fd, code_fd};
    r = channel_send_text(c, COMPILE_MODULE, 1, STR("{}"), STR(""), fds, ARRAY_LEN(fds));
    if (r < 0)
        return fault_set(reterr, -r, "the compiler cannot be asked: %s", fault_sentence(r));
    r = receive(c, MONITOR_COMPILED, deadline, &m, reterr);
    if (r < 0)
        return r;
    r = take_answer(&m, code_fd, reterr);
    message_done(&m);
    return r;
}

static int compile_into(const char *program, int wasm_fd, int code_fd, struct fault *reterr)
{
    int ours;
    auto_close int theirs = -1;
    auto_(channel) struct channel *c = NULL;
    struct os_child child = {.pidfd = -1};
    int r = os_socket_pair(&ours, &theirs);
    if (r < 0)
        return fault_sys(reterr, -r, "no channel to the compiler");
    r = channel_new(ours, permits_monitor_compile, 0, &c);
    if (r < 0)
        return fault_set(reterr, -r, "no channel to the compiler");
    r = spawn(program, theirs, &child, reterr);
    if (r < 0)
        return r;
    os_close(take_fd(&theirs));
    r = talk(c, wasm_fd, code_fd, reterr);
    os_child_done(&child);
    return r;
}

int sandbox_compile(const char *program, struct str wasm, int *ret_code_fd, struct fault *reterr)
{
    if (wasm.len > SANDBOX_WASM_MAX)
        return fault_set(reterr, FAULT_MODULE, "it is larger than %zu MiB", SANDBOX_WASM_MAX >> 20);
    auto_close int wasm_fd = -1, code_fd = -1;
    int r = os_memfd_sealed("wasm", wasm, &wasm_fd);
    if (r == 0)
        r = os_memfd("code", &code_fd);
    if (r < 0)
        return fault_sys(reterr, -r, "a memory file for compiling");
    r = compile_into(program, wasm_fd, code_fd, reterr);
    if (r < 0)
        return r;
    r = os_memfd_seal(code_fd);
    if (r < 0)
        return fault_sys(reterr, -r, "the compiled code cannot be sealed");
    *ret_code_fd = take_fd(&code_fd);
    return 0;
}
