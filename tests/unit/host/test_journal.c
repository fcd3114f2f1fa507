#include "scratch.h"

#include "base/digest.h"
#include "host/journal_private.h"

static void add(struct state *s, const char *session, const char *call, const char *kind,
                const char *body)
{
    json_t *value = scratch_json(body);
    assert_ok(journal_add(s, session, call, kind, value, JOURNAL_LIGHT, &scratch_fault));
    json_decref(value);
}

static void add_receipt(struct state *s, const char *session, const char *call)
{
    json_t *value = json_pack("{s:i, s:s, s:s, s:{s:i}}", "v", 1, "call", call, "tool", "read",
                              "used", "fuel", 5);
    assert_ok(journal_receipt(s, session, value, JOURNAL_LIGHT, &scratch_fault));
    assert_int_equal(json_string_length(json_object_get(value, "hash")), 64);
    json_decref(value);
}

/* A journal with something of everything: 2 sessions, 3 receipts, a call without one. */
static void fill(struct state *s)
{
    add(s, "s1", NULL, "session", "{\"event\":\"begin\"}");
    add(s, "s1", "c1", "intent", "{\"tool\":\"read\",\"n\":1.5}");
    add_receipt(s, "s1", "c1");
    add(s, "s2", "c1", "intent", "{\"tool\":\"write\"}");
    add(s, NULL, NULL, "event", "{\"text\":\"\\u00e9 \\\" \\n\"}");
    add_receipt(s, "s2", "c1");
    add(s, "s1", "c2", "intent", "{\"tool\":\"edit\"}");
    add_receipt(s, "s1", "c3");
}

static json_t *verify(struct state *s, int wanted)
{
    json_t *report = NULL;
    int r = journal_verify(s, NULL, &report, &scratch_fault);
    if (r != wanted)
        fail_msg("verify: %d %s %s", r, scratch_fault.text, report ? json_dumps(report, 0) : "");
    assert_int_equal(json_is_true(json_object_get(report, "ok")), wanted == 0);
    return report;
}

static int64_t number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static void an_empty_journal_verifies(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    json_t *report = verify(s, 0);
    assert_int_equal(number(report, "rows"), 0);
    json_decref(report);
    state_free(s);
}

static void what_was_written_verifies_and_open_calls_are_named(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    fill(s);
    json_t *report = verify(s, 0);
    assert_int_equal(number(report, "rows"), 8);
    assert_int_equal(number(report, "receipts"), 3);
    json_t *unknown = json_object_get(report, "unknown");
    assert_int_equal(json_array_size(unknown), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(unknown, 0), "call")),
                        "c2");
    assert_string_equal(json_string_value(json_object_get(json_array_get(unknown, 0), "tool")),
                        "edit");
    json_decref(report);
    state_free(s);
}

static int check_canonical(const struct journal_row *r, void *arg)
{
    struct buf text, by_hand;
    struct digest digest;
    char hex[65];
    json_t *row = json_pack("{s:i, s:I, s:I, s:I, s:s?, s:s?, s:s, s:o, s:s%}", "v", 1, "seq",
                            (json_int_t)r->seq, "time_ms", (json_int_t)(r->time_ns / 1000000),
                            "sub_ns", (json_int_t)(r->time_ns % 1000000), "session", r->session,
                            "call", r->call, "kind", r->kind, "body", scratch_json(r->json.at),
                            "prev", r->prev.at, r->prev.len);
    assert_non_null(row);
    buf_init(&text, 1 << 20);
    buf_init(&by_hand, 1 << 20);
    assert_int_equal(json_print_canonical(row, &text), 0);
    struct journal_parts p = {.seq = r->seq,
                              .time_ns = r->time_ns,
                              .session = str_of(r->session),
                              .call = str_of(r->call),
                              .kind = str_of(r->kind),
                              .body = r->json,
                              .prev = r->prev};
    journal_row_print(&p, &by_hand);
    assert_int_equal(buf_error(&by_hand), 0);
    assert_string_equal(by_hand.at, text.at);
    digest_sha256(text.at, text.len, &digest);
    digest_hex(&digest, hex);
    assert_true(str_is(r->hash, hex));
    buf_done(&text);
    buf_done(&by_hand);
    json_decref(row);
    ++*(int *)arg;
    return 0;
}

