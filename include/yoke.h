/* yoke.h -- everything a program that uses Yoke needs.  One header per concept stands behind it; each is its own manual. */
#ifndef YOKE_H
#define YOKE_H

#include <yoke/barrier.h>
#include <yoke/base.h>
#include <yoke/condition.h>
#include <yoke/cpu.h>
#include <yoke/event.h>
#include <yoke/local.h>
#include <yoke/lock.h>
#include <yoke/mutex.h>
#include <yoke/once.h>
#include <yoke/pipe.h>
#include <yoke/pool.h>
#include <yoke/process.h>
#include <yoke/queue.h>
#include <yoke/rlock.h>
#include <yoke/rwlock.h>
#include <yoke/seat.h>
#include <yoke/semaphore.h>
#include <yoke/shm.h>
#include <yoke/task.h>
#include <yoke/thread.h>
#include <yoke/time.h>
#include <yoke/timer.h>
#include <yoke/wait.h>

#include <yoke/debug.h> /* the last: with YOKE_DEBUG it wraps calls of the others */

#endif
