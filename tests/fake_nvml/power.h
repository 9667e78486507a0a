/* A power sensor and an energy counter that follow from the true power of the script. A sensor is "power" (the GPU) or
 * "power.module"; watts throughout. */
#ifndef POWER_H
#define POWER_H

#include "script.h"

/* Whether the script says the true power of this sensor. */
int sensor_works(const char *sensor, int gpu);

/* The moment of the sensor's newest update. */
Number newest_update(int gpu);

/* What the sensor published at an update: the true power over the window before it. */
Number instant_power(const char *sensor, int gpu, Number update);

/* The true power over the second before the newest update. */
Number average_power(const char *sensor, int gpu);

/* The newest updates, at most `room`, oldest first. */
int sensor_samples(const char *sensor, int gpu, Number *times, Number *watts, int room);

/* The energy counter, in millijoules. */
Number energy_counter(int gpu);

#endif
