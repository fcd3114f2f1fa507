/* The question goes to stderr, the answer comes from stdin in the terminal's line mode, under the loop, so
 * that a waiting question never holds up a cancel or a clock. What is shown was made by the runtime from the
 * decided effect; the planner's own words are never part of the question, and control characters in a path
 * are shown as '?', so that a target cannot draw itself over the question. */
#include "edge/approval.h"

#include "edge/safe.h"
#include "os/fd.h"
#include "os/term.h"

#include <errno.h>
#include <stdio.h>

#define LINE_MAX_BYTES 256

struct approval {
    struct os_loop *loop;
    struct os_watch *watch;
    approval_fn fn; /* NULL = no question is open */
    void *arg;
    char key[1600]; /* what a remembered answer is for: tool and effect as they were shown */
    bool key_is_whole;
    struct approval_memory own_memory, *memory; /* questions answered with "session" */
    char line[LINE_MAX_BYTES];
    size_t line_len;
};

void approval_memory_done(struct approval_memory *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->at[i]);
    m->count = 0;
}

int approval_new(struct os_loop *loop, struct approval_memory *memory, own struct approval **ret)
{
    *ret = NULL;
    if (!os_is_terminal(0) || !os_is_terminal(2))
        return 0;
    struct approval *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->loop = loop;
    a->memory = memory ? memory : &a->own_memory;
    *ret = a;
    return 0;
}

void approval_free(own struct approval *a)
{
    if (!a)
        return;
    os_watch_free(a->watch);
    approval_memory_done(&a->own_memory);
    free(a);
}

static void print_question(const struct approval_question *q)
{
    fputs("\n  ? ", stderr);
    safe_print_line(stderr, q->what);
    fputs("\n    asked by rule: ", stderr);
    safe_print_line(stderr, q->decision->rule);
    fputs("\n    at worst: ", stderr);
    safe_print_line(stderr, q->worst);
    fputs("\n    [y] once  [s] for this session  [n] no: ", stderr);
    fflush(stderr);
}

static void answer(struct approval *a, enum approval_answer what)
{
    approval_fn fn = a->fn;
    if (!fn)
        return;
    a->fn = NULL;
    os_watch_free(take(a->watch));
    if (what == APPROVAL_SESSION && a->key_is_whole && a->memory->count < APPROVAL_REMEMBERED_MAX) {
        char *key = str_dup(str_of(a->key));
        if (key)
            a->memory->at[a->memory->count++] = key;
    }
    fn(what, a->arg);
}

static void on_readable(int fd, unsigned events, void *arg)
{
    (void)events;
    struct approval *a = arg;
    ssize_t n = os_read(fd, a->line + a->line_len, sizeof(a->line) - a->line_len);
    if (n <= 0) {
        answer(a, APPROVAL_NO);
        return;
    }
    a->line_len += (size_t)n;
    if (!memchr(a->line, '\n', a->line_len) && a->line_len < sizeof(a->line))
        return;
    char c = a->line[0];
    a->line_len = 0;
    if (c == 'y' || c == 'Y') {
        answer(a, APPROVAL_ONCE);
    } else if (c == 's' || c == 'S') {
        answer(a, APPROVAL_SESSION);
    } else if (c == 'n' || c == 'N') {
        answer(a, APPROVAL_NO);
    } else {
        fputs("    y, s or n: ", stderr);
        fflush(stderr);
    }
}

int approval_ask(struct approval *a, const struct approval_question *q, approval_fn fn, void *arg)
{
    if (a->fn)
        return -EBUSY;
    const struct effect *e = &q->decision->effect;
    int len = snprintf(a->key, sizeof(a->key), "%s %s(%s)%s", q->tool, effect_name(e->kind),
                       e->target, e->recursive ? " and all beneath it" : "");
    a->key_is_whole = len >= 0 && (size_t)len < sizeof(a->key);
    for (size_t i = 0; i < a->memory->count && a->key_is_whole; i++)
        if (strcmp(a->memory->at[i], a->key) == 0) {
            fn(APPROVAL_SESSION, arg);
            return 0;
        }
    a->line_len = 0;
    os_terminal_flush(0); /* what was typed before the question was shown is no answer to it */
    int r = os_loop_watch_fd(a->loop, 0, OS_READ, on_readable, a, &a->watch);
    if (r < 0)
        return r;
    a->fn = fn;
    a->arg = arg;
    print_question(q);
    return 0;
}

void approval_cancel(struct approval *a)
{
    if (a)
        answer(a, APPROVAL_NO);
}
