/* What was said is kept in order, whole, once flushed; it is found again, copied, and goes with its session. */
#include "scratch.h"

#include "host/talk.h"

struct heard {
    size_t count;
    char all[4096];
};

static int hear(const struct talk_row *row, void *arg)
{
    struct heard *h = arg;
    size_t len = strlen(h->all);
    snprintf(h->all + len, sizeof(h->all) - len, "%lld %.*s %lld %.*s %.*s %zu\n",
             (long long)row->seq, STR_FMT(row->kind), (long long)row->number, STR_FMT(row->call),
             STR_FMT(row->body), row->bytes.len);
    h->count++;
    return 0;
}

static const char *all_of(struct state *s, const char *session)
{
    static struct heard h;
    h = (struct heard){0};
    assert_ok(talk_each(s, session, hear, &h, &scratch_fault));
    return h.all;
}

static void begin(struct state *s, char id[SESSION_ID_SIZE], int *lock)
{
    assert_ok(session_begin(s, "/w", "m", "p", 0, id, lock, &scratch_fault));
}

static void rows_come_back_in_order_once_they_are_flushed(void **given)
{
    struct state *s = scratch_open();
    char id[SESSION_ID_SIZE];
    int lock;
    struct talk *t = NULL;
    (void)given;
    begin(s, id, &lock);
    assert_ok(talk_open(s, id, &t, &scratch_fault));
    assert_int_equal(talk_add(t, "message", 1, NULL, STR("{\"a\":1}"), STR("")), 0);
    assert_int_equal(talk_add(t, "turn", 1, NULL, STR("{}"), ((struct str){"a\0\xff z", 5})), 0);
    assert_string_equal(all_of(s, id), "");
    assert_ok(talk_flush(t, &scratch_fault));
    assert_ok(talk_flush(t, &scratch_fault));
    assert_int_equal(talk_add(t, "result", 7, "c3", STR("{\"r\":2}"), STR("")), 0);
    assert_ok(talk_flush(t, &scratch_fault));
    assert_string_equal(all_of(s, id),
                        "1 message 1  {\"a\":1} 0\n2 turn 1  {} 5\n3 result 7 c3 {\"r\":2} 0\n");
    talk_free(t);
    assert_ok(talk_open(s, id, &t, &scratch_fault)); /* goes on behind them */
    assert_int_equal(talk_add(t, "message", 2, NULL, STR("{}"), STR("")), 0);
    assert_ok(talk_flush(t, &scratch_fault));
    assert_non_null(strstr(all_of(s, id), "\n4 message 2  {} 0\n"));
    talk_free(t);
    close(lock);
    state_free(s);
}

static void more_rows_than_wait_are_written_by_themselves(void **given)
{
    struct state *s = scratch_open();
    char id[SESSION_ID_SIZE];
    int lock;
    struct talk *t = NULL;
    struct heard h = {0};
    (void)given;
    begin(s, id, &lock);
    assert_ok(talk_open(s, id, &t, &scratch_fault));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(talk_add(t, "call", i, "c", STR("{}"), STR("")), 0);
    assert_ok(talk_flush(t, &scratch_fault));
    assert_ok(talk_each(s, id, hear, &h, &scratch_fault));
    assert_int_equal(h.count, 1000);
    talk_free(t);
    close(lock);
    state_free(s);
}

static void a_result_is_found_by_its_call(void **given)
{
    struct state *s = scratch_open();
    char id[SESSION_ID_SIZE], other[SESSION_ID_SIZE];
    int lock, lock2;
    struct talk *t = NULL;
    struct buf out;
    (void)given;
    buf_init(&out, 100);
    begin(s, id, &lock);
    begin(s, other, &lock2);
    assert_ok(talk_open(s, id, &t, &scratch_fault));
    assert_int_equal(talk_add(t, "result", 1, "c1", STR("one"), STR("")), 0);
    assert_ok(talk_flush(t, &scratch_fault));
    assert_int_equal(talk_result(s, id, STR("c1"), &out, &scratch_fault), 0);
    assert_string_equal(out.at, "one");
    assert_int_equal(talk_result(s, id, STR("c2"), &out, &scratch_fault), TALK_ABSENT);
    assert_int_equal(talk_result(s, other, STR("c1"), &out, &scratch_fault), TALK_ABSENT);
    assert_ok(talk_copy(s, id, other, &scratch_fault));
    assert_int_equal(talk_result(s, other, STR("c1"), &out, &scratch_fault), 0);
    talk_free(t);
    buf_done(&out);
    close(lock);
    close(lock2);
    assert_ok(session_delete(s, other,
                             &scratch_fault)); /* its words go with it; those of the first stay */
    assert_string_equal(all_of(s, other), "");
    assert_string_equal(all_of(s, id), "1 result 1 c1 one 0\n");
    state_free(s);
}

static void a_session_says_so_much_and_no_more(void **given)
{
    struct state *s = scratch_open();
    char id[SESSION_ID_SIZE];
    int lock;
    struct talk *t = NULL;
    (void)given;
    begin(s, id, &lock);
    assert_ok(talk_open(s, id, &t, &scratch_fault));
    assert_int_equal(talk_add(t, "message", 1, NULL, STR("{}"), STR("")), 0);
    assert_ok(talk_flush(t, &scratch_fault));
    talk_free(t);
    char sql[128];
    snprintf(sql, sizeof(sql), "UPDATE talk SET size = %lld", (long long)(TALK_SESSION_MAX - 3));
    scratch_sql(s, sql);
    assert_ok(talk_open(s, id, &t, &scratch_fault));
    assert_int_equal(talk_add(t, "message", 2, NULL, STR("{..}"), STR("")), -FAULT_CAP);
    assert_int_equal(talk_add(t, "message", 2, NULL, STR("{.}"), STR("")), 0);
    assert_int_equal(talk_add(t, "message", 3, NULL, STR("."), STR("")), -FAULT_CAP);
    talk_free(t);
    close(lock);
    state_free(s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rows_come_back_in_order_once_they_are_flushed),
        T(more_rows_than_wait_are_written_by_themselves),
        T(a_result_is_found_by_its_call),
        T(a_session_says_so_much_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
