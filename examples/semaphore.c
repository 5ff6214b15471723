/* semaphore.c -- a few at a time: processes share a table with fewer seats than there are guests.
 * usage: semaphore [guests [seats [seconds]]]     6 guests, 2 seats, 0.2 seconds by default */
#include "example.h"

/* What the processes share: plain memory, in which semaphores, locks and data lie side by side. */
struct table {
    yoke_semaphore seats;
    yoke_lock lock;
    int seated, most; /* under the lock */
    double seconds;
};

static int note(struct table *table, int change)
{
    int seated;

    yoke_lock_acquire(&table->lock);
    seated = table->seated += change;
    table->most = seated > table->most ? seated : table->most;
    yoke_lock_release(&table->lock);
    return seated;
}

static int dine(void *arg)
{
    struct table *table = *(struct table **)arg;
    yoke_time start = yoke_now();

    yoke_semaphore_acquire(&table->seats);
    printf("A guest has waited for %.2fs; at the table: %d\n", seconds_since(start), note(table, 1));
    yoke_sleep(table->seconds);
    note(table, -1);
    /* it is bounded: a seat that nobody had taken could not be given back */
    return yoke_semaphore_release(&table->seats, 1) < 0;
}

int main(int argc, char **argv)
{
    int guests = argc > 1 ? atoi(argv[1]) : 6;
    uint32_t seats = argc > 2 ? (uint32_t)atoi(argv[2]) : 2;
    yoke_shm *shm;
    struct table *table;
    yoke_process *processes;

    must("init", yoke_init());
    must("open", yoke_shm_open(&shm, 0));
    table = must_have(yoke_shm_new(shm, struct table));
    processes = must_have(calloc((size_t)guests, sizeof *processes));
    table->seconds = argc > 3 ? atof(argv[3]) : 0.2;
    yoke_semaphore_init(&table->seats, seats, seats, YOKE_SHARED);
    yoke_lock_init(&table->lock, YOKE_SHARED);

    for (int i = 0; i < guests; i++)
        must("start", yoke_process_start(&processes[i], dine, &table, sizeof table));
    for (int i = 0; i < guests; i++) {
        must("join", yoke_process_join(&processes[i], NULL));
        yoke_process_close(&processes[i]);
    }
    printf("%d guests, %u seats: never more than %d at the table\n", guests, seats, table->most);
    printf("One seat too many: %s\n", yoke_strerror(yoke_semaphore_release(&table->seats, 1)));
    yoke_shm_free(&shm);
    free(processes);
    return 0;
}
