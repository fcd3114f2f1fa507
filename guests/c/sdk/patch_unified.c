/* Unified diffs. Reads what models write, too: wrong counts in "@@ -1,3 +1,4 @@", no numbers at all, blank lines that lost their
 * leading blank. Pure. */
#include "patch_inside.h"

/* "12" or "12,3" at the start; *text moves behind it. */
static bool take_range(struct str *text, size_t *ret_line, size_t *ret_count)
{
    size_t numbers[2] = {0, 1};
    size_t i = 0;

    for (size_t n = 0; n < 2; n++) {
        size_t from = i;

        for (numbers[n] = 0; i < text->len && text->at[i] >= '0' && text->at[i] <= '9'; i++)
            if (numbers[n] < 100000000)
                numbers[n] = numbers[n] * 10 + (size_t)(text->at[i] - '0');
        if (i == from)
            return false;
        if (n == 0 && (i == text->len || text->at[i] != ','))
            break;
        i += n == 0;
    }
    *ret_line = numbers[0];
    *ret_count = numbers[1];
    *text = str_part(*text, i, text->len);
    return true;
}

/* "@@ -1,2 +3,4 @@ ..."; without numbers the place is not said. */
static bool take_hunk_head(struct str line, struct patch_hunk *ret, size_t *ret_old,
                           size_t *ret_new)
{
    size_t ignored;

    *ret = (struct patch_hunk){.count = 0};
    *ret_old = *ret_new = 0;
    line = trimmed(rest_of(line, "@@"));
    if (!begins(line, "-"))
        return true;
    line = rest_of(line, "-");
    if (!take_range(&line, &ret->old_line, ret_old))
        return false;
    line = trimmed(line);
    if (!begins(line, "+"))
        return false;
    line = rest_of(line, "+");
    ret->has_line = true;
    return take_range(&line, &ignored, ret_new);
}

/* Does another file begin at `at`? "--- a" counts when "+++ b" and a hunk follow: so it is no removed line "-- a". */
static bool is_file_head(const struct patch_reader *r, size_t at)
{
    struct str line;
    size_t second = at < r->text.len ? str_line_end(r->text, at) : at;
    struct str follow;

    if (!patch_line_at(r, at, &line))
        return false;
    if (begins(line, "diff --git "))
        return true;
    if (!begins(line, "--- ") || !patch_line_at(r, second, &follow) || !begins(follow, "+++ "))
        return false;
    return !patch_line_at(r, str_line_end(r->text, second), &line) || begins(line, "@@");
}

/* One line of a hunk's body. false with *ret_is_over: the hunk ends before this line. */
static bool take_body_line(struct patch_reader *r, struct str line, size_t *old_left,
                           size_t *new_left, bool *ret_is_over)
{
    bool is_full = *old_left == 0 && *new_left == 0;
    char sign = line.len > 0 ? line.at[0] : ' ';
    struct str text = line.len > 0 ? str_part(line, 1, line.len) : line;
    enum patch_line_kind kind = sign == '-' ? PATCH_DROP : sign == '+' ? PATCH_PUT : PATCH_KEEP;

    if (sign == '\\')
        return patch_mark_open(r);
    /* "-- " is where git signs a mail */
    *ret_is_over = (is_full && str_equal(line, STR("-- "))) || strchr(" +-", sign) == NULL ||
                   sign == '\0' || (line.len == 0 && is_full) ||
                   (line.len == 0 && patch_is_blank_to_end(r));
    if (*ret_is_over)
        return true;
    if (kind != PATCH_PUT && *old_left > 0)
        --*old_left;
    if (kind != PATCH_DROP && *new_left > 0)
        --*new_left;
    return patch_add_line(r, kind, text);
}

static bool take_hunk(struct patch_reader *r)
{
    struct patch_hunk hunk;
    size_t old_left;
    size_t new_left;
    struct str line;

    if (!patch_peek(r, &line) || !take_hunk_head(line, &hunk, &old_left, &new_left))
        return patch_refuse(r, "is no \"@@ -line,count +line,count @@\"");
    if (!patch_add_hunk(r, hunk))
        return false;
    patch_next(r);
    while (patch_peek(r, &line) && !begins(line, "@@") && !is_file_head(r, r->at)) {
        bool is_over = false;

        if (!take_body_line(r, line, &old_left, &new_left, &is_over))
            return false;
        if (is_over)
            break;
        patch_next(r);
    }
    if (r->patch->hunks[r->patch->hunk_count - 1].count == 0)
        return patch_refuse(r,
                            "comes where a hunk should have lines that begin with ' ', '-' or '+'");
    return true;
}

