/* Builds struct app. The order is the order of trust: the operator's command line is read first for where
 * things are (work folder, settings file), then the settings of all layers, then the command line again
 * on top of them, then the folders are opened and held. */
#include "edge/app.h"

#include "edge/app_tools.h"
#include "edge/safe.h"
#include "host/ledger.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "sandbox/ask/worker.h"
#include "sandbox/jail/jail.h"
#include "tools/guest_path.h"
#include "tools/tool_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

const struct option_row options_common[] = {
    {OPT_HELP, "help", 'h', OPTION_FLAG, NULL, "show this help"},
    {OPT_JSON, "json", 0, OPTION_FLAG, NULL, "answer as JSON on stdout"},
    {OPT_WITH_PARENT, "with-parent", 0, OPTION_FLAG, NULL,
     "end when the process that started it ends, also from the background (docs/loop.md)"},
    {0},
};

const struct option_row options_sandbox[] = {
    {OPT_WORK_DIR, "work-dir", 'C', OPTION_VALUE, "DIR",
     "the folder seen as / inside (default: the current one)"},
    {OPT_MAP_DIRS, "map-dirs", 0, OPTION_REPEAT, "HOST::GUEST[:ro|rw]",
     "one more folder, read-only when not said"},
    {OPT_ENV_VARS, "env-vars", 0, OPTION_REPEAT, "NAME=VALUE",
     "an environment variable; none are inherited"},
    {OPT_ALLOWED_HOSTS, "allowed-outbound-hosts", 0, OPTION_LIST, "SCHEME://HOST[:PORT]",
     "hosts that may be reached (default: none)"},
    {OPT_BLOCK_NETWORKS, "block-networks", 0, OPTION_LIST, "CIDR|private",
     "networks that stay closed"},
    {OPT_BLOCK_URL, "block-url", 0, OPTION_LIST, "URL", "URL prefixes that stay closed"},
    {0},
};

const struct option_row options_policy[] = {
    {OPT_SETTINGS, "settings", 0, OPTION_VALUE, "FILE",
     "one more settings file, above those of workspace and user"},
    {OPT_PERMISSION_MODE, "permission-mode", 0, OPTION_VALUE, "MODE",
     "default, acceptEdits, plan, dontAsk, bypass"},
    {OPT_YES_TO, "yes-to", 0, OPTION_REPEAT, "RULE",
     "allow what this rule names without asking, e.g. 'Write(/src/**)'"},
    {OPT_DENY, "deny", 0, OPTION_REPEAT, "RULE", "deny what this rule names"},
    {0},
};

const struct option_row *options_limits(unsigned of)
{
    static struct option_row lists[LIMITS_OF_COMMANDS + 1][64];
    static char names[64][48];
    must(of <= LIMITS_OF_COMMANDS);
    struct option_row *rows = lists[of];
    for (size_t i = 0, n = 0; i < sandbox_limit_row_count && n + 1 < ARRAY_LEN(lists[0]); i++) {
        const struct limit_row *limit = &sandbox_limit_rows[i];
        if ((limit->of & of) == 0)
            continue;
        snprintf(names[i], sizeof(names[i]), "%s", limit->key);
        for (char *c = names[i]; *c; c++)
            if (*c == '_')
                *c = '-';
        rows[n++] = (struct option_row){
            OPT_LIMIT + (int)i, names[i], 0, OPTION_VALUE, *limit->unit ? limit->unit : "N",
            limit->help};
    }
    return rows;
}

/* --- command line on top of the settings --- */

struct adding {
    struct app *app;
    struct fault *reterr;
};

static int add_yes(struct str item, void *arg)
{
    struct adding *x = arg;
    return policy_add_rule(x->app->settings->policy, POLICY_COMMAND_LINE, POLICY_ALLOW, item,
                           x->reterr);
}

static int add_deny(struct str item, void *arg)
{
    struct adding *x = arg;
    return policy_add_rule(x->app->settings->policy, POLICY_COMMAND_LINE, POLICY_DENY, item,
                           x->reterr);
}

