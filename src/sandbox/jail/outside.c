/* The way from the spawner to the jail: program arguments that say who and where the spawner is,
 * what must not be missing, and for egress what stays open. They come from a program of ours and
 * are checked anyway. */
#include "base/str.h"
#include "host/ask/protocol.h"
#include "os/env.h"
#include "sandbox/jail/facets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OUTSIDE "--outer="
#define REQUIRED "--required="
#define CONNECT "--connect="
#define READ "--read="
enum { PORTS_MAX = 64, PATHS_MAX = 8 };
_Static_assert(ARRAY_LEN(((struct jail_outside *)0)->namespaces) == OS_NAMESPACE_COUNT, "one each");

const struct os_namespace_ids *jail_spawner_ids(void)
{
    static struct os_namespace_ids ids;
    static int pid; /* whose they are: a copy of this process may stand elsewhere */
    if (pid != os_pid()) {
        os_namespace_read_ids(&ids);
        pid = os_pid();
    }
    return &ids;
}

void jail_outside_arg(char ret[JAIL_OUTSIDE_ARG_SIZE])
{
    const struct os_namespace_ids *ids = jail_spawner_ids();
    int n = snprintf(ret, JAIL_OUTSIDE_ARG_SIZE, OUTSIDE "%u:%u", os_uid(), os_gid());
    for (size_t i = 0; i < OS_NAMESPACE_COUNT; i++) {
        must(n > 0 && n < JAIL_OUTSIDE_ARG_SIZE);
        n += snprintf(ret + n, JAIL_OUTSIDE_ARG_SIZE - (size_t)n, ":%llu",
                      (unsigned long long)ids->id[i]);
    }
    must(n > 0 && n < JAIL_OUTSIDE_ARG_SIZE);
}

static int parse_outside(struct str text, struct jail_outside *ret)
{
    uint64_t numbers[2 + OS_NAMESPACE_COUNT];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct str word = text, rest = STR("");
        bool is_last = i + 1 == ARRAY_LEN(numbers);
        if (str_split(text, ':', &word, &rest) == is_last)
            return -FAULT_USAGE;
        if (base_parse_u64(word, i < 2 ? UINT32_MAX : UINT64_MAX, &numbers[i]) < 0)
            return -FAULT_USAGE;
        text = rest;
    }
    ret->uid = (uint32_t)numbers[0];
    ret->gid = (uint32_t)numbers[1];
    memcpy(ret->namespaces, numbers + 2, sizeof(ret->namespaces));
    return 0;
}

/* What follows `name` in the n-th argument that starts with it. */
static bool find_arg(int argc, char *const *argv, struct str name, size_t n, struct str *ret)
{
    for (int i = 1; i < argc; i++) {
        struct str arg = str_of(argv[i]);
        if (!str_starts(arg, name) || n-- > 0)
            continue;
        *ret = (struct str){arg.at + name.len, arg.len - name.len};
        return true;
    }
    return false;
}

int jail_outside_from_argv(int argc, char *const *argv, struct jail_outside *ret)
{
    struct jail_outside outside;
    struct str text;
    if (!find_arg(argc, argv, STR(OUTSIDE), 0, &text))
        return 1;
    int r = parse_outside(text, &outside);
    if (r == 0)
        *ret = outside;
    return r;
}

static int facet_parse(struct str word, uint32_t *ret)
{
    for (uint32_t i = 0; i < JAIL_FACET_COUNT; i++) {
        if (str_is(word, jail_facet_name((enum jail_facet)(1u << i)))) {
            *ret = UINT32_C(1) << i;
            return 0;
        }
    }
    return -FAULT_CONFIG;
}

