/* Files as undo sees them: guest paths, resolved beneath the mounts they belong to, never through a
 * link (the worker's log has real paths: a link in one means that somebody put it there since). What
 * stands at a path is boiled down to a state that can be written down and compared. */
#include "host/undo_private.h"

#include "base/digest.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 32 << 10, LIST_MAX = 200000 };

static const char *const kind_names[] = {
    [UNDO_NONE] = "none",    [UNDO_FILE] = "file",   [UNDO_DIR] = "dir",
    [UNDO_SYMLINK] = "link", [UNDO_OTHER] = "other",
};

/* --- states --- */

void undo_state_done(struct undo_state *s)
{
    free(s->target);
    *s = (struct undo_state){0};
}

int undo_state_copy(const struct undo_state *s, struct undo_state *ret)
{
    struct undo_state copy = *s;
    if (s->target != NULL) {
        copy.target = str_dup(str_of(s->target));
        if (copy.target == NULL)
            return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

const char *undo_state_differs(const struct undo_state *was, const struct undo_state *is)
{
    if (is->is_out_of_reach)
        return "it cannot be reached safely: a link stands in its path, or it may not be read";
    if (was->kind == UNDO_NONE && is->kind != UNDO_NONE)
        return "something new stands there since";
    if (is->kind == UNDO_NONE && was->kind != UNDO_NONE)
        return "it was removed since";
    if (was->kind != is->kind)
        return "something of another kind stands there since";
    if (was->kind == UNDO_SYMLINK)
        return was->target && is->target && strcmp(was->target, is->target) == 0
                   ? NULL
                   : "the link leads elsewhere since";
    if (was->kind == UNDO_FILE && (was->sha256[0] != '\0' || is->sha256[0] != '\0')) {
        if (strcmp(was->sha256, is->sha256) != 0)
            return "it was changed since";
    } else if (was->kind == UNDO_FILE && strcmp(was->stamp, is->stamp) != 0) {
        return "it was changed since";
    }
    if ((was->kind == UNDO_FILE || was->kind == UNDO_DIR) && was->mode != is->mode)
        return "its mode was changed since";
    return NULL;
}

int undo_state_to_json(const struct undo_state *s, json_t **ret)
{
    json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:s?, s:b}", "kind", kind_names[s->kind], "mode",
                          (int)s->mode, "sha256", s->sha256, "stamp", s->stamp, "target", s->target,
                          "out_of_reach", s->is_out_of_reach);
    if (o == NULL)
        return -ENOMEM; /* or a target that is not UTF-8, which undo_tree_look() does not let through */
    *ret = o;
    return 0;
}

static void copy_text(const json_t *o, const char *key, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(o, key));
    (void)snprintf(to, size, "%s", text ? text : "");
}

int undo_state_from_json(const json_t *o, struct undo_state *ret)
{
    struct undo_state s = {.kind = UNDO_OTHER};
    const char *kind = json_string_value(json_object_get(o, "kind"));
    const char *target = json_string_value(json_object_get(o, "target"));
    for (size_t i = 0; kind != NULL && i < ARRAY_LEN(kind_names); i++) {
        if (strcmp(kind, kind_names[i]) == 0)
            s.kind = (enum undo_kind)i;
    }
    s.mode = (mode_t)(json_integer_value(json_object_get(o, "mode")) & 07777);
    copy_text(o, "sha256", s.sha256, sizeof(s.sha256));
    copy_text(o, "stamp", s.stamp, sizeof(s.stamp));
    s.is_out_of_reach = json_is_true(json_object_get(o, "out_of_reach"));
    if (target != NULL && (s.target = str_dup(str_of(target))) == NULL)
        return -ENOMEM;
    *ret = s;
    return 0;
}

/* --- paths --- */

/* The rest of path behind the mount, without leading slash; NULL when path is not in the mount. */
static const char *behind(const struct undo_mount *m, const char *path)
{
    size_t len = strlen(m->guest);
    if (len == 1)
        return path + 1;
    if (strncmp(path, m->guest, len) != 0 || path[len] != '/')
        return NULL;
    return path + len + 1;
}

static const struct undo_mount *find_mount(const struct undo_tree *t, const char *path,
                                           const char **ret_rest)
{
    const struct undo_mount *best = NULL;
    for (size_t i = 0; i < t->count; i++) {
        const char *rest = behind(&t->mounts[i], path);
        if (rest == NULL || rest[0] == '\0' ||
            (best != NULL && strlen(t->mounts[i].guest) <= strlen(best->guest)))
            continue;
        best = &t->mounts[i];
        *ret_rest = rest;
    }
    return best;
}

