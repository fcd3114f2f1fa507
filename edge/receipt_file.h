/* --receipt FILE|-: FILE is replaced whole; - is the last line of stderr. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "wire/json.h"

must_use int receipt_file_write(const char *path, const json_t *receipt, struct fault *reterr);
