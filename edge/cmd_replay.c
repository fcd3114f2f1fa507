/* boxagnts replay: a session as a story. Nothing is run: what was said comes from the talk, what was done from the journal. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/safe.h"
#include "host/journal.h"
#include "host/ledger.h"
#include "host/talk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RESULT_SHOWN 400

static const struct option_row *const tables[] = {options_common, NULL};

static int cmd_replay(const struct parsed *p, struct fault *reterr);

const struct command command_replay = {
    .name = "replay",
    .usage = "SESSION",
    .summary = "a session as a story: what was said, what was called, each with its receipt",
    .text =
        "Nothing is run. To run its model events against today's code: boxagnts run --model replay:SESSION\n",
    .tables = tables,
    .run = cmd_replay,
};

struct story {
    json_t *inputs, *receipts; /* own; by the call's name */
    char model[120];           /* that answered last */
    bool as_json;
};

static int on_journal(const struct journal_row *row, void *arg)
{
    struct story *s = arg;
    auto_json json_t *body = NULL;
    json_t *to =
        strcmp(row->kind, "receipt") == 0 ? s->receipts
        : row->call && (strcmp(row->kind, "intent") == 0 || strcmp(row->kind, "decision") == 0)
            ? s->inputs
            : NULL;
    if (!to || json_parse(row->json, JSON_SIZE_MAX, &body, NULL) < 0)
        return 0;
    const char *call = json_string_value(json_object_get(body, "call"));
    return call && json_object_set(to, call, body) ? -ENOMEM : 0;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *z = json_string_value(json_object_get(o, key));
    return z ? z : "";
}

/* Lines of a text, each behind a margin; every byte passes safe_print. */
static void print_text(const char *margin, struct str text, size_t most)
{
    bool is_cut = text.len > most;
    if (is_cut)
        text.len = utf8_valid_prefix((struct str){text.at, most});
    bool more = true;
    while (more) {
        struct str line;
        more = str_split(text, '\n', &line, &text);
        if (!more)
            line = text;
        if (line.len == 0 && !more)
            break;
        fputs(margin, stdout);
        safe_print(stdout, line);
        putchar('\n');
    }
    if (is_cut)
        printf("%s...\n", margin);
}

static struct str string_of(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return (struct str){json_is_string(v) ? json_string_value(v) : "", json_string_length(v)};
}

static void print_message(const json_t *message)
{
    bool is_planner = strcmp(text_of(message, "role"), "assistant") == 0;
    size_t i;
    json_t *block;
    json_array_foreach(json_object_get(message, "content"), i, block)
    {
        const char *type = text_of(block, "type");
        if (strcmp(type, "text") == 0) {
            puts(is_planner ? "planner" : "person or runtime");
            print_text("  | ", string_of(block, "text"), SIZE_MAX);
        } else if (strcmp(type, "thinking") == 0) {
            puts("planner, thinking");
            print_text("  : ", string_of(block, "text"), SIZE_MAX);
        }
    }
}

static void print_call(const struct story *s, const char *call)
{
    char tool[80], target[120];
    const json_t *intent = json_object_get(s->inputs, call);
    safe_copy(tool, sizeof(tool), text_of(intent, "tool"));
    safe_copy(target, sizeof(target), app_call_target(json_object_get(intent, "input")));
    printf("%s %s %s\n", call, tool, target);
}

static void print_receipt(const struct story *s, const char *call)
{
    const json_t *r = json_object_get(s->receipts, call),
                 *decision = json_object_get(r, "decision");
    char rule[120], detail[160];
    if (!r)
        return; /* of the session that this one is a copy of */
    safe_copy(rule, sizeof(rule), text_of(decision, "rule"));
    safe_copy(detail, sizeof(detail), text_of(r, "detail"));
    printf("  receipt %.12s: %s by %s (%s), ended by %s%s, %lld us\n", text_of(r, "hash"),
           text_of(decision, "verdict"), text_of(decision, "by"), rule, text_of(r, "stopped_by"),
           json_is_true(json_object_get(r, "is_error")) ? ", an error" : "",
           (long long)json_integer_value(json_object_get(json_object_get(r, "used"), "wall_us")));
    size_t i;
    json_t *one;
    if (*detail && strcmp(text_of(r, "stopped_by"), "exit") != 0)
        printf("  %s\n", detail);
    json_array_foreach(json_object_get(r, "touched"), i, one)
    {
        safe_copy(detail, sizeof(detail), text_of(one, "path"));
        printf("  %s %s\n", text_of(one, "op"), detail);
    }
}

