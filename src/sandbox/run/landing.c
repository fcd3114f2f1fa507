/* A landing to JSON and back. Device and inode travel as text: they are numbers of 64 bits, and JSON's are not. */
#include "sandbox/run/landing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STAGE_PREFIX "stage-"
enum { FOLDER_SIZE = 2 * 16 + 2, ERRNO_MAX = 4095 };

static bool is_hex(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.at[i] >= '0' && text.at[i] <= '9') && !(text.at[i] >= 'a' && text.at[i] <= 'f'))
            return false;
    return text.len > 0;
}

own json_t *sandbox_landing_json(const struct sandbox_landing *l)
{
    char folder[FOLDER_SIZE];
    snprintf(folder, sizeof(folder), "%" PRIx64 ":%" PRIx64, l->device, l->inode);
    return json_pack("{s:s, s:s, s:b}", "stage", l->stage, "folder", folder, "new", l->is_new);
}

static int read_stage(const json_t *body, struct sandbox_landing *ret)
{
    const struct str prefix = STR(STAGE_PREFIX);
    struct str name = {0};
    if (json_get_str(body, "stage", &name, NULL) != 0 ||
        name.len != prefix.len + SANDBOX_STAGE_DIGITS ||
        memcmp(name.at, prefix.at, prefix.len) != 0 ||
        !is_hex((struct str){name.at + prefix.len, SANDBOX_STAGE_DIGITS}))
        return -1;
    memcpy(ret->stage, name.at, name.len);
    ret->stage[name.len] = '\0';
    return 0;
}

static int read_hex(struct str text, uint64_t *ret)
{
    if (text.len > 16 || !is_hex(text))
        return -1;
    *ret = 0;
    for (size_t i = 0; i < text.len; i++)
        *ret = *ret << 4 | (uint64_t)(text.at[i] <= '9' ? text.at[i] - '0' : text.at[i] - 'a' + 10);
    return 0;
}

static int read_folder(const json_t *body, struct sandbox_landing *ret)
{
    struct str text = {0}, device, inode;
    if (json_get_str(body, "folder", &text, NULL) != 0 || !str_split(text, ':', &device, &inode))
        return -1;
    return read_hex(device, &ret->device) < 0 ? -1 : read_hex(inode, &ret->inode);
}

int sandbox_landing_from_json(const json_t *body, struct str path, struct sandbox_landing *ret,
                              struct fault *reterr)
{
    struct sandbox_landing l = {0};
    const json_t *is_new = json_object_get(body, "new");
    if (read_stage(body, &l) < 0)
        return fault_set(reterr, FAULT_PROTOCOL, "landing: 'stage' is no name of a staged file");
    if (read_folder(body, &l) < 0)
        return fault_set(reterr, FAULT_PROTOCOL, "landing: 'folder' is no device and inode");
    if (!json_is_boolean(is_new))
        return fault_set(reterr, FAULT_PROTOCOL, "landing: 'new' is neither true nor false");
    if (path.len > SANDBOX_LANDING_PATH || memchr(path.at, '\0', path.len) != NULL)
        return fault_set(reterr, FAULT_PROTOCOL, "landing: its path is none");
    l.is_new = json_is_true(is_new);
    memcpy(l.path, path.at, path.len);
    *ret = l;
    return 0;
}

own json_t *sandbox_landed_json(int error)
{
    must(error <= 0);
    return json_pack("{s:i}", "error", error < -ERRNO_MAX ? ERRNO_MAX : -error);
}

int sandbox_landed_from_json(const json_t *body, int *ret_error, struct fault *reterr)
{
    int64_t error = 0;
    if (json_get_i64(body, "error", 0, ERRNO_MAX, &error, NULL) != 0)
        return fault_set(reterr, FAULT_PROTOCOL, "landed: 'error' is no errno");
    *ret_error = -(int)error;
    return 0;
}
