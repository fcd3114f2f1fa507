/* edit: exact replacements in one text file, all or none. The engine is in the sdk (edits.h); this file reads the
 * arguments in their two forms, checks the file, and writes the result in one piece. */
#include "edits.h"
#include "file.h"
#include "path.h"
#include "tool.h"
#include "utf8.h"

enum { MAX_CHARACTERS = 4 << 20 };

struct edit_args {
    struct str path;
    struct edit one;
    yyjson_val *edits;
};

static const struct tool_arg rows[] = {
    {"path", TOOL_TEXT, true, 1, 4096, offsetof(struct edit_args, path)},
    {"old_string", TOOL_TEXT, false, 0, MAX_CHARACTERS, offsetof(struct edit_args, one.old_text)},
    {"new_string", TOOL_TEXT, false, 0, MAX_CHARACTERS, offsetof(struct edit_args, one.new_text)},
    {"replace_all", TOOL_BOOLEAN, false, 0, 1, offsetof(struct edit_args, one.replace_all)},
    {"edits", TOOL_ARRAY, false, 1, EDITS_MAX, offsetof(struct edit_args, edits)},
};

static const struct tool_arg edit_rows[] = {
    {"old_string", TOOL_TEXT, true, 0, MAX_CHARACTERS, offsetof(struct edit, old_text)},
    {"new_string", TOOL_TEXT, true, 0, MAX_CHARACTERS, offsetof(struct edit, new_text)},
    {"replace_all", TOOL_BOOLEAN, false, 0, 1, offsetof(struct edit, replace_all)},
};

/* Either old_string and new_string, or edits. */
static size_t take_edits(const struct edit_args *args, struct edit *ret_edits)
{
    size_t count;

    if (args->edits == NULL) {
        if (args->one.old_text.at == NULL || args->one.new_text.at == NULL)
            tool_fail("bad_argument",
                      "Bad argument: give old_string and new_string, or a list edits.");
        ret_edits[0] = args->one;
        return 1;
    }
    if (args->one.old_text.at != NULL || args->one.new_text.at != NULL || args->one.replace_all)
        tool_fail("bad_argument",
                  "Bad argument: give old_string and new_string, or edits, not both.");
    count = yyjson_arr_size(args->edits);
    for (size_t i = 0; i < count; i++) {
        struct buf where;

        buf_init(&where, 64);
        buf_addf(&where, "edits[%zu].", i);
        ret_edits[i] = (struct edit){.replace_all = false};
        tool_take_object(yyjson_arr_get(args->edits, i), where.at, edit_rows,
                         sizeof(edit_rows) / sizeof(edit_rows[0]), &ret_edits[i]);
    }
    return count;
}

static size_t find_failed(const struct edit *edits, size_t count)
{
    size_t i = 0;

    while (i + 1 < count && edits[i].replaced > 0)
        i++;
    return i;
}

static _Noreturn void fail_edit(struct str path, const struct edit *edits, size_t count,
                                enum edits_outcome outcome, struct str why)
{
    static const char *const codes[] = {"ok",       "bad_argument", "no_change",
                                        "no_match", "ambiguous",    "too_big"};
    struct str shown = tool_name(path_shown(path));
    struct buf text;

    buf_init(&text, 64 << 10);
    buf_addf(&text, "%.*s is unchanged: ", (int)shown.len, shown.at);
    if (count > 1)
        buf_addf(&text, "edit %zu of %zu failed. ", find_failed(edits, count) + 1, count);
    buf_add(&text, why);
    tool_fail_text(codes[outcome], buf_str(&text));
}

static yyjson_mut_val *describe(struct str path, const struct edit *edits, size_t count,
                                size_t size_before, size_t size_after)
{
    yyjson_mut_doc *doc = tool_doc();
    yyjson_mut_val *structured = yyjson_mut_obj(doc);
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    size_t total = 0;

    for (size_t i = 0; i < count; i++) {
        yyjson_mut_val *one = yyjson_mut_arr_add_obj(doc, list);

        tool_set_count(one, "replacements", edits[i].replaced);
        tool_set_count(one, "first_line", edits[i].first_line);
        total += edits[i].replaced;
    }
    tool_set_text(structured, "path", tool_name(path_shown(path)));
    tool_set_count(structured, "replacements", total);
    tool_set(structured, "edits", list);
    tool_set_count(structured, "size_before", size_before);
    tool_set_count(structured, "size_after", size_after);
    return structured;
}

int main(void)
{
    static struct edit edits[EDITS_MAX];
    struct edit_args args = {.edits = NULL};
    enum edits_outcome outcome;
    yyjson_mut_val *structured;
    struct str path;
    struct str shown;
    struct buf before;
    struct buf after;
    struct buf report;
    struct buf why;
    struct buf text;
    size_t count;
    bool is_new;
    size_t folders;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    path = file_take_path("path", args.path);
    shown = tool_name(path_shown(path));
    count = take_edits(&args, edits);
    file_read_all(path, EDITS_MAX_BYTES, &before);
    if (utf8_check(buf_str(&before)) != before.len)
        tool_fail("not_text",
                  "%.*s is not UTF-8 text (first at byte %zu): edit works on text only.",
                  (int)shown.len, shown.at, utf8_check(buf_str(&before)));
    buf_init(&report, EDITS_REPORT_MAX);
    buf_init(&why, 8 << 10);
    outcome = edits_apply(buf_str(&before), edits, count, &after, &report, &why);
    if (outcome != EDITS_OK)
        fail_edit(path, edits, count, outcome, buf_str(&why));
    /* One edit always changes something: its two texts differ. */
    if (count > 1 && str_equal(buf_str(&before), buf_str(&after)))
        tool_fail("no_change", "%.*s is unchanged: the edits undo each other.", (int)shown.len,
                  shown.at);
    file_replace(path, buf_str(&after), &is_new, &folders);

    structured = describe(path, edits, count, before.len, after.len);
    buf_init(&text, 96 << 10);
    buf_addf(
        &text, "Edited %.*s: %llu replacement%s.\n", (int)shown.len, shown.at,
        (unsigned long long)yyjson_mut_get_uint(yyjson_mut_obj_get(structured, "replacements")),
        yyjson_mut_get_uint(yyjson_mut_obj_get(structured, "replacements")) == 1 ? "" : "s");
    buf_add(&text, buf_str(&report));
    tool_done(buf_str(&text), (struct str){"", 0}, structured);
}