static void a_row_hash_is_over_the_canonical_form(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    int count = 0;
    fill(s);
    add(s, "q\"uo\\te\n\xc3\xa9", "c\t1", "event",
        "{\"b\":[1,-7,0.1,9007199254740993,null,true],\"a\":{}}");
    assert_int_equal(journal_each(s, NULL, 0, check_canonical, &count), 0);
    assert_int_equal(count, 9);
    state_free(s);
}

static void a_receipt_carries_its_own_chain(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    json_t *a = scratch_json("{\"call\":\"1\",\"hash\":\"stale\"}"),
           *b = scratch_json("{\"call\":\"2\"}");
    struct buf text;
    struct digest digest;
    char hex[65];
    assert_ok(journal_receipt(s, "s", a, JOURNAL_DURABLE, &scratch_fault));
    add(s, "s", NULL, "event", "{}");
    assert_ok(journal_receipt(s, "s", b, JOURNAL_DURABLE, &scratch_fault));
    assert_string_equal(json_string_value(json_object_get(a, "prev")), JOURNAL_ZERO_HASH);
    assert_string_equal(json_string_value(json_object_get(b, "prev")),
                        json_string_value(json_object_get(a, "hash")));
    buf_init(&text, 4096);
    char *said = strdup(json_string_value(json_object_get(b, "hash")));
    json_object_del(b, "hash");
    assert_int_equal(json_print_canonical(b, &text), 0);
    digest_sha256(text.at, text.len, &digest);
    digest_hex(&digest, hex);
    assert_string_equal(said, hex);
    free(said);
    buf_done(&text);
    json_decref(a);
    json_decref(b);
    state_free(s);
}

/* The hash goes into the text; it must be the text that printing the whole would have given. */
static void a_hash_is_put_where_the_canonical_form_has_it(void **given)
{
    static const char *const objects[] = {
        "{\"a\":1}",
        "{\"v\":1}",
        "{\"has\":1,\"h\":2}",
        "{\"hashes\":1,\"has\":{\"x\":0,\"i\":[{\"z\":1}]}}",
        "{\"a\":{\"i\":\"}{\\\"\",\"z\":\"\\\\\"},\"g\":\",\\\"z\\\":\",\"i\":[1,2],\"\":0}",
        "{\"a\":[\"z\",\"y\",{\"k\":[]}],\"\xc3\xa9\":1}",
    };
    char hash[65];
    (void)given;
    memset(hash, 'f', 64);
    hash[64] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        json_t *object = scratch_json(objects[i]);
        auto_done(buf) struct buf by_hand, text;
        buf_init(&by_hand, 4096);
        buf_init(&text, 4096);
        assert_int_equal(json_print_canonical(object, &by_hand), 0);
        assert_int_equal(journal_add_hash(&by_hand, hash), 0);
        json_object_set_new(object, "hash", json_string(hash));
        assert_int_equal(json_print_canonical(object, &text), 0);
        assert_string_equal(by_hand.at, text.at);
        json_decref(object);
    }
}

