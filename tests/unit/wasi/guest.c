/* See guest.h. */
#include "guest.h"

#include "os/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int on_output(int stream, struct str bytes, void *arg)
{
    struct guest *g = arg;
    (void)stream;
    return buf_add_str(&g->out, bytes);
}

struct guest *g_new(void)
{
    struct guest *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    strcpy(g->dir, "/tmp/wasi-test-XXXXXX");
    assert_non_null(mkdtemp(g->dir));
    g->dir_fd = open(g->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g->undo_fd = -1;
    g->mounts[0] = (struct wasi_mount){.guest = "/", .dir_fd = g->dir_fd, .writable = true};
    g->config = (struct wasi_config){.mounts = g->mounts,
                                     .mount_count = 1,
                                     .quota = {1 << 20, 256 << 20, 256, 10000, 1000000},
                                     .deadline_ns = os_now_mono_ns() + 60 * OS_NS_PER_S,
                                     .cancel_fd = -1,
                                     .stdin_fd = -1,
                                     .stdin_bytes = STR(""),
                                     .on_output = on_output,
                                     .undo_fd = -1,
                                     .arg = g};
    g->memory = malloc(GUEST_MEMORY);
    assert_non_null(g->memory);
    memset(g->memory, 0, GUEST_MEMORY);
    buf_init(&g->out, 64 << 20);
    buf_init(&g->text, 64 << 20);
    return g;
}

void g_start(struct guest *g)
{
    assert_int_equal(wasi_new(&g->config, &g->w), 0);
}

void g_restart(struct guest *g)
{
    wasi_end(g->w, true);
    wasi_free(g->w);
    g->stop = 0;
    g_start(g);
}

void g_with_undo(struct guest *g)
{
    strcpy(g->undo, "/tmp/wasi-undo-XXXXXX");
    assert_non_null(mkdtemp(g->undo));
    g->undo_fd = g->config.undo_fd = open(g->undo, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int g_mount(struct guest *g, const char *host_sub, const char *guest, bool writable)
{
    int fd = open(h_path(g, host_sub), O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    g->mounts[g->config.mount_count++] =
        (struct wasi_mount){.guest = guest, .dir_fd = fd, .writable = writable};
    return fd;
}

static void remove_tree(const char *path)
{
    char command[256];
    snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", path, path);
    assert_int_equal(system(command), 0);
}

void g_free(struct guest *g)
{
    wasi_free(g->w);
    for (size_t i = 0; i < g->config.mount_count; i++)
        close(g->mounts[i].dir_fd);
    remove_tree(g->dir);
    if (g->undo_fd >= 0) {
        close(g->undo_fd);
        remove_tree(g->undo);
    }
    buf_done(&g->out);
    buf_done(&g->text);
    free(g->memory);
    free(g);
}

uint32_t g_call_array(struct guest *g, const char *name, const uint64_t *args)
{
    for (size_t i = 0; i < wasi_function_count; i++) {
        if (strcmp(wasi_functions[i].name, name) != 0)
            continue;
        uint32_t error = 0;
        g->stop = wasi_functions[i].call(g->w, (struct wasi_memory){g->memory, GUEST_MEMORY}, args,
                                         &error);
        return g->stop != 0 ? G_STOPPED : error;
    }
    fail_msg("no function %s", name);
    return 0;
}

uint32_t g_u32(struct guest *g, uint32_t at)
{
    uint32_t v;
    memcpy(&v, g->memory + at, sizeof(v));
    return v;
}

uint64_t g_u64(struct guest *g, uint32_t at)
{
    uint64_t v;
    memcpy(&v, g->memory + at, sizeof(v));
    return v;
}

uint32_t g_put(struct guest *g, uint32_t at, const char *text)
{
    memcpy(g->memory + at, text, strlen(text));
    return (uint32_t)strlen(text);
}

static void put_iovec(struct guest *g, uint32_t at, uint32_t len)
{
    memcpy(g->memory + 512, &at, 4);
    memcpy(g->memory + 516, &len, 4);
}

uint32_t g_open(struct guest *g, uint32_t dir, const char *path, bool follow, uint32_t oflags,
                uint64_t rights, uint32_t fdflags, uint32_t *ret_fd)
{
    uint32_t len = g_put(g, PATH_A, path);
    uint32_t e = g_call(g, "path_open", dir, follow, PATH_A, len, oflags, rights,
                        (oflags & O_G_DIR) ? R_ALL & ~(1 << 28 | 1 << 29) : 0, fdflags, ANSWER);
    if (e == 0 && ret_fd != NULL)
        *ret_fd = g_u32(g, ANSWER);
    return e;
}

uint32_t g_close(struct guest *g, uint32_t fd)
{
    return g_call(g, "fd_close", fd);
}

uint32_t g_write(struct guest *g, uint32_t fd, const char *text)
{
    put_iovec(g, BYTES, g_put(g, BYTES, text));
    uint32_t e = g_call(g, "fd_write", fd, 512, 1, ANSWER);
    if (e == 0)
        assert_int_equal(g_u32(g, ANSWER), strlen(text));
    return e;
}

uint32_t g_write_len(struct guest *g, uint32_t fd, uint32_t len, uint32_t *ret_written)
{
    assert_true(BYTES + len <= GUEST_MEMORY);
    memset(g->memory + BYTES, 'x', len);
    put_iovec(g, BYTES, len);
    uint32_t e = g_call(g, "fd_write", fd, 512, 1, ANSWER);
    *ret_written = e == 0 ? g_u32(g, ANSWER) : 0;
    return e;
}

uint32_t g_pwrite(struct guest *g, uint32_t fd, const char *text, uint64_t offset)
{
    put_iovec(g, BYTES, g_put(g, BYTES, text));
    return g_call(g, "fd_pwrite", fd, 512, 1, offset, ANSWER);
}

uint32_t g_read(struct guest *g, uint32_t fd, uint32_t len)
{
    put_iovec(g, BYTES, len);
    uint32_t e = g_call(g, "fd_read", fd, 512, 1, ANSWER);
    buf_reset(&g->text);
    buf_add(&g->text, g->memory + BYTES, e == 0 ? g_u32(g, ANSWER) : 0);
    buf_add_z(&g->text, "");
    return e;
}

uint32_t g_path(struct guest *g, const char *call, uint32_t dir, const char *path)
{
    const char *name = !strcmp(call, "mkdir")   ? "path_create_directory"
                       : !strcmp(call, "rmdir") ? "path_remove_directory"
                                                : "path_unlink_file";
    return g_call(g, name, dir, PATH_A, g_put(g, PATH_A, path));
}

uint32_t g_rename(struct guest *g, const char *from, const char *to)
{
    uint32_t a = g_put(g, PATH_A, from), b = g_put(g, PATH_B, to);
    return g_call(g, "path_rename", ROOT, PATH_A, a, ROOT, PATH_B, b);
}

uint32_t g_link(struct guest *g, bool follow, const char *from, const char *to)
{
    uint32_t a = g_put(g, PATH_A, from), b = g_put(g, PATH_B, to);
    return g_call(g, "path_link", ROOT, follow, PATH_A, a, ROOT, PATH_B, b);
}

uint32_t g_symlink(struct guest *g, const char *target, const char *path)
{
    uint32_t a = g_put(g, PATH_A, target), b = g_put(g, PATH_B, path);
    return g_call(g, "path_symlink", PATH_A, a, ROOT, PATH_B, b);
}

uint32_t g_stat(struct guest *g, const char *path, bool follow)
{
    return g_call(g, "path_filestat_get", ROOT, follow, PATH_A, g_put(g, PATH_A, path), ANSWER);
}

const char *g_readlink(struct guest *g, const char *path)
{
    uint32_t len = g_put(g, PATH_A, path);
    if (g_call(g, "path_readlink", ROOT, PATH_A, len, BYTES, 4096, ANSWER) != 0)
        return NULL;
    g->memory[BYTES + g_u32(g, ANSWER)] = '\0';
    return (const char *)g->memory + BYTES;
}

uint32_t g_save(struct guest *g, const char *path, const char *text)
{
    uint32_t fd, e = g_open(g, ROOT, path, true, O_G_CREAT | O_G_TRUNC, R_WRITE, 0, &fd);
    if (e != 0)
        return e;
    e = text[0] ? g_write(g, fd, text) : 0;
    uint32_t closed = g_close(g, fd);
    return e ? e : closed;
}

const char *g_load(struct guest *g, const char *path)
{
    uint32_t fd;
    if (g_open(g, ROOT, path, true, 0, R_READ, 0, &fd) != 0)
        return NULL;
    uint32_t e = g_read(g, fd, 4096);
    g_close(g, fd);
    return e == 0 ? g->text.at : NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *g_list(struct guest *g, uint32_t fd, uint32_t buffer)
{
    char *names[1024];
    size_t count = 0;
    uint64_t cookie = 0;
    for (int round = 0;; round++) {
        assert_true(round < 100000);
        assert_int_equal(g_call(g, "fd_readdir", fd, BYTES, buffer, cookie, ANSWER), 0);
        uint32_t used = g_u32(g, ANSWER), at = 0;
        uint64_t before = cookie;
        while (at + 24 <= used) {
            uint32_t len = g_u32(g, BYTES + at + 16);
            if (at + 24 + len > used)
                break;
            cookie = g_u64(g, BYTES + at);
            char *name = strndup((char *)g->memory + BYTES + at + 24, len);
            if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                free(name);
            else
                names[count++] = name;
            at += 24 + len;
        }
        if (used < buffer)
            break;
        assert_true(cookie != before || at > 0);
    }
    qsort(names, count, sizeof(names[0]), compare);
    char *all = calloc(1, count * 258 + 1);
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(all, names[i]), " ");
        free(names[i]);
    }
    return all;
}

char *h_path(struct guest *g, const char *name)
{
    static char path[2][512];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof(path[0]), "%s/%s", g->dir, name);
    return path[turn];
}

void h_save(struct guest *g, const char *name, const char *text)
{
    int fd = open(h_path(g, name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

char *h_load(const char *dir, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = calloc(1, 65536);
    assert_true(read(fd, text, 65535) >= 0);
    close(fd);
    return text;
}

bool h_exists(struct guest *g, const char *name)
{
    struct stat st;
    return lstat(h_path(g, name), &st) == 0;
}

int h_count(const char *path)
{
    int count = -2;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

bool g_was_refused(struct guest *g, const char *op, const char *target)
{
    const char *got_op, *got_target, *why;
    for (size_t i = 0; i < wasi_refusal_count(g->w); i++) {
        wasi_refusal_at(g->w, i, &got_op, &got_target, &why);
        if (strcmp(got_op, op) == 0 && strcmp(got_target, target) == 0 && why[0] != '\0')
            return true;
    }
    return false;
}

bool g_was_touched(struct guest *g, enum wasi_touch_op op, const char *path)
{
    enum wasi_touch_op got;
    const char *got_path, *to;
    int image;
    for (size_t i = 0; i < wasi_touch_count(g->w); i++) {
        wasi_touch_at(g->w, i, &got, &got_path, &to, &image);
        if (got == op && strcmp(got_path, path) == 0)
            return true;
    }
    return false;
}
