/* condition.c -- a post office: letters come in, clerks take them out, and who finds nothing to do sleeps until there is something.
 * usage: condition [letters] [clerks]     1000 letters and 3 clerks by default
 * One lock guards all; two conditions say what has changed: that there is a letter, and that there is room. */
#include "example.h"

enum { ROOM = 4 };

struct office {
    yoke_lock lock;
    yoke_condition filled, emptied;
    int letters[ROOM]; /* from here on, all is guarded by the lock */
    int first, n;
    int closed;
};

static struct office office; /* zero bytes: free, and nobody waits */

struct clerk {
    yoke_thread thread;
    long n_letters, sum;
};

static int something_to_do(void *arg)
{
    (void)arg;
    return office.n > 0 || office.closed;
}

static int work(void *arg)
{
    struct clerk *clerk = arg;

    for (;;) {
        yoke_lock_acquire(&office.lock);
        must("wait", yoke_condition_wait_for(&office.filled, &office.lock, something_to_do, NULL, YOKE_FOREVER));
        if (office.n == 0)
            break;
        clerk->sum += office.letters[office.first];
        clerk->n_letters++;
        office.first = (office.first + 1) % ROOM, office.n--;
        yoke_condition_notify(&office.emptied, 1);
        yoke_lock_release(&office.lock);
    }
    yoke_lock_release(&office.lock);
    return 0;
}

static void post(int letter)
{
    yoke_lock_acquire(&office.lock);
    while (office.n == ROOM)
        must("wait", yoke_condition_wait(&office.emptied, &office.lock));
    office.letters[(office.first + office.n++) % ROOM] = letter;
    yoke_condition_notify(&office.filled, 1);
    yoke_lock_release(&office.lock);
}

int main(int argc, char **argv)
{
    int n_letters = argc > 1 ? atoi(argv[1]) : 1000, n_clerks = argc > 2 ? atoi(argv[2]) : 3;
    if (n_clerks < 1)
        return fprintf(stderr, "usage: condition [letters] [clerks]\n"), 2;
    struct clerk *clerks = must_have(calloc((size_t)n_clerks, sizeof *clerks)), all = {.sum = 0};

    for (int i = 0; i < n_clerks; i++)
        must("start", yoke_thread_start(&clerks[i].thread, work, &clerks[i]));
    for (int i = 1; i <= n_letters; i++)
        post(i);
    yoke_lock_acquire(&office.lock);
    office.closed = 1;
    yoke_condition_notify_all(&office.filled);
    yoke_lock_release(&office.lock);
    for (int i = 0; i < n_clerks; i++) {
        must("join", yoke_thread_join(&clerks[i].thread, NULL));
        all.n_letters += clerks[i].n_letters;
        all.sum += clerks[i].sum;
    }
    printf("%d clerks took %ld letters, with %ld on them in all\n", n_clerks, all.n_letters, all.sum);
    free(clerks);
    return 0;
}
