#include "ctl/top/top_screen.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/array.h"

#define ENTER "\x1b[?1049h\x1b[?25l\x1b[2J" /* the other screen, no cursor, empty */
#define LEAVE "\x1b[?25h\x1b[?1049l"

/* Signals that end a process without another chance to restore the terminal. */
static const int deadly[] = { SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };

/* These are variables of the process, since the handlers of signals and exit have nothing else. */
static volatile sig_atomic_t is_open, has_keys;
static struct termios saved;

/* Calls only what a handler may call. */
void top_screen_close(void)
{
    if (!is_open)
        return;
    is_open = false;
    if (write(STDOUT_FILENO, LEAVE, strlen(LEAVE)) < 0)
        return; /* the terminal is gone */
    if (has_keys)
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
}

/* The action is already the default one again (SA_RESETHAND). */
static void on_deadly(int signal)
{
    top_screen_close();
    (void)raise(signal);
}

static void read_keys_at_once(void)
{
    struct termios raw;

    has_keys = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &saved) == 0;
    if (!has_keys)
        return;
    raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
}

void top_screen_open(void)
{
    struct sigaction action = { .sa_handler = on_deadly, .sa_flags = (int)SA_RESETHAND };

    for (size_t i = 0; i < ARRAY_LEN(deadly); i++)
        (void)sigaction(deadly[i], &action, NULL);
    (void)atexit(top_screen_close);
    is_open = true;
    read_keys_at_once();
    if (write(STDOUT_FILENO, ENTER, strlen(ENTER)) < 0)
        top_screen_close();
}