static void each_tampering_is_noticed(void **given)
{
    static const struct {
        const char *sql, *why;
        int64_t seq;
    } cases[] = {
        {"UPDATE journal SET body = '{\"tool\":\"rm\"}' WHERE seq = 4", "row 4 was changed", 4},
        {"UPDATE journal SET session = 's9' WHERE seq = 4", "row 4 was changed", 4},
        {"UPDATE journal SET session = NULL WHERE seq = 4", "row 4 was changed", 4},
        {"UPDATE journal SET call = 'other' WHERE seq = 2", "row 2 was changed", 2},
        {"UPDATE journal SET kind = 'event' WHERE seq = 2", "row 2 was changed", 2},
        {"UPDATE journal SET time_ns = time_ns + 1 WHERE seq = 5", "row 5 was changed", 5},
        {"UPDATE journal SET body = replace(body, '\"fuel\":5', '\"fuel\":6') WHERE seq = 3",
         "row 3 was changed", 3},
        {"UPDATE journal SET prev = hash WHERE seq = 5", "row 5 does not follow", 5},
        {"UPDATE journal SET hash = 'no hash' WHERE seq = 5", "row 5 was changed", 5},
        {"UPDATE journal SET body = 'no json' WHERE seq = 4", "it is no JSON", 4},
        {"DELETE FROM journal WHERE seq = 1", "row 1 is missing", 1},
        {"DELETE FROM journal WHERE seq = 5", "row 5 is missing", 5},
        {"DELETE FROM journal WHERE seq IN (4, 5, 6)", "rows 4 to 6 are missing", 4},
        {"DELETE FROM journal WHERE seq = 8", "the end was cut off", 8},
        {"DELETE FROM journal WHERE seq > 2", "the end was cut off", 3},
        {"DELETE FROM journal", "the end was cut off", 1},
        {"UPDATE journal SET seq = -seq WHERE seq IN (4, 5)", "row -5 stands behind", -5},
        {"DELETE FROM head", "the head record is missing", 8},
        {"UPDATE head SET seq = 7, hash = (SELECT hash FROM journal WHERE seq = 7)", "seal", 7},
        {"UPDATE head SET mac = hash", "seal", 8},
        {"UPDATE head SET receipts = receipts - 1", "seal", 8},
        {"INSERT INTO journal SELECT 9, time_ns, session, call, kind, body, prev, hash FROM journal WHERE seq = 8",
         "row 9 does not follow", 9},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct state *s = scratch_open();
        if (i == 0)
            fill(s);
        scratch_sql(s, "BEGIN");
        scratch_sql(s, "DROP TRIGGER journal_no_update");
        scratch_sql(s, "DROP TRIGGER journal_no_delete");
        scratch_sql(s, cases[i].sql);
        scratch_sql(s, "COMMIT");
        json_t *report = verify(s, JOURNAL_BAD), *bad = json_object_get(report, "first_bad");
        const char *why = json_string_value(json_object_get(bad, "why"));
        if (!strstr(why, cases[i].why) || number(bad, "seq") != cases[i].seq)
            fail_msg("%s\n  gave %lld '%s'", cases[i].sql, (long long)number(bad, "seq"), why);
        json_decref(report);
        state_free(s);
        /* the next case begins with a whole journal */
        scratch_remove(given);
        assert_int_equal(scratch_make(given), 0);
        s = scratch_open();
        fill(s);
        state_free(s);
    }
}

static void two_rows_that_change_places_are_noticed(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    fill(s);
    scratch_sql(s, "DROP TRIGGER journal_no_update");
    scratch_sql(s, "UPDATE journal SET seq = 1000 WHERE seq = 4");
    scratch_sql(s, "UPDATE journal SET seq = 4 WHERE seq = 5");
    scratch_sql(s, "UPDATE journal SET seq = 5 WHERE seq = 1000");
    json_decref(verify(s, JOURNAL_BAD));
    state_free(s);
}

static void rows_cannot_be_changed_by_mistake(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct store_query *q = NULL;
    struct fault fault = {0};
    fill(s);
    assert_ok(store_query(state_store(s), "UPDATE journal SET kind = 'x'", &q, &scratch_fault));
    assert_true(store_run(q, NULL, &fault) < 0);
    assert_ok(store_query(state_store(s), "DELETE FROM journal", &q, &scratch_fault));
    assert_true(store_run(q, NULL, &fault) < 0);
    json_decref(verify(s, 0));
    state_free(s);
}

static void nothing_is_added_to_a_forged_head(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct fault fault = {0};
    json_t *body = json_object(), *receipt = scratch_json("{\"call\":\"x\"}");
    fill(s);
    scratch_sql(s, "UPDATE head SET seq = 3");
    assert_int_equal(journal_add(s, "s", NULL, "event", body, JOURNAL_LIGHT, &fault),
                     -FAULT_CORRUPT);
    assert_int_equal(journal_receipt(s, "s", receipt, JOURNAL_LIGHT, &fault), -FAULT_CORRUPT);
    assert_null(json_object_get(receipt, "hash")); /* not stored, so it does not look stored */
    json_decref(body);
    json_decref(receipt);
    state_free(s);
}

