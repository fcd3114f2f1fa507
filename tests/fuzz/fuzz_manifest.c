/* rooms: tools wire base */
/* A manifest is a whole tool or a sentence; what is taken keeps its promises. */
#include "tools/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tool *t = NULL;
    struct fault fault = {0};
    int r = tool_from_manifest((struct str){(const char *)data, size}, &t, &fault);
    if (r != 0) {
        must(r == -FAULT_CONFIG && fault.text[0] && utf8_valid(str_of(fault.text)));
        return 0;
    }
    must(t->name && t->version && t->description && t->input_schema &&
         t->effect_count <= TOOL_EFFECTS_MAX);
    for (size_t i = 0; i < t->effect_count; i++)
        must((t->effects[i].arg || t->effects[i].fallback) &&
             (!t->read_only || t->effects[i].kind == EFFECT_READ));
    tool_free(t);
    return 0;
}
