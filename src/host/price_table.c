/* What models cost: public list prices in USD per million tokens, standard tier, text.
 *
 * Source: the vendors' own price pages, as known in the month below:
 *   Anthropic  https://docs.anthropic.com/en/docs/about-claude/pricing  (cache write: the 5-minute one)
 *   OpenAI     https://platform.openai.com/docs/pricing                 (cache writes cost what input costs)
 *   Google     https://ai.google.dev/gemini-api/docs/pricing            (cache storage per hour is not counted)
 * Where a page names two prices for a time, the dearer one is here. Settings override every row; a model
 * that is not here has no price and needs one there. Bring the date along when a row changes. Batch,
 * priority, fast and regional prices are not here.
 *
 * Amounts are the decimal texts of those pages, read like every other amount (base_parse_decimal): no
 * floating point, not even in a constant. */
#include "host/price_private.h"

const char price_table_date[] = "2026-07";

#define LONG(from, ...)                                                                            \
    from,                                                                                          \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define ONE_PRICE                                                                                  \
    0,                                                                                             \
    {                                                                                              \
        NULL                                                                                       \
    }
/* clang-format off */
#define ROW(provider, prefix, input, output, read, write, ...)                                                         \
    {provider, prefix, {input, output, read, write}, __VA_ARGS__}

