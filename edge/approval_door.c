/* Who may come in is decided by the kernel's word on the peer, on top of the folder and the mode of the socket. A client that breaks
 * off, floods or does not read is marked and dropped from the loop, never from within a call of the run's. */
#include "edge/approval_door.h"

#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct client {
    struct approval_door *door;
    int fd; /* -1: the place is free */
    bool is_broken;
    struct os_watch *watch;
    struct buf in, out;
};

struct approval_door {
    int dir_fd, fd;
    char name[256];
    struct os_loop *loop; /* NULL while nobody is attached */
    struct os_watch *watch;
    const struct approval_door_events *events;
    void *arg;
    struct client clients[DOOR_CLIENTS_MAX];
};

/* --- clients --- */

static void on_client(int fd, unsigned events, void *arg);

static void break_off(struct client *c)
{
    c->is_broken = true;
    os_socket_shut(c->fd); /* the loop hears of it, and close_client() follows */
}

static void flush_out(struct client *c)
{
    while (c->out.len > 0 && !c->is_broken) {
        ssize_t n = os_write(c->fd, c->out.at, c->out.len);
        if (n == -EAGAIN)
            break;
        if (n < 0)
            break_off(c);
        else
            buf_drop_front(&c->out, (size_t)n);
    }
    if (c->watch && os_watch_set_events(c->watch, OS_READ | (c->out.len ? OS_WRITE : 0u)) < 0)
        break_off(c);
}

static void send_line(struct client *c, const json_t *line)
{
    if (c->fd < 0 || c->is_broken)
        return;
    if (!line || json_print(line, &c->out) < 0 || buf_add_c(&c->out, '\n') < 0)
        break_off(c);
    else
        flush_out(c);
}

static void send_all(struct approval_door *d, const json_t *line)
{
    for (size_t i = 0; i < DOOR_CLIENTS_MAX; i++)
        send_line(&d->clients[i], line);
}

static void free_client(struct client *c)
{
    os_watch_free(take(c->watch));
    os_close(c->fd);
    c->fd = -1;
    buf_done(&c->in);
    buf_done(&c->out);
}

static void close_client(struct client *c)
{
    struct approval_door *d = c->door;
    free_client(c);
    if (d->events && !approval_door_has_someone(d))
        d->events->on_left(d->arg);
}

static void say_error(struct client *c, const char *text)
{
    auto_json json_t *line =
        json_pack("{s:s, s:o}", "type", "error", "text", json_string_lossy(str_of(text)));
    send_line(c, line);
}

/* What arrives between two runs is answered when one is there: it then speaks of a question that is over. */
static void take_line(struct client *c, struct str line)
{
    struct approval_door *d = c->door;
    struct approval_reply reply;
    struct fault why = {0};
    int64_t id = 0;
    if (str_trim(line).len == 0)
        return;
    int r = question_read_json(line, &id, &reply, &why);
    if (r == 0)
        r = d->events->on_answer(id, &reply, &why, d->arg);
    if (r < 0)
        say_error(c, *why.text ? why.text : fault_sentence(r));
}

static void take_lines(struct client *c)
{
    while (c->fd >= 0 && !c->is_broken && c->door->events) {
        char *end = c->in.len ? memchr(c->in.at, '\n', c->in.len) : NULL;
        if (!end)
            break;
        size_t len = (size_t)(end - c->in.at);
        auto_free char *line = str_dup((struct str){c->in.at, len});
        buf_drop_front(&c->in, len + 1);
        if (line)
            take_line(c, (struct str){line, len});
    }
    if (c->fd >= 0 && c->in.len == c->in.max) {
        say_error(c, "a line is longer than 64 KiB");
        break_off(c);
    }
}

static void on_client(int fd, unsigned events, void *arg)
{
    struct client *c = arg;
    (void)events;
    flush_out(c);
    size_t room = c->in.max - c->in.len;
    ssize_t n = buf_reserve(&c->in, room) < 0 ? -ENOMEM : os_read(fd, c->in.at + c->in.len, room);
    if (c->is_broken || n == 0 || (n < 0 && n != -EAGAIN)) {
        close_client(c);
        return;
    }
    if (n > 0) {
        c->in.len += (size_t)n;
        take_lines(c);
    }
}

static int watch_client(struct client *c)
{
    return os_loop_watch_fd(c->door->loop, c->fd, OS_READ | (c->out.len ? OS_WRITE : 0u), on_client,
                            c, &c->watch);
}

static struct client *free_place(struct approval_door *d)
{
    for (size_t i = 0; i < DOOR_CLIENTS_MAX; i++)
        if (d->clients[i].fd < 0)
            return &d->clients[i];
    return NULL;
}

static void let_in(struct approval_door *d, own int fd, uid_t uid)
{
    struct client *c = free_place(d);
    if (!c || uid != os_uid()) {
        os_close(fd);
        return;
    }
    *c = (struct client){.door = d, .fd = fd};
    buf_init(&c->in, DOOR_LINE_MAX);
    buf_init(&c->out, DOOR_UNREAD_MAX);
    if (watch_client(c) < 0) {
        free_client(c);
        return;
    }
    auto_json json_t *hello = json_pack("{s:s, s:i}", "type", "hello", "v", 1);
    send_line(c, hello);
    d->events->on_entered(c, d->arg);
}

/* As many as knock, up to a bound: the loop has other things to do. */
static void on_knock(int fd, unsigned events, void *arg)
{
    struct approval_door *d = arg;
    uid_t uid = 0;
    int client = -1;
    (void)events;
    for (int i = 0; i < 2 * DOOR_CLIENTS_MAX && os_accept_unix(fd, &client, &uid) == 0; i++)
        let_in(d, client, uid);
}

