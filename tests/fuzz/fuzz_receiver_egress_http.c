/* rooms: host_ask */
/* What egress takes from a worker, over the socket pair of one call. */
#include "fuzz/receiver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return receiver_fuzz(&permits_egress_http, NULL, data, size);
}
