/* rooms: host */
/* An export comes from outside: whatever it is, it is verified, found bad, or refused with a sentence; the same with a key that
 * two seeds of the corpus are signed by, and with the bytes as what was seen before. */
#include "host/journal.h"
#include "host/public_key.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verify(struct str text, const struct journal_trust *trust)
{
    struct fault fault = {0};
    json_t *report = NULL;
    int r = journal_verify_export(text, trust, &report, &fault);
    if (r >= 0 ? report == NULL || json_is_true(json_object_get(report, "ok")) != (r == 0)
               : report != NULL || fault.text[0] == '\0')
        abort();
    json_decref(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    uint8_t key[SIGN_PUBLIC_SIZE];
    if (public_key_parse(STR("0631bfe535ab9dec35ba004e885614b0010f741638285c50b362a7ff40e65ee2"),
                         key, NULL) < 0)
        abort();
    verify(text, NULL);
    verify(text, &(struct journal_trust){.public_key = key});
    verify(text, &(struct journal_trust){.public_key = key, .seen = text, .nonce = STR("")});
    if (public_key_parse(text, key, NULL) > 0)
        abort();
    return 0;
}
