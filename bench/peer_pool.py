"""Python's multiprocessing at the work of the benchmarks.

Reads names from standard input, one a line; runs the function of that name and answers with the numbers that it gives.
Pools are made at their first use and kept."""
import atexit
import functools
import multiprocessing
import queue as queues
import sys
import threading
import time
from multiprocessing import resource_tracker, shared_memory

ITEMS = 100_000


def empty(item=None):
    return item


def ready(item):
    time.sleep(0.05)    # so that each worker gets one
    return item


@functools.cache
def pool():
    resource_tracker.ensure_running()    # one for all, or each worker's own believes that it must tidy up
    made = multiprocessing.Pool(2)
    made.map(ready, range(2), 1)
    return made


def items_per_second(chunk, maps):
    workers = pool()
    begin = time.perf_counter()
    for _ in range(maps):
        workers.map(empty, range(ITEMS), chunk)
    return [ITEMS * maps / (time.perf_counter() - begin)]


def microseconds(call, count, rest=0):
    samples = []
    call()
    for _ in range(count):
        if rest:
            time.sleep(rest)
        begin = time.perf_counter()
        call()
        samples.append((time.perf_counter() - begin) * 1e6)
    samples.sort()
    return [samples[count // 2], samples[count * 99 // 100]]


def start_and_join(make):
    task = make(target=empty)
    task.start()
    task.join()


def p1_chunk_1():
    return items_per_second(1, 1)


def p1_default_chunk():
    return items_per_second(None, 10)


def p2_back_to_back():
    return microseconds(lambda: pool().apply(empty), 500)


def p2_after_idle():
    return microseconds(lambda: pool().apply(empty), 50, 0.01)


MIB64 = 64 << 20


def per_second(call):
    call()
    begin = time.perf_counter()
    call()
    return [2 * MIB64 / (time.perf_counter() - begin)]


def p3_pickle():
    data = b"\1" * MIB64
    return per_second(lambda: pool().apply(empty, (data,)))


@functools.cache
def shared_pair():
    pair = [shared_memory.SharedMemory(create=True, size=MIB64) for _ in range(2)]
    for memory in pair:
        atexit.register(memory.unlink)
    return pair


def turn(names):
    there, back = (shared_memory.SharedMemory(name=name) for name in names)
    back.buf[0] = there.buf[MIB64 - 1]
    back.buf[MIB64 - 1] = there.buf[0]
    there.close()
    back.close()


def p3_shared_memory():
    data = b"\1" * MIB64
    there, back = shared_pair()

    def call():
        there.buf[:MIB64] = data
        pool().apply(turn, ((there.name, back.name),))
        return bytes(back.buf)

    return per_second(call)


MESSAGES = 20_000


def produce(queue):
    message = b"\1" * 64
    for _ in range(MESSAGES):
        queue.put(message)


def nanoseconds_per_message(queue, start):
    producer = start(target=produce, args=(queue,))
    producer.start()
    queue.get()
    begin = time.perf_counter()
    for _ in range(MESSAGES - 1):
        queue.get()
    elapsed = time.perf_counter() - begin
    producer.join()
    return [elapsed / MESSAGES * 1e9]


def l_threads():
    return nanoseconds_per_message(queues.Queue(1024), threading.Thread)


def l_processes():
    return nanoseconds_per_message(multiprocessing.Queue(1024), multiprocessing.get_context("fork").Process)


def p4_thread():
    return microseconds(lambda: start_and_join(threading.Thread), 300)


def p4_process():
    return microseconds(lambda: start_and_join(multiprocessing.get_context("fork").Process), 40)


def idle_worker():
    return [pool().apply(dirty_kib)]


def idle_cpu():
    """Milliseconds of CPU that an idle pool uses in five seconds, in all its processes."""
    pids = {worker.pid for worker in pool()._pool} | {multiprocessing.current_process().pid}
    before = sum(cpu_ms(pid) for pid in pids)
    time.sleep(5)
    return [sum(cpu_ms(pid) for pid in pids) - before]


def dirty_kib():
    with open("/proc/self/smaps_rollup") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))


def cpu_ms(pid):
    total = 0
    for thread in multiprocessing.util.os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as numbers:
            total += int(numbers.read().split()[0])
    return total / 1e6


if __name__ == "__main__":
    for name in sys.stdin:
        print(*globals()[name.strip()](), flush=True)
