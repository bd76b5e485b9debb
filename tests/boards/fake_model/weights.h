/* The table of the fake model. */
#ifndef FAKE_WEIGHTS_H
#define FAKE_WEIGHTS_H

#include <stdint.h>

extern const int8_t fake_table[16];

#endif /* FAKE_WEIGHTS_H */
