#include "scratch.h"

static struct ledger_balance balance(struct state *s, const char *session)
{
    struct ledger_balance b = {0};
    assert_int_equal(ledger_balance(s, session, &b), 0);
    return b;
}

static void what_is_reserved_is_settled_and_the_rest_is_free_again(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    assert_ok(ledger_open(s, "s", 100, &scratch_fault));
    assert_int_equal(ledger_reserve(s, "s", 1, 60), 0);
    assert_int_equal(ledger_reserve(s, "s", 2, 41), LEDGER_SHORT);
    assert_int_equal(ledger_reserve(s, "s", 2, 40), 0);
    assert_int_equal(ledger_reserve(s, "s", 3, 0), 0);
    assert_int_equal(ledger_reserve(s, "s", 1, 0), -EEXIST); /* turn 1 is open */
    assert_int_equal(balance(s, "s").reserved, 100);
    assert_int_equal(ledger_settle(s, "s", 1, 10), 0);
    assert_int_equal(ledger_settle(s, "s", 1, 10), -ENOENT);
    assert_int_equal(balance(s, "s").spent, 10);
    assert_int_equal(balance(s, "s").reserved, 40);
    assert_int_equal(ledger_reserve(s, "s", 1, 50), 0); /* a retry of the turn */
    assert_int_equal(ledger_reserve(s, "s", 9, 1), LEDGER_SHORT);
    state_free(s);
}

static void absurd_amounts_are_refused_and_do_not_wrap(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct fault fault = {0};
    assert_ok(ledger_open(s, "s", INT64_MAX, &scratch_fault));
    assert_int_equal(ledger_reserve(s, "s", 1, -1), -EINVAL);
    assert_int_equal(ledger_settle(s, "s", 1, -1), -EINVAL);
    assert_int_equal(ledger_open(s, "t", -1, &fault), -FAULT_USAGE);
    assert_int_equal(ledger_reserve(s, "s", 1, INT64_MAX), 0);
    assert_int_equal(ledger_reserve(s, "s", 2, 1), LEDGER_SHORT);
    assert_int_equal(ledger_reserve(s, "s", 2, INT64_MAX), LEDGER_SHORT);
    assert_int_equal(ledger_settle(s, "s", 1, INT64_MAX), 0);
    assert_int_equal(ledger_reserve(s, "s", 2, 1), LEDGER_SHORT);
    assert_int_equal(ledger_reserve(s, "nobody", 2, 1), -ENOENT);
    state_free(s);
}

static void a_service_that_charged_more_is_recorded_and_stops_the_rest(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    json_t *report = NULL;
    assert_ok(ledger_open(s, "s", 100, &scratch_fault));
    assert_int_equal(ledger_reserve(s, "s", 1, 60), 0);
    assert_int_equal(ledger_settle(s, "s", 1, 150), 0);
    assert_int_equal(balance(s, "s").spent, 150);
    assert_int_equal(ledger_reserve(s, "s", 2, 1), LEDGER_SHORT);
    assert_int_equal(ledger_check(s, &report), 0);
    json_decref(report);
    state_free(s);
}

struct race {
    int go, got;
};

/* Each takes units until none is left, and says how many it got. */
static void take_all(void *arg)
{
    struct race *race = arg;
    char c;
    int got = 0;
    if (read(race->go, &c, 1) < 0)
        _exit(1);
    struct state *s = scratch_open();
    for (int turn = 0;; turn++) {
        int r = ledger_reserve(s, "s", (int64_t)getpid() * 1000 + turn, 1);
        if (r == LEDGER_SHORT)
            break;
        assert_int_equal(r, 0);
        got++;
    }
    state_free(s);
    if (write(race->got, &got, sizeof(got)) < 0)
        _exit(1);
}

