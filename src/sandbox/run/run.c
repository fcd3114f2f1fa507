/* Names and lifetimes of a run's values. */
#include "sandbox/run/run.h"

#include <stdatomic.h>

static const struct {
    const char *name;
    int exit_code;
} stops[] = {
    [SANDBOX_EXIT] = {"exit", 0},
    [SANDBOX_FUEL] = {"fuel", 5},
    [SANDBOX_TIMEOUT] = {"timeout", 5},
    [SANDBOX_MEMORY] = {"memory", 5},
    [SANDBOX_STACK] = {"stack", 5},
    [SANDBOX_QUOTA] = {"quota", 5},
    [SANDBOX_DENIED_FS] = {"denied:fs", 3},
    [SANDBOX_DENIED_NET] = {"denied:net", 3},
    [SANDBOX_DENIED_POLICY] = {"denied:policy", 3},
    [SANDBOX_TRAP] = {"trap", 8},
    [SANDBOX_CANCEL] = {"cancel", 130},
    [SANDBOX_CRASH] = {"crash", 8},
    [SANDBOX_INVALID_MODULE] = {"invalid_module", 2},
    [SANDBOX_SCHEMA] = {"schema", 2},
};

const char *sandbox_stop_name(enum sandbox_stop stop)
{
    must((size_t)stop < ARRAY_LEN(stops));
    return stops[stop].name;
}

int sandbox_stop_exit_code(enum sandbox_stop stop, int guest_exit_code)
{
    must((size_t)stop < ARRAY_LEN(stops));
    if (stop == SANDBOX_EXIT && guest_exit_code != 0)
        return 8;
    return stops[stop].exit_code;
}

const char *sandbox_touch_name(enum sandbox_touch_op op)
{
    static const char *const names[] = {
        [SANDBOX_TOUCH_WRITE] = "write",   [SANDBOX_TOUCH_CREATE] = "create",
        [SANDBOX_TOUCH_DELETE] = "delete", [SANDBOX_TOUCH_RENAME] = "rename",
        [SANDBOX_TOUCH_MKDIR] = "mkdir",   [SANDBOX_TOUCH_RMDIR] = "rmdir",
        [SANDBOX_TOUCH_LINK] = "link",     [SANDBOX_TOUCH_READ] = "read",
    };
    must((size_t)op < ARRAY_LEN(names));
    return names[op];
}

void sandbox_outcome_init(struct sandbox_outcome *o, size_t output_max)
{
    *o = (struct sandbox_outcome){.stop = SANDBOX_CRASH};
    buf_init(&o->out, output_max);
    buf_init(&o->err, output_max);
}

void sandbox_outcome_done(struct sandbox_outcome *o)
{
    for (size_t i = 0; i < o->touched_count; i++) {
        free(o->touched[i].path);
        free(o->touched[i].path_to);
    }
    free(o->touched);
    for (size_t i = 0; i < o->refused_count; i++) {
        free(o->refused[i].op);
        free(o->refused[i].target);
        free(o->refused[i].why);
    }
    free(o->refused);
    free(o->limits_hit);
    o->touched = NULL;
    o->refused = NULL;
    o->limits_hit = NULL;
    o->touched_count = o->refused_count = 0;
    buf_done(&o->out);
    buf_done(&o->err);
}

static int64_t reading(const _Atomic int64_t *at)
{
    int64_t value = atomic_load_explicit(at, memory_order_relaxed);
    return value < 0 ? 0 : value;
}

struct sandbox_use sandbox_gauge_read(const struct sandbox_gauge *g)
{
    return (struct sandbox_use){
        .fuel = reading(&g->fuel),
        .peak_memory = reading(&g->peak_memory),
        .output_bytes = reading(&g->output_bytes),
        .read_bytes = reading(&g->read_bytes),
        .written_bytes = reading(&g->written_bytes),
        .created_files = reading(&g->created_files),
    };
}

static void bound(int64_t *value, int64_t most)
{
    if (*value > most)
        *value = most;
}

/* The decoder has already refused what is negative. */
void sandbox_outcome_bound(struct sandbox_outcome *o, const struct sandbox_limits *l,
                           int64_t elapsed_us)
{
    bound(&o->used.fuel, l->wasm_fuel);
    bound(&o->used.wall_us, elapsed_us);
    bound(&o->used.cpu_us, elapsed_us);
    bound(&o->used.peak_memory, l->wasm_max_memory_size);
    bound(&o->used.written_bytes, l->max_write_bytes);
    bound(&o->used.created_files, l->max_created_files);
    /* Nothing on this machine moves more than 64 GiB in a second. */
    int64_t moved;
    if (!i64_mul(elapsed_us + 1000000, INT64_C(64) << 10, &moved))
        moved = INT64_MAX;
    bound(&o->used.read_bytes, moved);
    bound(&o->used.output_bytes, moved);
}
