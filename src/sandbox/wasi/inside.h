/* What the files of this room share: the state of one run, and the rules that all calls follow.
 *
 * Inside, a call returns 0, -errno of the host, or one of two numbers that no errno has:
 * -WASI_NOTCAPABLE (becomes ENOTCAPABLE) and -WASI_STOPPED (the run ends; w->stop says how).
 * A path is "real" when it is the guest's absolute name of an object with no link, "." or ".." in it and
 * no slash at its end; the root is "". */
#pragma once

#include "sandbox/wasi/wasi.h"

#include "os/fs.h"
#include "sandbox/wasi/memory.h"

#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

enum { WASI_STOPPED = 3002 };
/* A real name fits one path: receipts and the undo log take no longer ones. */
enum { WASI_REAL_MAX = WASI_PATH_MAX + 2, WASI_CHUNK = 256 << 10 };

/* A buffer that is filled before it is read: the release build would zero it at every call. */
#define not_cleared __attribute__((uninitialized))
#define wasi_args const uint64_t *a

/* Copies a path in: UTF-8, no NUL, 1..WASI_PATH_MAX bytes. ret_path has room for WASI_PATH_MAX + 1. */
must_use int guest_path(struct wasi_memory m, uint32_t at, uint32_t len, char *ret_path);

/* --- numbers of preview 1 --- */
enum wasi_filetype { FT_UNKNOWN, FT_BLOCK, FT_CHAR, FT_DIR, FT_FILE, FT_DGRAM, FT_STREAM, FT_LINK };
enum {
    FDFLAG_APPEND = 1,
    FDFLAG_DSYNC = 2,
    FDFLAG_NONBLOCK = 4,
    FDFLAG_RSYNC = 8,
    FDFLAG_SYNC = 16,
    FDFLAGS_ALL = 31
};
enum { OFLAG_CREAT = 1, OFLAG_DIRECTORY = 2, OFLAG_EXCL = 4, OFLAG_TRUNC = 8, OFLAGS_ALL = 15 };
enum { LOOKUP_FOLLOW = 1 };
enum { FST_ATIM = 1, FST_ATIM_NOW = 2, FST_MTIM = 4, FST_MTIM_NOW = 8, FST_ALL = 15 };
#define RIGHT(n) (UINT64_C(1) << (n))
#define RIGHT_FD_DATASYNC RIGHT(0)
#define RIGHT_FD_READ RIGHT(1)
#define RIGHT_FD_SEEK RIGHT(2)
#define RIGHT_FD_FDSTAT_SET_FLAGS RIGHT(3)
#define RIGHT_FD_SYNC RIGHT(4)
#define RIGHT_FD_TELL RIGHT(5)
#define RIGHT_FD_WRITE RIGHT(6)
#define RIGHT_FD_ADVISE RIGHT(7)
#define RIGHT_FD_ALLOCATE RIGHT(8)
#define RIGHT_PATH_CREATE_DIRECTORY RIGHT(9)
#define RIGHT_PATH_CREATE_FILE RIGHT(10)
#define RIGHT_PATH_LINK_SOURCE RIGHT(11)
#define RIGHT_PATH_LINK_TARGET RIGHT(12)
#define RIGHT_PATH_OPEN RIGHT(13)
#define RIGHT_FD_READDIR RIGHT(14)
#define RIGHT_PATH_READLINK RIGHT(15)
#define RIGHT_PATH_RENAME_SOURCE RIGHT(16)
#define RIGHT_PATH_RENAME_TARGET RIGHT(17)
#define RIGHT_PATH_FILESTAT_GET RIGHT(18)
#define RIGHT_PATH_FILESTAT_SET_SIZE RIGHT(19)
#define RIGHT_PATH_FILESTAT_SET_TIMES RIGHT(20)
#define RIGHT_FD_FILESTAT_GET RIGHT(21)
#define RIGHT_FD_FILESTAT_SET_SIZE RIGHT(22)
#define RIGHT_FD_FILESTAT_SET_TIMES RIGHT(23)
#define RIGHT_PATH_SYMLINK RIGHT(24)
#define RIGHT_PATH_REMOVE_DIRECTORY RIGHT(25)
#define RIGHT_PATH_UNLINK_FILE RIGHT(26)
#define RIGHT_POLL_FD_READWRITE RIGHT(27)
#define RIGHT_SOCK_SHUTDOWN RIGHT(28)
#define RIGHT_SOCK_ACCEPT RIGHT(29)
#define RIGHTS_ALL (RIGHT(30) - 1)
#define RIGHTS_FILE                                                                                \
    (RIGHT_FD_DATASYNC | RIGHT_FD_READ | RIGHT_FD_SEEK | RIGHT_FD_FDSTAT_SET_FLAGS |               \
     RIGHT_FD_SYNC | RIGHT_FD_TELL | RIGHT_FD_WRITE | RIGHT_FD_ADVISE | RIGHT_FD_ALLOCATE |        \
     RIGHT_FD_FILESTAT_GET | RIGHT_FD_FILESTAT_SET_SIZE | RIGHT_FD_FILESTAT_SET_TIMES |            \
     RIGHT_POLL_FD_READWRITE)
