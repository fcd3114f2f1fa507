/* Every way a run can end, through the real worker: which stop, with which detail, and that the worker serves on. */
#include "modules.h"
#include "os/clock.h"
#include "sandbox/ask/compile.h"
#include "stage.h"

#include <stdio.h>
#include <string.h>

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
    stage.stream = false;
    stage.cancel_after_ms = 0;
    stage.stdin_bytes = STR("");
    return 0;
}

static void assert_stop(struct str wasm, enum sandbox_stop expected, const char *detail)
{
    enum sandbox_stop stop = stage_run(&stage, wasm);
    if (stop != expected || !strstr(stage.outcome.detail, detail))
        fail_msg("stopped by %s (%s), not %s (%s)", sandbox_stop_name(stop), stage.outcome.detail,
                 sandbox_stop_name(expected), detail);
}

static void an_ordinary_end_is_exit_0(void **state)
{
    (void)state;
    assert_stop(WASM(empty), SANDBOX_EXIT, "exit code 0");
    assert_int_equal(stage.outcome.exit_code, 0);
    assert_true(stage.outcome.used.fuel > 0);
    assert_null(stage.outcome.limits_hit);
}

static void proc_exit_gives_its_code(void **state)
{
    (void)state;
    assert_stop(WASM(exit_3), SANDBOX_EXIT, "exit code 3");
    assert_int_equal(stage.outcome.exit_code, 3);
}

static void a_trap_is_named(void **state)
{
    (void)state;
    assert_stop(WASM(trap), SANDBOX_TRAP, "unreachable");
}

static void endless_recursion_ends_by_the_stack(void **state)
{
    (void)state;
    assert_stop(WASM(recurse), SANDBOX_STACK, "wasm_max_wasm_stack (2097152 bytes)");
    stage.limits.wasm_max_wasm_stack = 65536;
    assert_stop(WASM(recurse), SANDBOX_STACK, "wasm_max_wasm_stack (65536 bytes)");
    stage.limits.wasm_max_wasm_stack = 4194304;
    assert_stop(WASM(recurse), SANDBOX_STACK, "wasm_max_wasm_stack (4194304 bytes)");
    stage.limits.wasm_max_wasm_stack = 16384;
    assert_stop(WASM(recurse), SANDBOX_STACK, "wasm_max_wasm_stack (16384 bytes)");
}

static void a_loop_ends_by_fuel(void **state)
{
    (void)state;
    stage.limits.wasm_fuel = 100000;
    assert_stop(WASM(loop), SANDBOX_FUEL, "wasm_fuel (100000)");
    assert_int_equal(stage.outcome.used.fuel, 100000);
}

static void fuel_holds_at_one_less_than_enough(void **state)
{
    (void)state;
    assert_stop(WASM(count_1000), SANDBOX_EXIT, "");
    int64_t used = stage.outcome.used.fuel, enough = used;
    assert_true(used > 1000);
    /* The engine looks at loops and calls only, so a little less than what was used is enough; find the border. */
    for (; stage.outcome.stop == SANDBOX_EXIT && enough > used - 20; enough--) {
        stage.limits.wasm_fuel = enough - 1;
        (void)stage_run(&stage, WASM(count_1000));
    }
    assert_true(enough > used - 20);
    assert_int_equal(stage.outcome.stop, SANDBOX_FUEL);
    for (int64_t more = 1; more <= 2; more++) {
        stage.limits.wasm_fuel = enough + more;
        assert_stop(WASM(count_1000), SANDBOX_EXIT, "");
    }
}

static void assert_time(int64_t timeout_ms, struct str wasm)
{
    stage.limits.wasm_timeout_ns = timeout_ms * OS_NS_PER_MS;
    assert_stop(wasm, SANDBOX_TIMEOUT, "wasm_timeout");
    assert_true(stage.outcome.used.wall_us >= timeout_ms * 1000);
    /* Not a timed test: the monitor would have killed it, and said so, after the grace. */
    assert_null(strstr(stage.outcome.detail, "killed"));
}

static void a_loop_ends_by_its_deadline(void **state)
{
    (void)state;
    assert_time(1, WASM(loop));
    assert_time(30, WASM(loop));
}

static void a_loop_in_the_start_function_counts(void **state)
{
    (void)state;
    assert_time(20, WASM(start_loop));
    stage.limits.wasm_fuel = 5000;
    assert_stop(WASM(start_loop), SANDBOX_FUEL, "");
}

static void a_guest_that_waits_ends_by_its_deadline(void **state)
{
    (void)state;
    assert_time(30, WASM(sleep));
}

static void cancel_reaches_a_guest_that_computes(void **state)
{
    (void)state;
    stage.cancel_after_ms = 20;
    assert_stop(WASM(loop), SANDBOX_CANCEL, "it was cancelled");
    assert_false(sandbox_worker_dead(stage.worker));
}

