/* rooms: host */
/* An export comes from outside: whatever it is, it is verified, found bad, or refused with a sentence. */
#include "host/journal.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault = {0};
    json_t *report = NULL;
    int r = journal_verify_export((struct str){(const char *)data, size}, NULL, &report, &fault);
    if (r >= 0 ? report == NULL || json_is_true(json_object_get(report, "ok")) != (r == 0)
               : report != NULL || fault.text[0] == '\0')
        abort();
    json_decref(report);
    return 0;
}
