/* Log lines to the one sink of the process. Must never write anywhere by itself, and must never
 * fail its caller: a line that is too long is cut. Line breaks inside a line are turned into spaces,
 * so that nobody's text can forge a second line. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct {
    log_sink sink;
    enum log_level least;
    void *arg;
} log_state;

void log_set_sink(log_sink sink, enum log_level least, void *arg)
{
    log_state.sink = sink;
    log_state.least = least;
    log_state.arg = arg;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    if (log_state.sink == NULL || level < log_state.least)
        return;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (len < 0)
        return;
    for (char *p = line; *p != '\0'; p++) {
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    }
    log_state.sink(level, line, log_state.arg);
}