#define RIGHTS_DIR                                                                                 \
    (RIGHT_FD_FDSTAT_SET_FLAGS | RIGHT_FD_SYNC | RIGHT_FD_ADVISE | RIGHT_PATH_CREATE_DIRECTORY |   \
     RIGHT_PATH_CREATE_FILE | RIGHT_PATH_LINK_SOURCE | RIGHT_PATH_LINK_TARGET | RIGHT_PATH_OPEN |  \
     RIGHT_FD_READDIR | RIGHT_PATH_READLINK | RIGHT_PATH_RENAME_SOURCE |                           \
     RIGHT_PATH_RENAME_TARGET | RIGHT_PATH_FILESTAT_GET | RIGHT_PATH_FILESTAT_SET_SIZE |           \
     RIGHT_PATH_FILESTAT_SET_TIMES | RIGHT_FD_FILESTAT_GET | RIGHT_FD_FILESTAT_SET_TIMES |         \
     RIGHT_PATH_SYMLINK | RIGHT_PATH_REMOVE_DIRECTORY | RIGHT_PATH_UNLINK_FILE |                   \
     RIGHT_POLL_FD_READWRITE)

/* --- the state of a run --- */
struct file_id {
    uint64_t dev, ino;
};
static inline struct file_id file_id(const struct stat *st)
{
    return (struct file_id){(uint64_t)st->st_dev, (uint64_t)st->st_ino};
}
static inline bool file_id_eq(struct file_id a, struct file_id b)
{
    return a.dev == b.dev && a.ino == b.ino;
}

struct mount {
    const char *real; /* the guest path; "" for the root */
    size_t real_len;
    int dir_fd;
    bool writable, has_inner; /* has_inner: another mount lies beneath it */
    bool is_shadow_known, has_shadow;
    bool is_plain_known; /* plain_dev is no file system of the kernel's own */
    uint64_t plain_dev;
    struct file_id shadow; /* the folder of the mount around it that this mount hides */
};

enum fd_kind { FD_FREE, FD_STDIN, FD_OUTPUT, FD_DIR, FD_FILE };
struct stage;
struct dir_stream;
struct fd {
    uint8_t kind, filetype, output; /* output: 1 or 2 */
    bool is_preopen;                /* host is borrowed */
    bool is_host_readable; /* host was opened for reading (a folder: may be listed itself) */
    bool is_host_append; /* host has O_APPEND: set and taken away when the kind of write changes */
    bool needs_image;    /* an object of before this run that has not been saved yet */
    uint16_t flags;      /* FDFLAG_* */
    uint16_t mount;
    int host;
    uint64_t rights, inheriting;
    int64_t pos; /* files: ours, the kernel's position is not used */
    int64_t end; /* size seen at or after the last truncation numbered end_at */
    uint64_t end_at;
    char *real;                /* own; FD_DIR always, FD_FILE when it may be written; else NULL */
    struct stage *stage;       /* own; not landed yet */
    struct dir_stream *stream; /* own */
};

