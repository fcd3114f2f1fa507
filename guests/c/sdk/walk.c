/* See walk.h. One frame per open folder; ignore rules are asked from the deepest folder up. */
#include "walk.h"

#include "file.h"
#include "ignore.h"
#include "path.h"
#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct name {
    char *text;
    enum walk_kind kind;
};

/* The rules of one folder; `base` bytes of a path lie above it (its slash included). */
struct rules {
    struct ignore_file *file;
    size_t base;
};

struct frame {
    DIR *dir;
    int fd;
    struct name *names;
    size_t count;
    size_t next;
    size_t path_len; /* of the folder's path in walker.path; 0 for the top of the tree */
    bool has_rules;
};

struct walker {
    const struct walk_options *options;
    struct walk_report *report;
    struct buf path;
    size_t top_len;
    struct frame frames[WALK_MAX_DEPTH];
    size_t depth;
    struct rules rules[WALK_MAX_DEPTH + PATH_MAX_BYTES / 2];
    size_t rule_count;
};

static enum walk_kind kind_of_mode(mode_t mode)
{
    if (S_ISREG(mode))
        return WALK_FILE;
    if (S_ISDIR(mode))
        return WALK_FOLDER;
    return S_ISLNK(mode) ? WALK_LINK : WALK_OTHER;
}

static enum walk_kind kind_of_entry(int dir_fd, const struct dirent *entry)
{
    struct stat info;

