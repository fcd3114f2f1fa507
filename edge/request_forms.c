/* One table per wire, written from the inside out. Not in them, and why:
 *   files and images by URL or id      the service would fetch or show what nobody granted
 *   documents, sound, films            a few bytes of them can be many tokens
 *   ids of stored items, containers    they reach into other conversations
 *   tools of the service               they act outside of every policy of ours
 *   cache marks                        they cost money; the monitor sets its own */
#include "edge/request_forms.h"

#define END {NULL, NULL}

static const struct allow text = {.kind = ALLOW_TEXT}, text_or_null = {.kind = ALLOW_TEXT_OR_NULL};
static const struct allow truth = {.kind = ALLOW_BOOL}, object = {.kind = ALLOW_ANY_OBJECT};
static const struct allow image_type = {.kind = ALLOW_IMAGE_TYPE};
static const struct allow data_url = {.kind = ALLOW_DATA_URL};
static const struct allow data_url_image = {.kind = ALLOW_DATA_URL, .is_image = true};

static const struct allow_member text_member[] = {{"text", &text}, END};

/* --- Anthropic Messages --- */

static const struct allow_member a_base64[] = {{"media_type", &image_type}, {"data", &text}, END};
static const struct allow_case a_sources[] = {{"base64", a_base64}, END};
static const struct allow a_source = {
    .kind = ALLOW_TAGGED, .is_image = true, .tag = "type", .cases = a_sources};
static const struct allow_member a_image[] = {{"source", &a_source}, END};
static const struct allow_case a_pieces[] = {{"text", text_member}, {"image", a_image}, END};
static const struct allow a_piece = {.kind = ALLOW_TAGGED, .tag = "type", .cases = a_pieces};
static const struct allow a_result_content = {.kind = ALLOW_TEXT_OR_LIST, .items = &a_piece};
static const struct allow_member a_thinking[] = {{"thinking", &text}, {"signature", &text}, END};
static const struct allow_member a_redacted[] = {{"data", &text}, END};
static const struct allow_member a_call[] = {
    {"id", &text}, {"name", &text}, {"input", &object}, END};
static const struct allow_member a_result[] = {
    {"tool_use_id", &text}, {"content", &a_result_content}, {"is_error", &truth}, END};
static const struct allow_case a_blocks[] = {
    {"text", text_member},
    {"image", a_image},
    {"thinking", a_thinking},
    {"redacted_thinking", a_redacted},
    {"tool_use", a_call},
    {"tool_result", a_result},
    END,
};
static const struct allow a_block = {.kind = ALLOW_TAGGED, .tag = "type", .cases = a_blocks};
static const struct allow a_content = {.kind = ALLOW_LIST, .items = &a_block};
static const struct allow_member a_message_members[] = {{"content", &a_content}, END};
static const struct allow_case a_messages[] = {
    {"user", a_message_members}, {"assistant", a_message_members}, END};
static const struct allow a_message = {.kind = ALLOW_TAGGED, .tag = "role", .cases = a_messages};
static const struct allow a_conversation = {.kind = ALLOW_LIST, .items = &a_message};

const struct allow_member request_anthropic[] = {
    {"system", &text}, {"messages", &a_conversation}, END};

/* --- OpenAI Chat Completions --- */

static const char *const function_word[] = {"function", NULL};
static const struct allow is_function = {.kind = ALLOW_WORD, .words = function_word};
static const struct allow_member o_function_members[] = {
    {"name", &text}, {"arguments", &text}, END};
static const struct allow o_function = {.kind = ALLOW_RECORD, .members = o_function_members};
static const struct allow_member o_call_members[] = {
    {"id", &text}, {"type", &is_function}, {"function", &o_function}, END};
static const struct allow o_call = {.kind = ALLOW_RECORD, .members = o_call_members};
static const struct allow o_calls = {.kind = ALLOW_LIST, .items = &o_call};
static const struct allow_member o_url_members[] = {{"url", &data_url}, END};
static const struct allow o_url = {
    .kind = ALLOW_RECORD, .is_image = true, .members = o_url_members};
static const struct allow_member o_image[] = {{"image_url", &o_url}, END};
static const struct allow_case o_parts[] = {{"text", text_member}, {"image_url", o_image}, END};
static const struct allow o_part = {.kind = ALLOW_TAGGED, .tag = "type", .cases = o_parts};
static const struct allow o_content = {.kind = ALLOW_TEXT_OR_LIST, .items = &o_part};
static const struct allow_member o_system[] = {{"content", &text}, END};
static const struct allow_member o_user[] = {{"content", &o_content}, END};
static const struct allow_member o_assistant[] = {
    {"content", &text_or_null},
    {"tool_calls", &o_calls},
    {"reasoning_content", &text},
    {"reasoning", &text},
    END,
};
static const struct allow_member o_tool[] = {{"tool_call_id", &text}, {"content", &text}, END};
static const struct allow_case o_messages[] = {
    {"system", o_system}, {"user", o_user}, {"assistant", o_assistant}, {"tool", o_tool}, END};
