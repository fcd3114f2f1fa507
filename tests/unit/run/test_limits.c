/* The limits table: text, JSON, ranges at their edges, tightening. */
#include "sandbox/run/limits.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t get(const struct sandbox_limits *l, const struct limit_row *row)
{
    int64_t value;
    memcpy(&value, (const char *)l + row->offset, sizeof value);
    return value;
}

static void the_table_is_sound(void **state)
{
    (void)state;
    struct sandbox_limits l;
    limits_default(&l);
    for (size_t i = 0; i < sandbox_limit_row_count; i++) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        assert_true(row->min <= row->fallback && row->fallback <= row->max);
        assert_int_equal(get(&l, row), row->fallback);
        assert_ptr_equal(limits_find(str_of(row->key)), row);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(row->offset, sandbox_limit_rows[j].offset);
    }
    assert_int_equal(sandbox_limit_row_count * sizeof(int64_t), sizeof l);
    assert_null(limits_find(STR("wasm_fue")));
}

static void defaults_are_those_of_the_contract(void **state)
{
    (void)state;
    struct sandbox_limits l;
    limits_default(&l);
    assert_int_equal(l.wasm_fuel, 20000000000);
    assert_int_equal(l.wasm_timeout_ns, 30000000000);
    assert_int_equal(l.wasm_max_memory_size, 268435456);
    assert_int_equal(l.wasm_max_wasm_stack, 2097152);
    assert_int_equal(l.wasm_max_table_elements, 100000);
    assert_int_equal(l.max_output_bytes, 1048576);
    assert_int_equal(l.max_write_bytes, 268435456);
    assert_int_equal(l.max_open_files, 256);
    assert_int_equal(l.max_created_files, 10000);
    assert_int_equal(l.max_dir_entries, 1000000);
}

static void text_is_read_as_people_write_it(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text;
        int64_t value; /* -1 = refused */
    } cases[] = {
        {"wasm_fuel", "20e9", 20000000000},
        {"wasm_fuel", "1", 1},
        {"wasm_fuel", "0", -1},
        {"wasm_fuel", "1.5", -1},
        {"wasm_fuel", "-1", -1},
        {"wasm_fuel", "", -1},
        {"wasm_fuel", "1e30", -1},
        {"wasm_fuel", "1KiB", -1},
        {"wasm_timeout", "30", 30000000000},
        {"wasm_timeout", "0.5", 500000000},
        {"wasm_timeout", "500ms", 500000000},
        {"wasm_timeout", "0.001", 1000000},
        {"wasm_timeout", "0.0009", -1},
        {"wasm_timeout", "86401", -1},
        {"wasm_max_memory_size", "256MiB", 268435456},
        {"wasm_max_memory_size", "4GiB", INT64_C(4) << 30},
        {"wasm_max_memory_size", "4294967297", -1},
        {"wasm_max_memory_size", "65535", -1},
        {"wasm_max_memory_size", "65536", 65536},
        {"wasm_max_memory_size", "64 KiB", -1},
        {"wasm_max_memory_size", "9999999999GiB", -1},
        {"wasm_max_memory_size", "MiB", -1},
        {"max_output_bytes", "0", 0},
        {"max_open_files", "1025", -1},
        {"max_open_files", "1024", 1024},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sandbox_limits l;
        struct fault f = {0};
        const struct limit_row *row = limits_find(str_of(cases[i].key));
        limits_default(&l);
        int r = limits_set_text(&l, row, str_of(cases[i].text), &f);
        if (r != (cases[i].value < 0 ? -FAULT_USAGE : 0))
            fail_msg("%s=%s gives %d", cases[i].key, cases[i].text, r);
        assert_int_equal(get(&l, row), cases[i].value < 0 ? row->fallback : cases[i].value);
        if (r < 0 && (!strstr(f.text, cases[i].key) || !strstr(f.text, cases[i].text)))
            fail_msg("'%s' names not what is wrong", f.text);
    }
}

static void json_is_read_as_settings_have_it(void **state)
{
    (void)state;
    static const struct {
        const char *key, *json;
        int64_t value;
    } cases[] = {
        {"wasm_timeout", "0.1", 100000000},
        {"wasm_timeout", "2", 2000000000},
        {"wasm_timeout", "1.5", 1500000000},
        {"wasm_fuel", "20e9", 20000000000},
        {"wasm_fuel", "1.5", -1},
        {"wasm_fuel", "true", -1},
        {"wasm_fuel", "null", -1},
        {"wasm_fuel", "[]", -1},
        {"wasm_fuel", "-5", -1},
        {"wasm_fuel", "1e300", -1},
        {"wasm_max_memory_size", "\"1MiB\"", 1048576},
        {"wasm_timeout", "\"20 apples\"", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sandbox_limits l;
        struct fault f = {0};
        const struct limit_row *row = limits_find(str_of(cases[i].key));
        auto_json json_t *value = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        limits_default(&l);
        int r = limits_set_json(&l, row, value, &f);
        if (r != (cases[i].value < 0 ? -FAULT_CONFIG : 0))
            fail_msg("%s: %s gives %d", cases[i].key, cases[i].json, r);
        assert_int_equal(get(&l, row), cases[i].value < 0 ? row->fallback : cases[i].value);
    }
}

static void each_range_holds_at_its_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sandbox_limit_row_count; i++) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        for (int64_t step = -1; step <= 1; step++) {
            const int64_t values[] = {row->min + step, row->max + step};
            for (size_t v = 0; v < 2; v++) {
                struct sandbox_limits l, back;
                limits_default(&l);
                memcpy((char *)&l + row->offset, &values[v], sizeof(int64_t));
                auto_json json_t *object = limits_json(&l);
                int r = limits_from_json(object, &back, NULL);
                assert_int_equal(r == 0, values[v] >= row->min && values[v] <= row->max);
                if (r == 0)
                    assert_memory_equal(&l, &back, sizeof l);
            }
        }
    }
}

