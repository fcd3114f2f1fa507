/* The few words that every file of the project speaks: attributes that put ownership and duty into
 * prototypes, and checked arithmetic for numbers that came from outside. No functions with state.
 *
 * Return convention of the whole tree:
 *   0          done
 *   negative   a fault: -errno or -FAULT_* (base/fault.h), forwarded unchanged
 *   positive   a named outcome of this one function, handled by its caller
 * ret_x is written only on success; reterr_x (always the last parameter) only on failure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define must_use __attribute__((warn_unused_result))
#define own /* passes ownership across this prototype */
#define unused_ __attribute__((unused))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Free at end of scope. auto_(x) calls x_freep(T**). */
#define auto_free __attribute__((cleanup(base_freep)))
#define auto_(type) __attribute__((cleanup(type##_freep)))
#define auto_done(type) __attribute__((cleanup(type##_done)))

static inline void base_freep(void *p)
{
    void **slot = (void **)p;
    free(*slot);
    *slot = NULL;
}

/* Declares x_freep() for use with auto_(x); x_free must accept NULL. */
#define DEFINE_FREEP(name, type)                                                                   \
    static inline void name##_freep(type **slot)                                                   \
    {                                                                                              \
        name##_free(*slot);                                                                        \
        *slot = NULL;                                                                              \
    }                                                                                              \
    _Static_assert(1, "")

/* Hands a pointer over and clears the place it came from. */
#define take(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) *take_slot_ = &(p);                                                          \
        __typeof__(p) take_value_ = *take_slot_;                                                   \
        *take_slot_ = NULL;                                                                        \
        take_value_;                                                                               \
    })

/* Checked arithmetic: true when the result fits and was stored. */
static inline must_use bool size_add(size_t a, size_t b, size_t *ret)
{
    return !__builtin_add_overflow(a, b, ret);
}
static inline must_use bool size_mul(size_t a, size_t b, size_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}
static inline must_use bool i64_add(int64_t a, int64_t b, int64_t *ret)
{
    return !__builtin_add_overflow(a, b, ret);
}
static inline must_use bool i64_mul(int64_t a, int64_t b, int64_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}

/* Stays in release: a broken invariant ends the process rather than go on with it. */
#define must(x) ((x) ? (void)0 : base_must_failed(#x, __FILE__, __LINE__))
__attribute__((noreturn, cold)) void base_must_failed(const char *claim, const char *file,
                                                      int line);
/* The same for what a library could not do although nothing is broken, as without memory: ends with
 * a sentence and exit code 1, without a core. Only where no answer would be a wrong answer. */
#define must_library(x) ((x) ? (void)0 : base_library_failed(#x))
__attribute__((noreturn, cold)) void base_library_failed(const char *claim);
