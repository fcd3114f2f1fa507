/* The command line as data: each command is one const row with its options; parsing, --help, the man page
 * and shell completions are made from the same rows. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"

#include <stdio.h>

#define OPTION_POSITIONAL_MAX 4096

struct command;

/* What was given. One list, in order; options may repeat. Views borrow from argv. */
struct given {
    const struct option_row *row;
    const char *value; /* NULL for a flag */
};
struct parsed {
    const struct command *command;
    struct given *given; /* own */
    size_t given_count;
    const char **positional; /* own; NULL-terminated; after `--` all are positional */
    size_t positional_count;
    size_t before_dashes; /* how many of them came before `--` (== positional_count without one) */
};

enum option_kind {
    OPTION_FLAG,
    OPTION_VALUE,
    OPTION_LIST /* may be repeated; commas also separate */,
    OPTION_REPEAT /* may be repeated, commas do not separate */
};

struct option_row {
    int id;           /* what the command asks for with option_*() */
    const char *name; /* long name without dashes */
    char letter;      /* 0 = none */
    enum option_kind kind;
    const char *value; /* "N", "FILE"; NULL for a flag */
    const char *help;  /* one line */
};

struct command {
    const char *name;    /* "run", "session list" is name "session", sub NULL: see usage */
    const char *usage;   /* "[PROMPT|-]" */
    const char *summary; /* one line */
    const char *text;    /* more, for --help; may be NULL */
    const struct option_row *const
        *tables;         /* NULL-ended list of option tables, each ended by a row without name */
    bool stops_at_first; /* positional arguments end the options (exec FILE ARG...) */
    int (*run)(const struct parsed *p, struct fault *reterr); /* exit code, or -fault */
};

/* -FAULT_USAGE names the flag, what was expected and the nearest known one. argv[0] is the first word after
 * the command's name. */
must_use int options_parse(const struct command *c, int argc, char **argv, struct parsed *ret,
                           struct fault *reterr);
void parsed_done(struct parsed *p);

bool option_flag(const struct parsed *p, int id);
const char *option_value(const struct parsed *p, int id); /* the last one given, or NULL */
/* Calls each(item) for every item of a list or repeated option, in order. */
must_use int option_each(const struct parsed *p, int id, int (*each)(struct str item, void *arg),
                         void *arg);

void options_help(FILE *out, const char *program, const struct command *c);
/* The nearest of `count` names within an edit distance that a typing slip explains, or NULL. */
const char *options_nearest(const char *name, const char *const *names, size_t count);
