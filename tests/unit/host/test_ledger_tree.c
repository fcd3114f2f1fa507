/* Accounts of agents, and caps. */
#include "scratch.h"

#include "host/ledger_private.h"

static struct ledger_balance balance(struct state *s, const char *agent)
{
    struct ledger_balance b = {0};
    assert_int_equal(ledger_balance(s, "s", agent, &b), 0);
    return b;
}

static int64_t free_of(struct state *s, const char *agent)
{
    int64_t pico = -1;
    enum ledger_limit by;
    assert_int_equal(ledger_free(s, "s", agent, &pico, &by), 0);
    return pico;
}

static void sums(struct state *s)
{
    json_t *report = NULL;
    if (ledger_check(s, &report) != 0)
        fail_msg("%s", json_dumps(report, 0));
    json_decref(report);
}

static struct state *open_with(int64_t budget)
{
    struct state *s = scratch_open();
    assert_ok(ledger_open(s, "s", budget, &scratch_fault));
    return s;
}

#define child(s, agent, parent, how, amount)                                                       \
    assert_int_equal(ledger_child_open(s, "s", agent, parent, how, amount), 0)
#define reserve(s, agent, turn, pico) ledger_reserve(s, "s", agent, turn, pico, NULL)
#define settle(s, agent, turn, used)                                                               \
    assert_int_equal(ledger_settle(s, "s", agent, turn, used, NULL), 0)

static void what_a_child_gets_its_parent_has_no_more(void **given)
{
    (void)given;
    struct state *s = open_with(100);
    child(s, "a", NULL, LEDGER_FIXED, 60);
    assert_int_equal(free_of(s, NULL), 40);
    assert_int_equal(free_of(s, "a"), 60);
    assert_int_equal(reserve(s, NULL, 1, 41), LEDGER_SHORT);
    assert_int_equal(reserve(s, "a", 1, 61), LEDGER_SHORT);
    assert_int_equal(ledger_child_open(s, "s", "b", NULL, LEDGER_FIXED, 41), LEDGER_SHORT);
    child(s, "a1", "a", LEDGER_FIXED, 20);
    assert_int_equal(free_of(s, "a"), 40);
    assert_int_equal(reserve(s, "a1", 1, 20), 0);
    assert_int_equal(reserve(s, "a", 1, 40), 0);
    assert_int_equal(reserve(s, NULL, 1, 40), 0);
    assert_int_equal(reserve(s, "a1", 2, 1), LEDGER_SHORT);
    sums(s);
    state_free(s);
}

static void what_is_left_comes_back_when_a_child_ends(void **given)
{
    (void)given;
    struct state *s = open_with(100);
    child(s, "a", NULL, LEDGER_FIXED, 60);
    child(s, "a1", "a", LEDGER_FIXED, 20);
    assert_int_equal(reserve(s, "a1", 1, 15), 0);
    settle(s, "a1", 1, 5);
    assert_int_equal(reserve(s, "a1", 2, 7), 0); /* open when it ends: counts at its worst */
    assert_int_equal(reserve(s, "a", 1, 30), 0);
    settle(s, "a", 1, 10);
    assert_int_equal(ledger_child_close(s, "s", "a"), 0); /* and all below it */
    sums(s);
    assert_int_equal(free_of(s, NULL), 100 - 5 - 7 - 10);
    assert_int_equal(balance(s, "a").budget, 22);
    assert_int_equal(balance(s, "a1").budget, 12);
    assert_int_equal(balance(s, "a1").spent, 12);
    assert_int_equal(reserve(s, "a", 2, 0), -ENOENT); /* nothing is spent by the dead */
    assert_int_equal(reserve(s, "a1", 3, 0), -ENOENT);
    assert_int_equal(ledger_child_open(s, "s", "a2", "a", LEDGER_FIXED, 0), -ENOENT);
    assert_int_equal(ledger_child_close(s, "s", "a"), 0);
    assert_int_equal(ledger_child_close(s, "s", "nobody"), -ENOENT);
    assert_int_equal(ledger_child_close(s, "s", ""), -EINVAL);
    child(s, "a", NULL, LEDGER_FIXED, 30); /* tried again */
    assert_int_equal(balance(s, "a").budget, 52);
    assert_int_equal(free_of(s, "a"), 30);
    assert_int_equal(free_of(s, NULL), 48);
    sums(s);
    state_free(s);
}

