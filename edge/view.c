/* Text goes out in two voices: the planner's words on stdout, everything that BoxAgnts says on stderr. On a
 * terminal words appear as they come; else the final text is printed once, at the end, so that a pipe gets
 * nothing but the answer. Whatever came from a planner or a tool passes safe_print(): it cannot move the
 * cursor, retitle the window or draw over a verdict. */
#include "edge/view.h"

#include "edge/money.h"

#include "edge/markdown.h"
#include "edge/safe.h"
#include "host/ledger.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/term.h"

#include <errno.h>
#include <stdio.h>

#define SPIN_NS (120 * OS_NS_PER_MS)
#define SUMMARY_MAX 96

struct view {
    enum view_mode mode;
    bool out_is_terminal, err_is_terminal, color;
    bool in_text, spinning; /* in_text: the cursor stands behind planner text */
    bool is_chat;
    struct markdown words;
    struct os_watch *spin;
    const char *waiting;
    int64_t since_ns;
    unsigned frame;
    int64_t total_pico;
    char summary[128];
};

static const struct {
    const char *name;
    enum view_mode mode;
} modes[] = {{"text", VIEW_TEXT}, {"json", VIEW_JSON}, {"stream-json", VIEW_STREAM_JSON}};

int view_mode_parse(const char *text, enum view_mode *ret, struct fault *reterr)
{
    *ret = VIEW_TEXT;
    if (!text)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(text, modes[i].name) == 0) {
            *ret = modes[i].mode;
            return 0;
        }
    return fault_set(reterr, FAULT_USAGE, "--output: \"%s\" is not text, json or stream-json",
                     text);
}

static void on_spin(void *arg)
{
    static const char *const frames[] = {"|", "/", "-", "\\"};
    struct view *v = arg;
    if (!v->waiting || v->in_text)
        return;
    int64_t ns = os_now_mono_ns() - v->since_ns;
    auto_free char *usd = ledger_usd_text(v->total_pico);
    fprintf(stderr, "\r\033[K  %s %s %lld.%lld s  $%s", frames[v->frame++ % ARRAY_LEN(frames)],
            v->waiting, (long long)(ns / OS_NS_PER_S), (long long)(ns / (OS_NS_PER_S / 10) % 10),
            usd ? usd : "?");
    fflush(stderr);
    v->spinning = true;
    os_watch_set_timer(v->spin, os_now_mono_ns() + SPIN_NS);
}

int view_new(enum view_mode mode, bool is_chat, struct os_loop *loop, own struct view **ret)
{
    struct view *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->mode = mode;
    v->is_chat = is_chat;
    v->out_is_terminal = os_is_terminal(1);
    v->err_is_terminal = os_is_terminal(2);
    v->color = v->err_is_terminal && !os_env("NO_COLOR");
    markdown_begin(&v->words, stdout, is_chat && v->out_is_terminal && !os_env("NO_COLOR"));
    int r = os_loop_watch_timer(loop, INT64_MAX, on_spin, v, &v->spin);
    if (r < 0) {
        free(v);
        return r;
    }
    *ret = v;
    return 0;
}

void view_free(own struct view *v)
{
    if (!v)
        return;
    os_watch_free(v->spin);
    free(v);
}

/* --- small things --- */

static void clear_spinner(struct view *v)
{
    if (v->spinning)
        fputs("\r\033[K", stderr);
    v->spinning = false;
}

static void end_text(struct view *v)
{
    if (v->in_text) {
        markdown_end(&v->words);
        fputc('\n', stdout);
    }
    fflush(stdout);
    v->in_text = false;
}

static void emit(own json_t *line)
{
    auto_done(buf) struct buf text; /* our own printer: an amount is its shortest exact decimal */
    buf_init(&text, JSON_SIZE_MAX);
    if (line && json_print(line, &text) == 0)
        puts(text.at);
    fflush(stdout);
    json_decref(line);
}

static void emit_with_money(own json_t *line, const struct money_number *money, size_t count)
{
    auto_done(buf) struct buf text;
    buf_init(&text, JSON_SIZE_MAX);
    if (line && money_print(line, money, count, &text) == 0)
        puts(text.at);
    fflush(stdout);
    json_decref(line);
}

static const char *paint(const struct view *v, const char *code)
{
    return v->color ? code : "";
}
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

/* --- what is told --- */

