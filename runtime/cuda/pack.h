/* pack.h: V neighbouring elements moved by one instruction, up to 16 bytes. */
#ifndef LUN_CUDA_PACK_H
#define LUN_CUDA_PACK_H

#include "number.h"

/* p must be aligned to the whole pack. */
template <class T, int V> struct alignas(sizeof(T) * V) pack { T v[V]; };
template <class T, int V> static __device__ pack<T, V> lun_load(const T *p) {
  return *reinterpret_cast<const pack<T, V> *>(p);
}
template <class T, int V> static __device__ void lun_store(T *p, const pack<T, V> &x) {
  *reinterpret_cast<pack<T, V> *>(p) = x;
}

/* V elements beside those of a pack, in a type of another size: up to 16 bytes an instruction. p must be aligned to 16
** bytes where V is not 1. */
template <class R, int V> struct lun_parts {
  enum { EACH_PART = V * sizeof(R) > 16 ? 16 / sizeof(R) : V, PARTS = V / EACH_PART };
  pack<R, EACH_PART> part[PARTS];
  __device__ R &operator[](int v) { return part[v / EACH_PART].v[v % EACH_PART]; }
  __device__ void load(const R *p) {
    for (int i = 0; i < PARTS; i++) part[i] = lun_load<R, EACH_PART>(p + i * EACH_PART);
  }
  __device__ void store(R *p) const {
    for (int i = 0; i < PARTS; i++) lun_store<R, EACH_PART>(p + i * EACH_PART, part[i]);
  }
};

/* Elements in 16 bytes. */
template <class T> struct lun_widest {
  enum { V = 16 / sizeof(T) };
};

/* True where rows of `row` elements, the first of them at each of the pointers (NULL: none), are whole 16-byte packs.
 */
static inline bool lun_in_packs(int64_t row, int64_t element, const void *a, const void *b = nullptr,
                                const void *c = nullptr, const void *d = nullptr, const void *e = nullptr) {
  uintptr_t bits = reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b) | reinterpret_cast<uintptr_t>(c) |
                   reinterpret_cast<uintptr_t>(d) | reinterpret_cast<uintptr_t>(e);
  return row * element % 16 == 0 && bits % 16 == 0;
}

/* Runs the statements with V the elements of a pack: as many as 16 bytes hold, or 1. */
#define LUN_BY_PACK(wide, ...)                                                                                         \
  do {                                                                                                                 \
    if (wide) {                                                                                                        \
      enum { V = lun_widest<T>::V };                                                                                   \
      __VA_ARGS__                                                                                                      \
    } else {                                                                                                           \
      enum { V = 1 };                                                                                                  \
      __VA_ARGS__                                                                                                      \
    }                                                                                                                  \
  } while (0)

template <class R> static inline lun_dtype lun_dtype_of(void) {
  return sizeof(R) == 8 ? LUN_F64 : LUN_F32;
} /* float, double */

/* a / b for a >= 0, b > 0: a device divides 32 bits several times as fast as 64. */
static __device__ inline int64_t lun_quotient(int64_t a, int64_t b) {
  return (a | b) >> 32 ? a / b : (int64_t)((uint32_t)a / (uint32_t)b);
}

#endif
