/* heatmap.cu: maps of where a feature looks, and maps scored against masks. Sums are in f64, as the reference has them.
**
** Bound by memory: gradcam reads activation and gradient once and writes a value per pixel; channel_magnitude reads x
** once; map_scores reads a map and its mask once per threshold, again from a cache.
*/
#include "kernels.h"
#include "pack.h"
#include "real.h"
#include "reduce.h"
#include "scratch.h"

/* ---- gradcam: activation gradient relu -> map ---- */

/* Of every image and channel, the sum of the gradient over the pixels. */
template <class T>
static __global__ void channel_weights(const T *g, double *weight, int64_t n, int64_t channels, int64_t pixels) {
  EACH(i, n * channels) {
    int64_t image = lun_quotient(i, channels);
    const T *from = g + image * pixels * channels + (i - image * channels);
    double sum = 0;
    LUN_UNROLL_BY(4)
    for (int64_t p = 0; p < pixels; p++) sum += (double)from[p * channels];
    weight[i] = sum;
  }
}

/* A warp to a pixel. */
template <class T>
static __global__ void weighted_channels(const T *a, const double *weight, T *map, int64_t n, int64_t channels,
                                         int64_t pixels, bool relu) {
  int lane = (int)threadIdx.x % 32, warps = (int)blockDim.x / 32;
  for (int64_t i = (int64_t)blockIdx.x * warps + threadIdx.x / 32; i < n * pixels; i += (int64_t)gridDim.x * warps) {
    const double *w = weight + lun_quotient(i, pixels) * channels;
    double s = 0;
    for (int64_t k = lane; k < channels; k += 32) s += w[k] * (double)a[i * channels + k];
    s = lun_warp_reduce<lun_sum>(s) / (double)pixels;
    if (lane == 0) map[i] = (T)(relu && s < 0 ? 0 : s);
  }
}

int lun_cuda_gradcam(lun_call *c) {
  const lun_tensor *a = c->arg[0].t;
  int64_t n = a->shape[0], channels = a->shape[1], pixels = a->shape[2] * a->shape[3];
  lun_tensor *scratch;
  if (lun_numel(c->out[0]) == 0) return LUN_OK;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, n * channels, &scratch));
  double *weight = lun_elements<double>(scratch);
  int st = LUN_OK;
  LUN_BY_REAL(a->dtype, {
    if (channels)
      st = LUN_LAUNCH(c, channel_weights<T>, lun_cuda_blocks(n * channels), LUN_CUDA_THREADS, 0,
                      lun_elements<T>(c->arg[1].t), weight, n, channels, pixels);
    if (!st)
      st = LUN_LAUNCH(c, weighted_channels<T>, lun_cuda_blocks(n * pixels * 32), LUN_CUDA_THREADS, 0,
                      lun_elements<T>(a), weight, lun_elements<T>(c->out[0]), n, channels, pixels, c->arg[2].b);
  });
  lun_release(scratch);
  return st;
}

/* ---- channel_magnitude: x -> map ---- */

template <class T> static __global__ void largest_magnitude(const T *x, T *map, int64_t pixels, int64_t channels) {
  EACH(i, pixels) {
    T most = 0;
    for (int64_t k = 0; k < channels; k++) {
      T v = x[i * channels + k], a = v < 0 ? -v : v;
      most = a > most ? a : most;
    }
    map[i] = most;
  }
}

int lun_cuda_channel_magnitude(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t pixels = lun_numel(c->out[0]);
  if (!pixels) return LUN_OK;
  LUN_BY_REAL(x->dtype, return LUN_LAUNCH(c, largest_magnitude<T>, lun_cuda_blocks(pixels), LUN_CUDA_THREADS, 0,
                                          lun_elements<T>(x), lun_elements<T>(c->out[0]), pixels, x->shape[1]););
}

/* ---- map_scores: map mask thresholds -> iou pointing energy; a block to a map ---- */

template <class T>
static __global__ void score_maps(const T *maps, const uint8_t *masks, const double *thresholds, int64_t pixels,
                                  int64_t count, double *iou, double *hit, double *energy) {
  LUN_SHARED(double, shared); /* 32 doubles, then 32 counts */
  int64_t *counts = reinterpret_cast<int64_t *>(shared + 32), image = blockIdx.x;
  const T *m = maps + image * pixels;
  const uint8_t *mask = masks + image * pixels;
  double all = 0, inside = 0, top = 0;
  for (int64_t p = threadIdx.x; p < pixels; p += blockDim.x) {
    double v = (double)m[p];
    if (!(v > 0)) continue;
    all += v;
    if (mask[p]) inside += v;
    if (v > top) top = v;
  }
  all = lun_block_reduce<lun_sum>(all, 0.0, shared);
  inside = lun_block_reduce<lun_sum>(inside, 0.0, shared);
  top = lun_block_reduce<lun_max>(top, 0.0, shared);
  int64_t at = pixels;
  for (int64_t p = threadIdx.x; p < pixels && at == pixels; p += blockDim.x)
    if (top > 0 && (double)m[p] == top) at = p;
  at = lun_block_reduce<lun_min>(at, pixels, counts); /* the first maximum */
  if (threadIdx.x == 0) {
    hit[image] = at < pixels && mask[at] ? 1 : 0;
    energy[image] = all > 0 ? inside / all : 0;
  }
  for (int64_t k = 0; k < count; k++) {
    int64_t both = 0, either = 0;
    for (int64_t p = threadIdx.x; p < pixels; p += blockDim.x) {
      int chosen = top > 0 && (double)m[p] >= thresholds[k] * top, marked = mask[p] != 0;
      both += chosen & marked;
      either += chosen | marked;
    }
    both = lun_block_reduce<lun_sum>(both, (int64_t)0, counts);
    either = lun_block_reduce<lun_sum>(either, (int64_t)0, counts);
    if (threadIdx.x == 0) iou[image * count + k] = either ? (double)both / (double)either : 0;
  }
}

int lun_cuda_map_scores(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *t = c->arg[2].t;
  int64_t n = x->shape[0], pixels = x->shape[1] * x->shape[2];
  if (!n) return LUN_OK;
  unsigned threads = pixels < LUN_CUDA_THREADS ? (unsigned)((pixels + 31) / 32 * 32) : (unsigned)LUN_CUDA_THREADS;
  if (!threads) threads = 32;
  LUN_BY_REAL(x->dtype,
              return LUN_LAUNCH(c, score_maps<T>, (unsigned)n, threads, 32 * (sizeof(double) + sizeof(int64_t)),
                                lun_elements<T>(x), lun_elements<uint8_t>(c->arg[1].t), lun_elements<double>(t), pixels,
                                t->shape[0], lun_elements<double>(c->out[0]), lun_elements<double>(c->out[1]),
                                lun_elements<double>(c->out[2])););
}
