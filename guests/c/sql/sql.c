/* sql: runs statements on an SQLite file of the folder, or on a database that lives for this call. All of a call's statements are one
 * transaction, so an error changes nothing. Nothing but the named file is opened (attach_is_inside), and there are no locks here: the
 * host runs one call of a session at a time. */
#include "base64.h"
#include "file.h"
#include "path.h"
#include "tool.h"
#include "utf8.h"

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_SQL = 1 << 20,
    MAX_PARAMS = 1000,
    MAX_ROWS = 2000,
    ROWS = 200,
    MAX_CELL = 4 << 10,     /* of one value in the result */
    MAX_RESULT = 160 << 10, /* of all values, structured */
    MAX_TABLE = 64 << 10,   /* of the table as text */
    MAX_COLUMNS = 200,
    SHOWN_CELL = 500, /* of one value in the table */
};

struct sql_args {
    struct str database;
    struct str sql;
    yyjson_val *params;
    int64_t max_rows;
    bool is_read_only;
    bool is_loose; /* transaction: false */
};

static const struct tool_arg rows[] = {
    {"database", TOOL_TEXT, false, 1, 4096, offsetof(struct sql_args, database)},
    {"sql", TOOL_TEXT, true, 1, MAX_SQL, offsetof(struct sql_args, sql)},
    {"params", TOOL_ARRAY, false, 0, MAX_PARAMS, offsetof(struct sql_args, params)},
    {"max_rows", TOOL_INTEGER, false, 0, MAX_ROWS, offsetof(struct sql_args, max_rows)},
    {"read_only", TOOL_BOOLEAN, false, 0, 1, offsetof(struct sql_args, is_read_only)},
    {"no_transaction", TOOL_BOOLEAN, false, 0, 1, offsetof(struct sql_args, is_loose)},
};

static sqlite3 *db;
static bool is_ours;        /* BEGIN and COMMIT are this program's, not the caller's */
static bool has_begun;      /* a transaction of ours is open */
static size_t statement;    /* number of the one that runs, from 1 */
static size_t params_taken; /* so many parameters have found their place */

/* The rows of the last statement that has some. */
static struct {
    yyjson_mut_val *columns, *rows;
    struct buf table;
    uint64_t row_count;
    size_t kept, bytes;
    bool is_cut;
} found;

static _Noreturn void fail_sql(struct str sql)
{
    static char text[4096];
    yyjson_mut_val *structured = yyjson_mut_obj(tool_doc());
    int offset = sqlite3_error_offset(db);
    const char *hint = "";

    if (is_ours && strstr(sqlite3_errmsg(db), "transaction") != NULL)
        hint =
            " All statements of a call are one transaction already; give no_transaction to make your own.";
    else if (sqlite3_errcode(db) == SQLITE_READONLY)
        hint = " Writing is not granted for this call, or read_only was given.";
    else if (sqlite3_errcode(db) == SQLITE_AUTH)
        hint =
            " Only the database of the call can be used; ATTACH and VACUUM INTO name another file.";
    int len = snprintf(text, sizeof(text), "SQL error in statement %zu: %s.%s", statement,
                       sqlite3_errmsg(db), hint);

    if (offset >= 0 && (size_t)offset < sql.len) {
        struct str rest = utf8_head(str_part(sql, (size_t)offset, sql.len), 60);

        len +=
            snprintf(text + len, sizeof(text) - (size_t)len, " Near: %.*s", (int)rest.len, rest.at);
    }
    if (has_begun && sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "\nNothing was changed.");
    tool_set_count(structured, "statement", statement);
    tool_set_text(structured, "sqlite", str_of(sqlite3_errstr(sqlite3_errcode(db))));
    sqlite3_close_v2(db);
    tool_fail_with(structured, "sql", (struct str){text, (size_t)len});
}

/* What a statement may do. A file is named by ATTACH alone, which VACUUM INTO uses as well; VACUUM itself attaches "". */
static int authorize(void *arg, int action, const char *one, const char *two, const char *database,
                     const char *inner)
{
    (void)arg;
    (void)two;
    (void)database;
    (void)inner;
    if (action != SQLITE_ATTACH)
        return SQLITE_OK;
    return one != NULL && (*one == '\0' || strcmp(one, ":memory:") == 0) ? SQLITE_OK : SQLITE_DENY;
}

static void open_database(const struct sql_args *args)
{
    struct str name = STR(":memory:");
    int flags =
        args->is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

    if (args->database.at != NULL) {
        struct buf path;

        name = file_take_path("database", args->database);
        buf_init(&path, name.len + 2);
        buf_addf(&path, "%s%s", name.at[0] == '/' ? "" : "/", name.at);
        name = buf_str(&path);
    } else {
        flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    }
    if (sqlite3_open_v2(name.at, &db, flags, "unix-none") != SQLITE_OK) {
        struct str shown = tool_name(args->database);
        bool is_there = access(name.at, F_OK) == 0;

        if (is_there)
            tool_fail("io", "Cannot open %.*s: %s.", (int)shown.len, shown.at, sqlite3_errmsg(db));
        tool_fail(
            "not_found",
            "Cannot open %.*s: there is no such file, and it cannot be made (is writing granted, is its folder there?).",
            (int)shown.len, shown.at);
    }
    sqlite3_extended_result_codes(db, 0);
    sqlite3_set_authorizer(db, authorize, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_COLUMN, MAX_COLUMNS);
}

