/* grep: lines that match a regular expression, in one file or below a folder. Finds files with the walk of the sdk,
 * searches them in scan.c, and shows a bounded part of what it found with the counts of all of it. */
#include "file.h"
#include "path.h"
#include "pattern.h"
#include "scan.h"
#include "tool.h"
#include "utf8.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    DEFAULT_RESULTS = 200,
    MAX_RESULTS = 2000,
    MAX_CONTEXT = 20,
    LINE_BYTES = 400, /* of one line are shown */
    LEAD_BYTES = 100, /* of a long line before its match */
    NOTE_ROOM = 4096,
};

/* Past this much the search ends with a note. */
static const uint64_t search_max_bytes = UINT64_C(2) << 30;

struct grep_args {
    struct str pattern;
    struct str path;
    struct str glob;
    int64_t context;
    bool ignore_case;
    int64_t max_results;
};

static const struct tool_arg rows[] = {
    {"pattern", TOOL_TEXT, true, 1, 4096, offsetof(struct grep_args, pattern)},
    {"path", TOOL_TEXT, false, 1, 4096, offsetof(struct grep_args, path)},
    {"glob", TOOL_TEXT, false, 1, 4096, offsetof(struct grep_args, glob)},
    {"context", TOOL_INTEGER, false, 0, MAX_CONTEXT, offsetof(struct grep_args, context)},
    {"ignore_case", TOOL_BOOLEAN, false, 0, 1, offsetof(struct grep_args, ignore_case)},
    {"max_results", TOOL_INTEGER, false, 1, MAX_RESULTS, offsetof(struct grep_args, max_results)},
};

struct search {
    const struct grep_args *args;
    struct matcher *matcher;
    struct pattern_set globs;
    struct buf text;
    struct str path;     /* of the file being searched */
    bool has_heading;    /* its name has been shown */
    uint64_t last_line;  /* of it that was shown, 0 for none */
    uint64_t last_match; /* the same, for lines that match */
    bool is_full;        /* nothing more is shown, only counted */
    uint64_t shown;
    uint64_t matches;
    uint64_t files_matched;
    uint64_t files_searched;
    uint64_t files_binary;
    uint64_t files_unreadable;
    uint64_t links;
    uint64_t read_bytes;
    uint64_t lines_cut;
    bool has_replaced; /* bytes that are not UTF-8 are shown as U+FFFD */
    bool is_stopped;
    bool is_split;
};

/* The part of a long line around its match. */
static struct str line_part(struct str line, size_t match_start)
{
    size_t from = 0;

    if (line.len <= LINE_BYTES)
        return line;
    if (match_start > LINE_BYTES - LEAD_BYTES)
        from = match_start - LEAD_BYTES;
    while (from > 0 && ((unsigned char)line.at[from] & 0xC0) == 0x80)
        from--;
    return utf8_head(str_part(line, from, line.len), LINE_BYTES);
}

static void add_line(struct search *search, uint64_t line_number, struct str line, char mark,
                     size_t match_start)
{
    struct str part = line_part(line, match_start);

    buf_addf(&search->text, "%llu%c ", (unsigned long long)line_number, mark);
    if (part.at > line.at)
        buf_addf(&search->text, "[%zu bytes] ", (size_t)(part.at - line.at));
    if (utf8_add_shown(&search->text, part, UTF8_SHOW_LINE) > 0)
        search->has_replaced = true;
    if (part.at + part.len < line.at + line.len)
        buf_addf(&search->text, " [%zu bytes]", line.len - part.len - (size_t)(part.at - line.at));
    if (part.len < line.len)
        search->lines_cut++;
    buf_add_byte(&search->text, '\n');
}

static void found(void *context, uint64_t line_number, struct str line, bool is_match,
                  size_t match_start)
{
    struct search *search = context;
    size_t need = LINE_BYTES * 3 + 100 + (search->has_heading ? 0 : search->path.len * 4);

    if (search->is_full)
        return;
    /* The last match that is shown still gets the context after it, the next one nothing. */
    if ((search->shown == (uint64_t)search->args->max_results &&
         (is_match || !search->has_heading ||
          line_number > search->last_match + (uint64_t)search->args->context)) ||
        need > search->text.max - NOTE_ROOM - search->text.len) {
        search->is_full = true;
        return;
    }
    if (!search->has_heading) {
        if (search->text.len > 0)
            buf_add_byte(&search->text, '\n');
        buf_add(&search->text, tool_name(search->path));
        buf_add_byte(&search->text, '\n');
        search->has_heading = true;
    } else if (search->args->context > 0 && line_number != search->last_line + 1) {
        buf_add(&search->text, STR("--\n"));
    }
    search->last_line = line_number;
    if (is_match) {
        search->last_match = line_number;
        search->shown++;
    }
    add_line(search, line_number, line, is_match ? ':' : '-', match_start);
}

static void search_file(struct search *search, int fd, struct str path)
{
    struct scan_result result;

    search->path = path;
    search->has_heading = false;
    search->last_line = 0;
    scan_file(fd, path, search->matcher, (size_t)search->args->context, found, search, &result);
    search->files_searched += !result.is_binary;
    search->files_binary += result.is_binary;
    search->files_matched += result.matches > 0;
    search->matches += result.matches;
    search->read_bytes += result.read_bytes;
    search->is_split = search->is_split || result.is_split;
    search->is_stopped =
        search->is_stopped || result.is_cut || search->read_bytes > search_max_bytes;
}

