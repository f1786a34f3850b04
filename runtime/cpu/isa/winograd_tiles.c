/* winograd_tiles.c: the transforms of winograd_tiles.h. Each handles a vector of channels of a tile at a time, the
** tile's columns first, then its rows; what passes between the two stays in the first-level cache.
*/
#include "cpu/isa/winograd_tiles.h"

#include <string.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
enum { PLANES = LUN_WINOGRAD_PLANES };
_Static_assert(LUN_WINOGRAD_CHANNELS % LANES == 0, "a group of channels is a whole number of vectors");
typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t bits __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t half __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const char *p, bool bf16) {
  if (!bf16) return *(const vec *)p;
  return (vec)(__builtin_convertvector(*(const half *)p, bits) << 16);
}

/* bf16: to nearest, ties to even; NaN stays NaN (its payload's upper bits, or a quiet one). */
INLINE void store(char *p, vec v, bool bf16) {
  if (!bf16) {
    *(vec *)p = v;
    return;
  }
  bits b = (bits)v, r = (b + 0x7fff + (b >> 16 & 1)) >> 16, nan = (bits)(v != v);
  *(half *)p = __builtin_convertvector((nan & (b >> 16 | 0x40)) | (~nan & r), half);
}

/* o = B^T d for six values `s` apart. */
INLINE void input6(const vec *d, int s, vec *o) {
  vec a = d[4 * s] - 4 * d[2 * s], b = d[3 * s] - 4 * d[s], c = d[4 * s] - d[2 * s], e = 2 * (d[3 * s] - d[s]);
  vec first = 4 * d[0] - 5 * d[2 * s] + d[4 * s], last = 4 * d[s] - 5 * d[3 * s] + d[5 * s];
  o[0] = first, o[s] = a + b, o[2 * s] = a - b, o[3 * s] = c + e, o[4 * s] = c - e, o[5 * s] = last;
}

/* Four values o = A^T m from six, both `s` apart. */
INLINE void output4(const vec *m, int s, vec *o) {
  vec a = m[s] + m[2 * s], b = m[s] - m[2 * s], c = m[3 * s] + m[4 * s], e = m[3 * s] - m[4 * s];
  vec first = m[0] + a + c, last = b + 8 * e + m[5 * s];
  o[0] = first, o[s] = b + 2 * e, o[2 * s] = a + 4 * c, o[3 * s] = last;
}

/* Six values o = A y from four, both `s` apart. */
INLINE void gradient6(const vec *y, int s, vec *o) {
  vec a = y[0] + y[2 * s], b = y[s] + y[3 * s], c = y[0] + 4 * y[2 * s], e = 2 * y[s] + 8 * y[3 * s];
  vec first = y[0], last = y[3 * s];
  o[0] = first, o[s] = a + b, o[2 * s] = a - b, o[3 * s] = c + e, o[4 * s] = c - e, o[5 * s] = last;
}

/* Six values o = G w from three, both `s` apart. */
INLINE void weights6(const vec *w, int s, vec *o) {
  vec a = (w[0] + w[2 * s]) * (-1.0f / 6), b = w[s] * (1.0f / 6);
  vec c = w[0] * (1.0f / 24) + w[2 * s] * (1.0f / 6), e = w[s] * (1.0f / 12), first = w[0] * 0.25f, last = w[2 * s];
  o[0] = first, o[s] = a - b, o[2 * s] = a + b, o[3 * s] = c + e, o[4 * s] = c - e, o[5 * s] = last;
}

/* Three values o = G^T u from six, both `s` apart. */
INLINE void weights3(const vec *u, int s, vec *o) {
  vec a = u[s] + u[2 * s], b = u[2 * s] - u[s], c = u[3 * s] + u[4 * s], e = u[3 * s] - u[4 * s];
  vec first = 0.25f * u[0] - a * (1.0f / 6) + c * (1.0f / 24), last = (c - a) * (1.0f / 6) + u[5 * s];
  o[0] = first, o[s] = b * (1.0f / 6) + e * (1.0f / 12), o[2 * s] = last;
}

/* Where the pixels of a tile lie: `size` x `size` of them from row top and column left; `outside` where they are not in
** the image. */
INLINE void locate(const lun_tiled *x, int64_t tile, int64_t size, int64_t border, const void *outside, char *at[]) {
  int64_t per = x->across * x->down, image = tile / per, pixel = x->channels * lun_dtype_size(x->dtype);
  int64_t top = tile % per / x->across * 4 - border, left = tile % per % x->across * 4 - border;
  char *row = (char *)x->data + ((image * x->height + top) * x->width + left) * pixel;
  for (int64_t i = 0; i < size; i++, row += x->width * pixel)
    for (int64_t j = 0; j < size; j++) {
      int64_t h = top + i, w = left + j;
      bool inside = h >= 0 && h < x->height && w >= 0 && w < x->width;
      at[i * size + j] = inside ? row + j * pixel : (char *)(uintptr_t)outside;
    }
}

/* The six rows of t, each transformed by f, written to their planes. */
#define ROWS(f, t, to, plane)                                                                                          \
  _Pragma("GCC unroll 6") for (int r_ = 0; r_ < 6; r_++) {                                                             \
    vec o_[6];                                                                                                         \
    f(t + 6 * r_, 1, o_);                                                                                              \
    _Pragma("GCC unroll 6") for (int j_ = 0; j_ < 6; j_++) * (vec *)(to + (6 * r_ + j_) * plane) = o_[j_];             \
  }