static void bind_one(sqlite3_stmt *stmt, int at, yyjson_val *value)
{
    int result;

    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_STR:
        result = sqlite3_bind_text(stmt, at, yyjson_get_str(value), (int)yyjson_get_len(value),
                                   SQLITE_STATIC);
        break;
    case YYJSON_TYPE_NUM:
        result = yyjson_is_int(value) ? sqlite3_bind_int64(stmt, at, yyjson_get_sint(value))
                                      : sqlite3_bind_double(stmt, at, yyjson_get_num(value));
        break;
    case YYJSON_TYPE_BOOL: result = sqlite3_bind_int(stmt, at, yyjson_get_bool(value)); break;
    case YYJSON_TYPE_NULL: result = sqlite3_bind_null(stmt, at); break;
    default:
        tool_fail("bad_argument",
                  "Bad argument: params[%zu] must be a text, a number, true, false or null.",
                  params_taken);
    }
    if (result != SQLITE_OK)
        fail_sql(STR(""));
}

/* Each statement takes as many from the list as it has places for. */
static void bind_params(sqlite3_stmt *stmt, yyjson_val *params)
{
    int count = sqlite3_bind_parameter_count(stmt);

    for (int at = 1; at <= count; at++) {
        yyjson_val *value = params != NULL ? yyjson_arr_get(params, params_taken) : NULL;

        if (value == NULL)
            tool_fail(
                "bad_argument",
                "Bad argument: statement %zu has %d parameters, and params has no value for the %zu. of all.",
                statement, count, params_taken + 1);
        bind_one(stmt, at, value);
        params_taken++;
    }
}

static struct str bytes_of(sqlite3_stmt *stmt, int column)
{
    const char *at = sqlite3_column_blob(stmt, column);

    return (struct str){at != NULL ? at : "", (size_t)sqlite3_column_bytes(stmt, column)};
}

static void add_hex(struct buf *text, struct str bytes)
{
    buf_addf(text, "x'");
    for (size_t i = 0; i < bytes.len && i < 32; i++)
        buf_addf(text, "%02x", (unsigned char)bytes.at[i]);
    buf_addf(text, bytes.len > 32 ? "...' (%zu bytes)" : "'", bytes.len);
}

static void show_cell(struct buf *text, sqlite3_stmt *stmt, int column)
{
    struct str value;

    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_NULL: buf_addf(text, "NULL"); break;
    case SQLITE_BLOB: add_hex(text, bytes_of(stmt, column)); break;
    default:
        sqlite3_column_text(stmt, column);
        value = bytes_of(stmt, column);
        buf_add(text, tool_name(utf8_head(value, SHOWN_CELL)));
        if (value.len > SHOWN_CELL)
            buf_addf(text, "... (%zu bytes)", value.len);
    }
}

/* A copy: SQLite's own goes with the next row. */
static yyjson_mut_val *text_cell(struct str value)
{
    struct buf copy;

    buf_init(&copy, value.len * 4 + 1);
    if (utf8_check(value) == value.len)
        buf_add(&copy, value);
    else
        utf8_add_shown(&copy, value, UTF8_SHOW_NAME);
    return tool_text(buf_str(&copy));
}

/* A value as JSON: what is longer than MAX_CELL is cut, and the result says truncated. */
static yyjson_mut_val *cell(sqlite3_stmt *stmt, int column)
{
    struct str value;
    yyjson_mut_val *blob;
    struct buf base64;

    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_NULL: return yyjson_mut_null(tool_doc());
    case SQLITE_INTEGER: return yyjson_mut_sint(tool_doc(), sqlite3_column_int64(stmt, column));
    case SQLITE_FLOAT: {
        double number = sqlite3_column_double(stmt, column);

        return number - number == 0.0 ? yyjson_mut_real(tool_doc(), number)
                                      : tool_text(number > 0 ? STR("Infinity") : STR("-Infinity"));
    }
    case SQLITE_BLOB:
        value = bytes_of(stmt, column);
        found.is_cut = found.is_cut || value.len > MAX_CELL;
        value.len = value.len < MAX_CELL ? value.len : MAX_CELL;
        found.bytes += value.len * 4 / 3;
        buf_init(&base64, MAX_CELL * 2);
        base64_add(&base64, value);
        blob = yyjson_mut_obj(tool_doc());
        tool_set_text(blob, "base64", buf_str(&base64));
        return blob;
    default:
        value = bytes_of(stmt, column);
        found.is_cut = found.is_cut || value.len > MAX_CELL;
        found.bytes += value.len < MAX_CELL ? value.len : MAX_CELL;
        return text_cell(utf8_head(value, MAX_CELL));
    }
}

