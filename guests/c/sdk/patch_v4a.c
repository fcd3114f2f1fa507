/* The V4A form: "*** Begin Patch", files by "*** Update File: name" and the like, places by "@@ line" instead of numbers. A
 * missing "*** End Patch" is taken for the end of the text. Pure. */
#include "patch_inside.h"

static bool needs_new_hunk(const struct patch_reader *r, bool is_anchor)
{
    const struct patch *p = r->patch;
    const struct patch_file *file = &p->files[p->file_count - 1];

    if (file->count == 0)
        return true;
    /* a second anchor narrows the first, unless lines came between */
    return is_anchor && p->lines[p->line_count - 1].kind != PATCH_ANCHOR;
}

static bool take_v4a_update_line(struct patch_reader *r, struct str line)
{
    char sign = line.len > 0 ? line.at[0] : ' ';
    struct str text = line.len > 0 ? str_part(line, 1, line.len) : line;
    bool is_anchor = begins(line, "@@");

    if (!is_anchor && (strchr(" +-", sign) == NULL || sign == '\0'))
        return patch_refuse(r, "of an update must begin with ' ', '-', '+' or \"@@\"");
    if (needs_new_hunk(r, is_anchor) && !patch_add_hunk(r, (struct patch_hunk){.count = 0}))
        return false;
    if (is_anchor) {
        text = rest_of(line, "@@");
        if (begins(text, " "))
            text = rest_of(text, " ");
        return patch_add_line(r, PATCH_ANCHOR, text);
    }
    return patch_add_line(r, sign == '-' ? PATCH_DROP : sign == '+' ? PATCH_PUT : PATCH_KEEP, text);
}

static bool take_v4a_line(struct patch_reader *r, struct str line, bool *ret_is_end)
{
    struct patch *p = r->patch;
    struct patch_file *file = p->file_count > 0 ? &p->files[p->file_count - 1] : NULL;

    if (begins(line, "*** End Patch")) {
        *ret_is_end = true;
        return true;
    }
    if (begins(line, "*** Update File: "))
        return patch_add_file(r, PATCH_UPDATE, trimmed(rest_of(line, "*** Update File: ")),
                              STR(""));
    if (begins(line, "*** Delete File: "))
        return patch_add_file(r, PATCH_DELETE, trimmed(rest_of(line, "*** Delete File: ")),
                              STR(""));
    if (begins(line, "*** Add File: "))
        return patch_add_file(r, PATCH_CREATE, trimmed(rest_of(line, "*** Add File: ")), STR("")) &&
               patch_add_hunk(r, (struct patch_hunk){.has_line = true});
    if (begins(line, "*** Move to: ") && file != NULL && file->op == PATCH_UPDATE &&
        file->count == 0) {
        file->new_path = trimmed(rest_of(line, "*** Move to: "));
        return file->new_path.len > 0 || patch_refuse(r, "names no file");
    }
    if (begins(line, "*** End of File") && file != NULL && file->count > 0) {
        p->hunks[p->hunk_count - 1].is_end = true;
        return true;
    }
    if (begins(line, "*** ") || file == NULL)
        return patch_refuse(
            r, "is none of *** Update File: name, *** Add File: name, *** Delete File: name, "
               "*** Move to: name (behind an update), *** End of File, *** End Patch");
    if (file->op == PATCH_UPDATE)
        return take_v4a_update_line(r, line);
    if (file->op == PATCH_CREATE && begins(line, "+"))
        return patch_add_line(r, PATCH_PUT, rest_of(line, "+"));
    return line.len == 0 || patch_refuse(r, file->op == PATCH_CREATE
                                                ? "of a new file must begin with '+'"
                                                : "comes behind a deletion, which has no lines");
}

bool patch_parse_v4a(struct patch_reader *r)
{
    struct str line;
    bool is_end = false;

    patch_next(r);
    for (; patch_peek(r, &line) && !is_end; patch_next(r)) {
        if (line.len == 0 && patch_is_blank_to_end(r))
            break;
        if (!take_v4a_line(r, line, &is_end))
            return false;
    }
    if (r->patch->file_count > 0)
        return true;
    buf_addf(r->why, "The patch names no file.");
    return false;
}
