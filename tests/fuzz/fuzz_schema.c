/* rooms: tools wire base */
/* First line a schema, the rest a value: any schema loads or is refused with a sentence, any value gets an answer, twice the same. */
#include "tools/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = {(const char *)data, size}, text = all, rest = {"", 0};
    auto_json json_t *schema_json = NULL, *value = NULL;
    auto_(schema) struct schema *schema = NULL;
    struct fault fault = {0};
    struct schema_error error = {0};
    (void)str_split(all, '\n', &text, &rest);
    if (json_parse(text, 1 << 16, &schema_json, NULL) != 0)
        return 0;
    int r = schema_compile(schema_json, &schema, &fault);
    must(r == 0 || (r == -FAULT_CONFIG && fault.text[0]));
    if (r != 0 || json_parse(rest, 1 << 16, &value, NULL) != 0)
        return 0;
    r = schema_validate(schema, value, &error);
    must(r == 0 || ((r == SCHEMA_INVALID || r == -FAULT_CAP) && error.sentence[0]));
    must(utf8_valid(str_of(error.sentence)) && utf8_valid(str_of(error.instance_path)));
    must(schema_validate(schema, value, NULL) == r);
    return 0;
}
