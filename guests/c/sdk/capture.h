/* What an interpreter's program writes to stdout and stderr, kept instead of passed on: stdout belongs to the tool's one result. Needs
 * the linker's --wrap=write and --wrap=writev. The start and the end are kept, what lies between is counted. */
#pragma once

#include "base.h"

enum { CAPTURE_HEAD = 40 << 10, CAPTURE_TAIL = 24 << 10 };

void capture_begin(void);
/* From here on both are passed on again. */
void capture_end(void);
/* What was written, both streams in their order, as valid UTF-8, with a mark where something is left out. */
struct str capture_text(void);
uint64_t capture_bytes(void); /* written in all */
bool capture_is_cut(void);
