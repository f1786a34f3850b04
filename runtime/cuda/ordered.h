/* ordered.h: floating numbers as whole ones that compare as they do. */
#ifndef LUN_CUDA_ORDERED_H
#define LUN_CUDA_ORDERED_H

#include "launch.h"

/* Ascending keys for descending numbers; 0 and -0 are equal, NaN comes last. */
static __device__ inline uint32_t lun_descending(float v) {
  uint32_t u;
  if (v != v) return UINT32_MAX;
  if (v == 0) v = 0; /* no sign */
  memcpy(&u, &v, sizeof u);
  return u >> 31 ? u : 0x7fffffffu - u;
}
static __device__ inline uint64_t lun_descending(double v) {
  uint64_t u;
  if (v != v) return UINT64_MAX;
  if (v == 0) v = 0;
  memcpy(&u, &v, sizeof u);
  return u >> 63 ? u : 0x7fffffffffffffffull - u;
}

#endif