static int open_folder(int mount_fd, struct str path)
{
    char text[UNDO_PATH_MAX + 1];
    if (path.len == 0)
        return os_open_at(mount_fd, ".", O_RDONLY | O_DIRECTORY, 0, OS_NO_LINKS);
    if (path.len > UNDO_PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(text, path.at, path.len);
    text[path.len] = '\0';
    return os_open_at(mount_fd, text, O_RDONLY | O_DIRECTORY, 0, OS_NO_LINKS);
}

int undo_tree_parent(const struct undo_tree *t, const char *path, int *ret_fd,
                     const char **ret_name)
{
    const char *rest = NULL;
    if (!undo_path_is_fine(path, strlen(path)))
        return -EINVAL;
    const struct undo_mount *m = find_mount(t, path, &rest);
    if (m == NULL || !m->writable)
        return -EXDEV;
    if (m->dir_fd < 0)
        return -ESTALE;
    const char *slash = strrchr(rest, '/');
    int fd = open_folder(m->dir_fd, (struct str){rest, slash ? (size_t)(slash - rest) : 0});
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    *ret_name = slash ? slash + 1 : rest;
    return 0;
}

/* --- looking --- */

int undo_open_regular(int dir_fd, const char *name)
{
    struct stat st;
    auto_close int fd = os_open_at(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, OS_NO_LINKS);
    if (fd < 0)
        return fd;
    int r = os_stat_fd(fd, &st);
    if (r < 0)
        return r;
    return S_ISREG(st.st_mode) ? take_fd(&fd) : -EINVAL;
}

int undo_hash_fd(int fd, int64_t max, char ret_hex[65])
{
    struct digest digest;
    int64_t at = 0;
    char chunk[CHUNK];
    auto_(digest_stream) struct digest_stream *stream = digest_stream_new();
    if (stream == NULL)
        return -ENOMEM;
    for (;;) {
        ssize_t n = os_pread(fd, chunk, CHUNK, at);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        at += n;
        if (at > max)
            return 1;
        digest_stream_add(stream, chunk, (size_t)n);
    }
    digest_stream_end(stream, &digest);
    digest_hex(&digest, ret_hex);
    return 0;
}

static int look_file(struct undo_tree *t, int dir_fd, const char *name, const struct stat *st,
                     struct undo_state *ret)
{
    ret->kind = UNDO_FILE;
    if (st->st_size <= t->hash_budget) {
        auto_close int fd = undo_open_regular(dir_fd, name);
        int r = fd < 0 ? fd : undo_hash_fd(fd, t->hash_budget, ret->sha256);
        if (r == -ENOMEM)
            return r;
        if (r == 0) {
            t->hash_budget -= st->st_size;
            return 0;
        }
        ret->sha256[0] = '\0';
        ret->is_out_of_reach = r < 0;
    }
    (void)snprintf(ret->stamp, sizeof(ret->stamp), "%lld %lld.%09ld", (long long)st->st_size,
                   (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    return 0;
}

static int look_link(int dir_fd, const char *name, struct undo_state *ret)
{
    char target[UNDO_PATH_MAX + 1];
    ssize_t n = os_fs_readlink(dir_fd, name, target, UNDO_PATH_MAX);
    ret->kind = UNDO_SYMLINK;
    ret->mode = 0;
    if (n <= 0 || !utf8_valid((struct str){target, (size_t)n})) {
        ret->is_out_of_reach = true;
        return 0;
    }
    ret->target = str_dup((struct str){target, (size_t)n});
    return ret->target == NULL ? -ENOMEM : 0;
}

int undo_tree_look(struct undo_tree *t, const char *path, struct undo_state *ret)
{
    struct undo_state state = {0};
    struct stat st;
    const char *name = NULL;
    auto_close int dir_fd = -1;
    int r = undo_tree_parent(t, path, &dir_fd, &name);
    if (r == 0)
        r = os_stat_at(dir_fd, name, &st);
    if (r == -ENOMEM)
        return r;
    if (r == -ENOENT || r == -ENOTDIR) {
        *ret = state;
        return 0;
    }
    if (r < 0) {
        *ret = (struct undo_state){.kind = UNDO_OTHER, .is_out_of_reach = true};
        return 0;
    }
    state.mode = st.st_mode & 07777;
    if (S_ISREG(st.st_mode))
        r = look_file(t, dir_fd, name, &st, &state);
    else if (S_ISLNK(st.st_mode))
        r = look_link(dir_fd, name, &state);
    else
        state.kind = S_ISDIR(st.st_mode) ? UNDO_DIR : UNDO_OTHER;
    if (r == 0)
        *ret = state;
    return r;
}

static int add_name(const char *name, unsigned char type, void *arg)
{
    (void)type;
    json_t *names = (json_t *)arg;
    auto_json json_t *key = json_string_lossy(str_of(name));
    return key == NULL || json_object_set_new(names, json_string_value(key), json_true()) < 0
               ? -ENOMEM
               : 0;
}

int undo_tree_list(const struct undo_tree *t, const char *path, json_t **ret)
{
    const char *name = NULL;
    auto_close int dir_fd = -1;
    auto_json json_t *names = json_object();
    if (names == NULL)
        return -ENOMEM;
    int r = undo_tree_parent(t, path, &dir_fd, &name);
    if (r < 0)
        return r == -ENOMEM ? r : 1;
    auto_close int fd = os_open_at(dir_fd, name, O_RDONLY | O_DIRECTORY, 0, OS_NO_LINKS);
    if (fd < 0)
        return 1;
    r = os_list_dir(fd, LIST_MAX, add_name, names);
    if (r < 0)
        return r == -ENOMEM ? r : 1;
    *ret = take(names);
    return 0;
}
