/* Signed heads: what a third party with a public key can tell about an export. */
#include "scratch.h"

#include "host/journal_private.h"
#include "host/state_private.h"

static int add_line(struct str line, void *arg)
{
    struct buf *b = arg;
    buf_add_str(b, line);
    return buf_add_c(b, '\n');
}

static char *export(struct state *s, const char *session, const char *nonce)
{
    struct buf b;
    buf_init(&b, 4 << 20);
    assert_ok(journal_export(s, &(struct journal_ask){session, nonce, NULL}, add_line, &b,
                             &scratch_fault));
    return buf_take(&b);
}

static void add(struct state *s, const char *session, const char *call, const char *kind)
{
    json_t *body = json_pack("{s:s}", "tool", "read");
    assert_ok(journal_add(s, session, call, kind, body, JOURNAL_LIGHT, &scratch_fault));
    json_decref(body);
}

static void add_receipt(struct state *s, const char *session, const char *call)
{
    json_t *value = json_pack("{s:s, s:i}", "call", call, "exit_code", 0);
    assert_ok(journal_receipt(s, session, value, JOURNAL_LIGHT, &scratch_fault));
    json_decref(value);
}

/* Two sessions, the rows of one between those of the other; s1 has 5 rows and an end that is signed. */
static void fill(struct state *s)
{
    add(s, "s1", NULL, "event");
    add(s, "s1", "c1", "intent");
    add(s, "s2", "c9", "intent");
    add_receipt(s, "s2", "c9");
    add_receipt(s, "s1", "c1");
    assert_ok(store_begin(state_store(s), STORE_LIGHT, &scratch_fault));
    assert_ok(journal_sign_row(s, JOURNAL_WHY_END, "s1", &scratch_fault));
    assert_ok(store_commit(state_store(s), &scratch_fault));
    add(s, "s1", NULL, "event");
    add(s, "s2", NULL, "event");
}

struct asked {
    uint8_t key[SIGN_PUBLIC_SIZE];
    struct journal_trust trust;
};

static struct asked ask(const struct state *s)
{
    struct asked a = {0};
    state_public_key(s, a.key);
    return a;
}

/* The problem's name, "" when all verifies. */
static const char *problem_of(const char *text, struct asked *a)
{
    static char name[32];
    struct fault fault = {0};
    json_t *report = NULL;
    a->trust.public_key = a->key;
    int r = journal_verify_export(str_of(text), &a->trust, &report, &fault);
    if (r < 0)
        fail_msg("%d %s", r, fault.text);
    json_t *bad = json_object_get(report, "first_bad");
    (void)snprintf(name, sizeof(name), "%s",
                   r == 0 ? "" : json_string_value(json_object_get(bad, "problem")));
    json_decref(report);
    return name;
}

#define assert_problem(text, asked, problem)                                                       \
    do {                                                                                           \
        const char *name_ = problem_of(text, asked);                                               \
        if (strcmp(name_, problem) != 0)                                                           \
            fail_msg("problem '%s', wanted '%s'", name_, problem);                                 \
    } while (0)

/* --- lines as JSON, so that a forger's work can be done --- */

static json_t *lines_of(const char *text)
{
    json_t *lines = json_array();
    struct str rest = str_of(text), line;
    while (str_split(rest, '\n', &line, &rest)) {
        json_t *o = NULL;
        assert_ok(json_parse(line, 1 << 20, &o, &scratch_fault));
        json_array_append_new(lines, o);
    }
    return lines;
}

static char *text_of(const json_t *lines)
{
    struct buf b;
    size_t i;
    json_t *line;
    buf_init(&b, 4 << 20);
    json_array_foreach(lines, i, line)
    {
        assert_int_equal(json_print(line, &b), 0);
        buf_add_c(&b, '\n');
    }
    return buf_take(&b);
}

static json_t *last_of(json_t *lines)
{
    return json_array_get(lines, json_array_size(lines) - 1);
}