static void bad_rows_are_refused_and_leave_nothing(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct fault fault = {0};
    json_t *list = json_array(), *object = json_object();
    assert_int_equal(journal_add(s, "s", NULL, "event", list, JOURNAL_LIGHT, &fault), -EINVAL);
    assert_int_equal(journal_add(s, "s\xff", NULL, "event", object, JOURNAL_LIGHT, &fault),
                     -FAULT_INPUT);
    assert_int_equal(journal_receipt(s, "s", list, JOURNAL_LIGHT, &fault), -EINVAL);
    json_decref(list);
    json_decref(object);
    json_t *report = verify(s, 0);
    assert_int_equal(number(report, "rows"), 0);
    json_decref(report);
    state_free(s);
}

/* Rows whose own hashes are right around receipts that are not: the second chain is checked as well. */
static void a_wrong_receipt_in_a_right_row_is_noticed(void **given)
{
    static const char *const bodies[] = {
        "{\"call\":\"c\",\"hash\":\"" JOURNAL_ZERO_HASH "\",\"prev\":\"" JOURNAL_ZERO_HASH "\"}",
        "{\"call\":\"c\"}",
        "{\"call\":7,\"hash\":null}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct state *s = scratch_open();
        json_t *body = scratch_json(bodies[i]), *report = NULL;
        struct fault fault = {0};
        assert_int_equal(journal_add(s, "s", "c", "receipt", body, JOURNAL_LIGHT, &fault), -EINVAL);
        assert_ok(store_begin(state_store(s), STORE_LIGHT, &scratch_fault));
        assert_ok(journal_put(s, "s", "c", "receipt", body, &scratch_fault));
        assert_ok(store_commit(state_store(s), &scratch_fault));
        report = verify(s, JOURNAL_BAD);
        const char *why =
            json_string_value(json_object_get(json_object_get(report, "first_bad"), "why"));
        assert_non_null(strstr(why, "the receipt in row"));
        json_decref(report);
        json_decref(body);
        state_free(s);
        scratch_remove(given);
        assert_int_equal(scratch_make(given), 0);
    }
}

static void large_numbers_come_back_whole(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    json_t *body = json_pack("{s:f, s:f, s:f, s:I, s:s}", "a", 1e20, "b", 12345678901234567890.0,
                             "c", 1e300, "d", (json_int_t)INT64_MAX, "tool", "x");
    assert_ok(journal_add(s, "s", "c", "intent", body, JOURNAL_LIGHT, &scratch_fault));
    json_decref(body);
    json_decref(verify(s, 0));
    state_free(s);
}

/* --- export --- */

static int add_line(struct str line, void *arg)
{
    struct buf *b = arg;
    buf_add_str(b, line);
    return buf_add_c(b, '\n');
}

static char *export(struct state *s, const char *session)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_ok(
        journal_export(s, &(struct journal_ask){.session = session}, add_line, &b, &scratch_fault));
    return buf_take(&b);
}

static int verify_text(const char *text, json_t **ret)
{
    struct fault fault = {0};
    *ret = NULL;
    return journal_verify_export(str_of(text), NULL, ret, &fault);
}

static void an_export_verifies_without_the_store(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    json_t *report;
    char *empty = export(s, NULL);
    assert_int_equal(verify_text(empty, &report), 0);
    json_decref(report);
    free(empty);
    fill(s);
    char *text = export(s, NULL);
    assert_int_equal(verify_text(text, &report), 0);
    assert_int_equal(number(report, "rows"), 8);
    assert_int_equal(json_array_size(json_object_get(report, "unknown")), 1);
    json_decref(report);
    free(text);
    state_free(s);
}

