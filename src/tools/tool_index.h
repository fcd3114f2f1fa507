/* What is known of the modules that were looked at before, so that a thousand tools need not be read and hashed at every start: for a
 * file that is still in the very state it was in (device, inode, size, both times), its SHA-256 and its manifest. Kept in the cache
 * folder with a MAC by the install key: nobody else can say what a tool's manifest is. Losing it costs time only. */
#pragma once

#include "base/base.h"
#include "base/str.h"

#include <sys/stat.h>

/* Which file it was, and which state of it: another content has another of these. Zeros: there was none. */
struct file_mark {
    uint64_t device, inode;
    int64_t size, changed_ns, written_ns;
};
struct file_mark file_mark_of(const struct stat *st);
bool file_mark_same(const struct file_mark *a, const struct file_mark *b);

#define TOOL_INDEX_ENTRIES_MAX 8192
#define TOOL_INDEX_SIZE_MAX ((size_t)64 << 20)

struct tool_index; /* opaque */

/* A file that is missing, changed, cut or another install's is as an empty one. install_key is copied. 0 or -ENOMEM. */
must_use int tool_index_open(const char *cache_dir, const uint8_t install_key[32],
                             own struct tool_index **ret);
void tool_index_free(own struct tool_index *x);
DEFINE_FREEP(tool_index, struct tool_index);

/* Views, until the index is freed. */
struct tool_known {
    struct str name, version, description, manifest;
    const uint8_t *sha256;
};
bool tool_index_find(const struct tool_index *x, const char *path, const struct file_mark *mark,
                     struct tool_known *ret);
/* Remembers what was found by reading. now_ns: the real time; a file that was changed less than two seconds before is not remembered,
 * because a second change within one tick of its clock would leave the same mark. */
void tool_index_add(struct tool_index *x, const char *path, const struct file_mark *mark,
                    const struct tool_known *what, int64_t now_ns);
/* Writes it if anything was added. What cannot be written is tried again the next time. */
void tool_index_save(struct tool_index *x);

/* The file's bytes -> whether they are an index of this install (fuzzed). */
must_use int tool_index_read(struct tool_index *x,
                             struct str bytes); /* 0 | 1 it is not | -ENOMEM */
