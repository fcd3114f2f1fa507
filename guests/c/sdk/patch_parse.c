/* See patch.h. Which form it is, and what both forms have in common. Pure. */
#include "patch_inside.h"

#include <stdlib.h>

bool patch_line_at(const struct patch_reader *r, size_t at, struct str *ret)
{
    if (at >= r->text.len)
        return false;
    *ret = str_part(r->text, at, str_line_end(r->text, at));
    if (ret->len > 0 && ret->at[ret->len - 1] == '\n')
        ret->len--;
    if (ret->len > 0 && ret->at[ret->len - 1] == '\r')
        ret->len--;
    return true;
}

bool patch_peek(const struct patch_reader *r, struct str *ret)
{
    return patch_line_at(r, r->at, ret);
}

void patch_next(struct patch_reader *r)
{
    r->at = str_line_end(r->text, r->at);
    r->number++;
}

bool patch_refuse(struct patch_reader *r, const char *what)
{
    buf_addf(r->why, "The patch cannot be read: line %zu %s.", r->number, what);
    return false;
}

/* --- what is made --- */

static void *room_for(void *list, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return list;
    *cap = *cap == 0 ? 16 : *cap * 2;
    return mem_grow(list, *cap, size);
}

bool patch_add_file(struct patch_reader *r, enum patch_op op, struct str path, struct str new_path)
{
    struct patch *p = r->patch;

    if (p->file_count == PATCH_FILES_MAX)
        return patch_refuse(r, "begins one file too many: at most 100 in one patch");
    if (path.len == 0)
        return patch_refuse(r, "names no file");
    if (path.at[0] == '"')
        return patch_refuse(r, "has a name in quotes; write it as it is");
    p->files = room_for(p->files, p->file_count, &r->file_cap, sizeof(*p->files));
    p->files[p->file_count++] =
        (struct patch_file){.op = op, .path = path, .new_path = new_path, .first = p->hunk_count};
    return true;
}

bool patch_add_hunk(struct patch_reader *r, struct patch_hunk hunk)
{
    struct patch *p = r->patch;

    if (p->hunk_count == PATCH_HUNKS_MAX)
        return patch_refuse(r, "begins one hunk too many: at most 10,000 in one patch");
    p->hunks = room_for(p->hunks, p->hunk_count, &r->hunk_cap, sizeof(*p->hunks));
    hunk.first = p->line_count;
    hunk.at_line = r->number;
    p->hunks[p->hunk_count++] = hunk;
    p->files[p->file_count - 1].count++;
    return true;
}

bool patch_add_line(struct patch_reader *r, enum patch_line_kind kind, struct str text)
{
    struct patch *p = r->patch;

    if (p->line_count == PATCH_LINES_MAX)
        return patch_refuse(r, "is one too many: at most 200,000 in one patch");
    p->lines = room_for(p->lines, p->line_count, &r->line_cap, sizeof(*p->lines));
    p->lines[p->line_count++] = (struct patch_line){text, (uint8_t)kind, false};
    p->hunks[p->hunk_count - 1].count++;
    return true;
}

bool patch_mark_open(struct patch_reader *r)
{
    struct patch *p = r->patch;

    if (p->hunk_count == 0 || p->hunks[p->hunk_count - 1].count == 0)
        return patch_refuse(r, "speaks of a line's end where there is no line");
    p->lines[p->line_count - 1].is_open = true;
    return true;
}

bool patch_is_blank_to_end(const struct patch_reader *r)
{
    for (size_t i = r->at; i < r->text.len; i++)
        if (strchr(" \t\r\n", r->text.at[i]) == NULL)
            return false;
    return true;
}

static bool check_hunks(struct patch_reader *r)
{
    const struct patch *p = r->patch;

    for (size_t f = 0; f < p->file_count; f++) {
        for (size_t h = 0; h < p->files[f].count; h++) {
            const struct patch_hunk *hunk = &p->hunks[p->files[f].first + h];
            size_t changes = 0;

            for (size_t i = 0; i < hunk->count; i++) {
                uint8_t kind = p->lines[hunk->first + i].kind;

                changes += kind == PATCH_DROP || kind == PATCH_PUT;
                r->number = hunk->at_line;
                if (p->files[f].op == PATCH_CREATE && kind != PATCH_PUT)
                    return patch_refuse(
                        r, "begins a hunk of a new file that has other lines than '+'");
            }
            r->number = hunk->at_line;
            if (changes == 0 && p->files[f].op == PATCH_UPDATE)
                return patch_refuse(r, "begins a hunk that changes nothing");
        }
        if (p->files[f].op == PATCH_UPDATE && p->files[f].count == 0 &&
            p->files[f].new_path.len == 0) {
            buf_addf(r->why, "The patch has no hunk for its file number %zu.", f + 1);
            return false;
        }
    }
    return true;
}

bool patch_parse(struct str text, struct patch *ret, struct buf *reterr)
{
    struct patch_reader reader = {.text = text, .number = 1, .patch = ret, .why = reterr};
    struct str line;
    bool is_done;

    *ret = (struct patch){.file_count = 0};
    while (patch_peek(&reader, &line) && trimmed(line).len == 0)
        patch_next(&reader);
    if (patch_peek(&reader, &line) && begins(line, "*** Begin Patch"))
        is_done = patch_parse_v4a(&reader);
    else
        is_done = patch_parse_unified(&reader);
    if (is_done && check_hunks(&reader))
        return true;
    patch_done(ret);
    return false;
}

void patch_done(struct patch *patch)
{
    free(patch->files);
    free(patch->hunks);
    free(patch->lines);
    *patch = (struct patch){.file_count = 0};
}
