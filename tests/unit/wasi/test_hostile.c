/* Pointers and lengths that a guest should not give, for every call, made from the table of parameters:
 * no crash, no touch outside the memory (it is cut out of a guarded region), no stop. */
#include "guest.h"

#include "os/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL = 65536 };

/* A memory of exactly `SMALL` bytes with nothing mapped around it. */
static uint8_t *guarded(void)
{
    uint8_t *at = mmap(NULL, 3 * SMALL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    assert_int_equal(mprotect(at + SMALL, SMALL, PROT_READ | PROT_WRITE), 0);
    return at + SMALL;
}

static const uint64_t values[] = {
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    24,
    48,
    64,
    255,
    256,
    1024,
    1025,
    4095,
    4096,
    4097,
    SMALL - 64,
    SMALL - 25,
    SMALL - 24,
    SMALL - 8,
    SMALL - 4,
    SMALL - 1,
    SMALL,
    SMALL + 1,
    0x7fffffff,
    0x80000000,
    0xfffffff0,
    0xfffffffc,
    0xffffffff,
    UINT64_C(0x100000000),
    UINT64_C(0xffffffff00000000),
    INT64_MAX,
    UINT64_MAX,
};

static uint32_t seed = 1;
static uint32_t any(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static int setup(void **state)
{
    struct guest *g = g_new();
    *state = g;
    h_save(g, "a", "alpha");
    mkdir(h_path(g, "d"), 0755);
    g->config.quota.write_bytes = 1 << 20;
    g_with_undo(g);
    return 0;
}

static int teardown(void **state)
{
    g_free(*state);
    return 0;
}

static bool ends_or_waits(const char *name)
{
    return strcmp(name, "proc_exit") == 0;
}

static void each_parameter_with_each_value(void **state)
{
    struct guest *g = *state;
    uint8_t *memory = guarded();
    for (size_t i = 0; i < wasi_function_count; i++) {
        const struct wasi_function *f = &wasi_functions[i];
        size_t count = strlen(f->params);
        if (ends_or_waits(f->name))
            continue;
        for (uint32_t round = 0; round < 4000; round++) {
            if (round % 100 == 0) {
                g->config.deadline_ns = os_now_mono_ns() + OS_NS_PER_S;
                wasi_free(g->w);
                g_start(g);
                uint32_t fd;
                uint8_t *own_memory = g->memory;
                g_open(g, ROOT, "a", true, 0, R_RW, 0, &fd);
                g_open(g, ROOT, "d", true, O_G_DIR, R_ALL & ~(R_WRITE | 3 << 28), 0, &fd);
                g->memory = own_memory;
                for (uint32_t k = 0; k < SMALL; k += 4) {
                    uint32_t v =
                        any(3) ? (uint32_t)values[any(ARRAY_LEN(values))] : any(UINT32_MAX);
                    memcpy(memory + k, &v, 4);
                }
                memcpy(memory + 64, "a/../d/./x", 10);
            }
            uint64_t args[10] = {any(7)};
            for (size_t k = any(4) > 0; k < count; k++)
                args[k] = any(8) ? values[any(ARRAY_LEN(values))] : any(UINT32_MAX);
            for (size_t k = 0; k < count; k++)
                if (f->params[k] == 'i')
                    args[k] &= UINT32_MAX;
            uint32_t error = UINT32_MAX;
            if (strcmp(f->name, "poll_oneoff") == 0 && any(4))
                args[2] = any(64);
            int stop = f->call(g->w, (struct wasi_memory){memory, SMALL}, args, &error);
            if (stop == WASI_STOP_DEADLINE && strcmp(f->name, "poll_oneoff") == 0) {
                g->config.deadline_ns = os_now_mono_ns() + 10 * OS_NS_PER_MS;
                wasi_free(g->w);
                g_start(g);
                continue;
            }
            assert_int_equal(stop, 0);
            assert_in_range(error, 0, 76);
        }
    }
    munmap(memory - SMALL, 3 * SMALL);
}

/* The calls that give something back refuse a place outside before they do anything. */
static void answers_outside_the_memory_are_faults(void **state)
{
    struct guest *g = *state;
    enum { OUT = GUEST_MEMORY - 3 };
    static const uint32_t bad[] = {GUEST_MEMORY - 3, GUEST_MEMORY, 0xfffffffd};
    g_start(g);
    uint32_t fd;
    assert_int_equal(g_open(g, ROOT, "a", true, 0, R_RW, 0, &fd), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint32_t out = bad[i];
        g_put(g, PATH_A, "new");
        assert_int_equal(g_call(g, "path_open", ROOT, 0, PATH_A, 3, O_G_CREAT, R_RW, 0, 0, out),
                         G_FAULT);
        assert_true(!h_exists(g, "new"));
        uint32_t iovec[2] = {BYTES, 4};
        memcpy(g->memory + 512, iovec, 8);
        assert_int_equal(g_call(g, "fd_write", fd, 512, 1, out), G_FAULT);
        assert_int_equal(g_call(g, "fd_pwrite", fd, 512, 1, 0, out), G_FAULT);
        assert_int_equal(g_call(g, "fd_read", fd, 512, 1, out), G_FAULT);
        assert_int_equal(g_call(g, "fd_write", fd, out, 1, ANSWER), G_FAULT);
        iovec[0] = out;
        memcpy(g->memory + 512, iovec, 8);
        assert_int_equal(g_call(g, "fd_write", fd, 512, 1, ANSWER), G_FAULT);
        assert_int_equal(g_call(g, "fd_write", 1, 512, 1, ANSWER), G_FAULT);
        assert_int_equal(g_call(g, "fd_seek", fd, 0, 2, out), G_FAULT);
        assert_int_equal(g_call(g, "fd_fdstat_get", fd, out), G_FAULT);
        assert_int_equal(g_call(g, "fd_filestat_get", fd, out), G_FAULT);
        assert_int_equal(g_call(g, "path_filestat_get", ROOT, 0, PATH_A, 1, out), G_NOENT);
        assert_int_equal(g_call(g, "path_filestat_get", ROOT, 0, out, 4, ANSWER), G_FAULT);
        assert_int_equal(g_call(g, "random_get", out, 8), G_FAULT);
        assert_int_equal(g_call(g, "clock_time_get", 0, 0, out), G_FAULT);
        assert_int_equal(g_call(g, "args_sizes_get", out, ANSWER), G_FAULT);
        assert_int_equal(g_call(g, "fd_readdir", ROOT, out, 100, 0, ANSWER), G_FAULT);
        assert_int_equal(g_call(g, "fd_readdir", ROOT, BYTES, 100, 0, out), G_FAULT);
        assert_int_equal(g_call(g, "poll_oneoff", out, BYTES, 1, ANSWER), G_FAULT);
        assert_int_equal(g_call(g, "poll_oneoff", BYTES, BYTES, WASI_POLL_MAX, out), G_FAULT);
    }
    char *text = h_load(g->dir, "a");
    assert_string_equal(text, "alpha");
    free(text);
    assert_int_equal(g_call(g, "fd_write", fd, 512, WASI_IOVECS_MAX + 1, ANSWER), G_INVAL);
    assert_int_equal(g_call(g, "fd_write", fd, 512, UINT32_MAX, ANSWER), G_INVAL);
    memset(g->memory + BYTES, 0, WASI_IOVECS_MAX * 8);
    assert_int_equal(g_call(g, "fd_write", fd, BYTES, WASI_IOVECS_MAX, ANSWER), 0);
}

static void without_memory_all_is_a_fault_at_worst(void **state)
{
    struct guest *g = *state;
    g_start(g);
    for (size_t i = 0; i < wasi_function_count; i++) {
        uint64_t args[10] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        uint32_t error = 0;
        int stop = wasi_functions[i].call(g->w, (struct wasi_memory){NULL, 0}, args, &error);
        if (ends_or_waits(wasi_functions[i].name)) {
            assert_int_equal(stop, WASI_STOP_EXIT);
            wasi_free(g->w);
            g_start(g);
        }
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(each_parameter_with_each_value),
        T(answers_outside_the_memory_are_faults),
        T(without_memory_all_is_a_fault_at_worst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
