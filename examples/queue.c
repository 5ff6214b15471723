/* queue.c -- how many steps numbers take to come to 1 (Collatz): numbers go out by one queue, answers come back by another.
 * usage: queue threads|processes [numbers] [workers]     threads, 100000 numbers and 4 workers by default
 *
 * The worker is the same function for both: what differs is where the queues lie, and how it is started. */
#include "example.h"

struct work {
    yoke_queue *numbers, *answers;
    long n; /* how many numbers */
};

struct answer {
    long number;
    int steps;
};

static int count_steps(void *arg)
{
    struct work *work = arg;
    struct answer answer;

    while (yoke_queue_pop(work->numbers, &answer.number) == 0) {
        answer.steps = 0;
        for (long n = answer.number; n > 1; n = n % 2 ? 3 * n + 1 : n / 2)
            answer.steps++;
        must("push", yoke_queue_push(work->answers, &answer));
        yoke_queue_task_done(work->numbers);
    }
    return 0;
}

static int fill(void *arg)
{
    struct work *work = arg;

    for (long number = 1; number <= work->n; number++)
        must("push", yoke_queue_push(work->numbers, &number));
    yoke_queue_join(work->numbers);  /* until all of them are answered */
    yoke_queue_close(work->numbers); /* the workers leave */
    yoke_queue_close(work->answers); /* and so does who collects, when it has got them all */
    return 0;
}

int main(int argc, char **argv)
{
    yoke_kind kind = kind_named(argc > 1 ? argv[1] : "threads");
    long n_answers = 0;
    size_t n_workers = argc > 3 ? (size_t)atol(argv[3]) : 4;
    yoke_thread *threads = must_have(calloc(n_workers, sizeof *threads)), filler = {0};
    yoke_process *processes = must_have(calloc(n_workers, sizeof *processes));
    struct answer answer, longest = {0, -1};
    yoke_shm *shm = NULL; /* threads need none */
    struct work work = {.n = argc > 2 ? atol(argv[2]) : 100000};

    if (kind == YOKE_SERIAL || n_workers < 1)
        return fprintf(stderr, "nobody would be there to answer\n"), 2;
    if (kind == YOKE_PROCESSES)
        must("shared memory", yoke_shm_open(&shm, 0));
    must("queue", yoke_queue_open(&work.numbers, shm, sizeof(long), 256));
    must("queue", yoke_queue_open(&work.answers, shm, sizeof(struct answer), 256));
    for (size_t i = 0; i < n_workers; i++)
        must("start", kind == YOKE_PROCESSES ? yoke_process_start(&processes[i], count_steps, &work, sizeof work)
                                             : yoke_thread_start(&threads[i], count_steps, &work));
    must("start", yoke_thread_start(&filler, fill, &work));

    for (; yoke_queue_pop(work.answers, &answer) == 0; n_answers++)
        if (answer.steps > longest.steps || (answer.steps == longest.steps && answer.number < longest.number))
            longest = answer;

    must("join", yoke_thread_join(&filler, NULL));
    for (size_t i = 0; i < n_workers; i++)
        must("join",
             kind == YOKE_PROCESSES ? yoke_process_join(&processes[i], NULL) : yoke_thread_join(&threads[i], NULL));
    for (size_t i = 0; i < n_workers; i++)
        yoke_process_close(&processes[i]);
    printf("%ld answers; %ld takes the longest, %d steps\n", n_answers, longest.number, longest.steps);
    yoke_queue_free(&work.numbers);
    yoke_queue_free(&work.answers);
    must("free", yoke_shm_free(&shm));
    free(processes);
    free(threads);
    return 0;
}
