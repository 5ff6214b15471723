/* error.c -- the texts of the errors, and the end of a program that broke a rule. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/fault.h"

#ifdef YK_FAULTS
void (*yk_fault_hook)(enum yk_point point);
#endif

const char *yoke_strerror(int code)
{
    /* not -code for INT_MIN, which has no counterpart and no text */
    int positive = code < 0 && code != -__INT_MAX__ - 1 ? -code : code;

    switch (positive) {
#define YK_ERROR_TEXT(name, value, text)                                                                               \
    case value:                                                                                                        \
        return text;
        YOKE_ERRORS(YK_ERROR_TEXT)
#undef YK_ERROR_TEXT
    case 0:
        return "success";
    default: {
        /* The GNU name for a text that is constant; strerror itself may share a buffer between threads. */
        const char *text = strerrordesc_np(positive);

        return text ? text : "unknown error";
    }
    }
}

const char *yoke_version(void)
{
#define YK_TEXT(x) #x
#define YK_VERSION(major, minor, patch) YK_TEXT(major) "." YK_TEXT(minor) "." YK_TEXT(patch)
    return YK_VERSION(YOKE_VERSION_MAJOR, YOKE_VERSION_MINOR, YOKE_VERSION_PATCH);
}

_Thread_local __attribute__((tls_model("initial-exec"))) const char *yk_place;

void yk_misuse(const char *rule)
{
    fprintf(stderr, "yoke: misuse: %s%s%s\n", rule, yk_place ? ", at " : "", yk_place ? yk_place : "");
    abort();
}
