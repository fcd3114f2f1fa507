/* boxagnts doctor: which layers stand here, measured by building them, and what to do about a gap. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/peer.h"
#include "host/ask/protocol.h"
#include "os/loop.h"
#include "sandbox/ask/command.h"
#include "sandbox/ask/worker.h"
#include "sandbox/jail/jail.h"

#include <errno.h>
#include <stdio.h>

static const struct option_row *const tables[] = {options_policy, options_sandbox, options_common,
                                                  NULL};

static int cmd_doctor(const struct parsed *p, struct fault *reterr);

const struct command command_doctor = {
    .name = "doctor",
    .usage = "",
    .summary = "which layers of confinement stand here, and what to do about a gap",
    .text = "Exit 7 when a required layer is missing.\n",
    .tables = tables,
    .run = cmd_doctor,
};

struct finding {
    const char *program;
    json_t *confinement; /* own; NULL = it did not come up */
    bool is_optional;    /* without it only native commands are not run */
    struct fault why;
};

static void try_worker(const struct app *a, struct finding *f)
{
    auto_(sandbox_worker) struct sandbox_worker *w = NULL;
    if (app_start_worker(a, "doctor", -1, a->settings->limits.wasm_max_wasm_stack, &w, &f->why) ==
        0)
        f->confinement = json_deep_copy(sandbox_worker_confinement(w));
}

static void try_peer(const struct app *a, const char *program, enum jail_program kind,
                     struct channel_permits permits, struct finding *f)
{
    const char *extra[] = {kind == JAIL_EGRESS ? "--connect-port=443" : NULL, NULL};
    const struct peer_config config = {.program = program,
                                       .name = f->program,
                                       .kind = kind,
                                       .extra_argv = extra,
                                       .permits = permits,
                                       .required_facets = a->settings->required_facets};
    struct peer peer;
    peer_init(&peer);
    if (peer_start(&peer, &config, &f->why) == 0)
        f->confinement = json_deep_copy(peer.confinement);
    peer_done(&peer);
}

static void on_jailed(struct sandbox_outcome *o, void *arg)
{
    (void)o;
    (void)arg;
}

/* The jail of a native command, stood up for a moment. */
static void try_jail(const struct app *a, struct finding *f)
{
    static const char *const argv[] = {"true", NULL};
    auto_(os_loop) struct os_loop *loop = NULL;
    auto_(sandbox_command) struct sandbox_command *c = NULL;
    const struct sandbox_command_config config = {.program = a->jail_program,
                                                  .mounts = a->mounts,
                                                  .mount_count = a->mount_count,
                                                  .read_only = true,
                                                  .argv = argv,
                                                  .argc = 1,
                                                  .cwd = "/",
                                                  .limits = a->settings->limits,
                                                  .stdin_fd = -1,
                                                  .required_facets = a->settings->required_facets};
    if (os_loop_new(&loop) == 0 &&
        sandbox_command_start(&config, loop, NULL, on_jailed, NULL, &c, &f->why) == 0)
        f->confinement = json_deep_copy(sandbox_command_confinement(c));
    sandbox_command_free(take(c)); /* before its loop */
}

static const char *yes_no(bool yes)
{
    return yes ? "yes" : "NO";
}

static void print_finding(const struct finding *f)
{
    if (!f->confinement) {
        printf("%-18s MISSING: %s\n", f->program, f->why.text);
        if (f->is_optional)
            printf("%-18s          so no native command is run (`jail`, the tool `command`)\n", "");
        if (*f->why.next)
            printf("%-18s          %s\n", "", f->why.next);
        return;
    }
    const json_t *c = json_object_get(f->confinement, "confinement")
                          ? json_object_get(f->confinement, "confinement")
                          : f->confinement;
    char names[128] = "";
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(c, "namespaces"), i, one)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? "," : "",
                 json_string_value(one));
    printf("%-18s landlock %lld, seccomp %s, rlimits %s, namespaces %s\n", f->program,
           (long long)json_integer_value(json_object_get(c, "landlock_abi")),
           yes_no(json_string_length(json_object_get(c, "seccomp")) > 0),
           yes_no(json_is_true(json_object_get(c, "rlimits"))),
           *names ? names : "none (wished for, not required)");
}

static int cmd_doctor(const struct parsed *p, struct fault *reterr)
{
    if (p->positional_count)
        return fault_set(reterr, FAULT_USAGE, "doctor takes no arguments");
    struct app a;
    int r = app_open(&a, p, APP_MOUNTS, reterr);
    if (r < 0) {
        app_done(&a);
        return r;
    }
    struct jail_ability ability;
    jail_probe(&ability);
    struct finding findings[] = {{.program = "boxagnts-worker"},
                                 {.program = "boxagnts-agent"},
                                 {.program = "boxagnts-egress"},
                                 {.program = "boxagnts-compile"},
                                 {.program = "boxagnts-jail", .is_optional = true}};
    try_worker(&a, &findings[0]);
    try_peer(&a, a.agent_program, JAIL_AGENT, permits_monitor_agent, &findings[1]);
    try_peer(&a, a.egress_program, JAIL_EGRESS, permits_monitor_egress, &findings[2]);
    try_peer(&a, a.compile_program, JAIL_COMPILE, permits_monitor_compile, &findings[3]);
    try_jail(&a, &findings[4]);
    bool good = true;
    auto_json json_t *programs = json_object();
    for (size_t i = 0; i < ARRAY_LEN(findings); i++) {
        good = good && (findings[i].confinement || findings[i].is_optional);
        json_t *value = findings[i].confinement
                            ? findings[i].confinement
                            : json_pack("{s:s, s:s}", "missing", findings[i].why.text, "next",
                                        findings[i].why.next);
        if (!a.json)
            print_finding(&findings[i]);
        if (json_object_set_new(programs, findings[i].program, value))
            r = -ENOMEM;
    }
    if (a.json && r == 0) {
        auto_json json_t *all =
            json_pack("{s:b, s:{s:i, s:b, s:b, s:b}, s:O}", "ok", good, "kernel", "landlock_abi",
                      ability.landlock_abi, "seccomp", ability.seccomp, "user_namespaces",
                      ability.user_namespaces, "cgroup_v2", ability.cgroup_v2_delegated, "programs",
                      programs);
        r = all ? app_print_json(all) : -ENOMEM;
    } else if (r == 0) {
        printf("kernel             landlock %d, seccomp %s, user namespaces %s, cgroup v2 %s\n",
               ability.landlock_abi, yes_no(ability.seccomp), yes_no(ability.user_namespaces),
               ability.cgroup_v2_delegated ? "delegated"
                                           : "not delegated (rlimits and the clock hold instead)");
        if (*ability.why_not)
            printf("                   %s\n", ability.why_not);
        puts(good ? "all required layers stand"
                  : "a required layer is missing: nothing will be run");
    }
    app_done(&a);
    return r < 0 ? r : good ? 0 : 7;
}
