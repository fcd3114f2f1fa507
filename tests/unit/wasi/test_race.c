/* Someone on the host swaps folders for links and moves them about while the guest works on them: the
 * guest never reads or changes what lies outside. */
#include "guest.h"

#include "os/clock.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS_TENTHS = 15 };

static int setup(void **state)
{
    struct guest *g = g_new();
    *state = g;
    static const char *const dirs[] = {"in", "in/dir", "in/other", "out"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        mkdir(h_path(g, dirs[i]), 0755);
    h_save(g, "in/dir/f", "inside");
    h_save(g, "in/other/f", "inside");
    h_save(g, "out/f", "SECRET");
    assert_int_equal(symlink("../out", h_path(g, "in/link")), 0);
    assert_int_equal(symlink("dir", h_path(g, "in/good")), 0);
    close(g->dir_fd);
    g->config.mount_count = 0;
    g_mount(g, "in", "/", true);
    return 0;
}

static int teardown(void **state)
{
    g_free(*state);
    return 0;
}

/* Exchanges in/dir and in/link, and moves in/other out and back, as fast as it can. */
static void attack(struct guest *g)
{
    char a[512], b[512], c[512], d[512];
    alarm(10); /* ends also when the test does not end it */
    strcpy(a, h_path(g, "in/dir"));
    strcpy(b, h_path(g, "in/link"));
    strcpy(c, h_path(g, "in/other"));
    strcpy(d, h_path(g, "out/moved"));
    for (;;) {
        renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
        renameat2(AT_FDCWD, c, AT_FDCWD, d, 0);
        renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
        renameat2(AT_FDCWD, d, AT_FDCWD, c, 0);
    }
}

static void nothing_outside_is_reached(void **state)
{
    struct guest *g = *state;
    static const char *const paths[] = {"dir/f",          "link/f",  "good/f",
                                        "other/../dir/f", "other/f", "good/../link/f"};
    static const char *const made[] = {"dir/new", "link/new", "good/new", "good/../dir/new"};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        attack(g);
    int64_t end = os_now_mono_ns() + SECONDS_TENTHS * 100 * OS_NS_PER_MS;
    uint64_t read = 0, refused = 0;
    for (uint32_t i = 0; os_now_mono_ns() < end; i++) {
        if (i % 2000 == 0) {
            wasi_free(g->w);
            g_start(g);
        }
        const char *text = g_load(g, paths[i % ARRAY_LEN(paths)]);
        if (text != NULL) {
            assert_true(strcmp(text, "inside") == 0 || text[0] == '\0'); /* or just being written */
            read++;
        } else {
            refused++;
        }
        const char *name = made[i % ARRAY_LEN(made)];
        switch (i % 7) {
        case 0: g_path(g, "mkdir", ROOT, name); break;
        case 1: g_path(g, "rmdir", ROOT, name); break;
        case 2: g_save(g, name, "inside"); break;
        case 3: g_path(g, "unlink", ROOT, name); break;
        case 4: g_symlink(g, "f", name); break;
        case 5: g_link(g, true, "good/f", name); break;
        default: g_rename(g, name, "dir/new2"); break;
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    print_message("%lu read, %lu refused or missing\n", (unsigned long)read,
                  (unsigned long)refused);
    assert_true(read > 0);
    char *secret = h_load(g->dir, "out/f");
    assert_string_equal(secret, "SECRET");
    free(secret);
    int extra = h_exists(g, "out/moved");
    assert_int_equal(h_count(h_path(g, "out")), 1 + extra);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_outside_is_reached, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
