/* Before-images cost space, and nobody looks after them: what is sealed is kept below UNDO_SPACE_MAX, oldest call first, over all
 * sessions. A call is dropped whole, behind a mark that says so, because half of one is worse than none. The newest one stays
 * whatever its size, so does one whose undo was begun.
 *
 * Counting means reading many folders, so the sum is noted beside them and counted anew when it is old or too large. Two processes
 * may overwrite each other's addition: for at most an hour. */
#include "host/state_private.h"
#include "host/undo_private.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NOTE "undo-size"
#define COUNT_AGAIN_NS (INT64_C(3600) * 1000000000)
enum { SESSIONS_MAX = 1000000, CALLS_MAX = 1000000, FILES_MAX = 1000000, BLOCK = 512 };

struct kept {
    char session[SESSION_ID_SIZE], name[STATE_NAME_SIZE];
    int64_t bytes, born_ns;
};

struct counting {
    struct state *state;
    struct kept *kept; /* own */
    size_t count, room;
    int64_t bytes;
    /* where it is now */
    const char *session;
    struct undo_dirs dirs;
    int folder_fd;
    int64_t folder_bytes;
};

/* --- counting --- */

static int add_file(const char *name, unsigned char type, void *arg)
{
    struct counting *k = (struct counting *)arg;
    struct stat st;
    (void)type;
    if (os_stat_at(k->folder_fd, name, &st) == 0)
        k->folder_bytes += (int64_t)st.st_blocks * BLOCK;
    return 0;
}

static int64_t bytes_in(struct counting *k, int folder_fd)
{
    k->folder_fd = folder_fd;
    k->folder_bytes = 0;
    (void)!os_list_dir(folder_fd, FILES_MAX, add_file, k);
    return k->folder_bytes;
}

static int keep(struct counting *k, const struct kept *one)
{
    if (k->count == k->room) {
        size_t room = k->room ? k->room * 2 : 64, bytes = 0;
        struct kept *more = size_mul(room, sizeof(*more), &bytes) ? realloc(k->kept, bytes) : NULL;
        if (more == NULL)
            return -ENOMEM;
        k->kept = more;
        k->room = room;
    }
    k->kept[k->count++] = *one;
    k->bytes += one->bytes;
    return 0;
}

static bool has(int dir_fd, const char *call, const char *ending, struct stat *ret)
{
    char name[STATE_NAME_SIZE + 16];
    (void)snprintf(name, sizeof(name), "%s%s", call, ending);
    return os_stat_at(dir_fd, name, ret) == 0;
}

static int add_call(const char *name, unsigned char type, void *arg)
{
    struct counting *k = (struct counting *)arg;
    struct kept one = {0};
    struct stat st;
    auto_close int fd = -1;
    (void)type;
    if (strlen(name) >= sizeof(one.name) || state_sub_dir(k->dirs.sealed, name, false, &fd) < 0)
        return 0;
    (void)snprintf(one.session, sizeof(one.session), "%s", k->session);
    (void)snprintf(one.name, sizeof(one.name), "%s", name);
    one.bytes = bytes_in(k, fd);
    if (has(k->dirs.seal, name, ".mounts.json", &st))
        one.born_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return keep(k, &one);
}

static int add_session(const char *name, unsigned char type, void *arg)
{
    struct counting *k = (struct counting *)arg;
    (void)type;
    if (strlen(name) >= SESSION_ID_SIZE || undo_dirs_open(k->state, name, false, &k->dirs) < 0)
        return 0;
    k->session = name;
    int r = os_list_dir(k->dirs.sealed, CALLS_MAX, add_call, k);
    undo_dirs_done(&k->dirs);
    return r == -ENOMEM ? r : 0;
}