static void cancel_reaches_a_guest_that_waits(void **state)
{
    (void)state;
    stage.cancel_after_ms = 20;
    assert_stop(WASM(sleep), SANDBOX_CANCEL, "it was cancelled");
    assert_false(sandbox_worker_dead(stage.worker));
}

static void a_refused_growth_that_kills_is_memory(void **state)
{
    (void)state;
    assert_stop(WASM(grow_and_die), SANDBOX_MEMORY, "refused");
}

static void a_refused_growth_that_is_survived_is_named(void **state)
{
    (void)state;
    assert_stop(WASM(grow_and_live), SANDBOX_EXIT, "");
    assert_string_equal(stage.outcome.limits_hit, "wasm_max_memory_size");
    assert_int_equal(stage.outcome.used.peak_memory, 65536);
}

static void memory_holds_at_its_limit(void **state)
{
    (void)state;
    stage.limits.wasm_max_memory_size = 2097152 - 1;
    assert_stop(WASM(grow_to_32), SANDBOX_MEMORY, "");
    assert_stop(WASM(memory_32), SANDBOX_MEMORY, "declares 2097152 bytes");
    stage.limits.wasm_max_memory_size = 2097152;
    assert_stop(WASM(grow_to_32), SANDBOX_EXIT, "");
    assert_int_equal(stage.outcome.used.peak_memory, 2097152);
    assert_stop(WASM(memory_32), SANDBOX_EXIT, "");
    stage.limits.wasm_max_memory_size = 2097152 + 1;
    assert_stop(WASM(grow_to_32), SANDBOX_EXIT, "");
}

static void memory_declared_above_what_the_worker_has_is_memory(void **state)
{
    (void)state;
    assert_stop(WASM(memory_8192), SANDBOX_MEMORY, "minimum byte size of 536870912");
}

static void tables_hold_at_their_limit(void **state)
{
    (void)state;
    stage.limits.wasm_max_table_elements = 999;
    assert_stop(WASM(table_1000), SANDBOX_MEMORY, "table of 1000");
    stage.limits.wasm_max_table_elements = 1000;
    assert_stop(WASM(table_1000), SANDBOX_EXIT, "");
    stage.limits.wasm_max_table_elements = 100000;
    assert_stop(WASM(table_200000), SANDBOX_MEMORY, "minimum element size of 200000");
    assert_stop(WASM(table_grow), SANDBOX_TRAP, "unreachable");
    assert_string_equal(stage.outcome.limits_hit, "wasm_max_table_elements");
}

static void imports_that_are_not_ours_are_refused(void **state)
{
    (void)state;
    assert_stop(WASM(unknown_import), SANDBOX_INVALID_MODULE, "import env.system is not offered");
    assert_stop(WASM(unknown_wasi), SANDBOX_INVALID_MODULE, "fd_fork is not offered");
    assert_stop(WASM(ill_typed_import), SANDBOX_INVALID_MODULE, "fd_write has another type");
    assert_stop(WASM(memory_import), SANDBOX_INVALID_MODULE, "memory is not offered");
}

static void a_module_that_is_no_command_is_refused(void **state)
{
    (void)state;
    assert_stop(WASM(no_start), SANDBOX_INVALID_MODULE, "no function _start");
    assert_stop(WASM(start_has_result), SANDBOX_INVALID_MODULE, "no function _start");
}

static void output_is_collected(void **state)
{
    (void)state;
    assert_stop(WASM(hello), SANDBOX_EXIT, "");
    assert_string_equal(stage.outcome.out.at, "hello\n");
    assert_string_equal(stage.outcome.err.at, "oops\n");
    assert_int_equal(stage.outcome.used.output_bytes, 11);
    assert_false(stage.outcome.output_cut);
}

static void output_past_the_cap_keeps_head_and_tail(void **state)
{
    (void)state;
    stage.limits.max_output_bytes = 1000;
    assert_stop(WASM(flood), SANDBOX_EXIT, "");
    assert_int_equal(stage.outcome.out.len, 1000);
    assert_false(stage.outcome.output_cut);
    stage.limits.max_output_bytes = 999;
    assert_stop(WASM(flood), SANDBOX_EXIT, "");
    assert_true(stage.outcome.output_cut);
    assert_int_equal(stage.outcome.out.len, 999);
    assert_non_null(strstr(stage.outcome.out.at, " of 1000 bytes left out ...]"));
    assert_int_equal(stage.outcome.out.at[0], '0');
    assert_int_equal(stage.outcome.out.at[998], '9');
    assert_int_equal(stage.outcome.used.output_bytes, 1000);
    assert_string_equal(stage.outcome.limits_hit, "max_output_bytes");
    stage.limits.max_output_bytes = 0;
    assert_stop(WASM(flood), SANDBOX_EXIT, "");
    assert_int_equal(stage.outcome.out.len, 0);
}

