/* Places, environment and words of a native command. Everything here is text that the operator or, for the command itself,
 * the planner gave; it is carried, not obeyed: the keeper reads only its own words, which stand before "--". */
#include "sandbox/ask/command_order.h"

#include "base/buf.h"
#include "base/str.h"
#include "sandbox/jail/jail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { OWN_ARGS_MAX = 20, TEXT_MAX = 2 * SANDBOX_PATH_MAX + 64 };

/* What every command gets; the operator's and the call's own come after, and win. */
static const char *const environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/tmp",
    "TMPDIR=/tmp",
    "LANG=C.UTF-8",
    "TERM=dumb",
    "USER=user",
    "LOGNAME=user",
    "SHELL=/bin/sh",
};

/* And when it has a way out. Many spellings, because each client reads its own. With --loopback 127.0.0.1 is the jail itself; without,
 * it is asked of the proxy, and is then this machine, if that was granted. */
#define PROXY_AT_(port) "http://127.0.0.1:" #port
#define PROXY_AT(port) PROXY_AT_(port)
static const char *const environment_of_proxy[] = {
    "HTTP_PROXY=" PROXY_AT(JAIL_PROXY_PORT),  "http_proxy=" PROXY_AT(JAIL_PROXY_PORT),
    "HTTPS_PROXY=" PROXY_AT(JAIL_PROXY_PORT), "https_proxy=" PROXY_AT(JAIL_PROXY_PORT),
    "ALL_PROXY=" PROXY_AT(JAIL_PROXY_PORT),   "all_proxy=" PROXY_AT(JAIL_PROXY_PORT),
};
static const char *const environment_of_both[] = {"NO_PROXY=localhost,127.0.0.1,::1",
                                                  "no_proxy=localhost,127.0.0.1,::1"};

enum {
    GIVEN_MAX =
        ARRAY_LEN(environment) + ARRAY_LEN(environment_of_proxy) + ARRAY_LEN(environment_of_both)
};

/* Places of the system, and of the jail itself: nothing is mapped over them. */
static const char *const taken[] = {"/usr",    "/bin", "/sbin", "/lib",  "/lib32", "/lib64",
                                    "/libx32", "/etc", "/dev",  "/proc", "/sys"};

static bool is_at_or_below(struct str path, struct str folder)
{
    return str_starts(path, folder) && (path.len == folder.len || path.at[folder.len] == '/');
}

int sandbox_command_place(const struct sandbox_mount *m, const char **ret, struct fault *reterr)
{
    bool is_root = strcmp(m->guest, "/") == 0;
    const char *place = is_root ? m->host : m->guest;
    int r = 0;
    if (strcmp(place, "/") == 0 || strcmp(place, "/tmp") == 0)
        r = fault_set(reterr, FAULT_CONFIG, "a native command cannot have %s as its %s", place,
                      is_root ? "work folder" : "mapped folder");
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(taken); i++) {
        /* A work folder in /usr/src is where it is on the host; nothing is hidden by it. */
        if (is_at_or_below(str_of(place), str_of(taken[i])) &&
            (!is_root || !is_at_or_below(str_of(place), STR("/usr"))))
            r = fault_set(reterr, FAULT_CONFIG,
                          "%s cannot be shown to a native command: %s is the system's there", place,
                          taken[i]);
    }
    if (r < 0) {
        fault_next(reterr, is_root ? "choose a folder of your own with --work-dir DIR"
                                   : "map it to a place of its own, as HOST::/data");
        return r;
    }
    *ret = place;
    return 0;
}

/* --- texts --- */

static int add(char **list, size_t *count, const char *fmt, ...) printf_like(3, 4);
static int add(char **list, size_t *count, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&list[*count], fmt, args);
    va_end(args);
    if (n < 0) {
        list[*count] = NULL;
        return -ENOMEM;
    }
    (*count)++;
    return 0;
}

static int add_required(char **argv, size_t *count, uint32_t facets)
{
    auto_done(buf) struct buf words;
    buf_init(&words, 256);
    for (unsigned i = 0; i < JAIL_FACET_COUNT; i++)
        if (facets & (1U << i))
            (void)!buf_addf(&words, "%s%s", words.len ? "," : "",
                            jail_facet_name((enum jail_facet)(1U << i)));
    int r = buf_error(&words);
    return r < 0 || words.len == 0 ? r : add(argv, count, "--required=%s", words.at);
}

/* "/src" -> the place of the mount that holds it, and what is below. */
static int add_cwd(const struct sandbox_command_config *config, char **argv, size_t *count,
                   struct fault *reterr)
{
    const struct sandbox_mount *best = NULL;
    const char *place;
    struct str cwd = str_of(config->cwd);
    for (size_t i = 0; i < config->mount_count; i++) {
        const struct sandbox_mount *m = &config->mounts[i];
        if ((strcmp(m->guest, "/") == 0 || is_at_or_below(cwd, str_of(m->guest))) &&
            (!best || strlen(m->guest) > strlen(best->guest)))
            best = m;
    }
    if (!best)
        return fault_set(reterr, FAULT_USAGE, "%s is in no folder that the command sees",
                         config->cwd);
    int r = sandbox_command_place(best, &place, reterr);
    if (r < 0)
        return r;
    const char *rest = config->cwd + (strcmp(best->guest, "/") == 0 ? 0 : strlen(best->guest));
    if (strcmp(rest, "/") == 0)
        rest = "";
    return add(argv, count, "--cwd=%s%s", place, rest);
}

