/* top_screen.h - takes over the terminal: another screen, no cursor, keys without Enter and echo;
 * and gives it back as it was.
 * Exit:    whatever ends the process restores the terminal: top_screen_close, exit, SIGHUP, a
 *          crash. Only SIGKILL leaves it changed (`reset` helps).
 * Keys:    none of them makes a signal; Ctrl-C is read as '\x03'.
 * Thread:  main; one screen per process.
 */
#ifndef EH_CTL_TOP_SCREEN_H
#define EH_CTL_TOP_SCREEN_H

/* stdout must be a terminal that understands escape sequences (has_escapes in term.h). Without a
 * terminal on stdin, no keys are read. */
void top_screen_open(void);
void top_screen_close(void); /* does nothing if it is not open */

#endif
