/* top_screen.h - takes over the terminal: another screen, no cursor, keys without Enter and echo;
 * and gives it back as it was.
 * Exit:    whatever ends the process restores the terminal: top_screen_close, exit, SIGHUP, a
 *          crash. Only SIGKILL leaves it changed (`reset` helps).
 * Stop:    SIGTSTP restores it before the process stops. When the process goes on, it takes the
 *          terminal over again, and gets SIGWINCH, so that the owner draws.
 * Keys:    none of them makes a signal; Ctrl-C is read as '\x03', and Ctrl-Z as '\x1a'.
 * Thread:  main; one screen per process.
 */
#ifndef EH_CTL_TOP_SCREEN_H
#define EH_CTL_TOP_SCREEN_H

/* stdout must be a terminal that understands escape sequences (has_escapes in term.h). Without a
 * terminal on stdin, no keys are read. */
void top_screen_open(void);
void top_screen_close(void); /* does nothing if it is not open */
/* Stops the process group, as Ctrl-Z does without us; returns when it goes on. Does nothing if the
 * shell that started us ignores SIGTSTP, since it could not let us go on. */
void top_screen_stop(void);

#endif
