/* Texts by label, and finding a value in them.
 *
 * Texts are folded when they come: ASCII lower case, runs of white space to one space, characters of no width away. A value is
 * folded the same way and must stand alone where it is found: "bob@x.org" is not in "jim.bob@x.org", "/a" is not in "/a/b".
 * Without that rule a hostile value would only need to be a piece of something harmless. */
#include "tools/provenance.h"

#include "base/buf.h"
#include "base/fault.h"

#include <errno.h>
#include <stdio.h>

#define TEXTS_MAX 65536

struct text {
    enum provenance_label label;
    char source[104];
    char *at; /* own; folded */
    size_t len;
};

struct provenance {
    struct text *texts; /* own */
    size_t count, cap, bytes;
    bool has_untrusted;
    bool is_full; /* something was not kept: what is not found may have stood there */
};

int provenance_new(own struct provenance **ret)
{
    *ret = calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

void provenance_free(own struct provenance *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        free(p->texts[i].at);
    free(p->texts);
    free(p);
}

bool provenance_has_untrusted(const struct provenance *p)
{
    return p->has_untrusted;
}

/* --- folding --- */

/* Bytes of a character without width at s, which a text may hide between others: soft hyphen, zero width space to
 * right-to-left mark, word joiner, byte order mark. 0 = none. */
static size_t widthless(struct str s)
{
    const unsigned char *c = (const unsigned char *)s.at;
    if (s.len >= 2 && c[0] == 0xC2 && c[1] == 0xAD)
        return 2;
    if (s.len < 3)
        return 0;
    bool is_one = (c[0] == 0xE2 && c[1] == 0x80 && c[2] >= 0x8B && c[2] <= 0x8F) ||
                  (c[0] == 0xE2 && c[1] == 0x81 && c[2] == 0xA0) ||
                  (c[0] == 0xEF && c[1] == 0xBB && c[2] == 0xBF);
    return is_one ? 3 : 0;
}

static bool is_white(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ret has room for text.len bytes; gives how many it wrote. */
static size_t fold(struct str text, char *ret)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.at[i];
        size_t skip = c >= 0x80 ? widthless((struct str){text.at + i, text.len - i}) : 0;
        if (skip > 0) {
            i += skip;
            continue;
        }
        if (is_white(c)) {
            if (len > 0 && ret[len - 1] != ' ')
                ret[len++] = ' ';
        } else {
            ret[len++] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : (char)c;
        }
        i++;
    }
    while (len > 0 && ret[len - 1] == ' ')
        len--;
    return len;
}

static bool has_room(struct provenance *p, size_t len)
{
    if (p->count == TEXTS_MAX || len > PROVENANCE_TEXT_MAX - p->bytes)
        return false;
    if (p->count < p->cap)
        return true;
    size_t cap = p->cap ? 2 * p->cap : 32;
    struct text *more = realloc(p->texts, cap * sizeof(*more));
    if (!more)
        return false;
    p->texts = more;
    p->cap = cap;
    return true;
}

int provenance_add(struct provenance *p, enum provenance_label label, struct str source,
                   struct str text)
{
    p->has_untrusted = p->has_untrusted || label == FROM_UNTRUSTED;
    if (text.len == 0)
        return 0;
    char *folded = has_room(p, text.len) ? malloc(text.len) : NULL;
    if (!folded) {
        p->is_full = true;
        return -FAULT_CAP;
    }
    struct text *t = &p->texts[p->count++];
    *t = (struct text){.label = label, .at = folded, .len = fold(text, folded)};
    if (source.len >= sizeof(t->source))
        source.len = utf8_valid_prefix((struct str){source.at, sizeof(t->source) - 1});
    snprintf(t->source, sizeof(t->source), "%.*s", STR_FMT(source));
    p->bytes += t->len;
    return 0;
}

/* --- finding --- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* Characters that would make a value a part of something longer. */
static bool belongs(enum target_kind kind, char c)
{
    static const char *const more[] = {
        [TARGET_TEXT] = "_",    [TARGET_HOST] = "-_", [TARGET_EMAIL] = "._%+-@",
        [TARGET_PATH] = "._-~", [TARGET_NUMBER] = "",
    };
    return is_alnum(c) || (c != '\0' && strchr(more[kind], c) != NULL);
}

