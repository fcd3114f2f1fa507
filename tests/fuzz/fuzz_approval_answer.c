/* rooms: edge */
/* What a client of the approvals' socket sends and what is typed on a terminal: no line is a yes that does not say so, and a pattern
 * that is taken covers what was asked. */
#include "edge/question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *question(void)
{
    static json_t *q;
    if (!q)
        q = json_pack(
            "{s:s, s:s, s:[{s:s, s:s, s:b, s:s, s:s}, {s:s, s:s, s:b, s:s, s:s}], s:{s:s, s:s, s:b}}",
            "call", "c1", "what", "x wants it", "effects", "effect", "Write", "target", "/src/a.c",
            "recursive", 0, "rule", "default:write", "worst", "w", "effect", "Exec", "target",
            "make test", "recursive", 0, "rule", "default:exec", "worst", "w", "detail", "form",
            "diff", "text", "+a\n-b\n", "is_cut", 0);
    must(q);
    return q;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct approval_reply reply;
    struct fault why = {0};
    int64_t id = 0;
    if (question_read_json(text, &id, &reply, &why) == 0) {
        must(id >= 1 && reply.answer <= APPROVAL_NO);
        must(*reply.pattern == '\0' || reply.answer == APPROVAL_ALWAYS);
        must(reply.answer != APPROVAL_ALWAYS || reply.bounds.uses || reply.bounds.seconds ||
             reply.bounds.usd_pico);
        if (*reply.pattern)
            (void)!question_check_pattern(question(), reply.pattern, &why);
    }
    if (question_read_line(question(), text, &reply, &why) == 0) {
        char first = str_trim(text).at[0];
        must(reply.answer != APPROVAL_ONCE || first == 'y' || first == 'Y');
        must(*reply.pattern == '\0' ||
             question_check_pattern(question(), reply.pattern, &why) == 0);
    }
    return 0;
}
