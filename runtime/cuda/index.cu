/* index.cu: rows chosen by position tensors. Bound by memory: index_select reads and writes each chosen element once;
** index_add reads dy once and writes dx once, after sorting the positions (sort.h) where there are many. Slices that
** are named more than once are added in the order of the positions, one after the other: the same bits every time.
** The host cannot see positions outside 1..size here: index_select makes such slices NaN (whole numbers: all bits set),
** index_add leaves them out. */
#include "axes.h"
#include "kernels.h"
#include "number.h"
#include "sort.h"

static int axis_of(int64_t axis, int ndim) { return (int)(axis < 0 ? axis + ndim : axis); }

/* Slices of `words` words each. */
template <class W>
static __global__ void gather(const W *x, const int64_t *positions, W *y, int64_t total, int64_t n, int64_t size,
                              int64_t words, W missing) {
  LUN_EACH(i, total) {
    int64_t slice = i / words, in = i - slice * words, outer = slice / n, p = positions[slice - outer * n];
    y[i] = p >= 1 && p <= size ? x[(outer * size + p - 1) * words + in] : missing;
  }
}

struct alignas(16) word16 {
  uint64_t half[2];
};

template <class W>
static int gather_as(lun_call *c, const void *x, void *y, int64_t outer, int64_t n, int64_t size, int64_t bytes) {
  int64_t words = bytes / (int64_t)sizeof(W), total = outer * n * words;
  W missing;
  memset(&missing, 0xFF, sizeof missing);
  return LUN_LAUNCH(c, (gather<W>), lun_cuda_blocks(total), LUN_CUDA_THREADS, 0, static_cast<const W *>(x),
                    lun_elements<int64_t>(c->arg[2].t), static_cast<W *>(y), total, n, size, words, missing);
}

int lun_cuda_index_select(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *y = c->out[0];
  int axis = axis_of(c->arg[1].i, x->ndim);
  int64_t outer = 1, element = lun_dtype_size(x->dtype), bytes = element, n = c->arg[2].t->shape[0];
  for (int i = 0; i < axis; i++) outer *= x->shape[i];
  for (int i = axis + 1; i < x->ndim; i++) bytes *= x->shape[i];
  if (!outer || !bytes || !n) return LUN_OK;
  const char *from = static_cast<const char *>(x->storage->data) + x->offset * element;
  char *to = static_cast<char *>(y->storage->data) + y->offset * element;
  uintptr_t low = (uintptr_t)from | (uintptr_t)to | (uintptr_t)bytes; /* the largest word that divides all three */
  if (low % 16 == 0) return gather_as<word16>(c, from, to, outer, n, x->shape[axis], bytes);
  if (low % 8 == 0) return gather_as<uint64_t>(c, from, to, outer, n, x->shape[axis], bytes);
  if (low % 4 == 0) return gather_as<uint32_t>(c, from, to, outer, n, x->shape[axis], bytes);
  if (low % 2 == 0) return gather_as<uint16_t>(c, from, to, outer, n, x->shape[axis], bytes);
  return gather_as<uint8_t>(c, from, to, outer, n, x->shape[axis], bytes);
}

/* ---- index_add ---- */

enum { FEW = 64 }; /* positions that every element may look through */

struct slices {
  int64_t total, n, size, inner; /* elements of dx; slices of dy and of dx; elements of a slice */
};

template <class R> static __global__ void add_few(const R *g, const int64_t *positions, R *dx, slices s) {
  LUN_EACH(i, s.total) {
    int64_t slice = i / s.inner, in = i - slice * s.inner, outer = slice / s.size, at = slice - outer * s.size + 1;
    R sum = 0;
    for (int64_t k = 0; k < s.n; k++)
      if (positions[k] == at) sum += g[(outer * s.n + k) * s.inner + in];
    dx[i] = sum;
  }
}

static __global__ void positions_as_keys(const int64_t *positions, int64_t n, int64_t size, uint64_t *keys,
                                         uint32_t *places) {
  LUN_EACH(k, n) {
    int64_t p = positions[k];
    keys[k] = (uint64_t)(p >= 1 && p <= size ? p : 0);
    places[k] = (uint32_t)k;
  }
}

/* starts[p]: how many positions are below p, for p = 1 .. size + 1. */
static __global__ void find_starts(const uint64_t *keys, int64_t n, int64_t size, uint32_t *starts) {
  LUN_EACH(i, size + 1) {
    int64_t low = 0, high = n;
    while (low < high) {
      int64_t mid = (low + high) / 2;
      if (keys[mid] < (uint64_t)i + 1)
        low = mid + 1;
      else
        high = mid;
    }
    starts[i + 1] = (uint32_t)low;
  }
}

template <class R>
static __global__ void add_sorted(const R *g, const uint32_t *places, const uint32_t *starts, R *dx, slices s) {
  LUN_EACH(i, s.total) {
    int64_t slice = i / s.inner, in = i - slice * s.inner, outer = slice / s.size, at = slice - outer * s.size + 1;
    R sum = 0;
    for (int64_t k = starts[at]; k < starts[at + 1]; k++) sum += g[(outer * s.n + places[k]) * s.inner + in];
    dx[i] = sum;
  }
}

template <class R> static int add_many(lun_call *c, const R *g, const int64_t *positions, R *dx, slices s) {
  lun_cuda_sorting order;
  lun_tensor *starts = NULL;
  int bits = 1;
  int64_t room = s.size + 2;
  while (s.size >> bits) bits++;
  int st = lun_cuda_sort_open(c, s.n, &order);
  if (!st) st = lun_empty(c->ctx, LUN_F32, c->device, 1, &room, &starts); /* four bytes each */
  if (!st)
    st = LUN_LAUNCH(c, positions_as_keys, lun_cuda_blocks(s.n), LUN_CUDA_THREADS, 0, positions, s.n, s.size, order.keys,
                    order.places);
  if (!st) st = lun_cuda_sort(c, &order, bits);
  if (!st)
    st = LUN_LAUNCH(c, find_starts, lun_cuda_blocks(s.size + 1), LUN_CUDA_THREADS, 0, order.keys, s.n, s.size,
                    lun_elements<uint32_t>(starts));
  if (!st)
    st = LUN_LAUNCH(c, (add_sorted<R>), lun_cuda_blocks(s.total), LUN_CUDA_THREADS, 0, g, order.places,
                    lun_elements<uint32_t>(starts), dx, s);
  lun_release(starts);
  lun_cuda_sort_close(&order);
  return st;
}

template <class R> static int add_as(lun_call *c, slices s) {
  const R *g = lun_elements<R>(c->arg[0].t);
  const int64_t *positions = lun_elements<int64_t>(c->arg[2].t);
  R *dx = lun_elements<R>(c->out[0]);
  if (s.n > FEW) return add_many(c, g, positions, dx, s);
  return LUN_LAUNCH(c, (add_few<R>), lun_cuda_blocks(s.total), LUN_CUDA_THREADS, 0, g, positions, dx, s);
}

int lun_cuda_index_add(lun_call *c) {
  const lun_tensor *g = c->arg[0].t, *x = c->out[0];
  int axis = axis_of(c->arg[1].i, g->ndim);
  slices s = {lun_numel(x), g->shape[axis], x->shape[axis], 1};
  for (int i = axis + 1; i < x->ndim; i++) s.inner *= x->shape[i];
  if (!s.total) return LUN_OK;
  if (s.n > UINT32_MAX) return lun_bad(c, LUN_ESHAPE, "more than 2^32 - 1 positions");
  return x->dtype == LUN_F64 ? add_as<double>(c, s) : add_as<float>(c, s);
}
