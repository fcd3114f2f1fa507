/* patch: changes in several files from one text, all or none. Parsing and matching are in the sdk (patch.h); this file reads
 * what the patch names, keeps every result in memory until the last hunk has found its place, and only then writes. */
#include "patch.h"
#include "file.h"
#include "path.h"
#include "tool.h"
#include "utf8.h"
#include "walk.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CHARACTERS = 4 << 20, TOTAL_MAX_BYTES = 64 << 20 };

struct patch_args {
    struct str patch;
    yyjson_val *paths;
};

static const struct tool_arg rows[] = {
    {"patch", TOOL_TEXT, true, 1, MAX_CHARACTERS, offsetof(struct patch_args, patch)},
    {"paths", TOOL_ARRAY, false, 1, PATCH_FILES_MAX, offsetof(struct patch_args, paths)},
};

/* One path that the patch has to do with: what is there, and what shall be there. */
struct change {
    struct str path;
    bool was_there, is_there;
    struct str before, after;
    struct patch_report report;
    size_t hunks;
    struct str moved_to; /* empty = it was not */
};

struct changes {
    struct change list[PATCH_FILES_MAX * 2];
    size_t count;
    size_t bytes; /* held in memory */
    struct str allowed[PATCH_FILES_MAX];
    size_t allowed_count; /* 0 = everywhere */
};

static _Noreturn void fail(const char *code, struct str path, const char *text)
{
    struct str shown = tool_name(path_shown(path));

    tool_fail(code, "Nothing was changed. %.*s: %s", (int)shown.len, shown.at, text);
}

static void take_paths(struct changes *changes, yyjson_val *paths)
{
    for (size_t i = 0; paths != NULL && i < yyjson_arr_size(paths); i++) {
        yyjson_val *path = yyjson_arr_get(paths, i);

        if (!yyjson_is_str(path) || yyjson_get_len(path) == 0)
            tool_fail("bad_argument", "Bad argument: paths must be a list of paths.");
        changes->allowed[changes->allowed_count++] =
            file_take_path("paths", (struct str){yyjson_get_str(path), yyjson_get_len(path)});
    }
}

static bool is_allowed(const struct changes *changes, struct str path)
{
    for (size_t i = 0; i < changes->allowed_count; i++) {
        struct str top = changes->allowed[i];

        if (path_is_top(top) || str_equal(path, top) ||
            (path.len > top.len && path.at[top.len] == '/' &&
             memcmp(path.at, top.at, top.len) == 0))
            return true;
    }
    return changes->allowed_count == 0;
}

/* The path as the patch names it, with what is there now, or what an earlier part of the patch made of it. */
static struct change *find(struct changes *changes, struct str name)
{
    struct str path = file_take_path("a path of the patch", name);
    struct change *change;
    enum walk_kind kind;

    if (!is_allowed(changes, path))
        fail("bad_argument", path, "the patch names it, but paths does not.");
    for (size_t i = 0; i < changes->count; i++)
        if (str_equal(changes->list[i].path, path))
            return &changes->list[i];
    change = &changes->list[changes->count++];
    *change = (struct change){.path = path};
    if (!walk_kind_of(path, &kind))
        return change;
    if (kind == WALK_FOLDER)
        fail("not_a_file", path, "it is a folder.");
    change->was_there = change->is_there = true;
    return change;
}

static void hold(struct changes *changes, struct str text)
{
    changes->bytes += text.len;
    if (changes->bytes > TOTAL_MAX_BYTES)
        tool_fail("too_big",
                  "Nothing was changed. The files of this patch have more than %d bytes together: "
                  "give it in parts.",
                  TOTAL_MAX_BYTES);
}

/* Reads it, once; it must be there. */
static void need(struct changes *changes, struct change *change)
{
    struct buf text;

    if (!change->is_there && change->was_there)
        fail("not_found", change->path, "the patch itself has taken it away before.");
    if (change->before.at != NULL || change->after.at != NULL)
        return;
    file_read_all(change->path, PATCH_TEXT_MAX,
                  &text); /* fails when it is not there, with names that come close */
    if (utf8_check(buf_str(&text)) != text.len)
        fail("not_text", change->path, "it is not UTF-8 text: patch works on text only.");
    change->before = change->after = buf_str(&text);
    hold(changes, change->before);
}

static struct str result_of(const struct patch *patch, const struct patch_file *file,
                            struct changes *changes, struct change *change)
{
    static const char *const codes[] = {"ok", "no_match", "ambiguous", "too_big", "too_big"};
    struct patch_report report;
    struct buf text;
    struct buf why;
    enum patch_outcome outcome;

    buf_init(&why, 16 << 10);
    outcome =
        patch_apply(patch, file, change->is_there ? change->after : STR(""), &text, &report, &why);
    if (outcome != PATCH_OK) {
        struct str shown = tool_name(path_shown(change->path));
        struct buf all;

        buf_init(&all, 32 << 10);
        buf_addf(&all, "Nothing was changed. %.*s, ", (int)shown.len, shown.at);
        buf_add(&all, buf_str(&why));
        tool_fail_text(codes[outcome], buf_str(&all));
    }
    change->report.added += report.added;
    change->report.removed += report.removed;
    change->report.loose += report.loose;
    change->report.trimmed += report.trimmed;
    change->report.moved += report.moved;
    change->hunks += file->count;
    hold(changes, buf_str(&text));
    return buf_str(&text);
}

static void update(const struct patch *patch, const struct patch_file *file,
                   struct changes *changes)
{
    struct change *change = find(changes, file->path);
    struct change *to;

