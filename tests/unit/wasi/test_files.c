/* Open files: reading, writing, positions, append, sizes, rights, listing, numbers, streams. */
#include "guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int setup(void **state)
{
    struct guest *g = g_new();
    *state = g;
    h_save(g, "a.txt", "0123456789");
    g_start(g);
    return 0;
}

static int teardown(void **state)
{
    g_free(*state);
    return 0;
}

static uint32_t open_rw(struct guest *g, const char *name, uint32_t oflags, uint32_t fdflags)
{
    uint32_t fd = 0;
    assert_int_equal(g_open(g, ROOT, name, true, oflags, R_RW, fdflags, &fd), 0);
    return fd;
}

static int64_t seek(struct guest *g, uint32_t fd, int64_t offset, uint32_t whence)
{
    uint32_t e = g_call(g, "fd_seek", fd, (uint64_t)offset, whence, ANSWER);
    return e ? -(int64_t)e : (int64_t)g_u64(g, ANSWER);
}

static uint64_t size_of(struct guest *g, uint32_t fd)
{
    assert_int_equal(g_call(g, "fd_filestat_get", fd, ANSWER), 0);
    return g_u64(g, ANSWER + 32);
}

static void the_table_has_46_rows(void **state)
{
    (void)state;
    assert_int_equal(wasi_function_count, 46);
    for (size_t i = 0; i < wasi_function_count; i++) {
        assert_int_equal(strspn(wasi_functions[i].params, "iI"), strlen(wasi_functions[i].params));
        assert_string_equal(wasi_functions[i].results,
                            strcmp(wasi_functions[i].name, "proc_exit") ? "i" : "");
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(wasi_functions[i].name, wasi_functions[k].name);
    }
}

static void positions(void **state)
{
    struct guest *g = *state;
    uint32_t fd = open_rw(g, "a.txt", 0, 0);
    assert_int_equal(g_read(g, fd, 4), 0);
    assert_string_equal(g->text.at, "0123");
    assert_int_equal(g_call(g, "fd_tell", fd, ANSWER), 0);
    assert_int_equal(g_u64(g, ANSWER), 4);
    assert_int_equal(seek(g, fd, 2, 1), 6);
    assert_int_equal(seek(g, fd, -1, 2), 9);
    assert_int_equal(seek(g, fd, -1, 0), -G_INVAL);
    assert_int_equal(seek(g, fd, -11, 2), -G_INVAL);
    assert_int_equal(seek(g, fd, 0, 3), -G_INVAL);
    assert_int_equal(seek(g, fd, 0, 0x100), -G_INVAL);
    assert_int_equal(seek(g, fd, 0, 1), 9);
    assert_int_equal(seek(g, fd, INT64_MAX, 1), -61); /* EOVERFLOW */
    assert_int_equal(seek(g, fd, INT64_MAX, 0), INT64_MAX);
    assert_int_equal(g_read(g, fd, 4), 0);
    assert_string_equal(g->text.at, "");
    uint32_t n;
    assert_int_equal(g_write_len(g, fd, 1, &n), G_FBIG);
    assert_int_equal(g_pwrite(g, fd, "AB", 8), 0);
    assert_int_equal(g_pwrite(g, fd, "AB", UINT64_MAX), G_INVAL);
    assert_int_equal(seek(g, fd, 0, 0), 0);
    assert_int_equal(g_read(g, fd, 100), 0);
    assert_string_equal(g->text.at, "01234567AB");
    assert_int_equal(wasi_used(g->w)->read_bytes, 14);
    assert_int_equal(wasi_used(g->w)->written_bytes, 2);
}

static void append_and_pwrite(void **state)
{
    struct guest *g = *state;
    uint32_t fd = open_rw(g, "log", O_G_CREAT, F_APPEND);
    assert_int_equal(g_write(g, fd, "one"), 0);
    assert_int_equal(seek(g, fd, 0, 0), 0);
    assert_int_equal(g_write(g, fd, "two"), 0);
    assert_int_equal(seek(g, fd, 0, 1), 6);
    assert_int_equal(g_pwrite(g, fd, "O", 0), 0);
    assert_int_equal(size_of(g, fd), 6);
    assert_int_equal(seek(g, fd, 0, 1), 6);
    assert_int_equal(g_call(g, "fd_fdstat_set_flags", fd, 0), 0);
    assert_int_equal(seek(g, fd, 0, 0), 0);
    assert_int_equal(g_write(g, fd, "1"), 0);
    assert_string_equal(g_load(g, "log"), "1netwo");
    assert_int_equal(g_call(g, "fd_fdstat_get", fd, ANSWER), 0);
    assert_int_equal(g->memory[ANSWER + 2], 0);
    assert_int_equal(g_call(g, "fd_fdstat_set_flags", fd, 2), G_NOTSUP);
    assert_int_equal(g_call(g, "fd_fdstat_set_flags", fd, 32), G_INVAL);
}