static int add_map_dir(struct str item, void *arg)
{
    struct adding *x = arg;
    return settings_add_map_dir(x->app->settings, item, x->reterr);
}

/* A flag's text ("20e9", "256MiB", "0.5") is read by the limits table, then said like a setting. */
static int limit_items(json_t *object, const struct parsed *p, struct fault *reterr)
{
    for (size_t i = 0; i < sandbox_limit_row_count; i++) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        const char *text = option_value(p, OPT_LIMIT + (int)i);
        if (!text)
            continue;
        struct sandbox_limits said;
        limits_default(&said);
        int r = limits_set_text(&said, row, str_of(text), reterr);
        if (r < 0)
            return r;
        int64_t value = *(const int64_t *)(const void *)((const char *)&said + row->offset);
        /* seconds have nine digits after the point: exact in a double up to 10^6 s, far above the row's maximum */
        json_t *number = row->scale ? json_real((double)value / 1e9) : json_integer(value);
        if (!number || json_object_set_new(object, row->key, number))
            return -ENOMEM;
    }
    return 0;
}

/* Scalars and lists whose checks live with the settings: handed over as a settings text of the command-line
 * layer, so that a value means and is refused the same through both doors. */
static int append_item(struct str item, void *arg)
{
    return json_array_append_new(arg, json_string_lossy(item)) ? -ENOMEM : 0;
}

static int append_items(json_t *object, const char *key, const struct parsed *p, int id)
{
    json_t *list = json_array();
    if (!list)
        return -ENOMEM;
    int r = option_each(p, id, append_item, list);
    /* --block-networks "": the list is said, and it is empty */
    bool is_emptied = r == 0 && id != OPT_ENV_VARS && json_array_size(list) == 1 &&
                      json_string_length(json_array_get(list, 0)) == 0;
    if (is_emptied) {
        json_array_clear(list);
        return json_object_set_new(object, key, list) ? -ENOMEM : 0;
    }
    if (r < 0 || json_array_size(list) == 0) {
        json_decref(list);
        return r;
    }
    return json_object_set_new(object, key, list) ? -ENOMEM : 0;
}

static int number_item(json_t *object, const char *key, const char *flag, const char *value,
                       struct fault *reterr)
{
    if (!value)
        return 0;
    auto_json json_t *number = NULL;
    if (json_parse(str_of(value), 64, &number, NULL) < 0 || !json_is_number(number))
        return fault_set(reterr, FAULT_USAGE, "--%s: \"%s\" is not a number", flag, value);
    return json_object_set(object, key, number) ? -ENOMEM : 0;
}

/* Money is exact or refused: what the settings will make of the number must be what the digits say. */
static int money_item(json_t *object, const char *key, const char *flag, const char *value,
                      struct fault *reterr)
{
    int64_t exact = 0, said = 0;
    int r = number_item(object, key, flag, value, reterr);
    if (r < 0 || !value)
        return r;
    if (base_parse_decimal(str_of(value), 12, INT64_MIN, INT64_MAX, &exact) == 0 && exact < 0)
        return 0; /* the settings' sentence is the better one */
    if (ledger_decimal_from_json(json_object_get(object, key), 12, INT64_MAX, &said) == 0 &&
        base_parse_decimal(str_of(value), 12, 0, INT64_MAX, &exact) == 0 && said == exact)
        return 0;
    return fault_set(
        reterr, FAULT_USAGE,
        "--%s: \"%s\" is not an amount of dollars with at most 12 digits after the point "
        "and 15 in all",
        flag, value);
}

