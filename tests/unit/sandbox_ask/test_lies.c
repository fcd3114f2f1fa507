/* A worker that is taken over: whatever it sends, or does not, the run ends once, bounded, in time, and it is dead. */
#include "os/clock.h"
#include "os/env.h"
#include "os/file.h"
#include "stage.h"

#include <stdio.h>
#include <string.h>

static struct stage stage = {.dir_fd = -1, .undo_root_fd = -1, .undo_fd = -1};
static char path[4096];

static int new_liar(const char *lie, struct fault *reterr)
{
    char guest[64];
    snprintf(guest, sizeof guest, "/%s", lie);
    struct sandbox_mount mount = {
        .host = guest, .guest = guest, .dir_fd = stage.dir_fd, .writable = true};
    const struct sandbox_worker_config config = {.program = path,
                                                 .mounts = &mount,
                                                 .mount_count = 1,
                                                 .undo_root_fd = -1,
                                                 .stack_max = 2097152,
                                                 .memory_max = 268435456,
                                                 .table_max = 100000,
                                                 .agent = "test"};
    return sandbox_worker_new(&config, &stage.worker, reterr);
}

static int open_stage(void **state)
{
    (void)state;
    json_start(1);
    snprintf(path, sizeof path, "%s/tests/unit/sandbox_ask/liar.py", os_env("BOXAGNTS_SRC"));
    stage.dir_fd = os_open_dir_trusted("/tmp");
    sandbox_outcome_init(&stage.outcome, 0);
    return os_loop_new(&stage.loop);
}

static int close_stage(void **state)
{
    (void)state;
    stage_close(&stage);
    return 0;
}

static enum sandbox_stop run_liar(const char *lie)
{
    struct fault f = {0};
    limits_default(&stage.limits);
    stage.limits.wasm_timeout_ns = 5 * OS_NS_PER_S;
    stage.limits.max_output_bytes = 1000;
    if (new_liar(lie, &f) < 0)
        fail_msg("%s: %s", lie, f.text);
    int before = stage.done_count;
    enum sandbox_stop stop = stage_run_code(
        &stage, -1, "00000000000000000000000000000000000000000000000000000000000000aa");
    assert_int_equal(os_loop_once(stage.loop, 5), 0); /* nothing may come after */
    assert_int_equal(stage.done_count, before + 1);
    return stop;
}

static void free_liar(void)
{
    sandbox_worker_free(stage.worker);
    stage.worker = NULL;
}

static void assert_crash(const char *lie, const char *detail)
{
    enum sandbox_stop stop = run_liar(lie);
    if (stop != SANDBOX_CRASH || !strstr(stage.outcome.detail, detail))
        fail_msg("%s: %s (%s), not a crash with '%s'", lie, sandbox_stop_name(stop),
                 stage.outcome.detail, detail);
    assert_true(sandbox_worker_dead(stage.worker));
    assert_int_equal(stage.outcome.touched_count, 0);
    free_liar();
}

static void breaches_are_crashes(void **state)
{
    (void)state;
    assert_crash("garbage", "protocol");
    assert_crash("wrong_id", "an answer to no question");
    assert_crash("no_body", "malformed");
    assert_crash("claims_crash", "no end that a worker reports");
    assert_crash("claims_cancel", "was not");
    assert_crash("relative_path", "not absolute");
    assert_crash("third_stream", "malformed");
    assert_crash("long_out", "more output than was asked for");
    assert_crash("land_bad_stage", "no name of a staged file");
    assert_crash("land_short_stage", "no name of a staged file");
    assert_crash("land_bad_folder", "no device and inode");
    assert_crash("land_long_folder", "no device and inode");
    assert_crash("land_bad_new", "neither true nor false");
    assert_crash("land_nul", "its path is none");
    assert_crash("land_long_path", "its path is none");
    assert_crash("land_flood", "does not listen");
    stage.stream = true;
    assert_crash("too_much_output", "protocol");
    assert_true(stage.streamed_len <= 1000);
    stage.stream = false;
}

