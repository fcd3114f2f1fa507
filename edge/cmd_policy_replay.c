/* boxagnts policy replay: recorded calls through the decision, line by line. */
#include "edge/app.h"
#include "edge/cmd_policy.h"
#include "os/fd.h"
#include "os/file.h"
#include "tools/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

struct lines {
    int fd;
    const char *name;
    size_t number;
    struct buf pending;
    size_t searched; /* of pending: no line ends in it */
    bool is_over;
};

/* The next line, without its end; it lives until the next call. 0 | 1 there is none | -fault with a sentence */
static int next_line(struct lines *l, size_t *taken, struct str *ret, struct fault *reterr)
{
    buf_drop_front(&l->pending, *taken);
    *taken = 0;
    l->number++;
    for (;;) {
        const char *end = l->pending.len > l->searched ? memchr(l->pending.at + l->searched, '\n',
                                                                l->pending.len - l->searched)
                                                       : NULL;
        if (end || (l->is_over && l->pending.len > 0)) {
            ret->at = l->pending.at;
            ret->len = end ? (size_t)(end - l->pending.at) : l->pending.len;
            *taken = ret->len + (end ? 1 : 0);
            l->searched = 0;
            return 0;
        }
        if (l->is_over)
            return 1;
        char piece[16384];
        l->searched = l->pending.len;
        ssize_t n = os_read(l->fd, piece, sizeof(piece));
        if (n < 0)
            return fault_set(reterr, FAULT_CONFIG, "cannot read %s: %s", l->name,
                             fault_sentence((int)n));
        l->is_over = n == 0;
        if (buf_add(&l->pending, piece, (size_t)n) < 0)
            return fault_set(reterr, FAULT_CONFIG, "%s:%zu: the line is longer than %zu bytes",
                             l->name, l->number, REPLAY_LINE_MAX);
    }
}

/* One line at a time, each answer at once: another program may sit at both ends. */
static int replay_lines(struct lines *l, struct replay *replay, struct fault *reterr)
{
    struct str line;
    size_t taken = 0;
    int r;
    auto_done(buf) struct buf out;
    buf_init(&out, 1 << 20);
    while ((r = next_line(l, &taken, &line, reterr)) == 0) {
        struct fault why = {0};
        buf_reset(&out);
        r = replay_line(replay, line, &out, &why);
        if (r < 0)
            return fault_set(reterr, FAULT_CONFIG, "%s:%zu: %s", l->name, l->number,
                             *why.text ? why.text : fault_sentence(r));
        if (out.len > 0 && (fwrite(out.at, 1, out.len, stdout) != out.len || fflush(stdout) != 0))
            return fault_sys(reterr, errno, "cannot write the verdicts");
    }
    return r < 0 ? r : 0;
}

int policy_replay_verb(const struct parsed *p, struct fault *reterr)
{
    const char *name = p->positional[1];
    bool is_stdin = strcmp(name, "-") == 0;
    struct app app;
    auto_(replay) struct replay *replay = NULL;
    auto_close int fd = -1;
    int r = app_open(&app, p, 0, reterr);
    if (r == 0)
        r = replay_new(app.settings->policy, app.settings->provenance, &replay);
    if (r == 0 && !is_stdin && (fd = os_open_trusted(name, O_RDONLY, 0)) < 0)
        r = fault_set(reterr, FAULT_CONFIG, "cannot read %s: %s", name, fault_sentence(fd));
    struct lines lines = {.fd = is_stdin ? 0 : fd, .name = is_stdin ? "standard input" : name};
    buf_init(&lines.pending, REPLAY_LINE_MAX);
    if (r == 0)
        r = replay_lines(&lines, replay, reterr);
    buf_done(&lines.pending);
    app_done(&app);
    return r;
}