enum limit_bit { HIT_OUTPUT = 1, HIT_WRITE = 2, HIT_OPEN = 4, HIT_CREATED = 8, HIT_ENTRIES = 16 };

struct touch {
    enum wasi_touch_op op;
    char *path, *path_to; /* own */
    int image;
};
struct refusal {
    const char *op;  /* static */
    char *target;    /* own */
    const char *why; /* static */
};
struct id_set { /* open addressing; an empty slot has is_used false */
    struct id_slot {
        struct file_id id;
        int image;
        bool is_used, is_gone;
    } *slots;
    size_t count, cap;
};

struct wasi {
    struct wasi_config config;
    struct wasi_use use;
    enum wasi_stop stop; /* 0 = goes on */
    uint32_t exit_code;
    bool is_ended;
    unsigned limits_hit; /* enum limit_bit */
    char limits_text[120];
    size_t args_bytes, env_bytes;
    size_t stdin_pos;

    struct fd *fds;             /* inline_fds or own */
    uint32_t fd_cap, fd_lowest; /* no free number below fd_lowest */
    int64_t files_open;
    uint64_t truncations;
    int64_t cpu_base[2]; /* 0 = clock not asked for yet */

    struct touch *touches; /* own */
    size_t touch_count, touch_cap, touches_dropped;
    uint32_t *touch_index; /* own; hash of op and path -> index + 1 */
    size_t touch_index_cap;
    struct refusal *refusals; /* own; WASI_REFUSALS_MAX once there is one */
    size_t refusal_count;

    int undo_log_fd;
    bool is_undo_broken; /* a line is torn: nothing may change any more */
    uint32_t undo_next, undo_lines;
    int64_t undo_bytes;
    int64_t image_bytes;
    struct id_set settled; /* objects that need no (further) image: saved, or made in this run */
    uint64_t undo_dev;
    bool is_undo_dev_known, cannot_stage, cannot_link;
    size_t stages_open;

    size_t mount_count;
    struct mount *mounts; /* behind this struct */
    struct fd inline_fds[];
};

/* run.c */
must_use int wasi_stop_check(struct wasi *w);          /* -WASI_STOPPED at deadline or cancel */
int wasi_stop_now(struct wasi *w, enum wasi_stop how); /* -WASI_STOPPED */
/* 0 something ready, 1 until_ns reached, -WASI_STOPPED, -errno. count < OS_FS_WAIT_MAX. */
must_use int wasi_wait(struct wasi *w, struct os_fs_wait *items, size_t count, int64_t until_ns);
void wasi_note_refusal(struct wasi *w, const char *op, const char *real_dir, const char *path,
                       const char *why);
void wasi_note_touch(struct wasi *w, enum wasi_touch_op op, const char *real, const char *real_to,
                     int image);
/* Write quota: how many of `len` bytes fit when they also make `gap` bytes of hole; 0 = -EDQUOT. */
must_use int quota_write(struct wasi *w, int64_t gap, int64_t len, int64_t *ret_len);
must_use int
quota_create(const struct wasi *w); /* 0 | -EDQUOT; noted by the caller through quota_note */
int quota_note(struct wasi *w, enum limit_bit bit, int r); /* notes the limit, returns r */
must_use int id_set_add(struct id_set *s, struct file_id id,
                        int image); /* image -1: made in this run */
bool id_set_has(const struct id_set *s, struct file_id id, int *ret_image);
void id_set_remove(struct id_set *s, struct file_id id);

