/* Random bytes of the kernel (getrandom). Never fails: must() inside. */
#pragma once

#include "base/base.h"

void os_random(void *at, size_t len);
