/* The console application: one converted model behind MLPerf Tiny's device protocol, see console.h.
 */
#ifndef MLUT_APP_H
#define MLUT_APP_H

/* Run it for ever, or until the console's input ends; the port has been initialized. */
void mlut_app_run(void);

#endif /* MLUT_APP_H */
