/* Base64 (RFC 4648, with padding). */
#pragma once

#include "base.h"

bool base64_add(struct buf *buf, struct str bytes);
