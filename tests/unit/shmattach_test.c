/* shmattach_test.c -- shared memory in a process that was sent its descriptor, and descriptors that are none. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

#include "host.h"
#include "os/os.h"
#include "process.h"

#define MIB ((size_t)1 << 20)

static size_t page;

__attribute__((constructor)) static void ask_page(void)
{
    page = (size_t)sysconf(_SC_PAGESIZE);
}

static yoke_shm *open_shm(void)
{
    yoke_shm *shm = NULL;

    CHECK_EQ(yoke_shm_open(&shm, 16 * MIB), 0);
    return shm;
}

static void free_shm(yoke_shm *shm)
{
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

/* ---- a process that was there before ---- */

struct letter {
    uint64_t offset;
    const void *address;
};

static int ends[2];

/* Forked before the memory exists, so that it has nothing of it. */
static int fork_stranger(void (*body)(void))
{
    int pid;

    CHECK_EQ(yk_socket_pair(ends), 0);
    pid = fork();
    if (pid == 0) {
        yk_close(ends[0]);
        body();
        _exit(0);
    }
    yk_close(ends[1]);
    return pid;
}

static void send_shm(yoke_shm *shm, void *object)
{
    struct letter letter = {yoke_shm_offset(shm, object), object};

    CHECK_EQ(yk_send(ends[0], &letter, sizeof letter, (int[]){yoke_shm_fd(shm)}, 1), 0);
}

