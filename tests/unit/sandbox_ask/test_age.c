/* How long a worker lives: whom it serves, after what it serves nobody, and what is known of a run that it did not survive. */
#include "modules.h"
#include "os/clock.h"
#include "stage.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static const struct sandbox_listener nobody;
static struct stage stage = {.dir_fd = -1, .undo_root_fd = -1, .undo_fd = -1};

static int setup(void **state)
{
    (void)state;
    json_start(1);
    stage.runs_max = stage.memory_growth_max = 0;
    stage_open(&stage);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stage_close(&stage);
    return 0;
}

static void start(struct str wasm)
{
    char key[65];
    int code = stage_code(wasm, key);
    stage_start(&stage, code, key);
}

/* --- whom it serves --- */

static void a_worker_serves_its_own_agent_only(void **state)
{
    (void)state;
    char key[65];
    int code = stage_code(WASM(empty), key);
    static const char *const argv[] = {"test"}, *const others[] = {"tess", "test2", "", "Test",
                                                                   NULL};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const struct sandbox_run run = {.agent = others[i],
                                        .argv = argv,
                                        .argc = 1,
                                        .limits = stage.limits,
                                        .stdin_fd = -1,
                                        .code_fd = code,
                                        .code_key = key,
                                        .undo_fd = -1,
                                        .http_fd = -1};
        struct fault f = {0};
        assert_int_equal(sandbox_worker_run(stage.worker, stage.loop, &run, &nobody, &f),
                         -FAULT_POLICY);
        assert_non_null(strstr(f.text, "another agent"));
    }
    assert_int_equal(stage_run(&stage, WASM(empty)), SANDBOX_EXIT);
}

/* --- when it is spent --- */

static void assert_spent_after(struct str wasm, enum sandbox_stop stop, bool expected)
{
    int64_t pid = sandbox_worker_pid(stage.worker);
    if (stage_run(&stage, wasm) != stop)
        fail_msg("%s: %s", sandbox_stop_name(stage.outcome.stop), stage.outcome.detail);
    assert_int_equal(sandbox_worker_spent(stage.worker), expected);
    assert_int_equal(stage_run(&stage, WASM(empty)), SANDBOX_EXIT);
    assert_int_equal(sandbox_worker_pid(stage.worker) == pid, !expected);
}

static void an_end_of_the_guests_own_does_not_spend_it(void **state)
{
    (void)state;
    assert_spent_after(WASM(empty), SANDBOX_EXIT, false);
    assert_spent_after(WASM(exit_3), SANDBOX_EXIT, false);
    assert_spent_after(WASM(trap), SANDBOX_TRAP, false);
    assert_spent_after(WASM(recurse), SANDBOX_STACK, false);
    assert_spent_after(WASM(grow_and_die), SANDBOX_MEMORY, false);
    assert_spent_after(WASM(unknown_import), SANDBOX_INVALID_MODULE, false);
    stage.limits.wasm_fuel = 100000;
    assert_spent_after(WASM(loop), SANDBOX_FUEL, false);
}

static void an_interrupt_spends_it(void **state)
{
    (void)state;
    stage.limits.wasm_timeout_ns = 5 * OS_NS_PER_MS;
    assert_spent_after(WASM(loop), SANDBOX_TIMEOUT, true);
    assert_spent_after(WASM(sleep), SANDBOX_TIMEOUT, true);
    stage.limits.wasm_timeout_ns = 60 * OS_NS_PER_S;
    int64_t pid = sandbox_worker_pid(stage.worker);
    stage.cancel_after_ms = 5;
    assert_int_equal(stage_run(&stage, WASM(sleep)), SANDBOX_CANCEL);
    stage.cancel_after_ms = 0;
    assert_true(sandbox_worker_spent(stage.worker));
    assert_int_equal(stage_run(&stage, WASM(empty)), SANDBOX_EXIT);
    assert_int_not_equal(sandbox_worker_pid(stage.worker), pid);
}

static void a_spent_worker_refuses(void **state)
{
    (void)state;
    stage.limits.wasm_timeout_ns = 5 * OS_NS_PER_MS;
    assert_int_equal(stage_run(&stage, WASM(loop)), SANDBOX_TIMEOUT);
    static const char *const argv[] = {"test"};
    char key[65];
    int code = stage_code(WASM(empty), key);
    const struct sandbox_run run = {.agent = "test",
                                    .argv = argv,
                                    .argc = 1,
                                    .limits = stage.limits,
                                    .stdin_fd = -1,
                                    .code_fd = code,
                                    .code_key = key,
                                    .undo_fd = -1,
                                    .http_fd = -1};
    struct fault f = {0};
    assert_int_equal(sandbox_worker_run(stage.worker, stage.loop, &run, &nobody, &f),
                     -FAULT_PEER_GONE);
}

static void so_many_runs_spend_it(void **state)
{
    (void)state;
    stage_close(&stage);
    stage.runs_max = 3;
    stage_open(&stage);
    int64_t pid = sandbox_worker_pid(stage.worker);
    for (int run = 1; run <= 7; run++) {
        assert_int_equal(stage_run(&stage, WASM(empty)), SANDBOX_EXIT);
        assert_int_equal(sandbox_worker_spent(stage.worker), run % 3 == 0);
        assert_int_equal(sandbox_worker_pid(stage.worker) == pid, run <= 3);
    }
}

