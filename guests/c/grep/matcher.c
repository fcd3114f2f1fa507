/* See scan.h. PCRE2 with every limit set: a pattern that backtracks without end is stopped by the match limit and
 * named, it never becomes a silent "no match". */
#include "scan.h"

#include "required.h"
#include "tool.h"
#include "utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum {
    MATCH_LIMIT = 2000000,
    DEPTH_LIMIT = 20000,
    HEAP_LIMIT_KIB = 32 << 10,
    NEST_LIMIT = 100,
};

struct matcher {
    pcre2_code *code;       /* for lines that are valid UTF-8 */
    pcre2_code *loose_code; /* for all others; made when the first one comes */
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_compile_context *compile_context;
    struct str pattern;
    uint32_t options;
    struct str literal;  /* the whole pattern, when it is plain text and case counts */
    struct str required; /* is in every match; empty when that is not known */
    int first_byte;      /* every match begins with it, or -1 */
};

static pcre2_code *compile(const struct matcher *matcher, uint32_t more)
{
    int error;
    PCRE2_SIZE at;
    PCRE2_UCHAR text[256];
    struct str shown;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)matcher->pattern.at, matcher->pattern.len,
                      matcher->options | more, &error, &at, matcher->compile_context);

    if (code != NULL)
        return code;
    if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
        strcpy((char *)text, "unknown error");
    shown = utf8_head(str_part(matcher->pattern, 0, at), 200);
    tool_fail(
        "bad_pattern",
        "Bad argument: pattern is not a valid regular expression: %s, after `%.*s` (character "
        "%zu). To search for the text itself put \\ before . * + ? ( ) [ ] { } ^ $ | \\.",
        (const char *)text, (int)shown.len, shown.at, utf8_count(shown));
}

static bool is_plain_text(struct str pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (strchr("\\^$.|?*+()[]{}\n", pattern.at[i]) != NULL)
            return false;
    return true;
}

own struct matcher *matcher_new(struct str pattern, bool ignore_case)
{
    struct matcher *matcher = mem_need(sizeof(*matcher));
    uint32_t kind = 0;
    uint32_t unit = 0;

    *matcher = (struct matcher){.pattern = pattern, .first_byte = -1};
    matcher->compile_context = pcre2_compile_context_create(NULL);
    matcher->context = pcre2_match_context_create(NULL);
    if (matcher->compile_context == NULL || matcher->context == NULL)
        mem_fail();
    pcre2_set_parens_nest_limit(matcher->compile_context, NEST_LIMIT);
    pcre2_set_match_limit(matcher->context, MATCH_LIMIT);
    pcre2_set_depth_limit(matcher->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
    matcher->options =
        PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | (ignore_case ? PCRE2_CASELESS : 0u);
    matcher->code = compile(matcher, 0);
    matcher->data = pcre2_match_data_create(1, NULL);
    if (matcher->data == NULL)
        mem_fail();
    if (ignore_case)
        return matcher;
    if (is_plain_text(pattern))
        matcher->literal = pattern;
    matcher->required = required_text(pattern);
    /* An inline option such as (?i) may make the first unit caseless, which this does not tell. */
    if (str_find(pattern, STR("(?"), 0) == SIZE_MAX &&
        str_find(pattern, STR("(*"), 0) == SIZE_MAX &&
        pcre2_pattern_info(matcher->code, PCRE2_INFO_FIRSTCODETYPE, &kind) == 0 && kind == 1 &&
        pcre2_pattern_info(matcher->code, PCRE2_INFO_FIRSTCODEUNIT, &unit) == 0)
        matcher->first_byte = (int)unit;
    return matcher;
}

static _Noreturn void fail_limit(int error, struct str path, uint64_t line_number)
{
    PCRE2_UCHAR text[256];
    struct str shown = tool_name(path);

    if (error == PCRE2_ERROR_NOMEMORY)
        mem_fail();
    if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
        strcpy((char *)text, "unknown error");
    tool_fail("pattern_limit",
              "The pattern needs too much backtracking (%s) at %.*s line %llu. Make it simpler: no "
              "repeats inside repeats such as (a+)+, no .* in the middle.",
              (const char *)text, (int)shown.len, shown.at, (unsigned long long)line_number);
}

bool matcher_test(struct matcher *matcher, struct str line, bool is_utf8, struct str path,
                  uint64_t line_number, size_t *ret_start)
{
    int count;

    if (matcher->literal.len > 0) {
        *ret_start = str_find(line, matcher->literal, 0);
        return *ret_start != SIZE_MAX;
    }
    if (!is_utf8 && matcher->loose_code == NULL)
        matcher->loose_code = compile(matcher, PCRE2_MATCH_INVALID_UTF);
    count = pcre2_match(is_utf8 ? matcher->code : matcher->loose_code,
                        (PCRE2_SPTR)(line.len > 0 ? line.at : ""), line.len, 0,
                        is_utf8 ? PCRE2_NO_UTF_CHECK : 0, matcher->data, matcher->context);
    if (count >= 0) {
        *ret_start = pcre2_get_ovector_pointer(matcher->data)[0];
        return true;
    }
    if (count != PCRE2_ERROR_NOMATCH)
        fail_limit(count, path, line_number);
    return false;
}

size_t matcher_skip(const struct matcher *matcher, struct str text, size_t at)
{
    const char *hit;

    if (at >= text.len)
        return SIZE_MAX;
    if (matcher->required.len > 0)
        return str_find(text, matcher->required, at);
    if (matcher->first_byte < 0)
        return at;
    hit = memchr(text.at + at, matcher->first_byte, text.len - at);
    return hit != NULL ? (size_t)(hit - text.at) : SIZE_MAX;
}
