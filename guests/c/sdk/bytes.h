/* Searching bytes, 16 at a time where the machine can: what text tools spend their time with. Pure.
 * The C library's own do one byte or one word at a time on WebAssembly. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Offset of the first `byte`, or SIZE_MAX. `at` may be NULL when len is 0, here and below. */
size_t bytes_find(const char *at, size_t len, char byte);
size_t bytes_count(const char *at, size_t len, char byte);
/* Offset of the first `needle`, or SIZE_MAX. An empty needle is never found. Linear but for texts made to defeat it, where it is
 * len times needle_len at worst: the fuel of the call bounds that. */
size_t bytes_find_text(const char *at, size_t len, const char *needle, size_t needle_len);
/* How many bytes from the front are certainly ASCII: at least all but 15 of those that are. */
size_t bytes_ascii(const char *at, size_t len);