static yoke_shm *receive_shm(struct letter *letter)
{
    yoke_shm *shm = NULL;
    unsigned n = 1;
    int fd;

    CHECK_EQ(yk_receive(ends[1], letter, sizeof *letter, &fd, &n), 0);
    CHECK_EQ(n, 1);
    CHECK_EQ(yoke_shm_attach(&shm, fd), 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    CHECK_EQ(fcntl(yoke_shm_fd(shm), F_GETFD), FD_CLOEXEC);
    return shm;
}

static void change(void)
{
    struct letter letter;
    yoke_shm *shm;
    int *number;

    /* the next would lie elsewhere */
    free_shm(open_shm());
    shm = receive_shm(&letter);
    number = yoke_shm_at(shm, letter.offset, sizeof *number);
    CHECK(TEST_THREAD_SANITIZER || number == letter.address);
    CHECK_EQ(*number, 41);
    *number = 42;
    CHECK(!yoke_shm_alloc(shm, 1));
    CHECK_EQ(yoke_shm_dealloc(shm, NULL), -YOKE_EFORKED);
    free_shm(shm);
}

static void check_changes(void (*body)(void))
{
    int pid = fork_stranger(body), *number;
    yoke_shm *shm = open_shm();

    CHECK(number = yoke_shm_new(shm, int));
    *number = 41;
    send_shm(shm, number);
    check_succeeds(pid);
    CHECK_EQ(*number, 42);
    yk_close(ends[0]);
    CHECK_EQ(yoke_shm_dealloc(shm, number), 0);
    free_shm(shm);
}

TEST(it_is_attached_at_the_same_address)
{
    check_changes(change);
}

static int increment(void *arg)
{
    ++**(int **)arg;
    return 0;
}

/* Its own memory lies where that of the other one does. */
static void change_elsewhere(void)
{
    struct letter letter;
    yoke_shm *own = open_shm(), *shm = receive_shm(&letter), *twice;
    int *number = yoke_shm_at(shm, letter.offset, sizeof *number);

    CHECK(number != letter.address);
    CHECK_EQ(yoke_shm_attach(&twice, yoke_shm_fd(shm)), 0);
    CHECK(twice != shm);
    free_shm(own);
    CHECK_EQ(*number, 41);
    CHECK_EQ(*(int *)yoke_shm_at(twice, letter.offset, sizeof(int)), 41);
    free_shm(twice);
    /* processes of this one have it where this one has it */
    CHECK_EQ(run(increment, &number, sizeof number).value, 0);
    free_shm(shm);
}

TEST(it_is_attached_elsewhere_when_the_address_is_taken)
{
    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer has a say in what lies where");
    check_changes(change_elsewhere);
}

static void change_by_a_zygote(void)
{
    struct letter letter;
    yoke_shm *shm;
    int *number;

    CHECK_EQ(yoke_init(), 0);
    shm = receive_shm(&letter);
    number = yoke_shm_at(shm, letter.offset, sizeof *number);
    CHECK_EQ(run(increment, &number, sizeof number).value, 0);
    free_shm(shm);
    yoke_done();
}

TEST(it_is_handed_on_by_who_attached_it)
{
    check_changes(change_by_a_zygote);
}

/* ---- the end ---- */

/* Looks once before and once after the byte that says that the other one has gone, or has freed it. */
static void look(bool is_freed)
{
    struct letter letter;
    yoke_shm *shm = receive_shm(&letter);
    volatile int *number = yoke_shm_at(shm, letter.offset, sizeof *number);
    char byte;

    CHECK_EQ(*number, 41);
    CHECK_EQ(yk_send(ends[1], "l", 1, NULL, 0), 0);
    CHECK_EQ(yk_receive(ends[1], &byte, 1, NULL, NULL), is_freed ? 0 : -EPIPE);
    CHECK_EQ(*number, is_freed ? 0 : 41);
    *number = 43;
    CHECK_EQ(*number, 43);
    free_shm(shm);
}

static void look_after_free(void)
{
    look(true);
}

static void look_after_death(void)
{
    look(false);
}

TEST(freed_by_its_opener_it_reads_as_zero)
{
    int pid = fork_stranger(look_after_free), *number;
    yoke_shm *shm = open_shm();
    char byte;

    CHECK(number = yoke_shm_new(shm, int));
    *number = 41;
    send_shm(shm, number);
    CHECK_EQ(yk_receive(ends[0], &byte, 1, NULL, NULL), 0);
    free_shm(shm);
    CHECK_EQ(yk_send(ends[0], "f", 1, NULL, 0), 0);
    check_succeeds(pid);
    yk_close(ends[0]);
}

/* The opener is killed when the stranger has looked. */
TEST(when_its_opener_dies_it_stays)
{
    int pid = fork_stranger(look_after_death), opener = fork(), *number, status;
    yoke_shm *shm;
    char byte;

    if (opener == 0) {
        shm = open_shm();
        CHECK(number = yoke_shm_new(shm, int));
        *number = 41;
        send_shm(shm, number);
        CHECK_EQ(yk_receive(ends[0], &byte, 1, NULL, NULL), 0);
        kill(getpid(), SIGKILL);
    }
    yk_close(ends[0]);
    CHECK_EQ(waitpid(opener, &status, 0), opener);
    CHECK(WIFSIGNALED(status));
    check_succeeds(pid);
}

/* ---- what is none ---- */

static void check_refused(int fd)
{
    yoke_shm *shm = NULL;
    int before = lowest_free();

    CHECK_EQ(yoke_shm_attach(&shm, fd), -EINVAL);
    CHECK(!shm);
    CHECK_EQ(lowest_free(), before);
    if (fd >= 0)
        close(fd);
}

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

/* A memfd with those bytes at its beginning. */
static int forge(size_t size, const void *head, size_t head_size, int seals)
{
    int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(fd >= 0);
    CHECK_EQ(ftruncate(fd, (off_t)size), 0);
    CHECK_EQ(pwrite(fd, head, head_size, 0), (ssize_t)head_size);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void good_head(char head[16])
{
    yoke_shm *shm = open_shm();

    memcpy(head, shm, 16);
    free_shm(shm);
}

static int reopen(int fd, int flags)
{
    char path[64];
    int again;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK((again = open(path, flags | O_CLOEXEC)) >= 0);
    close(fd);
    return again;
}

TEST(other_descriptors_are_refused)
{
    char head[16];
    int pipes[2];
    FILE *file = tmpfile();

    CHECK_EQ(yoke_shm_attach(NULL, 0), -EINVAL);
    check_refused(-1);
    check_refused(9999);
    good_head(head);
    CHECK_EQ(pipe(pipes), 0);
    check_refused(pipes[0]);
    check_refused(pipes[1]);
    check_refused(open("/dev/null", O_RDWR | O_CLOEXEC));
    check_refused(open("/dev/zero", O_RDWR | O_CLOEXEC));
    check_refused(open("/", O_RDONLY | O_CLOEXEC));
    CHECK(file);
    CHECK_EQ(write(fileno(file), head, 16), 16);
    CHECK_EQ(ftruncate(fileno(file), (off_t)MIB), 0);
    check_refused(dup(fileno(file)));
    fclose(file);
}

TEST(memory_that_could_change_or_is_not_ours_is_refused)
{
    char head[16], wrong[16] = "not shared yoke";

    good_head(head);
    check_refused(forge(MIB, head, 16, 0));
    check_refused(forge(MIB, head, 16, F_SEAL_SHRINK));
    check_refused(forge(MIB, head, 16, F_SEAL_SHRINK | F_SEAL_GROW));
    check_refused(forge(MIB, head, 16, F_SEAL_GROW | F_SEAL_SEAL));
    check_refused(forge(MIB, head, 16, SEALS | F_SEAL_WRITE));
    check_refused(forge(MIB, head, 16, SEALS | F_SEAL_FUTURE_WRITE));
    check_refused(forge(MIB, wrong, 16, SEALS));
    check_refused(forge(MIB, "", 0, SEALS));
    check_refused(forge(0, "", 0, SEALS));
    check_refused(forge(8, head, 8, SEALS));
    check_refused(forge(page + 16, head, 16, SEALS));
    check_refused(reopen(forge(MIB, head, 16, SEALS), O_RDONLY));
    check_refused(reopen(forge(MIB, head, 16, SEALS), O_PATH));
}

TEST(memory_in_huge_pages_is_refused)
{
    int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);

    if (fd < 0)
        SKIP("no huge pages here");
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEALS), 0);
    check_refused(fd);
}

