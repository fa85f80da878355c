/* A library with the entry points of PicoSDK, behind which no device is, but files in a directory.
 *
 * Compiled with -DSERIES=ps3000a (or another one) and, for those series whose calls have it, with
 * -DOVERSAMPLING. The directory is named in MIMOCORB_FAKE_PICOSCOPE:
 *
 *   plugged    is there as long as the device is
 *   silent     is there as long as no trigger comes
 *   no trigger is there if the device does not take the trigger that it is told
 *   shape      the voltages of an event in mV as float, one input behind the other
 *   sent       the counts of all events that were handed over are written here
 *   told       what the device was told, a line for each call
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define API(name) JOIN(SERIES, name)
#ifdef OVERSAMPLING
#define OVERSAMPLE int16_t oversample __attribute__((unused)),
#define MOST 32512
#else
#define OVERSAMPLE
#define MOST 32767
#endif

enum { OK = 0, NOT_FOUND = 3, NOT_RESPONDING = 7, INVALID_TIMEBASE = 14, INPUTS = 4, SEGMENTS = 10000 };
static const float halves_mv[] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000};
static const double period_s = 0.003;
static const int32_t memory_samples = 4000000;

static int enabled[INPUTS], range_of[INPUTS];
static float shift_mv[INPUTS];
static int16_t *buffers[INPUTS][SEGMENTS];
static int32_t samples;
static uint32_t captures = 1, taken;
static double began_s;
static uint32_t seed = 12345;
static int is_running;
static int16_t is_enabled;

static const char *place(const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("MIMOCORB_FAKE_PICOSCOPE"), name);
    return path;
}

static int is_there(const char *name) { return access(place(name), F_OK) == 0; }

static double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + 1e-9 * time.tv_nsec;
}

static float random_part(void) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) / 16777216.0f;
}

#define TELL(...) do { FILE *file = fopen(place("told"), "a"); fprintf(file, __VA_ARGS__); fclose(file); } while (0)
#define NEEDS_DEVICE if (!is_there("plugged")) return NOT_RESPONDING

#ifdef OVERSAMPLING
uint32_t API(OpenUnit)(int16_t *handle, char *serial) {
#else
uint32_t API(OpenUnit)(int16_t *handle, char *serial, int32_t resolution) {
    TELL("resolution %d\n", resolution);
#endif
    (void)serial;
    *handle = 0;
    if (!is_there("plugged")) return NOT_FOUND;
    *handle = 1;
    memset(enabled, 0, sizeof enabled);
    return OK;
}

uint32_t API(CloseUnit)(int16_t handle) { (void)handle; is_running = 0; return OK; }

uint32_t API(MaximumValue)(int16_t handle, int16_t *value) {
    (void)handle;
    NEEDS_DEVICE;
    *value = MOST;
    return OK;
}

uint32_t API(SetChannel)(int16_t handle, int32_t input, int16_t on, int32_t coupling, int32_t range, float offset_v) {
    (void)handle;
    NEEDS_DEVICE;
    enabled[input] = on;
    range_of[input] = range;
    shift_mv[input] = 1000 * offset_v;
    if (on) TELL("channel %d coupling %d range %d offset %g\n", input, coupling, range, offset_v);
    return OK;
}

/* As much as the range itself, up to 20 V. */
uint32_t API(GetAnalogueOffset)(int16_t handle, int32_t range, int32_t coupling, float *most_v, float *least_v) {
    (void)handle; (void)coupling;
    NEEDS_DEVICE;
    *most_v = halves_mv[range] / 1000;
    *least_v = -*most_v;
    return OK;
}

/* As for the 3000A: 1, 2 and 4 ns, then steps of 8 ns. */
uint32_t API(GetTimebase2)(int16_t handle, uint32_t timebase, int32_t count, float *interval_ns, OVERSAMPLE int32_t *most, uint32_t segment) {
    (void)handle; (void)segment; (void)count;
    NEEDS_DEVICE;
    if (timebase == 0) return INVALID_TIMEBASE;
    *interval_ns = timebase < 3 ? (float)(1 << timebase) : 8.0f * (timebase - 2);
    *most = memory_samples / (int32_t)captures;
    return OK;
}