static void deaths_are_crashes(void **state)
{
    (void)state;
    assert_crash("dies", "crashed");
    assert_crash("half_frame", "crashed");
    assert_crash("gives_up", "gave up: no  [31mmemory");
}

static void what_it_claims_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(run_liar("greedy"), SANDBOX_EXIT);
    assert_true(stage.outcome.used.wall_us < 60000000);
    assert_int_equal(stage.outcome.used.fuel, stage.limits.wasm_fuel);
    assert_int_equal(stage.outcome.used.peak_memory, stage.limits.wasm_max_memory_size);
    free_liar();
    assert_int_equal(run_liar("paths"), SANDBOX_EXIT);
    assert_string_equal(stage.outcome.touched[0].path,
                        "/etc/passwd"); /* of the guest: inside its mounts */
    free_liar();
}

static void a_landing_that_nobody_takes_is_an_errno(void **state)
{
    (void)state;
    assert_int_equal(run_liar("land_fine"), SANDBOX_EXIT);
    free_liar();
}

static void a_second_answer_is_no_second_end(void **state)
{
    (void)state;
    assert_int_equal(run_liar("twice"), SANDBOX_EXIT);
    free_liar();
}

static void silence_ends_by_our_clock(void **state)
{
    (void)state;
    struct fault f = {0};
    limits_default(&stage.limits);
    stage.limits.wasm_timeout_ns = 50 * OS_NS_PER_MS;
    if (new_liar("silent", &f) < 0)
        fail_msg("%s", f.text);
    int64_t start = os_now_mono_ns();
    assert_int_equal(
        stage_run_code(&stage, -1,
                       "00000000000000000000000000000000000000000000000000000000000000aa"),
        SANDBOX_TIMEOUT);
    assert_non_null(strstr(stage.outcome.detail, "killed"));
    assert_true(os_now_mono_ns() - start >= 250 * OS_NS_PER_MS);
    assert_true(sandbox_worker_dead(stage.worker));
    free_liar();
}

static void silence_after_a_cancel_ends_by_our_clock(void **state)
{
    (void)state;
    struct fault f = {0};
    limits_default(&stage.limits);
    if (new_liar("silent", &f) < 0)
        fail_msg("%s", f.text);
    stage.cancel_after_ms = 10;
    assert_int_equal(
        stage_run_code(&stage, -1,
                       "00000000000000000000000000000000000000000000000000000000000000aa"),
        SANDBOX_CANCEL);
    stage.cancel_after_ms = 0;
    assert_true(sandbox_worker_dead(stage.worker));
    free_liar();
}

static void a_worker_that_is_not_ready_is_a_sentence(void **state)
{
    (void)state;
    struct fault f = {0};
    assert_int_equal(new_liar("no_jail", &f), -FAULT_SANDBOX);
    assert_non_null(strstr(f.text, "facet landlock is missing"));
    assert_string_equal(f.next, "a newer kernel");
    assert_int_equal(new_liar("not_ready", &f), -FAULT_SANDBOX);
    assert_non_null(strstr(f.text, "ended with code 3"));
    assert_null(stage.worker);
    if (new_liar("ready_twice", &f) == 0) { /* the second came later: it breaks the run */
        limits_default(&stage.limits);
        assert_int_equal(
            stage_run_code(&stage, -1,
                           "00000000000000000000000000000000000000000000000000000000000000aa"),
            SANDBOX_CRASH);
        free_liar();
    } else {
        assert_non_null(strstr(f.text, "more than that it is ready"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaches_are_crashes),
        cmocka_unit_test(deaths_are_crashes),
        cmocka_unit_test(what_it_claims_is_bounded),
        cmocka_unit_test(a_landing_that_nobody_takes_is_an_errno),
        cmocka_unit_test(a_second_answer_is_no_second_end),
        cmocka_unit_test(silence_ends_by_our_clock),
        cmocka_unit_test(silence_after_a_cancel_ends_by_our_clock),
        cmocka_unit_test(a_worker_that_is_not_ready_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
