/* Before-images, the log, and staged writes: what others see while a write goes on, what is left when the
 * run ends or dies, and that the log brings back what was there. */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int setup(void **state)
{
    struct guest *g = g_new();
    *state = g;
    g_with_undo(g);
    h_save(g, "a.txt", "alpha");
    mkdir(h_path(g, "dir"), 0755);
    return 0;
}

static int teardown(void **state)
{
    g_free(*state);
    return 0;
}

static void has(const char *dir, const char *name, const char *want)
{
    char *got = h_load(dir, name);
    if (want == NULL) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, want);
    free(got);
}

static void each_change_leaves_a_line_and_an_image(void **state)
{
    struct guest *g = *state;
    uint32_t fd;
    g_start(g);
    chmod(h_path(g, "a.txt"), 0640);
    assert_int_equal(g_open(g, ROOT, "a.txt", true, 0, R_RW, 0, &fd), 0);
    assert_int_equal(wasi_touch_count(g->w), 0); /* nothing changed yet */
    assert_int_equal(g_write(g, fd, "BB"), 0);
    assert_int_equal(g_write(g, fd, "CC"), 0);
    assert_int_equal(g_close(g, fd), 0);
    assert_int_equal(g_save(g, "new", "n"), 0);
    assert_int_equal(g_path(g, "mkdir", ROOT, "made"), 0);
    assert_int_equal(g_path(g, "rmdir", ROOT, "dir"), 0);
    assert_int_equal(g_symlink(g, "a\"b", "link"), 0);
    assert_int_equal(g_path(g, "unlink", ROOT, "link"), 0);
    assert_int_equal(g_link(g, false, "a.txt", "hard"), 0);
    assert_int_equal(g_rename(g, "new", "made/new"), 0);
    assert_int_equal(g_path(g, "unlink", ROOT, "made/new"), 0);
    assert_int_equal(g_path(g, "rmdir", ROOT, "nothing"), G_NOENT);
    has(g->undo, "log",
        "{\"n\":0,\"op\":\"write\",\"path\":\"/a.txt\",\"to\":null,\"mode\":416,\"kind\":\"file\",\"target\":null}\n"
        "{\"n\":1,\"op\":\"create\",\"path\":\"/new\",\"to\":null,\"mode\":null,\"kind\":null,\"target\":null}\n"
        "{\"n\":2,\"op\":\"mkdir\",\"path\":\"/made\",\"to\":null,\"mode\":null,\"kind\":null,\"target\":null}\n"
        "{\"n\":3,\"op\":\"rmdir\",\"path\":\"/dir\",\"to\":null,\"mode\":493,\"kind\":\"dir\",\"target\":null}\n"
        "{\"n\":4,\"op\":\"create\",\"path\":\"/link\",\"to\":null,\"mode\":null,\"kind\":null,\"target\":null}\n"
        "{\"n\":5,\"op\":\"delete\",\"path\":\"/link\",\"to\":null,\"mode\":511,\"kind\":\"link\",\"target\":\"a\\\"b\"}\n"
        "{\"n\":6,\"op\":\"link\",\"path\":\"/a.txt\",\"to\":\"/hard\",\"mode\":null,\"kind\":null,\"target\":null}\n"
        "{\"n\":7,\"op\":\"rename\",\"path\":\"/new\",\"to\":\"/made/new\",\"mode\":null,\"kind\":null,\"target\":null}\n"
        "{\"n\":8,\"op\":\"delete\",\"path\":\"/made/new\",\"to\":null,\"mode\":420,\"kind\":\"file\",\"target\":null}\n");
    has(g->undo, "0", "alpha");
    has(g->undo, "8", "n");
    assert_int_equal(h_count(g->undo), 3);
    assert_int_equal(wasi_touch_count(g->w), 9);
    enum wasi_touch_op op;
    const char *path, *to;
    int image;
    wasi_touch_at(g->w, 0, &op, &path, &to, &image);
    assert_true(op == WASI_TOUCH_WRITE && image == 0 && to == NULL);
    assert_string_equal(path, "/a.txt");
    wasi_touch_at(g->w, 7, &op, &path, &to, &image);
    assert_true(op == WASI_TOUCH_RENAME && image == -1);
    assert_string_equal(to, "/made/new");
}

