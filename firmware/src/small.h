/* What differs where code is to be small, that is with -Os. */
#ifndef MLUT_SMALL_H
#define MLUT_SMALL_H

/* Small code has loops where quick code is unrolled, and one form where quick code has several;
 * the results are the same. */
#if defined(__OPTIMIZE_SIZE__)
#define MLUT_SMALL 1
#define MLUT_INLINE inline
#else
#define MLUT_SMALL 0
#define MLUT_INLINE inline __attribute__((always_inline))
#endif

#endif /* MLUT_SMALL_H */