static void a_share_is_of_the_parents_budget_and_all_shares_are_one(void **given)
{
    (void)given;
    struct state *s = open_with(1000);
    child(s, "a", NULL, LEDGER_SHARE, 333333);
    child(s, "b", NULL, LEDGER_SHARE, 500000);
    assert_int_equal(balance(s, "a").budget, 333);
    assert_int_equal(balance(s, "b").budget, 500);
    assert_int_equal(ledger_child_open(s, "s", "c", NULL, LEDGER_SHARE, 200000), LEDGER_SHORT);
    assert_int_equal(ledger_child_open(s, "s", "c", NULL, LEDGER_SHARE, 1000001), -EINVAL);
    sums(s);
    assert_ok(ledger_open(s, "t", LEDGER_AMOUNT_MAX, &scratch_fault)); /* without wrapping */
    assert_int_equal(ledger_child_open(s, "t", "a", NULL, LEDGER_SHARE, 1000000), 0);
    struct ledger_balance b;
    assert_int_equal(ledger_balance(s, "t", "a", &b), 0);
    assert_int_equal(b.budget, LEDGER_AMOUNT_MAX);
    sums(s);
    state_free(s);
}

static void a_pool_takes_what_a_call_needs_and_gives_the_rest_back(void **given)
{
    (void)given;
    struct state *s = open_with(100);
    child(s, "a", NULL, LEDGER_POOL, INT64_MAX);
    child(s, "b", NULL, LEDGER_POOL, 50);
    child(s, "a1", "a", LEDGER_POOL, INT64_MAX);
    assert_int_equal(balance(s, "a1").budget, 0);
    assert_int_equal(free_of(s, "a1"), 100);
    assert_int_equal(free_of(s, "b"), 50); /* its ceiling */
    assert_int_equal(reserve(s, "a1", 1, 70), 0);
    assert_int_equal(free_of(s, NULL), 30);
    assert_int_equal(free_of(s, "b"), 30);
    assert_int_equal(reserve(s, "b", 1, 31), LEDGER_SHORT);
    settle(s, "a1", 1, 20);
    assert_int_equal(free_of(s, NULL), 80);
    assert_int_equal(balance(s, "a").budget, 20);
    assert_int_equal(balance(s, "a").given, 20);
    assert_int_equal(balance(s, "a1").budget, 20);
    assert_int_equal(reserve(s, "b", 1, 51), LEDGER_SHORT);
    assert_int_equal(reserve(s, "b", 1, 50), 0);
    settle(s, "b", 1, 30);
    assert_int_equal(reserve(s, "b", 2, 21), LEDGER_SHORT); /* 30 of its 50 are gone */
    assert_int_equal(reserve(s, "b", 2, 20), 0);
    assert_int_equal(ledger_child_close(s, "s", "b"), 0);
    assert_int_equal(ledger_child_close(s, "s", "a"), 0);
    assert_int_equal(free_of(s, NULL), 100 - 20 - 50);
    sums(s);
    state_free(s);
}

static void a_fixed_child_of_a_pool_is_paid_from_above(void **given)
{
    (void)given;
    struct state *s = open_with(100);
    child(s, "pool", NULL, LEDGER_POOL, 40);
    assert_int_equal(ledger_child_open(s, "s", "x", "pool", LEDGER_FIXED, 41), LEDGER_SHORT);
    child(s, "x", "pool", LEDGER_FIXED, 40);
    assert_int_equal(free_of(s, NULL), 60);
    assert_int_equal(reserve(s, "pool", 1, 1), LEDGER_SHORT);
    assert_int_equal(ledger_child_close(s, "s", "x"), 0); /* through the pool, all the way up */
    assert_int_equal(balance(s, "pool").budget, 0);
    assert_int_equal(free_of(s, NULL), 100);
    sums(s);
    state_free(s);
}