uint32_t API(SetSimpleTrigger)(int16_t handle, int16_t enable, int32_t source, int16_t threshold, int32_t direction, uint32_t delay, int16_t auto_ms) {
    (void)handle;
    NEEDS_DEVICE;
    is_enabled = enable;
    TELL("trigger %d level %d direction %d delay %u auto %d\n", source, threshold, direction, delay, auto_ms);
    return OK;
}

uint32_t API(IsTriggerOrPulseWidthQualifierEnabled)(int16_t handle, int16_t *trigger, int16_t *width) {
    (void)handle;
    NEEDS_DEVICE;
    *trigger = is_enabled && !is_there("no trigger");
    *width = 0;
    return OK;
}

uint32_t API(MemorySegments)(int16_t handle, uint32_t count, int32_t *most) {
    (void)handle;
    NEEDS_DEVICE;
    *most = memory_samples / (int32_t)count;
    return OK;
}

uint32_t API(SetNoOfCaptures)(int16_t handle, uint32_t count) {
    (void)handle;
    NEEDS_DEVICE;
    captures = count;
    TELL("captures %u\n", count);
    return OK;
}

uint32_t API(SetDataBuffer)(int16_t handle, int32_t input, int16_t *buffer, int32_t length, uint32_t segment, int32_t mode) {
    (void)handle; (void)mode;
    NEEDS_DEVICE;
    samples = length;
    buffers[input][segment] = buffer;
    return OK;
}

uint32_t API(RunBlock)(int16_t handle, int32_t before, int32_t after, uint32_t timebase, OVERSAMPLE int32_t *busy_ms, uint32_t segment, void *ready, void *parameter) {
    (void)handle; (void)busy_ms; (void)segment; (void)ready; (void)parameter;
    NEEDS_DEVICE;
    static int is_told = 0;
    if (!is_told++) TELL("block before %d after %d timebase %u\n", before, after, timebase);
    taken = 0;
    began_s = now_s();
    is_running = 1;
    return OK;
}

static void take_triggers(void) {
    if (!is_running) return;
    if (is_there("silent")) {
        began_s = now_s() - taken * period_s;
        return;
    }
    uint32_t due = (uint32_t)((now_s() - began_s) / period_s);
    taken = due < captures ? due : captures;
}

uint32_t API(IsReady)(int16_t handle, int16_t *ready) {
    (void)handle;
    NEEDS_DEVICE;
    take_triggers();
    *ready = taken == captures;
    return OK;
}

uint32_t API(GetNoOfCaptures)(int16_t handle, uint32_t *count) {
    (void)handle;
    NEEDS_DEVICE;
    take_triggers();
    *count = taken;
    return OK;
}

uint32_t API(Stop)(int16_t handle) {
    (void)handle;
    NEEDS_DEVICE;
    take_triggers();
    is_running = 0;
    return OK;
}

uint32_t API(GetValuesBulk)(int16_t handle, uint32_t *count, uint32_t from, uint32_t to, uint32_t ratio, int32_t mode, int16_t *overflow) {
    (void)handle; (void)count; (void)ratio; (void)mode;
    NEEDS_DEVICE;
    FILE *shape = fopen(place("shape"), "rb"), *sent = fopen(place("sent"), "ab");
    for (uint32_t number = from; number <= to; number++) {
        float height = 0.7f + 0.6f * random_part();
        overflow[number - from] = 0;
        rewind(shape);
        for (int input = 0; input < INPUTS; input++) {
            if (!enabled[input]) continue;
            int16_t *target = buffers[input][number];
            for (int32_t at = 0; at < samples; at++) {
                float volts_mv = 0;
                if (fread(&volts_mv, sizeof volts_mv, 1, shape) != 1) volts_mv = 0;
                volts_mv = height * volts_mv + 8 * (random_part() - 0.5f) + shift_mv[input];
                float value = roundf(volts_mv / halves_mv[range_of[input]] * MOST);
                if (fabsf(value) >= MOST) overflow[number - from] |= (int16_t)(1 << input);
                target[at] = (int16_t)fmaxf(-MOST, fminf(MOST, value));
            }
            fwrite(target, sizeof *target, (size_t)samples, sent);
        }
    }
    fclose(shape);
    fclose(sent);
    return OK;
}
