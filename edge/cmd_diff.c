/* boxagnts diff: what a session, or one call of it, changed in files: unified, as counts, or as JSON. What is shown is of others
 * (names, contents), so it is made harmless for a terminal unless --raw asks for bytes that patch(1) can use. */
#include "base/linediff.h"
#include "edge/app.h"
#include "edge/cmd_undo.h"
#include "edge/commands.h"
#include "edge/safe.h"
#include "host/undo.h"
#include "host/undo_diff.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX ((size_t)8 << 20)  /* longer ones are named, not compared by line */
#define TEXT_MAX ((size_t)32 << 20) /* of one file's hunks */
#define JSON_MAX ((size_t)64 << 20) /* of all hunks in one JSON object */
enum { CONTEXT = 3 };

static const struct option_row options_diff[] = {
    {OPT_STAT, "stat", 0, OPTION_FLAG, NULL, "only how many lines of each file"},
    {OPT_RAW, "raw", 0, OPTION_FLAG, NULL,
     "bytes as they are, for `git apply` or patch; never to a terminal you care about"},
    {0},
};
static const struct option_row *const tables[] = {options_diff, options_common, NULL};

static int cmd_diff(const struct parsed *p, struct fault *reterr);

const struct command command_diff = {
    .name = "diff",
    .usage = "SESSION[/CALL]",
    .summary = "show what a session or a call changed in files (SESSION may be `last`)",
    .text =
        "From before it to now; of one call, to what the call left. Calls that were undone are not in it.\n"
        "Lines that begin with # tell what a patch cannot: folders, files that are not text or longer than 8 MiB.\n",
    .tables = tables,
    .run = cmd_diff,
};

struct showing {
    bool is_json, is_stat, is_raw;
    json_t *files; /* own; of JSON */
    size_t changed, added, removed, json_bytes;
    bool json_is_cut;
};

/* What the two sides are to a reader. */
enum content { CONTENT_TEXT, CONTENT_BINARY, CONTENT_LONG, CONTENT_UNREAD, CONTENT_SAME };

struct shown {
    const struct undo_change *c;
    enum content content;
    struct buf hunks;
    struct linediff_count count;
};

/* --- contents --- */

static bool is_file(const struct undo_side *s)
{
    return strcmp(s->kind, "file") == 0;
}

static bool is_none(const struct undo_side *s)
{
    return strcmp(s->kind, "none") == 0;
}

static bool is_link(const struct undo_side *s)
{
    return strcmp(s->kind, "link") == 0;
}

static int read_side(const struct undo_side *s, struct buf *out)
{
    buf_init(out, FILE_MAX);
    if (is_link(s))
        return buf_add_z(out, s->target ? s->target : "");
    return is_file(s) ? os_read_all(s->fd, out) : 0;
}

static enum content judge(const struct undo_side *s)
{
    if (!is_file(s))
        return CONTENT_TEXT;
    if (s->fd < 0)
        return CONTENT_UNREAD;
    return s->size > (int64_t)FILE_MAX ? CONTENT_LONG : CONTENT_TEXT;
}

static bool is_binary(const struct buf *text)
{
    return text->len > 0 && memchr(text->at, '\0', text->len) != NULL;
}

static int compare(struct shown *x)
{
    auto_done(buf) struct buf before = {0}, after = {0};
    int r = read_side(&x->c->before, &before);
    if (r == 0)
        r = read_side(&x->c->after, &after);
    if (r < 0) {
        x->content = CONTENT_UNREAD; /* it grew, or went, while it was looked at */
        return r == -ENOMEM ? r : 0;
    }
    if (str_eq(buf_str(&before), buf_str(&after)))
        x->content = CONTENT_SAME;
    else if (is_binary(&before) || is_binary(&after))
        x->content = CONTENT_BINARY;
    else {
        r = linediff_unified(buf_str(&before), buf_str(&after), CONTEXT, &x->hunks, &x->count);
        if (r == -FAULT_CAP) {
            x->content = CONTENT_LONG;
            x->count = (struct linediff_count){0};
            r = 0;
        }
    }
    return r;
}