static void an_export_of_one_session_follows_the_chain_and_shows_no_other(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    json_t *report;
    fill(s);
    char *text = export(s, "s2");
    assert_null(strstr(text, "\"s1\""));
    assert_null(strstr(text, "edit"));
    assert_int_equal(verify_text(text, &report), 0);
    assert_int_equal(number(report, "rows"), 2);
    assert_int_equal(number(report, "skipped"), 1);
    json_decref(report);
    free(text);
    text = export(s, "s1");
    assert_int_equal(verify_text(text, &report), 0);
    assert_int_equal(number(report, "rows"), 5);
    json_decref(report);
    free(text);
    text = export(s, "nobody");
    assert_int_equal(verify_text(text, &report), 0);
    json_decref(report);
    free(text);
    state_free(s);
}

/* Removes line number `which` (0 = header) of text. */
static char *without_line(const char *text, int which)
{
    char *copy = strdup(text), *at = copy;
    for (int i = 0; i < which; i++)
        at = strchr(at, '\n') + 1;
    char *next = strchr(at, '\n') + 1;
    memmove(at, next, strlen(next) + 1);
    return copy;
}

static void no_line_of_an_export_can_go_or_change(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    json_t *report;
    fill(s);
    const char *const sessions[] = {NULL, "s1", "s2"};
    for (size_t k = 0; k < 3; k++) {
        char *text = export(s, sessions[k]);
        int lines = 0;
        for (char *c = text; *c; c++)
            lines += *c == '\n';
        for (int i = 0; i < lines; i++) {
            char *cut = without_line(text, i);
            int r = verify_text(cut, &report);
            if (r == 0)
                fail_msg("export %zu without line %d verified", k, i);
            json_decref(report);
            free(cut);
        }
        size_t from = strcspn(text, "\n") + 1, to = (size_t)(strstr(text, "{\"head\"") - text);
        for (size_t i = from; i < to; i++) {
            char was = text[i];
            if (was == '\n' || was == ' ')
                continue;
            text[i] = was == '1' ? '2' : was == 'a' ? 'b' : '1';
            if (verify_text(text, &report) == 0)
                fail_msg("export %zu with byte %zu changed ('%c') verified: %.200s", k, i, was,
                         text + (i > 100 ? i - 100 : 0));
            json_decref(report);
            text[i] = was;
        }
        free(text);
    }
    state_free(s);
}

/* --- several processes, and their deaths --- */

struct writer {
    int rows;
};

static void write_rows(void *arg)
{
    struct writer *w = arg;
    struct state *s = scratch_open();
    char session[32], call[32];
    (void)snprintf(session, sizeof(session), "p%d", (int)getpid());
    for (int i = 0; i < w->rows; i++) {
        (void)snprintf(call, sizeof(call), "c%d", i);
        add(s, session, call, "intent", "{\"tool\":\"read\"}");
        add_receipt(s, session, call);
    }
    state_free(s);
}

static void the_chain_is_right_when_many_write(void **given)
{
    enum { MANY = 5 };
    struct writer w = {40};
    pid_t pids[MANY];
    (void)given;
    for (int i = 0; i < MANY; i++)
        pids[i] = scratch_fork(write_rows, &w);
    for (int i = 0; i < MANY; i++)
        scratch_reap(pids[i]);
    struct state *s = scratch_open();
    json_t *report = verify(s, 0);
    assert_int_equal(number(report, "rows"), MANY * 40 * 2 + 1); /* and a signed head */
    assert_int_equal(json_array_size(json_object_get(report, "unknown")), 0);
    json_decref(report);
    state_free(s);
}

static void write_until_killed(void *arg)
{
    struct state *s = scratch_open();
    int *said = arg, lock = -1;
    char id[SESSION_ID_SIZE];
    assert_ok(session_begin(s, "/w", "m", "p", 1000000, id, &lock, &scratch_fault));
    for (int i = 0;; i++) {
        char call[32];
        json_t *receipt;
        (void)snprintf(call, sizeof(call), "c%d", i);
        json_t *body = json_object();
        assert_ok(journal_add(s, id, call, "intent", body, i % 5 ? JOURNAL_LIGHT : JOURNAL_DURABLE,
                              &scratch_fault));
        json_decref(body);
        assert_true(ledger_reserve(s, id, NULL, i, 3, NULL) >= 0);
        assert_int_equal(ledger_settle(s, id, NULL, i, 2, NULL), 0);
        receipt = json_pack("{s:s}", "call", call);
        assert_ok(journal_receipt(s, id, receipt, JOURNAL_LIGHT, &scratch_fault));
        json_decref(receipt);
        if (write(said[1], &i, sizeof(i)) < 0) /* "receipt i was stored" */
            _exit(1);
    }
}