static int apply_command_line(struct app *a, const struct parsed *p, struct fault *reterr)
{
    auto_json json_t *object = json_object();
    int r = object ? 0 : -ENOMEM;
    if (r == 0)
        r = append_items(object, "env_vars", p, OPT_ENV_VARS);
    if (r == 0)
        r = append_items(object, "allowed_outbound_hosts", p, OPT_ALLOWED_HOSTS);
    if (r == 0)
        r = append_items(object, "block_networks", p, OPT_BLOCK_NETWORKS);
    if (r == 0)
        r = append_items(object, "block_url", p, OPT_BLOCK_URL);
    if (r == 0)
        r = limit_items(object, p, reterr);
    if (r == 0)
        r = number_item(object, "max_turns", "max-turns", option_value(p, OPT_MAX_TURNS), reterr);
    if (r == 0)
        r = number_item(object, "max_tool_calls", "max-tool-calls",
                        option_value(p, OPT_MAX_TOOL_CALLS), reterr);
    if (r == 0)
        r = money_item(object, "total_budget_usd", "total-budget-usd", option_value(p, OPT_BUDGET),
                       reterr);
    if (r == 0 && option_value(p, OPT_MODEL) &&
        json_object_set_new(object, "model", json_string(option_value(p, OPT_MODEL))))
        r = fault_set(reterr, FAULT_USAGE, "--model: not UTF-8");
    if (r < 0)
        return r;
    if (json_object_size(object)) {
        auto_done(buf) struct buf text;
        buf_init(&text, 1 << 20);
        if ((r = json_print(object, &text)) < 0)
            return r;
        if ((r = settings_add(a->settings, POLICY_COMMAND_LINE, SETTINGS_FROM_FLAGS, buf_str(&text),
                              reterr)) < 0) {
            if (reterr->code == FAULT_CONFIG)
                reterr->code = FAULT_USAGE;
            return r;
        }
    }
    const char *mode = option_value(p, OPT_PERMISSION_MODE);
    if (mode) {
        enum policy_mode said;
        if ((r = policy_mode_parse(str_of(mode), &said, reterr)) < 0)
            return r;
        if ((r = settings_set_mode(a->settings, said, reterr)) < 0)
            return r;
    }
    struct adding x = {a, reterr};
    if ((r = option_each(p, OPT_YES_TO, add_yes, &x)) < 0)
        return r;
    if ((r = option_each(p, OPT_DENY, add_deny, &x)) < 0)
        return r;
    if ((r = option_each(p, OPT_MAP_DIRS, add_map_dir, &x)) < 0)
        return r;
    return r;
}

/* --- mounts --- */

static int open_mount(struct app *a, const char *host, const char *guest, bool writable,
                      struct fault *reterr)
{
    if (a->mount_count == SANDBOX_MOUNTS_MAX)
        return fault_set(reterr, FAULT_USAGE, "more than %d folders are mapped",
                         SANDBOX_MOUNTS_MAX);
    for (size_t i = 0; i < a->mount_count; i++)
        if (strcmp(a->mounts[i].guest, guest) == 0)
            return fault_set(reterr, FAULT_USAGE, "%s is mapped twice inside", guest);
    struct sandbox_mount *m = &a->mounts[a->mount_count];
    *m = (struct sandbox_mount){.dir_fd = -1, .writable = writable};
    int fd = os_open_dir_trusted(host);
    if (fd < 0) {
        int r = fault_sys(reterr, -fd, "cannot open the folder %s", host);
        fault_next(reterr, "name a folder that exists and that you may read");
        reterr->code = FAULT_CONFIG;
        return r < 0 ? -FAULT_CONFIG : r;
    }
    m->dir_fd = fd;
    a->mount_count++;
    m->guest = str_dup(str_of(guest));
    int r = os_real_path(host, &m->host);
    return r < 0 ? r : m->guest ? 0 : -ENOMEM;
}

/* The work folder is `/`, unless a mapping says what `/` is. */
static int open_mounts(struct app *a, struct fault *reterr)
{
    const struct settings *s = a->settings;
    bool root_said = false;
    for (size_t i = 0; i < s->mount_count; i++)
        root_said = root_said || strcmp(s->mounts[i].guest, "/") == 0;
    int r = root_said ? 0 : open_mount(a, a->work_dir, "/", true, reterr);
    for (size_t i = 0; i < s->mount_count && r == 0; i++)
        r = open_mount(a, s->mounts[i].host, s->mounts[i].guest, s->mounts[i].writable, reterr);
    return r;
}

