/* A tool's stdout -> the result that the planner sees: {"content": [...], "structured": ..., "is_error": bool}. Always gives one: output
 * that breaks the contract becomes an error result that says so and shows the output. Output is data; nothing in it is obeyed. */
#include "tools/receipt.h"

#include "base/buf.h"
#include "tools/json_walk.h"
#include "tools/sanitise.h"
#include "wire/base64.h"

#include <stdio.h>

#define IMAGE_BASE64_MAX ((size_t)16 << 20)
#define STDERR_SHOWN_MAX 2000

static own json_t *text_item(own json_t *text)
{
    json_t *item = json_object();
    json_object_set_new(item, "type", json_string("text"));
    json_object_set_new(item, "text", text ? text : json_string(""));
    return item;
}

static own json_t *result_new(own json_t *content, own json_t *structured, bool is_error)
{
    json_t *result = json_object();
    json_object_set_new(result, "content", content);
    json_object_set_new(result, "structured", structured ? structured : json_null());
    json_object_set_new(result, "is_error", json_boolean(is_error));
    return result;
}

static void add_text(json_t *content, struct str text)
{
    json_array_append_new(content, text_item(sanitise_string(text)));
}

own json_t *result_error(const char *sentence)
{
    json_t *content = json_array();
    struct str s = str_of(sentence);
    s.len = utf8_valid_prefix(s);
    add_text(content, s);
    return result_new(content, NULL, true);
}

/* Bytes that are not UTF-8: base64, with a note that says so. */
static void add_bytes(json_t *content, struct str bytes)
{
    char note[120];
    struct buf b;
    buf_init(&b, bytes.len / 3 * 4 + 8);
    snprintf(note, sizeof note,
             "note: the output is %zu bytes that are not UTF-8; they follow as base64", bytes.len);
    add_text(content, str_of(note));
    if (base64_encode(bytes, &b) == 0)
        json_array_append_new(content, text_item(json_stringn(buf_str(&b).at, b.len)));
    buf_done(&b);
}

static void add_output(json_t *content, struct str out)
{
    if (utf8_valid(out))
        add_text(content, out);
    else
        add_bytes(content, out);
}

/* --- the contract --- */

static bool is_contract(const json_t *v)
{
    const char *key;
    json_t *value;
    if (!json_is_object(v) || json_object_size(v) == 0)
        return false;
    json_object_foreach(json_loose(v), key, value) if (strcmp(key, "content") != 0 &&
                                                       strcmp(key, "structured") != 0 &&
                                                       strcmp(key, "is_error") != 0) return false;
    return true;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* {"type":"image","data":BASE64,"media_type":"image/png"}; MCP's spelling mimeType is taken too. */
static const char *add_image(json_t *content, const json_t *item)
{
    const char *media =
        text_of(item, "media_type") ? text_of(item, "media_type") : text_of(item, "mimeType");
    const json_t *data = json_object_get(item, "data");
    if (!media || !str_starts(str_of(media), STR("image/")) || strlen(media) > 64)
        return "an image must have a media_type like image/png";
    for (const char *c = media; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("/+.-", *c)))
            return "an image must have a media_type like image/png";
    struct buf bytes;
    buf_init(&bytes, IMAGE_BASE64_MAX);
    bool fine = json_is_string(data) && json_string_length(data) <= IMAGE_BASE64_MAX &&
                base64_decode(json_view(data), &bytes) == 0;
    buf_done(&bytes);
    if (!fine)
        return "an image must have its bytes as base64 in data";
    json_t *made = json_object();
    json_object_set_new(made, "type", json_string("image"));
    json_object_set_new(made, "media_type", json_string(media));
    json_object_set(made, "data", json_loose(data));
    json_array_append_new(content, made);
    return NULL;
}

/* NULL, or what is wrong. */
static const char *add_item(json_t *content, const json_t *item)
{
    const char *type = text_of(item, "type");
    if (type && strcmp(type, "text") == 0 && json_is_string(json_object_get(item, "text"))) {
        add_text(content, json_view(json_object_get(item, "text")));
        return NULL;
    }
    if (type && strcmp(type, "image") == 0)
        return add_image(content, item);
    return "each item of content must be {\"type\":\"text\",\"text\":...} or {\"type\":\"image\",\"data\":...,\"media_type\":...}";
}

static const char *read_content(json_t *content, const json_t *said)
{
    const char *wrong = NULL;
    if (json_is_string(said))
        add_text(content, json_view(said));
    for (size_t i = 0; json_is_array(said) && i < json_array_size(said) && !wrong; i++)
        wrong = add_item(content, json_array_get(said, i));
    if (said && !json_is_string(said) && !json_is_array(said))
        wrong = "content must be a text or a list";
    return wrong;
}

static own json_t *broken(struct str out, const char *wrong)
{
    char sentence[700];
    json_t *content = json_array();
    snprintf(sentence, sizeof sentence,
             "the tool's answer breaks the tool contract: %s. What it wrote follows.", wrong);
    add_text(content, str_of(sentence));
    add_output(content, out);
    return result_new(content, NULL, true);
}

