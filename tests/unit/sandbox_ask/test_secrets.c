/* Two guests one after the other in one worker: nothing of the first is seen by the second, however the first ended and
 * whatever the second is made of. The pool gives slots back warm (the first 256 KiB of a memory stay resident), so what is
 * not cleared would be there. */
#include "modules.h"
#include "os/clock.h"
#include "stage.h"

#include <stdio.h>

static struct stage stage = {.dir_fd = -1, .undo_root_fd = -1, .undo_fd = -1};

static int open_stage(void **state)
{
    (void)state;
    json_start(1);
    stage_open(&stage);
    return 0;
}

static int close_stage(void **state)
{
    (void)state;
    stage_close(&stage);
    return 0;
}

static int default_limits(void **state)
{
    (void)state;
    limits_default(&stage.limits);
    stage.limits.wasm_max_memory_size = 16 << 20;
    return 0;
}

static const char *const left[] = {
    "nothing",  "memory", "memory that was grown", "a table", "a table that was grown",
    "a global", "a local"};

static void assert_clean(struct str looker, const char *after)
{
    enum sandbox_stop stop = stage_run(&stage, looker);
    int code = stage.outcome.exit_code;
    if (stop != SANDBOX_EXIT || code != 0)
        fail_msg("after %s: %s, %s was left (%s)", after, sandbox_stop_name(stop),
                 code >= 0 && code < (int)ARRAY_LEN(left) ? left[code] : "?", stage.outcome.detail);
}

/* The first kind of guest hides, the second looks: more often than there are slots, so that each slot is met. */
static void hide_and_look(struct str hider, enum sandbox_stop end, const char *what)
{
    for (int round = 0; round < 6; round++) {
        int64_t pid = sandbox_worker_pid(stage.worker);
        if (stage_run(&stage, hider) != end)
            fail_msg("%s ended by %s: %s", what, sandbox_stop_name(stage.outcome.stop),
                     stage.outcome.detail);
        assert_clean(round % 2 ? WASM(look) : WASM(look_with_data), what);
        assert_clean(round % 2 ? WASM(look_with_data) : WASM(look), what);
        assert_int_equal(sandbox_worker_pid(stage.worker), pid); /* or nothing was tried */
    }
}

static void nothing_is_left_of_one_that_ended(void **state)
{
    (void)state;
    hide_and_look(WASM(hide_exit), SANDBOX_EXIT, "a guest that returned");
    hide_and_look(WASM(hide_exit_call), SANDBOX_EXIT, "a guest that called proc_exit");
}

static void nothing_is_left_of_one_that_trapped(void **state)
{
    (void)state;
    hide_and_look(WASM(hide_trap), SANDBOX_TRAP, "a guest that trapped");
}

static void nothing_is_left_of_one_that_ran_out(void **state)
{
    (void)state;
    stage.limits.wasm_fuel = 30 << 20; /* filling takes a unit a byte */
    hide_and_look(WASM(hide_loop), SANDBOX_FUEL, "a guest out of fuel");
    hide_and_look(WASM(hide_recurse), SANDBOX_STACK, "a guest out of stack");
}

/* Its worker is thrown away; what comes next has a fresh one. */
static void nothing_is_left_of_one_that_was_interrupted(void **state)
{
    (void)state;
    int64_t pid = sandbox_worker_pid(stage.worker);
    stage.limits.wasm_timeout_ns = 100 * OS_NS_PER_MS;
    assert_int_equal(stage_run(&stage, WASM(hide_loop)), SANDBOX_TIMEOUT);
    stage.limits.wasm_timeout_ns = 30 * OS_NS_PER_S;
    assert_clean(WASM(look), "a guest out of time");
    assert_int_not_equal(sandbox_worker_pid(stage.worker), pid);
}

/* The looker itself must see what is there. */
static void a_looker_that_finds_nothing_can_find(void **state)
{
    (void)state;
    assert_int_equal(stage_run(&stage, WASM(look_at_own)), SANDBOX_EXIT);
    assert_int_equal(stage.outcome.exit_code, 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup(f, default_limits)
    const struct CMUnitTest tests[] = {
        CASE(a_looker_that_finds_nothing_can_find),
        CASE(nothing_is_left_of_one_that_ended),
        CASE(nothing_is_left_of_one_that_trapped),
        CASE(nothing_is_left_of_one_that_ran_out),
        CASE(nothing_is_left_of_one_that_was_interrupted),
    };
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
