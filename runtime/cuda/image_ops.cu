/* image_ops.cu: images resized, cropped, coloured, blurred and normalised with given parameters; see ops/image_ops.c.
**
** Bound by memory: hflip, solarize, to_gray 8 bytes a value (f32 in and out), normalize_images 5 (u8 to f32) or 3 (to
** bf16), a step of adjust_color 8, gaussian_blur 16 and its taps from the cache, resize the source once and the result.
*/
#include "image_block.h"
#include "kernels.h"
#include "real.h"
#include "sums.h"

/* ---- resize and crop_resize: a block per image, which writes its intermediate rows to shared memory if they fit ----
 */

template <class S> struct boxes {
  const S *x;
  const int64_t *box; /* top, left (from 1), height, width; NULL: the whole image */
  float *y, *memory;  /* memory NULL: shared */
  int64_t n, channels, each;
  int from_h, from_w, h, w;
  image_filter filter;
  bool clamp;
};

template <class S> static __global__ void resize_boxes(boxes<S> v) {
  LUN_SHARED(float, shared);
  float *memory = v.memory ? v.memory + blockIdx.x * v.each : shared;
  int64_t size = v.channels * v.h * v.w;
  for (int64_t i = blockIdx.x; i < v.n; i += gridDim.x) {
    const S *source = v.x + i * v.channels * v.from_h * v.from_w;
    image_box box = {0, 0, v.from_h, v.from_w};
    if (v.box) {
      const int64_t *b = v.box + 4 * i;
      bool inside = b[0] >= 1 && b[1] >= 1 && b[2] >= 1 && b[3] >= 1 && b[2] <= v.from_h && b[3] <= v.from_w &&
                    b[0] <= v.from_h - b[2] + 1 && b[1] <= v.from_w - b[3] + 1;
      if (!inside) {
        for (int64_t e = threadIdx.x; e < size; e += blockDim.x) v.y[i * size + e] = (float)NAN;
        continue;
      }
      box.top = (int)b[0] - 1;
      box.left = (int)b[1] - 1;
      box.height = (int)b[2];
      box.width = (int)b[3];
    }
    lun_resize_block(source, v.from_w, v.channels, box, v.filter, v.h, v.w, v.clamp, v.y + i * size, memory);
  }
}

template <class S> static int resize_as(lun_call *c, const lun_tensor *box, int at) {
  const lun_tensor *x = c->arg[0].t, *y = c->out[0];
  boxes<S> v = {};
  v.x = lun_elements<S>(x);
  v.box = box ? lun_elements<int64_t>(box) : NULL;
  v.y = lun_elements<float>(y);
  v.n = x->shape[0];
  v.channels = x->shape[1];
  v.from_h = (int)x->shape[2];
  v.from_w = (int)x->shape[3];
  v.h = (int)y->shape[2];
  v.w = (int)y->shape[3];
  v.filter = !strncmp(c->arg[at + 2].s, "bilinear", 8) ? IMAGE_BILINEAR : IMAGE_BICUBIC;
  v.clamp = c->arg[at + 3].b;
  v.each = lun_resize_floats(v.filter, v.channels, v.from_h, v.from_w, v.h, v.w);
  int64_t bytes = v.each * (int64_t)sizeof(float), blocks = lun_cuda_grid(v.n);
  size_t shared = (size_t)bytes;
  lun_tensor *memory = NULL;
  if (bytes > (48 << 10)) {
    shared = 0;
    int64_t most = ((int64_t)1 << 28) / bytes;
    if (blocks > most) blocks = most > 1 ? most : 1;
    LUN_TRY(lun_cuda_scratch(c, LUN_F32, blocks * v.each, &memory));
    v.memory = lun_elements<float>(memory);
  }
  unsigned threads = lun_few_threads(v.channels * v.h * v.w);
  int st = LUN_LAUNCH(c, (resize_boxes<S>), (unsigned)blocks, threads, shared, v);
  lun_release(memory);
  return st;
}

/* The height is argument `at`. */
static int run_resize(lun_call *c, const lun_tensor *box, int at) {
  if (lun_numel(c->out[0]) == 0) return LUN_OK;
  return c->arg[0].t->dtype == LUN_U8 ? resize_as<uint8_t>(c, box, at) : resize_as<float>(c, box, at);
}
int lun_cuda_resize(lun_call *c) { return run_resize(c, NULL, 1); }
int lun_cuda_crop_resize(lun_call *c) { return run_resize(c, c->arg[1].t, 2); }

