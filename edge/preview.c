/* The present file is opened as attach.c does: beneath its mount's descriptor, no link followed, a plain file or nothing, and read
 * up to a bound. Only the bundled forms of write, edit and patch are understood; every other call is shown by its arguments. */
#include "edge/preview.h"

#include "edge/text_diff.h"
#include "os/fd.h"
#include "os/file.h"
#include "tools/json_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define VALUE_SHOWN_MAX ((size_t)2000)

struct preview {
    const struct app *app;
    const json_t *input;
    const char *path; /* what is written to, as the guest sees it */
    struct buf text;
    bool is_cut;
};

static struct str text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_view(value) : STR("");
}

/* --- the file as it is --- */

enum { FILE_ABSENT = 1 };

static int read_plain_file(int fd, struct buf *out)
{
    struct stat st;
    int r = os_stat_fd(fd, &st);
    if (r == 0 && !S_ISREG(st.st_mode))
        r = -EISDIR;
    return r < 0 ? r : os_read_all(fd, out);
}

static int read_present(const struct preview *p, struct buf *out)
{
    const char *rest;
    const struct sandbox_mount *mount = app_mount_of(p->app, p->path, &rest);
    if (!mount || !*rest)
        return -EISDIR;
    auto_close int fd =
        os_open_at(mount->dir_fd, rest, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, OS_NO_LINKS);
    return fd == -ENOENT || fd == -ENOTDIR ? FILE_ABSENT : fd < 0 ? fd : read_plain_file(fd, out);
}

static const char *why_unread(int r)
{
    return r == -FAULT_CAP || r == -EFBIG ? "it is longer than 1 MiB"
           : r == -ELOOP || r == -EXDEV   ? "a link is on the way"
           : r == -EISDIR                 ? "it is no plain file"
                                          : "it cannot be read";
}

/* --- diffs --- */

static void add_diff(struct preview *p, struct str before, struct str after, bool is_new)
{
    struct text_diff_count count = {0};
    auto_done(buf) struct buf hunks;
    buf_init(&hunks, p->text.max - p->text.len - 2048);
    (void)buf_addf(&p->text, "--- %s\n+++ %s\n", is_new ? "(there is no such file yet)" : p->path,
                   p->path);
    if (!utf8_valid(before) || memchr(before.at, '\0', before.len)) {
        (void)buf_addf(&p->text, "%zu bytes that are no text become %zu bytes\n", before.len,
                       after.len);
        return;
    }
    int r = text_diff(before, after, &hunks, &count);
    if (r == -FAULT_CAP)
        (void)buf_addf(&p->text, "too long to be compared: %zu bytes become %zu\n", before.len,
                       after.len);
    else if (r == 0 && hunks.len == 0)
        (void)buf_addf(&p->text, is_new ? "an empty file is made\n" : "nothing changes\n");
    else
        (void)buf_add_str(&p->text, buf_str(&hunks));
    p->is_cut = count.is_cut;
    if (count.is_cut)
        (void)buf_addf(&p->text, "[cut here: +%zu -%zu lines in all]\n", count.added,
                       count.removed);
}

static void show_write(struct preview *p)
{
    auto_done(buf) struct buf before;
    buf_init(&before, TEXT_DIFF_BYTES_MAX);
    int r = read_present(p, &before);
    if (r < 0)
        (void)buf_addf(&p->text, "%s: %s; it would hold:\n", p->path, why_unread(r));
    add_diff(p, r == 0 ? buf_str(&before) : STR(""), text_of(p->input, "content"),
             r == FILE_ABSENT);
}

static const char *find(struct str in, struct str what)
{
    return what.len == 0 || what.len > in.len ? NULL : memmem(in.at, in.len, what.at, what.len);
}

/* One replacement in place of another, as the tool edit does it. NULL | why it will be refused there. */
static const char *replace(struct buf *text, const json_t *edit)
{
    struct str old = text_of(edit, "old_string"), new = text_of(edit, "new_string");
    bool all = json_is_true(json_object_get(edit, "replace_all"));
    auto_done(buf) struct buf out;
    buf_init(&out, TEXT_DIFF_BYTES_MAX);
    struct str rest = buf_str(text);
    const char *at = find(rest, old);
    if (!at)
        return "the text to replace does not occur in it";
    while (at) {
        (void)buf_add(&out, rest.at, (size_t)(at - rest.at));
        (void)buf_add_str(&out, new);
        size_t gone = (size_t)(at - rest.at) + old.len;
        rest = (struct str){rest.at + gone, rest.len - gone};
        at = find(rest, old);
        if (at && !all)
            return "the text to replace occurs more than once in it";
    }
    (void)buf_add_str(&out, rest);
    if (buf_error(&out) < 0)
        return "the result is too long to be shown";
    struct buf swap = *text;
    *text = out;
    out = swap;
    return NULL;
}

