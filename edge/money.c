/* Amounts as JSON for people and programs: decimal texts, exact. The balance of a session with its agents,
 * for whoever shows it. */
#include "edge/money.h"

#include "host/ledger.h"

#include <errno.h>
#include <stdio.h>

int money_add(json_t *object, const char *key, int64_t pico)
{
    auto_free char *text = ledger_usd_text(pico);
    return text && json_object_set_new(object, key, json_string(text)) == 0 ? 0 : -ENOMEM;
}

int money_print(const json_t *object, const struct money_number *numbers, size_t count,
                struct buf *out)
{
    int r = json_print(object, out);
    if (r < 0)
        return r;
    must(out->len >= 2 && out->at[out->len - 1] == '}');
    for (size_t i = 0; i < count; i++) {
        auto_free char *text = ledger_usd_text(numbers[i].pico);
        char member[120];
        bool is_first = out->at[out->len - 2] == '{';
        int n = text ? snprintf(member, sizeof(member), "%s\"%s\":%s", is_first ? "" : ",",
                                numbers[i].key, text)
                     : -1;
        if (n < 0)
            return -ENOMEM;
        must((size_t)n < sizeof(member));
        if ((r = buf_insert(out, out->len - 1, (struct str){member, (size_t)n})) < 0)
            return r;
    }
    return 0;
}

static int add_balance(json_t *object, const struct ledger_balance *b)
{
    int r = money_add(object, "budget_usd", b->budget);
    if (r == 0)
        r = money_add(object, "spent_usd", b->spent);
    if (r == 0)
        r = money_add(object, "reserved_usd", b->reserved);
    if (r == 0)
        r = money_add(object, "given_usd", b->given);
    return r == 0 ? money_add(object, "free_usd", b->budget - b->spent - b->reserved - b->given)
                  : r;
}

static int add_agent(const struct ledger_account *a, void *arg)
{
    json_t *list = arg;
    if (*a->agent == '\0')
        return 0; /* the session itself */
    json_t *agent = json_pack("{s:s, s:s, s:b, s:b}", "agent", a->agent, "parent", a->parent,
                              "pool", a->is_pool, "closed", a->is_closed);
    if (!agent || json_array_append_new(list, agent))
        return -ENOMEM;
    return add_balance(agent, &a->balance);
}

int money_of_session(struct state *state, const char *id, own json_t **ret, struct fault *reterr)
{
    struct ledger_balance b;
    auto_json json_t *object = json_object(), *agents = json_array();
    int r = ledger_balance(state, id, NULL, &b);
    if (r == -ENOENT)
        return fault_set(reterr, FAULT_USAGE, "session %s has no money booked", id);
    if (r == 0 && (!object || !agents || json_object_set_new(object, "session", json_string(id)) ||
                   json_object_set(object, "agents", agents)))
        r = -ENOMEM;
    if (r == 0)
        r = add_balance(object, &b);
    if (r == 0)
        r = ledger_each(state, id, add_agent, agents);
    if (r == 0)
        *ret = take(object);
    return r;
}
