/* Native code for a module: cache first, compiler second. The key holds everything that the code depends on, so that a
 * new engine, other settings or another processor make another name, never a wrong hit. */
#include "sandbox/ask/code.h"

#include "base/digest.h"
#include "host/codecache.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/loop.h"
#include "sandbox/ask/compile.h"
#include "sandbox/run/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NOTE_MAX 4096

/* The processor's features as the kernel lists them, once per process. "" when the list cannot be read: then the key
 * says less, and the engine's own check when it loads the code is what is left. */
static struct str processor_features(void)
{
    static char features[16384];
    static size_t len;
    static bool is_read;
    if (is_read)
        return (struct str){features, len};
    is_read = true;
    int fd = os_open_trusted("/proc/cpuinfo", O_RDONLY, 0);
    if (fd < 0)
        return STR("");
    ssize_t n;
    size_t have = 0;
    while (have < sizeof features && (n = os_read(fd, features + have, sizeof features - have)) > 0)
        have += (size_t)n;
    os_close(fd);
    /* The line of the first processor: "flags : ..." on x86, "Features : ..." on Arm. */
    for (struct str rest = {features, have}, line; rest.len > 0;) {
        if (!str_split(rest, '\n', &line, &rest)) {
            line = rest;
            rest = STR("");
        }
        if (str_starts(line, STR("flags")) || str_starts(line, STR("Features"))) {
            len = line.len;
            memmove(features, line.at, len);
            break;
        }
    }
    return (struct str){features, len};
}

static int make_key(const struct digest *module, char ret_key[65])
{
    struct digest key;
    struct digest_stream *s = digest_stream_new();
    if (!s)
        return -ENOMEM;
    const struct str parts[] = {STR("boxagnts code 1"),
                                {(const char *)module->bytes, sizeof module->bytes},
                                STR(SANDBOX_ENGINE_VERSION),
                                str_of(sandbox_engine_settings()),
                                processor_features()};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        uint64_t length =
            parts[i].len; /* before each part: no two lists of parts give the same bytes */
        digest_stream_add(s, &length, sizeof length);
        digest_stream_add(s, parts[i].at, parts[i].len);
    }
    digest_stream_end(s, &key);
    digest_stream_free(s);
    digest_hex(&key, ret_key);
    return 0;
}

static void keep(struct codecache *cache, const char *key, int code_fd, struct buf *ret_note)
{
    struct str code;
    if (!cache || os_map(code_fd, (size_t)CODECACHE_CODE_MAX, &code) < 0)
        return;
    codecache_put(cache, key, code, ret_note);
    os_unmap(code);
}

void sandbox_code_init(struct sandbox_code *c)
{
    *c = (struct sandbox_code){.fd = -1};
    buf_init(&c->note, NOTE_MAX);
}

void sandbox_code_done(struct sandbox_code *c)
{
    os_close(take_fd(&c->fd));
    buf_done(&c->note);
}

/* 0 | CODECACHE_MISS, CODECACHE_REFUSED | -FAULT_* */
static int from_cache(struct codecache *cache, const struct digest *module,
                      struct sandbox_code *ret, struct fault *reterr)
{
    int r = make_key(module, ret->key);
    if (r == 0)
        r = cache ? codecache_get(cache, ret->key, &ret->fd, &ret->note) : CODECACHE_MISS;
    return r < 0 ? fault_set(reterr, -r, "the code cache: %s", fault_sentence(r)) : r;
}

int sandbox_code_cached(struct codecache *cache, const char *sha256, struct sandbox_code *ret,
                        struct fault *reterr)
{
    struct digest module;
    if (!digest_from_hex(str_of(sha256), &module))
        return fault_set(reterr, FAULT_INPUT, "\"%.80s\" is no SHA-256", sha256);
    int r = from_cache(cache, &module, ret, reterr);
    return r <= 0 ? r : 1;
}

struct sandbox_coding {
    struct sandbox_compiling *compiling; /* own */
    struct codecache *cache;
    struct sandbox_code code;
    sandbox_code_fn fn;
    void *arg;
};

void sandbox_coding_free(own struct sandbox_coding *c)
{
    if (!c)
        return;
    sandbox_compiling_free(c->compiling);
    sandbox_code_done(&c->code);
    free(c);
}

static void on_compiled(int result, own int code_fd, const struct fault *why, void *arg)
{
    struct sandbox_coding *c = arg;
    c->code.fd = code_fd;
    if (result == 0)
        keep(c->cache, c->code.key, code_fd, &c->code.note);
    c->fn(result, &c->code, why, c->arg); /* c may be gone */
}

int sandbox_code_get(struct codecache *cache, const char *compile_program, struct str wasm,
                     struct os_loop *loop, sandbox_code_fn fn, void *arg, struct sandbox_code *ret,
                     own struct sandbox_coding **ret_coding, struct fault *reterr)
{
    struct digest module;
    digest_sha256(wasm.at, wasm.len, &module);
    int r = from_cache(cache, &module, ret, reterr);
    if (r <= 0)
        return r;
    auto_(sandbox_coding) struct sandbox_coding *c = calloc(1, sizeof *c);
    if (!c)
        return fault_set(reterr, ENOMEM, "no memory to compile");
    sandbox_code_init(&c->code);
    memcpy(c->code.key, ret->key, sizeof c->code.key);
    c->cache = cache;
    c->fn = fn;
    c->arg = arg;
    r = buf_add_str(&c->code.note, buf_str(&ret->note));
    if (r == 0)
        r = sandbox_compile_start(compile_program, wasm, loop, on_compiled, c, &c->compiling,
                                  reterr);
    if (r < 0)
        return r;
    *ret_coding = take(c);
    return SANDBOX_CODE_LATER;
}

/* --- waiting for it --- */

struct waiting {
    struct os_loop *loop;
    struct sandbox_code code;
    int result;
    struct fault why;
};

static void on_code(int result, struct sandbox_code *code, const struct fault *why, void *arg)
{
    struct waiting *w = arg;
    w->result = result;
    w->why = *why;
    w->code.fd = take_fd(&code->fd);
    buf_reset(&w->code.note);
    (void)!buf_add_str(&w->code.note, buf_str(&code->note));
    os_loop_stop(w->loop, 0);
}

int sandbox_code(struct codecache *cache, const char *compile_program, struct str wasm,
                 char ret_key[65], int *ret_code_fd, struct buf *ret_note, struct fault *reterr)
{
    auto_(os_loop) struct os_loop *loop = NULL;
    auto_(sandbox_coding) struct sandbox_coding *coding = NULL; /* goes before its loop */
    struct waiting w = {0};
    sandbox_code_init(&w.code);
    int r = os_loop_new(&loop);
    w.loop = loop;
    if (r == 0)
        r = sandbox_code_get(cache, compile_program, wasm, loop, on_code, &w, &w.code, &coding,
                             reterr);
    if (r == SANDBOX_CODE_LATER) {
        r = os_loop_run(loop);
        if (r == 0 && w.result < 0) {
            r = w.result;
            if (reterr)
                *reterr = w.why;
        }
    }
    if (r == 0) {
        memcpy(ret_key, w.code.key, sizeof w.code.key);
        *ret_code_fd = take_fd(&w.code.fd);
    }
    if (ret_note)
        (void)!buf_add_str(ret_note, buf_str(&w.code.note));
    sandbox_code_done(&w.code);
    return r;
}
