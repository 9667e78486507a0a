/* A libnvidia-ml.so.1 without a GPU: the real pynvml talks to it and cannot tell.
 *
 * The file named by $FAKE_NVML is the script, read once by each process when it loads the library. A line is a key and
 * what it answers; of two lines with one key the first counts; what stands behind a # is a comment.
 *
 *   KEY v1 v2 ...                      the answers of the first, second, ... call, the last one for ever after
 *   KEY @ t:v t:v ...                  v from the moment t on; before the first t, the first v (`steps` is the same)
 *   KEY constant V                     always V
 *   KEY rate R [V0]                    V0 at 0, growing by R a second
 *   KEY ramp V0 V1 T0 T1               V0 until T0, V1 from T1 on, and a straight line between
 *   KEY square LOW HIGH PERIOD DUTY    HIGH for the first DUTY (a share) of each PERIOD, then LOW
 *   KEY any other words                a text
 *
 * Every key takes every form of number, and a suffix makes it one GPU's alone: `KEY@1`. Moments are seconds on a
 * timeline that begins at $FAKE_NVML_START (a value of CLOCK_MONOTONIC, Python's time.monotonic(), so that processes
 * share it), else when the process loads the library. Under $FAKE_NVML_TIME no time passes: it is that moment, and the
 * timeline began 1,700,000,000 s after 1970. Both are read again at every call.
 *
 * Every function:
 *   FUNCTION.return CODE       what it returns (nvml.h; 0 is success, 3 not supported, 4 no permission, 13 not found)
 *   lost T                     from T on, whatever asks about a GPU returns 15 (GPU is lost)
 * Functions that answer with one number have their own name as key, in NVML's unit:
 *   nvmlDeviceGetTotalEnergyConsumption (mJ) nvmlDeviceGetPowerUsage (mW) nvmlDeviceGetEnforcedPowerLimit (mW)
 *   nvmlDeviceGetPowerManagementDefaultLimit (mW) nvmlDeviceGetPersistenceMode nvmlDeviceGetEccMode
 *   nvmlDeviceGetMigMode nvmlDeviceIsMigDeviceHandle nvmlDeviceGetTemperatureV, nvmlDeviceGetTemperature (°C)
 *   nvmlDeviceGet{Curr,Max}PcieLink{Generation,Width} nvmlDeviceGetCurrentClocks{Event,Throttle}Reasons
 *   nvmlDeviceGetClockInfo and nvmlDeviceGetMaxClockInfo (MHz, of every clock that has no line of its own)
 * Identity:
 *   gpus N                     1 or 2 of them, 2 where nothing is said
 *   uuid, name, vbios TEXT     where nothing is said NVML's 0 is GPU-bbbb, a Fake A100, and its 1 GPU-aaaa, a Fake H100
 *   driver TEXT
 * Power; what is derived from the true power is used where its own key has no line:
 *   power.watts                the true power in W; nothing is derived where it has no line
 *   power.update S             the sensor publishes every S seconds (0.1; 0 is always)
 *   power.window S             an update is the mean of the true power over the S seconds before it (0.025)
 *   power.instant              what field 186 answers, in mW; its time is the update's, or its own step's
 *   power.average              what field 185 answers, in mW; derived: the mean of the second before the update,
 *                              which nvmlDeviceGetPowerUsage answers too
 *   power.samples @ t:mW ...   what nvmlDeviceGetSamples answers; derived: one sample an update; the last 120 are kept
 *   power.instant.return, power.average.return CODE
 *   power.module.watts, .instant, .average, .samples, with .return      the same with the module's scope
 *   power.limit.min, power.limit.max                                    in mW
 * Energy, the exact integral of the true power (of the module's where it has a line):
 *   energy.tick S              the counter is published every S seconds (0.1; 0 is always)
 *   energy.offset MJ           what it had counted at 0, in mJ
 *   energy.reset T             it starts again from 0 at T
 * Fields 74 and 76 to 79, 269 to 271 (ns, 0 where nothing is said), 82 (°C, 55) and any other one:
 *   field.ID                   its value
 *   field.ID.return CODE, field.ID.type TYPE (nvmlValueType_t)
 * The rest:
 *   memory.total, memory.reserved, memory.used, memory.free             in B; what is free is what the others leave
 *   utilization.gpu, utilization.memory                                 in percent
 *   clock.graphics, clock.sm, clock.memory, each with .max              in MHz
 *   ecc.corrected, ecc.uncorrected                                      volatile errors
 *   gpm.supported 0|1 (0), gpm.ID V, gpm.ID.return CODE                 in NVML's unit; not supported without a line
 *   process.N.pid, .memory, .name; graphics.N. likewise                 from N = 0 on; pid 0 is nobody, `self` is
 *                              $FAKE_NVML_PID or else the calling process, memory -1 is not told
 *   process.pid, process.memory, process.name                           of the second process of the list that there is
 *                              without process.0.pid: process 1, and `self` with 5000 B
 *
 * The structures are those of nvml.h, API version 13.
 * script.c reads the script, power.c derives from the true power, and the functions are here, in fields.c, processes.c
 * and monitors.c.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "driver.h"
#include "power.h"

enum { MEMORY_2 = 0x02000028, TEMPERATURE_1 = 0x0100000C }; /* versions of structures, with their sizes */

typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory2;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned version; int sensor, temperature; } Temperature;

static Gpu gpus[2] = {{0}, {1}};
static const char *uuids[2] = {"GPU-bbbb", "GPU-aaaa"}, *names[2] = {"Fake A100", "Fake H100"};

const char *joined(char *key, const char *one, const char *other) {
    snprintf(key, KEY, "%s%s", one, other);
    return key;
}

int gpu_count(void) { return (int)peek("gpus", 0, 2); }

int lost(const Gpu *gpu) { return gpu && now() >= peek("lost", gpu->index, INFINITY); }

int told(const char *function, const Gpu *gpu, int again) {
    char key[KEY];
    int index = gpu ? gpu->index : 0;
    if (lost(gpu)) return LOST;
    joined(key, function, ".return");
    return (int)(again ? peek(key, index, SUCCESS) : answer(key, index, SUCCESS));
}

long long whole(const char *key, const Gpu *gpu, Number otherwise) {
    return llroundl(answer(key, gpu->index, otherwise));
}

static Number counter(const Gpu *gpu) {
    int works = sensor_works("power.module", gpu->index) || sensor_works("power", gpu->index);
    return works ? energy_counter(gpu->index) : 1000;
}

static Number usage(const Gpu *gpu) {
    return sensor_works("power", gpu->index) ? 1e3L * average_power("power", gpu->index) : 100000;
}

/* Functions that answer with one number, twice with one number, or with a text. */
#define NUMBER(function, type, otherwise) \
    int function(Gpu *gpu, type *out) { \
        FAIL_AS_TOLD(gpu); \
        *out = (type)whole(#function, gpu, otherwise); \
        return SUCCESS; \
    }
#define TWO(function, otherwise) \
    int function(Gpu *gpu, unsigned *current, unsigned *pending) { \
        FAIL_AS_TOLD(gpu); \
        *current = *pending = (unsigned)whole(#function, gpu, otherwise); \
        return SUCCESS; \
    }
#define WORDS(function, key, otherwise) \
    int function(Gpu *gpu, char *out, unsigned size) { \
        FAIL_AS_TOLD(gpu); \
        snprintf(out, size, "%s", text(key, gpu->index, otherwise)); \
        return SUCCESS; \
    }

int nvmlInitWithFlags(unsigned flags) { (void)flags; FAIL_AS_TOLD(NULL); return SUCCESS; }
int nvmlShutdown(void) { FAIL_AS_TOLD(NULL); return SUCCESS; }
const char *nvmlErrorString(int code) { (void)code; return "an error that pynvml does not know"; }
int nvmlDeviceGetCount_v2(unsigned *count) { FAIL_AS_TOLD(NULL); *count = (unsigned)gpu_count(); return SUCCESS; }

int nvmlSystemGetDriverVersion(char *out, unsigned size) {
    FAIL_AS_TOLD(NULL);
    snprintf(out, size, "%s", text("driver", 0, "580.00"));
    return SUCCESS;
}

static int handed_over(Gpu *gpu, Gpu **out) {
    *out = gpu;
    return lost(gpu) ? LOST : SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Gpu **out) {
    FAIL_AS_TOLD(NULL);
    return (int)index < gpu_count() ? handed_over(&gpus[index], out) : INVALID_ARGUMENT;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, Gpu **out) {
    FAIL_AS_TOLD(NULL);
    for (int i = 0; i < gpu_count(); i++)
        if (!strcmp(uuid, text("uuid", i, uuids[i]))) return handed_over(&gpus[i], out);
    return NOT_FOUND;
}

int nvmlDeviceGetIndex(Gpu *gpu, unsigned *out) { FAIL_AS_TOLD(gpu); *out = (unsigned)gpu->index; return SUCCESS; }
WORDS(nvmlDeviceGetName, "name", names[gpu->index])
WORDS(nvmlDeviceGetUUID, "uuid", uuids[gpu->index])
WORDS(nvmlDeviceGetVbiosVersion, "vbios", "96.00.5E.00.01")
NUMBER(nvmlDeviceIsMigDeviceHandle, unsigned, !strncmp(text("uuid", gpu->index, ""), "MIG-", 4))
NUMBER(nvmlDeviceGetEnforcedPowerLimit, unsigned, 300000)
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, unsigned, 400000)
NUMBER(nvmlDeviceGetPersistenceMode, unsigned, 1)
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, unsigned, 5)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, unsigned, 16)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, unsigned, 5)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, unsigned, 16)
NUMBER(nvmlDeviceGetCurrentClocksEventReasons, unsigned long long, 0)
NUMBER(nvmlDeviceGetCurrentClocksThrottleReasons, unsigned long long, 0)
NUMBER(nvmlDeviceGetTotalEnergyConsumption, unsigned long long, counter(gpu))
NUMBER(nvmlDeviceGetPowerUsage, unsigned, usage(gpu))
TWO(nvmlDeviceGetEccMode, 1)
TWO(nvmlDeviceGetMigMode, 0)

