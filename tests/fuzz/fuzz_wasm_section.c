/* rooms: tools base */
/* The section that is found lies inside what was given. */
#include "tools/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str wasm = {(const char *)data, size}, section = {0};
    int r = tool_manifest_section(wasm, &section);
    must(r == 0 || r == 1 || r == -FAULT_MODULE);
    if (r == 0)
        must(section.at >= wasm.at && section.len <= wasm.len &&
             section.at + section.len <= wasm.at + wasm.len);
    return 0;
}
