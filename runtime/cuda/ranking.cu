/* ranking.cu: how well scores tell positives from negatives. The scores are sorted (sort.h); then one block goes along
** them, or one for each resample, with running counts of positives and of all: 12 bytes an element written and read.
** These ops measure after a training: they ask the device whether a score is NaN, and wait for the answer. */
#include "axes.h"
#include "core/rng.h"
#include "kernels.h"
#include "number.h"
#include "ordered.h"
#include "reduce.h"
#include "scratch.h"
#include "sort.h"

enum { THREADS = LUN_CUDA_THREADS, WARPS = THREADS / 32 };

template <class R> static __global__ void scores_as_keys(const R *s, int64_t n, uint64_t *keys, uint32_t *places) {
  LUN_EACH(i, n) {
    keys[i] = lun_descending((double)s[i]);
    places[i] = (uint32_t)i;
  }
}

static __device__ int64_t lower_bound(const uint64_t *keys, int64_t n, uint64_t key) {
  int64_t low = 0, high = n;
  while (low < high) {
    int64_t mid = (low + high) / 2;
    if (keys[mid] < key)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

enum { INSIDE = 0xffffffffu };

/* starts[i]: where the run of scores equal to the i-th begins, if i is its last; else INSIDE. *nan: the first NaN's
** position, from 1; 0: there is none. */
static __global__ void find_runs(const uint64_t *keys, const uint32_t *places, int64_t n, uint32_t *starts,
                                 int64_t *nan) {
  LUN_EACH(i, n) {
    bool last = i + 1 == n || keys[i] != keys[i + 1];
    starts[i] = last ? (uint32_t)lower_bound(keys, n, keys[i]) : (uint32_t)INSIDE;
    if (i == n - 1) {
      int64_t first = lower_bound(keys, n, UINT64_MAX);
      *nan = first < n ? (int64_t)places[first] + 1 : 0;
    }
  }
}

/* The scores of a call in descending order, and their runs. */
typedef struct {
  lun_cuda_sorting order;
  lun_tensor *runs, *nan;
  int64_t n;
} ranking;

static void close_ranking(ranking *r) {
  lun_cuda_sort_close(&r->order);
  lun_release(r->runs);
  lun_release(r->nan);
}

static int open_ranking(lun_call *c, ranking *r) {
  const lun_tensor *s = c->arg[0].t;
  int64_t n = r->n = s->shape[0], zero[LUN_MAX_DIMS] = {0};
  double nan = 0;
  r->runs = r->nan = NULL;
  LUN_TRY(lun_cuda_sort_open(c, n, &r->order));
  LUN_TRY(lun_cuda_scratch(c, LUN_F32, n, &r->runs)); /* four bytes each */
  LUN_TRY(lun_cuda_scratch(c, LUN_I64, 1, &r->nan));
  if (!n) return LUN_OK;
  if (s->dtype == LUN_F64)
    LUN_TRY(LUN_LAUNCH(c, (scores_as_keys<double>), lun_cuda_blocks(n), THREADS, 0, lun_elements<double>(s), n,
                       r->order.keys, r->order.places));
  else
    LUN_TRY(LUN_LAUNCH(c, (scores_as_keys<float>), lun_cuda_blocks(n), THREADS, 0, lun_elements<float>(s), n,
                       r->order.keys, r->order.places));
  LUN_TRY(lun_cuda_sort(c, &r->order, 64));
  LUN_TRY(LUN_LAUNCH(c, find_runs, lun_cuda_blocks(n), THREADS, 0, r->order.keys, r->order.places, n,
                     lun_elements<uint32_t>(r->runs), lun_elements<int64_t>(r->nan)));
  LUN_TRY(lun_get(r->nan, zero, &nan));
  if (nan > 0) return lun_bad(c, LUN_ENAN, "scores[%lld] is NaN", (long long)nan);
  return LUN_OK;
}

/* ---- one block along the ranking ---- */

/* Inclusive sum over the block; *all: of the block. warps: room for WARPS. */
static __device__ uint64_t sum_up_to(uint64_t v, uint64_t *all, uint64_t *warps) {
  int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  uint64_t sum = v, before = 0;
  for (int by = 1; by < 32; by *= 2) {
    uint64_t o = __shfl_up_sync(0xffffffffu, sum, by);
    if (lane >= by) sum += o;
  }
  __syncthreads(); /* the sums of an earlier call have been read */
  if (lane == 31) warps[warp] = sum;
  __syncthreads();
  *all = 0;
  for (int w = 0; w < WARPS; w++) {
    if (w == warp) before = *all;
    *all += warps[w];
  }
  return before + sum;
}

/* counts[i]: positives (upper half) and all (lower half) among the first i + 1; times: NULL, or how often each position
** counts. Returns the counts of all. */
static __device__ uint64_t count_along(const uint32_t *places, const uint8_t *positive, const uint32_t *times,
                                       int64_t n, uint64_t *counts, uint64_t *warps) {
  uint64_t before = 0, all;
  for (int64_t at = 0; at < n; at += THREADS) {
    int64_t i = at + threadIdx.x;
    uint64_t k = 0;
    if (i < n) {
      k = times ? times[places[i]] : 1;
      if (positive[places[i]]) k |= k << 32;
    }
    uint64_t sum = before + sum_up_to(k, &all, warps);
    if (i < n) counts[i] = sum;
    before += all;
  }
  __syncthreads(); /* all counts are there to be read */
  return before;
}

static __device__ double positives(uint64_t counts) { return (double)(counts >> 32); }
static __device__ double everyone(uint64_t counts) { return (double)(counts & 0xffffffffu); }

/* What the run that ends at i adds. Average precision: the gain in hits times the precision. Area under ROC: negatives
** of the run times positives before it, those of the run counting half. */
static __device__ double step_of(uint64_t before, uint64_t here, bool roc) {
  double hits = positives(here), gain = hits - positives(before);
  if (!roc) return gain > 0 ? gain * hits / everyone(here) : 0;
  double misses = everyone(here) - hits - (everyone(before) - positives(before));
  return misses * (positives(before) + 0.5 * gain);
}

/* Block b makes value b. With `resample`, of resample first + b. work: 12 n bytes a block, counts, then times. */
static __global__ void measure(const uint32_t *places, const uint8_t *positive, const uint32_t *starts, int64_t n,
                               bool roc, bool resample, lun_stream stream, int64_t first, uint64_t *work, double *out) {
  LUN_SHARED(uint64_t, shared); /* 32 */
  uint64_t *counts = work + (int64_t)blockIdx.x * n;
  uint32_t *times = reinterpret_cast<uint32_t *>(work + (int64_t)gridDim.x * n) + (int64_t)blockIdx.x * n;
  if (resample) {
    for (int64_t i = threadIdx.x; i < n; i += THREADS) times[i] = 0;
    __syncthreads();
    for (int64_t b = threadIdx.x; 4 * b < n; b += THREADS) {
      lun_draw4 u = lun_philox(stream, (uint32_t)b, (uint32_t)(first + blockIdx.x), 0, 0);
      for (int k = 0; k < 4 && 4 * b + k < n; k++) atomicAdd(&times[lun_below(u.v[k], (uint32_t)n)], 1u);
    }
    __syncthreads();
  }
  uint64_t all = count_along(places, positive, resample ? times : NULL, n, counts, shared);
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += THREADS)
    if (starts[i] != (uint32_t)INSIDE) sum += step_of(starts[i] ? counts[starts[i] - 1] : 0, counts[i], roc);
  sum = lun_block_reduce<lun_sum>(sum, 0.0, reinterpret_cast<double *>(shared));
  if (threadIdx.x) return;
  double hits = positives(all), most = roc ? hits * (everyone(all) - hits) : hits;
  out[blockIdx.x] = most > 0 ? sum / most : (double)NAN;
}

static int measure_all(lun_call *c, bool roc, bool resample, int64_t values) {
  ranking r;
  lun_stream stream = {{0, 0}};
  lun_tensor *work = NULL;
  if (resample) stream = lun_stream_make((uint64_t)c->arg[4].i, "bootstrap");
  int st = open_ranking(c, &r);
  int64_t n = r.n, at_once = ((int64_t)1 << 25) / (n ? n : 1); /* 12 bytes each: 400 MB of work at most */
  if (at_once < 1) at_once = 1;
  if (at_once > values) at_once = values;
  if (!st) st = lun_cuda_scratch(c, LUN_F64, at_once * n + (at_once * n + 1) / 2, &work);
  for (int64_t at = 0; at < values && !st; at += at_once) {
    int64_t blocks = values - at < at_once ? values - at : at_once;
    st = LUN_LAUNCH(c, measure, (unsigned)blocks, THREADS, 32 * sizeof(uint64_t), r.order.places,
                    lun_elements<uint8_t>(c->arg[1].t), lun_elements<uint32_t>(r.runs), n, roc, resample, stream, at,
                    lun_elements<uint64_t>(work), lun_elements<double>(c->out[0]) + at);
  }
  lun_release(work);
  close_ranking(&r);
  return st;
}

int lun_cuda_average_precision(lun_call *c) { return measure_all(c, false, false, 1); }
int lun_cuda_auroc(lun_call *c) { return measure_all(c, true, false, 1); }
int lun_cuda_bootstrap_ranking(lun_call *c) {
  return measure_all(c, !strncmp(c->arg[2].s, "auroc", 5), true, c->arg[3].i);
}

/* ---- ranking_curve ---- */

/* One block. */
template <class R>
static __global__ void curve(const R *scores, const uint32_t *places, const uint8_t *positive, const uint32_t *starts,
                             int64_t n, uint64_t *counts, double *threshold, double *tp, double *fp, int64_t *steps) {
  LUN_SHARED(uint64_t, shared); /* WARPS */
  count_along(places, positive, NULL, n, counts, shared);
  uint64_t before = 0, all;
  for (int64_t at = 0; at < n; at += THREADS) {
    int64_t i = at + threadIdx.x;
    bool last = i < n && starts[i] != (uint32_t)INSIDE;
    uint64_t s = before + sum_up_to(last, &all, shared) - 1;
    if (last) {
      threshold[s] = (double)scores[places[i]];
      tp[s] = positives(counts[i]);
      fp[s] = everyone(counts[i]) - positives(counts[i]);
    }
    before += all;
  }
  for (int64_t i = (int64_t)before + threadIdx.x; i < n; i += THREADS) threshold[i] = tp[i] = fp[i] = 0;
  if (threadIdx.x == 0) *steps = (int64_t)before;
}

template <class R> static int curve_as(lun_call *c, const ranking *r, const lun_tensor *counts) {
  return LUN_LAUNCH(c, (curve<R>), 1, THREADS, WARPS * sizeof(uint64_t), lun_elements<R>(c->arg[0].t), r->order.places,
                    lun_elements<uint8_t>(c->arg[1].t), lun_elements<uint32_t>(r->runs), r->n,
                    lun_elements<uint64_t>(counts), lun_elements<double>(c->out[0]), lun_elements<double>(c->out[1]),
                    lun_elements<double>(c->out[2]), lun_elements<int64_t>(c->out[3]));
}

int lun_cuda_ranking_curve(lun_call *c) {
  ranking r;
  lun_tensor *counts = NULL;
  int st = open_ranking(c, &r);
  if (!st) st = lun_cuda_scratch(c, LUN_F64, r.n, &counts);
  if (!st) st = c->arg[0].t->dtype == LUN_F64 ? curve_as<double>(c, &r, counts) : curve_as<float>(c, &r, counts);
  lun_release(counts);
  close_ranking(&r);
  return st;
}
