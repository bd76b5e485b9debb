/* Functions of one value by a table. */
#ifndef MICROLUT_TABLE_H
#define MICROLUT_TABLE_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A function of each of `count` values. The output may be the input. */
typedef struct {
    const int8_t *values; /* 256 results, by the value as an unsigned byte */
    uint32_t count;
} mlut_table_t;

void mlut_table(const mlut_table_t *layer, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_TABLE_H */
