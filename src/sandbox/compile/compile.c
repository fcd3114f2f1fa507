/* One module from a sealed memory file to native code in another. The module is hostile: it is parsed by the engine's
 * validator and compiled in this process, which has no files, no network, little time and little memory, and serves
 * nobody else. The engine's settings are the worker's rows (sandbox/run/engine.h). */
#include "sandbox/compile/compile.h"

#include "base/buf.h"
#include "base/fault.h"
#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/fd.h"
#include "os/random.h"
#include "sandbox/jail/jail.h"
#include "sandbox/run/engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <wasmtime.h>
/* wasm.h has a word of the same name and meaning, and takes it away at its end. */
#define own

#define MODULE_SIZE_MAX ((size_t)64 << 20)

static wasm_engine_t *make_engine(void)
{
    wasm_config_t *config = wasm_config_new();
#define APPLY(setting, type, value) wasmtime_config_##setting##_set(config, value);
    SANDBOX_ENGINE_SETTINGS(APPLY)
#undef APPLY
    wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_CRANELIFT);
    wasmtime_config_wasm_stack_switching_set(config, false);
    wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_SPEED);
    return wasm_engine_new_with_config(config);
}

/* The engine's own sentence, with the offset when it has one, as one printable line. */
static int refuse(own wasmtime_error_t *error, const char *what, struct fault *reterr)
{
    wasm_name_t text;
    wasmtime_error_message(error, &text);
    wasmtime_error_delete(error);
    size_t len = text.size < 400 ? text.size : utf8_valid_prefix((struct str){text.data, 400});
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text.data[i] < 0x20)
            text.data[i] = ' ';
    int r = fault_set(reterr, FAULT_MODULE, "%s: %.*s", what, (int)len, text.data);
    wasm_byte_vec_delete(&text);
    return r;
}

/* The first bytes tell the usual mistakes apart better than a parser would. */
static int check_magic(struct str wasm, struct fault *reterr)
{
    static const char magic[4] = {0, 'a', 's', 'm'};
    int r = 0;
    if (wasm.len == 0)
        r = fault_set(reterr, FAULT_MODULE, "the file is empty");
    else if (wasm.len < 8 || memcmp(wasm.at, magic, 4) != 0)
        r = fault_set(reterr, FAULT_MODULE,
                      "bad magic: it does not begin as a WebAssembly module does");
    else if (memcmp(wasm.at + 4, "\x0d\0\1", 4) == 0)
        r = fault_set(reterr, FAULT_MODULE,
                      "it is a WebAssembly component, and only core modules are run");
    else if (memcmp(wasm.at + 4, "\1\0\0", 4) != 0)
        r = fault_set(reterr, FAULT_MODULE, "it has an unknown WebAssembly version");
    if (r < 0)
        fault_next(reterr, "give a core module built for wasm32-wasi");
    return r;
}

static int compile(wasm_engine_t *engine, struct str wasm, int out_fd, uint64_t *ret_size,
                   struct fault *reterr)
{
    int r = check_magic(wasm, reterr);
    if (r < 0)
        return r;
    wasmtime_module_t *module = NULL;
    wasmtime_error_t *error =
        wasmtime_module_new(engine, (const uint8_t *)wasm.at, wasm.len, &module);
    if (error)
        return refuse(error, "it is not a valid module", reterr);
    wasm_byte_vec_t code;
    error = wasmtime_module_serialize(module, &code);
    wasmtime_module_delete(module);
    if (error)
        return refuse(error, "its code cannot be stored", reterr);
    r = os_write_all(out_fd, (struct str){code.data, code.size});
    *ret_size = code.size;
    wasm_byte_vec_delete(&code);
    return r < 0 ? fault_sys(reterr, -r, "the code cannot be written") : 0;
}

static int compile_message(wasm_engine_t *engine, const struct message *m, uint64_t *ret_size,
                           struct fault *reterr)
{
    if (m->fd_count != 2)
        return fault_set(reterr, FAULT_PROTOCOL, "a module and a place for its code are expected");
    if (os_memfd_is_sealed(m->fds[0]) != 0)
        return fault_set(reterr, FAULT_PROTOCOL, "the module is not in a sealed memory file");
    struct str wasm;
    int r = os_map(m->fds[0], MODULE_SIZE_MAX, &wasm);
    if (r == -FAULT_CAP)
        return fault_set(reterr, FAULT_MODULE, "it is larger than %zu MiB", MODULE_SIZE_MAX >> 20);
    if (r < 0)
        return fault_sys(reterr, -r, "the module cannot be read");
    r = compile(engine, wasm, m->fds[1], ret_size, reterr);
    os_unmap(wasm);
    return r;
}

static int answer(struct channel *c, uint64_t id, int result, uint64_t size, const struct fault *f)
{
    auto_json json_t *body = json_pack("{s:b, s:I}", "ok", result == 0, "size", (json_int_t)size);
    if (body && result < 0) {
        json_t *fault =
            json_pack("{s:i, s:s, s:s}", "code", -result, "text", f->text, "next", f->next);
        if (json_object_set_new(body, "fault", fault) < 0)
            return -ENOMEM;
    }
    return body ? channel_send(c, MONITOR_COMPILED, id, body, STR(""), NULL, 0) : -ENOMEM;
}

static int serve_one(struct channel *c, wasm_engine_t *engine, struct fault *reterr)
{
    struct message m;
    channel_set_state(c, STATE_IDLE);
    int r = channel_recv(c, INT64_MAX, &m, reterr);
    if (r != 0)
        return r;
    uint64_t size = 0;
    struct fault fault = {0};
    int result = compile_message(engine, &m, &size, &fault);
    r = answer(c, m.id, result, size, &fault);
    message_done(&m);
    return r;
}

int compile_main(int argc, char **argv)
{
    auto_(channel) struct channel *c = NULL;
    struct fault fault = {0};
    uint32_t seed;
    os_random(&seed, sizeof seed);
    json_start(seed);
    if (channel_new(COMPILE_CHANNEL_FD, permits_compile, 0, &c) < 0)
        return 1;
    wasm_engine_t *engine = make_engine();
    int r = jail_enter_from_argv(JAIL_COMPILE, argc, argv, COMPILE_CHANNEL_FD, c, &fault);
    if (r < 0) {
        auto_json json_t *body = json_pack("{s:s, s:s, s:s}", "code", fault_name(r), "text",
                                           fault.text, "next", fault.next);
        if (body)
            (void)!channel_send(c, MONITOR_FAULT, 0, body, STR(""), NULL, 0);
        return fault_exit_code(r);
    }
    r = serve_one(c, engine, &fault);
    wasm_engine_delete(engine);
    return r == 0 || r == -FAULT_PEER_GONE ? 0 : fault_exit_code(r);
}
