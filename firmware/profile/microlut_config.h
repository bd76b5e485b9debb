/* How the model is compiled to be profiled. */
#ifndef MICROLUT_CONFIG_H
#define MICROLUT_CONFIG_H

#include "laps.h"

#define MLUT_AFTER_LAYER() mlut_laps_end_call()

#endif /* MICROLUT_CONFIG_H */