INLINE void input(const lun_tiled *x, int64_t first, int64_t n, float *v, int64_t plane, bool bf16) {
  for (int64_t i = 0; i < n; i++) {
    char *at[PLANES];
    locate(x, first + i, 6, 1, x->zero, at);
    for (int64_t c = 0; c < x->channels; c += LANES) {
      vec t[PLANES];
      int64_t offset = c * (bf16 ? 2 : 4);
#pragma GCC unroll 6
      for (int j = 0; j < 6; j++) {
        vec d[6];
#pragma GCC unroll 6
        for (int r = 0; r < 6; r++) d[r] = load(at[6 * r + j] + offset, bf16);
        input6(d, 1, d);
#pragma GCC unroll 6
        for (int r = 0; r < 6; r++) t[6 * r + j] = d[r];
      }
      float *to = v + i * x->channels + c;
      ROWS(input6, t, to, plane)
    }
  }
}

INLINE void gradient(const lun_tiled *y, int64_t first, int64_t n, float *z, int64_t plane, bool bf16) {
  for (int64_t i = 0; i < n; i++) {
    char *at[16];
    locate(y, first + i, 4, 0, y->zero, at);
    for (int64_t c = 0; c < y->channels; c += LANES) {
      vec t[PLANES];
      int64_t offset = c * (bf16 ? 2 : 4);
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) {
        vec d[4], o[6];
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) d[r] = load(at[4 * r + j] + offset, bf16);
        gradient6(d, 1, o);
#pragma GCC unroll 6
        for (int r = 0; r < 6; r++) t[6 * r + j] = o[r];
      }
      float *to = z + i * y->channels + c;
      ROWS(gradient6, t, to, plane)
    }
  }
}

INLINE void output(const float *m, int64_t plane, const float *bias, const lun_tiled *y, int64_t first, int64_t n,
                   bool bf16) {
  for (int64_t i = 0; i < n; i++) {
    char *at[16];
    locate(y, first + i, 4, 0, NULL, at);
    for (int64_t c = 0; c < y->channels; c += LANES) {
      vec t[4 * 6], b = {0};
      const float *from = m + i * y->channels + c;
      if (bias) b = *(const vec *)(bias + c);
#pragma GCC unroll 6
      for (int j = 0; j < 6; j++) {
        vec d[6];
#pragma GCC unroll 6
        for (int r = 0; r < 6; r++) d[r] = *(const vec *)(from + (6 * r + j) * plane);
        output4(d, 1, d);
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) t[6 * r + j] = d[r];
      }
#pragma GCC unroll 4
      for (int r = 0; r < 4; r++) {
        vec o[4];
        output4(t + 6 * r, 1, o);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
          if (at[4 * r + j]) store(at[4 * r + j] + c * (bf16 ? 2 : 4), o[j] + b, bf16);
      }
    }
  }
}

static void any_input(const lun_tiled *x, int64_t first, int64_t n, float *v, int64_t plane) {
  if (x->dtype == LUN_BF16)
    input(x, first, n, v, plane, true);
  else
    input(x, first, n, v, plane, false);
}

static void any_gradient(const lun_tiled *y, int64_t first, int64_t n, float *z, int64_t plane) {
  if (y->dtype == LUN_BF16)
    gradient(y, first, n, z, plane, true);
  else
    gradient(y, first, n, z, plane, false);
}

static void any_output(const float *m, int64_t plane, const float *bias, const lun_tiled *y, int64_t first, int64_t n) {
  if (y->dtype == LUN_BF16)
    output(m, plane, bias, y, first, n, true);
  else
    output(m, plane, bias, y, first, n, false);
}

/* Lane l of the transformed kernel: of w + l * step. */
INLINE void kernels(const float *w, int64_t step, bool turned, vec *d) {
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      for (int l = 0; l < LANES; l++) d[6 * i + j][l] = w[step * l + (turned ? 8 - 3 * i - j : 3 * i + j)];
  for (int j = 0; j < 3; j++) weights6(d + j, 6, d + j);
  for (int r = 0; r < 6; r++) weights6(d + 6 * r, 1, d + 6 * r);
}

static void weights(const float *w, int64_t k, int64_t out, int64_t in, float *u, int64_t plane) {
  for (int64_t o = k; o < k + LUN_WINOGRAD_CHANNELS; o += LANES)
    for (int64_t c = 0; c < in; c++) {
      vec d[PLANES];
      kernels(w + (o * in + c) * 9, 9 * in, false, d);
      for (int p = 0; p < PLANES; p++) *(vec *)(u + p * plane + c * out + o) = d[p];
    }
}

static void turned(const float *w, int64_t k, int64_t in, float *u, int64_t plane) {
  for (int64_t c = 0; c < in; c += LANES) {
    vec d[PLANES];
    kernels(w + (k * in + c) * 9, 9, true, d);
    for (int p = 0; p < PLANES; p++) *(vec *)(u + p * plane + k * in + c) = d[p];
  }
}

static void weight_gradient(const float *du, int64_t plane, int64_t k, int64_t in, float *dw) {
  for (int64_t c = 0; c < in; c += LANES) {
    float *to = dw + (k * in + c) * 9;
    vec d[PLANES];
    for (int p = 0; p < PLANES; p++) d[p] = *(const vec *)(du + p * plane + k * in + c);
    for (int j = 0; j < 6; j++) weights3(d + j, 6, d + j);
    for (int r = 0; r < 3; r++) weights3(d + 6 * r, 1, d + 6 * r);
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++)
        for (int l = 0; l < LANES; l++) to[9 * l + 3 * i + j] = d[6 * i + j][l];
  }
}

const lun_winograd_tiles LUN_CAT2(lun_winograd, LUN_ISA) = {any_input, any_gradient, any_output,
                                                            weights,   turned,       weight_gradient};