/* What a killed writer said it had stored must be there. */
static int last_said(int fd)
{
    int value, last = -1;
    while (read(fd, &value, sizeof(value)) == sizeof(value))
        last = value;
    return last;
}

static void after_each_of_200_kills_all_verifies(void **given)
{
    struct state *s;
    json_t *report;
    int64_t rows = 0;
    unsigned seed = 7;
    for (int i = 0; i < 200; i++) {
        int said[2];
        if (i % 20 == 0) { /* a young store each time: making it is killed too */
            scratch_remove(given);
            assert_int_equal(scratch_make(given), 0);
            rows = 0;
        }
        assert_int_equal(pipe2(said, O_NONBLOCK), 0);
        pid_t pid = scratch_fork(write_until_killed, said);
        seed = seed * 1103515245u + 12345u;
        usleep((seed >> 16) % 12000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        s = scratch_open();
        report = verify(s, 0);
        int last = last_said(said[0]);
        assert_true(number(report, "rows") >= rows + (last + 1) * 2);
        assert_true(json_array_size(json_object_get(report, "unknown")) <= (size_t)(i % 20) + 1);
        assert_int_equal(json_array_size(json_object_get(report, "open")), 0);
        rows = number(report, "rows");
        json_decref(report);
        assert_int_equal(ledger_check(s, &report), 0);
        assert_int_equal(number(report, "reserved_pico"), 0);
        json_decref(report);
        state_free(s);
        close(said[0]);
        close(said[1]);
    }
}

static void a_store_damaged_in_the_middle_is_named(void **given)
{
    struct scratch *x = *given;
    struct state *s = scratch_open();
    struct writer w = {200};
    char path[256];
    state_free(s);
    scratch_in_child(write_rows, &w);
    int fd = open(scratch_path(path, "%s/store.db", x->state), O_RDWR);
    struct stat st;
    fstat(fd, &st);
    assert_true(st.st_size > 20 * 4096);
    for (off_t at = 12 * 4096; at < st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, "garbage garbage garbage garbage ", 32, at), 32);
    close(fd);
    struct fault fault = {0};
    json_t *report = NULL;
    int r = state_open(&s, &fault);
    if (r == 0) {
        r = journal_verify(s, NULL, &report, &fault);
        assert_true(r == JOURNAL_BAD || r == -FAULT_CORRUPT);
        if (r == JOURNAL_BAD)
            assert_non_null(strstr(
                json_string_value(json_object_get(json_object_get(report, "first_bad"), "why")),
                "damaged"));
        json_decref(report);
        state_free(s);
    } else {
        assert_int_equal(r, -FAULT_CORRUPT);
        assert_non_null(strstr(fault.text, "damaged"));
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        T(an_empty_journal_verifies),
        T(what_was_written_verifies_and_open_calls_are_named),
        T(a_row_hash_is_over_the_canonical_form),
        T(a_receipt_carries_its_own_chain),
        T(a_hash_is_put_where_the_canonical_form_has_it),
        T(each_tampering_is_noticed),
        T(two_rows_that_change_places_are_noticed),
        T(rows_cannot_be_changed_by_mistake),
        T(nothing_is_added_to_a_forged_head),
        T(bad_rows_are_refused_and_leave_nothing),
        T(a_wrong_receipt_in_a_right_row_is_noticed),
        T(large_numbers_come_back_whole),
        T(an_export_verifies_without_the_store),
        T(an_export_of_one_session_follows_the_chain_and_shows_no_other),
        T(no_line_of_an_export_can_go_or_change),
        T(the_chain_is_right_when_many_write),
        T(after_each_of_200_kills_all_verifies),
        T(a_store_damaged_in_the_middle_is_named),
    };
    json_start(1);
    if (getenv("BX_TEST_ONLY"))
        cmocka_set_test_filter(getenv("BX_TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