static void sixty_four_processes_never_overspend_one_unit(void **given)
{
    enum { MANY = 64, UNITS = 100 };
    (void)given;
    int go[2], got[2], total = 0;
    pid_t pids[MANY];
    struct state *s = scratch_open();
    assert_ok(ledger_open(s, "s", UNITS, &scratch_fault));
    state_free(s);
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(got), 0);
    struct race race = {go[0], got[1]};
    for (int i = 0; i < MANY; i++)
        pids[i] = scratch_fork(take_all, &race);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(write(go[1], "g", 1), 1);
    for (int i = 0; i < MANY; i++) {
        int one = 0;
        scratch_reap(pids[i]);
        assert_int_equal(read(got[0], &one, sizeof(one)), sizeof(one));
        total += one;
    }
    assert_int_equal(total, UNITS);
    s = scratch_open();
    assert_int_equal(balance(s, "s").reserved, UNITS);
    json_t *report = NULL;
    assert_int_equal(ledger_check(s, &report), 0);
    json_decref(report);
    assert_int_equal(ledger_recover(s), 0); /* no session of that name runs */
    assert_int_equal(balance(s, "s").spent, UNITS);
    state_free(s);
}

static void a_sum_that_does_not_hold_is_named(void **given)
{
    static const char *const cases[] = {
        "UPDATE ledger SET spent = spent + 1",
        "UPDATE ledger SET reserved = reserved - 1",
        "UPDATE reservation SET used = 99 WHERE used IS NOT NULL",
        "DELETE FROM reservation WHERE used IS NULL",
        "UPDATE ledger SET budget = -1",
    };
    (void)given;
    struct state *s = scratch_open();
    assert_ok(ledger_open(s, "s", 100, &scratch_fault));
    assert_int_equal(ledger_reserve(s, "s", 1, 10), 0);
    assert_int_equal(ledger_reserve(s, "s", 2, 10), 0);
    assert_int_equal(ledger_settle(s, "s", 2, 5), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *report = NULL;
        scratch_sql(s, "BEGIN");
        scratch_sql(s, cases[i]);
        if (ledger_check(s, &report) != 1)
            fail_msg("not noticed: %s", cases[i]);
        assert_int_equal(json_array_size(json_object_get(report, "bad")), 1);
        json_decref(report);
        scratch_sql(s, "ROLLBACK");
    }
    state_free(s);
}

static void amounts_are_written_exactly(void **given)
{
    static const struct {
        int64_t pico;
        const char *text;
    } cases[] = {
        {0, "0.00"},
        {PICO_PER_USD * 5, "5.00"},
        {1, "0.000000000001"},
        {12500000000, "0.0125"},
        {PICO_PER_USD / 2, "0.50"},
        {-1500000000000, "-1.50"},
        {INT64_MAX, "9223372.036854775807"},
        {INT64_MIN, "-9223372.036854775808"},
        {PICO_PER_USD + 120000000000, "1.12"},
    };
    (void)given;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = ledger_usd_text(cases[i].pico);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

static void amounts_are_read_exactly(void **given)
{
    static const struct {
        const char *json;
        int result;
        int64_t pico;
    } cases[] = {
        {"{\"x\":5}", 0, 5 * PICO_PER_USD}, {"{\"x\":0.1}", 0, PICO_PER_USD / 10},
        {"{\"x\":0.29}", 0, 290000000000},  {"{\"x\":1.15}", 0, 1150000000000},
        {"{\"x\":1e-7}", 0, 100000},        {"{\"x\":0.000000000001}", 0, 1},
        {"{\"x\":1e-13}", -EINVAL, 0},      {"{\"x\":-1}", -ERANGE, 0},
        {"{\"x\":1e9}", -ERANGE, 0},        {"{\"x\":\"5\"}", -EINVAL, 0},
        {"{\"x\":4.35}", 0, 4350000000000}, {"{\"x\":8.7}", 0, 8700000000000},
    };
    (void)given;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *o = scratch_json(cases[i].json);
        int64_t pico = 0;
        int r = ledger_decimal_from_json(json_object_get(o, "x"), 12, INT64_MAX, &pico);
        if (r != cases[i].result || pico != cases[i].pico)
            fail_msg("%s: %d %lld", cases[i].json, r, (long long)pico);
        json_decref(o);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        T(what_is_reserved_is_settled_and_the_rest_is_free_again),
        T(absurd_amounts_are_refused_and_do_not_wrap),
        T(a_service_that_charged_more_is_recorded_and_stops_the_rest),
        T(sixty_four_processes_never_overspend_one_unit),
        T(a_sum_that_does_not_hold_is_named),
        T(amounts_are_written_exactly),
        T(amounts_are_read_exactly),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