static void set_hash(json_t *line)
{
    struct buf b;
    struct digest d;
    char hex[65];
    buf_init(&b, 1 << 20);
    json_object_del(line, "hash");
    assert_int_equal(json_print_canonical(line, &b), 0);
    digest_sha256(b.at, b.len, &d);
    digest_hex(&d, hex);
    json_object_set_new(line, "hash", json_string(hex));
    buf_done(&b);
}

/* Makes the chain whole again from row `from` on, with everything that needs no key. */
static void rechain(json_t *lines, size_t from)
{
    json_t *head = last_of(lines);
    for (size_t i = from; i + 1 < json_array_size(lines); i++) {
        json_t *line = json_array_get(lines, i);
        if (i > 1)
            json_object_set(line, "prev", json_object_get(json_array_get(lines, i - 1), "hash"));
        set_hash(line);
        json_object_set(json_object_get(head, "head"), "hash", json_object_get(line, "hash"));
        json_object_set(head, "last_hash", json_object_get(line, "hash"));
    }
}

/* --- --- */

static void an_export_is_signed_and_verifies_with_the_key(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    static const char *const sessions[] = {NULL, "s1", "s2", "nobody"};
    char *empty = export(s, NULL, NULL);
    assert_problem(empty, &a, "");
    free(empty);
    fill(s);
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
        char *text = export(s, sessions[i], NULL);
        assert_problem(text, &a, "");
        free(text);
    }
    state_free(s);
}

static void heads_are_rows_after_every_256_and_at_the_end_of_a_session(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    json_t *report = NULL;
    char id[SESSION_ID_SIZE];
    int lock = -1;
    for (int i = 0; i < 254; i++)
        add(s, "s", NULL, "event");
    assert_ok(session_begin(s, "/w", "m", "p", 0, id, &lock, &scratch_fault)); /* 255 */
    add(s, "s", NULL, "event");                               /* 256, and a head in 257 */
    assert_int_equal(session_end(s, id, "done", 0, 0, 0), 0); /* 258, and a head in 259 */
    struct asked a = ask(s);
    struct journal_trust trust = {.public_key = a.key};
    assert_int_equal(journal_verify(s, &trust, &report, &scratch_fault), 0);
    json_t *heads = json_object_get(report, "signed");
    assert_int_equal(json_integer_value(json_object_get(report, "rows")), 259);
    assert_int_equal(json_integer_value(json_object_get(heads, "heads")), 2);
    assert_int_equal(json_integer_value(json_object_get(heads, "seq")), 258);
    json_decref(report);
    a.key[0] ^= 1;
    assert_int_equal(journal_verify(s, &trust, &report, &scratch_fault), JOURNAL_BAD);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(report, "first_bad"), "problem")),
        "foreign-key");
    json_decref(report);
    close(lock);
    state_free(s);
}

static void a_foreign_key_is_named(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    fill(s);
    char *text = export(s, NULL, NULL);
    struct asked a = ask(s);
    a.key[31] ^= 1;
    assert_problem(text, &a, "foreign-key");
    free(text);
    state_free(s);
}

/* Somebody without the key takes the signature off, and somebody with another key signs anew. */
static void what_is_not_signed_by_the_key_is_not_verified_by_it(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    add(s, "s1", NULL, "event");
    char *text = export(s, NULL, NULL);
    json_t *lines = lines_of(text);
    json_object_del(last_of(lines), "signed");
    char *bare = text_of(lines);
    assert_problem(bare, &a, "unsigned");
    json_t *report = NULL;
    assert_int_equal(journal_verify_export(str_of(bare), NULL, &report, &scratch_fault), 0);
    json_decref(report);
    json_decref(lines);
    free(bare);
    lines = lines_of(text);
    json_t *statement = json_object_get(last_of(lines), "signed");
    uint8_t other[SIGN_SEED_SIZE] = {7}, other_key[SIGN_PUBLIC_SIZE];
    char hex[65];
    memcpy(s->seed, other, sizeof(other));
    sign_public_key(other, other_key);
    hex_encode(other_key, sizeof(other_key), hex);
    json_object_set_new(statement, "public_key", json_string(hex));
    json_object_del(statement, "signature");
    assert_ok(journal_statement_sign(s, statement, &scratch_fault));
    char *resigned = text_of(lines);
    assert_problem(resigned, &a, "foreign-key");
    assert_int_equal(journal_verify_export(str_of(resigned), NULL, &report, &scratch_fault), 0);
    json_decref(report);
    free(resigned);
    json_decref(lines);
    free(text);
    state_free(s);
}

