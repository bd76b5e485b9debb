/* The table of gates in recurrent layers, and of sigmoid and tanh of int16 values. */
#ifndef MLUT_SIGMOID_TABLE_H
#define MLUT_SIGMOID_TABLE_H

#include <stdint.h>

/* 2^16 sigmoid(i / 24). */
extern const uint16_t mlut_sigmoid_table[256];

#endif /* MLUT_SIGMOID_TABLE_H */
