/* rooms: tools run wire base */
/* Whatever a tool writes, there is a result of the documented shape, and no text in it acts on a terminal. */
#include "tools/receipt.h"

static void check_text(const json_t *v)
{
    const char *text = json_string_value(v);
    must(text != NULL);
    for (const char *c = text; *c; c++)
        must((unsigned char)*c >= 0x20 || *c == '\n' || *c == '\t' || (*c == '\r' && c[1] == '\n'));
    must(strchr(text, 0x7f) == NULL && strstr(text, "\xc2\x9b") == NULL &&
         strlen(text) == json_string_length(v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sandbox_outcome o;
    sandbox_outcome_init(&o, 1 << 20);
    if (size > 0) {
        o.exit_code = data[0] & 1;
        o.stop = data[0] & 2 ? SANDBOX_TIMEOUT : SANDBOX_EXIT;
        buf_add(data[0] & 4 ? &o.err : &o.out, data + 1, size - 1);
    }
    auto_json json_t *result = result_from_output(NULL, &o);
    const json_t *content = json_object_get(result, "content");
    must(json_is_array(content) && json_is_boolean(json_object_get(result, "is_error")) &&
         json_object_get(result, "structured"));
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *item = json_array_get(content, i);
        const char *type = json_string_value(json_object_get(item, "type"));
        must(type && (strcmp(type, "text") == 0 || strcmp(type, "image") == 0));
        if (strcmp(type, "text") == 0)
            check_text(json_object_get(item, "text"));
    }
    must(o.stop == SANDBOX_EXIT || json_is_true(json_object_get(result, "is_error")));
    const struct receipt_facts facts = {
        .call = "c", .agent = "a", .tool = "t", .input_sha256 = "", .outcome = &o};
    auto_json json_t *receipt = receipt_new(&facts);
    must(json_is_object(json_object_get(receipt, "used")));
    sandbox_outcome_done(&o);
    return 0;
}
