/* Patterns as ECMA-262 writes them, run by PCRE2 without its own extensions: the text is translated first, and what
 * means something else (or nothing) in ECMA is refused at load. Matching is bounded by steps, depth and memory;
 * a pattern that passes a bound is "no answer" (-FAULT_CAP), which callers treat as invalid. No JIT: the monitor has no
 * page that it can both write and run. */
#include "base/buf.h"
#include "tools/schema_inside.h"

#include <errno.h>
#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define PATTERN_SIZE_MAX 4096
#define MATCH_DEPTH_MAX 5000
#define MATCH_HEAP_KIB_MAX 4096

/* PCRE2 does not say what a match cost, so it is tried with a small bound first: the bound that was enough is the cost. */
static const struct {
    uint32_t match_limit;
    int64_t cost;
} tiers[] = {{100, 5}, {2000, 100}, {200000, 10000}};

struct schema_pattern {
    pcre2_code *code;
    pcre2_match_context *bounds[ARRAY_LEN(tiers)];
};

/* ECMA white space beyond what PCRE2's \s has without UCP. */
#define SPACES                                                                                     \
    "\\t\\n\\u{b}\\f\\r \\u{a0}\\u{feff}\\u{1680}\\u{2000}-\\u{200a}\\u{2028}\\u{2029}\\u{202f}\\u{205f}\\u{3000}"

/* Long names of general categories that ECMA has and PCRE2 does not. */
static const struct {
    const char *name, *category;
} categories[] = {
    {"Letter", "L"},
    {"Lowercase_Letter", "Ll"},
    {"Uppercase_Letter", "Lu"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Other", "C"},
    {"Control", "Cc"},
};

struct translation {
    struct str from;
    size_t at;
    struct buf out;
    bool in_class;
    char *why; /* 160 bytes */
};

static int refuse(struct translation *t, const char *what)
{
    snprintf(t->why, 160, "%s at offset %zu", what, t->at);
    return -FAULT_CONFIG;
}

/* \p{Name} and \P{Name}; t->at stands on the p. */
static int translate_property(struct translation *t)
{
    struct str rest = {t->from.at + t->at, t->from.len - t->at};
    const char *end = memchr(rest.at, '}', rest.len);
    if (rest.len < 4 || rest.at[1] != '{' || !end)
        return refuse(t, "\\p needs a name in braces");
    struct str name = {rest.at + 2, (size_t)(end - rest.at) - 2};
    static const char *const prefixes[] = {
        "General_Category=", "gc=", "Script=", "sc=", "Script_Extensions=", "scx="};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts(name, str_of(prefixes[i])))
            name = (struct str){name.at + strlen(prefixes[i]), name.len - strlen(prefixes[i])};
    for (size_t i = 0; i < ARRAY_LEN(categories); i++)
        if (str_is(name, categories[i].name))
            name = str_of(categories[i].category);
    buf_addf(&t->out, "\\%c{%.*s}", rest.at[0], STR_FMT(name));
    t->at += (size_t)(end - rest.at) + 1;
    return 0;
}

static int translate_escape(struct translation *t)
{
    t->at++; /* the backslash */
    if (t->at >= t->from.len)
        return refuse(t, "a backslash at the end");
    char c = t->from.at[t->at];
    if (c == 'p' || c == 'P')
        return translate_property(t);
    if (c == 's' || c == 'S') {
        if (t->in_class && c == 'S')
            buf_add_z(&t->out, "\\S");
        else if (t->in_class)
            buf_add_z(&t->out, SPACES);
        else
            buf_addf(&t->out, "[%s%s]", c == 'S' ? "^" : "", SPACES);
        t->at++;
        return 0;
    }
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && !strchr("dDwWbBtnvfrcxuk", c))
        return refuse(t, "an escape that ECMA-262 does not have");
    if (c == 'v')
        buf_add_z(&t->out, "\\u{b}");
    else
        buf_addf(&t->out, "\\%c", c);
    t->at++;
    if (c == 'c' && t->at < t->from.len)
        buf_add_c(&t->out, t->from.at[t->at++]);
    return 0;
}