static void a_failed_effect_is_void(void **state)
{
    struct guest *g = *state;
    g_start(g);
    h_save(g, "dir/x", "x");
    assert_int_equal(g_path(g, "rmdir", ROOT, "dir"), G_NOTEMPTY);
    assert_int_equal(g_path(g, "mkdir", ROOT, "other"), 0);
    assert_int_equal(g_rename(g, "other", "dir"), G_NOTEMPTY);
    assert_int_equal(wasi_touch_count(g->w), 1);
    char *log = h_load(g->undo, "log");
    assert_non_null(strstr(log, "{\"n\":0,\"op\":\"void\"}\n"));
    free(log);
    assert_int_equal(h_count(g->undo), 1);
}

static void truncating_saves_first_and_replacing_links(void **state)
{
    struct guest *g = *state;
    g_start(g);
    h_save(g, "b.txt", "beta");
    assert_int_equal(g_open(g, ROOT, "a.txt", true, O_G_TRUNC, R_RW, 0, NULL), 0);
    has(g->undo, "0", "alpha");
    assert_int_equal(g_rename(g, "a.txt", "b.txt"), 0);
    has(g->undo, "1", "beta");
    assert_int_equal(g_path(g, "unlink", ROOT, "b.txt"), 0);
    has(g->undo, "3", "alpha"); /* as it was before the run, not as it was written meanwhile */
    assert_true(g_was_touched(g, WASI_TOUCH_DELETE, "/b.txt"));
    assert_true(g_was_touched(g, WASI_TOUCH_RENAME, "/a.txt"));
}

static void without_an_image_there_is_no_change(void **state)
{
    struct guest *g = *state;
    uint32_t fd;
    g_start(g);
    assert_int_equal(truncate(h_path(g, "a.txt"), WASI_IMAGES_MAX + 1), 0);
    assert_int_equal(g_open(g, ROOT, "a.txt", true, 0, R_RW, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "x"), G_DQUOT);
    assert_true(g_was_refused(g, "write", "/a.txt"));
    assert_int_equal(g_call(g, "fd_filestat_set_size", fd, 1), G_DQUOT);
    assert_int_equal(g_open(g, ROOT, "a.txt", true, O_G_TRUNC, R_RW, 0, NULL), G_DQUOT);
    assert_int_equal(wasi_touch_count(g->w), 0);
    /* A file that is removed moves, whatever its size. */
    assert_int_equal(g_path(g, "unlink", ROOT, "a.txt"), 0);
}

/* --- staged writes --- */

