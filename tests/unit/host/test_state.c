#include "scratch.h"

#include <sys/resource.h>

static void a_missing_folder_is_made_private(void **given)
{
    struct scratch *x = *given;
    struct state *s = scratch_open();
    struct stat st;
    char path[256];
    assert_int_equal(stat(x->state, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(scratch_path(path, "%s/store.db", x->state), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(scratch_path(path, "%s/store.db-wal", x->state), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(scratch_path(path, "%s/keys/install.key", x->state), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 32);
    state_free(s);
}

static void a_folder_that_others_can_enter_is_refused(void **given)
{
    struct scratch *x = *given;
    assert_int_equal(mkdir(x->state, 0755), 0);
    scratch_open_fails(EPERM, "open to other users");
}

static void a_folder_of_another_user_is_refused(void **given)
{
    struct scratch *x = *given;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(x->state, 0700), 0);
    assert_int_equal(chown(x->state, 12345, 12345), 0);
    scratch_open_fails(EPERM, "belongs to user 12345");
}

static void as_nobody(void *arg)
{
    (void)arg;
    if (geteuid() == 0 && setresuid(12345, 12345, 12345) < 0)
        _exit(1);
    scratch_open_fails(EACCES, "store.db");
}

static void a_read_only_folder_is_a_sentence(void **given)
{
    struct scratch *x = *given;
    assert_int_equal(chmod(x->top, 0755), 0);
    assert_int_equal(mkdir(x->state, 0500), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(x->state, 12345, 12345), 0);
    scratch_in_child(as_nobody, NULL);
}

static void a_folder_that_cannot_be_made_is_a_sentence(void **given)
{
    struct scratch *x = *given;
    scratch_write(x->top, "state", "a file", 0600);
    scratch_open_fails(ENOTDIR, "state folder");
}

static void open_full(void *arg)
{
    struct state *s = NULL;
    struct fault fault = {0};
    struct rlimit limit = {8192, 8192};
    (void)arg;
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        _exit(1);
    int r = state_open(&s, &fault);
    if ((r != -EFBIG && r != -ENOSPC) || !strstr(fault.text, "store.db") ||
        !strstr(fault.next, "room")) {
        fprintf(stderr, "%d %s / %s\n", r, fault.text, fault.next);
        _exit(1);
    }
}

static void a_full_disk_is_a_sentence(void **given)
{
    (void)given;
    scratch_in_child(open_full, NULL);
    state_free(scratch_open()); /* nothing half-made: with room again it opens */
}

static void a_damaged_store_is_refused_and_left_alone(void **given)
{
    struct scratch *x = *given;
    char path[256];
    state_free(scratch_open());
    unlink(scratch_path(path, "%s/store.db-wal", x->state));
    unlink(scratch_path(path, "%s/store.db-shm", x->state));
    scratch_write(
        x->state, "store.db",
        "this is not a database at all, it is long enough to look like one..............................",
        0600);
    scratch_open_fails(FAULT_CORRUPT, "damaged");
    char *text = scratch_read(x->state, "store.db");
    assert_string_equal(
        text,
        "this is not a database at all, it is long enough to look like one..............................");
    free(text);
}

static void a_store_of_a_newer_version_is_refused(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    scratch_sql(s, "PRAGMA user_version=99");
    state_free(s);
    scratch_open_fails(FAULT_CONFIG, "schema version 99");
}

static void a_missing_or_short_key_is_not_made_anew(void **given)
{
    struct scratch *x = *given;
    char keys[256], path[300];
    struct state *s = scratch_open();
    json_t *body = json_object();
    assert_ok(journal_add(s, NULL, NULL, "event", body, JOURNAL_LIGHT, &scratch_fault));
    json_decref(body);
    state_free(s);
    scratch_path(keys, "%s/keys", x->state);
    scratch_write(keys, "install.key", "short", 0600);
    scratch_open_fails(FAULT_CORRUPT, "install.key");
    unlink(scratch_path(path, "%s/install.key", keys));
    scratch_open_fails(FAULT_CORRUPT, "missing");
}

/* Unlike install.key it may be lost: what was signed stays checkable, and the new key is a foreign one. */
static void the_signing_key_is_private_lasts_and_may_be_lost(void **given)
{
    struct scratch *x = *given;
    uint8_t first[SIGN_PUBLIC_SIZE], again[SIGN_PUBLIC_SIZE];
    char keys[256], path[300];
    struct stat st;
    struct state *s = scratch_open();
    state_public_key(s, first);
    assert_memory_not_equal(state_install_key(s), first, sizeof(first));
    state_free(s);
    scratch_path(keys, "%s/keys", x->state);
    assert_int_equal(stat(scratch_path(path, "%s/sign.key", keys), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 32);
    s = scratch_open();
    state_public_key(s, again);
    assert_memory_equal(first, again, sizeof(first));
    state_free(s);
    scratch_write(keys, "sign.key", "short", 0600);
    scratch_open_fails(FAULT_CORRUPT, "sign.key");
    scratch_write(keys, "sign.key", "0123456789012345678901234567890123456789", 0600);
    scratch_open_fails(FAULT_CORRUPT, "sign.key");
    scratch_write(keys, "sign.key", "01234567890123456789012345678901", 0640);
    scratch_open_fails(FAULT_CORRUPT, "sign.key");
    assert_int_equal(unlink(path), 0);
    s = scratch_open();
    state_public_key(s, again);
    assert_memory_not_equal(first, again, sizeof(first));
    state_free(s);
}

static void open_and_write_key(void *arg)
{
    int fd = *(int *)arg;
    struct state *s = scratch_open();
    uint8_t both[32 + SIGN_PUBLIC_SIZE]; /* one write: the pipe is shared */
    memcpy(both, state_install_key(s), 32);
    state_public_key(s, both + 32);
    if (write(fd, both, sizeof(both)) != sizeof(both))
        _exit(1);
    state_free(s);
}

static void first_use_by_many_processes_gives_one_key(void **given)
{
    enum { MANY = 12 };
    (void)given;
    int ends[2];
    pid_t pids[MANY];
    uint8_t first[64], other[64];
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < MANY; i++)
        pids[i] = scratch_fork(open_and_write_key, &ends[1]);
    for (int i = 0; i < MANY; i++)
        scratch_reap(pids[i]);
    assert_int_equal(read(ends[0], first, 64), 64);
    for (int i = 1; i < MANY; i++) {
        assert_int_equal(read(ends[0], other, 64), 64);
        assert_memory_equal(first, other, 64);
    }
    close(ends[0]);
    close(ends[1]);
}

static void sessions_are_found_by_id_prefix_and_last(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    char a[SESSION_ID_SIZE], b[SESSION_ID_SIZE];
    int lock_a = -1, lock_b = -1;
    struct session_row row = {0};
    struct fault fault = {0};
    assert_int_equal(session_find(s, STR("last"), &row, &fault), -FAULT_USAGE);
    assert_ok(session_begin(s, "/w", "m", "do it", 5, a, &lock_a, &scratch_fault));
    assert_ok(session_begin(s, "/w", "m", "again", 5, b, &lock_b, &scratch_fault));
    assert_ok(session_find(s, str_of(a), &row, &scratch_fault));
    assert_string_equal(row.id, a);
    assert_string_equal(row.status, "running");
    assert_string_equal(row.prompt, "do it");
    session_row_done(&row);
    assert_ok(session_find(s, STR("last"), &row, &scratch_fault));
    assert_string_equal(row.id, b);
    session_row_done(&row);
    assert_int_equal(session_find(s, (struct str){a, 8}, &row, &fault), -FAULT_USAGE);
    assert_non_null(strstr(fault.text, "more than one"));
    assert_int_equal(session_find(s, STR("%"), &row, &fault), -FAULT_USAGE);
    assert_int_equal(session_find(s, STR(""), &row, &fault), -FAULT_USAGE);
    assert_ok(session_find(s, (struct str){b, strlen(b) - 1}, &row, &scratch_fault));
    assert_string_equal(row.id, b);
    session_row_done(&row);
    assert_ok(session_end(s, a, "done", 7, 3, 2));
    assert_ok(session_find(s, str_of(a), &row, &scratch_fault));
    assert_string_equal(row.status, "done");
    assert_int_equal(row.cost_pico, 7);
    assert_true(row.ended_ns >= row.started_ns);
    session_row_done(&row);
    assert_int_equal(session_end(s, "no-such", "done", 0, 0, 0), -FAULT_USAGE);
    close(lock_a);
    close(lock_b);
    state_free(s);
}

struct held {
    char id[SESSION_ID_SIZE];
    int ready, go;
};

static void hold_session(void *arg)
{
    struct held *h = arg;
    struct state *s = scratch_open();
    int lock = -1;
    char c;
    assert_ok(session_begin(s, "/w", "m", "p", 100, h->id, &lock, &scratch_fault));
    assert_ok(ledger_reserve(s, h->id, NULL, 1, 60, NULL));
    if (write(h->ready, h->id, sizeof(h->id)) < 0 || read(h->go, &c, 1) < 0)
        _exit(1);
}

static void a_second_process_is_told_and_a_dead_one_is_lost(void **given)
{
    (void)given;
    int ready[2], go[2];
    struct held h = {0};
    struct fault fault = {0};
    struct ledger_balance balance;
    struct session_row row = {0};
    int lock = -1;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    h.ready = ready[1];
    h.go = go[0];
    pid_t pid = scratch_fork(hold_session, &h);
    assert_int_equal(read(ready[0], h.id, sizeof(h.id)), sizeof(h.id));
    struct state *s = scratch_open(); /* must not take the living one for lost */
    assert_int_equal(session_lock(s, h.id, &lock, &fault), -FAULT_BUSY);
    char pid_text[32];
    assert_non_null(strstr(fault.text, scratch_path(pid_text, "process %d", (int)pid)));
    assert_int_equal(session_delete(s, h.id, &fault), -FAULT_BUSY);
    assert_ok(session_find(s, str_of(h.id), &row, &scratch_fault));
    assert_string_equal(row.status, "running");
    session_row_done(&row);
    state_free(s);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    s = scratch_open();
    assert_ok(session_find(s, str_of(h.id), &row, &scratch_fault));
    assert_string_equal(row.status, "lost");
    session_row_done(&row);
    assert_ok(ledger_balance(s, h.id, NULL, &balance));
    assert_int_equal(balance.spent, 60); /* at its worst */
    assert_int_equal(balance.reserved, 0);
    assert_ok(session_resume(s, h.id, &lock, &scratch_fault));
    close(lock);
    assert_ok(session_delete(s, h.id, &scratch_fault));
    assert_int_equal(session_lock(s, h.id, &lock, &fault), -FAULT_USAGE);
    assert_int_equal(ledger_balance(s, h.id, NULL, &balance), -ENOENT);
    json_t *report = NULL;
    assert_ok(journal_verify(s, NULL, &report, &scratch_fault));
    json_decref(report);
    state_free(s);
}

static int count_row(const struct session_row *r, void *arg)
{
    (void)r;
    return ++*(int *)arg, 0;
}

static void sessions_are_listed_newest_first_up_to_a_number(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    int count = 0;
    for (int i = 0; i < 5; i++) {
        char id[SESSION_ID_SIZE];
        int lock = -1;
        assert_ok(session_begin(s, "/w", NULL, NULL, 0, id, &lock, &scratch_fault));
        close(lock);
    }
    assert_int_equal(session_each(s, 3, count_row, &count), 0);
    assert_int_equal(count, 3);
    state_free(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        T(a_missing_folder_is_made_private),
        T(a_folder_that_others_can_enter_is_refused),
        T(a_folder_of_another_user_is_refused),
        T(a_read_only_folder_is_a_sentence),
        T(a_folder_that_cannot_be_made_is_a_sentence),
        T(a_full_disk_is_a_sentence),
        T(a_damaged_store_is_refused_and_left_alone),
        T(a_store_of_a_newer_version_is_refused),
        T(a_missing_or_short_key_is_not_made_anew),
        T(the_signing_key_is_private_lasts_and_may_be_lost),
        T(first_use_by_many_processes_gives_one_key),
        T(sessions_are_found_by_id_prefix_and_last),
        T(a_second_process_is_told_and_a_dead_one_is_lost),
        T(sessions_are_listed_newest_first_up_to_a_number),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
