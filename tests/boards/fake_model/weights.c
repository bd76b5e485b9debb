#include "weights.h"

const int8_t fake_table[16] = {3, -7, 12, -30, 44, 5, -61, 8, 99, -1, 0, 27, -128, 127, 64, -64};