static int add_limits(const struct sandbox_limits *l, char **argv, size_t *count)
{
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {
        {"timeout", l->command_timeout_ns},      {"cpu", l->command_max_cpu_ns},
        {"memory", l->command_max_memory},       {"processes", l->command_max_processes},
        {"temporary", l->command_max_temporary}, {"write", l->max_write_bytes},
        {"created", l->max_created_files},       {"files", l->max_open_files},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++)
        r = add(argv, count, "--%s=%" PRId64, rows[i].name, rows[i].value);
    return r;
}

static int add_own(const struct sandbox_command_config *config, char **argv, size_t *count,
                   struct fault *reterr)
{
    char outer[JAIL_OUTSIDE_ARG_SIZE];
    const char *place;
    jail_outside_arg(outer);
    int r = add(argv, count, "boxagnts-jail");
    if (r == 0)
        r = add(argv, count, "%s", outer);
    if (r == 0)
        r = add_required(argv, count, JAIL_REQUIRED_OF_COMMANDS | config->required_facets);
    for (size_t i = 0; r == 0 && i < config->mount_count; i++) {
        const struct sandbox_mount *m = &config->mounts[i];
        r = sandbox_command_place(m, &place, reterr);
        if (r == 0)
            r = add(argv, count, "--mount=%s:%s", m->writable && !config->read_only ? "rw" : "ro",
                    place);
    }
    if (r == 0)
        r = add_cwd(config, argv, count, reterr);
    if (r == 0)
        r = add_limits(&config->limits, argv, count);
    if (r == 0 && config->loopback)
        r = add(argv, count, "--loopback");
    if (r == 0 && config->proxy)
        r = add(argv, count, "--proxy");
    return r == 0 ? add(argv, count, "--") : r;
}

/* A name that comes twice: the later one stays. */
static bool is_said_again(const struct sandbox_command_config *config, const char *entry,
                          size_t from)
{
    size_t name = strcspn(entry, "=") + 1;
    for (size_t i = from; i < config->env_count; i++)
        if (strncmp(config->env[i], entry, name) == 0)
            return true;
    return false;
}

static int add_given(const struct sandbox_command_config *config, const char *const *given,
                     size_t given_count, char **env, size_t *count)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < given_count; i++)
        if (!is_said_again(config, given[i], 0))
            r = add(env, count, "+%s", given[i]);
    return r;
}

static int fill_env(const struct sandbox_command_config *config, char **env)
{
    size_t count = 0;
    int r = add_given(config, environment, ARRAY_LEN(environment), env, &count);
    if (r == 0 && config->proxy)
        r = add_given(config, environment_of_proxy, ARRAY_LEN(environment_of_proxy), env, &count);
    if (r == 0 && config->proxy && config->loopback)
        r = add_given(config, environment_of_both, ARRAY_LEN(environment_of_both), env, &count);
    for (size_t i = 0; r == 0 && i < config->env_count; i++)
        if (!is_said_again(config, config->env[i], i + 1))
            r = add(env, &count, "+%s", config->env[i]);
    return r;
}

static int check_size(const struct sandbox_command_config *config, struct fault *reterr)
{
    size_t bytes = 0;
    for (size_t i = 0; i < config->argc; i++)
        bytes += strlen(config->argv[i]) + 1;
    for (size_t i = 0; i < config->env_count; i++)
        bytes += strlen(config->env[i]) + 1;
    if (config->argc == 0 || config->argv[0][0] == '\0')
        return fault_set(reterr, FAULT_USAGE, "there is no program to run");
    if (config->argc > SANDBOX_ARGS_MAX || config->env_count > SANDBOX_ARGS_MAX ||
        bytes > SANDBOX_ARGS_BYTES_MAX)
        return fault_set(reterr, FAULT_USAGE, "more than %d arguments or 1 MiB of them",
                         SANDBOX_ARGS_MAX);
    return 0;
}

int command_order_new(const struct sandbox_command_config *config, own struct command_order **ret,
                      struct fault *reterr)
{
    auto_(command_order) struct command_order *o = NULL;
    int r = check_size(config, reterr);
    if (r < 0)
        return r;
    size_t count = 0;
    o = calloc(1, sizeof(*o));
    if (o == NULL)
        return -ENOMEM;
    o->argv = calloc(OWN_ARGS_MAX + config->mount_count + config->argc + 1, sizeof(char *));
    o->env = calloc(GIVEN_MAX + config->env_count + 1, sizeof(char *));
    if (o->argv == NULL || o->env == NULL)
        return -ENOMEM;
    r = add_own(config, o->argv, &count, reterr);
    for (size_t i = 0; r == 0 && i < config->argc; i++)
        r = add(o->argv, &count, "%s", config->argv[i]);
    if (r == 0)
        r = fill_env(config, o->env);
    if (r == 0)
        *ret = take(o);
    return r;
}

void command_order_free(own struct command_order *o)
{
    if (o == NULL)
        return;
    for (char **s = o->argv; s != NULL && *s != NULL; s++)
        free(*s);
    for (char **s = o->env; s != NULL && *s != NULL; s++)
        free(*s);
    free(o->argv);
    free(o->env);
    free(o);
}