static void begin_rows(sqlite3_stmt *stmt)
{
    int count = sqlite3_column_count(stmt);

    found.columns = yyjson_mut_arr(tool_doc());
    found.rows = yyjson_mut_arr(tool_doc());
    found.row_count = 0;
    found.kept = 0;
    found.bytes = 0;
    found.is_cut = false;
    buf_done(&found.table);
    buf_init(&found.table, TOOL_MAX_CONTENT);
    for (int i = 0; i < count; i++) {
        struct str name = str_of(sqlite3_column_name(stmt, i));

        yyjson_mut_arr_append(found.columns, text_cell(utf8_head(name, 200)));
        buf_addf(&found.table, i > 0 ? " | " : "");
        buf_add(&found.table, tool_name(utf8_head(name, 200)));
    }
    buf_add_byte(&found.table, '\n');
}

static void add_row(sqlite3_stmt *stmt, size_t max_rows)
{
    int count = sqlite3_column_count(stmt);
    yyjson_mut_val *row;

    found.row_count++;
    if (found.kept == max_rows || found.bytes > MAX_RESULT || found.table.len > MAX_TABLE) {
        found.is_cut = true;
        return;
    }
    row = yyjson_mut_arr(tool_doc());
    for (int i = 0; i < count; i++) {
        buf_addf(&found.table, i > 0 ? " | " : "");
        yyjson_mut_arr_append(row, cell(stmt, i));
        show_cell(&found.table, stmt, i);
        found.bytes += 8;
    }
    buf_add_byte(&found.table, '\n');
    yyjson_mut_arr_append(found.rows, row);
    found.kept++;
}

static void run_statement(sqlite3_stmt *stmt, const struct sql_args *args, struct str sql)
{
    int result;

    bind_params(stmt, args->params);
    if (sqlite3_column_count(stmt) > 0)
        begin_rows(stmt);
    while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
        add_row(stmt, (size_t)args->max_rows);
    if (result != SQLITE_DONE)
        fail_sql(sql);
    sqlite3_finalize(stmt);
}

static void run_all(const struct sql_args *args)
{
    const char *at = args->sql.at;
    const char *end = at + args->sql.len;

    is_ours = !args->is_loose;
    if (is_ours) {
        if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
            fail_sql(STR(""));
        has_begun = true;
    }
    while (at < end) {
        struct str rest = {at, (size_t)(end - at)};
        sqlite3_stmt *stmt;

        statement++;
        if (sqlite3_prepare_v2(db, at, (int)rest.len, &stmt, &at) != SQLITE_OK)
            fail_sql(rest);
        if (stmt == NULL) { /* a comment, or white space */
            statement--;
            continue;
        }
        run_statement(stmt, args, rest);
    }
    if (has_begun && !sqlite3_get_autocommit(db) &&
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        fail_sql(STR(""));
    has_begun = false;
}

static _Noreturn void finish(void)
{
    yyjson_mut_val *structured = yyjson_mut_obj(tool_doc());
    uint64_t changes = (uint64_t)sqlite3_total_changes64(db);
    struct buf note;

    buf_init(&note, 1024);
    tool_set_count(structured, "statements", statement);
    tool_set_count(structured, "changes", changes);
    if (changes > 0)
        tool_set(structured, "last_insert_rowid",
                 yyjson_mut_sint(tool_doc(), sqlite3_last_insert_rowid(db)));
    if (sqlite3_close(db) != SQLITE_OK)
        tool_fail("io", "The database cannot be closed.");
    if (found.columns == NULL) {
        struct buf text;

        buf_init(&text, 256);
        buf_addf(&text, "Done: %zu statement%s, %llu row%s changed.", statement,
                 statement == 1 ? "" : "s", (unsigned long long)changes, changes == 1 ? "" : "s");
        tool_done(buf_str(&text), STR(""), structured);
    }
    tool_set(structured, "columns", found.columns);
    tool_set(structured, "rows", found.rows);
    tool_set_count(structured, "row_count", found.row_count);
    tool_set_flag(structured, "truncated", found.is_cut);
    buf_addf(&note, "%llu row%s", (unsigned long long)found.row_count,
             found.row_count == 1 ? "" : "s");
    if (found.kept < found.row_count)
        buf_addf(&note, ", the first %zu are shown; use LIMIT and OFFSET, or max_rows up to %d",
                 found.kept, MAX_ROWS);
    if (changes > 0)
        buf_addf(&note, "; %llu changed", (unsigned long long)changes);
    tool_done(buf_str(&found.table), buf_str(&note), structured);
}

int main(void)
{
    struct sql_args args = {.database = {NULL, 0}, .max_rows = ROWS};

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    open_database(&args);
    run_all(&args);
    finish();
}
