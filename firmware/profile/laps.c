/* The linker leads every kernel call of the model through here (--wrap), so that neither the model
 * nor the engine is compiled another way to be profiled. */
#include "laps.h"

#include "microlut/add.h"
#include "microlut/relu.h"
#include "microlut/conv2d.h"
#include "microlut/dense.h"
#include "microlut/depthwise_conv2d.h"
#include "microlut/mean.h"
#include "microlut/pad.h"
#include "microlut/pool2d.h"
#include "microlut/softmax.h"
#include "port.h"
#include "print.h"

#define MOST_CALLS 128u /* 512 bytes; no model that fits a microcontroller has had more */

static struct {
    uint64_t before; /* when the last call returned */
    uint32_t calls;  /* of the inference, also those that there is no room for */
    uint32_t microseconds[MOST_CALLS];
} laps;

void mlut_laps_begin(void)
{
    laps.calls = 0;
    laps.before = mlut_port_microseconds();
}

static void end_call(void)
{
    uint64_t now = mlut_port_microseconds();
    if (laps.calls < MOST_CALLS) {
        laps.microseconds[laps.calls] = (uint32_t)(now - laps.before);
    }
    laps.calls++;
    laps.before = now;
}

void mlut_laps_command(char *rest)
{
    (void)rest;
    if (laps.calls > MOST_CALLS) {
        mlut_print_number_line("e-[More kernel calls than ", MOST_CALLS, "]");
        return;
    }
    for (uint32_t i = 0; i < laps.calls; i++) {
        mlut_print_number_line("m-layer-us-", laps.microseconds[i], "");
    }
}

#define WRAP(kernel, parameters, arguments)                                                        \
    void __real_mlut_##kernel parameters;                                                          \
    void __wrap_mlut_##kernel parameters;                                                          \
    void __wrap_mlut_##kernel parameters                                                           \
    {                                                                                              \
        __real_mlut_##kernel arguments;                                                            \
        end_call();                                                                                \
    }
#define WRAP_WITH_SCRATCH(kernel)                                                                  \
    WRAP(kernel, (const mlut_##kernel##_t *layer, const int8_t *in, int8_t *out, void *scratch),   \
        (layer, in, out, scratch))
#define WRAP_PLAIN(kernel, type)                                                                   \
    WRAP(kernel, (const mlut_##type##_t *layer, const int8_t *in, int8_t *out), (layer, in, out))

WRAP_WITH_SCRATCH(conv2d)
WRAP_WITH_SCRATCH(depthwise_conv2d)
WRAP_WITH_SCRATCH(dense)
WRAP(add,
    (const mlut_add_t *layer, const int8_t *left, const int8_t *right, int8_t *out),
    (layer, left, right, out))
WRAP_PLAIN(average_pool2d, pool2d)
WRAP_PLAIN(max_pool2d, pool2d)
WRAP_PLAIN(mean, mean)
WRAP_PLAIN(relu, relu)
WRAP_PLAIN(pad, pad)
WRAP_PLAIN(softmax, softmax)
