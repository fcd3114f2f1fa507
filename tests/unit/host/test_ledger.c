#include "scratch.h"

static struct ledger_balance balance(struct state *s, const char *session)
{
    struct ledger_balance b = {0};
    assert_int_equal(ledger_balance(s, session, NULL, &b), 0);
    return b;
}

static void sums(struct state *s)
{
    json_t *report = NULL;
    if (ledger_check(s, &report) != 0)
        fail_msg("%s", json_dumps(report, 0));
    json_decref(report);
}

static void what_is_reserved_is_settled_and_the_rest_is_free_again(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    assert_ok(ledger_open(s, "s", 100, &scratch_fault));
    assert_int_equal(ledger_reserve(s, "s", NULL, 1, 60, NULL), 0);
    assert_int_equal(ledger_reserve(s, "s", NULL, 2, 41, NULL), LEDGER_SHORT);
    assert_int_equal(ledger_reserve(s, "s", NULL, 2, 40, NULL), 0);
    assert_int_equal(ledger_reserve(s, "s", NULL, 3, 0, NULL), 0);
    assert_int_equal(ledger_reserve(s, "s", NULL, 1, 0, NULL), -EEXIST); /* turn 1 is open */
    assert_int_equal(balance(s, "s").reserved, 100);
    assert_int_equal(ledger_settle(s, "s", NULL, 1, 10, NULL), 0);
    assert_int_equal(ledger_settle(s, "s", NULL, 1, 10, NULL), -ENOENT);
    assert_int_equal(balance(s, "s").spent, 10);
    assert_int_equal(balance(s, "s").reserved, 40);
    assert_int_equal(ledger_reserve(s, "s", NULL, 1, 50, NULL), 0); /* a retry of the turn */
    assert_int_equal(ledger_reserve(s, "s", NULL, 9, 1, NULL), LEDGER_SHORT);
    state_free(s);
}

static void absurd_amounts_are_refused_and_do_not_wrap(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct fault fault = {0};
    assert_int_equal(ledger_open(s, "s", INT64_MAX, &fault), -FAULT_USAGE);
    assert_ok(ledger_open(s, "s", INT64_MAX / 4, &scratch_fault));
    assert_int_equal(ledger_reserve(s, "s", NULL, 1, -1, NULL), -EINVAL);
    assert_int_equal(ledger_settle(s, "s", NULL, 1, -1, NULL), -EINVAL);
    assert_int_equal(ledger_open(s, "t", -1, &fault), -FAULT_USAGE);
    assert_int_equal(ledger_reserve(s, "s", NULL, 1, INT64_MAX / 4 + 1, NULL), LEDGER_SHORT);
    assert_int_equal(ledger_reserve(s, "s", NULL, 1, INT64_MAX / 4, NULL), 0);
    assert_int_equal(ledger_reserve(s, "s", NULL, 2, 1, NULL), LEDGER_SHORT);
    assert_int_equal(ledger_reserve(s, "s", NULL, 2, INT64_MAX, NULL), LEDGER_SHORT);
    assert_int_equal(ledger_settle(s, "s", NULL, 1, INT64_MAX, NULL), 0);
    assert_int_equal(balance(s, "s").spent, INT64_MAX / 4);
    sums(s);
    assert_int_equal(ledger_reserve(s, "s", NULL, 2, 1, NULL), LEDGER_SHORT);
    assert_int_equal(ledger_reserve(s, "nobody", NULL, 2, 1, NULL), -ENOENT);
    state_free(s);
}

static void a_service_that_charged_more_is_recorded_and_stops_the_rest(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    json_t *report = NULL;
    assert_ok(ledger_open(s, "s", 100, &scratch_fault));
    assert_int_equal(ledger_reserve(s, "s", NULL, 1, 60, NULL), 0);
    assert_int_equal(ledger_settle(s, "s", NULL, 1, 150, NULL), 0);
    assert_int_equal(balance(s, "s").spent, 150);
    assert_int_equal(ledger_reserve(s, "s", NULL, 2, 1, NULL), LEDGER_SHORT);
    assert_int_equal(ledger_check(s, &report), 0);
    json_decref(report);
    state_free(s);
}

struct race {
    int go, got;
    const char *agent; /* NULL: the session's own account */
};

