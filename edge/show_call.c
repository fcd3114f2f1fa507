/* Everything shown was a planner's or a tool's: each line passes safe_print() and is set in. */
#include "edge/show_call.h"

#include "edge/safe.h"
#include "host/journal.h"
#include "host/talk.h"

#include <errno.h>

#define RESULT_LINES 60
#define NAME_SIZE 32

struct unfolded {
    const char *call;
    json_t *body, *receipt; /* own; of the intent or decision, and the receipt */
    json_t *grants;         /* own; [body] */
};

static int on_row(const struct journal_row *row, void *arg)
{
    struct unfolded *u = arg;
    if (!row->call || strcmp(row->call, u->call) != 0)
        return 0;
    bool is_receipt = strcmp(row->kind, "receipt") == 0, is_grant = strcmp(row->kind, "grant") == 0,
         is_body = strcmp(row->kind, "intent") == 0 || strcmp(row->kind, "decision") == 0;
    auto_json json_t *body = NULL;
    if (!is_receipt && !is_grant && !is_body)
        return 0;
    int r = json_parse(row->json, JSON_SIZE_MAX, &body, NULL);
    if (r < 0)
        return r;
    if (is_grant)
        return json_array_append(u->grants, body) ? -ENOMEM : 0;
    json_t **slot = is_receipt ? &u->receipt : &u->body;
    json_decref(*slot);
    *slot = json_incref(body);
    return 0;
}

/* --- printing --- */

static void head(FILE *out, const char *what, bool has_color)
{
    fprintf(out, "  %s%s%s\n", has_color ? "\033[2m" : "", what, has_color ? "\033[0m" : "");
}

/* Set in; lines_max of it. */
static void print_lines(FILE *out, struct str text, size_t lines_max)
{
    size_t shown = 0;
    while (text.len > 0 && shown++ < lines_max) {
        struct str line = text, rest = {"", 0};
        (void)str_split(text, '\n', &line, &rest);
        fputs("      ", out);
        safe_print(out, line);
        fputc('\n', out);
        text = rest;
    }
    size_t more = text.len > 0;
    for (size_t i = 0; i + 1 < text.len; i++)
        more += text.at[i] == '\n';
    if (more > 0)
        fprintf(out, "      ... %zu more lines: boxagnts replay has them\n", more);
}

static struct str view_of(const json_t *string)
{
    return (struct str){json_string_value(string), json_string_length(string)};
}

static void print_value(FILE *out, const json_t *value)
{
    auto_done(buf) struct buf text;
    buf_init(&text, JSON_SIZE_MAX);
    if (json_is_string(value))
        print_lines(out, view_of(value), SIZE_MAX);
    else if (json_print(value, &text) == 0)
        print_lines(out, buf_str(&text), SIZE_MAX);
}

static void print_arguments(FILE *out, const json_t *input, bool has_color)
{
    const char *name;
    json_t *value;
    head(out, "arguments", has_color);
    if (!json_is_object(input))
        print_value(out, input);
    json_object_foreach((json_t *)(uintptr_t)input, name, value)
    {
        fputs("    ", out);
        safe_print_line(out, name);
        fputs(":\n", out);
        print_value(out, value);
    }
}

static int print_result(FILE *out, struct state *state, const char *session, const char *call,
                        bool has_color)
{
    auto_done(buf) struct buf body;
    auto_json json_t *result = NULL;
    size_t i;
    json_t *piece;
    buf_init(&body, TALK_BODY_MAX);
    int r = talk_result(state, session, str_of(call), &body, NULL);
    if (r == TALK_ABSENT)
        return 0;
    if (r == 0)
        r = json_parse(buf_str(&body), TALK_BODY_MAX, &result, NULL);
    if (r < 0)
        return r;
    head(out, json_is_true(json_object_get(result, "is_error")) ? "result (an error)" : "result",
         has_color);
    json_array_foreach(json_object_get(result, "content"), i, piece)
    {
        const json_t *text = json_object_get(piece, "text");
        print_lines(out, json_is_string(text) ? view_of(text) : STR("(an image)"), RESULT_LINES);
    }
    return 0;
}