void view_session(struct view *v, const char *session, const char *model, const char *work_dir)
{
    if (v->mode == VIEW_STREAM_JSON)
        emit(json_pack("{s:s, s:s, s:o, s:o}", "type", "session", "session", session, "model",
                       json_string_lossy(str_of(model)), "work_dir",
                       json_string_lossy(str_of(work_dir))));
    if (v->mode != VIEW_TEXT || v->is_chat)
        return;
    fprintf(stderr, "%ssession %s  model ", paint(v, DIM), session);
    safe_print_line(stderr, model);
    fputs("  in ", stderr);
    safe_print_line(stderr, work_dir);
    fprintf(stderr, "%s\n", paint(v, PLAIN));
}

void view_say(struct view *v, struct str say, struct str text)
{
    if (v->mode == VIEW_STREAM_JSON) {
        emit(json_pack("{s:o, s:o}", "type", json_string_lossy(say), "text",
                       json_string_lossy(text)));
        return;
    }
    if (v->mode == VIEW_JSON)
        return;
    if (str_is(say, "text") && v->out_is_terminal) {
        clear_spinner(v);
        markdown_add(&v->words, text);
        fflush(stdout);
        v->in_text = true;
    } else if (str_is(say, "recovery") || str_is(say, "context")) {
        clear_spinner(v);
        end_text(v);
        fprintf(stderr, "  %s%s ", paint(v, str_is(say, "context") ? DIM : YELLOW),
                str_is(say, "context") ? "~" : "!");
        safe_print(stderr, text);
        fprintf(stderr, "%s\n", paint(v, PLAIN));
    }
}

void view_note(struct view *v, const char *what, const json_t *body)
{
    if (v->mode == VIEW_STREAM_JSON) {
        json_t *line = json_copy((json_t *)(uintptr_t)body);
        if (line && json_object_set_new(line, "type", json_string(what)) == 0)
            emit(line);
        else
            json_decref(line);
        return;
    }
    if (v->mode == VIEW_JSON)
        return;
    if (strcmp(what, "note") == 0) {
        clear_spinner(v);
        end_text(v);
        fprintf(stderr, "  %snote: ", paint(v, DIM));
        safe_print(stderr, str_of(json_string_value(json_object_get(body, "text"))));
        fprintf(stderr, "%s\n", paint(v, PLAIN));
    } else if (strcmp(what, "call") == 0) {
        end_text(v);
        snprintf(v->summary, sizeof(v->summary), "%s",
                 app_call_target(json_object_get(body, "input")));
        view_waiting(v, "tool");
    } else {
        clear_spinner(v);
        v->waiting = NULL;
    }
}

void view_warn(struct view *v, const char *text)
{
    clear_spinner(v);
    end_text(v);
    app_note(text);
}

static void print_sentence(struct str text)
{
    const char *newline = memchr(text.at, '\n', text.len);
    size_t len = newline ? (size_t)(newline - text.at) : text.len;
    bool cut = len > SUMMARY_MAX;
    if (cut) {
        len = SUMMARY_MAX;
        while (len > 0 && ((unsigned char)text.at[len] & 0xc0) == 0x80)
            len--;
    }
    safe_print(stderr, (struct str){text.at, len});
    if (cut || newline)
        fputs(" ...", stderr);
}

static struct str first_text(const json_t *result)
{
    const char *z = json_string_value(
        json_object_get(json_array_get(json_object_get(result, "content"), 0), "text"));
    return z ? str_of(z) : STR("");
}

static void result_text(struct view *v, const struct desk_outcome *o)
{
    const json_t *used = json_object_get(o->receipt, "used");
    long long us = (long long)json_integer_value(json_object_get(used, "wall_us"));
    long long fuel = (long long)json_integer_value(json_object_get(used, "fuel"));
    bool stopped = o->stop != SANDBOX_EXIT;
    clear_spinner(v);
    end_text(v);
    fprintf(stderr, "  %s%s%s ",
            paint(v, stopped       ? RED
                     : o->is_error ? YELLOW
                                   : GREEN),
            stopped       ? "x"
            : o->is_error ? "-"
                          : "+",
            paint(v, PLAIN));
    safe_print(stderr, str_of(o->tool));
    fputc(' ', stderr);
    print_sentence(str_of(v->summary));
    fprintf(stderr, " %s[%s %s", paint(v, DIM), o->call, policy_verdict_name(o->verdict));
    if (fuel)
        fprintf(stderr, "  %lld.%03lld ms  %lldk fuel", us / 1000, us % 1000, fuel / 1000);
    fprintf(stderr, "]%s ", paint(v, PLAIN));
    if (stopped)
        fprintf(stderr, "%sstopped: %s%s  ", paint(v, RED), sandbox_stop_name(o->stop),
                paint(v, PLAIN));
    print_sentence(first_text(o->result));
    fputc('\n', stderr);
}