static void a_service_that_charged_too_much_is_carried_by_those_above(void **given)
{
    (void)given;
    struct state *s = open_with(100);
    child(s, "a", NULL, LEDGER_FIXED, 10);
    child(s, "p", NULL, LEDGER_POOL, 20);
    assert_int_equal(reserve(s, "a", 1, 10), 0);
    settle(s, "a", 1, 25);
    assert_int_equal(free_of(s, "a"), 0); /* never below zero */
    assert_int_equal(reserve(s, "a", 2, 0), LEDGER_SHORT);
    assert_int_equal(ledger_child_close(s, "s", "a"), 0);
    assert_int_equal(free_of(s, NULL), 75);
    assert_int_equal(reserve(s, "p", 1, 5), 0);
    settle(s, "p", 1, 200);
    assert_int_equal(balance(s, "p").budget, 200);
    assert_int_equal(free_of(s, NULL), 0);
    assert_int_equal(reserve(s, NULL, 9, 1), LEDGER_SHORT);
    sums(s);
    state_free(s);
}

static void bad_children_are_refused_and_leave_nothing(void **given)
{
    char long_name[200];
    (void)given;
    struct state *s = open_with(100);
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    child(s, "a", NULL, LEDGER_FIXED, 1);
    child(s, "b", NULL, LEDGER_FIXED, 1);
    assert_int_equal(ledger_child_open(s, "s", "a", NULL, LEDGER_FIXED, 1), -EEXIST);
    assert_int_equal(ledger_child_open(s, "s", "", NULL, LEDGER_FIXED, 1), -EINVAL);
    assert_int_equal(ledger_child_open(s, "s", NULL, NULL, LEDGER_FIXED, 1), -EINVAL);
    assert_int_equal(ledger_child_open(s, "s", long_name, NULL, LEDGER_FIXED, 1), -EINVAL);
    assert_int_equal(ledger_child_open(s, "s", "c", NULL, LEDGER_FIXED, -1), -EINVAL);
    assert_int_equal(ledger_child_open(s, "s", "c", "nobody", LEDGER_FIXED, 1), -ENOENT);
    assert_int_equal(ledger_child_open(s, "t", "c", NULL, LEDGER_FIXED, 1), -ENOENT);
    assert_int_equal(ledger_child_close(s, "s", "b"), 0);
    assert_int_equal(ledger_child_open(s, "s", "b", "a", LEDGER_FIXED, 0), -EINVAL); /* adopted */
    const char *above = NULL;
    char names[LEDGER_DEPTH_MAX + 1][8];
    for (int i = 0; i < LEDGER_DEPTH_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "d%d", i);
        child(s, names[i], above, LEDGER_POOL, INT64_MAX);
        above = names[i];
    }
    assert_int_equal(ledger_child_open(s, "s", "deep", above, LEDGER_POOL, 1), -EINVAL);
    assert_int_equal(reserve(s, above, 1, 100), LEDGER_SHORT);
    assert_int_equal(reserve(s, above, 1, free_of(s, above)), 0); /* through sixteen generations */
    settle(s, above, 1, 1);
    sums(s);
    state_free(s);
}

/* --- caps --- */

static enum ledger_limit short_by(struct state *s, int64_t pico)
{
    enum ledger_limit by = LEDGER_BY_AGENT;
    assert_int_equal(ledger_reserve(s, "s", NULL, 99, pico, &by), LEDGER_SHORT);
    assert_true(*ledger_limit_sentence(by) != '\0');
    return by;
}

