/* The limits of a run as one table; every reader and printer of limits walks it. A value outside its range is an
 * error that names the range: it is never clamped, because a limit that is not what was asked for is no limit. */
#include "sandbox/run/limits.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PLACE(field) .key = #field, .offset = offsetof(struct sandbox_limits, field)
#define ROW(field) PLACE(field), .of = LIMITS_OF_MODULES
#define ROW_COMMAND(field) PLACE(field), .of = LIMITS_OF_COMMANDS
#define ROW_BOTH(field) PLACE(field), .of = LIMITS_OF_MODULES | LIMITS_OF_COMMANDS

static const int64_t KIB = INT64_C(1) << 10, MIB = INT64_C(1) << 20, GIB = INT64_C(1) << 30,
                     TIB = INT64_C(1) << 40;

/* Wasm code runs on the worker's main stack; the usual hard limits leave room for our own calls above it. */
/* clang-format off */
const struct limit_row sandbox_limit_rows[] = {
    {ROW(wasm_fuel), .unit = "fuel units", .fallback = 20000000000, .min = 1, .max = 1000000000000000000,
     .help = "work a call may do, about one unit per wasm instruction"},
    {.key = "wasm_timeout", .offset = offsetof(struct sandbox_limits, wasm_timeout_ns), .of = LIMITS_OF_MODULES, .unit = "s", .scale = 9,
     .fallback = 30000000000, .min = 1000000, .max = INT64_C(86400) * 1000000000,
     .help = "time a call may take, waiting included"},
    {ROW(wasm_max_memory_size), .unit = "bytes", .fallback = 268435456, .min = 65536, .max = INT64_C(4) << 30,
     .help = "linear memory of a call"},
    {ROW(wasm_max_wasm_stack), .unit = "bytes", .fallback = 2097152, .min = 16384, .max = 4194304,
     .help = "stack of wasm code"},
    {ROW(wasm_max_table_elements), .unit = "", .fallback = 100000, .min = 0, .max = 10000000,
     .help = "elements of each table of a module"},
    {ROW_BOTH(max_output_bytes), .unit = "bytes", .fallback = 1048576, .min = 0, .max = INT64_C(1) << 40,
     .help = "output that is kept; more is counted and dropped"},
    {ROW_BOTH(max_write_bytes), .unit = "bytes", .fallback = 268435456, .min = 0, .max = INT64_C(1) << 40,
     .help = "bytes written to files, growth included"},
    {ROW_BOTH(max_open_files), .unit = "", .fallback = 256, .min = 0, .max = 1024, .help = "files open at once"},
    {ROW_BOTH(max_created_files), .unit = "", .fallback = 10000, .min = 0, .max = 10000000,
     .help = "files, folders and links made"},
    {ROW_BOTH(max_http_requests), .unit = "", .fallback = 100, .min = 0, .max = 1000000, .help = "HTTP requests of a call"},
    {ROW_BOTH(max_http_bytes), .unit = "bytes", .fallback = 67108864, .min = 0, .max = INT64_C(1) << 40,
     .help = "HTTP bytes of a call, both ways, heads included"},
    {ROW(max_dir_entries), .unit = "", .fallback = 1000000, .min = 0, .max = 1000000000,
     .help = "entries of folders that are listed"},
    {.key = "command_timeout", .offset = offsetof(struct sandbox_limits, command_timeout_ns), .of = LIMITS_OF_COMMANDS, .unit = "s",
     .scale = 9, .fallback = 120000000000, .min = 1000000, .max = INT64_C(86400) * 1000000000,
     .help = "time a native command may take"},
    {.key = "command_max_cpu", .offset = offsetof(struct sandbox_limits, command_max_cpu_ns), .of = LIMITS_OF_COMMANDS, .unit = "s",
     .scale = 9, .fallback = 600000000000, .min = 1000000, .max = INT64_C(86400) * 64 * 1000000000,
     .help = "processor time of a native command and all it starts"},
    {ROW_COMMAND(command_max_memory), .unit = "bytes", .fallback = INT64_C(2) << 30, .min = INT64_C(4) << 20, .max = INT64_C(1) << 40,
     .help = "memory of a native command and all it starts, with /tmp"},
    {ROW_COMMAND(command_max_processes), .unit = "", .fallback = 256, .min = 1, .max = 4096,
     .help = "processes and threads at once of a native command"},
    {ROW_COMMAND(command_max_temporary), .unit = "bytes", .fallback = INT64_C(512) << 20, .min = 4096, .max = INT64_C(1) << 40,
     .help = "bytes in the /tmp of a native command"},
};
/* clang-format on */
const size_t sandbox_limit_row_count = ARRAY_LEN(sandbox_limit_rows);
static_assert(ARRAY_LEN(sandbox_limit_rows) <= SANDBOX_LIMITS_MAX, "each row has a door");

