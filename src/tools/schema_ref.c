/* Which node a reference means. URIs are resolved as RFC 3986 says against the "$id" around them; only what is inside the
 * same document is ever looked at: a reference to another document is an error at load, nothing is fetched. */
#include "tools/schema_inside.h"

#include "base/buf.h"
#include "tools/json_walk.h"

#include <errno.h>

#define URI_MAX 4096

struct uri { /* views; at == NULL: the part is not there */
    struct str scheme, authority, path, query, fragment;
};

static struct str until(struct str s, size_t from, const char *stops)
{
    size_t end = from;
    while (end < s.len && !strchr(stops, s.at[end]))
        end++;
    return (struct str){s.at + from, end - from};
}

static struct uri uri_split(struct str s)
{
    struct uri u = {0};
    struct str head = until(s, 0, ":/?#");
    size_t at = 0;
    if (head.len > 0 && head.len < s.len && s.at[head.len] == ':') {
        u.scheme = head;
        at = head.len + 1;
    }
    if (s.len - at >= 2 && s.at[at] == '/' && s.at[at + 1] == '/') {
        u.authority = until(s, at + 2, "/?#");
        at += 2 + u.authority.len;
    }
    u.path = until(s, at, "?#");
    at += u.path.len;
    if (at < s.len && s.at[at] == '?') {
        u.query = until(s, at + 1, "#");
        at += 1 + u.query.len;
    }
    if (at < s.len && s.at[at] == '#')
        u.fragment = (struct str){s.at + at + 1, s.len - at - 1};
    return u;
}

/* remove_dot_segments of RFC 3986, 5.2.4, appending to out. */
static void add_path(struct buf *out, struct str path)
{
    size_t start = out->len;
    while (path.len > 0) {
        bool rooted = path.at[0] == '/';
        struct str segment = until(path, rooted ? 1 : 0, "/");
        size_t used = segment.len + (rooted ? 1 : 0);
        bool last = used == path.len;
        if (str_is(segment, ".") || str_is(segment, "..")) {
            while (segment.len == 2 && out->len > start && out->at[--out->len] != '/')
                ;
            if (last)
                buf_add_c(out, '/');
        } else {
            buf_add(out, path.at, used);
        }
        path = (struct str){path.at + used, path.len - used};
    }
}

static void merge_path(struct buf *out, const struct uri *base, struct str path)
{
    struct buf merged;
    buf_init(&merged, URI_MAX * 2);
    size_t keep = base->path.len;
    while (keep > 0 && base->path.at[keep - 1] != '/')
        keep--;
    if (base->authority.at && base->path.len == 0)
        buf_add_c(&merged, '/');
    buf_add(&merged, base->path.at, keep);
    buf_add_str(&merged, path);
    add_path(out, buf_str(&merged));
    buf_done(&merged);
}

/* out: text resolved against base, without fragment; ret_fragment: view into text (at == NULL: none). */
static int uri_resolve(struct str base_text, struct str text, struct buf *out,
                       struct str *ret_fragment)
{
    if (text.len > URI_MAX || base_text.len > URI_MAX)
        return -FAULT_CAP;
    struct uri base = uri_split(base_text), u = uri_split(text);
    struct str scheme = u.scheme, authority = u.authority, query = u.query;
    struct buf path;
    buf_init(&path, URI_MAX * 2);
    if (u.scheme.at || u.authority.at) {
        scheme = u.scheme.at ? u.scheme : base.scheme;
        add_path(&path, u.path);
    } else {
        scheme = base.scheme;
        authority = base.authority;
        if (u.path.len == 0) {
            buf_add_str(&path, base.path);
            query = u.query.at ? u.query : base.query;
        } else if (u.path.at[0] == '/') {
            add_path(&path, u.path);
        } else {
            merge_path(&path, &base, u.path);
        }
    }
    if (scheme.at)
        buf_addf(out, "%.*s:", STR_FMT(scheme));
    if (authority.at)
        buf_addf(out, "//%.*s", STR_FMT(authority));
    buf_add_str(out, buf_str(&path));
    if (query.at)
        buf_addf(out, "?%.*s", STR_FMT(query));
    int r = buf_error(&path);
    buf_done(&path);
    *ret_fragment = u.fragment;
    return r ? r : buf_error(out);
}

int schema_resource_new(struct schema *s, const struct resource *in, const char *id,
                        struct node *root, struct resource **ret, struct fault *reterr)
{
    struct buf uri;
    struct str fragment = {0};
    buf_init(&uri, URI_MAX * 2);
    int r = uri_resolve(str_of(in ? in->uri : ""), str_of(id), &uri, &fragment);
    if (r == 0 && fragment.len > 0)
        r = fault_set(reterr, FAULT_CONFIG, "schema at \"%s\": \"$id\" must not have a fragment",
                      root->at);
    for (size_t i = 0; r == 0 && in && i < s->resource_count; i++)
        if (str_is(buf_str(&uri), s->resources[i]->uri))
            r = fault_set(reterr, FAULT_CONFIG,
                          "schema at \"%s\": \"$id\" is used twice: \"%.100s\"", root->at, id);
    struct resource **grown =
        r ? NULL : realloc(s->resources, (s->resource_count + 1) * sizeof(struct resource *));
    if (grown)
        s->resources = grown;
    struct resource *made = grown ? calloc(1, sizeof *made) : NULL;
    if (made) {
        made->uri = str_dup(buf_str(&uri));
        made->root = root;
    }
    buf_done(&uri);
    if (r)
        return r;
    if (!made || !made->uri) {
        free(made);
        return -ENOMEM;
    }
    s->resources[s->resource_count++] = made;
    *ret = made;
    return 0;
}

