/* err.h - how our functions report failure.
 * A function that can fail in one way returns bool. One that can fail in several returns int: EH_OK
 * or one of the negative codes below. A decoder returns the bytes used, 0 for "need more", or a
 * negative protocol code of its own module.
 */
#ifndef EH_BASE_ERR_H
#define EH_BASE_ERR_H

enum eh_err {
    EH_OK = 0,
    EH_EINVAL = -1, /* the value does not have the required form */
    EH_ELIMIT = -2, /* a limit would be exceeded */
    EH_EIO = -3,    /* a system call failed; errno says why */
    EH_ENOENT = -4, /* it does not exist */
};

#define EH_MUST_USE          __attribute__((warn_unused_result))
#define EH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Passes a failure (< 0) on to the caller. This is the only macro that hides a return. */
#define EH_TRY(expr)                                                                               \
    do {                                                                                           \
        int eh_try_rc = (expr);                                                                    \
        if (eh_try_rc < 0)                                                                         \
            return eh_try_rc;                                                                      \
    } while (0)

#endif
