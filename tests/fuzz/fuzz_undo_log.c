/* rooms: host */
/* The undo log is written by a worker that its guest may own. What parses must be harmless: paths of
 * one form only, numbers that grow, and only what each kind of line may say. Then the lines are taken
 * back in a simulation over an empty tree. */
#include "host/undo_private.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const struct undo_line *line, int64_t *last)
{
    bool wants_to = line->op == UNDO_RENAME || line->op == UNDO_LINK;
    if (!undo_path_is_fine(line->path, strlen(line->path)) || strstr(line->path, "/../") != NULL ||
        (line->to != NULL) != wants_to ||
        (wants_to && !undo_path_is_fine(line->to, strlen(line->to))) || line->n <= *last ||
        line->mode > 07777 || (line->kind == UNDO_SYMLINK) != (line->target != NULL))
        abort();
    *last = line->n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct undo_log log = {0};
    struct undo_tree tree = {0}; /* no mounts: nothing can be reached */
    auto_(undo_sim) struct undo_sim *sim = NULL;
    int64_t last = -1;
    if (undo_log_parse((struct str){(const char *)data, size}, &log, NULL) < 0)
        return 0;
    for (size_t i = 0; i < log.count; i++)
        check_line(&log.lines[i], &last);
    if (undo_sim_new(&tree, &sim) < 0)
        abort();
    for (size_t i = log.count; i > 0; i--) {
        struct undo_state state = {0};
        char hash[65];
        if (undo_sim_take_back(sim, &log.lines[i - 1], "") < 0 ||
            undo_sim_look(sim, log.lines[i - 1].path, &state) < 0 ||
            undo_sim_list_hash(sim, log.lines[i - 1].path, hash) < 0)
            abort();
        undo_state_done(&state);
    }
    undo_log_done(&log);
    return 0;
}
