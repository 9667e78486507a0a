/* A libnvidia-ml.so.1 without a GPU: the real pynvml talks to it and cannot tell.
 *
 * The file named by $FAKE_NVML says what every function answers, a line each: a key, then the values of the first,
 * second, ... call, the last one for ever after. `FUNCTION.return 3` is the code that FUNCTION returns (nvml.h; 0 is
 * success). Two GPUs: NVML's 0 is GPU-bbbb, NVML's 1 is GPU-aaaa; a key with a suffix `@1` is for the second alone.
 * The structures are those of nvml.h, API version 13.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory2;
typedef struct { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; } Process;
typedef struct { unsigned field, scope; long long stamp, latency; int type, code; union { double d; unsigned u; } value; } Field;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned version; int sensor, temperature; } Temperature;
typedef struct { int index; } Gpu;

static Gpu gpus[2] = {{0}, {1}};
static const char *uuids[2] = {"GPU-bbbb", "GPU-aaaa"};
static struct { char key[96]; int calls; } seen[128];

static int calls_so_far(const char *key) {
    for (int i = 0; i < 128; i++) {
        if (!seen[i].key[0]) snprintf(seen[i].key, sizeof seen[i].key, "%s", key);
        if (!strcmp(seen[i].key, key)) return seen[i].calls++;
    }
    abort();
}

static int scripted(const char *key, long long *value) {
    char line[1024], *token, *rest;
    int found = 0, wanted;
    FILE *file = fopen(getenv("FAKE_NVML"), "r");
    if (!file) abort();
    while (!found && fgets(line, sizeof line, file)) {
        token = strtok_r(line, " \n", &rest);
        if (!token || strcmp(token, key)) continue;
        found = 1;
        wanted = calls_so_far(key);
        while ((token = strtok_r(NULL, " \n", &rest))) {
            *value = atoll(token);
            if (wanted-- == 0) break;
        }
    }
    fclose(file);
    return found;
}

static long long answer(const char *key, Gpu *gpu, long long otherwise) {
    char own[96];
    long long value = otherwise;
    snprintf(own, sizeof own, "%s@%d", key, gpu ? gpu->index : 0);
    if (!scripted(own, &value)) scripted(key, &value);
    return value;
}

static int code(const char *function, Gpu *gpu) {
    char key[96];
    snprintf(key, sizeof key, "%s.return", function);
    return (int)answer(key, gpu, 0);
}

#define FAIL_AS_TOLD(gpu) do { int told = code(__func__, gpu); if (told) return told; } while (0)
#define NUMBER(function, type, otherwise) \
    int function(Gpu *gpu, type *out) { FAIL_AS_TOLD(gpu); *out = (type)answer(#function, gpu, otherwise); return 0; }
#define OF_KIND(function, otherwise) \
    int function(Gpu *gpu, unsigned kind, unsigned *out) { FAIL_AS_TOLD(gpu); *out = (unsigned)answer(#function, gpu, otherwise); return 0; }
#define TWO(function, otherwise) \
    int function(Gpu *gpu, unsigned *now, unsigned *next) { FAIL_AS_TOLD(gpu); *now = *next = (unsigned)answer(#function, gpu, otherwise); return 0; }
#define TEXT(function, otherwise) \
    int function(Gpu *gpu, char *out, unsigned size) { FAIL_AS_TOLD(gpu); snprintf(out, size, "%s", otherwise); return 0; }

int nvmlInitWithFlags(unsigned flags) { FAIL_AS_TOLD(NULL); return 0; }
int nvmlShutdown(void) { FAIL_AS_TOLD(NULL); return 0; }
const char *nvmlErrorString(int code) { return "an error that pynvml does not know"; }
int nvmlSystemGetDriverVersion(char *out, unsigned size) { FAIL_AS_TOLD(NULL); snprintf(out, size, "580.00"); return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { FAIL_AS_TOLD(NULL); *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Gpu **out) { FAIL_AS_TOLD(NULL); *out = &gpus[index]; return 0; }

int nvmlDeviceGetHandleByUUID(const char *uuid, Gpu **out) {
    FAIL_AS_TOLD(NULL);
    for (int i = 0; i < 2; i++)
        if (!strcmp(uuid, uuids[i])) { *out = &gpus[i]; return 0; }
    return 6; /* not found */
}

TEXT(nvmlDeviceGetName, gpu->index ? "Fake H100" : "Fake A100")
TEXT(nvmlDeviceGetUUID, uuids[gpu->index])
TEXT(nvmlDeviceGetVbiosVersion, "96.00.5E.00.01")
NUMBER(nvmlDeviceGetTotalEnergyConsumption, unsigned long long, 1000)
NUMBER(nvmlDeviceGetPowerUsage, unsigned, 100000)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, unsigned, 300000)
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, unsigned, 400000)
NUMBER(nvmlDeviceGetPersistenceMode, unsigned, 1)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, unsigned, 5)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, unsigned, 16)
NUMBER(nvmlDeviceGetCurrentClocksEventReasons, unsigned long long, 0)
NUMBER(nvmlDeviceGetCurrentClocksThrottleReasons, unsigned long long, 0)
OF_KIND(nvmlDeviceGetTemperature, 40)
OF_KIND(nvmlDeviceGetClockInfo, 1500)
OF_KIND(nvmlDeviceGetMaxClockInfo, 1980)
TWO(nvmlDeviceGetEccMode, 1)
TWO(nvmlDeviceGetMigMode, 0)

int nvmlDeviceGetTemperatureV(Gpu *gpu, Temperature *out) {
    FAIL_AS_TOLD(gpu);
    out->temperature = (int)answer(__func__, gpu, 50);
    return 0;
}

int nvmlDeviceGetUtilizationRates(Gpu *gpu, Utilization *out) {
    FAIL_AS_TOLD(gpu);
    out->gpu = (unsigned)answer("utilization.gpu", gpu, 80);
    out->memory = (unsigned)answer("utilization.memory", gpu, 30);
    return 0;
}

int nvmlDeviceGetMemoryInfo(Gpu *gpu, unsigned long long out[3]) { /* version 1: the reserve counts as used */
    FAIL_AS_TOLD(gpu);
    out[0] = 80000, out[1] = 60000, out[2] = 20000;
    return 0;
}

int nvmlDeviceGetMemoryInfo_v2(Gpu *gpu, Memory2 *out) {
    FAIL_AS_TOLD(gpu);
    out->total = 80000, out->reserved = 10000, out->used = (unsigned long long)answer("memory.used", gpu, 10000);
    out->free = out->total - out->reserved - out->used;
    return 0;
}

int nvmlDeviceGetFieldValues(Gpu *gpu, int count, Field *fields) {
    FAIL_AS_TOLD(gpu);
    for (int i = 0; i < count; i++) {
        fields[i].code = fields[i].field == 186 ? (int)answer("power.instant.return", gpu, 0) : 3;
        fields[i].value.u = (unsigned)answer("power.instant", gpu, 250000);
    }
    return 0;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Gpu *gpu, unsigned *count, Process *out) {
    FAIL_AS_TOLD(gpu);
    unsigned room = *count;
    *count = 2;
    if (room < 2) return 7; /* insufficient size */
    out[0] = (Process){1, 111, 0, 0};
    out[1] = (Process){(unsigned)answer("process.pid", gpu, getpid()), (unsigned long long)answer("process.memory", gpu, 5000), 0, 0};
    return 0;
}
