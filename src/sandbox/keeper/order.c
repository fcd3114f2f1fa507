/* The keeper's arguments. They come from the monitor and are checked anyway. */
#include "sandbox/keeper/order.h"

#include "base/str.h"
#include "sandbox/keeper/keeper.h"

#include <errno.h>

static const struct number {
    const char *name;
    size_t offset;
    uint64_t least;
} numbers[] = {
    {"--timeout=", offsetof(struct order, timeout_ns), 1},
    {"--cpu=", offsetof(struct order, cpu_ns), 1},
    {"--memory=", offsetof(struct order, memory), 1},
    {"--processes=", offsetof(struct order, processes), 1},
    {"--temporary=", offsetof(struct order, temporary), 1},
    {"--write=", offsetof(struct order, write_bytes), 0},
    {"--created=", offsetof(struct order, created), 0},
    {"--files=", offsetof(struct order, files), 0},
};

/* Absolute, without "//", "." and ".."; what os/root.h asks for. */
static bool is_straight(struct str path)
{
    if (path.len < 2 || path.at[0] != '/')
        return false;
    for (struct str rest = {path.at + 1, path.len - 1}; rest.len > 0;) {
        struct str word = rest, tail = {"", 0};
        bool more = str_split(rest, '/', &word, &tail);
        if (word.len == 0 || str_is(word, ".") || str_is(word, "..") || (more && tail.len == 0))
            return false;
        rest = tail;
    }
    return true;
}

static int take_mount(struct order *o, const char *text)
{
    bool writable = str_starts(str_of(text), STR("rw:"));
    if ((!writable && !str_starts(str_of(text), STR("ro:"))) || !is_straight(str_of(text + 3)) ||
        o->mount_count == SANDBOX_MOUNTS_MAX)
        return -EINVAL;
    o->mounts[o->mount_count] =
        (struct jail_mount){KEEPER_MOUNT_FD + (int)o->mount_count, writable, text + 3};
    o->mount_count++;
    return 0;
}

static int take_number(struct order *o, struct str arg)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct number *n = &numbers[i];
        uint64_t *value = (uint64_t *)(void *)((char *)o + n->offset);
        size_t len = strlen(n->name);
        if (!str_starts(arg, str_of(n->name)))
            continue;
        struct str text = {arg.at + len, arg.len - len};
        if (base_parse_u64(text, UINT64_C(1) << 62, value) < 0 || *value < n->least)
            return -EINVAL;
        return 0;
    }
    return -EINVAL;
}

static int take_argument(struct order *o, const char *text, struct fault *reterr)
{
    struct str arg = str_of(text);
    if (str_starts(arg, STR("--outer=")))
        return 0; /* read by jail.h */
    if (str_starts(arg, STR("--required=")))
        return jail_facets_parse(text + strlen("--required="), &o->required, reterr);
    if (str_starts(arg, STR("--mount=")))
        return take_mount(o, text + strlen("--mount="));
    if (str_is(arg, "--loopback")) {
        o->loopback = true;
        return 0;
    }
    if (str_is(arg, "--proxy")) {
        o->proxy = true;
        return 0;
    }
    if (str_starts(arg, STR("--cwd="))) {
        o->cwd = text + strlen("--cwd=");
        return is_straight(str_of(o->cwd)) ? 0 : -EINVAL;
    }
    return take_number(o, arg);
}

static int take_environment(struct order *o, char **environment)
{
    size_t count = 0;
    while (environment[count] != NULL)
        count++;
    o->env = calloc(count + 1, sizeof(char *));
    if (o->env == NULL)
        return -ENOMEM;
    for (size_t i = 0, n = 0; i < count; i++) {
        if (environment[i][0] == '+')
            o->env[n++] = environment[i] + 1;
    }
    return 0;
}

int order_from_argv(int argc, char **argv, char **environment, struct order *ret,
                    struct fault *reterr)
{
    struct order o = {.required = JAIL_REQUIRED_OF_COMMANDS};
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (take_argument(&o, argv[i], reterr) < 0)
            return fault_set(reterr, FAULT_USAGE, "the argument %.100s is not understood", argv[i]);
    }
    if (i + 1 >= argc || o.cwd == NULL || o.timeout_ns == 0 || o.cpu_ns == 0 || o.memory == 0 ||
        o.processes == 0 || o.temporary == 0)
        return fault_set(reterr, FAULT_USAGE, "an argument is missing");
    o.argv = argv + i + 1;
    if (jail_outside_from_argv(i, argv, &o.outside) != 0)
        return fault_set(reterr, FAULT_USAGE, "the argument --outer= is missing or malformed");
    int r = take_environment(&o, environment);
    if (r == 0)
        *ret = o;
    return r;
}
