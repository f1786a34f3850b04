/* copy.cu: copies and conversions between any two layouts, and filling. Bound by memory: each element is read once and
** written once, so s + d bytes an element of s bytes that becomes one of d bytes.
**   both dense alike, same dtype   words of 16 bytes
**   f32 to bf16 and back           four elements a thread where both are dense alike
**   a permutation                  tiles of 32 x 32 through shared memory, so that both sides are read in runs
**   anything else                  in the order of the destination
*/
#include "copy.h"
#include "axes.h"
#include "core/half.h"
#include "number.h"

struct alignas(16) word16 {
  uint64_t half[2];
};

static bool aligned(const void *p, int64_t by) { return (uintptr_t)p % (uintptr_t)by == 0; }

/* ---- elements as bits ---- */

template <class W> static __global__ void move_flat(const W *from, W *to, int64_t n) { LUN_EACH(i, n) to[i] = from[i]; }

template <class W> static __global__ void move_walk(const W *from, W *to, int64_t n, lun_axes a) {
  LUN_EACH(i, n) {
    int64_t t, f;
    lun_axes_at(a, i, &t, &f);
    to[t] = from[f];
  }
}

enum { TILE = 32, TILE_ROWS = 8 };

/* The last axis of `a` lies in runs in `to`, axis 0 in runs in `from`; axes 1.. are what is around them. */
template <class W> static __global__ void move_tiles(const W *from, W *to, lun_axes a, int64_t tiles) {
  LUN_SHARED(W, tile); /* TILE rows of TILE + 1, so that a column's elements lie in different banks */
  int last = a.n - 1, x = (int)threadIdx.x;
  int64_t across = (a.size[last] + TILE - 1) / TILE, down = (a.size[0] + TILE - 1) / TILE;
  for (int64_t b = blockIdx.x; b < tiles; b += gridDim.x) {
    int64_t rest = b / across, at_last = (b - rest * across) * TILE, around = rest / down,
            at_first = (rest - around * down) * TILE, t0 = 0, f0 = 0;
    for (int d = last - 1; d > 0; d--) {
      int64_t next = around / a.size[d], here = around - next * a.size[d];
      t0 += here * a.to[d];
      f0 += here * a.from[d];
      around = next;
    }
    for (int y = (int)threadIdx.y; y < TILE; y += TILE_ROWS) {
      int64_t first = at_first + x, other = at_last + y;
      if (first < a.size[0] && other < a.size[last])
        tile[y * (TILE + 1) + x] = from[f0 + first * a.from[0] + other * a.from[last]];
    }
    __syncthreads();
    for (int y = (int)threadIdx.y; y < TILE; y += TILE_ROWS) {
      int64_t first = at_first + y, other = at_last + x;
      if (first < a.size[0] && other < a.size[last])
        to[t0 + first * a.to[0] + other * a.to[last]] = tile[x * (TILE + 1) + y];
    }
    __syncthreads(); /* before the next tile is written */
  }
}

/* a with the axis that lies in runs in `from` brought to the front, or false: no tiles. */
static bool tileable(lun_axes *a) {
  int last = a->n - 1;
  if (a->n < 2 || a->to[last] != 1 || a->from[last] == 1) return false;
  for (int k = 0; k < last; k++) {
    if (a->from[k] != 1) continue;
    if (a->size[k] < 8 || a->size[last] < 8) return false;
    int64_t size = a->size[k], to = a->to[k], from = a->from[k];
    for (int j = k; j > 0; j--) a->size[j] = a->size[j - 1], a->to[j] = a->to[j - 1], a->from[j] = a->from[j - 1];
    a->size[0] = size, a->to[0] = to, a->from[0] = from;
    return true;
  }
  return false;
}

