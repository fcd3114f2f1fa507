/* Two passes of the journal would do; one keeps the calls in order: a row of kind intent or decision opens a
 * call, its receipt closes it. Nothing is believed that is not in the journal, and nothing from it reaches the
 * terminal without passing safe_copy(). */
#include "edge/report.h"

#include "edge/app.h"
#include "edge/safe.h"
#include "host/journal.h"
#include "host/ledger.h"

#include <errno.h>
#include <stdio.h>

#define SHOWN_MAX 40

struct report {
    json_t *inputs;         /* own; call id -> {tool, input} */
    json_t *done, *stopped; /* own; arrays of lines */
    json_t *end;            /* own; the `session` row */
    size_t calls;
};

/* stopped_by -> the layer that held it */
static const struct {
    const char *stop, *layer;
} layers[] = {
    {"schema", "tool layer: validation"},    {"denied:policy", "tool layer: policy"},
    {"denied:fs", "sandbox layer: files"},   {"denied:net", "host layer: egress"},
    {"fuel", "sandbox layer: fuel"},         {"timeout", "sandbox layer: clock"},
    {"memory", "sandbox layer: memory"},     {"stack", "sandbox layer: stack"},
    {"quota", "sandbox layer: quota"},       {"trap", "sandbox layer: engine"},
    {"crash", "sandbox layer: process"},     {"invalid_module", "sandbox layer: compiler"},
    {"budget", "query layer: ledger"},       {"turns", "query layer: turn limit"},
    {"calls", "query layer: call limit"},    {"time", "query layer: clock"},
    {"loop", "query layer: loop detection"}, {"recovery", "query layer: recovery limit"},
};

static const char *layer_of(const char *stop)
{
    for (size_t i = 0; stop && i < ARRAY_LEN(layers); i++)
        if (strcmp(layers[i].stop, stop) == 0)
            return layers[i].layer;
    return stop ? stop : "";
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *z = json_string_value(json_object_get(object, key));
    return z ? z : "";
}

static void target_of(const struct report *r, const char *call, char *ret, size_t size)
{
    safe_copy(ret, size,
              app_call_target(json_object_get(json_object_get(r->inputs, call), "input")));
}

static void add_line(json_t *list, own json_t *line)
{
    (void)!json_array_append_new(list, line);
}

static void on_receipt(struct report *r, const json_t *receipt)
{
    const char *call = text_of(receipt, "call"), *stop = text_of(receipt, "stopped_by");
    const json_t *refused = json_object_get(receipt, "refused"),
                 *touched = json_object_get(receipt, "touched");
    char tool[32], target[48], detail[100];
    safe_copy(tool, sizeof(tool), text_of(receipt, "tool"));
    target_of(r, call, target, sizeof(target));
    r->calls++;
    if (strcmp(stop, "exit") != 0) {
        safe_copy(detail, sizeof(detail), text_of(receipt, "detail"));
        add_line(r->stopped, json_pack("{s:s, s:s, s:s, s:s, s:s}", "call", call, "tool", tool,
                                       "target", target, "layer", layer_of(stop), "why", detail));
    } else if (json_array_size(refused)) {
        safe_copy(detail, sizeof(detail), text_of(json_array_get(refused, 0), "why"));
        add_line(r->stopped,
                 json_pack("{s:s, s:s, s:s, s:s, s:s}", "call", call, "tool", tool, "target",
                           target, "layer", "sandbox layer: files", "why", detail));
    }
    size_t i;
    json_t *one;
    json_array_foreach(touched, i, one)
    {
        safe_copy(target, sizeof(target), text_of(one, "path"));
        add_line(r->done, json_pack("{s:s, s:s, s:s, s:s}", "call", call, "tool", tool, "op",
                                    text_of(one, "op"), "path", target));
    }
}

static int on_row(const struct journal_row *row, void *arg)
{
    struct report *r = arg;
    auto_json json_t *body = NULL;
    if (json_parse(row->json, JSON_SIZE_MAX, &body, NULL) < 0)
        return 0;
    if (row->call && (strcmp(row->kind, "intent") == 0 || strcmp(row->kind, "decision") == 0))
        return json_object_set(r->inputs, row->call, body) ? -ENOMEM : 0;
    if (strcmp(row->kind, "receipt") == 0)
        on_receipt(r, body);
    if (strcmp(row->kind, "session") == 0) {
        json_decref(r->end);
        r->end = json_incref(body);
    }
    return 0;
}

static void print_lists(const struct report *r)
{
    size_t i;
    json_t *line;
    printf("\n  done\n");
    json_array_foreach(r->done, i, line) if (i < SHOWN_MAX)
        printf("    + %-4s %-10s %-7s %s\n", text_of(line, "call"), text_of(line, "tool"),
               text_of(line, "op"), text_of(line, "path"));
    if (json_array_size(r->done) == 0)
        puts("    nothing was changed");
    if (json_array_size(r->stopped))
        printf("\n  stopped\n");
    json_array_foreach(r->stopped, i, line) if (i < SHOWN_MAX) printf(
        "    x %-4s %-10s %-22.22s %-26s %.60s\n", text_of(line, "call"), text_of(line, "tool"),
        text_of(line, "target"), text_of(line, "layer"), text_of(line, "why"));
}

static void print_end(const struct report *r, const struct session_row *s)
{
    const char *stop = text_of(r->end, "stopped_by");
    if (*stop)
        printf("    x      the run itself                    %-26s %s\n", layer_of(stop), stop);
    auto_free char *cost = ledger_usd_text(s->cost_pico), *budget = ledger_usd_text(s->budget_pico);
    printf("\n  cost    $%s of $%s, %lld turns, %zu calls, each with a receipt\n",
           cost ? cost : "?", budget ? budget : "?", (long long)s->turns, r->calls);
    printf("  undo    boxagnts undo %s\n", s->id);
    printf("  verify  boxagnts journal verify\n");
    printf("  look    boxagnts journal show %s\n", s->id);
}

int report_print(struct state *state, const struct session_row *session, struct fault *reterr)
{
    (void)reterr;
    struct report r = {.inputs = json_object(), .done = json_array(), .stopped = json_array()};
    int result =
        r.inputs && r.done && r.stopped ? journal_each(state, session->id, 0, on_row, &r) : -ENOMEM;
    if (result == 0) {
        printf("session %s: %s\n", session->id, session->status);
        print_lists(&r);
        print_end(&r, session);
    }
    json_decref(r.inputs);
    json_decref(r.done);
    json_decref(r.stopped);
    json_decref(r.end);
    return result;
}
