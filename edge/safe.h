/* Text of others on a terminal: it may come from a planner, a tool, a service, a file's name. */
#pragma once

#include "base/base.h"
#include "base/str.h"

#include <stdio.h>

/* Prints it so that it can neither act on a terminal nor show itself otherwise than it is: control characters (C0, DEL, C1), marks
 * that turn the direction of text, invisible tags and bytes that are not UTF-8 come out as '?'. Newline and tab stay. */
void safe_print(FILE *out, struct str text);
/* The same where one line is meant: newline and tab become '?', too. */
void safe_print_line(FILE *out, const char *text);
/* The same into a cell of size bytes; never cuts a letter. */
void safe_copy(char *ret, size_t size, const char *text);
