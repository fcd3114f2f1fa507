/* Sealed native code, kept from one run of BoxAgnts to the next: <cache>/code/<name>, the name made of the code's key
 * and the install key, so that several installs (state folders) share the folder without refusing each other's files. Native code is run as it is, so
 * a file counts only when its header carries a MAC by this install's key over its own name, length and content; any
 * other file is refused, named, and made anew by the caller. The folder is a cache: losing it costs time only.
 *
 * File: header {magic, version, length of code, key, SHA-256 of the code, HMAC-SHA256 of all before}, then the code. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

#define CODECACHE_BYTES_MAX ((uint64_t)2 << 30)  /* all files together; the oldest go first */
#define CODECACHE_CODE_MAX ((uint64_t)512 << 20) /* one file */
#define CODECACHE_KEY_SIZE 65                    /* 64 hex digits and NUL */

struct codecache; /* opaque */

/* cache_dir: $XDG_CACHE_HOME/boxagnts or the like; it and its folder `code` are made when missing. A folder that
 * cannot be made or read gives a cache that holds nothing (ret_note, which may be NULL, says why): code is then
 * compiled each time. install_key is copied. 0 or -ENOMEM. */
must_use int codecache_open(const char *cache_dir, const uint8_t install_key[32],
                            own struct codecache **ret, struct buf *ret_note);
void codecache_free(own struct codecache *c);
DEFINE_FREEP(codecache, struct codecache);

/* The name of a key's file, 64 hex digits and NUL. */
void codecache_file_name(const uint8_t install_key[32], const char *key,
                         char ret_name[CODECACHE_KEY_SIZE]);

/* 0 and a sealed memory file with the code; CODECACHE_MISS when there is none; CODECACHE_REFUSED with a sentence added
 * to ret_note when there is a file that is not ours, cut or changed (it is removed if that is possible); negative on a
 * fault of this process (no memory, no descriptors). */
enum { CODECACHE_MISS = 1, CODECACHE_REFUSED = 2 };
must_use int codecache_get(struct codecache *c, const char *key, int *ret_code_fd,
                           struct buf *ret_note);
/* Keeps code. A full disk or a read-only folder is no failure of the caller's: ret_note says that it was not kept. */
void codecache_put(struct codecache *c, const char *key, struct str code, struct buf *ret_note);
