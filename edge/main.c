/* From argv to a command, and from its end to an exit code. The monitor locks itself down before the
 * command reads anything: settings, scripts, modules and answers all come after that line. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/hook_runner.h"
#include "os/follow.h"
#include "os/random.h"
#include "sandbox/jail/jail.h"

#include <stdio.h>
#include <string.h>

const struct command *const commands[] = {
    &command_run,     &command_chat,    &command_exec,   &command_jail,       &command_tool,
    &command_policy,  &command_session, &command_replay, &command_undo,       &command_diff,
    &command_journal, &command_budget,  &command_doctor, &command_completion, NULL,
};

static void usage(FILE *out)
{
    fputs(
        "BoxAgnts runs AI agents in a sandbox: a model plans, BoxAgnts decides what may happen.\n\n"
        "usage: boxagnts COMMAND [options] ...\n\n",
        out);
    for (const struct command *const *c = commands; *c; c++)
        fprintf(out, "  %-12s %s\n", (*c)->name, (*c)->summary);
    fputs(
        "\n`boxagnts COMMAND --help` tells more; `boxagnts --version` the version.\n"
        "Exit: 0 done, 1 failed, 2 usage or config, 3 refused by policy, 4 money, 5 another limit, 6 model service,\n"
        "7 the sandbox cannot be built, 8 the guest failed by itself, 130 cancelled.\n",
        out);
}

static const struct command *find(const char *name)
{
    for (const struct command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[32];
    size_t count = 0;
    for (const struct command *const *c = commands; *c && count < ARRAY_LEN(names); c++)
        names[count++] = (*c)->name;
    const char *near = options_nearest(name, names, count);
    struct fault f = {0};
    int r = fault_set(&f, FAULT_USAGE, "there is no command \"%s\"", name);
    if (near)
        fault_next(&f, "did you mean `boxagnts %s`?", near);
    else
        fault_next(&f, "`boxagnts --help` lists the commands");
    app_complain(&f);
    return fault_exit_code(r);
}

static int lock_down(struct fault *f)
{
    const struct jail_profile profile = {.program = JAIL_MONITOR,
                                         .channel_fd = -1,
                                         .facets = JAIL_ALL,
                                         .required =
                                             JAIL_REQUIRED_DEFAULT & jail_facets(JAIL_MONITOR)};
    struct jail_report report;
    return jail_enter(&profile, &report, f);
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct fault f = {0};
    struct parsed p;
    int r = options_parse(c, argc, argv, &p, &f);
    if (r == 0 && option_flag(&p, OPT_HELP))
        options_help(stdout, "boxagnts", c);
    else if (r == 0 && (r = os_follow_parent(option_flag(&p, OPT_WITH_PARENT))) == 0)
        r = c->run(&p, &f);
    parsed_done(&p);
    if (r >= 0)
        return r;
    if (f.code == 0)
        (void)fault_set(&f, -r, "%s: %s", c->name, fault_sentence(r));
    app_complain(&f);
    return fault_exit_code(f.code == -r ? r : -f.code);
}

int edge_main(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], HOOK_RUNNER_NAME) == 0)
        return hook_runner_main(argc, argv); /* before anything else: it is another program */
    uint32_t seed;
    os_random(&seed, sizeof(seed));
    json_start(seed);
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        const struct command *about = argc > 2 ? find(argv[2]) : NULL;
        if (about)
            options_help(stdout, "boxagnts", about);
        else
            usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        puts("boxagnts " BOXAGNTS_VERSION);
        return 0;
    }
    const struct command *c = find(argv[1]);
    if (!c)
        return unknown(argv[1]);
    struct fault f = {0};
    int r = lock_down(&f);
    if (r < 0) {
        app_complain(&f);
        return fault_exit_code(r);
    }
    return run_command(c, argc - 2, argv + 2);
}

int verbs_run(const struct verb *verbs, size_t count, const struct parsed *p, struct fault *reterr)
{
    const char *given = p->positional_count ? p->positional[0] : NULL;
    for (size_t i = 0; given && i < count; i++) {
        if (strcmp(verbs[i].name, given) != 0)
            continue;
        size_t n = p->positional_count - 1;
        if (n >= verbs[i].least && n <= verbs[i].most)
            return verbs[i].run(p, reterr);
        (void)fault_set(reterr, FAULT_USAGE, "%s %s: wrong number of arguments", p->command->name,
                        given);
        fault_next(reterr, "usage: boxagnts %s %s %s", p->command->name, given, verbs[i].usage);
        return -FAULT_USAGE;
    }
    if (given)
        (void)fault_set(reterr, FAULT_USAGE, "%s: there is no \"%s\"", p->command->name, given);
    else
        (void)fault_set(reterr, FAULT_USAGE, "%s: what?", p->command->name);
    char list[200] = "";
    for (size_t i = 0; i < count; i++)
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
                 verbs[i].name);
    fault_next(reterr, "one of: %s", list);
    return -FAULT_USAGE;
}