/* ---- colours ---- */

struct steps {
  int n, step[LUN_MAX_DIMS];
};

static __global__ void LUN_WIDE adjust_images(const float *x, const float *factor, float *y, int64_t n, int64_t pixels,
                                              steps order) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    const float *from = x + i * 3 * pixels;
    float *to = y + i * 3 * pixels;
    for (int k = 0; k < order.n; k++, from = to)
      lun_adjust_block(from, to, pixels, order.step[k], factor[4 * i + order.step[k] - 1], shared);
    for (int64_t e = threadIdx.x; e < 3 * pixels && !order.n; e += blockDim.x) to[e] = from[e];
  }
}

int lun_cuda_adjust_color(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], pixels = x->shape[2] * x->shape[3];
  steps order = {};
  if (lun_numel(x) == 0) return LUN_OK;
  order.n = c->arg[2].ints.n;
  for (int k = 0; k < order.n; k++) order.step[k] = (int)c->arg[2].ints.v[k];
  return LUN_LAUNCH(c, adjust_images, lun_row_blocks(n), lun_row_threads(pixels), 32 * sizeof(double),
                    lun_elements<float>(x), lun_elements<float>(c->arg[1].t), lun_elements<float>(c->out[0]), n, pixels,
                    order);
}

static __global__ void gray_pixels(const float *x, float *y, int64_t pixels) {
  EACH(i, pixels) y[3 * i] = y[3 * i + 1] = y[3 * i + 2] = image_luma(x[3 * i], x[3 * i + 1], x[3 * i + 2]);
}

int lun_cuda_to_gray(lun_call *c) {
  int64_t pixels = lun_numel(c->arg[0].t) / 3;
  if (!pixels) return LUN_OK;
  return LUN_LAUNCH(c, gray_pixels, lun_cuda_blocks(pixels), lun_few_threads(pixels), 0,
                    lun_elements<float>(c->arg[0].t), lun_elements<float>(c->out[0]), pixels);
}

static __global__ void solarize_values(const float *x, float *y, int64_t n, float threshold) {
  EACH(i, n) y[i] = image_solarized(x[i], threshold);
}

int lun_cuda_solarize(lun_call *c) {
  int64_t n = lun_numel(c->arg[0].t);
  if (!n) return LUN_OK;
  return LUN_LAUNCH(c, solarize_values, lun_cuda_blocks(n), lun_few_threads(n), 0, lun_elements<float>(c->arg[0].t),
                    lun_elements<float>(c->out[0]), n, (float)c->arg[1].f);
}

static __global__ void mirror(const float *x, float *y, int64_t n, int64_t w, int64_t channels) {
  EACH(i, n) {
    int64_t c, at, pixel = lun_divide(i, channels, &c), line = lun_divide(pixel, w, &at);
    y[i] = x[(line * w + w - 1 - at) * channels + c];
  }
}

int lun_cuda_hflip(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = lun_numel(x);
  if (!n) return LUN_OK;
  return LUN_LAUNCH(c, mirror, lun_cuda_blocks(n), lun_few_threads(n), 0, lun_elements<float>(x),
                    lun_elements<float>(c->out[0]), n, x->shape[3], x->shape[1]);
}

/* ---- blur: one pass along x, one along y ---- */

struct blur_taps {
  float weight[IMAGE_BLUR_RADIUS + 1];
  int radius;
  bool reflect;
};

/* Along an axis of n elements that are `stride` apart. */
static __global__ void blur_axis(const float *x, float *y, int64_t count, int n, int64_t stride, blur_taps taps) {
  EACH(i, count) {
    int64_t within, line = lun_divide(i, stride, &within), at, outer = lun_divide(line, n, &at);
    y[i] = lun_blur_at(x + outer * n * stride + within, (int)at, n, stride, taps.weight, taps.radius, taps.reflect);
  }
}

static blur_taps taps_of(const lun_call *c) {
  blur_taps taps = {};
  double sigma = c->arg[1].f, sum = 0;
  taps.radius = c->arg[2].i ? (int)c->arg[2].i : (int)ceil(3 * sigma);
  taps.reflect = !strncmp(c->arg[3].s, "reflect", 7);
  for (int t = -taps.radius; t <= taps.radius; t++) sum += image_gaussian(t, sigma);
  for (int t = 0; t <= taps.radius; t++) taps.weight[t] = (float)(image_gaussian(t, sigma) / sum);
  return taps;
}