static void sizes(void **state)
{
    struct guest *g = *state;
    uint32_t fd = open_rw(g, "a.txt", 0, 0);
    assert_int_equal(g_call(g, "fd_filestat_set_size", fd, 4), 0);
    assert_string_equal(g_load(g, "a.txt"), "0123");
    assert_int_equal(g_call(g, "fd_filestat_set_size", fd, 100), 0);
    assert_int_equal(size_of(g, fd), 100);
    assert_int_equal(wasi_used(g->w)->written_bytes, 96);
    assert_int_equal(g_call(g, "fd_filestat_set_size", fd, UINT64_MAX), G_FBIG);
    assert_int_equal(g_call(g, "fd_allocate", fd, 50, 100), 0);
    assert_int_equal(size_of(g, fd), 150);
    assert_int_equal(g_call(g, "fd_allocate", fd, 0, 10), 0);
    assert_int_equal(size_of(g, fd), 150);
    assert_int_equal(g_call(g, "fd_allocate", fd, 0, 0), G_INVAL);
    assert_int_equal(g_call(g, "fd_allocate", fd, INT64_MAX, 1), G_FBIG);
    assert_int_equal(g_call(g, "fd_allocate", fd, UINT64_MAX, 1), G_INVAL);
    assert_int_equal(g_call(g, "fd_advise", fd, 0, 10, 0), 0);
    assert_int_equal(g_call(g, "fd_advise", fd, 0, 10, 6), G_INVAL);
    assert_int_equal(g_call(g, "fd_advise", ROOT, 0, 10, 0), G_BADF);
    assert_int_equal(g_call(g, "fd_sync", fd), G_NOTCAPABLE);
    assert_int_equal(g_call(g, "fd_sync", ROOT), 0);
    uint32_t t = open_rw(g, "a.txt", O_G_TRUNC, 0);
    assert_int_equal(size_of(g, t), 0);
}

static void rights_only_shrink(void **state)
{
    struct guest *g = *state;
    uint32_t fd, dir;
    assert_int_equal(g_open(g, ROOT, "a.txt", true, 0, R_READ, 0, &fd), 0);
    assert_int_equal(g_write(g, fd, "x"), G_NOTCAPABLE);
    assert_int_equal(g_call(g, "fd_seek", fd, 0, 1, ANSWER), G_NOTCAPABLE);
    assert_int_equal(g_call(g, "fd_fdstat_set_rights", fd, R_READ | R_WRITE, 0), G_NOTCAPABLE);
    assert_int_equal(g_call(g, "fd_fdstat_set_rights", fd, 0, 0), 0);
    assert_int_equal(g_read(g, fd, 1), G_NOTCAPABLE);
    /* A folder hands on only what it may. */
    uint32_t len = g_put(g, PATH_A, ".");
    assert_int_equal(
        g_call(g, "path_open", ROOT, 0, PATH_A, len, O_G_DIR, 1 << 13, R_READ, 0, ANSWER), 0);
    dir = g_u32(g, ANSWER);
    assert_int_equal(g_open(g, dir, "a.txt", true, 0, R_READ, 0, &fd), 0);
    assert_int_equal(g_open(g, dir, "a.txt", true, 0, R_READ | R_WRITE, 0, &fd), G_NOTCAPABLE);
    assert_int_equal(g_open(g, dir, "b", true, O_G_CREAT, R_READ, 0, &fd), G_NOTCAPABLE);
    assert_int_equal(g_open(g, dir, "a.txt", true, O_G_TRUNC, R_READ, 0, &fd), G_NOTCAPABLE);
    assert_int_equal(g_path(g, "mkdir", dir, "d"), G_NOTCAPABLE);
    assert_int_equal(g_path(g, "unlink", dir, "a.txt"), G_NOTCAPABLE);
    assert_int_equal(g_call(g, "fd_readdir", dir, BYTES, 100, 0, ANSWER), G_NOTCAPABLE);
    assert_int_equal(g_open(g, fd, "x", true, 0, 0, 0, NULL), G_NOTDIR);
    assert_int_equal(g_read(g, ROOT, 10), G_ISDIR);
    assert_int_equal(g_write(g, ROOT, "x"), G_ISDIR);
}

