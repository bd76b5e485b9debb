/* Two empty functions that mark an inference for tools which count instructions from outside.
 *
 * noipa keeps the calls and both bodies apart whatever the optimizer knows.
 */
#ifndef MLUT_PROBE_H
#define MLUT_PROBE_H

void mlut_probe_begin(void);
void mlut_probe_end(void);

#endif /* MLUT_PROBE_H */
