/* number.h: element types on a device, and the type in which each is computed: number<T>::real, get, put. */
#ifndef LUN_CUDA_NUMBER_H
#define LUN_CUDA_NUMBER_H

#include "launch.h"

struct bf16 {
  uint16_t bits;
};

template <class T> struct number {
  typedef T real;
  static __device__ real get(T v) { return v; }
  static __device__ T put(real v) { return v; }
};

/* To nearest, ties to even; NaN stays NaN: the bits of core/half.h. */
template <> struct number<bf16> {
  typedef float real;
  static __device__ float get(bf16 v) {
    uint32_t u = (uint32_t)v.bits << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
  }
  static __device__ bf16 put(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bf16 v = {(uint16_t)(nan ? (u >> 16) | 0x40u : (u + 0x7fffu + ((u >> 16) & 1)) >> 16)};
    return v;
  }
};

template <class T> T *lun_elements(const lun_tensor *t) { return static_cast<T *>(t->storage->data) + t->offset; }

/* Runs the statements after `dtype` with T the element type of a floating dtype; else the call fails. */
#define LUN_BY_FLOAT(call, dtype, ...)                                                                                 \
  do {                                                                                                                 \
    if ((dtype) == LUN_F32) {                                                                                          \
      typedef float T;                                                                                                 \
      __VA_ARGS__                                                                                                      \
    } else if ((dtype) == LUN_F64) {                                                                                   \
      typedef double T;                                                                                                \
      __VA_ARGS__                                                                                                      \
    } else if ((dtype) == LUN_BF16) {                                                                                  \
      typedef bf16 T;                                                                                                  \
      __VA_ARGS__                                                                                                      \
    } else                                                                                                             \
      return lun_bad(call, LUN_EUNSUPPORTED, "%s is a storage dtype; convert with :to(\"f32\") first",                 \
                     lun_dtype_name(dtype));                                                                           \
  } while (0)

#endif
