/* Answers the official JSON Schema suite: reads lines {"schema": ..., "tests": [{"data": ...}, ...]} from stdin and prints one
 * line for each, {"load": null or sentence, "valid": [true, false, ...]}. schema_suite.py builds and drives it. */
#include "base/buf.h"
#include "tools/schema.h"
#include "wire/json.h"

#include <stdio.h>

static int answer(struct str line, json_t *ret)
{
    auto_json json_t *group = NULL;
    auto_(schema) struct schema *schema = NULL;
    struct fault fault = {0};
    struct schema_error error;
    json_t *valid = json_array();
    json_object_set_new(ret, "valid", valid);
    /* Not json_parse(): that refuses U+0000 at the door, which the suite has values with. */
    group = json_loadb(line.at, line.len, JSON_ALLOW_NUL, NULL);
    int r = group ? 0 : -FAULT_INPUT;
    if (r == 0)
        r = schema_compile(json_object_get(group, "schema"), &schema, &fault);
    json_object_set_new(
        ret, "load", r ? json_string(fault.text[0] ? fault.text : fault_sentence(r)) : json_null());
    const json_t *tests = json_object_get(group, "tests");
    for (size_t i = 0; r == 0 && i < json_array_size(tests); i++) {
        const json_t *data = json_object_get(json_array_get(tests, i), "data");
        json_array_append_new(valid, json_boolean(schema_validate(schema, data, &error) == 0));
    }
    return r;
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    json_start(1);
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        auto_json json_t *out = json_object();
        struct buf text;
        buf_init(&text, JSON_SIZE_MAX);
        (void)!answer((struct str){line, (size_t)n}, out);
        if (json_print(out, &text) != 0)
            return 1;
        puts(buf_str(&text).at);
        fflush(stdout);
        buf_done(&text);
    }
    free(line);
    return 0;
}
