/* A ring of frames. */
#include "microlut/frames.h"

#include <string.h>

void mlut_frames_clear(mlut_frames_t *frames)
{
    frames->next = 0;
    frames->held = 0;
}

int8_t *mlut_frames_next(const mlut_frames_t *frames)
{
    return frames->data + frames->next * frames->bytes;
}

bool mlut_frames_push(mlut_frames_t *frames)
{
    frames->next = frames->next + 1u == frames->frames ? 0 : frames->next + 1u;
    frames->held += frames->held < frames->frames ? 1u : 0u;
    return frames->held == frames->frames;
}

void mlut_frames_copy(const mlut_frames_t *frames, int8_t *to)
{
    const size_t before = frames->next * frames->bytes; /* bytes of the newer frames */
    const size_t older = frames->frames * frames->bytes - before;
    memcpy(to, frames->data + before, older);
    memcpy(to + older, frames->data, before);
}
