#include "ctl/top/top_screen.h"

#include <pthread.h>
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
static volatile sig_atomic_t is_open, has_keys, may_stop;
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

/* Calls only what a handler may call. */
static void read_keys_at_once(void)
{
    struct termios raw;

    has_keys = tcgetattr(STDIN_FILENO, &saved) == 0; /* else it is no terminal */
    if (!has_keys)
        return;
    raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
}

/* Calls only what a handler may call. */
static void take_over(void)
{
    is_open = true;
    read_keys_at_once();
    if (write(STDOUT_FILENO, ENTER, strlen(ENTER)) < 0)
        top_screen_close();
}

static void on_stop(int signal);

static void set_stop_action(void (*fn)(int signal))
{
    const struct sigaction action = { .sa_handler = fn, .sa_flags = (int)SA_RESTART };

    (void)sigaction(SIGTSTP, &action, NULL);
}

/* Lets the default action stop the process: the kernel then knows, too, if there is no shell that
 * could let it go on, and does not stop it. */
static void on_stop(int signal)
{
    bool was_open = is_open;
    sigset_t stop, before;

    top_screen_close();
    set_stop_action(SIG_DFL);
    sigemptyset(&stop);
    sigaddset(&stop, signal);
    (void)pthread_kill(pthread_self(), signal);
    (void)pthread_sigmask(SIG_UNBLOCK, &stop, &before); /* returns when the process goes on */
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    set_stop_action(on_stop);
    if (!was_open)
        return;
    take_over();
    (void)kill(getpid(), SIGWINCH);
}

void top_screen_stop(void)
{
    if (may_stop)
        (void)kill(0, SIGTSTP);
}

void top_screen_open(void)
{
    struct sigaction action = { .sa_handler = on_deadly, .sa_flags = (int)SA_RESETHAND };
    struct sigaction before;

    for (size_t i = 0; i < ARRAY_LEN(deadly); i++)
        (void)sigaction(deadly[i], &action, NULL);
    may_stop = sigaction(SIGTSTP, NULL, &before) == 0 && before.sa_handler != SIG_IGN;
    if (may_stop)
        set_stop_action(on_stop);
    (void)atexit(top_screen_close);
    take_over();
}
