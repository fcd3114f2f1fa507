/* Members, texts and images of the neutral form, as several wires need them. */
#include "query/codec_parts.h"

#include <errno.h>
#include <stdio.h>

#define COUNT_MAX (INT64_MAX / 4)
#define RESULT_TEXT_MAX ((size_t)64 << 20)

struct str codec_str(const json_t *object, const char *key)
{
    struct str s = {"", 0};
    (void)!json_get_str(object, key, &s, NULL);
    return s;
}

int codec_count(const json_t *object, const char *key, int64_t *ret)
{
    int r = json_get_i64(object, key, 0, COUNT_MAX, ret, NULL);
    return r < 0 ? -FAULT_INPUT : 0;
}

bool codec_is_block(const json_t *block, const char *type)
{
    return str_is(codec_str(block, "type"), type);
}

bool codec_is_image(const json_t *piece)
{
    return codec_is_block(piece, "image");
}

own json_t *codec_data_url(const json_t *image)
{
    auto_done(buf) struct buf url;
    struct str data = codec_str(image, "data");
    buf_init(&url, data.len + 256);
    (void)buf_addf(&url, "data:%.*s;base64,", STR_FMT(codec_str(image, "media_type")));
    if (buf_add_str(&url, data) < 0)
        return NULL;
    return json_stringn(buf_str(&url).at, url.len);
}

static void add_note(struct buf *out, const json_t *image)
{
    struct str media = codec_str(image, "media_type");
    size_t bytes = codec_str(image, "data").len / 4 * 3;
    (void)buf_addf(out, "[%.*s of about %zu bytes: this service takes no images in results]",
                   STR_FMT(media), bytes);
}

own json_t *codec_result_text(const json_t *result, bool notes)
{
    auto_done(buf) struct buf text;
    size_t i;
    json_t *piece;
    buf_init(&text, RESULT_TEXT_MAX);
    if (json_is_true(json_object_get(result, "is_error")))
        (void)buf_add_z(&text, "Error: ");
    bool is_first = true;
    json_array_foreach(json_object_get(result, "content"), i, piece)
    {
        if (codec_is_image(piece) && !notes)
            continue;
        if (!is_first)
            (void)buf_add_c(&text, '\n');
        is_first = false;
        if (codec_is_image(piece))
            add_note(&text, piece);
        else
            (void)buf_add_str(&text, codec_str(piece, "text"));
    }
    return buf_error(&text) < 0 ? NULL : json_string_lossy(buf_str(&text));
}

int codec_append(json_t *list, own json_t *item)
{
    return item && json_array_append_new(list, item) == 0 ? 0 : -ENOMEM;
}
