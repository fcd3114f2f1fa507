/* Where signatures end up in the blocks of an answer. */
#include "query/turn.h"
#include "wires.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_blocks(const struct query_event *events, size_t count, const char *want)
{
    auto_done(turn) struct turn t;
    turn_init(&t);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(turn_add(&t, &events[i]), 0);
    assert_int_equal(turn_close(&t), 0);
    wires_assert_json(t.blocks, want);
}

#define TEXT(s) {.kind = QUERY_TEXT, .text = {s, sizeof(s) - 1}}
#define THINKING(s) {.kind = QUERY_THINKING, .text = {s, sizeof(s) - 1}}
#define SIGNATURE(s) {.kind = QUERY_SIGNATURE, .text = {s, sizeof(s) - 1}}
#define CALL {.kind = QUERY_CALL, .id = {"i", 1}, .tool = {"read", 4}}
#define END {.kind = QUERY_BLOCK_END}

static void a_signature_belongs_to_the_open_block_and_to_no_other(void **state)
{
    static const struct query_event events[] = {THINKING("hm"),
                                                SIGNATURE("a"),
                                                TEXT("x"),
                                                SIGNATURE("b"),
                                                CALL,
                                                SIGNATURE("c"),
                                                END,
                                                TEXT("y"),
                                                CALL};
    (void)state;
    assert_blocks(
        events, ARRAY_LEN(events),
        "[{\"type\":\"thinking\",\"text\":\"hm\",\"signature\":\"a\"},{\"type\":\"text\",\"text\":\"x\",\"signature\":\"b\"},"
        "{\"type\":\"call\",\"id\":\"i\",\"tool\":\"read\",\"input\":{},\"signature\":\"c\"},{\"type\":\"text\",\"text\":\"y\"},"
        "{\"type\":\"call\",\"id\":\"i\",\"tool\":\"read\",\"input\":{}}]");
}

static void one_without_a_block_or_beside_white_space_becomes_thinking_without_text(void **state)
{
    static const struct query_event alone[] = {SIGNATURE("a"), END, TEXT("x")};
    static const struct query_event beside[] = {TEXT(" \n"), SIGNATURE("a"), END, TEXT(" "),
                                                END,         TEXT("x")};
    static const char want[] =
        "[{\"type\":\"thinking\",\"text\":\"\",\"signature\":\"a\"},{\"type\":\"text\",\"text\":\"x\"}]";
    (void)state;
    assert_blocks(alone, ARRAY_LEN(alone), want);
    assert_blocks(beside, ARRAY_LEN(beside), want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_belongs_to_the_open_block_and_to_no_other),
        cmocka_unit_test(one_without_a_block_or_beside_white_space_becomes_thinking_without_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
