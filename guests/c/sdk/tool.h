/* The tool contract, version 1, from the guest's side: arguments in as JSON, one result out as JSON.
 * Every tool is a main() that calls tool_begin(), does its one thing and leaves through tool_done*() or
 * tool_fail(). An error result always comes with exit code 1. */
#pragma once

#include "base.h"

#include <yyjson.h>

enum {
    TOOL_MAX_INPUT = 40 << 20, /* arguments, as JSON text */
    TOOL_MAX_CONTENT =
        96 << 10, /* text of one answer: stays under the output cap however it is escaped */
};

enum tool_arg_kind { TOOL_TEXT, TOOL_INTEGER, TOOL_BOOLEAN, TOOL_ARRAY };

/* One row per argument: the same facts as in the manifest's input_schema. min and max are characters of a text,
 * the value of an integer, items of an array. offset: of a struct str, int64_t, bool or yyjson_val* in the
 * tool's own struct. */
struct tool_arg {
    const char *name;
    enum tool_arg_kind kind;
    bool is_required;
    int64_t min;
    int64_t max;
    size_t offset;
};

/* Reads stdin and fills `ret_args` (preset with the defaults); ends with an error result when it does not fit. */
void tool_begin(const struct tool_arg *rows, size_t count, void *ret_args);
/* The same check for an object inside the arguments; `where` names it ("edits[2]"). */
void tool_take_object(yyjson_val *object, const char *where, const struct tool_arg *rows,
                      size_t count, void *ret_args);

/* The document that holds what a result needs; lives until the guest ends. */
yyjson_mut_doc *tool_doc(void);
/* `text` is borrowed until the result is printed; it must be valid UTF-8. */
yyjson_mut_val *tool_text(struct str text);
/* A name or path in a form fit to be shown; own copy, never freed. */
struct str tool_name(struct str name);
void tool_set(yyjson_mut_val *object, const char *key, yyjson_mut_val *value);
void tool_set_text(yyjson_mut_val *object, const char *key, struct str text);
void tool_set_count(yyjson_mut_val *object, const char *key, uint64_t count);
void tool_set_flag(yyjson_mut_val *object, const char *key, bool flag);

/* content: one text, and when `note` is not empty a second text item that is not part of the data */
_Noreturn void tool_done(struct str text, struct str note, yyjson_mut_val *structured);
/* content: a note and an image */
_Noreturn void tool_done_image(struct str note, struct str base64, const char *media_type,
                               yyjson_mut_val *structured);
/* `code` is stable and goes to structured.error; the text is a sentence for the model. */
_Noreturn void tool_fail(const char *code, const char *format, ...) printf_like(2, 3);
_Noreturn void tool_fail_text(const char *code, struct str text);
/* The same with more facts beside structured.error. */
_Noreturn void tool_fail_with(yyjson_mut_val *structured, const char *code, struct str text);