/* Groups: only those that ECMA knows; no verbs, recursion, callouts or inline options of PCRE2. */
static int translate_group(struct translation *t)
{
    struct str rest = {t->from.at + t->at, t->from.len - t->at};
    static const char *const known[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!"};
    bool fine = rest.len < 2 || (rest.at[1] != '?' && rest.at[1] != '*');
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        fine |= str_starts(rest, str_of(known[i]));
    if (rest.len > 3 && str_starts(rest, STR("(?<")))
        fine = true; /* a name, or a lookbehind from above */
    if (!fine)
        return refuse(t, "a group that ECMA-262 does not have");
    buf_add_c(&t->out, '(');
    t->at++;
    return 0;
}

static int translate(struct translation *t)
{
    int r = 0;
    while (t->at < t->from.len && r == 0) {
        char c = t->from.at[t->at];
        if (c == '\\') {
            r = translate_escape(t);
        } else if (c == '(' && !t->in_class) {
            r = translate_group(t);
        } else {
            if (t->in_class && c == '[')
                buf_add_c(&t->out, '\\'); /* no [:posix:] classes in ECMA */
            buf_add_c(&t->out, c);
            t->in_class = t->in_class ? c != ']' : c == '[';
            t->at++;
        }
    }
    return r ? r : buf_error(&t->out);
}

static bool make_bounds(struct schema_pattern *p)
{
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        p->bounds[i] = pcre2_match_context_create(NULL);
        if (!p->bounds[i])
            return false;
        pcre2_set_match_limit(p->bounds[i], tiers[i].match_limit);
        pcre2_set_depth_limit(p->bounds[i], MATCH_DEPTH_MAX);
        pcre2_set_heap_limit(p->bounds[i], MATCH_HEAP_KIB_MAX);
    }
    return true;
}

int schema_pattern_new(struct str ecma, own struct schema_pattern **ret, char ret_why[160])
{
    if (ecma.len > PATTERN_SIZE_MAX) {
        snprintf(ret_why, 160, "longer than %d bytes", PATTERN_SIZE_MAX);
        return -FAULT_CONFIG;
    }
    struct translation t = {.from = ecma, .why = ret_why};
    buf_init(&t.out, (size_t)PATTERN_SIZE_MAX * 32);
    int r = translate(&t);
    if (r) {
        buf_done(&t.out);
        return r;
    }
    struct schema_pattern *p = calloc(1, sizeof *p);
    pcre2_compile_context *how = pcre2_compile_context_create(NULL);
    if (!p || !how || !make_bounds(p)) {
        pcre2_compile_context_free(how);
        buf_done(&t.out);
        schema_pattern_free(p);
        return -ENOMEM;
    }
    pcre2_set_newline(how, PCRE2_NEWLINE_ANYCRLF);
    pcre2_set_parens_nest_limit(how, 64);
    pcre2_set_compile_extra_options(how, PCRE2_EXTRA_ALT_BSUX);
    uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_ALT_BSUX |
                       PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    int error = 0;
    PCRE2_SIZE offset = 0;
    struct str text = buf_str(&t.out);
    p->code = pcre2_compile((PCRE2_SPTR)text.at, text.len, options, &error, &offset, how);
    pcre2_compile_context_free(how);
    buf_done(&t.out);
    if (!p->code) {
        unsigned char message[120] = "";
        pcre2_get_error_message(error, message, sizeof message);
        snprintf(ret_why, 160, "%s", (const char *)message);
        schema_pattern_free(p);
        return -FAULT_CONFIG;
    }
    *ret = p;
    return 0;
}

void schema_pattern_free(own struct schema_pattern *p)
{
    if (!p)
        return;
    pcre2_code_free(p->code);
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++)
        pcre2_match_context_free(p->bounds[i]);
    free(p);
}

int schema_pattern_match(const struct schema_pattern *p, struct str subject, int64_t *steps)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int r = PCRE2_ERROR_MATCHLIMIT;
    if (!data)
        return -ENOMEM;
    *steps += (int64_t)(subject.len / 256);
    for (size_t i = 0;
         i < ARRAY_LEN(tiers) && r == PCRE2_ERROR_MATCHLIMIT && *steps < SCHEMA_STEPS_MAX; i++) {
        *steps += tiers[i].cost;
        r = pcre2_match(p->code, (PCRE2_SPTR)subject.at, subject.len, 0, 0, data, p->bounds[i]);
    }
    pcre2_match_data_free(data);
    if (r >= 0)
        return 1;
    return r == PCRE2_ERROR_NOMATCH ? 0 : -FAULT_CAP;
}
