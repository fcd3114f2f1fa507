/* The edit engine on any text: a first byte of options, then old, new and text parted by a NUL. The result must be what
 * it says it is: as many replacements as counted, and the size that follows from them. */
#include "edits.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str take_part(struct str *rest)
{
    const char *end = rest->len > 0 ? memchr(rest->at, '\0', rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->at) : rest->len;
    struct str part = str_part(*rest, 0, len);

    *rest = str_part(*rest, end != NULL ? len + 1 : len, rest->len);
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct edit edits[2] = {0};
    size_t count;
    struct buf text;
    struct buf report;
    struct buf why;

    if (size < 1)
        return 0;
    count = 1 + (data[0] & 1);
    rest = str_part(rest, 1, rest.len);
    for (size_t i = 0; i < count; i++) {
        edits[i].replace_all = (data[0] >> (i + 1) & 1) != 0;
        edits[i].old_text = take_part(&rest);
        edits[i].new_text = take_part(&rest);
    }
    buf_init(&report, EDITS_REPORT_MAX);
    buf_init(&why, 8 << 10);
    if (edits_apply(rest, edits, count, &text, &report, &why) == EDITS_OK) {
        size_t wanted = rest.len;

        for (size_t i = 0; i < count; i++)
            wanted += edits[i].replaced * edits[i].new_text.len -
                      edits[i].replaced * edits[i].old_text.len;
        if (wanted != text.len || report.len == 0 || why.len != 0)
            abort();
        buf_done(&text);
    } else if (why.len == 0) {
        abort();
    }
    buf_done(&report);
    buf_done(&why);
    return 0;
}
