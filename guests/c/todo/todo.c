/* todo: the planner's list of steps, whole at each call. The list lives in the conversation: this checks it, counts it and
 * shows it back in one form, so that people and planner see the same. Touches nothing. */
#include "tool.h"
#include "utf8.h"

#include <stdio.h>

enum { ITEMS_MAX = 200, CONTENT_MAX = 1000 };

struct todo_args {
    yyjson_val *todos;
};

static const struct tool_arg rows[] = {
    {"todos", TOOL_ARRAY, true, 0, ITEMS_MAX, offsetof(struct todo_args, todos)},
};

struct item {
    struct str content, status, note;
};

static const struct tool_arg item_rows[] = {
    {"content", TOOL_TEXT, true, 1, CONTENT_MAX, offsetof(struct item, content)},
    {"status", TOOL_TEXT, true, 1, 20, offsetof(struct item, status)},
    {"note", TOOL_TEXT, false, 0, CONTENT_MAX, offsetof(struct item, note)},
};

static const struct {
    const char *name, *mark;
} states[] = {{"pending", "[ ]"}, {"in_progress", "[>]"}, {"done", "[x]"}, {"dropped", "[-]"}};

enum { PENDING, IN_PROGRESS, DONE, DROPPED, STATES };

static size_t state_of(size_t index, struct str status)
{
    for (size_t i = 0; i < STATES; i++)
        if (str_equal(status, str_of(states[i].name)))
            return i;
    if (str_equal(status, STR("completed"))) /* what other tools of this kind call it */
        return DONE;
    tool_fail("bad_argument",
              "Bad argument: todos[%zu].status must be pending, in_progress, done or dropped.",
              index);
}

/* One line, whatever it was: a list stays a list. */
static void add_line(struct buf *text, struct str part)
{
    struct buf shown;

    buf_init(&shown, part.len * 3 + 1);
    (void)utf8_add_shown(&shown, part, UTF8_SHOW_LINE);
    buf_add(text, buf_str(&shown));
    buf_done(&shown);
}

/* Whole items as long as they fit. */
static void add_item(struct buf *text, const char *mark, const struct item *item, size_t *hidden)
{
    struct buf line;

    buf_init(&line, (size_t)CONTENT_MAX * 16);
    buf_addf(&line, "%s ", mark);
    add_line(&line, item->content);
    if (item->note.len > 0) {
        buf_add(&line, STR(" -- "));
        add_line(&line, item->note);
    }
    buf_add_byte(&line, '\n');
    *hidden += *hidden > 0 || !buf_add(text, buf_str(&line));
    buf_done(&line);
}

int main(void)
{
    struct todo_args args = {.todos = NULL};
    size_t counts[STATES] = {0};
    yyjson_mut_val *structured;
    struct buf text;
    struct buf note;
    size_t count;
    size_t hidden = 0;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    count = yyjson_arr_size(args.todos);
    buf_init(&text, TOOL_MAX_CONTENT);
    for (size_t i = 0; i < count; i++) {
        struct item item = {.note = STR("")};
        char where[32];
        size_t state;

        snprintf(where, sizeof(where), "todos[%zu].", i);
        tool_take_object(yyjson_arr_get(args.todos, i), where, item_rows,
                         sizeof(item_rows) / sizeof(item_rows[0]), &item);
        state = state_of(i, item.status);
        counts[state]++;
        add_item(&text, states[state].mark, &item, &hidden);
    }
    structured = yyjson_mut_obj(tool_doc());
    for (size_t i = 0; i < STATES; i++)
        tool_set_count(structured, states[i].name, counts[i]);
    tool_set_count(structured, "total", count);
    buf_init(&note, 1000);
    buf_addf(&note, "%zu of %zu done", counts[DONE], count);
    if (counts[IN_PROGRESS] > 0)
        buf_addf(&note, ", %zu in progress", counts[IN_PROGRESS]);
    if (counts[DROPPED] > 0)
        buf_addf(&note, ", %zu dropped", counts[DROPPED]);
    buf_add(&note, STR(".\n"));
    if (hidden > 0)
        buf_addf(&note, "The last %zu are not shown: write them shorter.\n", hidden);
    if (counts[IN_PROGRESS] > 1)
        buf_add(&note, STR("More than one is in progress: finish one before the next.\n"));
    if (counts[IN_PROGRESS] == 0 && counts[PENDING] > 0)
        buf_add(&note, STR("None is in progress: mark the one you work on.\n"));
    tool_done(count > 0 ? buf_str(&text) : STR("The list is empty.\n"), buf_str(&note), structured);
}
