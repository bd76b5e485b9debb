/* A look into the arena; only in firmware that is built to profile. */
#ifndef MLUT_ARENA_H
#define MLUT_ARENA_H

/* The console's `dump CALLS OFFSET BYTES`: infers the input of `db` and prints these bytes of the
 * arena as they are after the first CALLS kernel calls. */
void mlut_arena_command(char *rest);

#endif /* MLUT_ARENA_H */