/* Each takes units until none is left, gives every third back, and says how many it spent. */
static void take_all(void *arg)
{
    struct race *race = arg;
    char c;
    int spent = 0;
    if (read(race->go, &c, 1) < 0)
        _exit(1);
    struct state *s = scratch_open();
    for (int turn = 0;; turn++) {
        int64_t number = (int64_t)getpid() * 100000 + turn;
        enum ledger_limit by;
        int r = ledger_reserve(s, "s", race->agent, number, 1, &by);
        if (r == LEDGER_SHORT)
            break;
        assert_int_equal(r, 0);
        int used = turn % 3 != 2;
        assert_int_equal(ledger_settle(s, "s", race->agent, number, used, NULL), 0);
        spent += used;
    }
    state_free(s);
    if (write(race->got, &spent, sizeof(spent)) < 0)
        _exit(1);
}

enum { MANY = 64, UNITS = 100 };

/* 64 processes take until nothing is left: together exactly what there was. */
static void race(const char *const *agents)
{
    int go[2], got[2], total = 0;
    pid_t pids[MANY];
    struct race racers[MANY];
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(got), 0);
    for (int i = 0; i < MANY; i++) {
        racers[i] = (struct race){go[0], got[1], agents ? agents[i] : NULL};
        pids[i] = scratch_fork(take_all, &racers[i]);
    }
    for (int i = 0; i < MANY; i++)
        assert_int_equal(write(go[1], "g", 1), 1);
    for (int i = 0; i < MANY; i++) {
        int one = 0;
        scratch_reap(pids[i]);
        assert_int_equal(read(got[0], &one, sizeof(one)), sizeof(one));
        total += one;
    }
    assert_int_equal(total, UNITS);
    close(go[0]);
    close(go[1]);
    close(got[0]);
    close(got[1]);
    struct state *s = scratch_open();
    sums(s);
    state_free(s);
}

static void sixty_four_processes_never_overspend_one_unit(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    assert_ok(ledger_open(s, "s", UNITS, &scratch_fault));
    state_free(s);
    race(NULL);
    s = scratch_open();
    assert_int_equal(balance(s, "s").spent, UNITS);
    state_free(s);
}

static void sixty_four_agents_on_one_pool_never_overspend_one_unit(void **given)
{
    char names[MANY][8];
    const char *agents[MANY];
    (void)given;
    struct state *s = scratch_open();
    assert_ok(ledger_open(s, "s", UNITS, &scratch_fault));
    assert_int_equal(ledger_child_open(s, "s", "team", NULL, LEDGER_POOL, INT64_MAX), 0);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "a%d", i);
        agents[i] = names[i];
        assert_int_equal(
            ledger_child_open(s, "s", names[i], i % 2 ? "team" : NULL, LEDGER_POOL, INT64_MAX), 0);
    }
    state_free(s);
    race(agents);
    s = scratch_open();
    struct ledger_balance b = balance(s, "s");
    assert_int_equal(b.given, UNITS);
    assert_int_equal(b.spent + b.reserved, 0);
    state_free(s);
}

/* The day's cap is what they share; each has a session's budget that is far above. */
static void sixty_four_processes_never_pass_the_day_by_one_unit(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    assert_ok(ledger_open(s, "s", 1000000, &scratch_fault));
    assert_ok(ledger_cap_set(s, LEDGER_CAP_DAY, UNITS, &scratch_fault));
    assert_ok(ledger_cap_set(s, LEDGER_CAP_MONTH, UNITS * 2, &scratch_fault));
    state_free(s);
    race(NULL);
    s = scratch_open();
    struct ledger_period day, month;
    assert_int_equal(ledger_cap_get(s, LEDGER_CAP_DAY, &day), 0);
    assert_int_equal(ledger_cap_get(s, LEDGER_CAP_MONTH, &month), 0);
    assert_int_equal(day.spent, UNITS);
    assert_int_equal(day.reserved, 0);
    assert_int_equal(month.spent, UNITS);
    state_free(s);
}