/* --- life --- */

static int check_folder(const char *folder, int dir_fd, struct fault *reterr)
{
    struct stat st;
    int r = os_stat_fd(dir_fd, &st);
    if (r < 0)
        return fault_sys(reterr, -r, "--approvals: cannot look at the folder %s", folder);
    if (st.st_uid == os_uid() && (st.st_mode & 077) == 0)
        return 0;
    r = fault_set(
        reterr, FAULT_USAGE,
        "--approvals: the folder %s is not yours alone: whoever can enter it could answer for you",
        folder);
    fault_next(reterr, "use a folder of yours with mode 0700, like $XDG_RUNTIME_DIR");
    return r;
}

static int open_folder(struct approval_door *d, struct str path, struct fault *reterr)
{
    size_t cut = path.len;
    while (cut > 0 && path.at[cut - 1] != '/')
        cut--;
    struct str name = {path.at + cut, path.len - cut};
    if (name.len == 0 || name.len >= sizeof(d->name) || str_is(name, ".") || str_is(name, ".."))
        return fault_set(reterr, FAULT_USAGE, "--approvals: unix:PATH names a socket to be made");
    memcpy(d->name, name.at, name.len);
    auto_free char *folder = str_dup(cut == 0   ? STR(".")
                                     : cut == 1 ? STR("/")
                                                : (struct str){path.at, cut - 1});
    if (!folder)
        return -ENOMEM;
    d->dir_fd = os_open_trusted(folder, O_RDONLY | O_DIRECTORY, 0);
    if (d->dir_fd < 0)
        return fault_set(reterr, FAULT_USAGE, "--approvals: cannot open the folder %s: %s", folder,
                         fault_sentence(d->dir_fd));
    return check_folder(folder, d->dir_fd, reterr);
}

int approval_door_new(const char *address, own struct approval_door **ret, struct fault *reterr)
{
    auto_(approval_door) struct approval_door *d = calloc(1, sizeof(*d));
    struct str path = str_of(address);
    if (!d)
        return -ENOMEM;
    d->dir_fd = d->fd = -1;
    for (size_t i = 0; i < DOOR_CLIENTS_MAX; i++)
        d->clients[i].fd = -1;
    if (!str_starts(path, STR("unix:")))
        return fault_set(reterr, FAULT_USAGE, "--approvals: \"%.100s\" is not unix:PATH", address);
    int r = open_folder(d, (struct str){path.at + 5, path.len - 5}, reterr);
    if (r < 0)
        return r;
    r = os_listen_unix(d->dir_fd, d->name, &d->fd);
    if (r == -EADDRINUSE)
        return fault_set(reterr, FAULT_USAGE,
                         "--approvals: %.200s is in use by another process, or is no socket",
                         address);
    if (r < 0)
        return fault_sys(reterr, -r, "--approvals: cannot listen on %.200s", address);
    *ret = take(d);
    return 0;
}

void approval_door_free(own struct approval_door *d)
{
    if (!d)
        return;
    approval_door_detach(d);
    for (size_t i = 0; i < DOOR_CLIENTS_MAX; i++)
        if (d->clients[i].fd >= 0)
            free_client(&d->clients[i]);
    if (d->fd >= 0)
        (void)!os_unlink_at(d->dir_fd, d->name, 0);
    os_close(d->fd);
    os_close(d->dir_fd);
    free(d);
}

int approval_door_attach(struct approval_door *d, struct os_loop *loop,
                         const struct approval_door_events *events, void *arg)
{
    d->loop = loop;
    d->events = events;
    d->arg = arg;
    int r = os_loop_watch_fd(loop, d->fd, OS_READ, on_knock, d, &d->watch);
    for (size_t i = 0; i < DOOR_CLIENTS_MAX && r == 0; i++)
        if (d->clients[i].fd >= 0)
            r = watch_client(&d->clients[i]);
    if (r < 0)
        approval_door_detach(d);
    return r;
}

void approval_door_detach(struct approval_door *d)
{
    if (!d)
        return;
    os_watch_free(take(d->watch));
    for (size_t i = 0; i < DOOR_CLIENTS_MAX; i++)
        os_watch_free(take(d->clients[i].watch));
    d->loop = NULL;
    d->events = NULL;
}

bool approval_door_has_someone(const struct approval_door *d)
{
    for (size_t i = 0; d && i < DOOR_CLIENTS_MAX; i++)
        if (d->clients[i].fd >= 0 && !d->clients[i].is_broken)
            return true;
    return false;
}

/* --- what is told --- */

void approval_door_tell_question(struct approval_door *d, void *client, int64_t id,
                                 const json_t *question)
{
    auto_json json_t *line =
        d ? json_pack("{s:s, s:I}", "type", "question", "id", (json_int_t)id) : NULL;
    if (!d || !line || json_object_update((json_t *)line, (json_t *)(uintptr_t)question))
        return;
    if (client)
        send_line(client, line);
    else
        send_all(d, line);
}

void approval_door_tell_answer(struct approval_door *d, int64_t id,
                               const struct approval_reply *reply)
{
    static const char *const words[] = {"once", "session", "always", "no", "withdrawn"};
    if (!d)
        return;
    auto_json json_t *line =
        json_pack("{s:s, s:I, s:s, s:s}", "type", "answered", "id", (json_int_t)id, "answer",
                  words[reply->answer], "by", reply->by);
    send_all(d, line);
}
