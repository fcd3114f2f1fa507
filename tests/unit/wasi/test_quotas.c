/* Every quota at n-1, n and n+1, and what is said of it. */
#include "guest.h"

#include <string.h>
#include <unistd.h>

static int setup(void **state)
{
    *state = g_new();
    return 0;
}

static int teardown(void **state)
{
    g_free(*state);
    return 0;
}

static uint32_t open_new(struct guest *g, const char *name)
{
    uint32_t fd = 0;
    assert_int_equal(g_open(g, ROOT, name, true, O_G_CREAT, R_RW, 0, &fd), 0);
    return fd;
}

static void written_bytes(void **state)
{
    struct guest *g = *state;
    uint32_t n;
    g->config.quota.write_bytes = 1000;
    g_start(g);
    uint32_t fd = open_new(g, "f");
    assert_int_equal(g_write_len(g, fd, 999, &n), 0);
    assert_string_equal(wasi_limits_hit(g->w), "");
    assert_int_equal(g_write_len(g, fd, 1, &n), 0);
    assert_string_equal(wasi_limits_hit(g->w), "");
    assert_int_equal(g_write_len(g, fd, 1, &n), G_DQUOT);
    assert_string_equal(wasi_limits_hit(g->w), "max_write_bytes");
    assert_int_equal(g_write_len(g, fd, 0, &n), 0);
    assert_int_equal(wasi_used(g->w)->written_bytes, 1000);
    g_restart(g);
    fd = open_new(g, "f2");
    assert_int_equal(g_write_len(g, fd, 1001, &n), 0); /* as much as fits, then no more */
    assert_int_equal(n, 1000);
    assert_int_equal(g_write_len(g, fd, 1, &n), G_DQUOT);
    g_restart(g);
    fd = open_new(g, "f3");
    assert_int_equal(g_write_len(g, fd, 600000, &n), 0);
    assert_int_equal(n, 1000);
}

static void holes_count_once(void **state)
{
    struct guest *g = *state;
    uint32_t n;
    g->config.quota.write_bytes = 1000;
    g_start(g);
    uint32_t fd = open_new(g, "f");
    assert_int_equal(g_call(g, "fd_filestat_set_size", fd, 1001), G_DQUOT);
    assert_int_equal(g_call(g, "fd_allocate", fd, 0, 1001), G_DQUOT);
    assert_int_equal(g_pwrite(g, fd, "x", 1000), G_DQUOT);
    assert_int_equal(wasi_used(g->w)->written_bytes, 0);
    assert_int_equal(g_pwrite(g, fd, "x", 999), 0);
    assert_int_equal(wasi_used(g->w)->written_bytes, 1000);
    assert_int_equal(g_pwrite(g, fd, "x", 0), G_DQUOT);
    g_restart(g);
    fd = open_new(g, "f2");
    assert_int_equal(g_call(g, "fd_filestat_set_size", fd, 1000), 0);
    assert_int_equal(g_call(g, "fd_filestat_set_size", fd, 0), 0);
    assert_int_equal(g_call(g, "fd_filestat_set_size", fd, 1), G_DQUOT);
    /* Known sizes do not survive a truncation through another number. */
    g->config.quota.write_bytes = 10000;
    g_restart(g);
    fd = open_new(g, "f3");
    uint32_t other = open_new(g, "f3");
    assert_int_equal(g_write_len(g, fd, 100, &n), 0);
    assert_int_equal(g_call(g, "fd_filestat_set_size", other, 0), 0);
    assert_int_equal(g_write_len(g, fd, 100, &n), 0);
    assert_int_equal(wasi_used(g->w)->written_bytes, 300);
}

static void created_files(void **state)
{
    struct guest *g = *state;
    g->config.quota.created_files = 4;
    g_start(g);
    assert_int_equal(g_save(g, "f", "x"), 0);
    assert_int_equal(g_save(g, "f", "y"), 0);
    assert_int_equal(g_path(g, "mkdir", ROOT, "d"), 0);
    assert_int_equal(g_path(g, "mkdir", ROOT, "d"), G_EXIST);
    assert_int_equal(g_symlink(g, "f", "l"), 0);
    assert_string_equal(wasi_limits_hit(g->w), "");
    assert_int_equal(g_link(g, false, "f", "h"), 0);
    assert_int_equal(wasi_used(g->w)->created_files, 4);
    assert_string_equal(wasi_limits_hit(g->w), "");
    assert_int_equal(g_save(g, "g", "x"), G_DQUOT);
    assert_int_equal(g_path(g, "mkdir", ROOT, "e"), G_DQUOT);
    assert_int_equal(g_symlink(g, "f", "m"), G_DQUOT);
    assert_int_equal(g_link(g, false, "f", "i"), G_DQUOT);
    assert_int_equal(g_save(g, "f", "z"), 0);
    assert_int_equal(g_path(g, "unlink", ROOT, "h"), 0);
    assert_int_equal(g_save(g, "g", "x"), G_DQUOT);
    assert_string_equal(wasi_limits_hit(g->w), "max_created_files");
}

