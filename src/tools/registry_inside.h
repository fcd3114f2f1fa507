/* What the files of the registry share; nobody else includes it.
 *   registry.c        the sorted table, and how it is changed as a whole
 *   registry_folder.c  one folder: which modules lie in it, and what became of each */
#pragma once

#include "tools/registry.h"
#include "tools/tool_index.h"

/* A module in a folder. Its marks say of which state of its files `tool` and `is_broken` were made. */
struct entry {
    char *file; /* own; NAME.wasm */
    struct file_mark module, sidecar, help;
    struct tool *tool; /* own; NULL = nothing good was ever there */
    bool is_broken;    /* the last state of its files was no good, and that was told */
    bool is_shadowed;  /* another tool has its name, and that was told */
};

struct folder {
    char *dir;             /* own */
    struct entry *entries; /* own; sorted by file */
    size_t count;
    struct tool_index *index; /* borrowed; NULL = none */
    bool is_scanned;          /* once at least */
};

/* Looks at the folder again. `f` changes only when 0 is returned. -errno, -FAULT_CAP, -ENOMEM with a sentence. */
must_use int folder_scan(struct folder *f, registry_broken_fn on_broken, void *arg,
                         struct fault *reterr);
void folder_done(struct folder *f);