const char *limit_door_name(enum limit_door door)
{
    static const char *const names[LIMIT_DOORS] = {
        [LIMIT_DEFAULT] = "default",   [LIMIT_MANAGED] = "managed", [LIMIT_FLAG] = "flag",
        [LIMIT_SETTINGS] = "settings", [LIMIT_LOCAL] = "local",     [LIMIT_PROJECT] = "project",
        [LIMIT_USER] = "user",         [LIMIT_AGENT] = "agent",     [LIMIT_TOOL] = "tool",
    };
    must((size_t)door < ARRAY_LEN(names));
    return names[door];
}

static int64_t *field(struct sandbox_limits *l, const struct limit_row *row)
{
    return (int64_t *)(void *)((char *)l + row->offset);
}

static int64_t value_of(const struct sandbox_limits *l, const struct limit_row *row)
{
    return *(const int64_t *)(const void *)((const char *)l + row->offset);
}

void limits_default(struct sandbox_limits *ret)
{
    for (size_t i = 0; i < sandbox_limit_row_count; i++)
        *field(ret, &sandbox_limit_rows[i]) = sandbox_limit_rows[i].fallback;
}

void limits_loosest(struct sandbox_limits *ret)
{
    for (size_t i = 0; i < sandbox_limit_row_count; i++)
        *field(ret, &sandbox_limit_rows[i]) = sandbox_limit_rows[i].max;
}

const struct limit_row *limits_find(struct str key)
{
    for (size_t i = 0; i < sandbox_limit_row_count; i++)
        if (str_is(key, sandbox_limit_rows[i].key))
            return &sandbox_limit_rows[i];
    return NULL;
}

/* A value as a person writes it: 0.001, 30, 268435456. */
static void print_scaled(char *ret, size_t size, unsigned scale, int64_t value)
{
    int64_t unit = 1;
    for (unsigned i = 0; i < scale; i++)
        unit *= 10;
    int n = snprintf(ret, size, "%" PRId64, value / unit);
    if (value % unit == 0 || n < 0 || (size_t)n >= size)
        return;
    n += snprintf(ret + n, size - (size_t)n, ".%0*" PRId64, (int)scale, value % unit);
    while (n > 0 && (size_t)n < size && ret[n - 1] == '0')
        ret[--n] = '\0';
}

static int refuse(const struct limit_row *row, int code, struct str text, struct fault *reterr)
{
    char least[48], most[48];
    print_scaled(least, sizeof least, row->scale, row->min);
    print_scaled(most, sizeof most, row->scale, row->max);
    int r = fault_set(reterr, code, "%s: '%.*s' is not a number from %s to %s%s%s", row->key,
                      (int)(text.len < 64 ? text.len : 64), text.at, least, most,
                      *row->unit ? " " : "", row->unit);
    if (str_is(str_of(row->unit), "bytes"))
        fault_next(reterr, "give bytes, or a number with KiB, MiB or GiB");
    else if (row->scale)
        fault_next(reterr, "give seconds, fractions and a suffix ms, s, m, h allowed");
    return r;
}

static int parse_bytes(struct str text, int64_t *ret)
{
    const struct {
        struct str suffix;
        int64_t factor;
    } suffixes[] = {{STR("KiB"), KIB}, {STR("MiB"), MIB}, {STR("GiB"), GIB}, {STR("TiB"), TIB}};
    int64_t factor = 1;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (str_ends(text, suffixes[i].suffix)) {
            text.len -= suffixes[i].suffix.len;
            factor = suffixes[i].factor;
        }
    }
    int r = base_parse_decimal(text, 0, 0, INT64_MAX, ret);
    if (r < 0)
        return r;
    return i64_mul(*ret, factor, ret) ? 0 : -ERANGE;
}

static int parse_text(const struct limit_row *row, struct str text, int64_t *ret)
{
    int r;
    if (str_is(str_of(row->unit), "bytes"))
        r = parse_bytes(text, ret);
    else if (row->scale == 9)
        r = base_parse_duration(text, ret);
    else
        r = base_parse_decimal(text, row->scale, 0, INT64_MAX, ret);
    if (r < 0)
        return r;
    return *ret < row->min || *ret > row->max ? -ERANGE : 0;
}

