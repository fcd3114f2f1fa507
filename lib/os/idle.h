/* What a process that waits can do without: the pages of its programs' code and constants, which come back from their files when they
 * are needed, and free memory of the heap. */
#pragma once

/* Costs some microseconds now and some page faults at the next work. Failing is fine: it is only memory. */
void os_give_back_memory(void);