static const char *text_in(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static long long number_in(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print_list(FILE *out, const json_t *list, const char *what, const char *first,
                       const char *second)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        fprintf(out, "      %s ", what);
        safe_print_line(out, text_in(one, first));
        fputc(' ', out);
        safe_print_line(out, text_in(one, second));
        fputc('\n', out);
    }
}

static void print_receipt(FILE *out, const json_t *receipt, bool has_color)
{
    const json_t *decision = json_object_get(receipt, "decision"),
                 *used = json_object_get(receipt, "used");
    if (!receipt)
        return;
    head(out, "receipt", has_color);
    fprintf(out, "      %s by %s, rule ", text_in(decision, "verdict"), text_in(decision, "by"));
    safe_print_line(out, text_in(decision, "rule"));
    fprintf(out, "\n      stopped by %s", text_in(receipt, "stopped_by"));
    if (*text_in(receipt, "detail")) {
        fputs(": ", out);
        safe_print_line(out, text_in(receipt, "detail"));
    }
    fprintf(out,
            "\n      %lld.%03lld ms, %lld fuel, %lld KiB memory, read %lld, written %lld bytes\n",
            number_in(used, "wall_us") / 1000, number_in(used, "wall_us") % 1000,
            number_in(used, "fuel"), number_in(used, "peak_memory") / 1024,
            number_in(used, "read_bytes"), number_in(used, "written_bytes"));
    print_list(out, json_object_get(receipt, "touched"), "touched", "op", "path");
    print_list(out, json_object_get(receipt, "contacted"), "contacted", "host", "verdict");
    print_list(out, json_object_get(receipt, "refused"), "refused", "op", "target");
    fprintf(out, "      hash %s\n", text_in(receipt, "hash"));
}

/* --- which --- */

static int name_of(struct state *state, const char *session, struct str said, char ret[NAME_SIZE],
                   struct fault *reterr)
{
    int64_t n = 0;
    struct str digits =
        said.len > 0 && said.at[0] == 'c' ? (struct str){said.at + 1, said.len - 1} : said;
    int r = said.len == 0 ? journal_last_call(state, session, &n)
                          : base_parse_i64(digits, 1, INT64_MAX, &n);
    if (r < 0 || n == 0)
        return said.len == 0
                   ? fault_set(reterr, FAULT_USAGE, "no call was made yet")
                   : fault_set(reterr, FAULT_USAGE, "\"%.*s\" is no call: they are c1, c2, ...",
                               (int)(said.len < 40 ? said.len : 40), said.at);
    snprintf(ret, NAME_SIZE, "c%lld", (long long)n);
    return 0;
}

int show_call(FILE *out, struct state *state, const char *session, struct str call, bool has_color,
              struct fault *reterr)
{
    char name[NAME_SIZE];
    int r = name_of(state, session, call, name, reterr);
    if (r < 0)
        return r;
    struct unfolded u = {.call = name, .grants = json_array()};
    r = u.grants ? journal_each(state, session, 0, on_row, &u) : -ENOMEM;
    if (r == 0 && !u.receipt && !u.body)
        r = fault_set(reterr, FAULT_USAGE, "there is no call %s in this session", name);
    if (r == 0) {
        fprintf(out, "%s ", name);
        safe_print_line(out, text_in(u.receipt ? u.receipt : u.body, "tool"));
        fputc('\n', out);
        print_arguments(out, json_object_get(u.body, "input"), has_color);
        print_list(out, u.grants, "answer", "answer", "reason");
        r = print_result(out, state, session, name, has_color);
        print_receipt(out, u.receipt, has_color);
    }
    json_decref(u.body);
    json_decref(u.receipt);
    json_decref(u.grants);
    return r;
}
