/* rooms: tools wire base */
/* Any lines are verdicts or sentences; an answer is one line of JSON with a verdict that exists. */
#include "tools/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, line;
    auto_(replay) struct replay *r = NULL;
    auto_done(buf) struct buf out;
    must(replay_new(NULL, PROVENANCE_ASK, &r) == 0);
    buf_init(&out, 65536);
    while (rest.len > 0) {
        struct fault why = {0};
        struct str tail = {rest.at + rest.len, 0};
        line = rest;
        (void)str_split(rest, '\n', &line, &tail);
        rest = tail;
        buf_reset(&out);
        int result = replay_line(r, line, &out, &why);
        must(result == 0 || (result == -FAULT_INPUT && *why.text && utf8_valid(str_of(why.text))));
        must(result == 0 || out.len == 0);
        if (out.len == 0)
            continue;
        auto_json json_t *said = NULL;
        must(out.at[out.len - 1] == '\n' && memchr(out.at, '\n', out.len - 1) == NULL);
        must(json_parse(str_trim(buf_str(&out)), 65536, &said, &why) == 0);
        const char *verdict = json_string_value(json_object_get(said, "verdict"));
        must(verdict && (strcmp(verdict, "allow") == 0 || strcmp(verdict, "ask") == 0 ||
                         strcmp(verdict, "deny") == 0));
    }
    return 0;
}
