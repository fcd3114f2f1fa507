/* See created.h. */
#include "os/created.h"

#include "os/clock.h"
#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES_SIZE = 4096, PIECE = 64 /* names between two looks at the clock */ };

/* A folder on the way down: what of its names was read and not looked at yet. */
struct level {
    int fd; /* own */
    long len, at;
    char entries[ENTRIES_SIZE];
};

struct os_created {
    int folders[OS_CREATED_FOLDERS_MAX];   /* own */
    uint64_t used[OS_CREATED_FOLDERS_MAX]; /* files of its file system at the beginning */
    size_t folder_count;
    struct timespec since;
    uint64_t max, threshold; /* growth up to which nothing is looked at */
    /* the walk under way */
    bool is_walking, is_hidden;
    size_t next_folder;
    uint64_t found, growth;
    struct level *levels[OS_CREATED_DEPTH_MAX]; /* own */
    size_t depth;
};

/* false: this file system does not count its files. */
static bool files_used(int fd, uint64_t *ret, struct statfs *fs)
{
    if (fstatfs(fd, fs) < 0 || fs->f_files == 0 || fs->f_files < fs->f_ffree)
        return false;
    *ret = (uint64_t)fs->f_files - (uint64_t)fs->f_ffree;
    return true;
}

int os_created_new(int *dir_fds, size_t count, uint64_t max, own struct os_created **ret)
{
    struct statfs fs;
    struct os_created *c = calloc(1, sizeof(*c));
    if (c == NULL || count > OS_CREATED_FOLDERS_MAX) {
        free(c);
        return c == NULL ? -ENOMEM : -E2BIG;
    }
    /* Files are stamped by the coarse clock, which is a little behind. */
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &c->since);
    for (size_t i = 0; i < count; i++) {
        c->folders[i] = take_fd(&dir_fds[i]);
        (void)!files_used(c->folders[i], &c->used[i], &fs);
    }
    c->folder_count = count;
    c->max = c->threshold = max;
    *ret = c;
    return 0;
}

static void leave_all(struct os_created *c)
{
    while (c->depth > 0)
        os_close(take_fd(&c->levels[--c->depth]->fd));
}

void os_created_free(own struct os_created *c)
{
    if (c == NULL)
        return;
    leave_all(c);
    for (size_t i = 0; i < OS_CREATED_DEPTH_MAX; i++)
        free(c->levels[i]);
    for (size_t i = 0; i < c->folder_count; i++)
        os_close(c->folders[i]);
    free(c);
}

/* Files that the file systems have more than at the beginning, each once; UINT64_MAX where one does not count. */
static uint64_t growth_of(const struct os_created *c)
{
    struct statfs fs, other;
    uint64_t sum = 0, now, its;
    for (size_t i = 0; i < c->folder_count; i++) {
        bool is_again = false;
        if (!files_used(c->folders[i], &now, &fs))
            return UINT64_MAX;
        for (size_t k = 0; k < i && !is_again; k++)
            is_again = files_used(c->folders[k], &its, &other) &&
                       memcmp(&fs.f_fsid, &other.f_fsid, sizeof(fs.f_fsid)) == 0;
        if (!is_again && now > c->used[i])
            sum += now - c->used[i];
    }
    return sum;
}

static bool is_since(const struct os_created *c, const struct statx_timestamp *t)
{
    return t->tv_sec > c->since.tv_sec ||
           (t->tv_sec == c->since.tv_sec && (long)t->tv_nsec >= c->since.tv_nsec);
}

static int enter(struct os_created *c, own int fd)
{
    struct level *level = c->levels[c->depth];
    if (level == NULL && (level = c->levels[c->depth] = malloc(sizeof(*level))) == NULL) {
        os_close(fd);
        return -ENOMEM;
    }
    level->fd = fd;
    level->len = level->at = 0;
    c->depth++;
    return 0;
}

static void look_at(struct os_created *c, int folder, const char *name)
{
    struct statx st;
    /* One that is gone, or cannot be named, is nothing. */
    auto_close int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_CTIME | STATX_TYPE, &st) < 0)
        return;
    if ((st.stx_mask & STATX_BTIME) != 0 && is_since(c, &st.stx_btime))
        c->found++;
    if (!S_ISDIR(st.stx_mode))
        return;
    int next = c->depth < OS_CREATED_DEPTH_MAX
                   ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                   : -1;
    bool could_be = c->depth == OS_CREATED_DEPTH_MAX || errno == EACCES || errno == EPERM;
    if (next >= 0)
        (void)!enter(c, next);
    else if (could_be && is_since(c, &st.stx_ctime))
        c->is_hidden = true;
}

/* The next name of the deepest folder, or one level up. */
static void step(struct os_created *c)
{
    struct level *l = c->levels[c->depth - 1];
    if (l->at == l->len) {
        l->len = syscall(SYS_getdents64, l->fd, l->entries, sizeof(l->entries));
        l->at = 0;
        if (l->len <= 0) {
            l->len = 0;
            os_close(take_fd(&l->fd));
            c->depth--;
            return;
        }
    }
    const struct dirent64 *e = (const struct dirent64 *)(const void *)(l->entries + l->at);
    l->at += e->d_reclen;
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
        look_at(c, l->fd, e->d_name);
}

/* false: all has been walked. */
static bool next_folder(struct os_created *c)
{
    while (c->next_folder < c->folder_count) {
        int fd = openat(c->folders[c->next_folder++], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            return enter(c, fd) == 0;
    }
    return false;
}

static void begin(struct os_created *c, uint64_t growth)
{
    c->is_walking = true;
    c->is_hidden = false;
    c->next_folder = 0;
    c->found = 0;
    c->growth = growth;
}

int os_created_look(struct os_created *c, int64_t budget_ns, uint64_t *ret)
{
    int64_t end = os_now_mono_ns() + budget_ns;
    uint64_t growth = c->is_walking || c->folder_count == 0 ? 0 : growth_of(c);
    if (!c->is_walking && growth <= c->threshold)
        return OS_CREATED_FINE;
    if (!c->is_walking)
        begin(c, growth);
    do {
        for (int n = 0; n < PIECE && c->is_walking; n++) {
            if (c->depth > 0)
                step(c);
            else
                c->is_walking = next_folder(c);
        }
    } while (c->is_walking && c->found <= c->max && !c->is_hidden && os_now_mono_ns() < end);
    *ret = c->found;
    if (c->found > c->max || c->is_hidden) {
        leave_all(c);
        c->is_walking = false;
        return c->found > c->max ? OS_CREATED_TOO_MANY : OS_CREATED_HIDDEN;
    }
    /* So many more it takes at least. A file system that does not count is walked again and again. */
    if (!c->is_walking && c->growth != UINT64_MAX)
        c->threshold = c->growth + (c->max - c->found);
    return OS_CREATED_FINE;
}
