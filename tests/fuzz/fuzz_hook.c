/* rooms: tools wire base */
/* A hook's answer (first byte even), and the settings' hooks (odd). Whatever it is, it denies or is one of the few things that an answer
 * may be; and a list of hooks is whole or not there. */
#include "base/base.h"
#include "tools/hook.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(enum hook_event e, int code, struct str text)
{
    struct hook_answer a;
    if (hook_answer_read(e, code, text, text, &a) < 0)
        return;
    must(memchr(a.reason, 0, sizeof a.reason) && utf8_valid(str_of(a.reason)));
    must(a.verdict != HOOK_DENY || !a.input);
    must(e == HOOK_BEFORE || (a.verdict != HOOK_ASK && !a.input));
    must(code == 0 || a.verdict == HOOK_DENY);
    hook_answer_done(&a);
}

static void check_settings(struct str text)
{
    auto_json json_t *v = NULL;
    struct hook_list list = {0};
    char why[400] = "";
    if (json_parse(text, 1 << 20, &v, NULL) < 0)
        return;
    if (hooks_read(v, &list, why) < 0)
        must(list.count == 0 && *why);
    for (size_t i = 0; i < list.count; i++)
        must(list.at[i].argv[0][0] == '/' && list.at[i].timeout_ns > 0 && list.at[i].matcher);
    hook_list_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const struct str text = {(const char *)data + 1, size - 1};
    if (data[0] & 1)
        check_settings(text);
    else
        check_answer(data[0] & 2 ? HOOK_AFTER : HOOK_BEFORE, data[0] & 4 ? 2 : 0, text);
    return 0;
}