static int look_at(struct shown *x)
{
    enum content before = judge(&x->c->before), after = judge(&x->c->after);
    x->content = before > after ? before : after;
    return x->content == CONTENT_TEXT ? compare(x) : 0;
}

static const char *op_of(const struct undo_change *c)
{
    if (c->from)
        return "renamed";
    return is_none(&c->before) ? "created" : is_none(&c->after) ? "deleted" : "changed";
}

/* --- as text --- */

static void print(const struct showing *s, struct str text)
{
    if (s->is_raw)
        fwrite(text.at, 1, text.len, stdout);
    else
        safe_print(stdout, text);
}

/* a/src/x.c; quoted as git does when a letter of it would not be taken as itself. */
static void print_name(const struct showing *s, const char *prefix, const char *path)
{
    bool is_odd = false;
    for (const char *p = path; *p; p++)
        is_odd = is_odd || (unsigned char)*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\';
    if (is_odd)
        putchar('"');
    fputs(prefix, stdout);
    if (!is_odd)
        print(s, str_of(path));
    for (const char *p = path; is_odd && *p; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            printf("\\%03o", (unsigned)(unsigned char)*p);
        else if (*p == '"' || *p == '\\')
            printf("\\%c", *p);
        else
            putchar(*p);
    }
    if (is_odd)
        putchar('"');
}

static void print_remark(const struct showing *s, const char *path, const char *what)
{
    fputs("# ", stdout);
    print_name(s, "", path);
    printf(": %s\n", what);
}

static unsigned git_mode(const struct undo_side *s)
{
    return is_link(s) ? 0120000 : 0100000 | s->mode;
}

static void print_pair(const struct showing *s, const struct undo_change *c, const char *before,
                       const char *between, const char *after)
{
    fputs(before, stdout);
    print_name(s, "a", c->from ? c->from : c->path);
    fputs(between, stdout);
    print_name(s, "b", c->path);
    fputs(after, stdout);
}

static void print_header(const struct showing *s, const struct undo_change *c)
{
    print_pair(s, c, "diff --git ", " ", "\n");
    if (is_none(&c->before))
        printf("new file mode %06o\n", git_mode(&c->after));
    else if (is_none(&c->after))
        printf("deleted file mode %06o\n", git_mode(&c->before));
    else if (git_mode(&c->before) != git_mode(&c->after))
        printf("old mode %06o\nnew mode %06o\n", git_mode(&c->before), git_mode(&c->after));
    if (c->from) {
        fputs("rename from ", stdout);
        print_name(s, "", c->from + 1);
        fputs("\nrename to ", stdout);
        print_name(s, "", c->path + 1);
        putchar('\n');
    }
}

static void print_hunks(const struct showing *s, const struct shown *x)
{
    const struct undo_change *c = x->c;
    fputs("--- ", stdout);
    if (is_none(&c->before))
        fputs("/dev/null", stdout);
    else
        print_name(s, "a", c->from ? c->from : c->path);
    fputs("\n+++ ", stdout);
    if (is_none(&c->after))
        fputs("/dev/null", stdout);
    else
        print_name(s, "b", c->path);
    putchar('\n');
    print(s, buf_str(&x->hunks));
}