static void all_keys_are_needed_and_no_other_is_taken(void **state)
{
    (void)state;
    struct sandbox_limits l, back;
    limits_default(&l);
    for (size_t i = 0; i < sandbox_limit_row_count; i++) {
        auto_json json_t *object = limits_json(&l);
        json_object_del(object, sandbox_limit_rows[i].key);
        assert_int_equal(limits_from_json(object, &back, NULL), -FAULT_INPUT);
    }
    auto_json json_t *object = limits_json(&l);
    json_object_set_new(object, "unlimited", json_true());
    assert_int_equal(limits_from_json(object, &back, NULL), -FAULT_INPUT);
}

static void the_tighter_one_wins_field_by_field(void **state)
{
    (void)state;
    struct sandbox_limits a, b;
    limits_default(&a);
    limits_default(&b);
    a.wasm_fuel = 5;
    b.wasm_fuel = 9;
    b.max_open_files = 3;
    limits_tighten(&a, NULL, &b, LIMIT_TOOL);
    assert_int_equal(a.wasm_fuel, 5);
    assert_int_equal(a.max_open_files, 3);
    assert_int_equal(a.max_write_bytes, b.max_write_bytes);
}

static void the_door_of_the_tighter_one_is_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < sandbox_limit_row_count; i++) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        for (int step = -1; step <= 1; step++) { /* the other is tighter, equal, looser */
            struct sandbox_limits l, other;
            struct limit_doors doors = {{0}};
            limits_default(&l);
            limits_default(&other);
            int64_t value = row->fallback + step;
            memcpy((char *)&other + row->offset, &value, sizeof value);
            doors.by[i] = LIMIT_USER;
            limits_tighten(&l, &doors, &other, LIMIT_TOOL);
            assert_int_equal(get(&l, row), step < 0 ? value : row->fallback);
            assert_int_equal(doors.by[i], step < 0 ? LIMIT_TOOL : LIMIT_USER);
            auto_json json_t *said =
                limits_receipt_json(&l, &doors, LIMITS_OF_MODULES | LIMITS_OF_COMMANDS);
            assert_int_equal(json_object_size(said), sandbox_limit_row_count);
            const json_t *one = json_object_get(said, row->key);
            assert_string_equal(json_string_value(json_object_get(one, "by")),
                                step < 0 ? "tool" : "user");
        }
    }
}

static void a_receipt_says_seconds_with_their_fraction(void **state)
{
    (void)state;
    struct sandbox_limits l;
    struct limit_doors doors = {{0}};
    limits_default(&l);
    l.wasm_timeout_ns = 250000000;
    auto_json json_t *said =
        limits_receipt_json(&l, &doors, LIMITS_OF_MODULES | LIMITS_OF_COMMANDS);
    auto_json json_t *of_commands = limits_receipt_json(&l, &doors, LIMITS_OF_COMMANDS);
    assert_null(json_object_get(of_commands, "wasm_fuel"));
    assert_non_null(json_object_get(of_commands, "max_output_bytes"));
    const json_t *one = json_object_get(said, "wasm_timeout");
    assert_true(json_real_value(json_object_get(one, "value")) == 0.25);
    one = json_object_get(said, "wasm_fuel");
    assert_int_equal(json_integer_value(json_object_get(one, "value")), 20000000000);
    assert_string_equal(json_string_value(json_object_get(one, "by")), "default");
    for (int door = 0; door < LIMIT_DOORS; door++)
        for (int other = 0; other < door; other++)
            assert_string_not_equal(limit_door_name(door), limit_door_name(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(defaults_are_those_of_the_contract),
        cmocka_unit_test(text_is_read_as_people_write_it),
        cmocka_unit_test(json_is_read_as_settings_have_it),
        cmocka_unit_test(each_range_holds_at_its_edges),
        cmocka_unit_test(all_keys_are_needed_and_no_other_is_taken),
        cmocka_unit_test(the_tighter_one_wins_field_by_field),
        cmocka_unit_test(the_door_of_the_tighter_one_is_kept),
        cmocka_unit_test(a_receipt_says_seconds_with_their_fraction),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
