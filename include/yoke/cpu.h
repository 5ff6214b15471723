/* yoke/cpu.h -- how many processors this program may use. */
#ifndef YOKE_CPU_H
#define YOKE_CPU_H

#include <yoke/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* yoke_cpu_count -- the number of CPUs that the calling thread may use at the same time, at least 1: those its affinity
 * mask allows, bounded by the CPU quota of its cgroup and of every ancestor (version 2 `cpu.max`, version 1
 * `cpu.cfs_quota_us`), the quota rounded up.  Read afresh at each call.  Python's os.cpu_count() counts the machine's
 * CPUs, and process_cpu_count() leaves out the quota; a container with a quota of 2 on 128 CPUs should run 2 workers.
 * Threads: any. */
YOKE_API int yoke_cpu_count(void);

#ifdef __cplusplus
}
#endif
#endif
