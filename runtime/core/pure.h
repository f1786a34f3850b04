/* pure.h: functions of their arguments alone, which a device backend's kernels call as the core does. Headers that hold
** nothing else (half.h, rng.h) may be included by one. */
#ifndef LUN_PURE_H
#define LUN_PURE_H

#ifdef __CUDACC__
#define LUN_PURE static __host__ __device__ inline
#else
#define LUN_PURE static inline
#endif

#endif
