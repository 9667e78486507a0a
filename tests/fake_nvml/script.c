/* Reads the script once, when the library is loaded, and answers from it. */
#define _GNU_SOURCE
#include "script.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SELF -0x1p62L /* stands for the process that asks */
#define NEAR 1e-9L /* what counts as the same moment: decimal fractions are not exact */

enum form { TEXT, CALLS, STEPS, RATE, CONSTANT, RAMP, SQUARE };

typedef struct {
    char *key, *rest;
    enum form form;
    int count, calls;
    Number *times, *values; /* times of STEPS alone */
} Line;

static Line *lines;
static int line_count;
static Number started, epoch; /* both in seconds: of the monotonic clock at load, and from that clock to 1970's */

static void fail(const char *why, ...) {
    va_list arguments;
    va_start(arguments, why);
    fputs("fake NVML: ", stderr);
    vfprintf(stderr, why, arguments);
    fputc('\n', stderr);
    abort();
}

static Number clock_seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec / 1e9L;
}

Number now(void) {
    const char *frozen = getenv("FAKE_NVML_TIME"), *start = getenv("FAKE_NVML_START");
    if (frozen) return strtold(frozen, NULL);
    return clock_seconds(CLOCK_MONOTONIC) - (start ? strtold(start, NULL) : started);
}

long long stamp(Number time) {
    const char *start = getenv("FAKE_NVML_START");
    if (getenv("FAKE_NVML_TIME")) return 1700000000000000LL + llroundl(time * 1e6L);
    return llroundl((epoch + (start ? strtold(start, NULL) : started) + time) * 1e6L);
}

Number own_pid(void) {
    const char *pid = getenv("FAKE_NVML_PID");
    return pid ? strtold(pid, NULL) : getpid();
}

/* One number, or a moment and a number with a colon between; 0 where the token is neither. */
static int parse_token(Line *line, const char *token) {
    char *end;
    Number time = 0, value;
    if (line->form == STEPS) {
        time = strtold(token, &end);
        if (end == token || *end != ':') return 0;
        token = end + 1;
        if (line->count && time < line->times[line->count - 1]) fail("%s: times go backwards at %s", line->key, token);
    }
    value = strtold(token, &end);
    if (!strcmp(token, "self")) value = SELF;
    else if (end == token || *end) return 0;
    line->times = realloc(line->times, (line->count + 1) * sizeof(Number));
    line->values = realloc(line->values, (line->count + 1) * sizeof(Number));
    line->times[line->count] = time;
    line->values[line->count++] = value;
    return 1;
}

static enum form form_of(const char *word) {
    static const char *words[] = {"@", "rate", "constant", "ramp", "square"}; /* from STEPS on */
    for (int form = STEPS; form <= SQUARE; form++)
        if (!strcmp(word, words[form - STEPS])) return form;
    return strcmp(word, "steps") ? CALLS : STEPS;
}

static void parse_line(char *raw) {
    static const int fewest[] = {[CALLS] = 1, [STEPS] = 1, [RATE] = 1, [CONSTANT] = 1, [RAMP] = 4, [SQUARE] = 4};
    Line line = {0};
    char *rest, *word, *end = strpbrk(raw, "#\n");
    if (end) *end = 0;
    raw += strspn(raw, " \t");
    if (!*raw) return;
    rest = raw + strcspn(raw, " \t");
    line.key = strndup(raw, rest - raw);
    rest += strspn(rest, " \t");
    for (end = rest + strlen(rest); end > rest && strchr(" \t", end[-1]); ) *--end = 0;
    line.rest = strdup(rest);
    word = strtok_r(rest, " \t", &end);
    if (!word) fail("%s: no value", line.key);
    line.form = form_of(word);
    if (line.form != CALLS) word = strtok_r(NULL, " \t", &end);
    for (; word; word = strtok_r(NULL, " \t", &end)) {
        if (parse_token(&line, word)) continue;
        if (line.form != CALLS) fail("%s: %s is no number", line.key, word);
        line.form = TEXT;
        break;
    }
    if (line.form != TEXT && line.count < fewest[line.form]) fail("%s: too few numbers", line.key);
    lines = realloc(lines, (line_count + 1) * sizeof *lines);
    lines[line_count++] = line;
}

