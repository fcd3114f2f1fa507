/* The terminal the person sits at, as far as the command line needs it. */
#pragma once

#include "base/base.h"

bool os_is_terminal(int fd);
void os_terminal_flush(int fd); /* forgets what was typed and not read yet */
int os_terminal_width(int fd);  /* columns; 80 when unknown */
/* One line from the terminal with the prompt already written; waits on fd and on cancel_fd (-1 = none).
 * 0 and own text without newline; 1 end of file; 2 cancelled; -errno; longer than max: -FAULT_CAP. */
must_use int os_read_line(int fd, int cancel_fd, size_t max, own char **ret);
