/* The last frames of a stream: a ring that gives a network its window. */
#ifndef MLUT_FRAMES_H
#define MLUT_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int8_t *data; /* [frames][bytes] */
    size_t bytes; /* of a frame */
    size_t frames;
    size_t next; /* where the next frame goes: the oldest one if all are there */
    size_t held; /* frames that are there */
} mlut_frames_t;

/* Forget all frames. */
void mlut_frames_clear(mlut_frames_t *frames);

/* Return where to write the next frame. */
int8_t *mlut_frames_next(const mlut_frames_t *frames);

/* Add the frame that was written there. Return whether there are all frames of a window. */
bool mlut_frames_push(mlut_frames_t *frames);

/* Write the frames of a full window, the oldest one first. */
void mlut_frames_copy(const mlut_frames_t *frames, int8_t *to);

#ifdef __cplusplus
}
#endif

#endif /* MLUT_FRAMES_H */
