/* The table of all 46 functions: the one place where a result becomes the guest's errno and a stop
 * becomes the engine's. A run that has ended answers nothing more. */
#include "sandbox/wasi/inside.h"

#define WASI_WRAP(name, params, results)                                                           \
    static int answer_##name(struct wasi *w, struct wasi_memory m, const uint64_t *a,              \
                             uint32_t *ret_errno)                                                  \
    {                                                                                              \
        int r = w->stop != 0 || w->is_ended ? -WASI_STOPPED : call_##name(w, m, a);                \
        return answer(w, r, ret_errno);                                                            \
    }
#define WASI_ROW(name, params, results) {#name, params, results, answer_##name},

static int answer(struct wasi *w, int r, uint32_t *ret_errno)
{
    if (r == -WASI_STOPPED) {
        *ret_errno = 0;
        return w->stop != 0 ? (int)w->stop : WASI_STOP_CANCEL;
    }
    *ret_errno = wasi_errno(r);
    return 0;
}

WASI_EACH(WASI_WRAP)

const struct wasi_function wasi_functions[] = {WASI_EACH(WASI_ROW)};
const size_t wasi_function_count = ARRAY_LEN(wasi_functions);
static_assert(ARRAY_LEN(wasi_functions) == 46, "preview 1 has 46 functions");