    need(changes, change);
    change->after = result_of(patch, file, changes, change);
    if (file->new_path.len == 0)
        return;
    to = find(changes, file->new_path);
    if (to == change)
        return;
    if (to->is_there)
        fail("exists", to->path, "it is there already: nothing is moved over it.");
    to->is_there = true;
    to->after = change->after;
    to->report = change->report;
    to->hunks = change->hunks;
    change->is_there = false;
    change->moved_to = to->path;
}

static void create(const struct patch *patch, const struct patch_file *file,
                   struct changes *changes)
{
    struct change *change = find(changes, file->path);

    if (change->is_there)
        fail("exists", change->path, "it is there already: to change it, give its old lines, too.");
    change->after = result_of(patch, file, changes, change);
    change->is_there = true;
}

static void take_away(const struct patch *patch, const struct patch_file *file,
                      struct changes *changes)
{
    struct change *change = find(changes, file->path);

    need(changes, change);
    if (file->count > 0 && result_of(patch, file, changes, change).len > 0)
        fail("no_match", change->path,
             "the patch deletes it, but it holds more than the patch takes out.");
    change->is_there = false;
}

/* --- writing --- */

static bool is_written(const struct change *change)
{
    return change->is_there && !(change->was_there && str_equal(change->before, change->after));
}

static _Noreturn void fail_write(const struct change *change, int error, bool is_partial)
{
    struct str shown = tool_name(path_shown(change->path));

    tool_fail(file_error_code(error), "%s %.*s cannot be written: %s.",
              is_partial ? "Some of the files were changed already (undo takes them back)."
                         : "Nothing was changed.",
              (int)shown.len, shown.at, file_error_text(error));
}

static void write_all(const struct changes *changes)
{
    static struct file_staged staged[PATCH_FILES_MAX * 2];
    size_t landed = 0;

    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->list[i];
        int error = is_written(change) ? file_stage(change->path, change->after, &staged[i]) : 0;

        if (error == 0)
            continue;
        for (size_t k = i + 1; k-- > 0;)
            if (staged[k].folders > 0)
                file_unstage(&staged[k]);
        fail_write(change, error, false);
    }
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->list[i];
        int error = is_written(change) ? file_land(&staged[i]) : 0;

        if (error == 0 && change->was_there && !change->is_there && unlink(change->path.at) != 0)
            error = errno;
        if (error != 0)
            fail_write(change, error, landed > 0);
        landed += is_written(change) || !change->is_there;
    }
}

/* --- the answer --- */

static const char *op_of(const struct change *change)
{
    if (change->moved_to.len > 0)
        return "moved";
    if (change->was_there && !change->is_there)
        return "deleted";
    if (!change->was_there)
        return "created";
    return is_written(change) ? "updated" : "unchanged";
}

static void describe(const struct change *change, struct buf *text, yyjson_mut_val *list)
{
    struct str shown = tool_name(path_shown(change->path));
    yyjson_mut_val *entry;

    if (!change->was_there && !change->is_there)
        return; /* made and taken away by the same patch */
    entry = yyjson_mut_arr_add_obj(tool_doc(), list);
    buf_addf(text, "%s %.*s", op_of(change), (int)shown.len, shown.at);
    tool_set_text(entry, "path", shown);
    tool_set_text(entry, "op", str_of(op_of(change)));
    if (change->moved_to.len > 0) {
        struct str to = tool_name(path_shown(change->moved_to));

        buf_addf(text, " to %.*s", (int)to.len, to.at);
        tool_set_text(entry, "to", to);
    }
    tool_set_count(entry, "added", change->report.added);
    tool_set_count(entry, "removed", change->report.removed);
    if (change->report.added + change->report.removed > 0)
        buf_addf(text, ": +%zu -%zu", change->report.added, change->report.removed);
    if (change->report.moved > 0)
        buf_addf(text, "; %zu of %zu hunks at another line than said", change->report.moved,
                 change->hunks);
    if (change->report.loose > 0)
        buf_addf(text, "; %zu of %zu hunks with other blanks than the file", change->report.loose,
                 change->hunks);
    if (change->report.trimmed > 0)
        buf_addf(text, "; %zu of %zu hunks without their outer context", change->report.trimmed,
                 change->hunks);
    tool_set_count(entry, "fuzzy", change->report.loose + change->report.trimmed);
    buf_add_byte(text, '\n');
}

int main(void)
{
    static struct changes changes;
    struct patch_args args = {.paths = NULL};
    struct patch patch;
    struct buf why;
    struct buf text;
    yyjson_mut_val *structured;
    yyjson_mut_val *list;
    size_t changed = 0;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    take_paths(&changes, args.paths);
    buf_init(&why, 4 << 10);
    if (!patch_parse(args.patch, &patch, &why))
        tool_fail_text("bad_argument", buf_str(&why));
    for (size_t i = 0; i < patch.file_count; i++) {
        const struct patch_file *file = &patch.files[i];

        if (file->op == PATCH_UPDATE)
            update(&patch, file, &changes);
        else if (file->op == PATCH_CREATE)
            create(&patch, file, &changes);
        else
            take_away(&patch, file, &changes);
    }
    for (size_t i = 0; i < changes.count; i++)
        changed += strcmp(op_of(&changes.list[i]), "unchanged") != 0;
    if (changed == 0)
        tool_fail("no_change",
                  "Nothing was changed: the files are already as the patch makes them.");
    write_all(&changes);

    structured = yyjson_mut_obj(tool_doc());
    list = yyjson_mut_arr(tool_doc());
    buf_init(&text, TOOL_MAX_CONTENT);
    for (size_t i = 0; i < changes.count; i++)
        describe(&changes.list[i], &text, list);
    tool_set(structured, "files", list);
    tool_done(buf_str(&text), STR(""), structured);
}
