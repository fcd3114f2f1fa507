/* Native code for a module: cache first, compiler second. The key holds everything that the code depends on, so that a
 * new engine, other settings or another processor make another name, never a wrong hit. */
#include "sandbox/ask/code.h"

#include "base/digest.h"
#include "host/codecache.h"
#include "os/fd.h"
#include "os/file.h"
#include "sandbox/ask/compile.h"
#include "sandbox/run/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

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

static int make_key(struct str wasm, char ret_key[65])
{
    struct digest module, key;
    digest_sha256(wasm.at, wasm.len, &module);
    struct digest_stream *s = digest_stream_new();
    if (!s)
        return -ENOMEM;
    const struct str parts[] = {STR("boxagnts code 1"), {(const char *)module.bytes, sizeof module.bytes},
                                STR(SANDBOX_ENGINE_VERSION), str_of(sandbox_engine_settings()), processor_features()};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        uint64_t length = parts[i].len; /* before each part: no two lists of parts give the same bytes */
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

int sandbox_code(struct codecache *cache, const char *compile_program, struct str wasm, char ret_key[65],
                 int *ret_code_fd, struct buf *ret_note, struct fault *reterr)
{
    char key[65];
    int r = make_key(wasm, key);
    if (r == 0)
        r = cache ? codecache_get(cache, key, ret_code_fd, ret_note) : CODECACHE_MISS;
    if (r < 0)
        return fault_set(reterr, -r, "the code cache: %s", fault_sentence(r));
    if (r > 0) {
        r = sandbox_compile(compile_program, wasm, ret_code_fd, reterr);
        if (r < 0)
            return r;
        keep(cache, key, *ret_code_fd, ret_note);
    }
    memcpy(ret_key, key, sizeof key);
    return 0;
}