int jail_facets_parse(const char *words, uint32_t *ret, struct fault *reterr)
{
    struct str rest = str_of(words), word;
    uint32_t bits = 0, bit;
    while (rest.len > 0) {
        if (!str_split(rest, ',', &word, &rest)) {
            word = rest;
            rest = STR("");
        }
        if (facet_parse(word, &bit) < 0) {
            int r = fault_set(reterr, FAULT_CONFIG, "no layer is named \"%.*s\"", STR_FMT(word));
            fault_next(reterr,
                       "use fds_env, namespaces, rlimits, no_new_privs, capabilities, landlock, "
                       "parent_death or seccomp");
            return r;
        }
        bits |= bit;
    }
    *ret = bits;
    return 0;
}

static int say_ready(struct channel *channel, const struct jail_report *report)
{
    auto_json json_t *body = jail_report_json(report);
    if (body == NULL)
        return -ENOMEM;
    return channel_send(channel, MONITOR_READY, 0, body, STR(""), NULL, 0);
}

/* What a profile from arguments points to. */
struct arguments {
    struct jail_outside outside;
    uint16_t ports[PORTS_MAX];
    const char *paths[PATHS_MAX + 1];
};

static int parse_ports(struct str rest, struct jail_profile *profile, uint16_t *ports,
                       struct fault *reterr)
{
    struct str word;
    uint64_t port;
    profile->connects_anywhere = str_is(rest, "any");
    if (profile->connects_anywhere)
        return 0;
    while (rest.len > 0) {
        if (!str_split(rest, ',', &word, &rest)) {
            word = rest;
            rest = STR("");
        }
        if (base_parse_u64(word, UINT16_MAX, &port) < 0 || port == 0)
            return fault_set(reterr, FAULT_USAGE,
                             "the argument " CONNECT " has no port in \"%.*s\"", STR_FMT(word));
        if (profile->port_count == PORTS_MAX)
            return fault_set(reterr, FAULT_CAP, "the argument " CONNECT " has more than %d ports",
                             PORTS_MAX);
        ports[profile->port_count++] = (uint16_t)port;
    }
    profile->connect_ports = ports;
    return 0;
}

/* Absolute, and without "..": it becomes a name in the new root. */
static bool is_straight(struct str path)
{
    return path.len > 1 && path.at[0] == '/' && memmem(path.at, path.len, "/..", 3) == NULL &&
           path.at[path.len - 1] != '/';
}

static int profile_from_argv(int argc, char *const *argv, struct jail_profile *profile,
                             struct arguments *held, struct fault *reterr)
{
    struct str text;
    uint32_t more = 0;
    int r = jail_outside_from_argv(argc, argv, &held->outside);
    if (r < 0)
        return fault_set(reterr, FAULT_USAGE, "the argument " OUTSIDE " is malformed");
    if (r == 0)
        profile->outside = &held->outside;
    /* The end of an argument: NUL-terminated. */
    r = find_arg(argc, argv, STR(REQUIRED), 0, &text) ? jail_facets_parse(text.at, &more, reterr)
                                                      : 0;
    if (r == 0 && find_arg(argc, argv, STR(CONNECT), 0, &text))
        r = parse_ports(text, profile, held->ports, reterr);
    for (size_t n = 0; r == 0 && find_arg(argc, argv, STR(READ), n, &text); n++) {
        if (n == PATHS_MAX || !is_straight(text))
            return fault_set(reterr, FAULT_USAGE,
                             "the argument " READ "%.*s is no plain absolute path, or one too many",
                             STR_FMT(text));
        held->paths[n] = text.at;
        profile->read_paths = held->paths;
    }
    profile->required = JAIL_REQUIRED_DEFAULT | more;
    return r;
}

int jail_enter_from_argv(enum jail_program program, int argc, char *const *argv, int channel_fd,
                         struct channel *channel, struct fault *reterr)
{
    struct arguments held = {.paths = {NULL}};
    struct jail_report report;
    struct jail_profile profile = {
        .program = program, .channel_fd = channel_fd, .facets = JAIL_ALL};
    int r = profile_from_argv(argc, argv, &profile, &held, reterr);
    if (r == 0)
        r = jail_enter(&profile, &report, reterr);
    return r < 0 ? r : say_ready(channel, &report);
}
