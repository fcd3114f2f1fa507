/* glob: which files have names like this. Walks (sdk/walk.h) only where the pattern can still match. */
#include "file.h"
#include "path.h"
#include "pattern.h"
#include "tool.h"
#include "walk.h"

enum {
    SHOWN_PATHS = 1000,
    SHOWN_BYTES = 64 << 10,
};

struct glob_args {
    struct str pattern;
    struct str path;
};

static const struct tool_arg rows[] = {
    {"pattern", TOOL_TEXT, true, 1, 4096, offsetof(struct glob_args, pattern)},
    {"path", TOOL_TEXT, false, 1, 4096, offsetof(struct glob_args, path)},
};

struct search {
    struct pattern_set patterns;
    struct buf text;
    yyjson_mut_val *matches;
    size_t found;
    size_t shown;
    size_t other_kind; /* folders that match a pattern for files, and the reverse */
};

/* 1 a match | 0 not | -1 the names match, but it is a folder where files are meant or the reverse */
static int check(const struct search *search, const struct walk_entry *entry)
{
    int answer = 0;

    for (size_t i = 0; i < search->patterns.count && answer != 1; i++) {
        const struct pattern *pattern = &search->patterns.patterns[i];

        if (!pattern_match(pattern, entry->below))
            continue;
        answer = pattern->wants_folder == (entry->kind == WALK_FOLDER) ? 1 : -1;
    }
    return answer;
}

static void add(struct search *search, const struct walk_entry *entry)
{
    struct str shown = tool_name(entry->path);
    struct str target = {"", 0};

    search->found++;
    if (entry->kind == WALK_LINK)
        target = walk_link_target(entry->dir_fd, entry->name);
    if (search->shown < search->found - 1 || search->shown == SHOWN_PATHS ||
        shown.len + target.len + 8 > search->text.max - search->text.len)
        return;
    search->shown++;
    buf_add(&search->text, shown);
    if (entry->kind == WALK_FOLDER)
        buf_add_byte(&search->text, '/');
    if (entry->kind == WALK_LINK) {
        buf_add(&search->text, STR(" -> "));
        buf_add(&search->text, target);
    }
    buf_add_byte(&search->text, '\n');
    yyjson_mut_arr_append(search->matches, tool_text(shown));
}

static enum walk_step visit(void *context, const struct walk_entry *entry)
{
    struct search *search = context;
    int answer = check(search, entry);

    if (answer > 0)
        add(search, entry);
    else if (answer < 0)
        search->other_kind++;
    if (entry->kind != WALK_FOLDER)
        return WALK_ON;
    for (size_t i = 0; i < search->patterns.count; i++)
        if (pattern_may_match_below(&search->patterns.patterns[i], entry->below))
            return WALK_ON;
    return WALK_SKIP;
}

static void explain(const struct search *search, const struct glob_args *args,
                    const struct walk_report *report, struct buf *note)
{
    if (search->found > search->shown)
        buf_addf(note, "%zu of %zu paths shown: use a narrower pattern or path for the rest.\n",
                 search->shown, search->found);
    if (search->found == 0 && search->other_kind > 0 &&
        args->pattern.at[args->pattern.len - 1] == '/')
        buf_addf(note, "%zu files match without the slash at the end.\n", search->other_kind);
    else if (search->found == 0 && search->other_kind > 0)
        buf_addf(note, "%zu folders match: end the pattern in / for folders.\n",
                 search->other_kind);
    if (search->found == 0 && !str_has(args->pattern, '/'))
        buf_addf(note,
                 "Only this folder was looked at: begin the pattern with **/ for all below.\n");
    walk_explain(report, note);
}

int main(void)
{
    static const struct walk_options options = {.max_depth = WALK_MAX_DEPTH + 1,
                                                .use_ignore = true};
    struct glob_args args = {.path = {"/", 1}};
    struct search search = {.found = 0};
    struct walk_report report;
    yyjson_mut_val *structured;
    enum pattern_outcome outcome;
    struct buf note;
    struct str path;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    path = file_take_path("path", args.path);
    outcome = pattern_set_init(&search.patterns, args.pattern);
    if (outcome != PATTERN_OK)
        tool_fail("bad_argument", "Bad argument: pattern %s.", pattern_outcome_text(outcome));
    buf_init(&search.text, SHOWN_BYTES);
    search.matches = yyjson_mut_arr(tool_doc());
    walk(path, &options, visit, &search, &report);

    structured = yyjson_mut_obj(tool_doc());
    tool_set_text(structured, "path", tool_name(path_shown(path)));
    tool_set(structured, "matches", search.matches);
    tool_set_count(structured, "count", search.shown);
    tool_set_count(structured, "total", search.found);
    tool_set_flag(structured, "truncated", search.found > search.shown || report.is_cut);
    tool_set_count(structured, "ignored", report.ignored);
    buf_init(&note, 16 << 10);
    explain(&search, &args, &report, &note);
    tool_done(search.found > 0 ? buf_str(&search.text) : STR("No match.\n"), buf_str(&note),
              structured);
}
