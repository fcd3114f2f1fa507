/* Finds the custom section `boxagnts.tool` of a module without trusting a byte of it: every length is LEB128 of at most
 * five bytes and must stay inside what is there. Reads only section heads; whether the module is any good is for the compiler. */
#include "tools/registry.h"

#define WASM_HEAD "\0asm\1\0\0\0"
#define SECTION_NAME "boxagnts.tool"

/* Unsigned LEB128 of 32 bits; *s moves past it. */
static bool read_leb(struct str *s, uint32_t *ret)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 35 && s->len > 0; shift += 7) {
        unsigned char byte = (unsigned char)s->at[0];
        s->at++;
        s->len--;
        if (shift == 28 && (byte & 0xf0) != 0)
            return false;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool read_part(struct str *s, struct str *ret)
{
    uint32_t len;
    if (!read_leb(s, &len) || len > s->len)
        return false;
    *ret = (struct str){s->at, len};
    s->at += len;
    s->len -= len;
    return true;
}

int tool_manifest_section(struct str wasm, struct str *ret)
{
    struct str head = {WASM_HEAD, sizeof WASM_HEAD - 1};
    if (!str_starts(wasm, head))
        return -FAULT_MODULE;
    struct str rest = {wasm.at + head.len, wasm.len - head.len};
    while (rest.len > 0) {
        unsigned char id = (unsigned char)rest.at[0];
        struct str body, name;
        rest.at++;
        rest.len--;
        if (!read_part(&rest, &body))
            return -FAULT_MODULE;
        if (id != 0)
            continue;
        if (!read_part(&body, &name))
            return -FAULT_MODULE;
        if (str_is(name, SECTION_NAME)) {
            *ret = body;
            return 0;
        }
    }
    return 1;
}
