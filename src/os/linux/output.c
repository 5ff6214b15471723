/* output.c -- a worker's standard output, handed on between two pieces of work; and output past the streams. */
#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <unistd.h>

#include "os/os.h"

void yk_flush_output(void)
{
    if (__fpending(stdout) > 0)
        (void)fflush(stdout);
}

int yk_write(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
    return 0;
}