int schema_anchor_add(struct resource *r, const char *name, struct node *node, bool is_dynamic,
                      struct fault *reterr)
{
    const struct anchor *there = schema_anchor_find(r, str_of(name), false);
    if (there && there->node != node)
        return fault_set(reterr, FAULT_CONFIG,
                         "schema at \"%s\": the anchor \"%.80s\" is used twice", node->at, name);
    struct anchor *grown = realloc(r->anchors, (r->anchor_count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    r->anchors = grown;
    r->anchors[r->anchor_count++] = (struct anchor){name, node, is_dynamic};
    return 0;
}

const struct anchor *schema_anchor_find(const struct resource *r, struct str name,
                                        bool dynamic_only)
{
    for (size_t i = 0; i < r->anchor_count; i++)
        if (str_is(name, r->anchors[i].name) && (r->anchors[i].is_dynamic || !dynamic_only))
            return &r->anchors[i];
    return NULL;
}

static struct node *node_of(const struct schema *s, const json_t *json)
{
    if (!json_is_object(json))
        return NULL; /* true and false are shared values: they have no place */
    for (size_t i = 0; i < s->node_count; i++)
        if (s->nodes[i]->json == json)
            return s->nodes[i];
    return NULL;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent escapes of a fragment; what is no escape stays as it is. */
static void percent_decode(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        int high = s.at[i] == '%' && s.len - i > 2 ? hex_value(s.at[i + 1]) : -1;
        int low = high >= 0 ? hex_value(s.at[i + 2]) : -1;
        if (low >= 0) {
            buf_add_c(out, (char)(high * 16 + low));
            i += 2;
        } else {
            buf_add_c(out, s.at[i]);
        }
    }
}

/* One step of a JSON pointer; token still has its ~ escapes. */
static const json_t *pointer_step(const json_t *json, struct str token)
{
    struct buf key;
    buf_init(&key, URI_MAX);
    for (size_t i = 0; i < token.len; i++) {
        bool escape = token.at[i] == '~' && i + 1 < token.len &&
                      (token.at[i + 1] == '0' || token.at[i + 1] == '1');
        buf_add_c(&key, !escape ? token.at[i] : token.at[++i] == '0' ? '~' : '/');
    }
    const json_t *next = NULL;
    uint64_t index = 0;
    if (json_is_object(json))
        next = json_object_getn(json, buf_str(&key).at, key.len);
    else if (json_is_array(json) && base_parse_u64(buf_str(&key), SIZE_MAX, &index) == 0)
        next = json_array_get(json, (size_t)index);
    buf_done(&key);
    return next;
}

/* Follows a pointer from the root of a resource; a place that is not loaded yet becomes a node now. */
static int find_pointer(struct schema *s, struct resource *in, struct str pointer,
                        struct node **ret, struct fault *reterr)
{
    const json_t *json = in->root->json;
    size_t at = 0;
    while (json && at < pointer.len) {
        struct str token = until(pointer, at + 1, "/");
        at += 1 + token.len;
        json = pointer_step(json, token);
        struct node *here = json ? node_of(s, json) : NULL;
        for (size_t i = 0; here && i < s->resource_count; i++)
            if (s->resources[i] == here->resource)
                in = s->resources[i];
    }
    if (!json)
        return 1;
    *ret = node_of(s, json);
    return *ret ? 0 : schema_load_node(s, json, pointer, in, 0, ret, reterr);
}

static int find_target(struct schema *s, struct pending *p, struct node **ret,
                       const char **ret_dynamic, struct fault *reterr)
{
    struct buf uri, fragment;
    struct str raw = {0};
    buf_init(&uri, URI_MAX * 2);
    buf_init(&fragment, URI_MAX);
    int r = uri_resolve(str_of(p->node->resource->uri), str_of(p->text), &uri, &raw);
    percent_decode(raw, &fragment);
    struct resource *in = NULL;
    for (size_t i = 0; i < s->resource_count; i++)
        if (str_is(buf_str(&uri), s->resources[i]->uri))
            in = s->resources[i];
    struct str name = buf_str(&fragment);
    if (r == 0 && !in) {
        r = 1;
    } else if (r == 0 && name.len == 0) {
        *ret = in->root;
    } else if (r == 0 && name.at[0] == '/') {
        r = find_pointer(s, in, name, ret, reterr);
    } else if (r == 0) {
        const struct anchor *a = schema_anchor_find(in, name, false);
        const struct anchor *dynamic = schema_anchor_find(in, name, true);
        r = a ? 0 : 1;
        if (a)
            *ret = a->node;
        if (dynamic)
            *ret_dynamic = dynamic->name;
    }
    buf_done(&uri);
    buf_done(&fragment);
    return r;
}

/* Looking one up may load further nodes with further references: the list grows while it is walked. */
int schema_resolve_pending(struct schema *s, struct fault *reterr)
{
    for (; s->pending_done < s->pending_count; s->pending_done++) {
        struct pending p = s->pending[s->pending_done];
        struct node *target = NULL;
        const char *dynamic = NULL;
        int r = find_target(s, &p, &target, &dynamic, reterr);
        if (r < 0)
            return r;
        if (r > 0) {
            r = fault_set(
                reterr, FAULT_CONFIG,
                "schema at \"%s\": \"%s\" points to \"%.200s\", which is not in this document",
                p.node->at, p.is_dynamic ? "$dynamicRef" : "$ref", p.text);
            fault_next(reterr, "put the schema under \"$defs\" and point there: \"#/$defs/NAME\"");
            return r;
        }
        if (p.is_dynamic) {
            p.node->dynamic_ref = target;
            p.node->dynamic_anchor = dynamic;
        } else {
            p.node->ref = target;
        }
    }
    return 0;
}