/* fds.c */
struct fd *fd_get(struct wasi *w, uint64_t number); /* NULL = EBADF */
must_use int fd_need(struct wasi *w, uint64_t number, uint64_t right,
                     struct fd **ret); /* -EBADF, -WASI_NOTCAPABLE */
must_use int fd_need_file(struct wasi *w, uint64_t number, uint64_t right, struct fd **ret);
must_use int fd_need_dir(struct wasi *w, uint64_t number, uint64_t right,
                         struct fd **ret); /* -ENOTDIR too */
must_use int fd_reserve(struct wasi *w,
                        uint32_t *ret); /* a free number; -EMFILE; pointers into fds move */
struct fd *fd_put(struct wasi *w, uint32_t number);     /* takes it; cleared */
int fd_drop(struct wasi *w, struct fd *f, bool commit); /* closes; the error of landing */
void stat_to_guest(uint8_t *at, const struct stat *st); /* 64 bytes */
uint8_t filetype_of(mode_t mode);

/* resolve.c */
enum place_follow {
    PLACE_NAME, /* the name itself, whatever stands there; not looked at */
    PLACE_STAT, /* a last link is followed only when a slash stands behind it */
    PLACE_FOLLOW,
};
struct place {
    int dir_fd, own_fd; /* own_fd: -1, or dir_fd when it must be closed */
    uint16_t mount;
    bool is_self;   /* names the folder dir_fd itself (".", "..", a mount point); name is "." */
    bool is_mount;  /* ... and that is the root of a mount */
    bool want_dir;  /* a slash stood behind it */
    bool is_looked; /* st or look is set */
    int look;       /* 0 | -ENOENT and the like */
    struct stat st;
    char name[260]; /* one component */
    char real[WASI_REAL_MAX];
};
must_use int place_find(struct wasi *w, const struct fd *dir, const char *path,
                        enum place_follow follow, const char *op, struct place *ret);
void place_done(struct place *p);
int place_look(struct place *p);            /* fills st/look, returns look */
const char *place_slashed(struct place *p); /* the name, with its slash if it had one */
must_use int place_may_change(struct wasi *w, const struct place *p,
                              const char *op); /* -EROFS, noted */
/* The quick way: one openat2 of the whole path when no link is on it. 1 = take the long way. */
must_use int path_open_plain(struct wasi *w, const struct fd *dir, const char *path, int flags,
                             char *ret_real);
bool real_is_beneath(const char *real, const char *top);          /* real == top or below it */
bool real_holds_mount(const struct wasi *w, const char *real);    /* a mount at or below real */
void fds_moved(struct wasi *w, const char *from, const char *to); /* real paths follow a rename */

/* undo.c: begin writes image and log line; then the effect; then end. */
struct undo {
    int n;         /* line; -1 = none was written */
    int image;     /* what wasi_touch_at() says */
    bool is_moved; /* the effect is undo_move_away() */
    bool is_quiet; /* a write to what this run made: no line, no touch */
    enum wasi_touch_op op;
    const char *real, *real_to; /* borrowed until end */
};
/* The object that is about to change: what stands at dir_fd/name now. before NULL: nothing does.
 * host_fd: readable fd of it, or -1: opened by its name. may_move: it will lose this name. */
struct undo_what {
    const struct stat *before;
    int dir_fd;
    const char *name;
    int host_fd;
    bool may_move;
};
must_use int wasi_undo_begin(struct wasi *w, struct undo *u, enum wasi_touch_op op,
                             const char *real, const char *real_to, const struct undo_what *what);
must_use int undo_move_away(struct wasi *w, struct undo *u, const struct undo_what *what);
int undo_end(struct wasi *w, const struct undo *u,
             int result);                                     /* result: of the effect; returned */
must_use int undo_before_write(struct wasi *w, struct fd *f); /* image of an open file, once */

/* stage.c */
/* Opens a staged file for the place. 0 and *f has host and stage set; 1 = cannot be staged, write plainly. */
must_use int stage_begin(struct wasi *w, struct fd *f, const struct place *p,
                         const struct stat *before);