void view_attached(struct view *v, const json_t *file)
{
    if (v->mode == VIEW_STREAM_JSON)
        emit(json_pack("{s:s, s:O}", "type", "attached", "file", file));
    if (v->mode != VIEW_TEXT)
        return;
    fprintf(stderr, "  %sattached ", paint(v, DIM));
    safe_print_line(stderr, json_string_value(json_object_get(file, "path")));
    fprintf(stderr, " (%lld bytes%s)%s\n",
            (long long)json_integer_value(json_object_get(file, "bytes")),
            json_is_true(json_object_get(file, "is_cut")) ? ", cut" : "", paint(v, PLAIN));
}

void view_result(struct view *v, const struct desk_outcome *o)
{
    if (v->mode == VIEW_STREAM_JSON) {
        emit(json_pack("{s:s, s:s, s:s, s:b, s:s, s:O*}", "type", "result", "call", o->call, "tool",
                       o->tool, "is_error", o->is_error, "stopped_by", sandbox_stop_name(o->stop),
                       "result", o->result));
        emit(json_pack("{s:s, s:s, s:O*}", "type", "receipt", "call", o->call, "receipt",
                       o->receipt));
    } else if (v->mode == VIEW_TEXT) {
        result_text(v, o);
    }
}

void view_usage(struct view *v, int64_t turn, const char *model, int64_t input_tokens,
                int64_t output_tokens, int64_t cost_pico, int64_t total_pico)
{
    v->total_pico = total_pico;
    if (v->mode != VIEW_STREAM_JSON)
        return;
    const struct money_number money[] = {{"cost_usd", cost_pico}, {"total_usd", total_pico}};
    emit_with_money(json_pack("{s:s, s:I, s:s, s:I, s:I}", "type", "usage", "turn",
                              (json_int_t)turn, "model", model, "input_tokens",
                              (json_int_t)input_tokens, "output_tokens", (json_int_t)output_tokens),
                    money, ARRAY_LEN(money));
}

void view_waiting(struct view *v, const char *what)
{
    if (v->mode != VIEW_TEXT || !v->err_is_terminal)
        return;
    if (!what)
        clear_spinner(v);
    v->waiting = what;
    v->since_ns = os_now_mono_ns();
    os_watch_set_timer(v->spin, what ? v->since_ns + SPIN_NS : INT64_MAX);
}

static void done_text(struct view *v, const json_t *done, const char *detail)
{
    clear_spinner(v);
    end_text(v);
    const char *text = json_string_value(json_object_get(done, "text"));
    if (!v->out_is_terminal && text && *text) {
        fputs(text, stdout);
        if (text[strlen(text) - 1] != '\n')
            fputc('\n', stdout);
        fflush(stdout);
    }
    const char *status = json_string_value(json_object_get(done, "status"));
    const char *stopped_by = json_string_value(json_object_get(done, "stopped_by"));
    bool good = status && strcmp(status, "done") == 0;
    if (good && v->is_chat)
        return;
    fprintf(stderr, "%s%s%s%s%s", paint(v, good ? GREEN : RED), status ? status : "?",
            stopped_by ? " by " : "", stopped_by ? stopped_by : "", paint(v, PLAIN));
    if (detail && *detail) {
        fputs(": ", stderr);
        safe_print(stderr, str_of(detail));
    }
    auto_free char *usd = ledger_usd_text(v->total_pico);
    fprintf(stderr, "%s  %lld turns, %zu calls, $%s%s\n", paint(v, DIM),
            (long long)json_integer_value(json_object_get(done, "turns")),
            json_array_size(json_object_get(done, "calls")), usd ? usd : "?", paint(v, PLAIN));
}

void view_done(struct view *v, const json_t *done, const struct money_number *money,
               const char *detail)
{
    view_waiting(v, NULL);
    if (v->mode == VIEW_TEXT) {
        done_text(v, done, detail);
    } else {
        json_t *line = json_copy((json_t *)(uintptr_t)done);
        if (line && v->mode == VIEW_STREAM_JSON)
            json_object_set_new(line, "type", json_string("done"));
        emit_with_money(line, money, 2);
        if (!detail || !*detail)
            return;
        fputs("boxagnts: ", stderr); /* the object says what stopped it, this says why */
        safe_print(stderr, str_of(detail));
        fputc('\n', stderr);
    }
}