static void open_files(void **state)
{
    struct guest *g = *state;
    uint32_t fds[40];
    g->config.quota.open_files = 40;
    g_start(g);
    assert_int_equal(g_save(g, "f", "x"), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(g_open(g, ROOT, "f", true, 0, R_READ, 0, &fds[i]), 0);
    assert_string_equal(wasi_limits_hit(g->w), "");
    assert_int_equal(g_open(g, ROOT, "f", true, 0, R_READ, 0, NULL), G_MFILE);
    assert_int_equal(g_open(g, ROOT, ".", true, O_G_DIR, 0, 0, NULL), G_MFILE);
    assert_int_equal(g_close(g, fds[20]), 0);
    assert_int_equal(g_open(g, ROOT, "f", true, 0, R_READ, 0, &fds[20]), 0);
    assert_int_equal(g_open(g, ROOT, "f", true, 0, R_READ, 0, NULL), G_MFILE);
    assert_string_equal(wasi_limits_hit(g->w), "max_open_files");
    assert_int_equal(wasi_used(g->w)->open_peak, 40);
}

/* A folder of 5 files lists as 7 entries: "." and ".." are entries, too. */
static void listed_entries(void **state)
{
    struct guest *g = *state;
    g->config.quota.dir_entries = 7;
    g_start(g);
    for (char name[] = "a"; name[0] <= 'e'; name[0]++)
        assert_int_equal(g_save(g, name, "x"), 0);
    assert_int_equal(g_call(g, "fd_readdir", ROOT, BYTES, 4096, 0, ANSWER), 0);
    assert_true(g_u32(g, ANSWER) < 4096);
    assert_string_equal(wasi_limits_hit(g->w), "");
    assert_int_equal(wasi_used(g->w)->dir_entries, 7);
    assert_int_equal(g_call(g, "fd_readdir", ROOT, BYTES, 4096, 0, ANSWER),
                     G_DQUOT); /* again is more */
    assert_string_equal(wasi_limits_hit(g->w), "max_dir_entries");
    /* One less: it must not look as if the folder ended. */
    g->config.quota.dir_entries = 6;
    g_restart(g);
    assert_int_equal(g_call(g, "fd_readdir", ROOT, BYTES, 4096, 0, ANSWER), G_DQUOT);
    assert_string_equal(wasi_limits_hit(g->w), "max_dir_entries");
    /* By small buffers: each whole entry is one; one that is cut and asked for again is one, too. */
    g_restart(g);
    uint64_t cookie = 0;
    uint32_t r = 0, given = 0;
    while ((r = g_call(g, "fd_readdir", ROOT, BYTES, 40, cookie, ANSWER)) == 0 && given < 20) {
        cookie = g_u64(g, BYTES);
        given++;
    }
    assert_int_equal(r, G_DQUOT);
    assert_int_equal(given, 6);
    g->config.quota.dir_entries = 0;
    g_restart(g);
    assert_int_equal(g_call(g, "fd_readdir", ROOT, BYTES, 4096, 0, ANSWER), G_DQUOT);
}

static void output(void **state)
{
    struct guest *g = *state;
    g->config.quota.output_bytes = 10;
    g_start(g);
    assert_int_equal(g_write(g, 1, "12345"), 0);
    assert_int_equal(g_write(g, 2, "67890"), 0);
    assert_string_equal(wasi_limits_hit(g->w), "");
    assert_int_equal(g_write(g, 1, "abc"), 0);
    assert_string_equal(g->out.at, "1234567890");
    assert_string_equal(wasi_limits_hit(g->w), "max_output_bytes");
    assert_int_equal(wasi_used(g->w)->output_bytes, 13);
    buf_reset(&g->out);
    g_restart(g);
    assert_int_equal(g_write(g, 1, "1234567890abc"), 0);
    assert_string_equal(g->out.at, "1234567890");
    buf_reset(&g->out);
    g->config.pass_all_output = true;
    g_restart(g);
    assert_int_equal(g_write(g, 1, "1234567890abc"), 0);
    assert_string_equal(g->out.at, "1234567890abc");
    assert_string_equal(wasi_limits_hit(g->w), "max_output_bytes");
}

static void refusals_are_capped_and_not_repeated(void **state)
{
    struct guest *g = *state;
    g_start(g);
    for (int i = 0; i < 300; i++)
        assert_int_equal(g_open(g, ROOT, "../same", true, 0, R_READ, 0, NULL), G_NOTCAPABLE);
    assert_int_equal(wasi_refusal_count(g->w), 1);
    for (int i = 0; i < 300; i++) {
        char name[16];
        name[0] = '/';
        name[1] = (char)('A' + i / 26);
        name[2] = (char)('A' + i % 26);
        name[3] = '\0';
        assert_int_equal(g_open(g, ROOT, name, true, 0, R_READ, 0, NULL), G_NOTCAPABLE);
    }
    assert_int_equal(wasi_refusal_count(g->w), WASI_REFUSALS_MAX);
}

/* Who allocates inside the hole of a file pays for it, though the file gets no longer. */
static void a_hole_is_paid_for(void **state)
{
    struct guest *g = *state;
    uint32_t fd = 0;
    h_save(g, "hole", "");
    assert_int_equal(truncate(h_path(g, "hole"), 1 << 20), 0);
    g->config.quota.write_bytes = 1000;
    g_start(g);
    assert_int_equal(g_open(g, ROOT, "hole", true, 0, R_RW, 0, &fd), 0);
    assert_int_equal(g_call(g, "fd_allocate", fd, 0, 1 << 20), G_DQUOT);
    assert_int_equal(g_call(g, "fd_allocate", fd, 0, 1001), G_DQUOT);
    assert_int_equal(g_call(g, "fd_allocate", fd, 0, 1000), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(written_bytes),
        T(holes_count_once),
        T(created_files),
        T(open_files),
        T(listed_entries),
        T(output),
        T(refusals_are_capped_and_not_repeated),
        T(a_hole_is_paid_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