static int older_first(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    if (x->born_ns != y->born_ns)
        return x->born_ns < y->born_ns ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* --- dropping --- */

/* The mark is durable before the first file goes: a kill in between leaves a call that is not undone by half. */
static int drop_in(const struct undo_dirs *d, const char *call)
{
    char name[STATE_NAME_SIZE + 16];
    struct stat st;
    auto_close int lock = os_open_at(d->session, "undo.lock", O_RDWR | O_CREAT, 0600, OS_NO_LINKS);
    if (lock < 0 || os_lock_exclusive(lock) != 0 || has(d->seal, call, ".steps", &st))
        return 1; /* it is being undone */
    (void)snprintf(name, sizeof(name), "%s.dropped", call);
    int r = os_write_file_at(d->seal, name, STR("1\n"), 0600, true);
    return r == 0 ? os_remove_tree(d->sealed, call) : r;
}

/* 0 gone; 1 it stays; -errno */
static int drop(struct state *s, const struct kept *one)
{
    struct undo_dirs d = {-1, -1, -1, -1};
    int r = undo_dirs_open(s, one->session, false, &d);
    if (r == 0)
        r = drop_in(&d, one->name);
    undo_dirs_done(&d);
    return r;
}

static int note_size(struct state *s, int64_t bytes, int64_t counted_ns)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "%lld %lld\n", (long long)bytes, (long long)counted_ns);
    return os_write_file_at(s->dir_fd, NOTE, (struct str){text, n > 0 ? (size_t)n : 0}, 0600,
                            false);
}

int undo_make_room(struct state *s, int64_t max_bytes)
{
    struct counting k = {.state = s, .dirs = {-1, -1, -1, -1}, .folder_fd = -1};
    int r = os_list_dir(s->undo_fd, SESSIONS_MAX, add_session, &k);
    if (r == 0 && k.count > 1)
        qsort(k.kept, k.count, sizeof(*k.kept), older_first);
    for (size_t i = 0; r == 0 && k.bytes > max_bytes && i + 1 < k.count; i++) {
        int dropped = drop(s, &k.kept[i]);
        if (dropped == 0)
            k.bytes -= k.kept[i].bytes;
        else if (dropped < 0)
            r = dropped;
    }
    if (r == 0)
        r = note_size(s, k.bytes, os_now_real_ns());
    free(k.kept);
    return r;
}

static bool read_note(struct state *s, int64_t *ret_bytes, int64_t *ret_counted_ns)
{
    struct str head, tail;
    auto_done(buf) struct buf text;
    buf_init(&text, 256);
    return os_read_file_at(s->dir_fd, NOTE, &text) == 0 &&
           str_split(str_trim(buf_str(&text)), ' ', &head, &tail) &&
           base_parse_i64(head, 0, INT64_MAX / 2, ret_bytes) == 0 &&
           base_parse_i64(tail, 0, INT64_MAX, ret_counted_ns) == 0;
}

int undo_space_grew(struct state *s, int folder_fd)
{
    struct counting k = {.state = s};
    int64_t bytes = 0, counted_ns = 0, now = os_now_real_ns(), more = bytes_in(&k, folder_fd);
    bool is_known =
        read_note(s, &bytes, &counted_ns) && counted_ns <= now && now - counted_ns < COUNT_AGAIN_NS;
    if (!is_known || bytes > UNDO_SPACE_MAX - more)
        return undo_make_room(s, UNDO_SPACE_MAX);
    return note_size(s, bytes + more, counted_ns);
}

/* --- saying --- */

static int add_dropped(const char *file, unsigned char type, void *arg)
{
    json_t *list = (json_t *)arg;
    struct str name = str_of(file), ending = STR(".dropped");
    (void)type;
    if (!str_ends(name, ending))
        return 0;
    return json_array_append_new(list, json_stringn_nocheck(name.at, name.len - ending.len)) < 0
               ? -ENOMEM
               : 0;
}

int undo_list_dropped(const struct undo_dirs *d, json_t *list)
{
    return os_list_dir(d->seal, CALLS_MAX, add_dropped, list);
}
