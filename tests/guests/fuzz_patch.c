/* A patch and a text parted by a NUL. What comes out of a patch that fits has the lines it says, and a patch that was parsed
 * holds only parts of itself. */
#include "patch.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct str part, struct str whole)
{
    if (part.len > 0 && (part.at < whole.at || part.at + part.len > whole.at + whole.len))
        abort();
}

static size_t lines_of(struct str text)
{
    return str_count(text, '\n') + (text.len > 0 && text.at[text.len - 1] != '\n');
}

static void apply(const struct patch *patch, const struct patch_file *file, struct str text)
{
    struct patch_report report;
    struct buf out;
    struct buf why;
    enum patch_outcome outcome;

    buf_init(&why, 16 << 10);
    outcome = patch_apply(patch, file, text, &out, &report, &why);
    if (outcome != PATCH_OK) {
        if (why.len == 0)
            abort();
        buf_done(&why);
        return;
    }
    if (why.len != 0 || lines_of(buf_str(&out)) > lines_of(text) + report.added - report.removed)
        abort();
    buf_done(&out);
    buf_done(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *end = size > 0 ? memchr(data, '\0', size) : NULL;
    struct str source = {(const char *)data,
                         end != NULL ? (size_t)(end - (const char *)data) : size};
    struct str text = {end != NULL ? end + 1 : "", end != NULL ? size - source.len - 1 : 0};
    struct patch patch;
    struct buf why;

    buf_init(&why, 4 << 10);
    if (size == 0 || !patch_parse(source, &patch, &why)) {
        if (size > 0 && why.len == 0)
            abort();
        buf_done(&why);
        return 0;
    }
    for (size_t i = 0; i < patch.line_count; i++)
        check_inside(patch.lines[i].text, source);
    for (size_t i = 0; i < patch.file_count; i++) {
        check_inside(patch.files[i].path, source);
        if (patch.files[i].path.len == 0 ||
            patch.files[i].first + patch.files[i].count > patch.hunk_count)
            abort();
        apply(&patch, &patch.files[i],
              patch.files[i].op == PATCH_CREATE ? (struct str){"", 0} : text);
    }
    patch_done(&patch);
    buf_done(&why);
    return 0;
}
