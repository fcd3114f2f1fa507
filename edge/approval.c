/* On the terminal the question goes to stderr and the answer comes from stdin in the terminal's line mode, under the loop, so that a
 * waiting question never holds up a cancel or a clock. What is shown was made by the runtime (question.h). */
#include "edge/approval.h"

#include "os/env.h"
#include "os/fd.h"
#include "os/term.h"

#include <errno.h>
#include <stdio.h>

#define LINE_MAX_BYTES 4096
#define DETAIL_LINES 40

struct waiting {
    json_t *question; /* own */
    int64_t id;
    approval_fn fn;
    void *arg;
};

struct approval {
    struct os_loop *loop;
    struct approval_door *door;
    bool has_terminal, has_color;
    struct waiting at[APPROVAL_QUESTIONS_MAX];
    size_t count;
    /* the terminal: at[0] is shown while watch is there */
    struct os_watch *watch;
    int64_t shown_id;
    char line[LINE_MAX_BYTES];
    size_t line_len;
};

static int64_t
    last_id; /* over all sessions of this process: a client never mistakes one for another */

static void show_next(struct approval *a);

/* --- the end of a question --- */

static void end_at(struct approval *a, size_t i, const struct approval_reply *reply)
{
    struct waiting w = a->at[i];
    a->count--;
    memmove(&a->at[i], &a->at[i + 1], (a->count - i) * sizeof(a->at[0]));
    if (w.id == a->shown_id) {
        a->shown_id = 0;
        os_watch_free(take(a->watch));
        if (strcmp(reply->by, "terminal") != 0)
            fprintf(stderr, "\n    answered elsewhere\n");
    }
    approval_door_tell_answer(a->door, w.id, reply);
    json_decref(w.question);
    w.fn(reply, w.arg); /* may ask the next */
    show_next(a);
}

static int find(const struct approval *a, int64_t id)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->at[i].id == id)
            return (int)i;
    return -1;
}

/* --- the terminal --- */

static void on_line(struct approval *a, struct str line)
{
    struct approval_reply reply;
    struct fault why = {0};
    const json_t *question = a->at[0].question;
    int r = question_read_line(question, line, &reply, &why);
    if (r == 0) {
        end_at(a, 0, &reply);
        return;
    }
    if (r < 0)
        fprintf(stderr, "    that pattern does not cover what is asked\n");
    else if (r == QUESTION_MORE)
        question_print(stderr, question, a->has_color, SIZE_MAX);
    else
        question_print_help(stderr, question);
    question_print_keys(stderr, question);
}

/* End of input: whoever sat there is gone. */
static void on_terminal_gone(struct approval *a)
{
    static const struct approval_reply gone = {.answer = APPROVAL_NO, .by = "terminal"};
    a->has_terminal = approval_door_has_someone(a->door) ? false : a->has_terminal;
    if (a->has_terminal)
        end_at(a, 0, &gone);
    else
        os_watch_free(take(a->watch));
}

static void on_readable(int fd, unsigned events, void *arg)
{
    (void)events;
    struct approval *a = arg;
    ssize_t n = os_read(fd, a->line + a->line_len, sizeof(a->line) - a->line_len);
    if (n <= 0) {
        on_terminal_gone(a);
        return;
    }
    a->line_len += (size_t)n;
    char *end = memchr(a->line, '\n', a->line_len);
    if (!end && a->line_len < sizeof(a->line))
        return;
    struct str line = {a->line, end ? (size_t)(end - a->line) : a->line_len};
    a->line_len =
        0; /* what was typed behind the answer was typed before the next question was shown */
    on_line(a, line);
}

static void show_next(struct approval *a)
{
    static const struct approval_reply no = {.answer = APPROVAL_NOBODY, .by = "terminal"};
    if (a->count == 0 || !a->has_terminal || a->shown_id != 0)
        return;
    a->line_len = 0;
    os_terminal_flush(0); /* what was typed before the question was shown is no answer to it */
    if (os_loop_watch_fd(a->loop, 0, OS_READ, on_readable, a, &a->watch) < 0) {
        a->has_terminal = false;
        if (!approval_door_has_someone(a->door))
            end_at(a, 0, &no);
        return;
    }
    a->shown_id = a->at[0].id;
    question_print(stderr, a->at[0].question, a->has_color, DETAIL_LINES);
    question_print_keys(stderr, a->at[0].question);
}

/* --- the door --- */

static int on_door_answer(int64_t id, struct approval_reply *reply, struct fault *reterr, void *arg)
{
    struct approval *a = arg;
    int i = find(a, id);
    if (i < 0)
        return fault_set(reterr, FAULT_INPUT, "no question %lld waits", (long long)id);
    int r = *reply->pattern ? question_check_pattern(a->at[i].question, reply->pattern, reterr) : 0;
    if (r == 0)
        end_at(a, (size_t)i, reply);
    return r;
}

/* The last client went: without a terminal nobody is left who could answer. */
static void on_door_left(void *arg)
{
    static const struct approval_reply nobody = {.answer = APPROVAL_NOBODY, .by = "socket"};
    struct approval *a = arg;
    while (!approval_has_someone(a) && a->count > 0)
        end_at(a, 0, &nobody);
}

static void on_door_entered(void *client, void *arg)
{
    struct approval *a = arg;
    for (size_t i = 0; i < a->count; i++)
        approval_door_tell_question(a->door, client, a->at[i].id, a->at[i].question);
}

static const struct approval_door_events door_events = {on_door_answer, on_door_entered,
                                                        on_door_left};

/* --- life --- */

int approval_new(struct os_loop *loop, struct approval_door *door, own struct approval **ret)
{
    bool has_terminal = os_is_terminal(0) && os_is_terminal(2);
    *ret = NULL;
    if (!has_terminal && !door)
        return 0;
    struct approval *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->loop = loop;
    a->door = door;
    a->has_terminal = has_terminal;
    a->has_color = has_terminal && !os_env("NO_COLOR");
    int r = door ? approval_door_attach(door, loop, &door_events, a) : 0;
    if (r < 0) {
        free(a);
        return r;
    }
    *ret = a;
    return 0;
}

void approval_free(own struct approval *a)
{
    if (!a)
        return;
    approval_door_detach(a->door);
    os_watch_free(a->watch);
    for (size_t i = 0; i < a->count; i++)
        json_decref(a->at[i].question);
    free(a);
}

bool approval_has_someone(const struct approval *a)
{
    return a && (a->has_terminal || approval_door_has_someone(a->door));
}

int approval_ask(struct approval *a, own json_t *question, approval_fn fn, void *arg)
{
    if (!question || a->count == APPROVAL_QUESTIONS_MAX) {
        json_decref(question);
        return question ? -FAULT_CAP : -ENOMEM;
    }
    a->at[a->count++] = (struct waiting){question, ++last_id, fn, arg};
    approval_door_tell_question(a->door, NULL, last_id, question);
    show_next(a);
    return 0;
}

void approval_cancel(struct approval *a, const void *arg)
{
    static const struct approval_reply withdrawn = {.answer = APPROVAL_NOBODY, .by = "runtime"};
    for (size_t i = 0; a && i < a->count;)
        if (a->at[i].arg == arg)
            end_at(a, i, &withdrawn);
        else
            i++;
}
