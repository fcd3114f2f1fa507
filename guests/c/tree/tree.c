/* tree: what is where, at a glance: names indented by their depth, folders with a slash. Links are named, never followed. */
#include "file.h"
#include "path.h"
#include "tool.h"
#include "walk.h"

enum {
    SHOWN_ENTRIES = 2000,
    SHOWN_BYTES = 64 << 10,
    MAX_LEVELS = 16,
};

struct tree_args {
    struct str path;
    int64_t depth;
    bool folders_only;
    bool all;
};

static const struct tool_arg rows[] = {
    {"path", TOOL_TEXT, false, 1, 4096, offsetof(struct tree_args, path)},
    {"depth", TOOL_INTEGER, false, 1, MAX_LEVELS, offsetof(struct tree_args, depth)},
    {"folders_only", TOOL_BOOLEAN, false, 0, 1, offsetof(struct tree_args, folders_only)},
    {"all", TOOL_BOOLEAN, false, 0, 1, offsetof(struct tree_args, all)},
};

struct tree {
    const struct tree_args *args;
    struct buf text;
    size_t counts[4]; /* by enum walk_kind */
    size_t shown;
    bool is_cut;
};

static enum walk_step visit(void *context, const struct walk_entry *entry)
{
    struct tree *tree = context;
    struct str name = tool_name(str_of(entry->name));
    struct str target = {"", 0};

    tree->counts[entry->kind]++;
    if (tree->args->folders_only && entry->kind != WALK_FOLDER)
        return WALK_ON;
    if (entry->kind == WALK_LINK)
        target = walk_link_target(entry->dir_fd, entry->name);
    if (tree->shown == SHOWN_ENTRIES ||
        name.len + target.len + (size_t)entry->depth * 2 + 8 > tree->text.max - tree->text.len)
        tree->is_cut = true;
    if (tree->is_cut)
        return WALK_ON; /* counted all the same */
    tree->shown++;
    for (unsigned i = 0; i < entry->depth; i++)
        buf_add(&tree->text, STR("  "));
    buf_add(&tree->text, name);
    if (entry->kind == WALK_FOLDER)
        buf_add_byte(&tree->text, '/');
    if (entry->kind == WALK_LINK) {
        buf_add(&tree->text, STR(" -> "));
        buf_add(&tree->text, target);
    }
    buf_add_byte(&tree->text, '\n');
    return WALK_ON;
}

static void add_count(struct buf *note, size_t count, const char *one, const char *many)
{
    if (count > 0)
        buf_addf(note, "%s%zu %s", note->len > 0 ? ", " : "", count, count == 1 ? one : many);
}

int main(void)
{
    struct tree_args args = {.path = {"/", 1}, .depth = 4};
    struct tree tree = {.args = &args};
    struct walk_options options = {.use_ignore = true};
    struct walk_report report;
    yyjson_mut_val *structured;
    struct str path;
    struct str shown;
    struct buf note;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    path = file_take_path("path", args.path);
    shown = tool_name(path_shown(path));
    options.max_depth = (unsigned)args.depth;
    options.use_ignore = !args.all;
    buf_init(&tree.text, SHOWN_BYTES);
    buf_add(&tree.text, shown);
    if (!path_is_top(path))
        buf_add_byte(&tree.text, '/');
    buf_add_byte(&tree.text, '\n');
    walk(path, &options, visit, &tree, &report);

    structured = yyjson_mut_obj(tool_doc());
    tool_set_text(structured, "path", shown);
    tool_set_count(structured, "folders", tree.counts[WALK_FOLDER]);
    tool_set_count(structured, "files", tree.counts[WALK_FILE]);
    tool_set_count(structured, "links", tree.counts[WALK_LINK]);
    tool_set_count(structured, "shown", tree.shown);
    tool_set_flag(structured, "truncated", tree.is_cut || report.is_cut);
    buf_init(&note, 16 << 10);
    add_count(&note, tree.counts[WALK_FOLDER], "folder", "folders");
    add_count(&note, tree.counts[WALK_FILE], "file", "files");
    add_count(&note, tree.counts[WALK_LINK], "link", "links");
    add_count(&note, tree.counts[WALK_OTHER], "other", "others");
    buf_addf(&note, "%s.\n", note.len == 0 ? "The folder is empty" : "");
    if (tree.is_cut)
        buf_addf(&note, "%zu entries shown: ask for a folder below, lower depth, or use glob.\n",
                 tree.shown);
    walk_explain(&report, &note);
    tool_done(buf_str(&tree.text), buf_str(&note), structured);
}