/* Folders, and what is neither file nor link: no patch can say that. */
static bool print_special(const struct showing *s, const struct undo_change *c)
{
    char what[200];
    const struct undo_side *b = &c->before, *a = &c->after;
    bool before = is_none(b) || is_file(b) || is_link(b),
         after = is_none(a) || is_file(a) || is_link(a);
    if (before && after)
        return false;
    const char *kind = strcmp(before ? a->kind : b->kind, "dir") == 0 ? "folder" : "special file";
    if (c->from) {
        fputs("# ", stdout);
        print_name(s, "", c->path);
        printf(": %s renamed, before ", kind);
        print_name(s, "", c->from);
        putchar('\n');
        return true;
    }
    if (is_none(b))
        (void)snprintf(what, sizeof(what), "%s created, mode %04o", kind, a->mode);
    else if (is_none(a))
        (void)snprintf(what, sizeof(what), "%s deleted, mode %04o", kind, b->mode);
    else if (strcmp(a->kind, b->kind) == 0)
        (void)snprintf(what, sizeof(what), "%s mode %04o, before %04o", kind, a->mode, b->mode);
    else
        (void)snprintf(what, sizeof(what), "%s, before %s", a->kind, b->kind);
    print_remark(s, c->path, what);
    return true;
}

static void print_unified(const struct showing *s, const struct shown *x)
{
    const struct undo_change *c = x->c;
    if (c->is_changed_since)
        print_remark(s, c->path, "changed since by someone else; what follows has that in it, too");
    if (print_special(s, c))
        return;
    print_header(s, c);
    switch (x->content) {
    case CONTENT_SAME: return;
    case CONTENT_TEXT: print_hunks(s, x); return;
    case CONTENT_BINARY: print_pair(s, c, "Binary files ", " and ", " differ\n"); return;
    case CONTENT_LONG:
        print_pair(s, c, "# too long to be compared by line: ", " and ", " differ\n");
        return;
    case CONTENT_UNREAD: print_remark(s, c->path, "its contents cannot be read"); return;
    }
}

static void print_stat(const struct showing *s, const struct shown *x)
{
    const struct undo_change *c = x->c;
    char before[32] = "?", after[32] = "?";
    printf(" %-8s ", op_of(c));
    if (c->from) {
        print_name(s, "", c->from);
        fputs(" => ", stdout);
    }
    print_name(s, "", c->path);
    if (x->content == CONTENT_BINARY || x->content == CONTENT_LONG) {
        if (c->before.size >= 0 || is_none(&c->before))
            (void)snprintf(before, sizeof(before), "%lld",
                           (long long)(c->before.size < 0 ? 0 : c->before.size));
        if (c->after.size >= 0 || is_none(&c->after))
            (void)snprintf(after, sizeof(after), "%lld",
                           (long long)(c->after.size < 0 ? 0 : c->after.size));
        printf(" | %s %s -> %s bytes\n", x->content == CONTENT_BINARY ? "binary" : "long", before,
               after);
    } else if (is_file(&c->before) || is_file(&c->after)) {
        printf(" | +%zu -%zu%s\n", x->count.added, x->count.removed,
               x->content == CONTENT_UNREAD ? " (cannot be read)" : "");
    } else {
        printf(" | %s\n", is_none(&c->after) ? c->before.kind : c->after.kind);
    }
}

/* --- as JSON --- */

static json_t *side_json(const struct undo_side *s)
{
    json_t *o = json_pack("{s:s, s:i}", "kind", s->kind, "mode", (int)s->mode);
    if (o && s->size >= 0)
        (void)json_object_set_new(o, "size", json_integer(s->size));
    if (o && s->sha256 && *s->sha256)
        (void)json_object_set_new(o, "sha256", json_string(s->sha256));
    if (o && s->target)
        (void)json_object_set_new(o, "target", json_string_lossy(str_of(s->target)));
    return o;
}

static int add_json(struct showing *s, const struct shown *x)
{
    static const char *const contents[] = {"text", "binary", "long", "unread", "same"};
    const struct undo_change *c = x->c;
    json_t *o = json_pack("{s:o, s:s, s:s, s:i, s:i, s:o, s:o, s:b}", "path",
                          json_string_lossy(str_of(c->path)), "op", op_of(c), "content",
                          contents[x->content], "added", (int)x->count.added, "removed",
                          (int)x->count.removed, "before", side_json(&c->before), "after",
                          side_json(&c->after), "changed_since", c->is_changed_since);
    if (json_array_append_new(s->files, o) < 0)
        return -ENOMEM;
    if (c->from && json_object_set_new(o, "from", json_string_lossy(str_of(c->from))) < 0)
        return -ENOMEM;
    if (x->content != CONTENT_TEXT || s->is_stat)
        return 0;
    s->json_bytes += x->hunks.len;
    if (s->json_bytes > JSON_MAX) {
        s->json_is_cut = true;
        return 0;
    }
    return json_object_set_new(o, "diff", json_string_lossy(buf_str(&x->hunks))) < 0 ? -ENOMEM : 0;
}

