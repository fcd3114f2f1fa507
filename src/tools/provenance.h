/* Where the target of an effect came from. The monitor keeps what was said in a session, each text with a label, and looks
 * a target up in it: one that stands in the request, in the operator's words or in trusted output is fine; one that
 * stands only in untrusted output was put there by somebody else. No model, no guess about meaning: docs/provenance.md.
 *
 * Works on values, not on how they got there: a planner that repeats a hostile address cannot hide where it read it, and one
 * that disguises it makes a value that stands nowhere, which is a verdict of its own. */
#pragma once

#include "base/base.h"
#include "base/str.h"

#define PROVENANCE_TEXT_MAX ((size_t)32 << 20) /* bytes of one session, all labels */
#define PROVENANCE_VALUE_MAX ((size_t)2048)    /* of a value that is looked up */

enum provenance_label {
    FROM_REQUEST,
    FROM_OPERATOR,
    FROM_TRUSTED,
    FROM_UNTRUSTED,
};

/* What a value is, which says what may stand around it where it is found. */
enum target_kind {
    TARGET_TEXT, /* a name, a title, a command */
    TARGET_HOST, /* a host name or address */
    TARGET_EMAIL,
    TARGET_PATH,
    TARGET_NUMBER, /* account, phone: compared without spaces, dashes, dots and slashes */
};

/* What is done about a target that nobody we trust has named; the settings' `provenance`. Narrower is greater. */
enum provenance_mode { PROVENANCE_OFF, PROVENANCE_ASK, PROVENANCE_DENY };

struct provenance; /* opaque; one per session; not shared between threads */
must_use int provenance_new(own struct provenance **ret);
void provenance_free(own struct provenance *p);
DEFINE_FREEP(provenance, struct provenance);

/* source: what a person is told ("result of web_fetch"); cut at 100 bytes. Text past the maximum is not kept, and from then on
 * every value that stands in no other place counts as untrusted. -ENOMEM does the same. */
int provenance_add(struct provenance *p, enum provenance_label label, struct str source,
                   struct str text);
/* Untrusted text was seen. Sticky. */
bool provenance_has_untrusted(const struct provenance *p);

enum provenance_verdict {
    PROVENANCE_FINE,      /* request, operator or trusted output */
    PROVENANCE_UNTRUSTED, /* only untrusted output */
    PROVENANCE_UNKNOWN,   /* stands nowhere */
};
struct provenance_answer {
    enum provenance_verdict verdict;
    enum provenance_label label; /* when it was found */
    char source[104];            /* the same */
};
void provenance_of(const struct provenance *p, enum target_kind kind, struct str value,
                   struct provenance_answer *ret);