int lun_cuda_gaussian_blur(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = lun_numel(x), channels = x->shape[1];
  blur_taps taps = taps_of(c);
  lun_tensor *across = NULL;
  if (!n) return LUN_OK;
  LUN_TRY(lun_cuda_scratch(c, LUN_F32, n, &across));
  float *p = lun_elements<float>(across);
  unsigned blocks = lun_cuda_blocks(n), threads = lun_few_threads(n);
  int st = LUN_LAUNCH(c, blur_axis, blocks, threads, 0, lun_elements<float>(x), p, n, (int)x->shape[3], channels, taps);
  if (!st)
    st = LUN_LAUNCH(c, blur_axis, blocks, threads, 0, p, lun_elements<float>(c->out[0]), n, (int)x->shape[2],
                    channels * x->shape[3], taps);
  lun_release(across);
  return st;
}

/* ---- normalize_images: four values a thread where both sides are aligned for that ---- */

template <class T> struct alignas(4 * sizeof(T)) four { T v[4]; };

template <class S, class Y> struct normalizing {
  const S *x;
  const float *norm;
  Y *y;
  int64_t n, channels;
};

/* Value i. unit: what a step of S counts. */
template <class S, class Y> static __device__ void normalize_value(const normalizing<S, Y> &v, int64_t i, float unit) {
  float gain, offset;
  int64_t c;
  lun_divide(i, v.channels, &c);
  lun_norm_of(v.norm, v.channels, c, &gain, &offset);
  v.y[i] = number<Y>::put((float)v.x[i] * (unit * gain) + offset);
}

template <class S, class Y> static __global__ void normalize_values(normalizing<S, Y> v, float unit) {
  EACH(i, v.n) normalize_value(v, i, unit);
}

template <class S, class Y> static __global__ void normalize_fours(normalizing<S, Y> v, float unit) {
  LUN_SHARED(float, gain); /* by channel, then what is added */
  float *offset = gain + v.channels;
  for (int64_t c = threadIdx.x; c < v.channels; c += blockDim.x) {
    lun_norm_of(v.norm, v.channels, c, &gain[c], &offset[c]);
    gain[c] *= unit;
  }
  __syncthreads();
  EACH(q, v.n / 4) {
    four<S> in = reinterpret_cast<const four<S> *>(v.x)[q];
    four<Y> out;
    int64_t c;
    lun_divide(4 * q, v.channels, &c);
    LUN_UNROLL
    for (int k = 0; k < 4; k++) {
      out.v[k] = number<Y>::put((float)in.v[k] * gain[c] + offset[c]);
      c = c + 1 < v.channels ? c + 1 : 0;
    }
    reinterpret_cast<four<Y> *>(v.y)[q] = out;
  }
  EACH(i, v.n % 4) normalize_value(v, v.n / 4 * 4 + i, unit);
}

template <class S, class Y> static int normalize_as(lun_call *c, int64_t n) {
  normalizing<S, Y> v = {lun_elements<S>(c->arg[0].t), c->arg[1].t ? lun_elements<float>(c->arg[1].t) : NULL,
                         lun_elements<Y>(c->out[0]), n, c->arg[0].t->shape[1]};
  bool aligned = (uintptr_t)v.x % sizeof(four<S>) == 0 && (uintptr_t)v.y % sizeof(four<Y>) == 0;
  float unit = sizeof(S) == 1 ? 1.0f / 255 : 1.0f;
  if (aligned && v.channels <= 1024)
    return LUN_LAUNCH(c, (normalize_fours<S, Y>), lun_cuda_blocks((n + 3) / 4), lun_few_threads((n + 3) / 4),
                      2 * (size_t)v.channels * sizeof(float), v, unit);
  return LUN_LAUNCH(c, (normalize_values<S, Y>), lun_cuda_blocks(n), lun_few_threads(n), 0, v, unit);
}

int lun_cuda_normalize_images(lun_call *c) {
  int64_t n = lun_numel(c->arg[0].t);
  bool bytes = c->arg[0].t->dtype == LUN_U8;
  if (!n) return LUN_OK;
  if (c->out[0]->dtype == LUN_BF16) return bytes ? normalize_as<uint8_t, bf16>(c, n) : normalize_as<float, bf16>(c, n);
  return bytes ? normalize_as<uint8_t, float>(c, n) : normalize_as<float, float>(c, n);
}
