/* Decoding and writing on any wire, as tests look at it: events as lines of text. */
#pragma once

#include "query/codec.h"

/* The bytes in pieces: one of `first`, then each of `step`. Returns what end() says, or the first fault. */
int wires_decode(const struct codec_wire *wire, struct str bytes, size_t first, size_t step,
                 struct buf *out);
/* At once; out is made here. */
int wires_decode_z(const struct codec_wire *wire, const char *bytes, struct buf *out);
/* The answer means `meaning` whole, cut in two anywhere, in pieces of each size, and with each kind of line end. */
void wires_assert_meaning(const struct codec_wire *wire, const char *answer, const char *meaning);
/* Each part of the answer that is shorter than `whole` bytes is no answer. */
void wires_assert_cut(const struct codec_wire *wire, const char *answer, size_t whole);

/* The body of a request for a conversation and tools given as JSON texts. */
own json_t *wires_request(const struct codec_wire *wire, const char *conversation,
                          const char *system, const char *tools);
void wires_assert_json(const json_t *is, const char *want);