size_t app_effect_mounts(const struct app *a, struct effect_mount *ret, size_t max)
{
    size_t n = a->mount_count < max ? a->mount_count : max;
    for (size_t i = 0; i < n; i++)
        ret[i] =
            (struct effect_mount){a->mounts[i].guest, a->mounts[i].host, a->mounts[i].writable};
    return n;
}

/* --- programs and tools --- */

static int program_path(const struct app *a, const char *name, own char **ret)
{
    static const char *const places[] = {"", "/../libexec/boxagnts"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        free(*ret);
        *ret = NULL;
        if (asprintf(ret, "%s%s/%s", a->bin_dir, places[i], name) < 0)
            return -ENOMEM;
        int fd = os_open_trusted(*ret, O_PATH, 0);
        os_close(fd);
        if (fd >= 0)
            break; /* one that is missing everywhere is named when it is started */
    }
    return 0;
}

static int find_programs(struct app *a)
{
    int r = os_self_dir(&a->bin_dir);
    if (r == 0)
        r = program_path(a, "boxagnts-worker", &a->worker_program);
    if (r == 0)
        r = program_path(a, "boxagnts-compile", &a->compile_program);
    if (r == 0)
        r = program_path(a, "boxagnts-agent", &a->agent_program);
    if (r == 0)
        r = program_path(a, "boxagnts-egress", &a->egress_program);
    if (r == 0)
        r = program_path(a, "boxagnts-jail", &a->jail_program);
    return r;
}

static int open_cache(struct app *a)
{
    auto_done(buf) struct buf note;
    buf_init(&note, 1024);
    int r =
        codecache_open(state_cache_dir(a->state), state_install_key(a->state), &a->cache, &note);
    if (r == 0 && note.len)
        app_note(buf_str(&note).at);
    return r;
}

int app_check_arguments(const struct app *a, const char *const *argv, size_t argc,
                        struct fault *reterr)
{
    const struct sandbox_run run = {.argv = argv,
                                    .argc = argc,
                                    .env = (const char *const *)a->settings->env_vars,
                                    .env_count = a->settings->env_count};
    return sandbox_run_check(&run, reterr);
}

static int open_work_dir(struct app *a, const struct parsed *p, struct fault *reterr)
{
    const char *said = option_value(p, OPT_WORK_DIR);
    const char *dir = said ? said : ".";
    int r = os_real_path(dir, &a->work_dir);
    if (r == 0) {
        a->work_dir_fd = os_open_dir_trusted(a->work_dir);
        r = a->work_dir_fd < 0 ? a->work_dir_fd : 0;
    }
    if (r < 0) {
        (void)fault_sys(reterr, -r, "cannot open the work folder %s", dir);
        fault_next(reterr, "name an existing folder with --work-dir DIR");
        reterr->code = FAULT_CONFIG;
        return -FAULT_CONFIG;
    }
    return 0;
}

int app_open(struct app *a, const struct parsed *p, unsigned needs, struct fault *reterr)
{
    *a = (struct app){.work_dir_fd = -1, .tools_notify_fd = -1, .json = option_flag(p, OPT_JSON)};
    int r = find_programs(a);
    if (r == 0)
        r = open_work_dir(a, p, reterr);
    if (r == 0)
        r = settings_new(&a->settings);
    if (r == 0)
        r = settings_load(a->settings, option_value(p, OPT_SETTINGS), a->work_dir_fd, reterr);
    if (r == 0)
        r = apply_command_line(a, p, reterr);
    if (r == 0 && a->settings->work_dir && !option_value(p, OPT_WORK_DIR)) {
        os_close(take_fd(&a->work_dir_fd));
        free(take(a->work_dir));
        r = os_real_path(a->settings->work_dir, &a->work_dir);
        if (r == 0)
            r = (a->work_dir_fd = os_open_dir_trusted(a->work_dir)) < 0 ? a->work_dir_fd : 0;
        if (r < 0)
            r = fault_set(reterr, FAULT_CONFIG, "settings: work_dir %s cannot be opened",
                          a->settings->work_dir);
    }
    if (r == 0 && (needs & APP_MOUNTS))
        r = open_mounts(a, reterr);
    if (r == 0 && (needs & APP_MOUNTS))
        r = app_check_arguments(a, NULL, 0, reterr);
    if (r == 0 && (needs & APP_STATE))
        r = state_open(&a->state, reterr);
    if (r == 0 && (needs & APP_STATE))
        r = open_cache(a);
    if (r == 0 && (needs & APP_TOOLS))
        r = app_open_tools(a, reterr);
    return r;
}