int stage_land(struct wasi *w,
               struct fd *f); /* the file takes its name and stays open; f->stage is NULL after */
void stage_drop(struct wasi *w, struct fd *f);
/* The host failed a write to it: what it holds is not what the guest wrote, so it never takes its name, and landing answers
 * error. A quota does not spoil: the guest was told and may go on. */
void stage_spoil(struct fd *f, int error);
must_use int stage_settle(struct wasi *w,
                          const char *real); /* lands what is staged at or below real */
bool stage_is_open(const struct wasi *w, const char *real);

/* dirs.c */
void dir_stream_free(own struct dir_stream *s);

/* One function per row of functions.c, each in the file of its area. */
#define WASI_DECLARE(name, params, results)                                                        \
    int call_##name(struct wasi *w, struct wasi_memory m, const uint64_t *a);
#define WASI_EACH(X)                                                                               \
    X(args_get, "ii", "i")                                                                         \
    X(args_sizes_get, "ii", "i")                                                                   \
    X(environ_get, "ii", "i")                                                                      \
    X(environ_sizes_get, "ii", "i")                                                                \
    X(clock_res_get, "ii", "i")                                                                    \
    X(clock_time_get, "iIi", "i")                                                                  \
    X(fd_advise, "iIIi", "i")                                                                      \
    X(fd_allocate, "iII", "i")                                                                     \
    X(fd_close, "i", "i")                                                                          \
    X(fd_datasync, "i", "i")                                                                       \
    X(fd_fdstat_get, "ii", "i")                                                                    \
    X(fd_fdstat_set_flags, "ii", "i")                                                              \
    X(fd_fdstat_set_rights, "iII", "i")                                                            \
    X(fd_filestat_get, "ii", "i")                                                                  \
    X(fd_filestat_set_size, "iI", "i")                                                             \
    X(fd_filestat_set_times, "iIIi", "i")                                                          \
    X(fd_pread, "iiiIi", "i")                                                                      \
    X(fd_prestat_get, "ii", "i")                                                                   \
    X(fd_prestat_dir_name, "iii", "i")                                                             \
    X(fd_pwrite, "iiiIi", "i")                                                                     \
    X(fd_read, "iiii", "i")                                                                        \
    X(fd_readdir, "iiiIi", "i")                                                                    \
    X(fd_renumber, "ii", "i")                                                                      \
    X(fd_seek, "iIii", "i")                                                                        \
    X(fd_sync, "i", "i")                                                                           \
    X(fd_tell, "ii", "i")                                                                          \
    X(fd_write, "iiii", "i")                                                                       \
    X(path_create_directory, "iii", "i")                                                           \
    X(path_filestat_get, "iiiii", "i")                                                             \
    X(path_filestat_set_times, "iiiiIIi", "i")                                                     \
    X(path_link, "iiiiiii", "i")                                                                   \
    X(path_open, "iiiiiIIii", "i")                                                                 \
    X(path_readlink, "iiiiii", "i")                                                                \
    X(path_remove_directory, "iii", "i")                                                           \
    X(path_rename, "iiiiii", "i")                                                                  \
    X(path_symlink, "iiiii", "i")                                                                  \
    X(path_unlink_file, "iii", "i")                                                                \
    X(poll_oneoff, "iiii", "i")                                                                    \
    X(proc_exit, "i", "")                                                                          \
    X(proc_raise, "i", "i")                                                                        \
    X(random_get, "ii", "i")                                                                       \
    X(sched_yield, "", "i")                                                                        \
    X(sock_accept, "iii", "i")                                                                     \
    X(sock_recv, "iiiiii", "i")                                                                    \
    X(sock_send, "iiiii", "i")                                                                     \
    X(sock_shutdown, "ii", "i")
WASI_EACH(WASI_DECLARE)