    switch (entry->d_type) {
    case DT_REG: return WALK_FILE;
    case DT_DIR: return WALK_FOLDER;
    case DT_LNK: return WALK_LINK;
    case DT_UNKNOWN:
        if (fstatat(dir_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
            return kind_of_mode(info.st_mode);
        break;
    default: break;
    }
    return WALK_OTHER;
}

bool walk_kind_of(struct str path, enum walk_kind *ret_kind)
{
    struct stat info;

    if (lstat(path.at, &info) != 0)
        return false;
    *ret_kind = kind_of_mode(info.st_mode);
    return true;
}

struct str walk_link_target(int dir_fd, const char *name)
{
    char target[PATH_MAX_BYTES];
    ssize_t length = readlinkat(dir_fd, name, target, sizeof(target));

    return length >= 0 ? tool_name((struct str){target, (size_t)length}) : STR("?");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void note_unreadable(struct walker *walker, int error)
{
    if (walker->report->unreadable++ > 0)
        return;
    walker->report->first_unreadable = tool_name(path_shown(buf_str(&walker->path)));
    walker->report->first_error = file_error_text(error);
}

static bool is_wanted(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, ".git") != 0;
}

static void read_names(struct walker *walker, struct frame *frame)
{
    const struct dirent *entry;

    for (errno = 0; (entry = readdir(frame->dir)) != NULL; errno = 0) {
        if (!is_wanted(entry->d_name))
            continue;
        if (frame->count == WALK_MAX_FOLDER_ENTRIES) {
            walker->report->is_cut = true;
            break;
        }
        if ((frame->count & (frame->count - 1)) == 0)
            frame->names = mem_grow(frame->names, frame->count == 0 ? 1 : frame->count * 2,
                                    sizeof(frame->names[0]));
        frame->names[frame->count].text = strdup(entry->d_name);
        if (frame->names[frame->count].text == NULL)
            mem_fail();
        frame->names[frame->count++].kind = kind_of_entry(frame->fd, entry);
    }
    if (entry == NULL && errno != 0)
        note_unreadable(walker, errno);
    if (frame->count > 1)
        qsort(frame->names, frame->count, sizeof(frame->names[0]), compare_names);
}

static bool load_rules(struct walker *walker, int dir_fd, size_t base)
{
    struct buf text;
    size_t dropped = 0;
    bool is_read = walker->rule_count < sizeof(walker->rules) / sizeof(walker->rules[0]) &&
                   file_try_read_at(dir_fd, ".gitignore", IGNORE_MAX_BYTES, &text);

    if (!is_read)
        return false;
    walker->rules[walker->rule_count++] =
        (struct rules){ignore_new(buf_str(&text), &dropped), base};
    buf_done(&text);
    if (dropped > 0)
        walker->report->is_cut = true;
    return true;
}

static bool is_ignored(const struct walker *walker, struct str path, bool is_folder)
{
    for (size_t i = walker->rule_count; i-- > 0;) {
        const struct rules *rules = &walker->rules[i];

        switch (ignore_check(rules->file, str_part(path, rules->base, path.len), is_folder)) {
        case IGNORE_HIDE: return true;
        case IGNORE_KEEP: return false;
        case IGNORE_SILENT: break;
        }
    }
    return false;
}

static void drop_rules(struct walker *walker, size_t keep)
{
    while (walker->rule_count > keep)
        ignore_free(walker->rules[--walker->rule_count].file);
}

/* The rules of the folders above the top hold below it too, unless they hide the top itself: then it was
 * asked for by name, and they are put aside. */
static void load_rules_above(struct walker *walker, struct str top)
{
    size_t base = 0;

    if (path_is_top(top))
        return;
    for (;;) {
        struct str folder = base == 0 ? STR(".") : str_part(top, 0, base - 1);
        struct buf copy;
        const char *slash;
        size_t end;
        int fd;

        buf_init(&copy, PATH_MAX_BYTES);
        if (!buf_add(&copy, folder))
            mem_fail();
        fd = open(copy.at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            load_rules(walker, fd, base);
            close(fd);
        }
        buf_done(&copy);
        slash = memchr(top.at + base, '/', top.len - base);
        end = slash != NULL ? (size_t)(slash - top.at) : top.len;
        if (is_ignored(walker, str_part(top, 0, end), true))
            drop_rules(walker, 0);
        if (slash == NULL)
            return;
        base = end + 1;
    }
}

/* Takes over `fd`. */
static bool push(struct walker *walker, int fd)
{
    struct frame *frame = &walker->frames[walker->depth];

    *frame = (struct frame){
        .fd = fd,
        .path_len = path_is_top(buf_str(&walker->path)) ? 0 : walker->path.len,
    };
    frame->dir = fdopendir(fd);
    if (frame->dir == NULL) {
        note_unreadable(walker, errno);
        close(fd);
        return false;
    }
    if (walker->options->use_ignore)
        frame->has_rules = load_rules(walker, fd, frame->path_len == 0 ? 0 : frame->path_len + 1);
    read_names(walker, frame);
    walker->depth++;
    return true;
}

static void pop(struct walker *walker)
{
    struct frame *frame = &walker->frames[--walker->depth];

    for (size_t i = 0; i < frame->count; i++)
        free(frame->names[i].text);
    free(frame->names);
    closedir(frame->dir);
    if (frame->has_rules)
        drop_rules(walker, walker->rule_count - 1);
}

static void set_path(struct walker *walker, const struct frame *frame, const char *name)
{
    walker->path.len = frame->path_len;
    if ((walker->path.len > 0 && !buf_add_byte(&walker->path, '/')) ||
        !buf_add(&walker->path, str_of(name)))
        mem_fail();
}

static void enter(struct walker *walker, const struct frame *frame, const char *name)
{
    int fd;

    if (walker->depth >= walker->options->max_depth)
        return;
    if (walker->depth == WALK_MAX_DEPTH) {
        walker->report->not_entered++;
        return;
    }
    fd = openat(frame->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        note_unreadable(walker, errno);
    else
        push(walker, fd);
}

static enum walk_step step(struct walker *walker, struct frame *frame, walk_visit *visit,
                           void *context)
{
    const struct name *name = &frame->names[frame->next++];
    struct walk_entry entry;
    enum walk_step answer;

    set_path(walker, frame, name->text);
    if (walker->options->use_ignore &&
        is_ignored(walker, buf_str(&walker->path), name->kind == WALK_FOLDER)) {
        walker->report->ignored++;
        return WALK_ON;
    }
    if (walker->report->entries++ == WALK_MAX_ENTRIES) {
        walker->report->is_cut = true;
        return WALK_STOP;
    }
    entry = (struct walk_entry){
        .path = buf_str(&walker->path),
        .below = str_part(buf_str(&walker->path), walker->top_len, walker->path.len),
        .name = name->text,
        .dir_fd = frame->fd,
        .kind = name->kind,
        .depth = (unsigned)walker->depth,
    };
    answer = visit(context, &entry);
    if (answer == WALK_ON && name->kind == WALK_FOLDER)
        enter(walker, frame, name->text);
    return answer;
}

void walk(struct str top, const struct walk_options *options, walk_visit *visit, void *context,
          struct walk_report *ret_report)
{
    static struct walker walker;
    int fd = open(top.at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        file_fail("look into", top, errno);
    *ret_report = (struct walk_report){.entries = 0};
    walker = (struct walker){.options = options, .report = ret_report};
    /* room for a path of the longest kind below a top of the longest kind */
    buf_init(&walker.path, PATH_MAX_BYTES + WALK_MAX_DEPTH * 1024);
    if (!buf_add(&walker.path, top))
        mem_fail();
    walker.top_len = path_is_top(top) ? 0 : top.len + 1;
    if (options->use_ignore)
        load_rules_above(&walker, top);
    push(&walker, fd);
    while (walker.depth > 0) {
        struct frame *frame = &walker.frames[walker.depth - 1];

        if (frame->next == frame->count)
            pop(&walker);
        else if (step(&walker, frame, visit, context) == WALK_STOP)
            break;
    }
    while (walker.depth > 0)
        pop(&walker);
    drop_rules(&walker, 0);
    buf_done(&walker.path);
}

void walk_explain(const struct walk_report *report, struct buf *text)
{
    if (report->ignored > 0)
        buf_addf(
            text,
            "%zu entr%s left out by .gitignore (to look into a hidden folder, name it in path).\n",
            report->ignored, report->ignored == 1 ? "y was" : "ies were");
    if (report->not_entered > 0)
        buf_addf(text, "%zu folder%s deeper than %d levels not entered.\n", report->not_entered,
                 report->not_entered == 1 ? "" : "s", WALK_MAX_DEPTH);
    if (report->unreadable > 0) {
        buf_addf(text, "%zu folder%s could not be read, first ", report->unreadable,
                 report->unreadable == 1 ? "" : "s");
        buf_add(text, report->first_unreadable);
        buf_addf(text, ": %s.\n", report->first_error);
    }
    if (report->is_cut)
        buf_addf(text, "The folder is too big to be seen whole (%d entries, %d in one folder).\n",
                 WALK_MAX_ENTRIES, WALK_MAX_FOLDER_ENTRIES);
}
