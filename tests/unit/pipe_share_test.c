/* pipe_share_test.c -- ends that processes and threads share: nothing is lost or mixed up, whoever dies loses his own message at
 * most, and a pipe ends when the last one who has the other end is gone. */
#include "pipe.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "host.h"

static void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}

/* ---- the end of a pipe ---- */

static void hold_on(void)
{
    yoke_pipe_close(&b);
    send_number(&a, 1);
    for (;;)
        pause();
}

static void exit_at_once(void)
{
    yoke_pipe_close(&b);
    send_number(&a, 1);
}

TEST(the_last_holder_exits)
{
    int pid;

    open_pipe();
    pid = start_child(exit_at_once);
    yoke_pipe_close(&a);
    CHECK_EQ(receive_number(&b), 1);
    check_closed(&b);
    check_succeeds(pid);
    close_pipe();
}

TEST(the_last_holder_is_killed)
{
    int pids[2];

    open_pipe();
    pids[0] = start_child(hold_on);
    pids[1] = start_child(hold_on);
    yoke_pipe_close(&a);
    receive_number(&b);
    receive_number(&b);
    check_empty(&b);
    end_child(pids[0]);
    check_empty(&b);
    end_child(pids[1]);
    check_closed(&b);
    close_pipe();
}

static void close_and_stay(void)
{
    yoke_pipe_close(&b);
    yoke_pipe_close(&a);
    for (;;)
        pause();
}

TEST(the_last_holder_closes)
{
    int pid;

    open_pipe();
    pid = start_child(close_and_stay);
    yoke_pipe_close(&a);
    check_closed(&b);
    CHECK_EQ(kill(pid, 0), 0);
    end_child(pid);
    close_pipe();
}

/* ---- many at once ---- */

enum { SENDERS = 3, THREADS = 2, EACH = 120 };

static size_t size_of(unsigned number)
{
    static const size_t sizes[] = {8, 100, 4096, 32 * KIB, 40 * KIB, 9};

    return sizes[number % 6];
}

/* A message begins with its sender, its number, and goes on with a pattern. */
static void send_signed(unsigned sender, unsigned number)
{
    static _Thread_local unsigned char bytes[40 * KIB];
    size_t size = size_of(number);

    memcpy(bytes, &(uint32_t[]){sender, number}, 8);
    fill(bytes + 8, size - 8, sender * 1000 + number);
    CHECK_EQ(yoke_pipe_send(&a, bytes, size), 0);
}

/* Checks that it is whole; false at the end of the pipe. */
static bool receive_signed(unsigned *sender, unsigned *number)
{
    static _Thread_local unsigned char bytes[40 * KIB];
    uint32_t words[2];
    size_t size;
    int rc = yoke_pipe_receive(&b, bytes, sizeof bytes, &size);

    if (rc == -YOKE_ECLOSED)
        return false;
    CHECK_EQ(rc, 0);
    CHECK(size >= 8);
    memcpy(words, bytes, 8);
    *sender = words[0];
    *number = words[1];
    CHECK_EQ(size, size_of(*number));
    CHECK(filled(bytes + 8, size - 8, *sender * 1000 + *number));
    return true;
}

static int first_sender;

static void *send_each(void *arg)
{
    for (unsigned i = 0; i < EACH; i++)
        send_signed((unsigned)(uintptr_t)arg, i);
    return NULL;
}

static void send_from_threads(void)
{
    pthread_t threads[THREADS];

    yoke_pipe_close(&b);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, send_each, (void *)(uintptr_t)(first_sender + i)), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

TEST(processes_and_threads_send_on_one_end)
{
    unsigned next[SENDERS * THREADS] = {0}, sender, number;
    int pids[SENDERS];

    open_pipe();
    for (int i = 0; i < SENDERS; i++, first_sender += THREADS)
        pids[i] = start_child(send_from_threads);
    yoke_pipe_close(&a);
    while (receive_signed(&sender, &number)) {
        CHECK(sender < SENDERS * THREADS);
        CHECK_EQ(number, next[sender]++);
    }
    for (int i = 0; i < SENDERS * THREADS; i++)
        CHECK_EQ(next[i], EACH);
    for (int i = 0; i < SENDERS; i++)
        check_succeeds(pids[i]);
    close_pipe();
}