/* Sixty-four handles in one process, taking turns: what one holds in its cache is not what another spent. */
static void sixty_four_handles_of_one_process_never_overspend_one_unit(void **given)
{
    struct state *handles[MANY];
    int spent = 0, is_over = 0;
    (void)given;
    for (int i = 0; i < MANY; i++)
        handles[i] = scratch_open();
    assert_ok(ledger_open(handles[0], "s", UNITS, &scratch_fault));
    for (int turn = 0; !is_over; turn++) {
        for (int i = 0; i < MANY; i++) {
            int r = ledger_reserve(handles[i], "s", NULL, turn * MANY + i, 1, NULL);
            is_over = is_over || r == LEDGER_SHORT;
            if (r == 0)
                assert_int_equal(
                    ledger_settle(handles[(i + 7) % MANY], "s", NULL, turn * MANY + i, 1, NULL), 0);
            spent += r == 0;
        }
    }
    assert_int_equal(spent, UNITS);
    sums(handles[3]);
    for (int i = 0; i < MANY; i++)
        state_free(handles[i]);
}

static void a_sum_that_does_not_hold_is_named(void **given)
{
    static const char *const cases[] = {
        "UPDATE account SET spent = spent + 1 WHERE agent = ''",
        "UPDATE account SET reserved = reserved - 1 WHERE agent = ''",
        "UPDATE reservation SET used = 99 WHERE used IS NOT NULL",
        "DELETE FROM reservation WHERE used IS NULL",
        "UPDATE account SET budget = -1 WHERE agent = ''",
        "UPDATE account SET given = given + 1 WHERE agent = ''",
        "UPDATE account SET budget = budget + 1 WHERE agent = 'a'",
        "UPDATE account SET parent = 'nobody' WHERE agent = 'a'",
        "UPDATE account SET depth = 7 WHERE agent = 'a'",
        "UPDATE account SET is_closed = 1 WHERE agent = 'a'",
        "DELETE FROM account WHERE agent = 'a'",
        "INSERT INTO reservation (session, agent, turn, day, month, pico) VALUES ('x', '', 1, 0, 0, 1)",
        "UPDATE period SET spent = spent + 1 WHERE kind = 'day'",
        "UPDATE period SET reserved = reserved - 1 WHERE kind = 'month'",
        "UPDATE period SET forgotten = forgotten + 1 WHERE kind = 'day'",
    };
    (void)given;
    struct state *s = scratch_open();
    assert_ok(ledger_open(s, "s", 100, &scratch_fault));
    assert_int_equal(ledger_reserve(s, "s", NULL, 1, 10, NULL), 0);
    assert_int_equal(ledger_reserve(s, "s", NULL, 2, 10, NULL), 0);
    assert_int_equal(ledger_settle(s, "s", NULL, 2, 5, NULL), 0);
    assert_int_equal(ledger_child_open(s, "s", "a", NULL, LEDGER_FIXED, 20), 0);
    sums(s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *report = NULL;
        scratch_sql(s, "BEGIN");
        scratch_sql(s, cases[i]);
        if (ledger_check(s, &report) != 1)
            fail_msg("not noticed: %s", cases[i]);
        assert_true(json_array_size(json_object_get(report, "bad")) > 0);
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
        {"{\"x\":5}", 0, 5 * PICO_PER_USD},
        {"{\"x\":0.1}", 0, PICO_PER_USD / 10},
        {"{\"x\":0.29}", 0, 290000000000},
        {"{\"x\":1.15}", 0, 1150000000000},
        {"{\"x\":1e-7}", 0, 100000},
        {"{\"x\":0.000000000001}", 0, 1},
        {"{\"x\":1e-13}", -EINVAL, 0},
        {"{\"x\":-1}", -ERANGE, 0},
        {"{\"x\":1e9}", -ERANGE, 0},
        {"{\"x\":\"5\"}", -EINVAL, 0},
        {"{\"x\":999999.99999999}", 0, 999999999999990000},
        {"{\"x\":0.123456789012}", 0, 123456789012},
        {"{\"x\":1234567.123456789}", -EINVAL, 0}, /* 16 digits: no double tells them apart */
        {"{\"x\":1000000000000000000}", -ERANGE, 0},
        {"{\"x\":4.35}", 0, 4350000000000},
        {"{\"x\":8.7}", 0, 8700000000000},
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
        T(sixty_four_agents_on_one_pool_never_overspend_one_unit),
        T(sixty_four_processes_never_pass_the_day_by_one_unit),
        T(sixty_four_handles_of_one_process_never_overspend_one_unit),
        T(a_sum_that_does_not_hold_is_named),
        T(amounts_are_written_exactly),
        T(amounts_are_read_exactly),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