int limits_set_text(struct sandbox_limits *l, const struct limit_row *row, struct str text,
                    struct fault *reterr)
{
    int64_t value;
    if (parse_text(row, text, &value) < 0)
        return refuse(row, FAULT_USAGE, text, reterr);
    *field(l, row) = value;
    return 0;
}

/* A JSON real in units of 10^-scale. Seconds are rounded to nanoseconds; a count must be whole. */
static int scale_real(const struct limit_row *row, double real, int64_t *ret)
{
    double scaled = real;
    for (unsigned i = 0; i < row->scale; i++)
        scaled *= 10;
    if (!(scaled >= 0 && scaled < 9e18))
        return -ERANGE;
    int64_t whole = (int64_t)(row->scale ? scaled + 0.5 : scaled);
    if (row->scale == 0 && (double)whole < scaled)
        return -EINVAL;
    *ret = whole;
    return 0;
}

static int value_from_json(const struct limit_row *row, const json_t *value, int64_t *ret)
{
    int64_t unit = 1;
    for (unsigned i = 0; i < row->scale; i++)
        unit *= 10;
    int r = 0;
    if (json_is_integer(value))
        r = i64_mul(json_integer_value(value), unit, ret) ? 0 : -ERANGE;
    else if (json_is_real(value))
        r = scale_real(row, json_real_value(value), ret);
    else if (json_is_string(value))
        r = parse_text(row, (struct str){json_string_value(value), json_string_length(value)}, ret);
    else
        r = -EINVAL;
    if (r < 0)
        return r;
    return *ret < row->min || *ret > row->max ? -ERANGE : 0;
}

int limits_set_json(struct sandbox_limits *l, const struct limit_row *row, const json_t *value,
                    struct fault *reterr)
{
    int64_t number;
    if (value_from_json(row, value, &number) < 0) {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        int r = refuse(row, FAULT_CONFIG, text ? str_of(text) : STR("this value"), reterr);
        free(text);
        return r;
    }
    *field(l, row) = number;
    return 0;
}

void limits_tighten(struct sandbox_limits *l, struct limit_doors *doors,
                    const struct sandbox_limits *other, enum limit_door door)
{
    for (size_t i = 0; i < sandbox_limit_row_count; i++) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        int64_t theirs = value_of(other, row);
        if (theirs >= *field(l, row))
            continue;
        *field(l, row) = theirs;
        if (doors)
            doors->by[i] = (uint8_t)door;
    }
}

/* In the unit that the settings have: seconds with their fraction, counts as they are. */
static own json_t *value_json(const struct limit_row *row, int64_t value)
{
    int64_t unit = 1;
    for (unsigned i = 0; i < row->scale; i++)
        unit *= 10;
    return value % unit == 0 ? json_integer(value / unit) : json_real((double)value / (double)unit);
}

own json_t *limits_receipt_json(const struct sandbox_limits *l, const struct limit_doors *doors,
                                unsigned of)
{
    auto_json json_t *object = json_object();
    for (size_t i = 0; object && i < sandbox_limit_row_count; i++) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        if ((row->of & of) == 0)
            continue;
        json_t *one = json_object();
        if (!one || json_object_set_new(one, "value", value_json(row, value_of(l, row))) ||
            json_object_set_new(one, "by",
                                json_string(limit_door_name((enum limit_door)doors->by[i])))) {
            json_decref(one);
            return NULL;
        }
        if (json_object_set_new(object, row->key, one))
            return NULL;
    }
    return take(object);
}

own json_t *limits_json(const struct sandbox_limits *l)
{
    auto_json json_t *object = json_object();
    for (size_t i = 0; object && i < sandbox_limit_row_count; i++) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        if (json_object_set_new(object, row->key, json_integer(value_of(l, row))) < 0)
            return NULL;
    }
    return take(object);
}

int limits_from_json(const json_t *object, struct sandbox_limits *ret, struct fault *reterr)
{
    struct sandbox_limits l;
    for (size_t i = 0; i < sandbox_limit_row_count; i++) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        int r = json_get_i64(object, row->key, row->min, row->max, field(&l, row), reterr);
        if (r == JSON_ABSENT)
            return fault_set(reterr, FAULT_INPUT, "limits: '%s' is missing", row->key);
        if (r < 0)
            return r;
    }
    if (json_object_size(object) != sandbox_limit_row_count)
        return fault_set(reterr, FAULT_INPUT, "limits: there is a key that is no limit");
    *ret = l;
    return 0;
}
