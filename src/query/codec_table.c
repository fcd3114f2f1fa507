/* The wires there are. */
#include "query/codec.h"

static const struct codec_wire *const wires[] = {
    &codec_script,    &codec_anthropic, &codec_openai, &codec_openai_compatible,
    &codec_responses, &codec_gemini,
};

const struct codec_wire *codec_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(wires); i++)
        if (str_is(name, wires[i]->name))
            return wires[i];
    return NULL;
}
