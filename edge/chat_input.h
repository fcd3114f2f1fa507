/* What a person types in a chat: with line editing, history and completion on a terminal; plain lines from a pipe. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"

#define CHAT_MESSAGE_MAX ((size_t)1 << 20)

struct chat_input; /* opaque */

enum chat_read {
    CHAT_TEXT,
    CHAT_END,       /* end of file */
    CHAT_INTERRUPT, /* Ctrl-C: what was typed is dropped */
    CHAT_KILLED,    /* SIGTERM, SIGHUP */
};

/* words: completed at the start of a line (NULL-ended; borrowed). work_dir_fd: names after an @ are completed from it (borrowed).
 * history: file of earlier lines, NULL = none is kept. The signals of chat_input_read() must be blocked by the caller all along. */
must_use int chat_input_new(const char *const *words, int work_dir_fd, const char *history,
                            own struct chat_input **ret, struct fault *reterr);
void chat_input_free(own struct chat_input *in);
DEFINE_FREEP(chat_input, struct chat_input);
bool chat_input_is_terminal(const struct chat_input *in);
/* One message; a line that ends in a backslash goes on in the next. enum chat_read, or -errno, -FAULT_CAP. */
must_use int chat_input_read(struct chat_input *in, struct buf *ret);
