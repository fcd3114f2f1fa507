/* The certificates that the operator named instead of the system's: SSL_CERT_FILE, else CURL_CA_BUNDLE. */
#pragma once

#include "base/base.h"
#include "base/fault.h"

/* Both own, NULL when nothing is named: the real path, and egress' argument that lets it read the file. -FAULT_CONFIG */
must_use int certificates_find(own char **ret_file, own char **ret_argument, struct fault *reterr);