__attribute__((constructor)) static void load(void) {
    const char *path = getenv("FAKE_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    char *raw = NULL;
    size_t size = 0;
    started = clock_seconds(CLOCK_MONOTONIC);
    epoch = clock_seconds(CLOCK_REALTIME) - started;
    if (path && !file) fail("cannot read %s", path);
    while (file && getline(&raw, &size, file) >= 0) parse_line(raw);
    free(raw);
    if (file) fclose(file);
}

static Line *find(const char *key, int gpu) {
    char own[128];
    snprintf(own, sizeof own, "%s@%d", key, gpu);
    for (int i = 0; i < line_count; i++)
        if (!strcmp(lines[i].key, own)) return &lines[i];
    for (int i = 0; i < line_count; i++)
        if (!strcmp(lines[i].key, key)) return &lines[i];
    return NULL;
}

static Line *required(const char *key, int gpu) {
    Line *line = find(key, gpu);
    if (!line) fail("%s has no line", key);
    return line;
}

static Number least(Number one, Number other) { return one < other ? one : other; }
static Number most(Number one, Number other) { return one > other ? one : other; }

/* How many steps have begun at `time`. */
static int begun(const Line *line, Number time) {
    int count = 0;
    while (count < line->count && line->times[count] <= time + NEAR) count++;
    return count;
}

/* Whole periods of a square wave until `time`, and the seconds of its period that have begun. */
static Number periods(const Line *line, Number time, Number *begun) {
    Number whole = floorl(time / line->values[2] + NEAR);
    *begun = most(0, time - whole * line->values[2]);
    return whole;
}

static Number value_of(const Line *line, Number time, int call) {
    const Number *v = line->values;
    Number part;
    switch (line->form) {
    case CALLS: return v[call < line->count ? call : line->count - 1];
    case CONSTANT: return v[0];
    case STEPS: return v[(int)most(0, begun(line, time) - 1)];
    case RATE: return (line->count > 1 ? v[1] : 0) + v[0] * most(0, time);
    case RAMP:
        if (time >= v[3]) return v[1];
        return time <= v[2] ? v[0] : v[0] + (v[1] - v[0]) * (time - v[2]) / (v[3] - v[2]);
    case SQUARE:
        periods(line, most(0, time), &part);
        return part < v[3] * v[2] - NEAR ? v[1] : v[0];
    default: fail("%s: %s is no number", line->key, line->rest); return 0;
    }
}

/* An antiderivative of a ramp. */
static Number ramp_sum(const Number *v, Number time) {
    Number inside = most(0, least(time, v[3]) - v[2]), length = v[3] - v[2];
    Number bent = length > 0 ? (v[1] - v[0]) * inside * inside / (2 * length) : 0;
    return v[0] * (least(time, v[2]) + inside) + bent + v[1] * most(0, time - v[3]);
}

static Number steps_sum(const Line *line, Number time) {
    Number sum = 0;
    for (int i = 0; i < line->count; i++) {
        Number from = i ? most(0, line->times[i]) : 0;
        Number to = i + 1 < line->count ? least(time, line->times[i + 1]) : time;
        sum += line->values[i] * most(0, to - from);
    }
    return sum;
}

Number integral(const char *key, int gpu, Number time) {
    const Line *line = required(key, gpu);
    const Number *v = line->values;
    Number part, whole;
    if (time < 0) return value_of(line, 0, 0) * time;
    switch (line->form) {
    case STEPS: return steps_sum(line, time);
    case RATE: return (line->count > 1 ? v[1] : 0) * time + v[0] * time * time / 2;
    case RAMP: return ramp_sum(v, time) - ramp_sum(v, 0);
    case SQUARE:
        whole = periods(line, time, &part) * v[2] * (v[3] * v[1] + (1 - v[3]) * v[0]);
        return whole + least(part, v[3] * v[2]) * v[1] + most(0, part - v[3] * v[2]) * v[0];
    default:
        if (line->count != 1) fail("%s: answers by calls have no time", key);
        return v[0] * time;
    }
}

Number value_at(const char *key, int gpu, Number time) { return value_of(required(key, gpu), time, 0); }

int scripted(const char *key, int gpu) { return find(key, gpu) != NULL; }

static Number told_now(const Line *line, int call) {
    Number value = value_of(line, now(), call);
    return value == SELF ? own_pid() : value;
}

Number answer(const char *key, int gpu, Number otherwise) {
    Line *line = find(key, gpu);
    return line ? told_now(line, __atomic_fetch_add(&line->calls, 1, __ATOMIC_RELAXED)) : otherwise;
}

Number peek(const char *key, int gpu, Number otherwise) {
    const Line *line = find(key, gpu);
    return line ? told_now(line, line->calls ? line->calls - 1 : 0) : otherwise;
}

const char *text(const char *key, int gpu, const char *otherwise) {
    const Line *line = find(key, gpu);
    return line ? line->rest : otherwise;
}

int newest_step(const char *key, int gpu, Number *time) {
    const Line *line = find(key, gpu);
    if (!line || line->form != STEPS) return 0;
    *time = line->times[(int)most(0, begun(line, now()) - 1)];
    return 1;
}

int steps_until(const char *key, int gpu, Number time, Number *times, Number *values, int room) {
    const Line *line = required(key, gpu);
    int count, first;
    if (line->form != STEPS) fail("%s: a list of moments is needed (@ t:v)", key);
    count = begun(line, time);
    first = count > room ? count - room : 0;
    memcpy(times, line->times + first, (count - first) * sizeof(Number));
    memcpy(values, line->values + first, (count - first) * sizeof(Number));
    return count - first;
}
