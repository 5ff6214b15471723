/* yoke/task.h -- Task: a C function with a name and types, so that a pool can run it anywhere.
 *
 *     static int square(const int *in, long *out) { *out = (long)*in * *in; return 0; }
 *     YOKE_TASK(square, int, long);
 *
 *     YOKE_STARTASK(pow, double, double, double);      // pow as it is: result type first, then up to eight parameters
 *
 * A task gets one item and fills one result, and returns 0, or a code of its own choice if it failed.  It may run in any
 * thread or process, several at a time.  The macros stand at file scope; the names they define hang on the function's,
 * are hidden from other modules, and must be unique in a module.  They work in C++ as well (declare the function
 * extern "C" or static).
 *
 * What a task may do in a worker process it may do anywhere: crash, call exit, never return -- it costs that item.  In a
 * worker thread there is no such wall: a crash or exit is the whole program's.  pthread_exit costs the item there. */
#ifndef YOKE_TASK_H
#define YOKE_TASK_H

#include <yoke/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the macros make of a function.  The fields are Yoke's. */
typedef struct yoke_task {
    const char *name;
    int (*run)(const void *in, void *out);
    size_t in_size;
    size_t out_size; /* 0: no result */
    uint64_t id;     /* 0 until it is registered; then its number in the order of registration */
} yoke_task;

/* yoke_task_register -- gives the task its number; called by the macros before main, or when the module is loaded.  Borrowed
 * for as long as the module is loaded. */
YOKE_API void yoke_task_register(yoke_task *task);

/* yoke_task_index -- inside a task: the index of its item in the array that is mapped; 0 outside. */
YOKE_API size_t yoke_task_index(void);

/* yoke_worker_index -- inside a task or an initializer: the number of its worker, from 0; -1 outside.  A serial pool's only
 * worker is 0, and so is a worker process that replaced worker 0. */
YOKE_API int yoke_worker_index(void);

/* YOKE_TASK(name, in_type, out_type); -- `int name(const in_type *in, out_type *out)` is a task.  For yoke_pool_map_strings
 * in_type is char: the item is the string. */