static void print_result(const json_t *body)
{
    size_t i;
    json_t *piece;
    json_array_foreach(json_object_get(body, "content"), i, piece)
        print_text("  > ", string_of(piece, "text"), RESULT_SHOWN);
}

static int print_json(const struct story *s, const struct talk_row *row, const char *call,
                      json_t *body)
{
    bool is_result = str_is(row->kind, "result");
    auto_json json_t *line =
        json_pack("{s:o, s:I, s:s*, s:O, s:O*}", "type", json_string_lossy(row->kind), "number",
                  (json_int_t)row->number, "call", call, "body", body, "receipt",
                  is_result && call ? json_object_get(s->receipts, call) : NULL);
    return line ? app_print_json(line) : -ENOMEM;
}

/* Who answered, when it is another one than before; and what failed. */
static void print_turn(struct story *s, const json_t *body)
{
    char error[60], model[sizeof(s->model)];
    safe_copy(model, sizeof(model), text_of(body, "model"));
    if (*model && strcmp(model, s->model) != 0)
        printf("model %s\n", model);
    memcpy(s->model, model, sizeof(model));
    safe_copy(error, sizeof(error), text_of(body, "error"));
    if (strcmp(text_of(body, "outcome"), "error") == 0)
        printf("service: %s\n", error);
}

static int on_row(const struct talk_row *row, void *arg)
{
    struct story *s = arg;
    auto_json json_t *body = NULL;
    if (json_parse(row->body, TALK_BODY_MAX, &body, NULL) < 0)
        return 0;
    auto_json json_t *name = row->call.at ? json_string_lossy(row->call) : NULL;
    const char *call = json_string_value(name);
    if (s->as_json)
        return print_json(s, row, call, body);
    if (str_is(row->kind, "message"))
        print_message(json_object_get(body, "message"));
    else if (str_is(row->kind, "summary"))
        print_message(body);
    else if (str_is(row->kind, "call") && call && !json_object_get(s->receipts, call)) {
        print_call(s, call);
        puts("  no receipt: its outcome is unknown");
    } else if (str_is(row->kind, "result") && call) {
        print_call(s, call);
        print_result(body);
        print_receipt(s, call);
    } else if (str_is(row->kind, "turn")) {
        print_turn(s, body);
    }
    return 0;
}

static int cmd_replay(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    if (p->positional_count != 1)
        return fault_set(reterr, FAULT_USAGE, "replay: one SESSION, or `last`");
    struct story s = {json_object(), json_object(), "", option_flag(p, OPT_JSON)};
    int r = s.inputs && s.receipts ? state_open(&state, reterr) : -ENOMEM;
    if (r == 0)
        r = session_find(state, str_of(p->positional[0]), &row, reterr);
    if (r == 0)
        r = journal_each(state, row.id, 0, on_journal, &s);
    if (r == 0 && !s.as_json)
        printf("session %s\n", row.id);
    if (r == 0)
        r = talk_each(state, row.id, on_row, &s, reterr);
    if (r == 0 && !s.as_json) {
        auto_free char *cost = ledger_usd_text(row.cost_pico);
        printf("%s: %lld turns, %lld calls, $%s\n", row.status, (long long)row.turns,
               (long long)row.calls, cost ? cost : "?");
    }
    session_row_done(&row);
    json_decref(s.inputs);
    json_decref(s.receipts);
    return r;
}
