/* What a conversation of ours may have on each wire: the members of a request that are the agent's to say. */
#pragma once

#include "edge/allow.h"

extern const struct allow_member request_anthropic[], request_openai[], request_responses[],
    request_gemini[];
