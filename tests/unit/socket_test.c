/* socket_test.c -- frames arrive whole and in order, descriptors with them, and the end of the other side is told. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "os/os.h"

static int ends[2];

static void open_pair(void)
{
    CHECK_EQ(yk_socket_pair(ends), 0);
}

static void close_pair(void)
{
    yk_close(ends[0]);
    yk_close(ends[1]);
}

TEST(a_pair_is_close_on_exec)
{
    open_pair();
    CHECK_EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
    close_pair();
}

TEST(frames_keep_their_order)
{
    uint64_t word;

    open_pair();
    for (uint64_t i = 0; i < 100; i++)
        CHECK_EQ(yk_send(ends[0], &i, sizeof i, NULL, 0), 0);
    for (uint64_t i = 0; i < 100; i++) {
        CHECK_EQ(yk_receive(ends[1], &word, sizeof word, NULL, NULL), 0);
        CHECK_EQ(word, i);
    }
    close_pair();
}

enum { LARGE = 16 << 20 };

static void *send_large(void *bytes)
{
    CHECK_EQ(yk_send(ends[0], bytes, LARGE, (int[]){0}, 1), 0);
    return NULL;
}

static void interrupt(int number)
{
    (void)number;
}

/* More than the socket holds, with a timer that interrupts both sides all the while: short transfers and EINTR.  Its
 * one descriptor comes once. */
TEST(a_large_frame_arrives_whole_under_signals)
{
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = interrupt};
    unsigned char *sent = malloc(LARGE), *received = calloc(1, LARGE);
    int fds[4];
    unsigned n = 4;
    pthread_t sender;

    CHECK(sent && received);
    for (size_t i = 0; i < LARGE; i++)
        sent[i] = (unsigned char)(i * 2654435761u >> 13);
    open_pair();
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    CHECK_EQ(pthread_create(&sender, NULL, send_large, sent), 0);
    CHECK_EQ(yk_receive(ends[1], received, LARGE, fds, &n), 0);
    CHECK_EQ(n, 1);
    close(fds[0]);
    pthread_join(sender, NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK_EQ(memcmp(sent, received, LARGE), 0);
    close_pair();
    free(sent);
    free(received);
}

TEST(descriptors_travel_with_their_own_frame)
{
    int pipes[2], fds[4];
    unsigned n = 4;
    char letter;

    open_pair();
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(yk_send(ends[0], "a", 1, NULL, 0), 0);
    CHECK_EQ(yk_send(ends[0], "b", 1, (int[]){pipes[1], pipes[0], pipes[1], pipes[0]}, 4), 0);
    CHECK_EQ(yk_send(ends[0], "c", 1, pipes, 1), 0);
    CHECK_EQ(yk_receive(ends[1], &letter, 1, fds, &n), 0);
    CHECK_EQ(n, 0);
    n = 4;
    CHECK_EQ(yk_receive(ends[1], &letter, 1, fds, &n), 0);
    CHECK_EQ(n, 4);
    CHECK_EQ(letter, 'b');
    CHECK_EQ(write(fds[0], "x", 1), 1);
    CHECK_EQ(read(pipes[0], &letter, 1), 1);
    CHECK_EQ(letter, 'x');
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        close(fds[i]);
    }
    n = 1;
    CHECK_EQ(yk_receive(ends[1], &letter, 1, fds, &n), 0);
    CHECK_EQ(n, 1);
    close(fds[0]);
    close(pipes[0]);
    close(pipes[1]);
    close_pair();
}

TEST(descriptors_that_nobody_wants_are_closed)
{
    int free_before, fds[2];
    unsigned n = 2;
    char letter;

    open_pair();
    free_before = lowest_free();
    CHECK_EQ(yk_send(ends[0], "a", 1, (int[]){0, 1, 2}, 3), 0);
    CHECK_EQ(yk_receive(ends[1], &letter, 1, fds, &n), 0);
    CHECK_EQ(n, 2);
    close(fds[0]);
    close(fds[1]);
    CHECK_EQ(lowest_free(), free_before);
    CHECK_EQ(yk_send(ends[0], "a", 1, (int[]){0, 1, 2}, 3), 0);
    CHECK_EQ(yk_receive(ends[1], &letter, 1, NULL, NULL), 0);
    CHECK_EQ(lowest_free(), free_before);
    close_pair();
}

TEST(no_room_for_descriptors_is_told_and_the_next_frame_is_whole)
{
    struct rlimit limit, narrow;
    uint64_t word = 0;
    int fds[2], free_before;
    unsigned n = 2;

    open_pair();
    free_before = lowest_free();
    CHECK_EQ(yk_send(ends[0], &(uint64_t){11}, sizeof word, (int[]){0, 1}, 2), 0);
    CHECK_EQ(yk_send(ends[0], &(uint64_t){12}, sizeof word, NULL, 0), 0);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    narrow.rlim_cur = (rlim_t)free_before + 1;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
    CHECK_EQ(yk_receive(ends[1], &word, sizeof word, fds, &n), -EMFILE);
    CHECK_EQ(n, 2);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(lowest_free(), free_before);
    CHECK_EQ(yk_receive(ends[1], &word, sizeof word, fds, &n), 0);
    CHECK_EQ(word, 12);
    CHECK_EQ(n, 0);
    close_pair();
}

TEST(the_other_end_is_gone)
{
    char letter = 'a';

    open_pair();
    yk_close(ends[0]);
    CHECK_EQ(yk_send(ends[1], &letter, 1, NULL, 0), -EPIPE); /* and no SIGPIPE */
    CHECK_EQ(yk_receive(ends[1], &letter, 1, NULL, NULL), -EPIPE);
    yk_close(ends[1]);
}

TEST(the_other_end_went_with_bytes_unread)
{
    char letter = 'a';

    open_pair();
    CHECK_EQ(yk_send(ends[1], &letter, 1, NULL, 0), 0);
    yk_close(ends[0]);
    CHECK_EQ(yk_receive(ends[1], &letter, 1, NULL, NULL), -EPIPE);
    yk_close(ends[1]);
    open_pair();
    CHECK_EQ(yk_send(ends[1], &letter, 1, NULL, 0), 0);
    yk_close(ends[0]);
    CHECK_EQ(yk_send(ends[1], &letter, 1, NULL, 0), -EPIPE);
    yk_close(ends[1]);
}

TEST(a_frame_that_ends_early_gives_no_descriptors)
{
    char letters[2];
    int fds[1] = {-7}, free_before;
    unsigned n = 1;

    open_pair();
    CHECK_EQ(yk_send(ends[0], "a", 1, (int[]){0}, 1), 0);
    yk_close(ends[0]);
    free_before = lowest_free();
    CHECK_EQ(yk_receive(ends[1], letters, 2, fds, &n), -EPIPE);
    CHECK_EQ(fds[0], -7);
    CHECK_EQ(lowest_free(), free_before);
    yk_close(ends[1]);
}

TEST(closing_nothing_is_allowed)
{
    yk_close(-1);
}