/* How often each message came, in memory of all. */
static uint32_t *received;

static void *receive_all(void *arg)
{
    unsigned sender, number;

    while (receive_signed(&sender, &number))
        __atomic_add_fetch(&received[number], 1, __ATOMIC_SEQ_CST);
    return arg;
}

static void receive_in_threads(void)
{
    pthread_t thread;

    yoke_pipe_close(&a);
    CHECK_EQ(pthread_create(&thread, NULL, receive_all, NULL), 0);
    receive_all(NULL);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(each_message_goes_to_one_receiver)
{
    enum { N = 600 };
    int pids[2];

    received = shared_memory(N * sizeof *received);
    open_pipe();
    pids[0] = start_child(receive_in_threads);
    pids[1] = start_child(receive_in_threads);
    yoke_pipe_close(&b);
    for (unsigned i = 0; i < N; i++)
        send_signed(0, i);
    yoke_pipe_close(&a);
    check_succeeds(pids[0]);
    check_succeeds(pids[1]);
    for (unsigned i = 0; i < N; i++)
        CHECK_EQ(received[i], 1);
    munmap(received, N * sizeof *received);
}

/* ---- deaths ---- */

static void send_for_ever(void)
{
    yoke_pipe_close(&b);
    for (unsigned i = 0;; i++)
        send_signed((unsigned)first_sender, i);
}

/* It is killed somewhere in its sends, and what comes is whole, in order, and then over. */
TEST(a_sender_that_is_killed_leaves_no_half_message)
{
    for (unsigned round = 0; round < 40; round++) {
        unsigned sender, number, n = 0;
        int pid;

        open_pipe();
        pid = start_child(send_for_ever);
        yoke_pipe_close(&a);
        for (; n <= round; n++) {
            CHECK(receive_signed(&sender, &number));
            CHECK_EQ(number, n);
        }
        kill(pid, SIGKILL);
        for (; receive_signed(&sender, &number); n++)
            CHECK_EQ(number, n);
        CHECK_EQ(waitpid(pid, NULL, 0), pid);
        close_pipe();
    }
}

TEST(a_sender_that_is_killed_holds_up_no_other)
{
    unsigned sender, number, mine[2] = {0};
    int pids[2];

    open_pipe();
    for (first_sender = 0; first_sender < 2; first_sender++)
        pids[first_sender] = start_child(send_for_ever);
    yoke_pipe_close(&a);
    while (mine[0] < 20 || mine[1] < 20) {
        CHECK(receive_signed(&sender, &number));
        CHECK_EQ(number, mine[sender]++);
    }
    end_child(pids[0]);
    while (mine[1] < 300) {
        CHECK(receive_signed(&sender, &number));
        CHECK_EQ(number, mine[sender]++);
    }
    kill(pids[1], SIGKILL);
    while (receive_signed(&sender, &number))
        CHECK_EQ(number, mine[sender]++);
    CHECK_EQ(waitpid(pids[1], NULL, 0), pids[1]);
    close_pipe();
}

static void receive_for_ever(void)
{
    yoke_pipe_close(&a);
    receive_all(NULL);
}

TEST(a_receiver_that_is_killed_loses_one_message_at_most)
{
    enum { N = 400 };

    received = shared_memory(N * sizeof *received);
    for (unsigned round = 0; round < 10; round++) {
        unsigned missing = 0;
        int pids[2];

        memset(received, 0, N * sizeof *received);
        open_pipe();
        pids[0] = start_child(receive_for_ever);
        pids[1] = start_child(receive_for_ever);
        yoke_pipe_close(&b);
        for (unsigned i = 0; i < N; i++) {
            send_signed(0, i);
            if (i == 50 + round)
                end_child(pids[0]);
        }
        yoke_pipe_close(&a);
        check_succeeds(pids[1]);
        for (unsigned i = 0; i < N; i++) {
            CHECK(received[i] <= 1);
            missing += received[i] == 0;
        }
        CHECK(missing <= 1);
    }
    munmap(received, N * sizeof *received);
}