static void output_is_streamed_up_to_the_cap(void **state)
{
    (void)state;
    stage.stream = true;
    assert_stop(WASM(flood), SANDBOX_EXIT, "");
    assert_int_equal(stage.streamed_len, 1000);
    stage.limits.max_output_bytes = 250;
    assert_stop(WASM(flood), SANDBOX_EXIT, "");
    assert_int_equal(stage.streamed_len, 250);
    assert_true(stage.outcome.output_cut);
    assert_int_equal(stage.outcome.used.output_bytes, 1000);
}

static void input_reaches_the_guest(void **state)
{
    (void)state;
    char big[5000];
    memset(big, 'x', sizeof big);
    stage.stdin_bytes = (struct str){big, sizeof big};
    assert_stop(WASM(cat), SANDBOX_EXIT, "");
    assert_int_equal(stage.outcome.out.len, sizeof big);
}

static void wasi_works_before_there_is_an_instance(void **state)
{
    (void)state;
    assert_stop(WASM(wasi_in_start), SANDBOX_EXIT, "");
    assert_string_equal(stage.outcome.out.at, "early\n");
}

static void a_guest_without_memory_gets_an_error(void **state)
{
    (void)state;
    assert_stop(WASM(no_memory_export), SANDBOX_EXIT, "");
}

static void a_worker_that_dies_is_a_crash_and_answers_once(void **state)
{
    (void)state;
    char key[65];
    int code = stage_code(WASM(empty), key);
    int before = stage.done_count;
    /* Code that is not in a sealed memory file: the worker gives up. */
    assert_int_equal(
        stage_run_code(&stage, 0,
                       "00000000000000000000000000000000000000000000000000000000000000aa"),
        SANDBOX_CRASH);
    assert_non_null(strstr(stage.outcome.detail, "not in a sealed memory file"));
    assert_int_equal(stage.done_count, before + 1);
    assert_true(sandbox_worker_dead(stage.worker));
    assert_int_equal(stage_run_code(&stage, code, key), SANDBOX_EXIT); /* by another worker */
}

static void assert_not_compiled(struct str wasm, const char *why)
{
    struct fault fault = {0};
    int fd = -1;
    assert_int_equal(sandbox_compile(stage_program("boxagnts-compile"), wasm, &fd, &fault),
                     -FAULT_MODULE);
    if (!strstr(fault.text, why))
        fail_msg("'%s' does not say '%s'", fault.text, why);
}

static void what_is_no_module_is_refused_with_a_sentence(void **state)
{
    (void)state;
    assert_not_compiled(STR(""), "empty");
    assert_not_compiled(STR("#!/bin/sh\necho hello\n"), "bad magic");
    assert_not_compiled(STR("\0asm"), "bad magic");
    assert_not_compiled(STR("\0asm\x0d\0\1\0"), "component");
    assert_not_compiled(STR("\0asm\1\0\0\0\1\x7f"), "offset");
    assert_not_compiled(WASM(two_memories), "multi");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup(f, default_limits)
    const struct CMUnitTest tests[] = {
        CASE(an_ordinary_end_is_exit_0),
        CASE(proc_exit_gives_its_code),
        CASE(a_trap_is_named),
        CASE(endless_recursion_ends_by_the_stack),
        CASE(a_loop_ends_by_fuel),
        CASE(fuel_holds_at_one_less_than_enough),
        CASE(a_loop_ends_by_its_deadline),
        CASE(a_loop_in_the_start_function_counts),
        CASE(a_guest_that_waits_ends_by_its_deadline),
        CASE(cancel_reaches_a_guest_that_computes),
        CASE(cancel_reaches_a_guest_that_waits),
        CASE(a_refused_growth_that_kills_is_memory),
        CASE(a_refused_growth_that_is_survived_is_named),
        CASE(memory_holds_at_its_limit),
        CASE(memory_declared_above_what_the_worker_has_is_memory),
        CASE(tables_hold_at_their_limit),
        CASE(imports_that_are_not_ours_are_refused),
        CASE(a_module_that_is_no_command_is_refused),
        CASE(output_is_collected),
        CASE(output_past_the_cap_keeps_head_and_tail),
        CASE(output_is_streamed_up_to_the_cap),
        CASE(input_reaches_the_guest),
        CASE(wasi_works_before_there_is_an_instance),
        CASE(a_guest_without_memory_gets_an_error),
        CASE(a_worker_that_dies_is_a_crash_and_answers_once),
        CASE(what_is_no_module_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
