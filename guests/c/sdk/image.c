/* See image.h. Pure. */
#include "image.h"

#include <string.h>

const char *image_type(struct str head)
{
    static const struct {
        struct str magic;
        const char *type;
    } images[] = {
        {{"\x89PNG\r\n\x1a\n", 8}, "image/png"},
        {{"\xFF\xD8\xFF", 3}, "image/jpeg"},
        {{"GIF87a", 6}, "image/gif"},
        {{"GIF89a", 6}, "image/gif"},
    };

    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++)
        if (head.len >= images[i].magic.len &&
            memcmp(head.at, images[i].magic.at, images[i].magic.len) == 0)
            return images[i].type;
    if (head.len >= 12 && memcmp(head.at, "RIFF", 4) == 0 && memcmp(head.at + 8, "WEBP", 4) == 0)
        return "image/webp";
    return NULL;
}
