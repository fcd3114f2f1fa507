/* The engine's settings as text, for the key of cached code. */
#include "sandbox/run/engine.h"

const char *sandbox_engine_settings(void)
{
#define TEXT(setting, type, value) #setting "=" #value ";"
    return SANDBOX_ENGINE_SETTINGS(TEXT);
#undef TEXT
}
