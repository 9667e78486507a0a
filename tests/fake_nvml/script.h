/* The script that says what the fake driver answers, and the time that it runs on. The format is told in nvml.c. */
#ifndef SCRIPT_H
#define SCRIPT_H

typedef long double Number;

/* Seconds on the script's timeline. */
Number now(void);

/* Microseconds since 1970 of a moment of the timeline. */
long long stamp(Number time);

/* $FAKE_NVML_PID, else that of the calling process. */
Number own_pid(void);

/* Whether the key has a line, for this GPU or for all. */
int scripted(const char *key, int gpu);

/* What the key answers at this call, which counts; `otherwise` where it has no line. */
Number answer(const char *key, int gpu, Number otherwise);

/* The same without counting: what the last call that counted was told, or will be. */
Number peek(const char *key, int gpu, Number otherwise);

/* The rest of the key's line. */
const char *text(const char *key, int gpu, const char *otherwise);

/* The key's value integrated over the timeline from 0 to `time`; before 0 it counts as it was at 0. */
Number integral(const char *key, int gpu, Number time);

/* The key's value at a moment of the timeline. */
Number value_at(const char *key, int gpu, Number time);

/* When the key's newest step began, where it is a step function; 0 where it is not. */
int newest_step(const char *key, int gpu, Number *time);

/* The moments and values of a step function up to `time`; returns how many, at most the newest `room`, oldest first. */
int steps_until(const char *key, int gpu, Number time, Number *times, Number *values, int room);

#endif
