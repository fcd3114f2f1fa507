/* rooms: host_ask */
/* What the monitor takes from an egress that was taken over. */
#include "fuzz/receiver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return receiver_fuzz(&permits_monitor_egress, NULL, data, size);
}
