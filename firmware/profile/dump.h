/* Memory, printed in the middle of an inference; only in firmware that is built to profile. */
#ifndef MLUT_DUMP_H
#define MLUT_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Asks for bytes as they are after some kernel calls of the next inference. */
void mlut_dump_request(uint32_t calls, const uint8_t *from, size_t bytes);

/* Prints what was asked for if that many kernel calls are done. */
void mlut_dump_after(uint32_t calls);

/* Forgets what was asked for; returns whether it was still to be printed. */
bool mlut_dump_forget(void);

#endif /* MLUT_DUMP_H */