const struct price_row price_rows[] = {
    /*  vendor       model                     input     output    read      write     long prompts */
    ROW("anthropic", "claude-opus-4",          "15",     "75",     "1.50",   "18.75",  ONE_PRICE),
    ROW("anthropic", "claude-opus-4-5",        "5",      "25",     "0.50",   "6.25",   ONE_PRICE),
    ROW("anthropic", "claude-opus-4-6",        "5",      "25",     "0.50",   "6.25",   ONE_PRICE),
    ROW("anthropic", "claude-opus-4-7",        "5",      "25",     "0.50",   "6.25",   ONE_PRICE),
    ROW("anthropic", "claude-opus-4-8",        "5",      "25",     "0.50",   "6.25",   ONE_PRICE),
    ROW("anthropic", "claude-fable-5",         "10",     "50",     "1",      "12.50",  ONE_PRICE),
    ROW("anthropic", "claude-sonnet-5",        "3",      "15",     "0.30",   "3.75",   ONE_PRICE), /* less at first */
    ROW("anthropic", "claude-sonnet-4-6",      "3",      "15",     "0.30",   "3.75",   ONE_PRICE),
    ROW("anthropic", "claude-sonnet-4",        "3",      "15",     "0.30",   "3.75",   LONG(200000, "6", "22.50", "0.60", "7.50")),
    ROW("anthropic", "claude-haiku-4",         "1",      "5",      "0.10",   "1.25",   ONE_PRICE),
    ROW("anthropic", "claude-3-7-sonnet",      "3",      "15",     "0.30",   "3.75",   ONE_PRICE),
    ROW("anthropic", "claude-3-5-sonnet",      "3",      "15",     "0.30",   "3.75",   ONE_PRICE),
    ROW("anthropic", "claude-3-5-haiku",       "0.80",   "4",      "0.08",   "1.00",   ONE_PRICE),
    ROW("anthropic", "claude-3-opus",          "15",     "75",     "1.50",   "18.75",  ONE_PRICE),
    ROW("anthropic", "claude-3-sonnet",        "3",      "15",     "0.30",   "3.75",   ONE_PRICE),
    ROW("anthropic", "claude-3-haiku",         "0.25",   "1.25",   "0.03",   "0.30",   ONE_PRICE),

    ROW("openai",    "gpt-5.5",                "5",      "30",     "0.50",   "5",      LONG(272000, "10", "45", "1", "10")),
    ROW("openai",    "gpt-5.5-pro",            "30",     "180",    "30",     "30",     LONG(272000, "60", "270", "60", "60")),
    ROW("openai",    "gpt-5.4",                "2.50",   "15",     "0.25",   "2.50",   LONG(272000, "5", "22.50", "0.50", "5")),
    ROW("openai",    "gpt-5.4-mini",           "0.75",   "4.50",   "0.075",  "0.75",   ONE_PRICE),
    ROW("openai",    "gpt-5.4-nano",           "0.20",   "1.25",   "0.02",   "0.20",   ONE_PRICE),
    ROW("openai",    "gpt-5.4-pro",            "30",     "180",    "30",     "30",     LONG(272000, "60", "270", "60", "60")),
    ROW("openai",    "gpt-5.3-codex",          "1.75",   "14",     "0.175",  "1.75",   ONE_PRICE),
    ROW("openai",    "gpt-5.2",                "1.75",   "14",     "0.175",  "1.75",   ONE_PRICE),
    ROW("openai",    "gpt-5.2-chat",           "1.75",   "14",     "0.175",  "1.75",   ONE_PRICE),
    ROW("openai",    "gpt-5.2-codex",          "1.75",   "14",     "0.175",  "1.75",   ONE_PRICE),
    ROW("openai",    "gpt-5.2-pro",            "21",     "168",    "21",     "21",     ONE_PRICE),
    ROW("openai",    "gpt-5.1",                "1.25",   "10",     "0.125",  "1.25",   ONE_PRICE),
    ROW("openai",    "gpt-5.1-chat",           "1.25",   "10",     "0.125",  "1.25",   ONE_PRICE),
    ROW("openai",    "gpt-5.1-codex",          "1.25",   "10",     "0.125",  "1.25",   ONE_PRICE),
    ROW("openai",    "gpt-5.1-codex-max",      "1.25",   "10",     "0.125",  "1.25",   ONE_PRICE),
    ROW("openai",    "gpt-5.1-codex-mini",     "0.25",   "2",      "0.025",  "0.25",   ONE_PRICE),
    ROW("openai",    "gpt-5",                  "1.25",   "10",     "0.125",  "1.25",   ONE_PRICE),
    ROW("openai",    "gpt-5-chat",             "1.25",   "10",     "0.125",  "1.25",   ONE_PRICE),
    ROW("openai",    "gpt-5-codex",            "1.25",   "10",     "0.125",  "1.25",   ONE_PRICE),
    ROW("openai",    "gpt-5-mini",             "0.25",   "2",      "0.025",  "0.25",   ONE_PRICE),
    ROW("openai",    "gpt-5-nano",             "0.05",   "0.40",   "0.005",  "0.05",   ONE_PRICE),
    ROW("openai",    "gpt-5-pro",              "15",     "120",    "15",     "15",     ONE_PRICE),
    ROW("openai",    "gpt-4.1",                "2",      "8",      "0.50",   "2",      ONE_PRICE),
    ROW("openai",    "gpt-4.1-mini",           "0.40",   "1.60",   "0.10",   "0.40",   ONE_PRICE),
    ROW("openai",    "gpt-4.1-nano",           "0.10",   "0.40",   "0.025",  "0.10",   ONE_PRICE),
    ROW("openai",    "gpt-4o",                 "2.50",   "10",     "1.25",   "2.50",   ONE_PRICE),
    ROW("openai",    "gpt-4o-2024-05-13",      "5",      "15",     "5",      "5",      ONE_PRICE),
    ROW("openai",    "gpt-4o-mini",            "0.15",   "0.60",   "0.075",  "0.15",   ONE_PRICE),
    ROW("openai",    "chatgpt-4o",             "5",      "15",     "5",      "5",      ONE_PRICE),
    ROW("openai",    "o1",                     "15",     "60",     "7.50",   "15",     ONE_PRICE),
    ROW("openai",    "o1-mini",                "1.10",   "4.40",   "0.55",   "1.10",   ONE_PRICE),
    ROW("openai",    "o1-pro",                 "150",    "600",    "150",    "150",    ONE_PRICE),
    ROW("openai",    "o3",                     "2",      "8",      "0.50",   "2",      ONE_PRICE),
    ROW("openai",    "o3-mini",                "1.10",   "4.40",   "0.55",   "1.10",   ONE_PRICE),
    ROW("openai",    "o3-pro",                 "20",     "80",     "20",     "20",     ONE_PRICE),
    ROW("openai",    "o3-deep-research",       "10",     "40",     "2.50",   "10",     ONE_PRICE),
    ROW("openai",    "o4-mini",                "1.10",   "4.40",   "0.275",  "1.10",   ONE_PRICE),
    ROW("openai",    "o4-mini-deep-research",  "2",      "8",      "0.50",   "2",      ONE_PRICE),
    ROW("openai",    "gpt-4-turbo",            "10",     "30",     "10",     "10",     ONE_PRICE),
    ROW("openai",    "gpt-4",                  "30",     "60",     "30",     "30",     ONE_PRICE),
    ROW("openai",    "gpt-3.5-turbo",          "0.50",   "1.50",   "0.50",   "0.50",   ONE_PRICE),

    ROW("gemini",    "gemini-3.5-flash",       "1.50",   "9",      "0.15",   "1.50",   ONE_PRICE),
    ROW("gemini",    "gemini-3.1-pro",         "2",      "12",     "0.20",   "2",      LONG(200000, "4", "18", "0.40", "4")),
    ROW("gemini",    "gemini-3.1-flash-lite",  "0.25",   "1.50",   "0.025",  "0.25",   ONE_PRICE),
    ROW("gemini",    "gemini-3-pro",           "2",      "12",     "0.20",   "2",      LONG(200000, "4", "18", "0.40", "4")),
    ROW("gemini",    "gemini-3-flash",         "0.50",   "3",      "0.05",   "0.50",   ONE_PRICE),
    ROW("gemini",    "gemini-2.5-pro",         "1.25",   "10",     "0.125",  "1.25",   LONG(200000, "2.50", "15", "0.25", "2.50")),
    ROW("gemini",    "gemini-2.5-flash",       "0.30",   "2.50",   "0.03",   "0.30",   ONE_PRICE),
    ROW("gemini",    "gemini-2.5-flash-lite",  "0.10",   "0.40",   "0.01",   "0.10",   ONE_PRICE),
    ROW("gemini",    "gemini-2.0-flash",       "0.10",   "0.40",   "0.025",  "0.10",   ONE_PRICE),
    ROW("gemini",    "gemini-2.0-flash-lite",  "0.075",  "0.30",   "0.075",  "0.075",  ONE_PRICE),
    ROW("gemini",    "gemini-1.5-pro",         "1.25",   "5",      "0.3125", "1.25",   LONG(128000, "2.50", "10", "0.625", "2.50")),
    ROW("gemini",    "gemini-1.5-flash",       "0.075",  "0.30",   "0.01875","0.075",  LONG(128000, "0.15", "0.60", "0.0375", "0.15")),
    ROW("gemini",    "gemini-1.5-flash-8b",    "0.0375", "0.15",   "0.01",   "0.0375", LONG(128000, "0.075", "0.30", "0.02", "0.075")),
};
/* clang-format on */
const size_t price_row_count = ARRAY_LEN(price_rows);