/* --- */

static int on_change(const struct undo_change *c, void *arg)
{
    struct showing *s = arg;
    struct shown x = {.c = c};
    buf_init(&x.hunks, TEXT_MAX);
    int r = look_at(&x);
    s->changed++;
    s->added += x.count.added;
    s->removed += x.count.removed;
    if (r == 0 && s->is_json)
        r = add_json(s, &x);
    else if (r == 0 && s->is_stat)
        print_stat(s, &x);
    else if (r == 0)
        print_unified(s, &x);
    buf_done(&x.hunks);
    return r;
}

static void print_about(const struct showing *s, const char *session, const json_t *about)
{
    size_t i;
    const json_t *id;
    if (s->is_stat)
        printf(" %zu changed, +%zu -%zu lines\n", s->changed, s->added, s->removed);
    undo_say_dropped(session, about);
    if (s->changed == 0)
        fprintf(stderr, "boxagnts: %s changed no file, or was undone\n", session);
    json_array_foreach(json_object_get(about, "unknown"), i, id)
    {
        fputs("boxagnts: call ", stderr);
        safe_print_line(stderr, json_string_value(id));
        fputs(" was killed before its end: what it left was not written down\n", stderr);
    }
}

static int print_json(const struct showing *s, const char *session, const char *call,
                      const json_t *about)
{
    auto_json json_t *all =
        json_pack("{s:i, s:s, s:s?, s:O, s:O, s:O, s:O, s:{s:i, s:i, s:i}, s:b}", "v", 1, "session",
                  session, "call", call, "calls", json_object_get(about, "calls"), "unknown",
                  json_object_get(about, "unknown"), "dropped", json_object_get(about, "dropped"),
                  "files", s->files, "total", "files", (int)s->changed, "added", (int)s->added,
                  "removed", (int)s->removed, "diffs_cut", s->json_is_cut);
    /* Letters that act on a terminal are not all below U+0020. */
    auto_free char *text = all ? json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    if (!text)
        return -ENOMEM;
    puts(text);
    return 0;
}

static int show(struct state *state, const char *session, const char *call, struct showing *s,
                struct fault *reterr)
{
    auto_json json_t *about = NULL;
    int r = undo_diff(state, session, call, on_change, s, &about, reterr);
    if (r < 0)
        return r;
    if (s->is_json)
        return print_json(s, session, call, about);
    print_about(s, session, about);
    return 0;
}

static int cmd_diff(const struct parsed *p, struct fault *reterr)
{
    struct str session, head, call = {NULL, 0};
    if (p->positional_count != 1 || str_ends(str_of(p->positional[0]), STR("/")))
        return fault_set(reterr, FAULT_USAGE,
                         "diff: which SESSION[/CALL]? `boxagnts session list` shows them");
    session = str_of(p->positional[0]);
    if (str_split(session, '/', &head, &call))
        session = head;
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    struct showing s = {.is_json = option_flag(p, OPT_JSON),
                        .is_stat = option_flag(p, OPT_STAT),
                        .is_raw = option_flag(p, OPT_RAW),
                        .files = json_array()};
    int r = s.files ? state_open(&state, reterr) : -ENOMEM;
    if (r == 0)
        r = session_find(state, session, &row, reterr);
    if (r == 0)
        r = show(state, row.id, call.at, &s, reterr);
    session_row_done(&row);
    json_decref(s.files);
    return r;
}
