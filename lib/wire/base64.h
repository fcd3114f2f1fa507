/* Base64 (RFC 4648 section 4), strict. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

must_use int base64_encode(struct str bytes, struct buf *out);
must_use int base64_decode(struct str text, struct buf *out); /* -FAULT_INPUT */