static void flags_of_open(void **state)
{
    struct guest *g = *state;
    assert_int_equal(g_open(g, ROOT, "a.txt", true, O_G_CREAT | O_G_EXCL, R_RW, 0, NULL), G_EXIST);
    assert_int_equal(g_open(g, ROOT, "none", true, 0, R_RW, 0, NULL), G_NOENT);
    assert_int_equal(g_open(g, ROOT, "none", true, O_G_TRUNC, R_RW, 0, NULL), G_NOENT);
    assert_int_equal(g_open(g, ROOT, "none/x", true, O_G_CREAT, R_RW, 0, NULL), G_NOENT);
    assert_int_equal(g_open(g, ROOT, "a.txt/x", true, O_G_CREAT, R_RW, 0, NULL), G_NOTDIR);
    assert_int_equal(g_open(g, ROOT, "a.txt", true, O_G_DIR, R_READ, 0, NULL), G_NOTDIR);
    assert_int_equal(g_open(g, ROOT, "x", true, O_G_DIR | O_G_CREAT, R_READ, 0, NULL), G_INVAL);
    assert_int_equal(g_open(g, ROOT, "a.txt", true, 16, R_READ, 0, NULL), G_INVAL);
    assert_int_equal(g_open(g, ROOT, "a.txt", true, 0, R_READ, 32, NULL), G_INVAL);
    uint32_t len = g_put(g, PATH_A, "a.txt");
    assert_int_equal(g_call(g, "path_open", ROOT, 2, PATH_A, len, 0, R_READ, 0, 0, ANSWER),
                     G_INVAL);
    assert_int_equal(g_open(g, ROOT, "made", true, O_G_CREAT, 0, 0, NULL), 0);
    assert_int_equal(g_open(g, ROOT, "made2", true, O_G_CREAT | O_G_EXCL, R_RW, 4, NULL), 0);
    assert_true(h_exists(g, "made"));
    assert_int_equal(wasi_used(g->w)->created_files, 2);
    /* Without a right to write, TRUNC still truncates: its right is the folder's. */
    assert_int_equal(g_open(g, ROOT, "a.txt", true, O_G_TRUNC, 0, 0, NULL), 0);
    assert_string_equal(g_load(g, "a.txt"), "");
}

static void numbers_are_reused_and_moved(void **state)
{
    struct guest *g = *state;
    uint32_t a = open_rw(g, "a.txt", 0, 0), b = open_rw(g, "b.txt", O_G_CREAT, 0), c;
    assert_int_equal(a, 4);
    assert_int_equal(b, 5);
    assert_int_equal(g_close(g, a), 0);
    assert_int_equal(g_close(g, a), G_BADF);
    c = open_rw(g, "a.txt", 0, 0);
    assert_int_equal(c, a);
    assert_int_equal(g_call(g, "fd_renumber", c, b), 0);
    assert_int_equal(g_close(g, c), G_BADF);
    assert_int_equal(g_read(g, b, 3), 0);
    assert_string_equal(g->text.at, "012");
    assert_int_equal(g_call(g, "fd_renumber", b, 100), G_BADF);
    assert_int_equal(g_call(g, "fd_renumber", 100, b), G_BADF);
    assert_int_equal(g_call(g, "fd_renumber", b, b), 0);
    assert_int_equal(g_call(g, "fd_renumber", b, 1), 0);
    assert_int_equal(g_read(g, 1, 3), 0);
    assert_string_equal(g->text.at, "345");
    assert_int_equal(g_call(g, "fd_prestat_get", ROOT, ANSWER), 0);
    assert_int_equal(g_u32(g, ANSWER + 4), 1);
    assert_int_equal(g_call(g, "fd_prestat_dir_name", ROOT, BYTES, 0), G_NAMETOOLONG);
    assert_int_equal(g_call(g, "fd_prestat_dir_name", ROOT, BYTES, 1), 0);
    assert_int_equal(g->memory[BYTES], '/');
    assert_int_equal(g_call(g, "fd_prestat_get", 4, ANSWER), G_BADF);
    assert_int_equal(g_close(g, ROOT), 0);
    assert_int_equal(g_open(g, ROOT, "a.txt", true, 0, R_READ, 0, NULL), G_BADF);
    assert_int_equal(g_call(g, "fd_prestat_get", ROOT, ANSWER), G_BADF);
    for (size_t i = 0; i < 40; i++)
        (void)!fcntl(g->dir_fd, F_GETFD); /* the lent folder is not closed with the number */
    assert_int_not_equal(fcntl(g->dir_fd, F_GETFD), -1);
}

