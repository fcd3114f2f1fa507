/* The frame between our programs: a fixed header {length, type, id}, then a JSON body, then optional
 * raw bytes; file descriptors travel beside the header. Codec only: no I/O, no knowledge of types
 * beyond their maximum. docs/protocol.md is the page for it.
 *
 *   offset 0  u32  length of all that follows the header, little-endian (json + raw)
 *          4  u16  type
 *          6  u16  number of file descriptors that came with it (0..FRAME_FDS_MAX)
 *          8  u32  length of the JSON part (<= length); the rest is raw
 *         12  u64  id of the request or stream that the frame belongs to; 0 = none
 */
#pragma once

#include "base/base.h"
#include "base/str.h"

#define FRAME_HEADER_SIZE 20
#define FRAME_FDS_MAX 8
#define FRAME_LENGTH_MAX ((uint32_t)80 << 20) /* no type may have more */

struct frame {
    uint16_t type;
    uint16_t fd_count;
    uint64_t id;
    struct str json; /* may be empty */
    struct str raw;  /* may be empty */
};

/* What a receiver accepts; one row per type. `states` is a bit set of the receiver's own states. */
struct frame_permit {
    uint16_t type;
    const char *name;
    uint32_t length_max;
    uint16_t fds_max;
    uint32_t states;
};

struct frame_header {
    uint32_t length, json_length;
    uint16_t type, fd_count;
    uint64_t id;
};

/* Header bytes -> values, checked against the permit table for `state`.
 * returns 0, or -FAULT_PROTOCOL with a reason that names what was wrong (unknown type, not legal in
 * this state, too long, too many fds, json longer than frame). */
struct fault;
must_use int frame_header_parse(const uint8_t bytes[FRAME_HEADER_SIZE],
                                const struct frame_permit *permits, size_t permit_count,
                                uint32_t state, struct frame_header *ret, struct fault *reterr);
void frame_header_print(const struct frame_header *h, uint8_t ret[FRAME_HEADER_SIZE]);
const struct frame_permit *frame_permit_find(const struct frame_permit *permits, size_t count,
                                             uint16_t type);
