/* The worker's log of changes -> values. The worker may be owned by its guest, so nothing here is
 * believed: paths have one form only, numbers are small, every line must be whole. What a parsed line
 * can do is bounded again by undo_tree.c, which opens every path beneath its mount. Pure; a fuzz
 * target feeds it (tests/fuzz/fuzz_undo_log.c). */
#include "host/undo_private.h"

#include <errno.h>
#include <string.h>

enum { LINE_MAX_BYTES = 256 << 10, NUMBER_MAX = 1000 * 1000 * 1000 };

static const char *const op_names[] = {
    [UNDO_WRITE] = "write",   [UNDO_CREATE] = "create", [UNDO_DELETE] = "delete",
    [UNDO_RENAME] = "rename", [UNDO_MKDIR] = "mkdir",   [UNDO_RMDIR] = "rmdir",
    [UNDO_LINK] = "link",
};
static const char *const kind_names[] = {
    [UNDO_NONE] = "",        [UNDO_FILE] = "file",   [UNDO_DIR] = "dir",
    [UNDO_SYMLINK] = "link", [UNDO_OTHER] = "other",
};

static bool is_fine_part(struct str part)
{
    return part.len > 0 && part.len <= 255 && !str_is(part, ".") && !str_is(part, "..");
}

bool undo_path_is_fine(const char *path, size_t len)
{
    struct str rest;
    if (len < 2 || len > UNDO_PATH_MAX || path[0] != '/' || memchr(path, '\0', len) != NULL)
        return false;
    rest = (struct str){path + 1, len - 1};
    for (;;) {
        struct str part = rest, tail;
        bool has_more = str_split(rest, '/', &part, &tail);
        if (!is_fine_part(part))
            return false;
        if (!has_more)
            return true;
        rest = tail;
    }
}

static int bad(struct fault *reterr, size_t number, const char *what)
{
    return fault_set(reterr, FAULT_INPUT, "line %zu of the undo log: %s", number, what);
}

static int find_name(const char *const *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(name, names[i]))
            return (int)i;
    }
    return -1;
}

/* 0 found, 1 absent, -1 there but not a fine path. */
static int get_path(const json_t *o, const char *key, const char **ret)
{
    struct str path = {NULL, 0};
    int r = json_get_str(o, key, &path, NULL);
    if (r != 0)
        return r < 0 ? -1 : 1;
    *ret = path.at;
    return undo_path_is_fine(path.at, path.len) ? 0 : -1;
}

static int read_before(const json_t *o, struct undo_line *line)
{
    struct str kind = {NULL, 0}, target = {NULL, 0};
    int64_t mode = 0;
    int r = json_get_str(o, "kind", &kind, NULL);
    if (r < 0)
        return -1;
    if (r == 0) {
        int found = kind.len > 0 ? find_name(kind_names, ARRAY_LEN(kind_names), kind) : -1;
        if (found < 0 || json_get_i64(o, "mode", 0, 07777, &mode, NULL) != 0)
            return -1;
        line->kind = (enum undo_kind)found;
        line->mode = (mode_t)mode;
    }
    if (line->kind != UNDO_SYMLINK)
        return 0;
    if (json_get_str(o, "target", &target, NULL) != 0 || target.len == 0 ||
        target.len > UNDO_PATH_MAX || memchr(target.at, '\0', target.len) != NULL)
        return -1;
    line->target = target.at;
    return 0;
}

static const char *read_change(const json_t *o, struct undo_line *line)
{
    int to = get_path(o, "to", &line->to);
    bool wants_to = line->op == UNDO_RENAME || line->op == UNDO_LINK;
    if (get_path(o, "path", &line->path) != 0)
        return "\"path\" is not a path as the guest sees it";
    if (to < 0 || (to == 0) != wants_to)
        return "\"to\" is missing, not a path, or where none belongs";
    if (read_before(o, line) < 0)
        return "\"kind\", \"mode\" and \"target\" do not tell what stood there";
    if (line->op == UNDO_WRITE && line->kind != UNDO_FILE)
        return "a write needs the file that was there";
    if (line->op == UNDO_RMDIR && line->kind != UNDO_DIR)
        return "an rmdir needs the folder that was there";
    return NULL;
}

/* A failed effect: its line is the last one with that number, and goes. */
static int drop_void(struct undo_log *log, int64_t n)
{
    for (size_t i = log->count; i > 0; i--) {
        if (log->lines[i - 1].n == n) {
            memmove(&log->lines[i - 1], &log->lines[i], (log->count - i) * sizeof(log->lines[0]));
            log->count--;
            return 0;
        }
        if (log->lines[i - 1].n < n)
            break;
    }
    return -1;
}

static int add_line(struct undo_log *log, const json_t *o, int64_t *last_n, size_t number,
                    struct fault *reterr)
{
    struct undo_line line = {0};
    struct str op = {NULL, 0};
    if (json_get_i64(o, "n", 0, NUMBER_MAX, &line.n, NULL) != 0 ||
        json_get_str(o, "op", &op, NULL) != 0)
        return bad(reterr, number, "\"n\" or \"op\" is missing or out of range");
    if (str_is(op, "void"))
        return drop_void(log, line.n) < 0
                   ? bad(reterr, number, "it takes back a line that is not there")
                   : 0;
    int found = find_name(op_names, ARRAY_LEN(op_names), op);
    if (found < 0)
        return bad(reterr, number, "\"op\" is not one of ours");
    line.op = (enum undo_op)found;
    if (line.n <= *last_n)
        return bad(reterr, number, "\"n\" does not grow");
    *last_n = line.n;
    const char *what = read_change(o, &line);
    if (what != NULL)
        return bad(reterr, number, what);
    log->lines[log->count++] = line;
    return 0;
}

static size_t count_lines(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.at[i] == '\n';
    return count;
}

static int parse_line(struct undo_log *log, struct str text, int64_t *last_n, size_t number,
                      struct fault *reterr)
{
    struct fault fault = {0};
    json_t *o = NULL;
    int r = json_parse(text, LINE_MAX_BYTES, &o, &fault);
    if (r < 0)
        return r == -ENOMEM ? r : bad(reterr, number, fault.text);
    if (json_array_append_new(log->values, o) < 0)
        return -ENOMEM;
    return json_is_object(o) ? add_line(log, o, last_n, number, reterr)
                             : bad(reterr, number, "it is no object");
}

int undo_log_parse(struct str text, struct undo_log *ret, struct fault *reterr)
{
    struct undo_log log = {0};
    size_t most = count_lines(text);
    int64_t last_n = -1;
    int r = 0;
    if (most > UNDO_LINES_MAX)
        return fault_set(reterr, FAULT_CAP, "the undo log has more than %d lines", UNDO_LINES_MAX);
    log.values = json_array();
    log.lines = calloc(most + 1, sizeof(log.lines[0]));
    if (log.values == NULL || log.lines == NULL)
        r = -ENOMEM;
    for (size_t number = 1; r == 0 && text.len > 0; number++) {
        struct str line, rest;
        if (!str_split(text, '\n', &line, &rest)) {
            log.is_torn = true;
            break;
        }
        text = rest;
        r = parse_line(&log, line, &last_n, number, reterr);
    }
    if (r < 0) {
        undo_log_done(&log);
        return r == -ENOMEM ? fault_set(reterr, ENOMEM, "out of memory") : r;
    }
    *ret = log;
    return 0;
}

void undo_log_done(struct undo_log *log)
{
    free(log->lines);
    json_decref(log->values);
    *log = (struct undo_log){0};
}
