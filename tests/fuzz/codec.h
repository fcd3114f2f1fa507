/* Properties that hold for the answers of every wire; each wire has a target that checks them. */
#pragma once

#include "base/fault.h"
#include "edge/request.h"
#include "query/codec.h"
#include "query/turn.h"

struct reader {
    struct buf *out;
    struct turn *turn;
    int turn_fault;
};

static int note(const struct query_event *e, void *arg)
{
    struct reader *r = arg;
    buf_addf(r->out, "%d %d %d %lld %lld ", (int)e->kind, (int)e->stop, (int)e->error,
             (long long)e->usage.input, (long long)e->usage.output);
    buf_add_str(r->out, e->id);
    buf_add_str(r->out, e->tool);
    buf_add_str(r->out, e->text);
    buf_add_c(r->out, '\n');
    must(e->usage.input >= 0 && e->usage.output >= 0 && e->usage.cache_read >= 0 &&
         e->usage.cache_write >= 0);
    if (r->turn_fault == 0)
        r->turn_fault = turn_add(r->turn, e);
    return 0;
}

static int decode(const struct codec_wire *wire, struct str s, size_t step, struct buf *out,
                  struct turn *turn)
{
    struct codec *c = NULL;
    struct reader reader = {out, turn, 0};
    int r = 0;
    buf_init(out, (size_t)1 << 30);
    turn_init(turn);
    must(wire->decoder_new(&c) == 0);
    for (size_t at = 0; r == 0 && at < s.len; at += step)
        r = wire->feed(c, (struct str){s.at + at, step < s.len - at ? step : s.len - at}, note,
                       &reader);
    if (r == 0)
        r = wire->end(c, note, &reader);
    wire->decoder_free(c);
    must(r == 0 || r == -FAULT_INPUT || r == -FAULT_CAP);
    must(reader.turn_fault == 0 || reader.turn_fault == -FAULT_INPUT ||
         reader.turn_fault == -FAULT_CAP);
    return r;
}

/* What the loop keeps of an answer can be sent back, and the monitor takes it. */
static void check_request(const struct codec_wire *wire, const struct turn *turn)
{
    auto_json json_t *conversation =
        json_pack("[{s:s, s:O}]", "role", "assistant", "content", turn->blocks);
    const struct codec_request request = {
        .model = "m", .system = "", .conversation = conversation, .max_tokens = 1};
    const struct request sent = {request_wire_find(wire->name), "m", 1, NULL, 0};
    auto_done(buf) struct buf body, built;
    struct fault why = {0};
    buf_init(&body, (size_t)1 << 30);
    buf_init(&built, (size_t)1 << 30);
    must(wire->request(&request, &body) == 0);
    must(request_build(&sent, buf_str(&body), &built, &why) == 0);
}

/* An answer cut in two ways means the same. */
static void check_answer(const struct codec_wire *wire, struct str s, unsigned step)
{
    auto_done(buf) struct buf whole, cut;
    auto_done(turn) struct turn a, b;
    int r = decode(wire, s, s.len + 1, &whole, &a);
    int q = decode(wire, s, step, &cut, &b);
    must(r == q && str_eq(buf_str(&whole), buf_str(&cut)));
    if (r == 0 && turn_close(&a) == 0 && a.blocks != NULL)
        check_request(wire, &a);
}