static void a_staged_write_lands_whole(void **state)
{
    struct guest *g = *state;
    uint32_t fd;
    g->config.atomic_writes = true;
    g_start(g);
    chmod(h_path(g, "a.txt"), 0751);
    assert_int_equal(g_open(g, ROOT, "a.txt", true, O_G_TRUNC | O_G_CREAT, R_RW, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "new"), 0);
    assert_int_equal(g_call(g, "fd_seek", fd, 0, 0, ANSWER), 0);
    assert_int_equal(g_read(g, fd, 10), 0);
    assert_string_equal(g->text.at, "new"); /* it sees its own bytes */
    has(g->dir, "a.txt", "alpha");
    assert_string_equal(g_load(g, "a.txt"), "alpha");
    assert_int_equal(h_count(g->dir), 2);
    assert_int_equal(wasi_touch_count(g->w), 0);
    assert_int_equal(g_close(g, fd), 0);
    has(g->dir, "a.txt", "new");
    has(g->undo, "0", "alpha");
    struct stat st;
    assert_int_equal(stat(h_path(g, "a.txt"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0751);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(h_count(g->dir), 2);
    assert_int_equal(h_count(g->undo), 2);
    assert_true(g_was_touched(g, WASI_TOUCH_WRITE, "/a.txt"));
    /* Again in the same run: the first image stays the only one. */
    assert_int_equal(g_save(g, "a.txt", "newer"), 0);
    has(g->dir, "a.txt", "newer");
    assert_int_equal(h_count(g->undo), 2);
    assert_int_equal(wasi_touch_count(g->w), 1);
}

/* A disk that is full, here a largest file size: the old text stays, and the guest hears it again when it closes. */
static void a_write_that_the_host_failed_does_not_land(void **state)
{
    struct guest *g = *state;
    struct rlimit before, small = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    uint32_t fd, n;
    g->config.atomic_writes = true;
    g_start(g);
    assert_int_equal(g_open(g, ROOT, "a.txt", false, O_G_TRUNC, R_RW, 0, &fd), G_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(g_write_len(g, fd, 6000, &n), G_OK);
    assert_int_equal(n, 4096);
    assert_int_equal(g_write_len(g, fd, 100, &n), G_FBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(g_close(g, fd), G_FBIG);
    has(g->dir, "a.txt", "alpha");
    assert_true(g_was_refused(g, "write", "/a.txt"));
    assert_int_equal(h_count(g->dir), 2);
}

static void a_new_file_appears_when_it_is_closed(void **state)
{
    struct guest *g = *state;
    uint32_t fd, other;
    g->config.atomic_writes = true;
    g_start(g);
    assert_int_equal(g_open(g, ROOT, "dir/new", true, O_G_CREAT, R_WRITE, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "new"), 0);
    assert_true(!h_exists(g, "dir/new"));
    assert_int_equal(h_count(h_path(g, "dir")), 0);
    assert_int_equal(g_open(g, ROOT, "dir/new", true, O_G_CREAT | O_G_EXCL, R_WRITE, 0, &other),
                     G_EXIST);
    assert_int_equal(g_close(g, fd), 0);
    has(g->dir, "dir/new", "new");
    assert_true(g_was_touched(g, WASI_TOUCH_CREATE, "/dir/new"));
    /* Left open: lands with a clean end, is dropped without one. */
    assert_int_equal(g_open(g, ROOT, "kept", true, O_G_CREAT, R_WRITE, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "kept"), 0);
    wasi_end(g->w, true);
    has(g->dir, "kept", "kept");
    g_restart(g);
    assert_int_equal(g_open(g, ROOT, "lost", true, O_G_CREAT, R_WRITE, 0, &fd), 0);
    assert_int_equal(g_open(g, ROOT, "kept", true, O_G_TRUNC, R_WRITE, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "lost"), 0);
    wasi_end(g->w, false);
    has(g->dir, "lost", NULL);
    has(g->dir, "kept", "kept");
    assert_int_equal(h_count(g->dir), 3);
}

static void a_name_that_is_needed_lands_before(void **state)
{
    struct guest *g = *state;
    uint32_t fd;
    g->config.atomic_writes = true;
    g_start(g);
    /* The classic: write aside, rename over, close last. */
    assert_int_equal(g_open(g, ROOT, "a.tmp", true, O_G_CREAT, R_WRITE, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "one "), 0);
    assert_int_equal(g_rename(g, "a.tmp", "a.txt"), 0);
    has(g->dir, "a.txt", "one ");
    assert_int_equal(g_write(g, fd, "two"), 0);
    assert_int_equal(g_close(g, fd), 0);
    has(g->dir, "a.txt", "one two");
    has(g->dir, "a.tmp", NULL);
    /* A file that is removed while it is written stays removed. */
    assert_int_equal(g_open(g, ROOT, "gone", true, O_G_CREAT, R_WRITE, 0, &fd), 0);
    assert_int_equal(g_path(g, "unlink", ROOT, "gone"), 0);
    assert_int_equal(g_write(g, fd, "x"), 0);
    assert_int_equal(g_close(g, fd), 0);
    has(g->dir, "gone", NULL);
    /* The folder moves meanwhile. */
    assert_int_equal(g_open(g, ROOT, "dir/in", true, O_G_CREAT, R_WRITE, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "in"), 0);
    assert_int_equal(g_rename(g, "dir", "moved"), 0);
    assert_int_equal(g_close(g, fd), 0);
    has(g->dir, "moved/in", "in");
}

static void links_and_special_targets(void **state)
{
    struct guest *g = *state;
    uint32_t fd;
    struct stat st;
    g->config.atomic_writes = true;
    g_start(g);
    assert_int_equal(symlink("../a.txt", h_path(g, "dir/link")), 0);
    assert_int_equal(g_save(g, "dir/link", "through"), 0);
    has(g->dir, "a.txt", "through");
    assert_int_equal(lstat(h_path(g, "dir/link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    /* Hard links stay links: written in place. */
    assert_int_equal(link(h_path(g, "a.txt"), h_path(g, "hard")), 0);
    assert_int_equal(g_save(g, "hard", "both"), 0);
    has(g->dir, "a.txt", "both");
    /* So does another's file. */
    h_save(g, "theirs", "theirs");
    if (chown(h_path(g, "theirs"), 12345, 12345) == 0) {
        assert_int_equal(g_save(g, "theirs", "mine"), 0);
        has(g->dir, "theirs", "mine");
        assert_int_equal(stat(h_path(g, "theirs"), &st), 0);
        assert_int_equal(st.st_uid, 12345);
    }
    /* The host put a folder there meanwhile: the write is lost, and it is said. */
    assert_int_equal(g_open(g, ROOT, "name", true, O_G_CREAT, R_WRITE, 0, &fd), 0);
    assert_int_equal(mkdir(h_path(g, "name"), 0755), 0);
    assert_int_equal(g_close(g, fd), G_ISDIR);
    assert_true(g_was_refused(g, "write", "/name"));
    assert_int_equal(g_close(g, fd), G_BADF);
    /* Or a file: what is closed last stays. */
    assert_int_equal(g_open(g, ROOT, "name2", true, O_G_CREAT, R_WRITE, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "mine"), 0);
    h_save(g, "name2", "theirs");
    assert_int_equal(g_close(g, fd), 0);
    has(g->dir, "name2", "mine");
}

static void without_a_private_place_it_is_written_in_place(void **state)
{
    struct guest *g = *state;
    uint32_t fd;
    g->config.atomic_writes = true;
    g->config.undo_fd = -1;
    g_start(g);
    assert_int_equal(g_open(g, ROOT, "a.txt", true, O_G_TRUNC, R_WRITE, 0, &fd), 0);
    has(g->dir, "a.txt", "");
    assert_int_equal(g_write(g, fd, "new"), 0);
    assert_int_equal(g_close(g, fd), 0);
    has(g->dir, "a.txt", "new");
    /* A new name needs none. */
    assert_int_equal(g_open(g, ROOT, "new", true, O_G_CREAT, R_WRITE, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "new"), 0);
    assert_true(!h_exists(g, "new"));
    assert_int_equal(g_close(g, fd), 0);
    has(g->dir, "new", "new");
    assert_int_equal(wasi_touch_count(g->w), 2);
    /* The undo folder on another file system. */
    int other = open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (other >= 0) {
        char name[64];
        snprintf(name, sizeof(name), "wasi-undo-%d", (int)getpid());
        assert_int_equal(mkdirat(other, name, 0700), 0);
        g->config.undo_fd = openat(other, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        g_restart(g);
        assert_int_equal(g_save(g, "a.txt", "newer"), 0);
        has(g->dir, "a.txt", "newer");
        snprintf(name, sizeof(name), "/dev/shm/wasi-undo-%d", (int)getpid());
        has(name, "0", "new");
        close(g->config.undo_fd);
        close(other);
        unlink(strcat(name, "/0"));
        name[strlen(name) - 2] = '\0';
        unlink(strcat(name, "/log"));
        name[strlen(name) - 4] = '\0';
        assert_int_equal(rmdir(name), 0);
    }
}

/* A child writes over one file and makes others, and is killed at any moment: never a half file, never
 * another name. */
static void kill_leaves_old_or_new(void **state)
{
    struct guest *g = *state;
    enum { SIZE = 300000, ROUNDS = 60 };
    g->config.atomic_writes = true;
    g->config.quota.write_bytes = INT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            uint32_t fd, n;
            g_start(g);
            for (;;) {
                g_open(g, ROOT, "a.txt", true, O_G_TRUNC | O_G_CREAT, R_WRITE, 0, &fd);
                g_write_len(g, fd, SIZE, &n);
                g_close(g, fd);
            }
        }
        usleep(1000 + (useconds_t)round * 300);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        struct stat st;
        assert_int_equal(stat(h_path(g, "a.txt"), &st), 0);
        assert_true(st.st_size == SIZE || st.st_size == 5);
        assert_int_equal(h_count(g->dir), 2);
    }
}

/* --- the log brings everything back --- */

static char *field(const char *line, const char *key, char *ret)
{
    char want[32];
    snprintf(want, sizeof(want), "\"%s\":\"", key);
    const char *at = strstr(line, want);
    ret[0] = '\0';
    if (at != NULL) {
        at += strlen(want);
        memcpy(ret, at, strcspn(at, "\""));
        ret[strcspn(at, "\"")] = '\0';
    }
    return ret;
}

static void copy(const char *from_dir, const char *from, const char *to, mode_t mode)
{
    char *text = h_load(from_dir, from);
    assert_non_null(text);
    int fd = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    fchmod(fd, mode);
    close(fd);
    free(text);
}

static void undo_line(struct guest *g, const char *line, const char *all)
{
    char op[16], path[300], to[300], kind[16], target[300], host[512], host_to[512], n[16],
        is_void[64];
    unsigned number = 0, mode = 0;
    sscanf(line, "{\"n\":%u", &number);
    snprintf(n, sizeof(n), "%u", number);
    snprintf(is_void, sizeof(is_void), "{\"n\":%u,\"op\":\"void\"}", number);
    if (strcmp(field(line, "op", op), "void") == 0 || strstr(all, is_void) != NULL)
        return;
    const char *mode_at = strstr(line, "\"mode\":");
    sscanf(mode_at, "\"mode\":%u", &mode);
    field(line, "path", path);
    field(line, "to", to);
    field(line, "kind", kind);
    field(line, "target", target);
    snprintf(host, sizeof(host), "%s%s", g->dir, path);
    snprintf(host_to, sizeof(host_to), "%s%s", g->dir, to);
    if (strcmp(op, "create") == 0) {
        unlink(host);
    } else if (strcmp(op, "mkdir") == 0) {
        rmdir(host);
    } else if (strcmp(op, "link") == 0) {
        unlink(host_to);
    } else if (strcmp(op, "rename") == 0) {
        assert_int_equal(rename(host_to, host), 0);
    } else if (strcmp(kind, "dir") == 0) {
        assert_int_equal(mkdir(host, mode), 0);
    } else if (strcmp(kind, "link") == 0) {
        assert_int_equal(symlink(target, host), 0);
    } else if (strcmp(kind, "file") == 0) {
        copy(g->undo, n, host, mode);
    }
}

static void undo_all(struct guest *g)
{
    char *lines[4096];
    size_t count = 0;
    char path[128];
    snprintf(path, sizeof(path), "%s/log", g->undo);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return;
    char *all = calloc(1, 1 << 20), *rest = all;
    assert_true(fread(all, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    char *whole = strdup(all);
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line;)
        lines[count++] = line;
    while (count > 0)
        undo_line(g, lines[--count], whole);
    free(all);
    free(whole);
}

static char *picture(struct guest *g)
{
    char command[256];
    char *text = calloc(1, 1 << 16);
    snprintf(
        command, sizeof(command),
        "cd %s && find . -printf '%%p %%y %%m %%l ' -type f -exec sh -c 'cat \"$1\" | cksum' _ {} \\; -o "
        "-printf '\\n' | LC_ALL=C sort",
        g->dir);
    FILE *f = popen(command, "re");
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    pclose(f);
    return text;
}

static uint32_t seed;
static uint32_t any(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static const char *any_path(char *at)
{
    static const char *const dirs[] = {"", "d0/", "d1/", "d0/e/"};
    sprintf(at, "%sn%u", dirs[any(4)], any(5));
    return at;
}

/* Hard links and writes are tried apart: see wasi.h on files with several names. */
static void one_change(struct guest *g, bool links)
{
    char a[32], b[32], text[16];
    uint32_t fd;
    any_path(a);
    any_path(b);
    sprintf(text, "%u", any(100000));
    static const uint32_t with_links[] = {1, 2, 3, 4, 5, 6, 9},
                          with_writes[] = {0, 1, 2, 3, 4, 6, 7, 8, 9};
    switch (links ? with_links[any(7)] : with_writes[any(9)]) {
    case 0: g_save(g, a, text); break;
    case 1: g_path(g, "unlink", ROOT, a); break;
    case 2: g_path(g, "mkdir", ROOT, a); break;
    case 3: g_path(g, "rmdir", ROOT, a); break;
    case 4: g_rename(g, a, b); break;
    case 5: g_link(g, false, a, b); break;
    case 6: g_symlink(g, "n1", b); break;
    case 7:
        if (g_open(g, ROOT, a, true, O_G_CREAT, R_RW, F_APPEND, &fd) == 0 && any(4) > 0) {
            g_write(g, fd, text);
            if (any(2))
                g_close(g, fd);
        }
        break;
    case 8:
        if (g_open(g, ROOT, a, true, 0, R_RW, 0, &fd) == 0) {
            if (any(2))
                g_rename(g, a, b);
            g_pwrite(g, fd, text, any(4));
            g_close(g, fd);
        }
        break;
    default: g_rename(g, any(2) ? "d0" : "d1", any(2) ? "d0" : "d1/f"); break;
    }
}

static void the_log_brings_everything_back(void **state)
{
    struct guest *g = *state;
    for (uint32_t round = 0; round < 120; round++) {
        char command[512];
        snprintf(
            command, sizeof(command),
            "cd %s && rm -rf * && mkdir -p d0/e d1 && echo one >n1 && echo two >d0/n2 && ln -s n2 d0/n3 && "
            "chmod 600 n1 && echo three >d1/n0 && mkdir d1/n4 && %s d1/n0 n4; rm -rf %s/*",
            g->dir, round % 3 == 0 ? "ln" : "cp", g->undo);
        assert_int_equal(system(command), 0);
        seed = round * 7919 + 1;
        char *before = picture(g);
        g->config.atomic_writes = round % 2 == 0;
        g_start(g);
        uint32_t steps = 1 + any(60);
        for (uint32_t i = 0; i < steps; i++)
            one_change(g, round % 3 == 0);
        wasi_end(g->w, any(2));
        wasi_free(g->w);
        g->w = NULL;
        undo_all(g);
        char *after = picture(g);
        if (strcmp(before, after) != 0)
            fail_msg("round %u: before\n%s\nafter\n%s", round, before, after);
        free(before);
        free(after);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(each_change_leaves_a_line_and_an_image),
        T(a_failed_effect_is_void),
        T(truncating_saves_first_and_replacing_links),
        T(without_an_image_there_is_no_change),
        T(a_staged_write_lands_whole),
        T(a_write_that_the_host_failed_does_not_land),
        T(a_new_file_appears_when_it_is_closed),
        T(a_name_that_is_needed_lands_before),
        T(links_and_special_targets),
        T(without_a_private_place_it_is_written_in_place),
        T(kill_leaves_old_or_new),
        T(the_log_brings_everything_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
