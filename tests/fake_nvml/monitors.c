/* GPU performance monitors (GPM): metrics between two samples. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "driver.h"

typedef struct { Gpu *gpu; } GpmSample;
typedef struct { unsigned id; int code; double value; const char *names[3]; } GpmMetric;
typedef struct { unsigned version, count; GpmSample *first, *second; GpmMetric metrics[]; } GpmMetrics;
typedef struct { unsigned version, supported; } GpmSupport;

int fake_gpm_samples; /* those not given back, for a test to look at */

int nvmlGpmQueryDeviceSupport(Gpu *gpu, GpmSupport *out) {
    FAIL_AS_TOLD(gpu);
    if (out->version != 1) return VERSION_MISMATCH;
    out->supported = (unsigned)whole("gpm.supported", gpu, 0);
    return SUCCESS;
}

int nvmlGpmSampleAlloc(GpmSample **out) {
    FAIL_AS_TOLD(NULL);
    *out = calloc(1, sizeof **out);
    fake_gpm_samples++;
    return SUCCESS;
}

int nvmlGpmSampleFree(GpmSample *sample) {
    FAIL_AS_TOLD(NULL);
    free(sample);
    fake_gpm_samples--;
    return SUCCESS;
}

int nvmlGpmSampleGet(Gpu *gpu, GpmSample *sample) {
    FAIL_AS_TOLD(gpu);
    sample->gpu = gpu;
    return SUCCESS;
}

int nvmlGpmMetricsGet(GpmMetrics *asked) {
    char key[KEY], returned[KEY];
    Gpu *gpu = asked->first ? asked->first->gpu : NULL;
    FAIL_AS_TOLD(gpu);
    if (asked->version != 1) return VERSION_MISMATCH;
    if (!gpu || !asked->second || asked->first == asked->second || asked->second->gpu != gpu) return INVALID_ARGUMENT;
    for (unsigned i = 0; i < asked->count; i++) {
        GpmMetric *metric = &asked->metrics[i];
        snprintf(key, sizeof key, "gpm.%u", metric->id);
        joined(returned, key, ".return");
        metric->code = (int)answer(returned, gpu->index, scripted(key, gpu->index) ? SUCCESS : NOT_SUPPORTED);
        metric->value = (double)answer(key, gpu->index, NAN);
    }
    return SUCCESS;
}
