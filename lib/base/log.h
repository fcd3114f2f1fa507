/* Log lines as key=value on one sink. lib/ and src/ never log above debug; edge and apps do. */
#pragma once

#include "base/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* The sink gets one finished line without newline. NULL = discard (the default). */
typedef void (*log_sink)(enum log_level level, const char *line, void *arg);
void log_set_sink(log_sink sink, enum log_level least, void *arg);
void log_line(enum log_level level, const char *fmt, ...) printf_like(2, 3);
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
