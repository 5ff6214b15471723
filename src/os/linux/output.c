/* output.c -- a worker's standard output, handed on between two pieces of work. */
#include <stdio.h>
#include <stdio_ext.h>

#include "os/os.h"

void yk_flush_output(void)
{
    if (__fpending(stdout) > 0)
        (void)fflush(stdout);
}
