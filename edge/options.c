/* Parsing and help over the option tables. Knows no command. */
#include "edge/options.h"

#include <errno.h>
#include <string.h>

#define NAME_MAX_LEN 64

static const struct option_row *find_row(const struct command *c, const char *name, size_t len,
                                         char letter)
{
    for (const struct option_row *const *table = c->tables; table && *table; table++)
        for (const struct option_row *row = *table; row->name; row++)
            if (letter ? row->letter == letter
                       : strlen(row->name) == len && memcmp(row->name, name, len) == 0)
                return row;
    return NULL;
}

static size_t distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return NAME_MAX_LEN;
    size_t row[NAME_MAX_LEN + 1];
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[lb];
}

const char *options_nearest(const char *name, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(name, names[i]);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

static int unknown(const struct command *c, const char *given, struct fault *reterr)
{
    const char *names[256];
    size_t count = 0;
    for (const struct option_row *const *table = c->tables; table && *table; table++)
        for (const struct option_row *row = *table; row->name && count < ARRAY_LEN(names); row++)
            names[count++] = row->name;
    char bare[NAME_MAX_LEN + 1] = {0};
    const char *at = given + strspn(given, "-");
    size_t len = strcspn(at, "=");
    memcpy(bare, at, len < NAME_MAX_LEN ? len : NAME_MAX_LEN);
    const char *near = len > 1 ? options_nearest(bare, names, count) : NULL;
    int r = fault_set(reterr, FAULT_USAGE, "%s: unknown option %s", c->name, given);
    if (near)
        fault_next(reterr, "did you mean --%s?", near);
    else
        fault_next(reterr, "boxagnts %s --help lists the options", c->name);
    return r;
}

static int take_option(struct parsed *p, int argc, char **argv, int *i, struct fault *reterr)
{
    const char *word = argv[*i];
    bool is_long = word[1] == '-';
    const char *equals = strchr(word, '=');
    size_t len = is_long ? (equals ? (size_t)(equals - word) : strlen(word)) - 2 : 0;
    const struct option_row *row =
        is_long ? find_row(p->command, word + 2, len, 0) : find_row(p->command, NULL, 0, word[1]);
    if (!row)
        return unknown(p->command, word, reterr);
    const char *value = NULL;
    if (row->kind == OPTION_FLAG) {
        if (is_long ? equals != NULL : word[2] != 0)
            return fault_set(reterr, FAULT_USAGE, "%s: --%s takes no value", p->command->name,
                             row->name);
    } else if (is_long && equals) {
        value = equals + 1;
    } else if (!is_long && word[2]) {
        value = word + 2;
    } else if (*i + 1 < argc) {
        value = argv[++*i];
    } else {
        return fault_set(reterr, FAULT_USAGE, "%s: --%s needs a value: %s", p->command->name,
                         row->name, row->value);
    }
    p->given[p->given_count++] = (struct given){row, value};
    return 0;
}

int options_parse(const struct command *c, int argc, char **argv, struct parsed *ret,
                  struct fault *reterr)
{
    *ret = (struct parsed){.command = c};
    ret->given = calloc((size_t)argc + 1, sizeof(*ret->given));
    ret->positional = calloc((size_t)argc + 1, sizeof(*ret->positional));
    if (!ret->given || !ret->positional)
        return -ENOMEM;
    bool only_positional = false, dashes = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!only_positional && strcmp(word, "--") == 0) {
            only_positional = dashes = true;
            ret->before_dashes = ret->positional_count;
            continue;
        }
        if (!only_positional && word[0] == '-' && word[1]) {
            int r = take_option(ret, argc, argv, &i, reterr);
            if (r < 0)
                return r;
            continue;
        }
        ret->positional[ret->positional_count++] = word;
        if (c->stops_at_first && !dashes) {
            /* the program's own words follow; one `--` in front of them is ours */
            only_positional = true;
            ret->before_dashes = ret->positional_count;
            dashes = true;
            if (i + 1 < argc && strcmp(argv[i + 1], "--") == 0)
                i++;
        }
    }
    if (!dashes)
        ret->before_dashes = ret->positional_count;
    return 0;
}

void parsed_done(struct parsed *p)
{
    free(p->given);
    free((void *)p->positional);
    *p = (struct parsed){0};
}

bool option_flag(const struct parsed *p, int id)
{
    for (size_t i = 0; i < p->given_count; i++)
        if (p->given[i].row->id == id)
            return true;
    return false;
}

const char *option_value(const struct parsed *p, int id)
{
    const char *value = NULL;
    for (size_t i = 0; i < p->given_count; i++)
        if (p->given[i].row->id == id)
            value = p->given[i].value;
    return value;
}

int option_each(const struct parsed *p, int id, int (*each)(struct str item, void *arg), void *arg)
{
    for (size_t i = 0; i < p->given_count; i++) {
        if (p->given[i].row->id != id)
            continue;
        struct str rest = str_of(p->given[i].value), item;
        bool more = true;
        while (more) {
            more = p->given[i].row->kind == OPTION_LIST && str_split(rest, ',', &item, &rest);
            int r = each(more ? item : rest, arg);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

void options_help(FILE *out, const char *program, const struct command *c)
{
    fprintf(out, "usage: %s %s%s%s%s\n\n%s\n", program, c->name, c->tables ? " [options]" : "",
            *c->usage ? " " : "", c->usage, c->summary);
    if (c->text)
        fprintf(out, "\n%s", c->text);
    for (const struct option_row *const *table = c->tables; table && *table; table++) {
        fputc('\n', out);
        for (const struct option_row *row = *table; row->name; row++) {
            char left[NAME_MAX_LEN + 16];
            int n = row->letter ? snprintf(left, sizeof(left), "-%c, --%s", row->letter, row->name)
                                : snprintf(left, sizeof(left), "    --%s", row->name);
            if (row->value && n > 0 && (size_t)n < sizeof(left))
                snprintf(left + n, sizeof(left) - (size_t)n, " %s", row->value);
            fprintf(out, "  %-34s %s\n", left, row->help);
        }
    }
}
