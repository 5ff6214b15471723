/* deadlock.c -- two threads that take two locks in different orders, and what YOKE_DEBUG says of it.
 * usage: deadlock
 *
 * Each thread has one lock and wants the other's.  Without the deadlines, both would wait for ever; with them each gives up
 * after a while, so that the program ends.  The reports come on stderr, before anybody waits; the last one is what
 * yoke_debug_report shows of a program that hangs. */
#define YOKE_DEBUG /* before yoke.h, or on the command line: cc -DYOKE_DEBUG */
#include "example.h"

struct account {
    yoke_mutex mutex;
    long money;
};

struct transfer {
    struct account *from, *to;
    yoke_event *ready, *other_ready;
};

static struct account savings = {.money = 100}, purse = {.money = 5};

static int transfer(void *arg)
{
    const struct transfer *t = arg;
    int rc;

    must("acquire", yoke_mutex_acquire(&t->from->mutex));
    /* let the two meet, which chance does now and then in a real program */
    yoke_event_set(t->ready);
    yoke_event_wait(t->other_ready);
    rc = yoke_mutex_acquire_until(&t->to->mutex, yoke_after(0.5));
    if (rc == 0) {
        t->from->money--;
        t->to->money++;
        yoke_mutex_release(&t->to->mutex);
    }
    yoke_mutex_release(&t->from->mutex);
    return rc;
}

int main(void)
{
    yoke_event ready[2] = {{0}};
    struct transfer in = {&purse, &savings, &ready[0], &ready[1]}, out = {&savings, &purse, &ready[1], &ready[0]};
    yoke_thread payer = {0}, saver = {0};
    int rc_in, rc_out;

    must("start", yoke_thread_start(&saver, transfer, &in, .name = "saver"));
    must("start", yoke_thread_start(&payer, transfer, &out, .name = "payer"));
    if (yoke_thread_join_until(&saver, yoke_after(0.2), NULL) < 0)
        must("report", yoke_debug_report(2));
    must("join", yoke_thread_join(&saver, &rc_in));
    must("join", yoke_thread_join(&payer, &rc_out));

    printf("saver: %s\npayer: %s\n", yoke_strerror(rc_in), yoke_strerror(rc_out));
    printf("savings %ld, purse %ld\n", savings.money, purse.money);
    return 0;
}