static bool is_free_on_the_left(enum target_kind kind, struct str text, size_t at)
{
    if (at == 0)
        return true;
    char before = text.at[at - 1];
    /* "/b" in "a/b" is another path; "b" in "a/b" is its last name */
    if (kind == TARGET_PATH && text.at[at] == '/')
        return !belongs(kind, before) && before != '/';
    return !belongs(kind, before);
}

static bool is_free_on_the_right(enum target_kind kind, struct str text, size_t end)
{
    if (end == text.len)
        return true;
    char next = text.at[end], after = end + 1 < text.len ? text.at[end + 1] : ' ';
    /* a stop ends a sentence, or goes on in a name: "x.org." and "x.org.evil.net" */
    if (next == '.' && kind != TARGET_TEXT && kind != TARGET_NUMBER)
        return !is_alnum(after);
    if (next == '/' && kind == TARGET_PATH)
        return !belongs(kind, after);
    if (next == '@' && kind == TARGET_HOST)
        return false;
    return !belongs(kind, next);
}

static bool stands_in(enum target_kind kind, struct str text, struct str value)
{
    for (size_t from = 0; from + value.len <= text.len;) {
        const char *hit = memmem(text.at + from, text.len - from, value.at, value.len);
        if (!hit)
            return false;
        size_t at = (size_t)(hit - text.at);
        if (is_free_on_the_left(kind, text, at) && is_free_on_the_right(kind, text, at + value.len))
            return true;
        from = at + 1;
    }
    return false;
}

static bool is_separator(char c)
{
    return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')';
}

/* value without separators; the text may have them anywhere between its characters. */
static bool number_stands_at(struct str text, size_t at, struct str value)
{
    size_t v = 0;
    for (; at < text.len && v < value.len; at++) {
        if (text.at[at] == value.at[v])
            v++;
        else if (!is_separator(text.at[at]))
            return false;
    }
    return v == value.len && (at == text.len || !is_alnum(text.at[at]));
}

static bool number_stands_in(struct str text, struct str value)
{
    for (size_t at = 0; at < text.len; at++) {
        const char *hit = memchr(text.at + at, value.at[0], text.len - at);
        if (!hit)
            return false;
        at = (size_t)(hit - text.at);
        if ((at == 0 || !is_alnum(text.at[at - 1])) && number_stands_at(text, at, value))
            return true;
    }
    return false;
}

static struct str without_separators(char *text, size_t len)
{
    size_t kept = 0;
    for (size_t i = 0; i < len; i++)
        if (!is_separator(text[i]))
            text[kept++] = text[i];
    return (struct str){text, kept};
}

static const struct text *find(const struct provenance *p, bool untrusted, enum target_kind kind,
                               struct str value)
{
    const struct text *best = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const struct text *t = &p->texts[i];
        struct str text = {t->at, t->len};
        if ((t->label == FROM_UNTRUSTED) != untrusted || (best && best->label <= t->label))
            continue;
        if (kind == TARGET_NUMBER ? number_stands_in(text, value) : stands_in(kind, text, value))
            best = t;
    }
    return best;
}

static void answer(const struct text *t, enum provenance_verdict verdict,
                   struct provenance_answer *ret)
{
    ret->verdict = verdict;
    ret->label = t->label;
    memcpy(ret->source, t->source, sizeof(ret->source));
}

void provenance_of(const struct provenance *p, enum target_kind kind, struct str value,
                   struct provenance_answer *ret)
{
    char folded[PROVENANCE_VALUE_MAX];
    *ret = (struct provenance_answer){.verdict = PROVENANCE_UNKNOWN};
    bool is_long = value.len > sizeof(folded);
    struct str v = {folded, is_long ? 0 : fold(value, folded)};
    if (kind == TARGET_NUMBER)
        v = without_separators(folded, v.len);
    if (v.len == 0) {
        /* nothing to look up; what is too long to be looked up is not fine either */
        ret->verdict = is_long ? PROVENANCE_UNKNOWN : PROVENANCE_FINE;
        ret->label = FROM_REQUEST;
        return;
    }
    const struct text *t = find(p, false, kind, v);
    if (t) {
        answer(t, PROVENANCE_FINE, ret);
        return;
    }
    t = find(p, true, kind, v);
    if (t) {
        answer(t, PROVENANCE_UNTRUSTED, ret);
    } else if (p->is_full) {
        ret->verdict = PROVENANCE_UNTRUSTED;
        ret->label = FROM_UNTRUSTED;
        snprintf(ret->source, sizeof(ret->source), "more text than is kept");
    }
}
