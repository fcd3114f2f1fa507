/* One .gitignore file: its rules, and what they say about a path below its folder. Pure. */
#pragma once

#include "base.h"

enum {
    IGNORE_MAX_BYTES = 1 << 20,
    IGNORE_MAX_RULES = 10000,
};

enum ignore_verdict {
    IGNORE_SILENT, /* no rule speaks: ask the folder above */
    IGNORE_HIDE,
    IGNORE_KEEP, /* the last rule that matches begins with `!` */
};

struct ignore_file;

/* Lines that cannot be a pattern are left out, as git does. `ret_dropped` counts what passed the maximum. */
own struct ignore_file *ignore_new(struct str text, size_t *ret_dropped);
void ignore_free(own struct ignore_file *file);
/* `path` is plain and relative to the folder of the file. */
enum ignore_verdict ignore_check(const struct ignore_file *file, struct str path, bool is_folder);
