/* See file.h. */
#include "file.h"

#include "path.h"
#include "similar.h"
#include "tool.h"
#include "utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    NAMES_SCANNED = 20000,
    NAMES_OFFERED = 3,
};

struct file_error {
    int error;
    const char *code;
    const char *text;
};

static const struct file_error file_errors[] = {
    {ENOENT, "not_found", "it does not exist"},
    {ENOTDIR, "not_found", "a part of the path is a file, not a folder"},
    {EISDIR, "not_a_file", "it is a folder"},
    {EACCES, "denied", "permission denied"},
    {EPERM, "denied", "not permitted here"},
    {EXDEV, "outside", "it leads outside the folders this tool was given"},
#ifdef ENOTCAPABLE
    {ENOTCAPABLE, "outside", "it is outside what this tool was given (or not writable for it)"},
#endif
    {ELOOP, "outside", "it goes through a link that loops or leads outside"},
    {EROFS, "read_only", "this folder is mounted read-only"},
    {ENOSPC, "no_space", "the disk is full"},
    {EDQUOT, "quota", "the limit of bytes or files this call may write is reached"},
    {EFBIG, "quota", "the file would be too big"},
    {EMFILE, "quota", "too many files are open"},
    {ENAMETOOLONG, "bad_argument", "the name is too long"},
    {EINVAL, "bad_argument", "the name is not valid here"},
    {EILSEQ, "bad_argument", "the name is not valid UTF-8"},
};

const char *file_error_code(int error)
{
    for (size_t i = 0; i < sizeof(file_errors) / sizeof(file_errors[0]); i++)
        if (file_errors[i].error == error)
            return file_errors[i].code;
    return "io";
}

const char *file_error_text(int error)
{
    for (size_t i = 0; i < sizeof(file_errors) / sizeof(file_errors[0]); i++)
        if (file_errors[i].error == error)
            return file_errors[i].text;
    return strerror(error);
}

struct str file_take_path(const char *name, struct str path)
{
    struct buf plain;
    enum path_outcome outcome;

    buf_init(&plain, PATH_MAX_BYTES + 1);
    outcome = path_normalise(path, &plain);
    if (outcome != PATH_OK)
        tool_fail(outcome == PATH_LEAVES_TOP ? "outside" : "bad_argument", "Bad argument: %s %s.",
                  name, path_outcome_text(outcome));
    return buf_str(&plain);
}

/* The few best names of one folder, best first. */
struct offers {
    struct str names[NAMES_OFFERED];
    size_t distances[NAMES_OFFERED];
    size_t count;
};

static void offer(struct offers *offers, struct str name, size_t distance)
{
    size_t at = offers->count;

    while (at > 0 && offers->distances[at - 1] > distance)
        at--;
    if (at == NAMES_OFFERED)
        return;
    if (offers->count < NAMES_OFFERED)
        offers->count++;
    for (size_t i = offers->count - 1; i > at; i--) {
        offers->names[i] = offers->names[i - 1];
        offers->distances[i] = offers->distances[i - 1];
    }
    offers->names[at] = tool_name(name);
    offers->distances[at] = distance;
}

static void find_offers(DIR *dir, struct str wanted, struct offers *ret_offers)
{
    const struct dirent *entry;

    for (size_t seen = 0; seen < NAMES_SCANNED && (entry = readdir(dir)) != NULL; seen++) {
        struct str name = str_of(entry->d_name);
        size_t distance;

        if (!str_equal(name, STR(".")) && !str_equal(name, STR("..")) &&
            similar_name(wanted, name, &distance))
            offer(ret_offers, name, distance);
    }
}

