/* real.h: for kernels of ops that take f32 and f64: the element type by dtype, and the functions of either by one name.
 */
#ifndef LUN_CUDA_REAL_H
#define LUN_CUDA_REAL_H

#include "number.h"

static inline __device__ float lun_exp(float x) { return expf(x); }
static inline __device__ double lun_exp(double x) { return exp(x); }
static inline __device__ float lun_sqrt(float x) { return sqrtf(x); }
static inline __device__ double lun_sqrt(double x) { return sqrt(x); }

/* Below every number that a score may have; finite, as differences from it are taken. */
template <class T> static inline __device__ T lun_lowest(void) { return sizeof(T) == 4 ? (T)-1e30f : (T)-1e300; }

/* Runs the statements after `dtype` with T = float or double: the shape function has made sure of one of the two. */
#define LUN_BY_REAL(dtype, ...)                                                                                        \
  do {                                                                                                                 \
    if ((dtype) == LUN_F64) {                                                                                          \
      typedef double T;                                                                                                \
      __VA_ARGS__                                                                                                      \
    } else {                                                                                                           \
      typedef float T;                                                                                                 \
      __VA_ARGS__                                                                                                      \
    }                                                                                                                  \
  } while (0)

#endif