static void folders_are_listed_with_any_buffer(void **state)
{
    struct guest *g = *state;
    char name[64];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "file-with-a-name-%03d", i);
        h_save(g, name, "");
    }
    char *whole = g_list(g, ROOT, 65536);
    assert_int_equal(strlen(whole), 6 + 300 * 21);
    static const uint32_t sizes_tried[] = {24 + 20, 24 + 21, 64, 100, 257, 1000, 4096};
    for (size_t i = 0; i < ARRAY_LEN(sizes_tried); i++) {
        char *got = g_list(g, ROOT, sizes_tried[i]);
        assert_string_equal(got, whole);
        free(got);
    }
    uint32_t fd;
    assert_int_equal(g_open(g, ROOT, ".", true, O_G_DIR, R_READDIR, 0, &fd), 0);
    char *got = g_list(g, fd, 777);
    assert_string_equal(got, whole);
    free(got);
    free(whole);
    assert_int_equal(g_call(g, "fd_readdir", fd, BYTES, 0, 0, ANSWER), 0);
    assert_int_equal(g_u32(g, ANSWER), 0);
    assert_int_equal(g_call(g, "fd_readdir", fd, BYTES, 10, 0, ANSWER), 0);
    assert_int_equal(g_u32(g, ANSWER), 10);
    static const uint64_t odd[] = {1, 3, 12345, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        assert_true(g_call(g, "fd_readdir", fd, BYTES, 4096, odd[i], ANSWER) != G_STOPPED);
    uint32_t file = open_rw(g, "a.txt", 0, 0);
    assert_int_equal(g_call(g, "fd_readdir", file, BYTES, 4096, 0, ANSWER), G_NOTDIR);
    /* A new look from the start sees what was made since. */
    h_save(g, "zzz", "");
    got = g_list(g, fd, 500);
    assert_non_null(strstr(got, " zzz "));
    free(got);
}

static void standard_streams(void **state)
{
    struct guest *g = *state;
    g->config.stdin_bytes = STR("hello input");
    g_restart(g);
    assert_int_equal(g_read(g, 0, 5), 0);
    assert_string_equal(g->text.at, "hello");
    assert_int_equal(g_read(g, 0, 100), 0);
    assert_string_equal(g->text.at, " input");
    assert_int_equal(g_read(g, 0, 100), 0);
    assert_string_equal(g->text.at, "");
    assert_int_equal(g_write(g, 1, "out"), 0);
    assert_int_equal(g_write(g, 2, "err"), 0);
    assert_string_equal(g->out.at, "outerr");
    assert_int_equal(g_write(g, 0, "x"), G_NOTCAPABLE);
    assert_int_equal(g_read(g, 1, 1), G_NOTCAPABLE);
    assert_int_equal(g_call(g, "fd_seek", 1, 0, 1, ANSWER), G_SPIPE);
    assert_int_equal(g_call(g, "fd_tell", 1, ANSWER), G_SPIPE);
    assert_int_equal(g_call(g, "fd_filestat_get", 1, ANSWER), 0);
    assert_int_equal(g_call(g, "sock_shutdown", 1, 0), G_NOTSOCK);
    assert_int_equal(g_call(g, "sock_recv", 1, 0, 0, 0, 0, 0), G_NOTSOCK);
    assert_int_equal(g_call(g, "sock_send", 77, 0, 0, 0, 0), G_BADF);
    assert_int_equal(g_call(g, "sock_accept", 77, 0, 0), G_BADF);
    assert_int_equal(g_close(g, 1), 0);
    assert_int_equal(g_write(g, 1, "x"), G_BADF);
}