static void each_cap_says_no_by_its_name(void **given)
{
    (void)given;
    struct state *s = open_with(1000);
    assert_int_equal(short_by(s, 1001), LEDGER_BY_SESSION);
    assert_ok(ledger_cap_set(s, LEDGER_CAP_MONTH, 300, &scratch_fault));
    assert_int_equal(short_by(s, 301), LEDGER_BY_MONTH);
    assert_ok(ledger_cap_set(s, LEDGER_CAP_DAY, 200, &scratch_fault));
    assert_int_equal(short_by(s, 201), LEDGER_BY_DAY);
    assert_ok(ledger_cap_set(s, LEDGER_CAP_SESSION, 100, &scratch_fault));
    assert_int_equal(short_by(s, 101), LEDGER_BY_SESSION_CAP);
    assert_int_equal(free_of(s, NULL), 100);
    child(s, "a", NULL, LEDGER_FIXED, 500);
    assert_int_equal(reserve(s, "a", 1, 60), 0); /* agents count */
    settle(s, "a", 1, 60);
    assert_int_equal(free_of(s, NULL), 40);
    assert_int_equal(reserve(s, NULL, 1, 41), LEDGER_SHORT);
    assert_ok(ledger_open(s, "t", 1000, &scratch_fault)); /* another session: the day is shared */
    assert_int_equal(ledger_reserve(s, "t", NULL, 1, 100, NULL), 0);
    assert_int_equal(free_of(s, NULL), 40);
    assert_ok(ledger_cap_set(s, LEDGER_CAP_SESSION, LEDGER_NO_CAP, &scratch_fault));
    assert_int_equal(free_of(s, NULL), 40); /* the day's, 200 - 60 - 100 */
    assert_ok(ledger_cap_set(s, LEDGER_CAP_DAY, 0, &scratch_fault));
    assert_int_equal(free_of(s, NULL), 0); /* below what was spent: nothing more */
    assert_int_equal(short_by(s, 1), LEDGER_BY_DAY);
    assert_int_equal(ledger_cap_set(s, LEDGER_CAP_DAY, -2, NULL), -FAULT_USAGE);
    sums(s);
    state_free(s);
}

/* Yesterday is made by moving today's entries one day back. */
static void a_new_day_and_a_new_month_begin_with_nothing_spent(void **given)
{
    (void)given;
    struct state *s = open_with(1000);
    struct ledger_period day, month;
    assert_ok(ledger_cap_set(s, LEDGER_CAP_DAY, 100, &scratch_fault));
    assert_ok(ledger_cap_set(s, LEDGER_CAP_MONTH, 150, &scratch_fault));
    assert_int_equal(reserve(s, NULL, 1, 100), 0);
    settle(s, NULL, 1, 70);
    assert_int_equal(reserve(s, NULL, 2, 30), 0); /* over midnight */
    scratch_sql(s, "UPDATE reservation SET day = day - 1");
    scratch_sql(s, "UPDATE period SET start = start - 1 WHERE kind = 'day'");
    sums(s);
    assert_int_equal(free_of(s, NULL), 50); /* the day is new, the month is not */
    settle(s, NULL, 2, 10);                 /* of yesterday */
    assert_int_equal(ledger_cap_get(s, LEDGER_CAP_DAY, &day), 0);
    assert_int_equal(day.spent + day.reserved, 0);
    assert_int_equal(ledger_cap_get(s, LEDGER_CAP_MONTH, &month), 0);
    assert_int_equal(month.spent, 80);
    assert_int_equal(free_of(s, NULL), 70);
    scratch_sql(s, "UPDATE reservation SET month = month - 1");
    scratch_sql(s, "UPDATE period SET start = start - 1 WHERE kind = 'month'");
    assert_int_equal(free_of(s, NULL), 100);
    sums(s);
    state_free(s);
}