/* A glob without a slash is about the name, at any depth; with one it is about the path below `path`. */
static bool is_selected(const struct search *search, const struct walk_entry *entry)
{
    for (size_t i = 0; i < search->globs.count; i++) {
        const struct pattern *pattern = &search->globs.patterns[i];

        if (pattern_match(pattern, pattern->is_anchored ? entry->below : str_of(entry->name)))
            return true;
    }
    return search->globs.count == 0;
}

static enum walk_step visit(void *context, const struct walk_entry *entry)
{
    struct search *search = context;
    int fd;

    if (entry->kind == WALK_LINK)
        search->links += is_selected(search, entry);
    if (entry->kind != WALK_FILE || !is_selected(search, entry))
        return WALK_ON;
    fd = openat(entry->dir_fd, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        search->files_unreadable++;
        return WALK_ON;
    }
    search_file(search, fd, entry->path);
    close(fd);
    return search->is_stopped ? WALK_STOP : WALK_ON;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void explain(const struct search *search, const struct walk_report *report, struct buf *note)
{
    buf_addf(note, "%llu matching line%s in %llu file%s; %llu searched",
             (unsigned long long)search->matches, plural(search->matches),
             (unsigned long long)search->files_matched, plural(search->files_matched),
             (unsigned long long)search->files_searched);
    if (search->files_binary > 0)
        buf_addf(note, ", %llu binary left out", (unsigned long long)search->files_binary);
    if (search->links > 0)
        buf_addf(note, ", %llu link%s not followed", (unsigned long long)search->links,
                 plural(search->links));
    if (search->files_unreadable > 0)
        buf_addf(note, ", %llu not readable", (unsigned long long)search->files_unreadable);
    buf_add(note, STR(".\n"));
    if (search->shown < search->matches)
        buf_addf(
            note,
            "%llu of them shown: use a narrower pattern, path or glob, or raise max_results (at most %d).\n",
            (unsigned long long)search->shown, MAX_RESULTS);
    if (search->is_stopped)
        buf_addf(note,
                 "Stopped early: more bytes than one search reads. Use a narrower path or glob.\n");
    if (search->lines_cut > 0)
        buf_addf(note, "%llu long line%s cut.\n", (unsigned long long)search->lines_cut,
                 plural(search->lines_cut));
    if (search->is_split)
        buf_addf(note, "A line longer than 4 MiB was searched in pieces.\n");
    if (search->has_replaced)
        buf_addf(note, "Bytes that are not UTF-8 text are shown as \xEF\xBF\xBD.\n");
    if (search->matches == 0 && (str_find(search->args->pattern, STR("\\n"), 0) != SIZE_MAX ||
                                 str_has(search->args->pattern, '\n')))
        buf_addf(note, "A pattern is matched within one line: \\n never matches.\n");
    walk_explain(report, note);
}

static yyjson_mut_val *describe(const struct search *search, struct str path,
                                const struct walk_report *report)
{
    yyjson_mut_val *structured = yyjson_mut_obj(tool_doc());

    tool_set_text(structured, "path", tool_name(path_shown(path)));
    tool_set_count(structured, "matches", search->matches);
    tool_set_count(structured, "shown", search->shown);
    tool_set_count(structured, "files", search->files_matched);
    tool_set_count(structured, "searched", search->files_searched);
    tool_set_count(structured, "skipped_binary", search->files_binary);
    tool_set_count(structured, "ignored", report->ignored);
    tool_set_flag(structured, "truncated",
                  search->shown < search->matches || search->is_stopped || report->is_cut);
    return structured;
}

int main(void)
{
    static const struct walk_options options = {.max_depth = WALK_MAX_DEPTH + 1,
                                                .use_ignore = true};
    struct grep_args args = {.path = {"/", 1}, .max_results = DEFAULT_RESULTS};
    struct walk_report report = {.entries = 0};
    struct search search = {.args = &args};
    struct stat info;
    struct buf note;
    struct str path;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    path = file_take_path("path", args.path);
    if (args.glob.len > 0) {
        enum pattern_outcome outcome = pattern_set_init(&search.globs, args.glob);

        if (outcome != PATTERN_OK)
            tool_fail("bad_argument", "Bad argument: glob %s.", pattern_outcome_text(outcome));
    }
    search.matcher = matcher_new(args.pattern, args.ignore_case);
    buf_init(&search.text, TOOL_MAX_CONTENT);
    if (stat(path.at, &info) == 0 && !S_ISDIR(info.st_mode)) {
        int fd = file_open(path, &info);

        search_file(&search, fd, path);
    } else {
        walk(path, &options, visit, &search, &report);
    }
    buf_init(&note, 16 << 10);
    explain(&search, &report, &note);
    tool_done(search.matches > 0 ? buf_str(&search.text) : STR("No match.\n"), buf_str(&note),
              describe(&search, path, &report));
}