static void arguments_environment_and_the_rest(void **state)
{
    struct guest *g = *state;
    static const char *const argv[] = {"prog", "", "two words"};
    static const char *const env[] = {"A=1"};
    g->config.argv = argv;
    g->config.argc = 3;
    g->config.env = env;
    g->config.env_count = 1;
    g_restart(g);
    assert_int_equal(g_call(g, "args_sizes_get", ANSWER, ANSWER + 4), 0);
    assert_int_equal(g_u32(g, ANSWER), 3);
    assert_int_equal(g_u32(g, ANSWER + 4), 16);
    assert_int_equal(g_call(g, "args_get", ANSWER, BYTES), 0);
    assert_string_equal((char *)g->memory + g_u32(g, ANSWER + 8), "two words");
    assert_int_equal(g_call(g, "args_get", ANSWER, GUEST_MEMORY - 15), G_FAULT);
    assert_int_equal(g_call(g, "environ_sizes_get", ANSWER, ANSWER + 4), 0);
    assert_int_equal(g_call(g, "environ_get", ANSWER, BYTES), 0);
    assert_string_equal((char *)g->memory + g_u32(g, ANSWER), "A=1");
    for (uint64_t clock = 0; clock < 4; clock++) {
        assert_int_equal(g_call(g, "clock_res_get", clock, ANSWER), 0);
        assert_int_equal(g_call(g, "clock_time_get", clock, 0, ANSWER), 0);
        uint64_t before = g_u64(g, ANSWER);
        assert_int_equal(g_call(g, "clock_time_get", clock, 0, ANSWER), 0);
        assert_true(g_u64(g, ANSWER) >= before);
    }
    assert_int_equal(g_call(g, "clock_time_get", 4, 0, ANSWER), G_INVAL);
    memset(g->memory + BYTES, 0, 64);
    assert_int_equal(g_call(g, "random_get", BYTES, 64), 0);
    int zeros = 0;
    for (int i = 0; i < 64; i++)
        zeros += g->memory[BYTES + i] == 0;
    assert_true(zeros < 16);
    assert_int_equal(g_call(g, "random_get", 0, GUEST_MEMORY), 0);
    assert_int_equal(g_call(g, "sched_yield", 0), 0);
    assert_int_equal(g_call(g, "proc_raise", 6), G_NOSYS);
    assert_int_equal(g_call(g, "proc_exit", 141), G_STOPPED);
    assert_int_equal(g->stop, WASI_STOP_EXIT);
    assert_int_equal(wasi_exit_code(g->w), 141);
    assert_int_equal(g_call(g, "sched_yield", 0), G_STOPPED);
}

static void configurations_that_are_refused(void **state)
{
    struct guest *g = *state;
    struct wasi *w;
    static const char *const bad[] = {"",     "lib",   "/lib/", "//",   "/a//b",
                                      "/./a", "/a/..", "/a/.",  "/\xff"};
    struct wasi_config c = g->config;
    struct wasi_mount mounts[3] = {g->mounts[0], g->mounts[0]};
    c.mounts = mounts;
    c.mount_count = 2;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        mounts[1].guest = bad[i];
        assert_int_equal(wasi_new(&c, &w), -22);
    }
    mounts[1].guest = "/";
    assert_int_equal(wasi_new(&c, &w), -22);
    char *big = malloc(WASI_ARGS_BYTES_MAX + 1);
    memset(big, 'a', WASI_ARGS_BYTES_MAX);
    big[WASI_ARGS_BYTES_MAX - 1] = '\0';
    const char *argv[] = {big};
    c.mount_count = 1;
    c.argv = argv;
    c.argc = 1;
    assert_int_equal(wasi_new(&c, &w), 0);
    wasi_free(w);
    big[WASI_ARGS_BYTES_MAX - 1] = 'a';
    big[WASI_ARGS_BYTES_MAX] = '\0';
    assert_int_equal(wasi_new(&c, &w), -7);
    free(big);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_table_has_46_rows),
        T(positions),
        T(append_and_pwrite),
        T(sizes),
        T(rights_only_shrink),
        T(flags_of_open),
        T(numbers_are_reused_and_moved),
        T(folders_are_listed_with_any_buffer),
        T(standard_streams),
        T(arguments_environment_and_the_rest),
        T(configurations_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
