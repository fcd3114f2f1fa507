/* rooms: host_ask */
/* What a worker takes from egress, over the socket pair of one call. */
#include "fuzz/receiver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return receiver_fuzz(&permits_worker_http, NULL, data, size);
}
