/* neighbours.cu: the k largest of each row, and the weighted vote of nearest neighbours. topk reads a row once for each
** byte of its elements to find the k-th largest, and once more to collect (from the second-level cache where the rows
** at work fit there); up to 1,024 are then put in order in shared memory. Larger k: all rows are sorted (sort.h).
** The vote reads k numbers and writes `classes` a row. */
#include "axes.h"
#include "copy.h"
#include "kernels.h"
#include "number.h"
#include "ordered.h"
#include "reduce.h"
#include "rows.h"
#include "sort.h"

enum { MOST = 1024, THREADS = LUN_CUDA_THREADS, WARPS = THREADS / 32 };

/* Exclusive sum over the block of 0 or 1; *all: how many. warps: room for 32. */
static __device__ int count_before(bool one, int *all, int *warps) {
  int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32, before = 0;
  unsigned bits = __ballot_sync(0xffffffffu, one);
  __syncthreads(); /* the counts of an earlier call have been read */
  if (lane == 0) warps[warp] = __popc(bits);
  __syncthreads();
  *all = 0;
  for (int w = 0; w < WARPS; w++) {
    if (w == warp) before = *all;
    *all += warps[w];
  }
  return before + __popc(bits & ((1u << lane) - 1));
}

template <class R> struct key_of;
template <> struct key_of<float> { typedef uint32_t type; };
template <> struct key_of<double> { typedef uint64_t type; };

/* The key of the k-th largest element, and how many elements are larger. counts: 256. */
template <class R, class K>
static __device__ K kth(const R *x, int64_t m, int64_t k, int64_t *larger, unsigned *counts, int64_t *told) {
  K found = 0;
  int64_t rest = k; /* which of those that begin as found does */
  for (int shift = 8 * (int)sizeof(K) - 8; shift >= 0; shift -= 8) {
    K mask = shift == 8 * (int)sizeof(K) - 8 ? 0 : ~(K)0 << (shift + 8);
    counts[threadIdx.x] = 0;
    __syncthreads();
    for (int64_t j = threadIdx.x; j < m; j += THREADS) {
      K key = lun_descending(x[j]);
      if ((key & mask) == found) atomicAdd(&counts[key >> shift & 255], 1u);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int64_t seen = 0, digit = 0;
      while (seen + (int64_t)counts[digit] < rest) seen += counts[digit++];
      told[0] = digit;
      told[1] = seen;
    }
    __syncthreads();
    found |= (K)told[0] << shift;
    rest -= told[1];
  }
  *larger = k - rest;
  return found;
}

/* Puts size pairs, a power of two, in ascending order of (key, place). */
template <class K> static __device__ void sort_pairs(K *keys, int *places, int size) {
  for (int run = 2; run <= size; run *= 2)
    for (int by = run / 2; by; by /= 2) {
      for (int i = (int)threadIdx.x; i < size; i += THREADS) {
        int o = i ^ by;
        if (o < i) continue;
        bool after = keys[i] > keys[o] || (keys[i] == keys[o] && places[i] > places[o]);
        if (after == ((i & run) == 0)) {
          K key = keys[i];
          int place = places[i];
          keys[i] = keys[o], places[i] = places[o];
          keys[o] = key, places[o] = place;
        }
      }
      __syncthreads();
    }
}

/* A block per row. shared: size keys, size places, 256 counts, 2 numbers. */
template <class R>
static __global__ void topk_rows(const R *x, R *values, int64_t *positions, int64_t n, int64_t m, int64_t k, int size) {
  typedef typename key_of<R>::type K;
  LUN_SHARED(int64_t, told);
  K *keys = reinterpret_cast<K *>(told + 2);
  int *places = reinterpret_cast<int *>(keys + size);
  unsigned *counts = reinterpret_cast<unsigned *>(places + size);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    const R *row = x + i * m;
    int64_t larger, into = 0, equals = 0;
    K last = kth<R, K>(row, m, k, &larger, counts, told);
    for (int s = (int)threadIdx.x; s < size; s += THREADS) keys[s] = ~(K)0, places[s] = INT32_MAX;
    for (int64_t at = 0; at < m; at += THREADS) {
      int64_t j = at + threadIdx.x;
      K key = j < m ? lun_descending(row[j]) : 0;
      int all, all_equal;
      int mine = count_before(j < m && key < last, &all, (int *)counts);
      int equal = count_before(j < m && key == last, &all_equal, (int *)counts);
      if (j < m && key < last) keys[into + mine] = key, places[into + mine] = (int)j;
      /* of equals the earlier, behind all that are larger */
      if (j < m && key == last && larger + equals + equal < k)
        keys[larger + equals + equal] = key, places[larger + equals + equal] = (int)j;
      into += all;
      equals += all_equal;
    }
    __syncthreads();
    sort_pairs(keys, places, size);
    for (int s = (int)threadIdx.x; s < k; s += THREADS) {
      values[i * k + s] = row[places[s]];
      positions[i * k + s] = places[s] + 1;
    }
  }
}

/* ---- more than MOST: everything sorted by element, then, which keeps that order, by row ---- */

template <class R> static __global__ void elements_as_keys(const R *x, int64_t n, uint64_t *keys, uint32_t *places) {
  LUN_EACH(i, n) {
    keys[i] = lun_descending(x[i]);
    places[i] = (uint32_t)i;
  }
}