static const struct allow o_message = {.kind = ALLOW_TAGGED, .tag = "role", .cases = o_messages};
static const struct allow o_conversation = {.kind = ALLOW_LIST, .items = &o_message};

const struct allow_member request_openai[] = {{"messages", &o_conversation}, END};

/* --- OpenAI Responses --- */

static const char *const r_roles[] = {"user", "assistant", NULL};
static const struct allow r_role = {.kind = ALLOW_WORD, .words = r_roles};
static const struct allow_member r_image[] = {{"image_url", &data_url_image}, END};
static const struct allow_case r_parts[] = {
    {"input_text", text_member}, {"output_text", text_member}, {"input_image", r_image}, END};
static const struct allow r_part = {.kind = ALLOW_TAGGED, .tag = "type", .cases = r_parts};
static const struct allow r_content = {.kind = ALLOW_LIST, .items = &r_part};
static const struct allow r_output = {.kind = ALLOW_TEXT_OR_LIST, .items = &r_part};
static const struct allow_case r_summaries[] = {{"summary_text", text_member}, END};
static const struct allow r_summary_part = {
    .kind = ALLOW_TAGGED, .tag = "type", .cases = r_summaries};
static const struct allow r_summary = {.kind = ALLOW_LIST, .items = &r_summary_part};
static const struct allow_member r_message[] = {{"role", &r_role}, {"content", &r_content}, END};
static const struct allow_member r_reasoning[] = {
    {"summary", &r_summary}, {"encrypted_content", &text}, END};
static const struct allow_member r_call[] = {
    {"call_id", &text}, {"name", &text}, {"arguments", &text}, END};
static const struct allow_member r_result[] = {{"call_id", &text}, {"output", &r_output}, END};
static const struct allow_case r_items[] = {
    {"message", r_message},
    {"reasoning", r_reasoning},
    {"function_call", r_call},
    {"function_call_output", r_result},
    END,
};
static const struct allow r_item = {.kind = ALLOW_TAGGED, .tag = "type", .cases = r_items};
static const struct allow r_input = {.kind = ALLOW_LIST, .items = &r_item};

const struct allow_member request_responses[] = {{"instructions", &text}, {"input", &r_input}, END};

/* --- Gemini --- */

static const char *const g_roles[] = {"user", "model", NULL};
static const struct allow g_role = {.kind = ALLOW_WORD, .words = g_roles};
static const struct allow_member g_data_members[] = {
    {"mimeType", &image_type}, {"data", &text}, END};
static const struct allow g_data = {
    .kind = ALLOW_RECORD, .is_image = true, .members = g_data_members};
static const struct allow_member g_call_members[] = {
    {"id", &text}, {"name", &text}, {"args", &object}, END};
static const struct allow g_call = {.kind = ALLOW_RECORD, .members = g_call_members};
static const struct allow_member g_result_members[] = {
    {"id", &text}, {"name", &text}, {"response", &object}, END};
static const struct allow g_result = {.kind = ALLOW_RECORD, .members = g_result_members};
static const struct allow_member g_part_members[] = {
    {"text", &text},
    {"thought", &truth},
    {"thoughtSignature", &text},
    {"inlineData", &g_data},
    {"functionCall", &g_call},
    {"functionResponse", &g_result},
    END,
};
static const struct allow g_part = {.kind = ALLOW_RECORD, .members = g_part_members};
static const struct allow g_parts = {.kind = ALLOW_LIST, .items = &g_part};
static const struct allow_member g_content_members[] = {
    {"role", &g_role}, {"parts", &g_parts}, END};
static const struct allow g_content = {.kind = ALLOW_RECORD, .members = g_content_members};
static const struct allow g_contents = {.kind = ALLOW_LIST, .items = &g_content};
static const struct allow g_text_part = {.kind = ALLOW_RECORD, .members = text_member};
static const struct allow g_text_parts = {.kind = ALLOW_LIST, .items = &g_text_part};
static const struct allow_member g_system_members[] = {{"parts", &g_text_parts}, END};
static const struct allow g_system = {.kind = ALLOW_RECORD, .members = g_system_members};

const struct allow_member request_gemini[] = {
    {"systemInstruction", &g_system}, {"contents", &g_contents}, END};
