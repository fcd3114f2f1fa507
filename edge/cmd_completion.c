/* boxagnts completion: shell completions and the man page, made from the option tables. */
#include "edge/app.h"
#include "edge/commands.h"

#include <stdio.h>

static const struct option_row *const tables[] = {options_common, NULL};

static int cmd_completion(const struct parsed *p, struct fault *reterr);

const struct command command_completion = {
    .name = "completion",
    .usage = "bash | man",
    .summary = "print shell completions or the man page",
    .text = "eval \"$(boxagnts completion bash)\"\n",
    .tables = tables,
    .run = cmd_completion,
};

static void print_flags(const struct command *c)
{
    for (const struct option_row *const *table = c->tables; table && *table; table++)
        for (const struct option_row *row = *table; row->name; row++)
            printf(" --%s", row->name);
}

static int completion_bash(const struct parsed *p, struct fault *reterr)
{
    (void)p;
    (void)reterr;
    puts(
        "_boxagnts() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words=\n  if [ \"$COMP_CWORD\" = 1 ]; then");
    fputs("    words=\"", stdout);
    for (const struct command *const *c = commands; *c; c++)
        printf("%s%s", c == commands ? "" : " ", (*c)->name);
    puts("\"\n  else case ${COMP_WORDS[1]} in");
    for (const struct command *const *c = commands; *c; c++) {
        printf("    %s) words=\"", (*c)->name);
        print_flags(*c);
        puts("\" ;;");
    }
    puts(
        "  esac; fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _boxagnts boxagnts");
    return 0;
}

/* roff: a dash is \-, a backslash at the start of nothing here. */
static void print_roff(const char *z)
{
    for (; *z; z++) {
        if (*z == '-')
            putchar('\\');
        if (*z == '\\')
            fputs("\\e", stdout);
        else
            putchar(*z);
    }
}

static int completion_man(const struct parsed *p, struct fault *reterr)
{
    (void)p;
    (void)reterr;
    puts(
        ".TH BOXAGNTS 1\n.SH NAME\nboxagnts \\- run AI agents in a sandbox\n.SH SYNOPSIS\n.B boxagnts\n.I COMMAND\n[options]\n.SH COMMANDS");
    for (const struct command *const *c = commands; *c; c++) {
        printf(".SS ");
        print_roff((*c)->name);
        putchar(' ');
        print_roff((*c)->usage);
        putchar('\n');
        print_roff((*c)->summary);
        putchar('\n');
        for (const struct option_row *const *table = (*c)->tables; table && *table; table++)
            for (const struct option_row *row = *table; row->name; row++) {
                fputs(".TP\n\\-\\-", stdout);
                print_roff(row->name);
                if (row->value) {
                    putchar(' ');
                    print_roff(row->value);
                }
                putchar('\n');
                print_roff(row->help);
                putchar('\n');
            }
    }
    puts(
        ".SH EXIT STATUS\n0 done, 1 failed, 2 usage or config, 3 refused by policy, 4 money, 5 another limit, 6 model service, 7 the sandbox "
        "cannot be built, 8 the guest failed by itself, 130 cancelled.");
    return 0;
}

static const struct verb verbs[] = {
    {"bash", "", "completions for bash", completion_bash, 0, 0},
    {"man", "", "the man page (roff)", completion_man, 0, 0},
};

static int cmd_completion(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
