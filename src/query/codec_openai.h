/* Between the two files of the Chat Completions wire. */
#pragma once

#include "query/codec.h"

/* Where others than OpenAI put a model's thinking. It is the signature of a thinking block, so that it goes back there. */
enum { OPENAI_THINKING_KEYS = 2 };
extern const char *const codec_openai_thinking_keys[OPENAI_THINKING_KEYS];

must_use int codec_openai_request(const struct codec_request *r, bool is_compatible,
                                  struct buf *out);