/* "--- a/x\t2024-01-01": the name without what stands behind the tab. */
static struct str name_of(struct str line, const char *head)
{
    struct str name = rest_of(line, head);
    const char *tab = name.len > 0 ? memchr(name.at, '\t', name.len) : NULL;

    return trimmed(tab != NULL ? str_part(name, 0, (size_t)(tab - name.at)) : name);
}

/* git's "a/" and "b/" are no folders, when both sides have them (or one is /dev/null). */
static void strip(struct str *old_name, struct str *new_name)
{
    bool is_old_null = str_equal(*old_name, STR("/dev/null"));
    bool is_new_null = str_equal(*new_name, STR("/dev/null"));

    if ((!is_old_null && !begins(*old_name, "a/")) || (!is_new_null && !begins(*new_name, "b/")))
        return;
    if (!is_old_null)
        *old_name = rest_of(*old_name, "a/");
    if (!is_new_null)
        *new_name = rest_of(*new_name, "b/");
}

static bool take_names(struct patch_reader *r, struct str rename_from, struct str rename_to)
{
    struct str old_name = STR("");
    struct str new_name = STR("");
    struct str line;

    if (patch_peek(r, &line))
        old_name = name_of(line, "--- ");
    patch_next(r);
    if (!patch_peek(r, &line) || !begins(line, "+++ "))
        return patch_refuse(r, "should be \"+++ name\", after \"--- name\"");
    new_name = name_of(line, "+++ ");
    strip(&old_name, &new_name);
    if (str_equal(old_name, STR("/dev/null"))) {
        if (!patch_add_file(r, PATCH_CREATE, new_name, STR("")))
            return false;
    } else if (str_equal(new_name, STR("/dev/null"))) {
        if (!patch_add_file(r, PATCH_DELETE, old_name, STR("")))
            return false;
    } else if (rename_to.len > 0) {
        if (!patch_add_file(r, PATCH_UPDATE, rename_from, rename_to))
            return false;
    } else if (!patch_add_file(r, PATCH_UPDATE, new_name, STR(""))) {
        return false;
    }
    patch_next(r);
    return true;
}

/* The lines of git between "diff --git" and the hunks. */
struct git_head {
    bool is_open; /* a "diff --git" whose file has not come yet */
    struct str from, to;
};

static bool end_git_head(struct patch_reader *r, struct git_head *head)
{
    bool is_rename = head->is_open && head->from.len > 0 && head->to.len > 0;
    struct str from = head->from;
    struct str to = head->to;

    *head = (struct git_head){.is_open = false, .from = STR(""), .to = STR("")};
    return !is_rename || patch_add_file(r, PATCH_UPDATE, from, to);
}

static bool take_unified_line(struct patch_reader *r, struct str line, struct git_head *head)
{
    if (begins(line, "diff --git ")) {
        if (!end_git_head(r, head))
            return false;
        head->is_open = true;
    } else if (begins(line, "rename from ")) {
        head->from = trimmed(rest_of(line, "rename from "));
    } else if (begins(line, "rename to ")) {
        head->to = trimmed(rest_of(line, "rename to "));
    } else if (begins(line, "copy from ") || begins(line, "GIT binary patch") ||
               begins(line, "Binary files ")) {
        return patch_refuse(r, "asks for a copy or for bytes, which are not known here");
    } else if (begins(line, "--- ")) {
        struct str from = head->from;
        struct str to = head->to;

        *head = (struct git_head){.is_open = false, .from = STR(""), .to = STR("")};
        return take_names(r, from, to);
    } else if (begins(line, "@@") && r->patch->file_count > 0) {
        return take_hunk(r);
    } else if (begins(line, "@@")) {
        return patch_refuse(r, "is a hunk before any \"--- name\" and \"+++ name\"");
    }
    patch_next(r);
    return true;
}

bool patch_parse_unified(struct patch_reader *r)
{
    struct git_head head = {.is_open = false, .from = STR(""), .to = STR("")};
    struct str line;

    while (patch_peek(r, &line))
        if (!take_unified_line(r, line, &head))
            return false;
    if (!end_git_head(r, &head))
        return false;
    if (r->patch->file_count == 0) {
        buf_addf(
            r->why,
            "The patch cannot be read: it has neither \"--- name\" and \"+++ name\" (unified diff) nor "
            "\"*** Begin Patch\" (V4A).");
        return false;
    }
    return true;
}
