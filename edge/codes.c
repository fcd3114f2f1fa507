/* One row per module, by its hash: a file that was changed under the same name is another module. */
#include "edge/codes.h"

#include "os/fd.h"
#include "sandbox/ask/code.h"

#include <errno.h>
#include <string.h>

#define WASM_MAX ((size_t)64 << 20)
#define ROWS_MAX 256 /* each holds a descriptor; the oldest goes */

struct row {
    char sha256[65], key[65];
    int fd;     /* own; -1 = it cannot be compiled */
    int result; /* ... and why not */
    struct fault why;
};

struct codes {
    const struct app *app;
    struct os_loop *loop;
    codes_note_fn note;
    void *note_arg;
    struct row rows[ROWS_MAX]; /* own; the oldest first */
    size_t count;
    struct buf kept; /* a module that will be asked for */
    char kept_sha256[65];
    /* what is being compiled */
    struct sandbox_coding *coding; /* own */
    const struct tool *tool;
    codes_fn fn;
    void *arg;
};

int codes_new(const struct app *app, struct os_loop *loop, codes_note_fn note, void *arg,
              own struct codes **ret)
{
    struct codes *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->app = app;
    c->loop = loop;
    c->note = note;
    c->note_arg = arg;
    buf_init(&c->kept, WASM_MAX);
    *ret = c;
    return 0;
}

void codes_cancel(struct codes *c)
{
    sandbox_coding_free(c->coding);
    c->coding = NULL;
}

void codes_free(own struct codes *c)
{
    if (!c)
        return;
    codes_cancel(c);
    for (size_t i = 0; i < c->count; i++)
        os_close(c->rows[i].fd);
    buf_done(&c->kept);
    free(c);
}

enum sandbox_stop codes_stop(int result)
{
    switch (result) {
    case -FAULT_MODULE: return SANDBOX_INVALID_MODULE;
    case -FAULT_LIMIT: return SANDBOX_TIMEOUT;
    case -FAULT_CAP: return SANDBOX_MEMORY;
    default: return SANDBOX_CRASH;
    }
}

bool codes_is_busy(const struct codes *c)
{
    return c->coding != NULL;
}

static const struct row *find(const struct codes *c, const struct tool *tool)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->rows[i].sha256, tool->sha256) == 0)
            return &c->rows[i];
    return NULL;
}

static int answer(const struct row *row, struct tool_code *ret, struct fault *reterr)
{
    must(row);
    *ret = (struct tool_code){row->key, row->fd};
    if (row->result < 0 && reterr)
        *reterr = row->why;
    return row->result;
}

/* Takes the code's fd. Only what the module itself is to blame for is remembered: memory that was short, or a jail that could
 * not be built, may be there the next time. */
static int remember(struct codes *c, const struct tool *tool, int result, struct sandbox_code *code,
                    const struct fault *why)
{
    if (code->note.len)
        c->note(tool, buf_str(&code->note), c->note_arg);
    if (result < 0 && codes_stop(result) == SANDBOX_CRASH)
        return 0;
    if (c->count == ROWS_MAX) {
        os_close(c->rows[0].fd);
        c->count--;
        memmove(&c->rows[0], &c->rows[1], c->count * sizeof(c->rows[0]));
    }
    struct row *row = &c->rows[c->count++];
    *row = (struct row){.fd = take_fd(&code->fd), .result = result};
    if (result < 0)
        row->why = *why;
    memcpy(row->sha256, tool->sha256, sizeof(row->sha256));
    memcpy(row->key, code->key, sizeof(row->key));
    return 0;
}

static void on_code(int result, struct sandbox_code *code, const struct fault *why, void *arg)
{
    struct codes *c = arg;
    struct sandbox_coding *done = take(c->coding);
    struct tool_code ready = {NULL, -1};
    if (remember(c, c->tool, result, code, why) < 0)
        result = -ENOMEM;
    else if (result == 0)
        (void)!answer(find(c, c->tool), &ready, NULL);
    struct fault copy = *why; /* it may live in what goes now */
    sandbox_coding_free(done);
    c->fn(result, &ready, &copy, c->arg);
}

/* From the sealed cache, by the hash alone: 0 and a row | 1 it is not there. */
static int take_cached(struct codes *c, const struct tool *tool, struct fault *reterr)
{
    auto_done(sandbox_code) struct sandbox_code code;
    sandbox_code_init(&code);
    int r = sandbox_code_cached(c->app->cache, tool->sha256, &code, reterr);
    if (r == 0)
        return remember(c, tool, 0, &code, NULL);
    if (code.note.len)
        c->note(tool, buf_str(&code.note), c->note_arg);
    return r;
}

void codes_keep(struct codes *c, const struct tool *tool)
{
    buf_reset(&c->kept);
    *c->kept_sha256 = 0;
    if (find(c, tool) || take_cached(c, tool, NULL) == 0 || tool_wasm(tool, &c->kept, NULL) < 0)
        return;
    memcpy(c->kept_sha256, tool->sha256, sizeof(c->kept_sha256));
}

static int compile(struct codes *c, const struct tool *tool, struct str wasm, struct tool_code *ret,
                   struct fault *reterr)
{
    auto_done(sandbox_code) struct sandbox_code code;
    sandbox_code_init(&code);
    int r = sandbox_code_get(c->app->cache, c->app->compile_program, wasm, c->loop, on_code, c,
                             &code, &c->coding, reterr);
    if (r != 0)
        return r;
    r = remember(c, tool, 0, &code, NULL);
    return r < 0 ? r : answer(find(c, tool), ret, reterr);
}

int codes_get(struct codes *c, const struct tool *tool, codes_fn fn, void *arg,
              struct tool_code *ret, struct fault *reterr)
{
    must(!c->coding);
    int r = find(c, tool) ? 0 : take_cached(c, tool, reterr);
    if (r <= 0)
        return r < 0 ? r : answer(find(c, tool), ret, reterr);
    c->tool = tool;
    c->fn = fn;
    c->arg = arg;
    if (strcmp(c->kept_sha256, tool->sha256) == 0)
        return compile(c, tool, buf_str(&c->kept), ret, reterr);
    auto_done(buf) struct buf wasm;
    buf_init(&wasm, WASM_MAX);
    r = tool_wasm(tool, &wasm, reterr);
    return r == -ENOMEM ? r : r < 0 ? CODES_GONE : compile(c, tool, buf_str(&wasm), ret, reterr);
}
