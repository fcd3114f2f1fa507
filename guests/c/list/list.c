/* list: what is in a folder, with type and size. Links are named with their target, never followed. */
#include "file.h"
#include "path.h"
#include "tool.h"
#include "walk.h"

#include <fcntl.h>

enum {
    SHOWN_ENTRIES = 1000,
    SHOWN_BYTES = 64 << 10,
    MAX_LEVELS = 10,
};

struct list_args {
    struct str path;
    int64_t depth;
};

static const struct tool_arg rows[] = {
    {"path", TOOL_TEXT, false, 1, 4096, offsetof(struct list_args, path)},
    {"depth", TOOL_INTEGER, false, 1, MAX_LEVELS, offsetof(struct list_args, depth)},
};

struct listing {
    struct buf text;
    yyjson_mut_val *entries;
    size_t found;
    size_t shown;
};

static const char *const kind_names[] = {"file", "folder", "link", "other"};

static void add(struct listing *listing, struct str path, enum walk_kind kind, int64_t size,
                struct str target)
{
    struct str shown = tool_name(path);
    yyjson_mut_val *entry;

    listing->found++;
    if (listing->shown < listing->found - 1 || listing->shown == SHOWN_ENTRIES ||
        shown.len + target.len + 40 > listing->text.max - listing->text.len)
        return;
    listing->shown++;
    buf_addf(&listing->text, "%-6s ", kind_names[kind]);
    if (kind == WALK_FILE)
        buf_addf(&listing->text, "%10lld ", (long long)size);
    else
        buf_addf(&listing->text, "%10s ", "-");
    buf_add(&listing->text, shown);
    if (kind == WALK_FOLDER)
        buf_add_byte(&listing->text, '/');
    entry = yyjson_mut_arr_add_obj(tool_doc(), listing->entries);
    tool_set_text(entry, "path", shown);
    tool_set_text(entry, "type", str_of(kind_names[kind]));
    if (kind == WALK_FILE)
        tool_set(entry, "size_bytes", yyjson_mut_sint(tool_doc(), size));
    if (kind == WALK_LINK) {
        buf_add(&listing->text, STR(" -> "));
        buf_add(&listing->text, target);
        tool_set_text(entry, "target", target);
    }
    buf_add_byte(&listing->text, '\n');
}

static enum walk_step visit(void *context, const struct walk_entry *entry)
{
    struct listing *listing = context;
    struct str target = {"", 0};
    struct stat info = {.st_size = 0};

    if (entry->kind == WALK_FILE)
        (void)fstatat(entry->dir_fd, entry->name, &info, AT_SYMLINK_NOFOLLOW);
    if (entry->kind == WALK_LINK)
        target = walk_link_target(entry->dir_fd, entry->name);
    add(listing, entry->path, entry->kind, info.st_size, target);
    return WALK_ON;
}

int main(void)
{
    struct list_args args = {.path = {"/", 1}, .depth = 1};
    struct walk_options options = {.use_ignore = false};
    struct walk_report report = {.entries = 0};
    struct listing listing = {.found = 0};
    yyjson_mut_val *structured;
    struct stat info;
    struct str path;
    struct buf note;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    path = file_take_path("path", args.path);
    options.max_depth = (unsigned)args.depth;
    buf_init(&listing.text, SHOWN_BYTES);
    listing.entries = yyjson_mut_arr(tool_doc());
    if (stat(path.at, &info) == 0 && !S_ISDIR(info.st_mode))
        add(&listing, path, S_ISREG(info.st_mode) ? WALK_FILE : WALK_OTHER, info.st_size,
            (struct str){"", 0});
    else
        walk(path, &options, visit, &listing, &report);

    structured = yyjson_mut_obj(tool_doc());
    tool_set_text(structured, "path", tool_name(path_shown(path)));
    tool_set(structured, "entries", listing.entries);
    tool_set_count(structured, "count", listing.shown);
    tool_set_count(structured, "total", listing.found);
    tool_set_flag(structured, "truncated", listing.found > listing.shown || report.is_cut);
    buf_init(&note, 16 << 10);
    if (listing.found > listing.shown)
        buf_addf(&note,
                 "%zu of %zu entries shown: list a folder below, lower depth, or use glob.\n",
                 listing.shown, listing.found);
    walk_explain(&report, &note);
    tool_done(listing.found > 0 ? buf_str(&listing.text) : STR("The folder is empty.\n"),
              buf_str(&note), structured);
}