template <class W> static int move_as(lun_call *c, const void *from, void *to, int64_t n, lun_axes a) {
  const W *f = static_cast<const W *>(from);
  W *t = static_cast<W *>(to);
  if (a.n == 1 && a.to[0] == 1 && a.from[0] == 1) {
    int64_t bytes = n * (int64_t)sizeof(W);
    if (aligned(f, 16) && aligned(t, 16) && bytes % 16 == 0)
      return LUN_LAUNCH(c, (move_flat<word16>), lun_cuda_blocks(bytes / 16), LUN_CUDA_THREADS, 0,
                        reinterpret_cast<const word16 *>(f), reinterpret_cast<word16 *>(t), bytes / 16);
    return LUN_LAUNCH(c, (move_flat<W>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, f, t, n);
  }
  lun_axes turned = a;
  if (tileable(&turned)) {
    int last = turned.n - 1;
    int64_t tiles = (turned.size[0] + TILE - 1) / TILE * ((turned.size[last] + TILE - 1) / TILE);
    for (int d = 1; d < last; d++) tiles *= turned.size[d];
    return LUN_LAUNCH(c, (move_tiles<W>), lun_cuda_row_grid(tiles), dim3(TILE, TILE_ROWS),
                      TILE * (TILE + 1) * sizeof(W), f, t, turned, tiles);
  }
  return LUN_LAUNCH(c, (move_walk<W>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, f, t, n, a);
}

/* ---- f32 and bf16 ---- */

template <class X, class Y> static __global__ void convert_walk(const X *from, Y *to, int64_t n, lun_axes a) {
  LUN_EACH(i, n) {
    int64_t t, f;
    lun_axes_at(a, i, &t, &f);
    to[t] = number<Y>::put(number<X>::get(from[f]));
  }
}

template <class T> struct alignas(4 * sizeof(T)) four { T v[4]; };

template <class X, class Y> static __global__ void convert_fours(const four<X> *from, four<Y> *to, int64_t n) {
  LUN_EACH(i, n) {
    four<X> x = from[i];
    four<Y> y;
    for (int k = 0; k < 4; k++) y.v[k] = number<Y>::put(number<X>::get(x.v[k]));
    to[i] = y;
  }
}

template <class X, class Y> static int convert_as(lun_call *c, const void *from, void *to, int64_t n, lun_axes a) {
  const X *f = static_cast<const X *>(from);
  Y *t = static_cast<Y *>(to);
  bool flat = a.n == 1 && a.to[0] == 1 && a.from[0] == 1;
  if (flat && n % 4 == 0 && aligned(f, sizeof(four<X>)) && aligned(t, sizeof(four<Y>)))
    return LUN_LAUNCH(c, (convert_fours<X, Y>), lun_cuda_blocks(n / 4), LUN_CUDA_THREADS, 0,
                      reinterpret_cast<const four<X> *>(f), reinterpret_cast<four<Y> *>(t), n / 4);
  return LUN_LAUNCH(c, (convert_walk<X, Y>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, f, t, n, a);
}

/* ---- any dtype into any other, through double as on the host ---- */

static __device__ inline double read_as(const void *p, lun_dtype d, int64_t i) {
  switch (d) {
  case LUN_F32: return (double)static_cast<const float *>(p)[i];
  case LUN_BF16: return (double)lun_bf16_float(static_cast<const uint16_t *>(p)[i]);
  case LUN_F16: return (double)lun_f16_float(static_cast<const uint16_t *>(p)[i]);
  case LUN_F64: return static_cast<const double *>(p)[i];
  case LUN_I64: return (double)static_cast<const int64_t *>(p)[i];
  default: return (double)static_cast<const uint8_t *>(p)[i];
  }
}

/* Whole numbers: toward zero, saturating, NaN becomes 0. */
static __host__ __device__ void write_as(void *p, lun_dtype d, int64_t i, double v) {
  switch (d) {
  case LUN_F32: static_cast<float *>(p)[i] = (float)v; break;
  case LUN_BF16: static_cast<uint16_t *>(p)[i] = lun_float_bf16((float)v); break;
  case LUN_F16: static_cast<uint16_t *>(p)[i] = lun_float_f16((float)v); break;
  case LUN_F64: static_cast<double *>(p)[i] = v; break;
  case LUN_I64:
    static_cast<int64_t *>(p)[i] = v != v                        ? 0
                                   : v <= -9223372036854775808.0 ? INT64_MIN
                                   : v >= 9223372036854775808.0  ? INT64_MAX
                                                                 : (int64_t)v;
    break;
  case LUN_U8: static_cast<uint8_t *>(p)[i] = (uint8_t)(!(v > 0) ? 0 : v >= 255 ? 255 : (int)v); break;
  default: static_cast<uint8_t *>(p)[i] = v != 0;
  }
}

static __global__ void convert_any(const void *from, lun_dtype df, void *to, lun_dtype dt, int64_t n, lun_axes a) {
  LUN_EACH(i, n) {
    int64_t t, f;
    lun_axes_at(a, i, &t, &f);
    write_as(to, dt, t, read_as(from, df, f));
  }
}

extern "C" int lun_cuda_copy(lun_call *c, const lun_tensor *to, const lun_tensor *from) {
  int64_t n = lun_numel(to), size = lun_dtype_size(to->dtype);
  if (!n) return LUN_OK;
  lun_axes a = lun_axes_none();
  for (int i = 0; i < to->ndim; i++) lun_axes_add(&a, to->shape[i], to->stride[i], from->stride[i], true);
  lun_axes_join(&a);
  const char *f = static_cast<const char *>(from->storage->data) + from->offset * lun_dtype_size(from->dtype);
  char *t = static_cast<char *>(to->storage->data) + to->offset * size;
  if (to->dtype == from->dtype) switch (size) {
    case 1: return move_as<uint8_t>(c, f, t, n, a);
    case 2: return move_as<uint16_t>(c, f, t, n, a);
    case 4: return move_as<uint32_t>(c, f, t, n, a);
    default: return move_as<uint64_t>(c, f, t, n, a);
    }
  if (to->dtype == LUN_BF16 && from->dtype == LUN_F32) return convert_as<float, bf16>(c, f, t, n, a);
  if (to->dtype == LUN_F32 && from->dtype == LUN_BF16) return convert_as<bf16, float>(c, f, t, n, a);
  return LUN_LAUNCH(c, convert_any, lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, f, from->dtype, t, to->dtype, n, a);
}

/* ---- filling ---- */

template <class W> static __global__ void fill_flat(W *p, int64_t n, W one) { LUN_EACH(i, n) p[i] = one; }

template <class W> static int fill_as(lun_call *c, void *p, int64_t n, const void *one) {
  W w;
  memcpy(&w, one, sizeof w);
  return LUN_LAUNCH(c, (fill_flat<W>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, static_cast<W *>(p), n, w);
}

extern "C" int lun_cuda_fill_with(lun_call *c, const lun_tensor *y, double value) {
  int64_t n = lun_numel(y), size = lun_dtype_size(y->dtype);
  alignas(16) char many[16];
  char *p = static_cast<char *>(y->storage->data) + y->offset * size;
  if (!n) return LUN_OK;
  for (int64_t i = 0; i < 16 / size; i++) write_as(many, y->dtype, i, value);
  if (aligned(p, 16) && n * size % 16 == 0) return fill_as<word16>(c, p, n * size / 16, many);
  switch (size) {
  case 1: return fill_as<uint8_t>(c, p, n, many);
  case 2: return fill_as<uint16_t>(c, p, n, many);
  case 4: return fill_as<uint32_t>(c, p, n, many);
  default: return fill_as<uint64_t>(c, p, n, many);
  }
}
