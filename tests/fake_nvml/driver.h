/* What the files with NVML's functions share: return codes, GPUs, and answering as the script says. */
#ifndef DRIVER_H
#define DRIVER_H

#include "script.h"

enum {
    SUCCESS = 0,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    LOST = 15,
    VERSION_MISMATCH = 25
};

typedef struct { int index; } Gpu;

enum { KEY = 128 }; /* room for a key */

/* Two parts of a key, written into room for KEY characters; returns it. */
const char *joined(char *key, const char *one, const char *other);

int gpu_count(void);

/* Whether the script has lost the GPU by now. */
int lost(const Gpu *gpu);

/* What the function returns; `again` where this call belongs to one that was counted. Without a GPU, NULL. */
int told(const char *function, const Gpu *gpu, int again);

/* The key's next answer, rounded. */
long long whole(const char *key, const Gpu *gpu, Number otherwise);

#define FAIL_AS_TOLD(gpu) \
    do { \
        int code = told(__func__, gpu, 0); \
        if (code) return code; \
    } while (0)

#endif
