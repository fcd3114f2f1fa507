/* rooms: edge query wire base */
/* Answers of the Gemini wire. The first byte chooses the cuts. */
#include "codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct str s = {(const char *)data + 1, size - 1};
    check_answer(&codec_gemini, s, data[0] % 9 + 1u);
    return 0;
}
