/* Files by path for tools: opening, whole reads, the atomic replace, and errors as sentences.
 * Paths here are plain (path.h). Every failure ends the guest with an error result that names the path and
 * says what to try next, so callers see success only. */
#pragma once

#include "base.h"

#include <sys/stat.h>

/* Normalises the argument `name`, or fails. The result is NUL-terminated and lives until the end. */
struct str file_take_path(const char *name, struct str path);
/* The code and the sentence for an errno. */
const char *file_error_code(int error);
const char *file_error_text(int error);
/* "Cannot <verb> PATH: ..."; for a missing file with the names that come close. */
_Noreturn void file_fail(const char *verb, struct str path, int error);

/* An open regular file to read, its facts in `ret_stat`; folders and special files are refused with a hint. */
int file_open(struct str path, struct stat *ret_stat);
/* Up to `size` bytes, less only at the end of the file. */
size_t file_read(int fd, struct str path, char *ret_bytes, size_t size);
/* The whole file, which must not be longer than `max`. */
void file_read_all(struct str path, size_t max, own struct buf *ret_text);
/* false when a file of this name cannot be read whole in `max` bytes; for optional files. */
bool file_try_read_at(int dir_fd, const char *name, size_t max, own struct buf *ret_text);

/* The whole content becomes the file. The sandbox stages a truncating open in an unnamed file and puts it in
 * place when it is closed, so nobody sees a half-written file and a dead guest changes nothing. Hence one rule
 * here: the file is closed only after every byte was taken; on an error the guest ends with it still open.
 * Missing folders are made, and taken away again when the write fails. `ret_created`: the file is new. */
void file_replace(struct str path, struct str content, bool *ret_created, size_t *ret_made_folders);

/* The same in steps, for tools that change several files or none: all are staged, then all are landed. A guest that ends
 * with an error before the landing has changed nothing but made folders, which file_unstage() takes away again. */
struct file_staged {
    struct str path; /* borrowed */
    int fd;
    struct str first_folder; /* the uppermost that was made */
    size_t folders;
    bool is_new;
};
must_use int file_stage(struct str path, struct str content,
                        struct file_staged *ret);   /* 0 or an errno */
must_use int file_land(struct file_staged *staged); /* 0 or an errno */
void file_unstage(const struct file_staged *staged);