static void every_member_of_the_statement_is_covered(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    fill(s);
    char *text = export(s, "s1", "n");
    json_t *whole = lines_of(text), *value;
    const char *key;
    json_object_foreach(json_object_get(last_of(whole), "signed"), key, value)
    {
        json_t *lines = json_deep_copy(whole);
        json_t *statement = json_object_get(last_of(lines), "signed");
        if (json_is_integer(value) && strcmp(key, "boxagnts_head") != 0)
            json_object_set_new(statement, key, json_integer(json_integer_value(value) + 1));
        else
            json_object_del(statement, key);
        char *changed = text_of(lines);
        const char *problem = problem_of(changed, &a);
        if (strcmp(problem, "signature") != 0)
            fail_msg("%s changed gave '%s'", key, problem);
        free(changed);
        json_decref(lines);
    }
    json_decref(whole);
    free(text);
    state_free(s);
}

static void the_header_is_covered_with_what_it_says_about_the_rows(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    struct buf b;
    fill(s);
    json_t *about = json_pack("{s:s}", "prompt", "do it");
    const struct journal_ask wanted = {.session = "s1", .about = about};
    buf_init(&b, 1 << 20);
    assert_ok(journal_export(s, &wanted, add_line, &b, &scratch_fault));
    assert_problem(b.at, &a, "");
    for (int i = 0; i < 4; i++) {
        json_t *lines = lines_of(b.at), *header = json_array_get(lines, 0);
        if (i == 0)
            json_object_set_new(header, "time_ms", json_integer(1));
        else if (i == 1)
            json_object_set_new(json_object_get(header, "about"), "prompt", json_string("else"));
        else if (i == 2)
            json_object_del(header, "about");
        else
            json_object_set_new(header, "more", json_true());
        char *changed = text_of(lines);
        assert_problem(changed, &a, "changed");
        free(changed);
        json_decref(lines);
    }
    buf_done(&b);
    json_decref(about);
    state_free(s);
}

/* The forger makes every hash anew; what he cannot make is the signature. */
static void a_row_that_was_changed_is_named_also_when_the_chain_was_made_anew(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    fill(s);
    char *text = export(s, NULL, NULL);
    json_t *lines = lines_of(text);
    json_object_set_new(json_object_get(json_array_get(lines, 2), "body"), "tool",
                        json_string("harmless"));
    char *changed = text_of(lines);
    assert_problem(changed, &a, "changed");
    free(changed);
    set_hash(json_array_get(lines, 2));
    changed = text_of(lines);
    assert_problem(changed, &a, "chain");
    free(changed);
    rechain(lines, 2); /* now the head that is a row is the first that does not fit */
    changed = text_of(lines);
    assert_problem(changed, &a, "replay");
    free(changed);
    json_decref(lines);
    lines = lines_of(text); /* behind that head: the head of the export is what catches it */
    json_object_set_new(json_object_get(json_array_get(lines, 7), "body"), "tool",
                        json_string("harmless"));
    rechain(lines, 7);
    changed = text_of(lines);
    const char *problem = problem_of(changed, &a);
    assert_true(strcmp(problem, "changed") == 0 || strcmp(problem, "cut") == 0);
    free(changed);
    json_decref(lines);
    free(text);
    state_free(s);
}