#define YOKE_TASK(name, in_type, out_type)                                                                             \
    YOKE_TASK_DECLARE(name, in_type, out_type);                                                                        \
    static int name##_yoke_run(const void *in, void *out)                                                              \
    {                                                                                                                  \
        return name((const name##_yoke_in *)in, (name##_yoke_out *)out);                                               \
    }                                                                                                                  \
    YOKE_TASK_DEFINE_(name, sizeof(in_type), sizeof(out_type))

/* YOKE_TASK_NORESULT(name, in_type); -- `int name(const in_type *in)` is a task; map it with NULL for the results. */
#define YOKE_TASK_NORESULT(name, in_type)                                                                              \
    YOKE_TASK_DECLARE_NORESULT(name, in_type);                                                                         \
    static int name##_yoke_run(const void *in, void *out)                                                              \
    {                                                                                                                  \
        (void)out;                                                                                                     \
        return name((const name##_yoke_in *)in);                                                                       \
    }                                                                                                                  \
    YOKE_TASK_DEFINE_(name, sizeof(in_type), 0)

/* YOKE_TASK_DECLARE(name, in_type, out_type); -- a task that another file of the same module defines. */
#define YOKE_TASK_DECLARE(name, in_type, out_type)                                                                     \
    YOKE_TASK_TYPES_(name, in_type, out_type);                                                                         \
    YOKE_HIDDEN_ extern yoke_task name##_yoke_task
#define YOKE_TASK_DECLARE_NORESULT(name, in_type)                                                                      \
    YOKE_TASK_TYPES_(name, in_type, const void);                                                                       \
    YOKE_HIDDEN_ extern yoke_task name##_yoke_task

/* YOKE_STARTASK(name, result_type, parameter types...); -- the function `result_type name(parameters)`, by value, one to
 * eight of them, is a task as it stands.  Makes `struct name_args`, whose members stand in the parameters' order: an array
 * of those is what yoke_pool_starmap maps over.  Such a task always succeeds. */
#define YOKE_STARTASK(name, result_type, ...)                                                                          \
    struct name##_args {                                                                                               \
        YOKE_FIELDS_(__VA_ARGS__)                                                                                      \
    };                                                                                                                 \
    YOKE_TASK_DECLARE(name, struct name##_args, result_type);                                                          \
    static int name##_yoke_run(const void *in, void *out)                                                              \
    {                                                                                                                  \
        const struct name##_args *a = (const struct name##_args *)in;                                                  \
        *(name##_yoke_out *)out = name(YOKE_VALUES_(__VA_ARGS__));                                                     \
        return 0;                                                                                                      \
    }                                                                                                                  \
    YOKE_TASK_DEFINE_(name, sizeof(struct name##_args), sizeof(result_type))

/* YOKE_STARTASK_NORESULT(name, parameter types...); -- the same for a function that returns void. */
#define YOKE_STARTASK_NORESULT(name, ...)                                                                              \
    struct name##_args {                                                                                               \
        YOKE_FIELDS_(__VA_ARGS__)                                                                                      \
    };                                                                                                                 \
    YOKE_TASK_DECLARE_NORESULT(name, struct name##_args);                                                              \
    static int name##_yoke_run(const void *in, void *out)                                                              \
    {                                                                                                                  \
        const struct name##_args *a = (const struct name##_args *)in;                                                  \
        (void)out;                                                                                                     \
        name(YOKE_VALUES_(__VA_ARGS__));                                                                               \
        return 0;                                                                                                      \
    }                                                                                                                  \
    YOKE_TASK_DEFINE_(name, sizeof(struct name##_args), 0)

/* ---- what the macros above are made of; not for direct use ---- */

#define YOKE_HIDDEN_ __attribute__((visibility("hidden")))

#define YOKE_TASK_DEFINE_(name, in_size, out_size)                                                                     \
    yoke_task name##_yoke_task = {#name, name##_yoke_run, in_size, out_size, 0};                                       \
    __attribute__((constructor)) static void name##_yoke_register(void)                                                \
    {                                                                                                                  \
        yoke_task_register(&name##_yoke_task);                                                                         \
    }                                                                                                                  \
    struct yoke_task

/* The types, by names that the map macros make again from the task's name. */
#define YOKE_TASK_TYPES_(name, in_type, out_type)                                                                      \
    typedef in_type name##_yoke_in;                                                                                    \
    typedef out_type name##_yoke_out

#define YOKE_FIRST_(first, ...) first
#define YOKE_NINTH_(a, b, c, d, e, f, g, h, i, ...) i
#define YOKE_PASTE_(a, b) a##b
#define YOKE_CALL_(macro, n) YOKE_PASTE_(macro, n)
#define YOKE_COUNT_(...) YOKE_NINTH_(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)

#define YOKE_FIELDS_(...) YOKE_CALL_(YOKE_FIELDS_, YOKE_COUNT_(__VA_ARGS__))(__VA_ARGS__)
#define YOKE_FIELDS_1(t) t a1;
#define YOKE_FIELDS_2(t, u) YOKE_FIELDS_1(t) u a2;
#define YOKE_FIELDS_3(t, u, v) YOKE_FIELDS_2(t, u) v a3;
#define YOKE_FIELDS_4(t, u, v, w) YOKE_FIELDS_3(t, u, v) w a4;
#define YOKE_FIELDS_5(t, u, v, w, x) YOKE_FIELDS_4(t, u, v, w) x a5;
#define YOKE_FIELDS_6(t, u, v, w, x, y) YOKE_FIELDS_5(t, u, v, w, x) y a6;
#define YOKE_FIELDS_7(t, u, v, w, x, y, z) YOKE_FIELDS_6(t, u, v, w, x, y) z a7;
#define YOKE_FIELDS_8(t, u, v, w, x, y, z, s) YOKE_FIELDS_7(t, u, v, w, x, y, z) s a8;

#define YOKE_VALUES_(...) YOKE_CALL_(YOKE_VALUES_, YOKE_COUNT_(__VA_ARGS__))
#define YOKE_VALUES_1 a->a1
#define YOKE_VALUES_2 YOKE_VALUES_1, a->a2
#define YOKE_VALUES_3 YOKE_VALUES_2, a->a3
#define YOKE_VALUES_4 YOKE_VALUES_3, a->a4
#define YOKE_VALUES_5 YOKE_VALUES_4, a->a5
#define YOKE_VALUES_6 YOKE_VALUES_5, a->a6
#define YOKE_VALUES_7 YOKE_VALUES_6, a->a7
#define YOKE_VALUES_8 YOKE_VALUES_7, a->a8

#ifdef __cplusplus
}
#endif
#endif