/* 16 runs lie between two looks; each leaves a page or two more in the heap than there was at the start. */
static void growth_spends_it(void **state)
{
    (void)state;
    static const struct {
        int64_t growth_max;
        bool expected;
    } rows[] = {{1, true}, {INT64_C(1) << 40, false}, {0, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        stage_close(&stage);
        stage.memory_growth_max = rows[i].growth_max;
        stage_open(&stage);
        int64_t pid = sandbox_worker_pid(stage.worker);
        for (int run = 0; run < 33; run++)
            assert_int_equal(stage_run(&stage, WASM(grow_to_32)), SANDBOX_EXIT);
        assert_int_equal(sandbox_worker_pid(stage.worker) != pid, rows[i].expected);
    }
    stage.memory_growth_max = 0;
}

/* --- who cannot be interrupted --- */

/* The worker's stream is full, because nobody here reads: the guest is in a host call that does not come back. By itself the
 * worker ends some ms past the deadline. Only then this side looks, and finds out why. */
static void a_guest_that_nothing_interrupts_takes_its_worker_along(void **state)
{
    (void)state;
    siginfo_t info;
    stage.stream = true;
    stage.limits.max_output_bytes = 1 << 30;
    stage.limits.wasm_timeout_ns = 50 * OS_NS_PER_MS;
    start(WASM(flood_for_ever));
    assert_int_equal(
        waitid(P_PID, (id_t)sandbox_worker_pid(stage.worker), &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_code, CLD_EXITED);
    assert_int_equal(info.si_status, SANDBOX_WORKER_LATE);
    assert_int_equal(stage_wait(&stage), SANDBOX_TIMEOUT);
    assert_non_null(strstr(stage.outcome.detail, "cannot be interrupted"));
    assert_string_equal(stage.outcome.ended_by, "wasm_timeout");
    assert_true(stage.outcome.used.wall_us >= 50000);
    assert_true(stage.outcome.used.output_bytes >= 131072 && stage.outcome.used.fuel > 0);
    assert_true(sandbox_worker_spent(stage.worker));
    stage.stream = false;
}

/* By the worker or, on a machine that is quick enough, by the epoch between two of them. */
static void moving_much_memory_ends_by_the_deadline(void **state)
{
    (void)state;
    stage.limits.wasm_timeout_ns = 60 * OS_NS_PER_MS;
    assert_int_equal(stage_run(&stage, WASM(fill_again)), SANDBOX_TIMEOUT);
    assert_string_equal(stage.outcome.ended_by, "wasm_timeout");
    assert_true(sandbox_worker_spent(stage.worker));
}

static void what_a_killed_run_used_is_known(void **state)
{
    (void)state;
    stage.stream = true;
    start(WASM(grow_and_loop));
    while (stage.streamed_len == 0)
        assert_int_equal(os_loop_once(stage.loop, -1), 0);
    sandbox_worker_kill(stage.worker);
    assert_true(stage.is_done);
    assert_int_equal(stage.outcome.stop, SANDBOX_CANCEL);
    assert_int_equal(stage.outcome.used.peak_memory, 2097152);
    assert_int_equal(stage.outcome.used.output_bytes, 4);
    assert_true(stage.outcome.used.fuel > 0);
    assert_true(stage.outcome.used.cpu_us > 0 && stage.outcome.used.wall_us > 0);
    stage.stream = false;
}

/* Read from outside, while a guest is at work, after several modules were loaded. */
static void no_page_of_a_worker_can_be_written_and_run(void **state)
{
    (void)state;
    assert_int_equal(stage_run(&stage, WASM(empty)), SANDBOX_EXIT);
    assert_int_equal(stage_run(&stage, WASM(hide_trap)), SANDBOX_TRAP);
    stage.stream = true;
    start(WASM(grow_and_loop));
    while (stage.streamed_len == 0)
        assert_int_equal(os_loop_once(stage.loop, -1), 0);
    char path[64], line[4096];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)sandbox_worker_pid(stage.worker));
    FILE *maps = fopen(path, "r");
    int runnable = 0, codes = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        const char *may = strchr(line, ' ');
        assert_non_null(may);
        if (may[2] == 'w' && may[3] == 'x')
            fail_msg("can be written and run: %s", line);
        runnable += may[3] == 'x';
        codes += may[3] == 'x' && strstr(line, "/memfd:code") != NULL;
    }
    if (maps)
        fclose(maps);
    sandbox_worker_kill(stage.worker);
    stage.stream = false;
    if (!maps) /* not the owner of the worker's user namespace */
        skip();
    assert_true(runnable > codes && codes == 3); /* it was looked at the right place */
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_worker_serves_its_own_agent_only),
        CASE(an_end_of_the_guests_own_does_not_spend_it),
        CASE(an_interrupt_spends_it),
        CASE(a_spent_worker_refuses),
        CASE(so_many_runs_spend_it),
        CASE(growth_spends_it),
        CASE(a_guest_that_nothing_interrupts_takes_its_worker_along),
        CASE(moving_much_memory_ends_by_the_deadline),
        CASE(what_a_killed_run_used_is_known),
        CASE(no_page_of_a_worker_can_be_written_and_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