static void a_tail_that_was_cut_off_is_named(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    fill(s);
    static const char *const sessions[] = {NULL, "s1"};
    for (size_t k = 0; k < ARRAY_LEN(sessions); k++) {
        char *text = export(s, sessions[k], NULL);
        json_t *lines = lines_of(text);
        size_t n = json_array_size(lines);
        json_t *head = json_incref(last_of(lines));
        json_array_remove(lines, n - 1); /* no head at all */
        char *cut = text_of(lines);
        assert_problem(cut, &a, "cut");
        free(cut);
        json_array_remove(lines, n - 2); /* the last row, and the head as it was */
        json_array_append(lines, head);
        cut = text_of(lines);
        assert_problem(cut, &a, "cut");
        free(cut);
        /* and everything beside the signature made to fit */
        json_t *last = json_array_get(lines, n - 3);
        json_object_set(json_object_get(head, "head"), "seq", json_object_get(last, "seq"));
        json_object_set(json_object_get(head, "head"), "hash", json_object_get(last, "hash"));
        json_object_set(head, "last_seq", json_object_get(last, "seq"));
        json_object_set(head, "last_hash", json_object_get(last, "hash"));
        cut = text_of(lines);
        assert_problem(cut, &a, "cut");
        free(cut);
        json_decref(head);
        json_decref(lines);
        free(text);
    }
    state_free(s);
}

static void rows_that_changed_places_are_named(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    fill(s);
    char *text = export(s, NULL, NULL);
    size_t rows = 8;
    for (size_t from = 1; from <= rows; from++) {
        for (size_t to = 1; to <= rows; to++) {
            if (to == from)
                continue;
            json_t *lines = lines_of(text), *moved = json_incref(json_array_get(lines, from));
            json_array_remove(lines, from);
            json_array_insert_new(lines, to, moved);
            char *changed = text_of(lines);
            const char *problem = problem_of(changed, &a);
            if (strcmp(problem, "reordered") != 0)
                fail_msg("row %zu at %zu gave '%s'", from, to, problem);
            free(changed);
            json_decref(lines);
        }
    }
    json_t *lines = lines_of(text); /* one that does not come back is missing, not moved */
    json_array_remove(lines, 3);
    char *changed = text_of(lines);
    assert_problem(changed, &a, "missing");
    free(changed);
    json_decref(lines);
    free(text);
    state_free(s);
}

/* A row of the session made to look like one of another session: the chain allows it, the count does not. */
static void a_row_that_is_hidden_in_the_export_of_a_session_is_named(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    fill(s);
    char *text = export(s, "s1", NULL);
    json_t *lines = lines_of(text), *row = json_array_get(lines, 5);
    assert_string_equal(json_string_value(json_object_get(row, "kind")), "receipt");
    json_t *skipped =
        json_pack("{s:b, s:O, s:O, s:O, s:O}", "skipped", 1, "seq", json_object_get(row, "seq"),
                  "prev", json_object_get(row, "prev"), "hash", json_object_get(row, "hash"),
                  "receipt", json_object_get(json_object_get(row, "body"), "hash"));
    json_array_set_new(lines, 5, skipped);
    char *changed = text_of(lines);
    assert_problem(changed, &a, "hidden");
    free(changed);
    json_decref(lines);
    free(text);
    state_free(s);
}