static void each_mark_is_told_once(void **given)
{
    (void)given;
    struct state *s = open_with(1000);
    struct ledger_notice n;
    static const struct {
        int64_t used;
        int session, day, month;
    } steps[] = {
        {499, 0, 0, 0}, {1, 50, 0, 0}, {10, 0, 0, 0},     {290, 80, 80, 0},
        {100, 0, 0, 0}, {99, 0, 0, 0}, {1, 100, 100, 50}, {0, 0, 0, 0},
    };
    assert_ok(ledger_cap_set(s, LEDGER_CAP_MONTH, 2000, &scratch_fault));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (i == 3)
            assert_ok(ledger_cap_set(s, LEDGER_CAP_DAY, 1000, &scratch_fault));
        assert_int_equal(reserve(s, NULL, 1, steps[i].used), 0);
        assert_int_equal(ledger_settle(s, "s", NULL, 1, steps[i].used, &n), 0);
        if (n.session != steps[i].session || n.day != steps[i].day || n.month != steps[i].month)
            fail_msg("step %zu: %d %d %d", i, n.session, n.day, n.month);
    }
    assert_ok(ledger_cap_set(s, LEDGER_CAP_DAY, LEDGER_NO_CAP, &scratch_fault));
    assert_ok(ledger_open(s, "s", 3000, &scratch_fault)); /* more money, other marks */
    assert_int_equal(reserve(s, NULL, 1, 500), 0);
    assert_int_equal(ledger_settle(s, "s", NULL, 1, 500, &n), 0);
    assert_int_equal(n.session, 50);
    state_free(s);
}

static void a_deleted_session_stays_in_its_day(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    char id[SESSION_ID_SIZE];
    int lock = -1;
    struct ledger_period day;
    assert_ok(session_begin(s, "/w", "m", "p", 1000, id, &lock, &scratch_fault));
    assert_ok(ledger_cap_set(s, LEDGER_CAP_DAY, 100, &scratch_fault));
    assert_int_equal(ledger_reserve(s, id, NULL, 1, 60, NULL), 0);
    assert_int_equal(ledger_settle(s, id, NULL, 1, 50, NULL), 0);
    assert_int_equal(session_end(s, id, "done", 50, 0, 1), 0);
    close(lock);
    assert_ok(session_delete(s, id, &scratch_fault));
    assert_int_equal(ledger_cap_get(s, LEDGER_CAP_DAY, &day), 0);
    assert_int_equal(day.spent, 50);
    sums(s);
    state_free(s);
}

static void die_with_a_tree(void *arg)
{
    char id[SESSION_ID_SIZE];
    int lock = -1;
    struct state *s = scratch_open();
    assert_ok(session_begin(s, "/w", "m", "p", 1000, id, &lock, &scratch_fault));
    assert_int_equal(ledger_child_open(s, id, "a", NULL, LEDGER_FIXED, 500), 0);
    assert_int_equal(ledger_child_open(s, id, "a1", "a", LEDGER_POOL, INT64_MAX), 0);
    assert_int_equal(ledger_reserve(s, id, "a1", 1, 100, NULL), 0);
    assert_int_equal(ledger_reserve(s, id, "a", 1, 30, NULL), 0);
    if (write(*(int *)arg, id, sizeof(id)) != sizeof(id))
        _exit(1);
    kill(getpid(), SIGKILL);
}

static void the_tree_of_a_dead_session_is_closed_at_its_worst(void **given)
{
    int ends[2];
    char id[SESSION_ID_SIZE];
    struct ledger_balance b;
    (void)given;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = scratch_fork(die_with_a_tree, &ends[1]);
    waitpid(pid, NULL, 0);
    assert_int_equal(read(ends[0], id, sizeof(id)), sizeof(id));
    struct state *s = scratch_open();
    sums(s);
    assert_int_equal(ledger_balance(s, id, NULL, &b), 0);
    assert_int_equal(b.given, 130);
    assert_int_equal(ledger_balance(s, id, "a", &b), 0);
    assert_int_equal(b.budget, 130);
    assert_int_equal(b.reserved, 0);
    assert_int_equal(ledger_reserve(s, id, "a", 5, 1, NULL), -ENOENT);
    close(ends[0]);
    close(ends[1]);
    state_free(s);
}

