/* rwlock.c -- two purses that many processes look into at once and two change; one of these dies in the middle of a change.
 * usage: rwlock [rounds]     1000 by default */
#include "example.h"

enum { READERS = 3, TOTAL = 100 };

struct purses {
    yoke_rwlock lock;
    yoke_seat seats[READERS]; /* one for each process that may read at the same time */
    long mine, yours;         /* together TOTAL, but in the middle of a change */
    int n_repaired;
};

struct job {
    struct purses *purses; /* in shared memory: the pointer is good in each process */
    long rounds, dies_in;  /* dies_in: 0, or the round in which to die */
};

static int look(void *arg)
{
    const struct job *job = arg;
    struct purses *p = job->purses;
    int wrong = 0;

    for (long i = 0; i < job->rounds; i++) {
        /* with -YOKE_EOWNERDEAD they may be wrong, until a writer has repaired them */
        if (yoke_rwlock_read_acquire(&p->lock) == 0)
            wrong += p->mine + p->yours != TOTAL;
        yoke_rwlock_read_release(&p->lock);
    }
    return wrong > 0;
}

static int change(void *arg)
{
    const struct job *job = arg;
    struct purses *p = job->purses;

    for (long i = 1; i <= job->rounds; i++) {
        if (yoke_rwlock_write_acquire(&p->lock) == -YOKE_EOWNERDEAD) {
            p->yours = TOTAL - p->mine;
            p->n_repaired++;
        }
        p->mine--;
        if (i == job->dies_in)
            abort();
        p->yours++;
        yoke_rwlock_write_release(&p->lock);
    }
    return 0;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 1000;
    yoke_process p[READERS + 2] = {{0}};
    yoke_exit how;
    yoke_shm *shm;

    must("shm", yoke_shm_open(&shm, 0));
    struct purses *purses = must_have(yoke_shm_new(shm, struct purses));
    struct job job = {purses, rounds, 0};

    must("rwlock", yoke_rwlock_init(&purses->lock, purses->seats, READERS));
    purses->mine = TOTAL;
    for (int i = 0; i < READERS + 2; i++) {
        job.dies_in = i == READERS ? rounds / 2 : 0;
        must("start", yoke_process_start(&p[i], i < READERS ? look : change, &job, sizeof job));
    }
    for (int i = 0; i < READERS + 2; i++) {
        must("join", yoke_process_join(&p[i], &how));
        printf("%s %d\n", how.kind == YOKE_EXITED ? "exit code" : "signal", how.value);
        yoke_process_close(&p[i]);
    }
    change(&(struct job){purses, 1, 0});
    printf("%ld + %ld = %d, repaired %d time\n", purses->mine, purses->yours, TOTAL, purses->n_repaired);
    must("shm", yoke_shm_free(&shm));
    return 0;
}
