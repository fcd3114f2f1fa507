/* See certificates.h. */
#include "edge/certificates.h"

#include "os/env.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int certificates_find(own char **ret_file, own char **ret_argument, struct fault *reterr)
{
    const char *name = "SSL_CERT_FILE", *said = os_env(name);
    if (!said)
        said = os_env(name = "CURL_CA_BUNDLE");
    if (!said)
        return 0;
    int r = os_real_path(said, ret_file);
    if (r < 0) {
        (void)fault_sys(reterr, -r, "%s: %s", name, said);
        reterr->code = FAULT_CONFIG;
        return -FAULT_CONFIG;
    }
    return asprintf(ret_argument, "--read=%s", *ret_file) < 0 ? -ENOMEM : 0;
}