/* Every order of random moves keeps every invariant, and the tree never holds more than it was given. */
static void a_million_dollars_do_not_get_lost_in_random_trees(void **given)
{
    enum { AGENTS = 6, STEPS = 1500 };
    static const char *const names[AGENTS] = {"a", "b", "c", "d", "e", "f"};
    unsigned seed = 20261130;
    int opened = 0, reserved = 0;
    (void)given;
    struct state *s = open_with(100000);
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned x = seed >> 8;
        const char *agent = names[x % AGENTS];
        const char *parent = x / 7 % 3 == 0 ? NULL : names[x / 11 % AGENTS];
        int64_t amount = x / 13 % 9000;
        switch (x / 17 % 5) {
        case 0:
            opened += ledger_child_open(s, "s", agent, parent, (enum ledger_split)(x / 19 % 3),
                                        x / 19 % 3 == LEDGER_SHARE ? amount * 50 : amount) == 0;
            break;
        case 1:
            if (x / 23 % 3 == 0 && ledger_child_close(s, "s", agent) < 0)
                continue;
            break;
        case 2:
        case 3: reserved += reserve(s, agent, x / 29 % 4, amount / 4) == 0; break;
        default:
            if (ledger_settle(s, "s", agent, x / 29 % 4, amount / 5, NULL) < 0)
                continue;
        }
        if (i % 10 == 0)
            sums(s);
    }
    sums(s);
    assert_true(opened > 20 && reserved > 50);
    state_free(s);
}

/* A store of the version before: its sessions keep their money. */
static void an_older_store_is_taken_over(void **given)
{
    struct scratch *x = *given;
    char path[256];
    struct store *store = NULL;
    struct store_query *q = NULL;
    static const char *const sql[] = {
        "INSERT INTO ledger VALUES ('s', 100, 30, 20)",
        "INSERT INTO reservation (session, turn, pico, used) VALUES ('s', 1, 40, 30)",
        "INSERT INTO reservation (session, turn, pico, used) VALUES ('s', 2, 20, NULL)",
        "INSERT INTO session VALUES ('s', 'done', 1, 2, 0, 100, 0, 0, '/w', 'm', 'p', 1)",
    };
    assert_int_equal(mkdir(x->state, 0700), 0);
    scratch_path(path, "%s/store.db", x->state);
    assert_ok(store_open(path, state_steps, 1, &store, &scratch_fault));
    for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
        assert_ok(store_query(store, sql[i], &q, &scratch_fault));
        assert_ok(store_run(q, NULL, &scratch_fault));
    }
    store_free(store);
    struct state *s = scratch_open();
    sums(s);
    assert_int_equal(balance(s, NULL).spent, 30);
    assert_int_equal(balance(s, NULL).reserved, 20);
    assert_int_equal(ledger_recover(s), 0);
    assert_int_equal(balance(s, NULL).spent, 50);
    sums(s);
    state_free(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        T(what_a_child_gets_its_parent_has_no_more),
        T(what_is_left_comes_back_when_a_child_ends),
        T(a_share_is_of_the_parents_budget_and_all_shares_are_one),
        T(a_pool_takes_what_a_call_needs_and_gives_the_rest_back),
        T(a_fixed_child_of_a_pool_is_paid_from_above),
        T(a_service_that_charged_too_much_is_carried_by_those_above),
        T(bad_children_are_refused_and_leave_nothing),
        T(each_cap_says_no_by_its_name),
        T(a_new_day_and_a_new_month_begin_with_nothing_spent),
        T(each_mark_is_told_once),
        T(a_deleted_session_stays_in_its_day),
        T(the_tree_of_a_dead_session_is_closed_at_its_worst),
        T(a_million_dollars_do_not_get_lost_in_random_trees),
        T(an_older_store_is_taken_over),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
