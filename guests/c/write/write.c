/* write: the content becomes the file, whole or not at all (file_replace in the sdk). */
#include "file.h"
#include "path.h"
#include "tool.h"

enum { MAX_CHARACTERS = 16 << 20 };

struct write_args {
    struct str path;
    struct str content;
};

static const struct tool_arg rows[] = {
    {"path", TOOL_TEXT, true, 1, 4096, offsetof(struct write_args, path)},
    {"content", TOOL_TEXT, true, 0, MAX_CHARACTERS, offsetof(struct write_args, content)},
};

int main(void)
{
    struct write_args args = {.content = {"", 0}};
    yyjson_mut_val *structured;
    struct str path;
    struct str shown;
    struct buf text;
    bool is_new;
    size_t folders;
    size_t lines;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    path = file_take_path("path", args.path);
    shown = tool_name(path_shown(path));
    if (args.path.at[args.path.len - 1] == '/')
        tool_fail("not_a_file", "Cannot write %.*s/: the path ends in a slash. Give a file name.",
                  (int)shown.len, shown.at);
    file_replace(path, args.content, &is_new, &folders);
    lines = str_count(args.content, '\n') +
            (args.content.len > 0 && args.content.at[args.content.len - 1] != '\n');

    structured = yyjson_mut_obj(tool_doc());
    tool_set_text(structured, "path", shown);
    tool_set_flag(structured, "created", is_new);
    tool_set_count(structured, "made_folders", folders);
    tool_set_count(structured, "size_bytes", args.content.len);
    tool_set_count(structured, "lines", lines);
    buf_init(&text, 32 << 10);
    buf_addf(&text, "%s %.*s: %zu bytes, %zu line%s.", is_new ? "Created" : "Replaced",
             (int)shown.len, shown.at, args.content.len, lines, lines == 1 ? "" : "s");
    tool_done(buf_str(&text), (struct str){"", 0}, structured);
}