static own json_t *result_from_contract(const struct tool *tool, const json_t *said, struct str out)
{
    auto_json json_t *content = json_array();
    const json_t *structured = json_object_get(said, "structured"),
                 *is_error = json_object_get(said, "is_error");
    const char *wrong = read_content(content, json_object_get(said, "content"));
    if (!wrong && is_error && !json_is_boolean(is_error))
        wrong = "is_error must be true or false";
    if (wrong)
        return broken(out, wrong);
    struct schema_error error;
    bool failed = json_is_true(is_error);
    bool must_fit =
        tool && tool->output_schema && structured && !json_is_null(structured) && !failed;
    if (must_fit && schema_validate(tool->output_schema, structured, &error) != 0) {
        char sentence[600];
        snprintf(sentence, sizeof sentence, "structured does not fit output_schema: %s",
                 error.sentence);
        return broken(out, sentence);
    }
    if (json_array_size(content) == 0 && structured) {
        struct buf text;
        buf_init(&text, JSON_SIZE_MAX);
        if (json_print(structured, &text) == 0)
            add_text(content, buf_str(&text));
        buf_done(&text);
    }
    return result_new(json_incref(content), structured ? sanitise_value(structured, 0) : NULL,
                      failed);
}

static own json_t *result_from_stdout(const struct tool *tool, struct str out, bool was_cut)
{
    struct str trimmed = str_trim(out);
    auto_json json_t *said = NULL;
    if (!was_cut && trimmed.len > 0 && trimmed.at[0] == '{' &&
        json_parse(trimmed, JSON_SIZE_MAX, &said, NULL) == 0 && is_contract(said))
        return result_from_contract(tool, said, trimmed);
    json_t *content = json_array();
    add_output(content, out);
    return result_new(content, NULL, false);
}

/* Why it ended, where that was not an ordinary end; stderr helps then, and only then. */
static void explain_end(json_t *result, const struct sandbox_outcome *o)
{
    char sentence[700];
    json_t *content = json_object_get(result, "content");
    struct str err = buf_str(&o->err);
    if (o->stop == SANDBOX_EXIT)
        snprintf(sentence, sizeof sentence, "the tool ended with exit code %d", o->exit_code);
    else
        snprintf(sentence, sizeof sentence, "the tool was stopped (%s): %s",
                 sandbox_stop_name(o->stop), o->detail);
    json_object_set_new(result, "is_error", json_true());
    bool says_nothing = buf_str(&o->out).len == 0;
    if (says_nothing)
        json_array_clear(content);
    if (o->stop != SANDBOX_EXIT || says_nothing)
        add_text(content, str_of(sentence));
    if (says_nothing && err.len > 0 && utf8_valid(err)) {
        size_t skip = err.len > STDERR_SHOWN_MAX ? err.len - STDERR_SHOWN_MAX : 0;
        while (skip < err.len && ((unsigned char)err.at[skip] & 0xc0) == 0x80)
            skip++;
        add_text(content, (struct str){err.at + skip, err.len - skip});
    }
}

own json_t *result_from_command(const struct sandbox_outcome *o, const char *note)
{
    char sentence[700] = "";
    json_t *content = json_array();
    bool failed = o->stop != SANDBOX_EXIT || o->exit_code != 0;
    struct str out = buf_str(&o->out), err = buf_str(&o->err);
    if (out.len > 0)
        add_output(content, out);
    if (err.len > 0) {
        add_text(content, STR("stderr:"));
        add_output(content, err);
    }
    if (o->stop != SANDBOX_EXIT)
        snprintf(sentence, sizeof sentence, "the command was stopped (%s): %s",
                 sandbox_stop_name(o->stop), o->detail);
    else if (*o->detail)
        snprintf(sentence, sizeof sentence, "%s", o->detail);
    else if (failed || json_array_size(content) == 0)
        snprintf(sentence, sizeof sentence, "the command ended with exit code %d", o->exit_code);
    if (*sentence)
        add_text(content, (struct str){sentence, utf8_valid_prefix(str_of(sentence))});
    if (note)
        add_text(content, str_of(note));
    return result_new(content,
                      json_pack("{s:i, s:s}", "exit_code", o->exit_code, "stopped_by",
                                sandbox_stop_name(o->stop)),
                      failed);
}

own json_t *result_from_output(const struct tool *tool, const struct sandbox_outcome *outcome)
{
    json_t *result = result_from_stdout(tool, buf_str(&outcome->out), outcome->output_cut);
    if (outcome->stop != SANDBOX_EXIT || outcome->exit_code != 0)
        explain_end(result, outcome);
    return result;
}

void result_add_note(json_t *result, const char *note)
{
    json_t *content = json_object_get(result, "content");
    if (json_is_string(content)) {
        json_t *list = json_pack("[{s:s, s:O}]", "type", "text", "text", content);
        if (!list || json_object_set_new(result, "content", list))
            return;
        content = list;
    }
    if (json_is_array(content))
        add_text(content, str_of(note));
}