static __global__ void rows_as_keys(const uint32_t *places, int64_t n, int64_t m, uint64_t *keys) {
  LUN_EACH(i, n) keys[i] = places[i] / (uint64_t)m;
}

template <class R>
static __global__ void take_first(const R *x, const uint32_t *places, R *values, int64_t *positions, int64_t n,
                                  int64_t m, int64_t k) {
  LUN_EACH(i, n * k) {
    int64_t row = i / k, at = places[row * m + (i - row * k)];
    values[i] = x[at];
    positions[i] = at - row * m + 1;
  }
}

template <class R>
static int topk_sorted(lun_call *c, const R *x, R *values, int64_t *positions, int64_t n, int64_t m) {
  lun_cuda_sorting s;
  int64_t k = c->arg[1].i, each = UINT32_MAX / m, bits; /* rows at a time: places have 32 bits */
  if (each > ((int64_t)1 << 24) / m) each = ((int64_t)1 << 24) / m;
  if (each < 1) each = 1;
  if (each > n) each = n;
  int st = LUN_OK;
  for (int64_t at = 0; at < n && !st; at += each) {
    int64_t rows = n - at < each ? n - at : each;
    for (bits = 1; rows >> bits;) bits++;
    st = lun_cuda_sort_open(c, rows * m, &s);
    if (!st)
      st = LUN_LAUNCH(c, (elements_as_keys<R>), lun_cuda_blocks(rows * m), LUN_CUDA_THREADS, 0, x + at * m, rows * m,
                      s.keys, s.places);
    if (!st) st = lun_cuda_sort(c, &s, 8 * (int)sizeof(R));
    if (!st && rows > 1)
      st = LUN_LAUNCH(c, rows_as_keys, lun_cuda_blocks(rows * m), LUN_CUDA_THREADS, 0, s.places, rows * m, m, s.keys);
    if (!st && rows > 1) st = lun_cuda_sort(c, &s, (int)bits);
    if (!st)
      st = LUN_LAUNCH(c, (take_first<R>), lun_cuda_blocks(rows * k), LUN_CUDA_THREADS, 0, x + at * m, s.places,
                      values + at * k, positions + at * k, rows, m, k);
    lun_cuda_sort_close(&s);
  }
  return st;
}

template <class R> static int topk_as(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], m = x->shape[1], k = c->arg[1].i, size = 2;
  R *values = lun_elements<R>(c->out[0]);
  int64_t *positions = lun_elements<int64_t>(c->out[1]);
  if (!n) return LUN_OK;
  if (k > MOST) return topk_sorted(c, lun_elements<R>(x), values, positions, n, m);
  while (size < k) size *= 2;
  size_t shared = 2 * sizeof(int64_t) + (size_t)size * (sizeof(R) + sizeof(int)) + 256 * sizeof(unsigned);
  return LUN_LAUNCH(c, (topk_rows<R>), lun_cuda_grid(n), THREADS, shared, lun_elements<R>(x), values, positions, n, m,
                    k, (int)size);
}

int lun_cuda_topk(lun_call *c) { return c->arg[0].t->dtype == LUN_F64 ? topk_as<double>(c) : topk_as<float>(c); }

/* ---- knn_vote. A position or label that is out of range, which the host cannot see here, makes its row NaN. ---- */

template <class R>
static __global__ void vote(const R *similarity, const int64_t *nearest, const int64_t *labels, double *votes,
                            int64_t n, int64_t k, int64_t m, int64_t classes, double temperature) {
  LUN_SHARED(double, weight); /* THREADS weights, then THREADS labels */
  int64_t *label = reinterpret_cast<int64_t *>(weight + THREADS);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x)
    for (int64_t at = 0; at < k; at += THREADS) {
      int64_t j = at + threadIdx.x, used = k - at;
      if (used > THREADS) used = THREADS;
      if (j < k) {
        int64_t p = nearest[i * k + j], l = p >= 1 && p <= m ? labels[p - 1] : 0;
        weight[threadIdx.x] = exp((double)similarity[i * k + j] / temperature);
        label[threadIdx.x] = l >= 1 && l <= classes ? l : -1;
      }
      __syncthreads();
      for (int64_t l = threadIdx.x; l < classes; l += THREADS) {
        double sum = at ? votes[i * classes + l] : 0;
        for (int64_t s = 0; s < used; s++)
          if (label[s] == l + 1)
            sum += weight[s];
          else if (label[s] < 0)
            sum = (double)NAN;
        votes[i * classes + l] = sum;
      }
      __syncthreads();
    }
}

template <class R> static int vote_as(lun_call *c) {
  const lun_tensor *s = c->arg[0].t;
  int64_t n = s->shape[0], k = s->shape[1], m = c->arg[2].t->shape[0], classes = c->arg[3].i;
  return LUN_LAUNCH(c, (vote<R>), lun_cuda_grid(n), THREADS, THREADS * (sizeof(double) + sizeof(int64_t)),
                    lun_elements<R>(s), lun_elements<int64_t>(c->arg[1].t), lun_elements<int64_t>(c->arg[2].t),
                    lun_elements<double>(c->out[0]), n, k, m, classes, c->arg[4].f);
}

int lun_cuda_knn_vote(lun_call *c) {
  const lun_tensor *s = c->arg[0].t;
  if (!s->shape[0]) return LUN_OK;
  if (!s->shape[1]) return lun_cuda_fill_with(c, c->out[0], 0);
  return s->dtype == LUN_F64 ? vote_as<double>(c) : vote_as<float>(c);
}