static void show_edit(struct preview *p)
{
    auto_done(buf) struct buf before, after;
    const json_t *edits = json_object_get(p->input, "edits");
    const char *why = NULL;
    buf_init(&before, TEXT_DIFF_BYTES_MAX);
    buf_init(&after, TEXT_DIFF_BYTES_MAX);
    int r = read_present(p, &before);
    if (r == 0)
        r = buf_add_str(&after, buf_str(&before));
    if (r != 0)
        why = r == FILE_ABSENT ? "there is no such file" : why_unread(r);
    for (size_t i = 0; !why && i < json_array_size(edits); i++)
        why = replace(&after, json_array_get(edits, i));
    if (!why && !edits)
        why = replace(&after, p->input);
    if (why)
        (void)buf_addf(&p->text, "%s stays as it is: %s\n", p->path, why);
    else
        add_diff(p, buf_str(&before), buf_str(&after), false);
}

/* --- words and arguments --- */

/* A text by its lines, or its head. */
static void add_value(struct preview *p, struct str text)
{
    bool is_long = text.len > VALUE_SHOWN_MAX;
    struct str head = {text.at, is_long ? VALUE_SHOWN_MAX : text.len};
    size_t whole = utf8_valid_prefix(head);
    head.len = is_long && whole + 4 > head.len ? whole : head.len;
    (void)buf_add_str(&p->text, head);
    if (is_long)
        (void)buf_addf(&p->text, "\n[cut here: %zu bytes more]", text.len - head.len);
    (void)buf_add_c(&p->text, '\n');
    p->is_cut = p->is_cut || is_long;
}

static void add_argument(struct preview *p, const char *name, const json_t *value)
{
    auto_done(buf) struct buf json;
    buf_init(&json, JSON_SIZE_MAX);
    (void)buf_addf(&p->text, "%.100s: ", name);
    if (json_is_string(value))
        add_value(p, json_view(value));
    else if (json_print(value, &json) == 0)
        add_value(p, buf_str(&json));
}

static void add_arguments_but(struct preview *p, const char *shown)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_loose(p->input), name, value)
    {
        if (shown && strcmp(name, shown) == 0)
            continue;
        if (p->text.len + 2 * VALUE_SHOWN_MAX > p->text.max) {
            p->is_cut = true;
            (void)buf_add_z(&p->text, "[cut here: there are more arguments]\n");
            return;
        }
        add_argument(p, name, value);
    }
}

/* The words as the program gets them: as one line when they fit, quoted where a shell would read them otherwise; what is longer than
 * that as its head. */
static void show_command(struct preview *p)
{
    auto_done(buf) struct buf line;
    buf_init(&line, JSON_SIZE_MAX);
    effect_words(json_object_get(p->input, "argv"), &line);
    (void)buf_add_z(&p->text, "$ ");
    add_value(p, buf_str(&line));
    add_arguments_but(p, "argv");
}

static void show_request(struct preview *p)
{
    struct str method = text_of(p->input, "method"), url = text_of(p->input, "url");
    if (method.len == 0 && url.len > 0) {
        (void)buf_add_z(&p->text, "GET ");
        add_value(p, url);
        add_arguments_but(p, "url");
    } else {
        add_arguments_but(p, NULL);
    }
}

static void show_arguments(struct preview *p)
{
    add_arguments_but(p, NULL);
}

/* The patch is a diff already. */
static void show_patch(struct preview *p)
{
    struct str patch = text_of(p->input, "patch");
    size_t room = p->text.max - p->text.len - 100;
    p->is_cut = patch.len > room;
    if (p->is_cut) {
        size_t whole = utf8_valid_prefix((struct str){patch.at, room});
        patch.len = whole + 4 > room ? whole : room;
    }
    (void)buf_add_str(&p->text, patch);
    if (p->is_cut || !str_ends(patch, STR("\n")))
        (void)buf_add_c(&p->text, '\n');
    if (p->is_cut)
        (void)buf_add_z(&p->text, "[cut here: the patch goes on]\n");
}

static const struct form {
    const char *tool, *argument, *name;
    void (*show)(struct preview *p);
} forms[] = {
    {"write", "content", "diff", show_write},
    {"edit", "path", "diff", show_edit},
    {"patch", "patch", "diff", show_patch},
};
static const struct form command_form = {NULL, NULL, "command", show_command};
static const struct form request_form = {NULL, NULL, "request", show_request};
static const struct form arguments_form = {NULL, NULL, "arguments", show_arguments};

static const struct form *form_of(const struct tool *tool, const json_t *input, bool reaches)
{
    if (tool->is_native)
        return &command_form;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (strcmp(tool->name, forms[i].tool) == 0 && tool->verified &&
            json_is_string(json_object_get(input, forms[i].argument)))
            return &forms[i];
    return reaches ? &request_form : &arguments_form;
}

own json_t *preview_of(const struct app *app, const struct tool *tool, const json_t *input,
                       const struct effect *effects, size_t effect_count)
{
    struct preview p = {.app = app, .input = input, .path = "/"};
    bool reaches = false;
    for (size_t i = 0; i < effect_count; i++) {
        reaches = reaches || effects[i].kind == EFFECT_NET;
        if (effects[i].kind == EFFECT_WRITE)
            p.path = effects[i].target;
    }
    buf_init(&p.text, PREVIEW_TEXT_MAX);
    const struct form *form = form_of(tool, input, reaches);
    form->show(&p);
    json_t *ret = buf_error(&p.text) == -ENOMEM
                      ? NULL
                      : json_pack("{s:s, s:o, s:b}", "form", form->name, "text",
                                  json_string_lossy(buf_str(&p.text)), "is_cut", p.is_cut);
    buf_done(&p.text);
    return ret;
}
