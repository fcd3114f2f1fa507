/* The door for other programs of the same person: questions go out and answers come in over a unix socket, as JSON lines
 * (docs/approvals.md). It may outlive the run whose questions it shows: a chat keeps it, and each message attaches to it. No client
 * can hold up a run: what is not read at once waits in a buffer with a maximum, and who lets it fill up is dropped. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "edge/question.h"
#include "os/loop.h"

#define DOOR_CLIENTS_MAX 8
#define DOOR_LINE_MAX ((size_t)64 << 10)  /* of a client */
#define DOOR_UNREAD_MAX ((size_t)8 << 20) /* for a client that does not read */

struct approval_door; /* opaque */

struct approval_door_events {
    /* An answer to a question: 0, or a fault whose sentence the client gets. */
    int (*on_answer)(int64_t id, struct approval_reply *reply, struct fault *reterr, void *arg);
    void (*on_entered)(void *client, void *arg); /* a client came */
    void (*on_left)(void *arg);                  /* the last one went */
};

/* address: unix:PATH. Its folder must be this user's, and nobody else's to enter or change. -FAULT_USAGE with a sentence. */
must_use int approval_door_new(const char *address, own struct approval_door **ret,
                               struct fault *reterr);
void approval_door_free(own struct approval_door *d); /* its name goes, too */
DEFINE_FREEP(approval_door, struct approval_door);

/* One at a time. Between detach and attach clients stay connected and wait. */
must_use int approval_door_attach(struct approval_door *d, struct os_loop *loop,
                                  const struct approval_door_events *events, void *arg);
/* In all of these d may be NULL: there is no door. */
void approval_door_detach(struct approval_door *d);
bool approval_door_has_someone(const struct approval_door *d);
/* client: of on_entered; NULL: all. */
void approval_door_tell_question(struct approval_door *d, void *client, int64_t id,
                                 const json_t *question);
void approval_door_tell_answer(struct approval_door *d, int64_t id,
                               const struct approval_reply *reply);
