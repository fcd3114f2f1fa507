/* Images that a planner can be shown, by their first bytes. Pure. */
#pragma once

#include "base.h"

/* The most bytes of an image in one answer; as base64 they still fit under the output cap. */
enum { IMAGE_MAX_BYTES = 700000 };

/* "image/png" and the like, NULL when it is none of them. */
const char *image_type(struct str head);
