/* Times of the kernel calls of the last inference; only in firmware that is built to profile. */
#ifndef MLUT_LAPS_H
#define MLUT_LAPS_H

/* Starts an inference: its first call is timed from here. */
void mlut_laps_begin(void);

/* Ends a kernel call; the model calls it behind each layer. */
void mlut_laps_end_call(void);

/* The console's `layers`: prints a line for each kernel call, in order, with its microseconds. */
void mlut_laps_command(char *rest);

#endif /* MLUT_LAPS_H */