static own char *terminated(struct str text)
{
    char *copy = mem_need(text.len + 1);

    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* The deepest part of the path that is missing decides where to look for names that come close. */
static void add_offers(struct buf *text, struct str path)
{
    struct str missing = path;
    struct str parent = path_parent(path);
    struct offers offers = {.count = 0};
    DIR *dir;

    while ((dir = opendir(terminated(parent))) == NULL && !path_is_top(parent)) {
        missing = parent;
        parent = path_parent(parent);
    }
    if (dir == NULL)
        return;
    if (missing.len != path.len) {
        struct str shown = tool_name(missing);

        buf_addf(text, " There is no folder %.*s.", (int)shown.len, shown.at);
    }
    find_offers(dir, path_name(missing), &offers);
    closedir(dir);
    for (size_t i = 0; i < offers.count; i++) {
        struct str shown = tool_name(parent);

        buf_addf(text, "%s", i == 0 ? " Did you mean " : " or ");
        path_join(text, shown, offers.names[i]);
    }
    if (offers.count > 0)
        buf_addf(text, "?");
    else
        buf_addf(text, " Use list or glob to see what is there.");
}

_Noreturn void file_fail(const char *verb, struct str path, int error)
{
    struct str shown = tool_name(path_shown(path));
    struct buf text;
    struct stat link;

    buf_init(&text, 64 << 10);
    buf_addf(&text, "Cannot %s %.*s: ", verb, (int)shown.len, shown.at);
    if (error == ENOENT && lstat(path.at, &link) == 0 && S_ISLNK(link.st_mode)) {
        buf_addf(&text, "it is a link that leads nowhere.");
    } else {
        buf_addf(&text, "%s.", file_error_text(error));
        if (error == ENOENT || error == ENOTDIR)
            add_offers(&text, path);
    }
    tool_fail_text(file_error_code(error), buf_str(&text));
}

int file_open(struct str path, struct stat *ret_stat)
{
    struct str shown;
    int fd;

    /* Looked at before it is opened: opening a pipe would wait for its other end. */
    if (stat(path.at, ret_stat) != 0)
        file_fail("read", path, errno);
    shown = tool_name(path_shown(path));
    if (S_ISDIR(ret_stat->st_mode))
        tool_fail("not_a_file", "%.*s is a folder. Use list to see what is in it.", (int)shown.len,
                  shown.at);
    if (!S_ISREG(ret_stat->st_mode))
        tool_fail("not_a_file", "%.*s is not a regular file (a device, pipe or socket).",
                  (int)shown.len, shown.at);
    fd = open(path.at, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        file_fail("read", path, errno);
    return fd;
}

size_t file_read(int fd, struct str path, char *ret_bytes, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t got = read(fd, ret_bytes + len, size - len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            file_fail("read", path, errno);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return len;
}

void file_read_all(struct str path, size_t max, own struct buf *ret_text)
{
    struct stat info;
    struct str shown = tool_name(path_shown(path));
    int fd = file_open(path, &info);

    buf_init(ret_text, max + 1);
    if (info.st_size >= 0 && (uint64_t)info.st_size <= max)
        (void)buf_reserve(ret_text,
                          (size_t)info.st_size + 1 <= max ? (size_t)info.st_size + 1 : max);
    for (;;) {
        size_t room;
        size_t got;

        if (ret_text->len > max || info.st_size > (off_t)max)
            tool_fail("too_big", "%.*s is too big: %lld bytes, the most is %zu.", (int)shown.len,
                      shown.at, (long long)info.st_size, max);
        if (!buf_reserve(ret_text, 1))
            mem_fail();
        room = ret_text->cap - 1 - ret_text->len;
        if (room > ret_text->max - ret_text->len)
            room = ret_text->max - ret_text->len;
        got = file_read(fd, path, ret_text->at + ret_text->len, room);
        ret_text->len += got;
        ret_text->at[ret_text->len] = '\0';
        if (got < room)
            break;
    }
    close(fd);
}

bool file_try_read_at(int dir_fd, const char *name, size_t max, own struct buf *ret_text)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    ssize_t got = -1;

    buf_init(ret_text, max);
    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= (off_t)max &&
        buf_reserve(ret_text, (size_t)info.st_size)) {
        while ((got = read(fd, ret_text->at + ret_text->len,
                           (size_t)info.st_size - ret_text->len)) > 0)
            ret_text->len += (size_t)got;
    }
    close(fd);
    return got == 0;
}

/* Makes the folders above the file that are missing; remembers the first one it made. 0 or an errno. */
static int make_folders(struct file_staged *staged)
{
    struct str path = staged->path;

    for (size_t at = 0; at < path.len; at++) {
        struct stat info;
        char *folder;

        if (path.at[at] != '/')
            continue;
        folder = terminated(str_part(path, 0, at));
        if (stat(folder, &info) == 0)
            continue;
        if (mkdir(folder, 0777) != 0) {
            if (errno == EEXIST)
                continue;
            return errno;
        }
        if (staged->folders++ == 0)
            staged->first_folder = str_of(folder);
    }
    return 0;
}

/* After a failed write: the folders made for it go again, deepest first. */
static void remove_folders(struct str path, struct str first)
{
    struct str folder = path_parent(path);

    while (folder.len >= first.len && first.len > 0) {
        if (rmdir(terminated(folder)) != 0)
            return;
        folder = path_parent(folder);
    }
}

int file_stage(struct str path, struct str content, struct file_staged *ret)
{
    struct stat info;
    int error;

    *ret = (struct file_staged){.path = path, .fd = -1};
    ret->is_new = stat(path.at, &info) != 0;
    if (!ret->is_new && !S_ISREG(info.st_mode))
        return S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    error = ret->is_new ? make_folders(ret) : 0;
    if (error != 0)
        return error;
    ret->fd = open(path.at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (ret->fd < 0)
        return errno;
    while (content.len > 0) {
        size_t piece = content.len < (1 << 20) ? content.len : 1 << 20;
        ssize_t done = write(ret->fd, content.at, piece);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? errno : EIO; /* left open on purpose: closing would put it in place */
        content = str_part(content, (size_t)done, content.len);
    }
    return 0;
}

int file_land(struct file_staged *staged)
{
    int fd = staged->fd;

    staged->fd = -1;
    return close(fd) == 0 ? 0 : errno;
}

void file_unstage(const struct file_staged *staged)
{
    remove_folders(staged->path, staged->first_folder);
}

void file_replace(struct str path, struct str content, bool *ret_created, size_t *ret_made_folders)
{
    struct file_staged staged;
    struct str shown = tool_name(path_shown(path));
    struct stat info;
    int error;

    if (stat(path.at, &info) == 0 && S_ISDIR(info.st_mode))
        tool_fail("not_a_file", "Cannot write %.*s: it is a folder. Give the name of a file in it.",
                  (int)shown.len, shown.at);
    if (stat(path.at, &info) == 0 && !S_ISREG(info.st_mode))
        tool_fail("not_a_file", "Cannot write %.*s: it is not a regular file.", (int)shown.len,
                  shown.at);
    error = file_stage(path, content, &staged);
    *ret_made_folders = staged.folders;
    *ret_created = staged.is_new;
    if (error == 0)
        error = file_land(&staged);
    if (error == 0)
        return;
    file_unstage(&staged);
    tool_fail(file_error_code(error), "Cannot write %.*s: %s.", (int)shown.len, shown.at,
              file_error_text(error));
}
