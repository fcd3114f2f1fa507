/* Sizes of models, in tokens.
 *
 * Source: the vendors' own model pages, as known in the month below:
 *   Anthropic  https://docs.anthropic.com/en/docs/about-claude/models   (without beta headers)
 *   OpenAI     https://platform.openai.com/docs/models
 *   Google     https://ai.google.dev/gemini-api/docs/models
 * Where a page was not known for certain the smaller number of its family is here: too small a number only makes a conversation
 * give way sooner. Settings override each (context_tokens of a provider or model). Bring the date along when a row changes. */
#include "host/model_limits.h"

#include "host/price_private.h"

#include <string.h>

const char model_limits_date[] = "2026-07";

#define MI 1048576

static const struct row {
    const char *vendor, *prefix;
    int64_t context, input, output;
} rows[] = {
    {"anthropic", "claude-opus-4", 200000, 0, 32000},
    {"anthropic", "claude-opus-4-5", 200000, 0, 64000},
    {"anthropic", "claude-opus-4-6", 200000, 0, 64000},
    {"anthropic", "claude-opus-4-7", 200000, 0, 64000},
    {"anthropic", "claude-opus-4-8", 200000, 0, 64000},
    {"anthropic", "claude-fable-5", 200000, 0, 64000},
    {"anthropic", "claude-sonnet-5", 200000, 0, 64000},
    {"anthropic", "claude-sonnet-4-6", 200000, 0, 64000},
    {"anthropic", "claude-sonnet-4", 200000, 0, 64000},
    {"anthropic", "claude-haiku-4", 200000, 0, 64000},
    {"anthropic", "claude-3-7-sonnet", 200000, 0, 64000},
    {"anthropic", "claude-3-5-sonnet", 200000, 0, 8192},
    {"anthropic", "claude-3-5-haiku", 200000, 0, 8192},
    {"anthropic", "claude-3-opus", 200000, 0, 4096},
    {"anthropic", "claude-3-sonnet", 200000, 0, 4096},
    {"anthropic", "claude-3-haiku", 200000, 0, 4096},

    {"openai", "gpt-5.5", 400000, 272000, 128000},
    {"openai", "gpt-5.5-pro", 400000, 272000, 128000},
    {"openai", "gpt-5.4", 400000, 272000, 128000},
    {"openai", "gpt-5.4-mini", 400000, 272000, 128000},
    {"openai", "gpt-5.4-nano", 400000, 272000, 128000},
    {"openai", "gpt-5.4-pro", 400000, 272000, 128000},
    {"openai", "gpt-5.3-codex", 400000, 272000, 128000},
    {"openai", "gpt-5.2", 400000, 272000, 128000},
    {"openai", "gpt-5.2-chat", 128000, 0, 16384},
    {"openai", "gpt-5.2-codex", 400000, 272000, 128000},
    {"openai", "gpt-5.2-pro", 400000, 272000, 128000},
    {"openai", "gpt-5.1", 400000, 272000, 128000},
    {"openai", "gpt-5.1-chat", 128000, 0, 16384},
    {"openai", "gpt-5.1-codex", 400000, 272000, 128000},
    {"openai", "gpt-5.1-codex-max", 400000, 272000, 128000},
    {"openai", "gpt-5.1-codex-mini", 400000, 272000, 128000},
    {"openai", "gpt-5", 400000, 272000, 128000},
    {"openai", "gpt-5-chat", 128000, 0, 16384},
    {"openai", "gpt-5-codex", 400000, 272000, 128000},
    {"openai", "gpt-5-mini", 400000, 272000, 128000},
    {"openai", "gpt-5-nano", 400000, 272000, 128000},
    {"openai", "gpt-5-pro", 400000, 272000, 272000},
    {"openai", "gpt-4.1", 1047576, 0, 32768},
    {"openai", "gpt-4.1-mini", 1047576, 0, 32768},
    {"openai", "gpt-4.1-nano", 1047576, 0, 32768},
    {"openai", "gpt-4o", 128000, 0, 16384},
    {"openai", "gpt-4o-2024-05-13", 128000, 0, 4096},
    {"openai", "gpt-4o-mini", 128000, 0, 16384},
    {"openai", "chatgpt-4o", 128000, 0, 16384},
    {"openai", "o1", 200000, 0, 100000},
    {"openai", "o1-mini", 128000, 0, 65536},
    {"openai", "o1-pro", 200000, 0, 100000},
    {"openai", "o3", 200000, 0, 100000},
    {"openai", "o3-mini", 200000, 0, 100000},
    {"openai", "o3-pro", 200000, 0, 100000},
    {"openai", "o3-deep-research", 200000, 0, 100000},
    {"openai", "o4-mini", 200000, 0, 100000},
    {"openai", "o4-mini-deep-research", 200000, 0, 100000},
    {"openai", "gpt-4-turbo", 128000, 0, 4096},
    {"openai", "gpt-4", 8192, 0, 8192},
    {"openai", "gpt-3.5-turbo", 16385, 0, 4096},

    /* their pages name the two apart: an answer takes no room of the request */
    {"gemini", "gemini-3.5-flash", MI + 65536, MI, 65536},
    {"gemini", "gemini-3.1-pro", MI + 65536, MI, 65536},
    {"gemini", "gemini-3.1-flash-lite", MI + 65536, MI, 65536},
    {"gemini", "gemini-3-pro", MI + 65536, MI, 65536},
    {"gemini", "gemini-3-flash", MI + 65536, MI, 65536},
    {"gemini", "gemini-2.5-pro", MI + 65536, MI, 65536},
    {"gemini", "gemini-2.5-flash", MI + 65536, MI, 65536},
    {"gemini", "gemini-2.5-flash-lite", MI + 65536, MI, 65536},
    {"gemini", "gemini-2.0-flash", MI + 8192, MI, 8192},
    {"gemini", "gemini-2.0-flash-lite", MI + 8192, MI, 8192},
    {"gemini", "gemini-1.5-pro", 2 * MI + 8192, 2 * MI, 8192},
    {"gemini", "gemini-1.5-flash", MI + 8192, MI, 8192},
    {"gemini", "gemini-1.5-flash-8b", MI + 8192, MI, 8192},
};

struct model_limits model_limits_find(struct str provider, struct str model)
{
    const struct row *best = NULL;
    const char *vendor = price_vendor_of(provider);
    model = price_model_name(provider, model);
    for (size_t i = 0; vendor && i < ARRAY_LEN(rows); i++) {
        struct str prefix = str_of(rows[i].prefix);
        if (strcmp(rows[i].vendor, vendor) == 0 && price_is_version_of(model, prefix) &&
            (!best || prefix.len > strlen(best->prefix)))
            best = &rows[i];
    }
    return best ? (struct model_limits){best->context, best->input, best->output, true}
                : (struct model_limits){0};
}
