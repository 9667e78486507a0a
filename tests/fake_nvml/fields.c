/* Field values and the buffer of power samples: values with a type, a time and a return code of their own. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "driver.h"
#include "power.h"

enum { DOUBLE, UINT, ULONG, ULONGLONG, LONGLONG, INT, USHORT };
enum { SAMPLES_KEPT = 120 };

typedef union {
    double d;
    unsigned u;
    unsigned long ul;
    unsigned long long ull;
    long long ll;
    int i;
    unsigned short us;
} Value;
typedef struct { unsigned field, scope; long long stamp, latency; int type, code; Value value; } Field;
typedef struct { unsigned long long stamp; Value value; } Sample;

static void put(Field *out, int type, Number value) {
    out->type = type;
    switch (type) {
    case DOUBLE: out->value.d = (double)value; break;
    case UINT: out->value.u = (unsigned)llroundl(value); break;
    case ULONG: out->value.ul = (unsigned long)llroundl(value); break;
    case ULONGLONG: out->value.ull = (unsigned long long)llroundl(value); break;
    case LONGLONG: out->value.ll = llroundl(value); break;
    case INT: out->value.i = (int)llroundl(value); break;
    case USHORT: out->value.us = (unsigned short)llroundl(value); break;
    default: memset(&out->value, 0xff, sizeof out->value);
    }
}

/* Fields 185 and 186. The scope is 0 for the GPU and 1 for the module; others have no sensor. */
static int power_field(Gpu *gpu, Field *out) {
    int average = out->field == 185, index = gpu->index, code;
    const char *sensor = out->scope ? "power.module" : "power";
    Number update = newest_update(index), milliwatts, step;
    char key[KEY], returned[KEY];
    joined(key, sensor, average ? ".average" : ".instant");
    if (out->scope > 1) return NOT_SUPPORTED;
    if ((code = (int)answer(joined(returned, key, ".return"), index, SUCCESS))) return code;
    if (scripted(key, index)) {
        milliwatts = answer(key, index, 0);
        update = newest_step(key, index, &step) ? step : now();
    } else if (sensor_works(sensor, index)) {
        milliwatts = 1e3L * (average ? average_power(sensor, index) : instant_power(sensor, index, update));
    } else if (out->scope) {
        return NOT_SUPPORTED;
    } else {
        milliwatts = average ? 100000 : 250000, update = now();
    }
    put(out, UINT, milliwatts);
    out->stamp = stamp(update);
    return SUCCESS;
}

static int other_field(Gpu *gpu, Field *out) {
    unsigned number = out->field;
    int nanoseconds = number == 74 || (number >= 76 && number <= 79) || (number >= 269 && number <= 271), code;
    char key[KEY], returned[KEY], type[KEY];
    snprintf(key, sizeof key, "field.%u", number);
    if ((code = (int)answer(joined(returned, key, ".return"), gpu->index, SUCCESS))) return code;
    if (!scripted(key, gpu->index) && !nanoseconds && number != 82) return NOT_SUPPORTED;
    put(out, (int)peek(joined(type, key, ".type"), gpu->index, number == 82 ? UINT : ULONGLONG),
        answer(key, gpu->index, nanoseconds ? 0 : 55));
    out->stamp = stamp(now());
    return SUCCESS;
}

int nvmlDeviceGetFieldValues(Gpu *gpu, int count, Field *fields) {
    FAIL_AS_TOLD(gpu);
    for (int i = 0; i < count; i++) {
        int power = fields[i].field == 185 || fields[i].field == 186;
        fields[i].stamp = fields[i].latency = 0;
        memset(&fields[i].value, 0, sizeof fields[i].value);
        fields[i].code = power ? power_field(gpu, &fields[i]) : other_field(gpu, &fields[i]);
    }
    return SUCCESS;
}

/* pynvml asks twice: without room for how many there are, then for them. */
int nvmlDeviceGetSamples(Gpu *gpu, unsigned kind, unsigned long long since, int *type, unsigned *count, Sample *out) {
    const char *sensor = kind == 7 ? "power.module" : "power";
    Number times[SAMPLES_KEPT], values[SAMPLES_KEPT], unit = 1;
    char key[KEY];
    unsigned found, newer = 0;
    int code = told(__func__, gpu, out != NULL);
    if (code) return code;
    if (kind != 0 && kind != 7) return NOT_SUPPORTED;
    joined(key, sensor, ".samples");
    if (scripted(key, gpu->index)) {
        found = (unsigned)steps_until(key, gpu->index, now(), times, values, SAMPLES_KEPT);
    } else if (sensor_works(sensor, gpu->index)) {
        found = (unsigned)sensor_samples(sensor, gpu->index, times, values, SAMPLES_KEPT);
        unit = 1e3L;
    } else {
        return NOT_SUPPORTED;
    }
    *type = UINT;
    for (unsigned i = 0; i < found; i++) {
        unsigned long long taken = (unsigned long long)stamp(times[i]);
        if (taken <= since || (out && newer == *count)) continue;
        if (out) out[newer] = (Sample){taken, {.u = (unsigned)llroundl(unit * values[i])}};
        newer++;
    }
    *count = newer;
    return newer ? SUCCESS : NOT_FOUND;
}