/* Heads that are signed well, and are old. */
static void an_older_head_is_named(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    fill(s);
    char *early = export(s, NULL, "monday"), *part = export(s, "s2", NULL);
    add(s, "s1", NULL, "event");
    char *late = export(s, NULL, "tuesday");
    /* 1. the old head under the new rows */
    json_t *early_lines = lines_of(early), *late_lines = lines_of(late);
    json_t *lines = json_deep_copy(late_lines);
    json_object_set(last_of(lines), "signed", json_object_get(last_of(early_lines), "signed"));
    char *text = text_of(lines);
    assert_problem(text, &a, "replay");
    free(text);
    /* 2. a head out of the journal itself, with the rows up to it */
    json_decref(lines);
    lines = json_deep_copy(late_lines);
    json_t *end = json_incref(json_object_get(json_array_get(lines, 6), "body"));
    assert_string_equal(json_string_value(json_object_get(end, "why")), "end");
    while (json_array_size(lines) > 6)
        json_array_remove(lines, 6);
    json_t *head = json_pack(
        "{s:{s:O, s:O, s:O, s:O}, s:O, s:O, s:O}", "head", "seq", json_object_get(end, "seq"),
        "hash", json_object_get(end, "hash"), "receipts", json_object_get(end, "receipts"),
        "receipt_hash", json_object_get(end, "receipt_hash"), "last_seq",
        json_object_get(end, "seq"), "last_hash", json_object_get(end, "hash"), "signed", end);
    json_array_append_new(lines, head);
    text = text_of(lines);
    assert_problem(text, &a, "replay");
    free(text);
    json_decref(end);
    /* 3. the head of another export under this one */
    json_decref(lines);
    json_t *part_lines = lines_of(part);
    lines = json_deep_copy(early_lines);
    json_object_set(last_of(lines), "signed", json_object_get(last_of(part_lines), "signed"));
    text = text_of(lines);
    assert_problem(text, &a, "replay");
    free(text);
    /* 4. an old export, whole: only who has seen a newer head or asked for a nonce can tell */
    assert_problem(early, &a, "");
    a.trust.nonce = STR("tuesday");
    assert_problem(early, &a, "replay");
    assert_problem(late, &a, "");
    a.trust.nonce = (struct str){NULL, 0};
    a.trust.seen = str_of(late);
    assert_problem(early, &a, "replay");
    assert_problem(late, &a, "");
    a.trust.seen = str_of(early);
    assert_problem(late, &a, "");
    json_decref(lines);
    json_decref(part_lines);
    json_decref(early_lines);
    json_decref(late_lines);
    free(early);
    free(late);
    free(part);
    state_free(s);
}

/* The owner of the key writes history anew: it contradicts the head that was handed out. */
static void another_history_than_the_one_seen_is_named(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    json_t *seen = NULL;
    struct buf seen_text;
    fill(s);
    assert_ok(journal_signed_head(s, &seen, &scratch_fault));
    buf_init(&seen_text, 1 << 16);
    assert_int_equal(json_print(seen, &seen_text), 0);
    add(s, "s1", NULL, "event");
    char *text = export(s, NULL, NULL);
    a.trust.seen = buf_str(&seen_text);
    assert_problem(text, &a, "");
    json_t *statement = json_object_get(seen, "signed"); /* the same place, other content */
    json_object_set_new(statement, "hash", json_string(JOURNAL_ZERO_HASH));
    json_object_del(statement, "signature");
    assert_ok(journal_statement_sign(s, statement, &scratch_fault));
    buf_reset(&seen_text);
    assert_int_equal(json_print(seen, &seen_text), 0);
    a.trust.seen = buf_str(&seen_text);
    assert_problem(text, &a, "fork");
    json_object_set_new(statement, "store", json_string(JOURNAL_ZERO_HASH)); /* another journal */
    json_object_del(statement, "signature");
    assert_ok(journal_statement_sign(s, statement, &scratch_fault));
    buf_reset(&seen_text);
    assert_int_equal(json_print(seen, &seen_text), 0);
    a.trust.seen = buf_str(&seen_text);
    json_object_set_new(statement, "seq", json_integer(3));
    const char *problem = problem_of(text, &a);
    assert_true(strcmp(problem, "replay") == 0 || strcmp(problem, "fork") == 0);
    json_decref(seen);
    buf_done(&seen_text);
    free(text);
    state_free(s);
}

/* Right in everything, and signed by the key, for a journal that is another one. */
static void a_head_of_another_journal_is_named(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    fill(s);
    static const char *const sessions[] = {NULL, "s1"};
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
        char *text = export(s, sessions[i], NULL);
        json_t *lines = lines_of(text);
        json_t *statement = json_object_get(last_of(lines), "signed");
        json_object_set_new(statement, "store", json_string(JOURNAL_ZERO_HASH));
        json_object_del(statement, "signature");
        assert_ok(journal_statement_sign(s, statement, &scratch_fault));
        char *changed = text_of(lines);
        assert_problem(changed, &a, "replay");
        free(changed);
        json_decref(lines);
        free(text);
    }
    state_free(s);
}

