/* A question as a person sees it. Lines of the detail are anybody's text: each one goes through safe_print() by itself and is set
 * in, so that none of it can look like a line of ours, which begin further left. */
#include "edge/question.h"

#include "edge/safe.h"

#include <string.h>

#define PLAIN "\033[0m"
#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define CYAN "\033[36m"
#define YELLOW "\033[33m"

static const char *text_in(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const char *color_of(struct str line)
{
    if (str_starts(line, STR("+++")) || str_starts(line, STR("---")))
        return BOLD;
    char c = line.len > 0 ? line.at[0] : ' ';
    return c == '+' ? GREEN : c == '-' ? RED : c == '@' ? CYAN : NULL;
}

static void print_line(FILE *out, struct str line, const char *color)
{
    fputs("      ", out);
    if (color)
        fputs(color, out);
    safe_print(out, line);
    if (color)
        fputs(PLAIN, out);
    fputc('\n', out);
}

static void print_detail(FILE *out, const json_t *detail, bool has_color, size_t lines_max)
{
    const json_t *text = json_object_get(detail, "text");
    struct str rest = {json_string_value(text), json_string_length(text)}, line;
    bool is_diff = strcmp(text_in(detail, "form"), "diff") == 0;
    size_t shown = 0;
    while (rest.len > 0 && shown < lines_max) {
        struct str tail = {"", 0};
        line = rest;
        (void)str_split(rest, '\n', &line, &tail);
        print_line(out, line, has_color && is_diff ? color_of(line) : NULL);
        rest = tail;
        shown++;
    }
    size_t more = 0;
    for (size_t i = 0; i < rest.len; i++)
        more += rest.at[i] == '\n';
    if (more > 0)
        fprintf(out, "      %s... %zu more lines: d shows them%s\n", has_color ? DIM : "", more,
                has_color ? PLAIN : "");
}

static void print_sentence(FILE *out, const char *what, const char *text)
{
    fputs(what, out);
    safe_print_line(out, text);
    fputc('\n', out);
}

void question_print(FILE *out, const json_t *question, bool has_color, size_t lines_max)
{
    const json_t *effects = json_object_get(question, "effects"), *one;
    size_t i;
    fprintf(out, "\n  %s?%s ", has_color ? YELLOW BOLD : "", has_color ? PLAIN : "");
    print_sentence(out, "", text_in(question, "what"));
    print_detail(out, json_object_get(question, "detail"), has_color, lines_max);
    json_array_foreach((json_t *)(uintptr_t)effects, i, one)
    {
        const char *source = json_string_value(json_object_get(one, "source"));
        if (json_array_size(effects) > 1) {
            fprintf(out, "    %s(", text_in(one, "effect"));
            safe_print_line(out, text_in(one, "target"));
            fputs(")\n", out);
        }
        print_sentence(out, "    asked by rule: ", text_in(one, "rule"));
        print_sentence(out, "    at worst: ", text_in(one, "worst"));
        if (!source)
            continue;
        fputs(has_color ? YELLOW : "", out);
        print_sentence(out, "    careful: ", source);
        fputs(has_color ? PLAIN : "", out);
    }
}

static void print_offers(FILE *out, const json_t *question)
{
    const json_t *effects = json_object_get(question, "effects"), *one;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)effects, i, one)
    {
        const char *pattern = json_string_value(json_object_get(one, "pattern"));
        fputs(i > 0 ? " and " : " ", out);
        if (pattern) {
            safe_print_line(out, pattern);
            continue;
        }
        fprintf(out, "%s(", text_in(one, "effect"));
        safe_print_line(out, text_in(one, "target"));
        fputs(json_is_true(json_object_get(one, "recursive")) ? ") and all beneath it" : ")", out);
    }
}

void question_print_keys(FILE *out, const json_t *question)
{
    fputs("    [y] once  [s] for this session  [n] no, and why  [?] more\n    [a] always:", out);
    print_offers(out, question);
    fputs("\n    answer: ", out);
    fflush(out);
}

void question_print_help(FILE *out, const json_t *question)
{
    fputs("    y            this call, once\n"
          "    s            exactly this, from this tool, whenever it is asked in this session\n"
          "    a            always in this session:",
          out);
    print_offers(out, question);
    fprintf(
        out,
        "; %d times and %d hours at most\n"
        "    a PATTERN    another pattern, like Write(/src/**); with bounds behind it: 20x 2h $0.50\n"
        "    n REASON     no; the reason is told to the model\n"
        "    d            all of what would happen\n",
        GRANT_USES_DEFAULT, GRANT_SECONDS_DEFAULT / 3600);
}
