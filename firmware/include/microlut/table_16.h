/* Functions of one int16 value by a table with interpolation. */
#ifndef MICROLUT_TABLE_16_H
#define MICROLUT_TABLE_16_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A function of each of `count` values. The output may be the input. */
typedef struct {
    const int16_t *values; /* 513 results, for every 128th value from -32768 on */
    uint32_t count;
} mlut_table_16_t;

void mlut_table_16(const mlut_table_16_t *layer, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_TABLE_16_H */