void app_done(struct app *a)
{
    for (size_t i = 0; i < a->mount_count; i++) {
        os_close(a->mounts[i].dir_fd);
        free(a->mounts[i].host);
        free(a->mounts[i].guest);
    }
    registry_free(a->registry);
    tool_index_free(a->tool_index);
    os_close(a->tools_notify_fd > 0 ? a->tools_notify_fd
                                    : -1); /* 0: an app that was never opened */
    free(a->own_tools);
    codecache_free(a->cache);
    state_free(a->state);
    settings_free(a->settings);
    os_close(a->work_dir_fd);
    free(a->work_dir);
    free(a->bin_dir);
    free(a->worker_program);
    free(a->compile_program);
    free(a->agent_program);
    free(a->egress_program);
    free(a->jail_program);
    *a = (struct app){.work_dir_fd = -1, .tools_notify_fd = -1};
}

const struct sandbox_mount *app_mount_of(const struct app *a, const char *path,
                                         const char **ret_rest)
{
    const struct sandbox_mount *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < a->mount_count; i++) {
        const char *guest = a->mounts[i].guest;
        size_t len = strcmp(guest, "/") == 0 ? 0 : strlen(guest);
        if (!guest_path_is_below(str_of(path), str_of(guest)) || (best && len < best_len))
            continue;
        best = &a->mounts[i];
        best_len = len;
    }
    *ret_rest = path + best_len + (path[best_len] == '/');
    return best;
}

int app_start_worker(const struct app *a, const char *agent, int undo_root_fd, int64_t stack_max,
                     own struct sandbox_worker **ret, struct fault *reterr)
{
    const struct sandbox_worker_config config = {
        .program = a->worker_program,
        .mounts = a->mounts,
        .mount_count = a->mount_count,
        .undo_root_fd = undo_root_fd,
        .stack_max = stack_max,
        .memory_max = a->settings->limits.wasm_max_memory_size,
        .table_max = a->settings->limits.wasm_max_table_elements,
        .required_facets = JAIL_REQUIRED_DEFAULT | a->settings->required_facets,
        .agent = agent,
    };
    return sandbox_worker_new(&config, ret, reterr);
}

const char *app_call_target(const json_t *input)
{
    static const char *const telling[] = {"path", "pattern", "url", "command"};
    const char *key, *z;
    json_t *value;
    for (size_t i = 0; i < ARRAY_LEN(telling); i++)
        if ((z = json_string_value(json_object_get(input, telling[i]))))
            return z;
    json_object_foreach((json_t *)(uintptr_t)input, key,
                        value) if ((z = json_string_value(value))) return z;
    return "";
}

int app_print_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return -ENOMEM;
    puts(text);
    free(text);
    return 0;
}

void app_note(const char *text)
{
    fputs("boxagnts: note: ", stderr);
    safe_print_line(stderr, text);
    fputc('\n', stderr);
}

void app_complain(const struct fault *f)
{
    fputs("boxagnts: ", stderr);
    safe_print_line(stderr, f->text);
    if (*f->next) {
        fputs("\n          ", stderr);
        safe_print_line(stderr, f->next);
    }
    fputc('\n', stderr);
}