int nvmlDeviceGetPowerManagementLimitConstraints(Gpu *gpu, unsigned *low, unsigned *high) {
    FAIL_AS_TOLD(gpu);
    *low = (unsigned)whole("power.limit.min", gpu, 100000);
    *high = (unsigned)whole("power.limit.max", gpu, 400000);
    return SUCCESS;
}

static unsigned megahertz(const char *function, const Gpu *gpu, unsigned clock, const char *which, Number otherwise) {
    static const char *clocks[] = {"clock.graphics", "clock.sm", "clock.memory", "clock.video"};
    char key[KEY];
    joined(key, clocks[clock & 3], which);
    return (unsigned)whole(scripted(key, gpu->index) ? key : function, gpu, otherwise);
}

int nvmlDeviceGetClockInfo(Gpu *gpu, unsigned clock, unsigned *out) {
    FAIL_AS_TOLD(gpu);
    *out = megahertz(__func__, gpu, clock, "", 1500);
    return SUCCESS;
}

int nvmlDeviceGetMaxClockInfo(Gpu *gpu, unsigned clock, unsigned *out) {
    FAIL_AS_TOLD(gpu);
    *out = megahertz(__func__, gpu, clock, ".max", 1980);
    return SUCCESS;
}

int nvmlDeviceGetTemperature(Gpu *gpu, unsigned sensor, unsigned *out) {
    (void)sensor;
    FAIL_AS_TOLD(gpu);
    *out = (unsigned)whole(__func__, gpu, 40);
    return SUCCESS;
}

int nvmlDeviceGetTemperatureV(Gpu *gpu, Temperature *out) {
    FAIL_AS_TOLD(gpu);
    if (out->version != TEMPERATURE_1) return VERSION_MISMATCH;
    out->temperature = (int)whole(__func__, gpu, 50);
    return SUCCESS;
}

int nvmlDeviceGetTotalEccErrors(Gpu *gpu, unsigned kind, unsigned counter, unsigned long long *out) {
    FAIL_AS_TOLD(gpu);
    if (counter) return NOT_SUPPORTED; /* the aggregate counts are not played */
    *out = (unsigned long long)whole(kind ? "ecc.uncorrected" : "ecc.corrected", gpu, 0);
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(Gpu *gpu, Utilization *out) {
    FAIL_AS_TOLD(gpu);
    out->gpu = (unsigned)whole("utilization.gpu", gpu, 80);
    out->memory = (unsigned)whole("utilization.memory", gpu, 30);
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(Gpu *gpu, unsigned long long out[3]) { /* version 1: the reserve counts as used */
    FAIL_AS_TOLD(gpu);
    out[0] = 80000, out[1] = 60000, out[2] = 20000;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(Gpu *gpu, Memory2 *out) {
    FAIL_AS_TOLD(gpu);
    if (out->version != MEMORY_2) return VERSION_MISMATCH;
    out->total = (unsigned long long)whole("memory.total", gpu, 80000);
    out->reserved = (unsigned long long)whole("memory.reserved", gpu, 10000);
    out->used = (unsigned long long)whole("memory.used", gpu, 10000);
    out->free = (unsigned long long)whole("memory.free", gpu, (Number)(out->total - out->reserved - out->used));
    return SUCCESS;
}
