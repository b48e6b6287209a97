/* err.h - how a function of ours fails.
 * One way to fail: bool. Several: int, EH_OK or one of the negative codes below. Decoders return
 * bytes used, 0 for "need more", or a negative protocol code of their own module.
 */
#ifndef EH_BASE_ERR_H
#define EH_BASE_ERR_H

enum eh_err {
    EH_OK = 0,
    EH_EINVAL = -1, /* the value is not of the form asked for */
    EH_ELIMIT = -2, /* a limit would be passed */
    EH_EIO = -3,    /* the system refused; errno says why */
    EH_ENOENT = -4, /* there is none */
};

#define EH_MUST_USE          __attribute__((warn_unused_result))
#define EH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* The only macro that hides a return: passes a failure (< 0) on to the caller. */
#define EH_TRY(expr)                                                                               \
    do {                                                                                           \
        int eh_try_rc = (expr);                                                                    \
        if (eh_try_rc < 0)                                                                         \
            return eh_try_rc;                                                                      \
    } while (0)

#endif
