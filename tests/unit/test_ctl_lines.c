/* test_ctl_lines.c - lines, however the reads cut them, and stdin on a loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/array.h"
#include "ctl/pubsub/input.h"
#include "ctl/pubsub/lines.h"

#define MAX 5

/* Appends the next lines to out: "number:line|", "number!|" for one that is too long. */
static void take_lines(struct lines *l, struct buf *out)
{
    struct str line;
    int rc;

    while ((rc = lines_next(l, &line)) != 0) {
        buf_addf(out, "%d", (int)l->number);
        if (rc > 0)
            buf_addf(out, ":%.*s|", STR_ARG(line));
        else
            buf_add_str(out, STR("!|"));
    }
}

static void assert_lines(const char *text, size_t cut, const char *want)
{
    struct str rest = str_of(text);
    struct buf out = { 0 };
    struct lines l;

    lines_init(&l, MAX);
    while (rest.n > 0) {
        size_t n = cut < rest.n ? cut : rest.n;

        lines_add(&l, rest.p, n);
        take_lines(&l, &out);
        assert_true(buf_used(&l.rest) <= MAX + cut);
        rest = str_skip(rest, n);
    }
    lines_end(&l);
    take_lines(&l, &out);
    buf_add_char(&out, '\0');
    assert_string_equal(buf_head(&out), want);
    buf_done(&out);
    lines_done(&l);
}

static void cuts_lines_wherever_the_reads_cut_them(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "" },
        { "a", "1:a|" },
        { "a\n", "1:a|" },
        { "a\nb", "1:a|2:b|" },
        { "\n\nc\n", "1:|2:|3:c|" },
        { "12345\nx\n", "1:12345|2:x|" },
        { "123456\nx\n", "1!|2:x|" },
        { "1234567890123\n12345\n1234567", "1!|2:12345|3!|" },
        { "12345", "1:12345|" },
        { "123456", "1!|" },
        { "a\r\nb", "1:a|2:b|" },
        { "a\rb\r\r\n\r\nc\r", "1:a\rb\r|2:|3:c\r|" },
        { "12345\r\nx\r\n", "1:12345|2:x|" },
        { "123456\r\nx\r\n", "1!|2:x|" },
        { "12345\r6\nx\n", "1!|2:x|" },
        { "12345\r", "1!|" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 1; cut <= strlen(cases[i].text) + 1; cut++)
            assert_lines(cases[i].text, cut, cases[i].want);
    }
}

/* ---- input ---- */

struct reading {
    struct input input;
    struct loop *loop;
    struct buf got;
    struct timer timer;
    int n_calls, n_ends, err;
    bool pauses;
};

static struct reading reading;

static void on_data(struct input *in, const char *p, size_t n)
{
    buf_add(&reading.got, p, n);
    reading.n_calls++;
    if (reading.pauses) {
        input_pause(in);
        loop_stop(reading.loop);
    }
}

static void on_end(struct input *in, int err)
{
    reading.n_ends++;
    reading.err = err;
    input_close(in);
    loop_stop(reading.loop);
}

static const struct input_events events = { on_data, on_end };

static int set_up(void **state)
{
    (void)state;
    reading = (struct reading){ .n_calls = 0 };
    return loop_create(&reading.loop);
}

static int tear_down(void **state)
{
    (void)state;
    input_close(&reading.input);
    loop_free(reading.loop);
    buf_done(&reading.got);
    return 0;
}

static int make_file(size_t n)
{
    FILE *f = tmpfile();
    int fd;

    assert_non_null(f);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(fputc('a' + (int)(i % 26), f), 'a' + (int)(i % 26));
    assert_int_equal(fflush(f), 0);
    fd = dup(fileno(f));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void reads_a_file_that_epoll_refuses(void **state)
{
    int fd = make_file(LOOP_SCRATCH + 10);

    (void)state;
    assert_int_equal(input_open(&reading.input, reading.loop, fd, &events), EH_OK);
    loop_run(reading.loop);
    assert_int_equal(buf_used(&reading.got), LOOP_SCRATCH + 10);
    assert_int_equal(reading.n_calls, 2);
    assert_int_equal(reading.n_ends, 1);
    assert_int_equal(reading.err, 0);
    assert_int_equal(close(fd), 0); /* it is still open */
}

static void reads_a_file_on_after_a_pause(void **state)
{
    int fd = make_file(LOOP_SCRATCH + 10);

    (void)state;
    reading.pauses = true;
    assert_int_equal(input_open(&reading.input, reading.loop, fd, &events), EH_OK);
    for (int calls = 1; calls <= 2; calls++) {
        loop_run(reading.loop);
        assert_int_equal(reading.n_calls, calls);
        assert_int_equal(reading.n_ends, 0);
        input_resume(&reading.input);
    }
    loop_run(reading.loop);
    assert_int_equal(reading.n_ends, 1);
    close(fd);
}

static void stop(struct timer *t)
{
    (void)t;
    loop_stop(reading.loop);
}

static void run_for(uint64_t ms)
{
    timer_init(&reading.timer, stop);
    loop_timer(reading.loop, &reading.timer, ms);
    loop_run(reading.loop);
}

/* The writer closes a pipe that is paused. That must neither end nor busy the loop. */
static void reads_a_pipe_on_after_a_pause(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    reading.pauses = true;
    assert_int_equal(input_open(&reading.input, reading.loop, fds[0], &events), EH_OK);
    assert_int_equal(write(fds[1], "one", 3), 3);
    loop_run(reading.loop);
    assert_int_equal(reading.n_calls, 1);
    assert_int_equal(write(fds[1], "two", 3), 3);
    close(fds[1]);
    run_for(40);
    assert_int_equal(reading.n_calls, 1);
    assert_int_equal(reading.n_ends, 0);
    input_resume(&reading.input);
    loop_run(reading.loop);
    assert_int_equal(buf_used(&reading.got), 6);
    input_resume(&reading.input);
    loop_run(reading.loop);
    assert_int_equal(reading.n_ends, 1);
    close(fds[0]);
}

static void forgets_a_descriptor_of_which_there_are_copies(void **state)
{
    int fds[2], copy;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    copy = dup(fds[0]);
    assert_int_equal(input_open(&reading.input, reading.loop, fds[0], &events), EH_OK);
    input_close(&reading.input);
    close(fds[0]);
    assert_int_equal(write(fds[1], "one", 3), 3);
    run_for(40);
    assert_int_equal(reading.n_calls, 0);
    close(copy);
    close(fds[1]);
}

static void reports_what_cannot_be_read(void **state)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_int_equal(input_open(&reading.input, reading.loop, 1 << 20, &events), EH_EIO);
    input_close(&reading.input);
    assert_int_equal(input_open(&reading.input, reading.loop, fd, &events), EH_OK);
    loop_run(reading.loop);
    assert_int_equal(reading.err, EISDIR);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_lines_wherever_the_reads_cut_them),
        cmocka_unit_test_setup_teardown(reads_a_file_that_epoll_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_a_file_on_after_a_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_a_pipe_on_after_a_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_a_descriptor_of_which_there_are_copies, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reports_what_cannot_be_read, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
