/* rooms: host_ask */
/* What the keeper of a native command takes from the monitor. */
#include "fuzz/receiver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return receiver_fuzz(&permits_keeper, NULL, data, size);
}
