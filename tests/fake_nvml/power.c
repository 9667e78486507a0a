#include "power.h"

#include <math.h>

static const char *key_of(const char *sensor) {
    return sensor[sizeof "power" - 1] ? "power.module.watts" : "power.watts";
}

/* The last multiple of the period; the moment itself where nothing is published by steps. */
static Number published(Number time, Number period) {
    return period > 0 ? floorl(time / period + 1e-9L) * period : time;
}

static Number mean(const char *sensor, int gpu, Number from, Number to) {
    const char *key = key_of(sensor);
    if (to <= from) return value_at(key, gpu, to);
    return (integral(key, gpu, to) - integral(key, gpu, from)) / (to - from);
}

int sensor_works(const char *sensor, int gpu) { return scripted(key_of(sensor), gpu); }

Number newest_update(int gpu) { return published(now(), peek("power.update", gpu, 0.1L)); }

Number instant_power(const char *sensor, int gpu, Number update) {
    return mean(sensor, gpu, update - peek("power.window", gpu, 0.025L), update);
}

Number average_power(const char *sensor, int gpu) {
    Number update = newest_update(gpu);
    return mean(sensor, gpu, update - 1, update);
}

int sensor_samples(const char *sensor, int gpu, Number *times, Number *watts, int room) {
    Number newest, period = peek("power.update", gpu, 0.1L);
    int count = 0;
    if (period <= 0) period = 0.02L; /* a sensor without steps is sampled at 50 Hz */
    newest = published(now(), period);
    for (int back = room - 1; back >= 0; back--) {
        Number update = newest - back * period;
        if (update < 0) continue; /* the driver was loaded at 0 */
        times[count] = update;
        watts[count++] = instant_power(sensor, gpu, update);
    }
    return count;
}

Number energy_counter(int gpu) {
    const char *key = key_of(scripted("power.module.watts", gpu) ? "power.module" : "power");
    Number at = published(now(), peek("energy.tick", gpu, 0.1L)), reset = peek("energy.reset", gpu, INFINITY);
    if (now() < reset) return fmaxl(0, peek("energy.offset", gpu, 0) + 1e3L * integral(key, gpu, at));
    return 1e3L * (integral(key, gpu, fmaxl(at, reset)) - integral(key, gpu, reset));
}
