/* The walk over a table of forms. */
#include "edge/allow.h"

#include "base/str.h"

#include <errno.h>

static int refuse(struct fault *reterr, const char *what)
{
    return fault_set(reterr, FAULT_INPUT, "the agent's request has %s", what);
}

static struct str text_of(const json_t *value)
{
    return (struct str){json_string_value(value), json_string_length(value)};
}

static bool is_base64(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_letter && c != '+' && c != '/' && c != '=')
            return false;
    }
    return true;
}

/* image/NAME, where NAME is letters, digits and "+.-". */
static bool is_image_type(struct str s)
{
    if (!str_starts(s, STR("image/")) || s.len > 64)
        return false;
    for (size_t i = 6; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-'))
            return false;
    }
    return s.len > 6;
}

static bool is_data_url(struct str s)
{
    struct str head, rest, word, bytes;
    return str_split(s, ':', &head, &rest) && str_is(head, "data") &&
           str_split(rest, ';', &head, &rest) && is_image_type(head) &&
           str_split(rest, ',', &word, &bytes) && str_is(word, "base64") && is_base64(bytes);
}

static bool is_one_of(const json_t *value, const char *const *words)
{
    for (; json_is_string(value) && *words; words++)
        if (str_is(text_of(value), *words))
            return true;
    return false;
}

/* Does a value without parts fit? */
static bool fits(const struct allow *form, const json_t *value)
{
    switch (form->kind) {
    case ALLOW_TEXT: return json_is_string(value);
    case ALLOW_TEXT_OR_NULL: return json_is_string(value) || json_is_null(value);
    case ALLOW_BOOL: return json_is_boolean(value);
    case ALLOW_ANY_OBJECT: return json_is_object(value);
    case ALLOW_WORD: return is_one_of(value, form->words);
    case ALLOW_IMAGE_TYPE: return json_is_string(value) && is_image_type(text_of(value));
    case ALLOW_DATA_URL: return json_is_string(value) && is_data_url(text_of(value));
    case ALLOW_RECORD:
    case ALLOW_TAGGED:
    case ALLOW_LIST:
    case ALLOW_TEXT_OR_LIST: break;
    }
    return false;
}

int allow_take_members(const struct allow_member *members, const json_t *theirs, json_t *ours,
                       int64_t *images, struct fault *reterr)
{
    for (; members->name; members++) {
        json_t *value = json_object_get(theirs, members->name), *taken = NULL;
        if (!value)
            continue;
        int r = allow_take(members->form, value, &taken, images, reterr);
        if (r < 0)
            return r;
        if (json_object_set_new(ours, members->name, taken))
            return -ENOMEM;
    }
    return 0;
}

static int take_record(const struct allow_member *members, const json_t *theirs, own json_t *ours,
                       own json_t **ret, int64_t *images, struct fault *reterr)
{
    int r = !ours ? -ENOMEM
            : json_is_object(theirs)
                ? allow_take_members(members, theirs, ours, images, reterr)
                : refuse(reterr, "something that is no object where one belongs");
    if (r < 0)
        json_decref(ours);
    else
        *ret = ours;
    return r;
}

static int take_tagged(const struct allow *form, const json_t *theirs, own json_t **ret,
                       int64_t *images, struct fault *reterr)
{
    const json_t *tag = json_object_get(theirs, form->tag);
    for (const struct allow_case *c = form->cases; c->word; c++)
        if (json_is_string(tag) && str_is(text_of(tag), c->word))
            return take_record(c->members, theirs, json_pack("{s:s}", form->tag, c->word), ret,
                               images, reterr);
    return refuse(reterr, "a part that no conversation of ours has");
}

static int take_list(const struct allow *items, const json_t *theirs, own json_t **ret,
                     int64_t *images, struct fault *reterr)
{
    auto_json json_t *ours = json_array();
    size_t i;
    json_t *item;
    if (!ours)
        return -ENOMEM;
    if (!json_is_array(theirs))
        return refuse(reterr, "something that is no list where one belongs");
    json_array_foreach((json_t *)(uintptr_t)theirs, i, item)
    {
        json_t *taken = NULL;
        int r = allow_take(items, item, &taken, images, reterr);
        if (r < 0)
            return r;
        if (json_array_append_new(ours, taken))
            return -ENOMEM;
    }
    *ret = take(ours);
    return 0;
}

int allow_take(const struct allow *form, json_t *theirs, own json_t **ret, int64_t *images,
               struct fault *reterr)
{
    if (form->is_image)
        ++*images;
    if (form->kind == ALLOW_RECORD)
        return take_record(form->members, theirs, json_object(), ret, images, reterr);
    if (form->kind == ALLOW_TAGGED)
        return take_tagged(form, theirs, ret, images, reterr);
    if (form->kind == ALLOW_LIST || (form->kind == ALLOW_TEXT_OR_LIST && json_is_array(theirs)))
        return take_list(form->items, theirs, ret, images, reterr);
    if (form->kind == ALLOW_TEXT_OR_LIST ? !json_is_string(theirs) : !fits(form, theirs))
        return refuse(reterr, "a member of the wrong type");
    *ret = json_incref(theirs);
    return 0;
}