static void what_was_seen_must_be_signed_by_the_key(void **given)
{
    static const char *const texts[] = {"", "{}", "no json", "{\"signed\":{}}"};
    (void)given;
    struct state *s = scratch_open();
    struct asked a = ask(s);
    fill(s);
    char *text = export(s, NULL, NULL);
    a.trust.public_key = a.key;
    for (size_t i = 0; i <= ARRAY_LEN(texts); i++) {
        struct fault fault = {0};
        json_t *report = NULL;
        a.trust.seen = str_of(i < ARRAY_LEN(texts) ? texts[i] : text);
        if (i == ARRAY_LEN(texts))
            a.trust.public_key = NULL; /* nothing to trust it by */
        if (a.trust.seen.len == 0)
            a.trust.seen.at = "";
        assert_int_equal(journal_verify_export(str_of(text), &a.trust, &report, &fault),
                         -FAULT_INPUT);
        assert_true(*fault.text && *fault.next);
    }
    free(text);
    state_free(s);
}

/* Who can write the store, but not read the keys, gets nothing signed that is not so. */
static void a_journal_that_does_not_verify_is_exported_without_a_signature(void **given)
{
    static const char *const cases[] = {
        "UPDATE journal SET body = '{\"tool\":\"x\"}' WHERE seq = 3",
        "UPDATE journal SET session = 's2' WHERE seq = 7", /* the last row of s1 given away */
        "UPDATE journal SET session = 's2' WHERE seq = 1", /* and its first */
        "UPDATE head SET seq = 7, hash = (SELECT hash FROM journal WHERE seq = 7)",
        "DELETE FROM journal WHERE seq = 8",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct state *s = scratch_open();
        struct buf b;
        buf_init(&b, 1 << 20);
        fill(s);
        scratch_sql(s, "DROP TRIGGER journal_no_update");
        scratch_sql(s, "DROP TRIGGER journal_no_delete");
        scratch_sql(s, cases[i]);
        assert_int_equal(
            journal_export(s, &(struct journal_ask){.session = "s1"}, add_line, &b, &scratch_fault),
            JOURNAL_BAD);
        assert_null(strstr(b.at, "\"why\":\"export\""));
        buf_done(&b);
        state_free(s);
        scratch_remove(given);
        assert_int_equal(scratch_make(given), 0);
    }
}

static void no_head_is_signed_over_a_forged_one(void **given)
{
    (void)given;
    struct state *s = scratch_open();
    struct fault fault = {0};
    json_t *head = NULL, *body = json_object();
    fill(s);
    scratch_sql(s, "UPDATE head SET seq = 3");
    assert_int_equal(journal_signed_head(s, &head, &fault), -FAULT_CORRUPT);
    assert_int_equal(journal_add(s, "s", NULL, "head", body, JOURNAL_LIGHT, &fault), -EINVAL);
    json_decref(body);
    state_free(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        T(an_export_is_signed_and_verifies_with_the_key),
        T(heads_are_rows_after_every_256_and_at_the_end_of_a_session),
        T(a_foreign_key_is_named),
        T(what_is_not_signed_by_the_key_is_not_verified_by_it),
        T(every_member_of_the_statement_is_covered),
        T(the_header_is_covered_with_what_it_says_about_the_rows),
        T(a_row_that_was_changed_is_named_also_when_the_chain_was_made_anew),
        T(a_tail_that_was_cut_off_is_named),
        T(rows_that_changed_places_are_named),
        T(a_row_that_is_hidden_in_the_export_of_a_session_is_named),
        T(an_older_head_is_named),
        T(another_history_than_the_one_seen_is_named),
        T(a_head_of_another_journal_is_named),
        T(what_was_seen_must_be_signed_by_the_key),
        T(a_journal_that_does_not_verify_is_exported_without_a_signature),
        T(no_head_is_signed_over_a_forged_one),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