/* Whatever address it says, it goes where nothing is. */
TEST(an_address_that_is_a_lie_does_no_harm)
{
    static char here[64];
    char head[16], on_stack;
    yoke_shm *own = open_shm(), *shm;
    uint64_t address, lies[] = {0,
                                1,
                                page,
                                (uintptr_t)here & ~(page - 1),
                                ((uintptr_t)&on_stack & ~(page - 1)) - 16 * page,
                                (uintptr_t)own,
                                (uintptr_t)own + 1,
                                (uintptr_t)own - page,
                                UINT64_MAX,
                                UINT64_MAX - page + 1,
                                (uint64_t)1 << 47,
                                (uint64_t)0x550000000000 - page};

    good_head(head);
    *yoke_shm_new(own, int) = 5;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        int fd;

        memcpy(head + 8, &lies[i], 8);
        fd = forge(MIB, head, 16, SEALS);
        CHECK_EQ(yoke_shm_attach(&shm, fd), 0);
        close(fd);
        address = (uintptr_t)shm;
        CHECK(i < 4 || address != lies[i]);
        CHECK(address > (uintptr_t)&on_stack || address + MIB < (uintptr_t)&on_stack - 64 * MIB);
        memset((char *)shm + page, 1, MIB - page); /* all of it is there */
        CHECK_EQ(*(int *)yoke_shm_at(own, page, sizeof(int)), 5);
        free_shm(shm);
    }
    free_shm(own);
}

TEST(nothing_behind_a_head_is_believed)
{
    char bytes[4096];
    yoke_shm *shm;
    int fd;

    memset(bytes, 255, sizeof bytes);
    good_head(bytes);
    fd = forge(page, bytes, page, SEALS);
    CHECK_EQ(yoke_shm_attach(&shm, fd), 0);
    close(fd);
    CHECK_EQ(yoke_shm_size(shm), page);
    CHECK(!yoke_shm_at(shm, page, 1));
    CHECK(!yoke_shm_at(shm, page - 1, 1));
    CHECK(!yoke_shm_alloc(shm, 1));
    free_shm(shm);
}

TEST(no_room_to_attach_is_a_code)
{
    yoke_shm *shm = open_shm(), *again = NULL;
    struct rlimit limit, narrow;
    int rc;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    narrow.rlim_cur = (rlim_t)lowest_free();
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
    rc = yoke_shm_attach(&again, yoke_shm_fd(shm));
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(rc, -EMFILE);
    CHECK(!again);
    free_shm(shm);
}
