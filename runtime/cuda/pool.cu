/* pool.cu: maximum and average pooling of images stored channels-last, and their gradients. A thread makes V channels
** of one pixel of the result, from the window under it or, in a gradient, from the windows that it lies in: nothing is
** added to twice.
**
** Bound by memory: every element of the argument and of the result is moved once (windows that overlap find theirs in a
** cache); max_pool2d also writes, its gradient reads, a byte per element of y.
*/
#include "kernels.h"
#include "pack.h"

/* x (n,h,w,c), y (n,p,q,c). */
struct pooling {
  int64_t n, c, h, w, p, q, kernel, stride, padding;
};

/* kernel, stride and padding stand at `at` in the arguments; stride 0 means the kernel's size. */
static pooling pooling_of(const lun_call *c, const lun_tensor *x, const lun_tensor *y, int at) {
  const lun_arg *a = c->arg + at;
  pooling g = {x->shape[0], x->shape[1], x->shape[2], x->shape[3],
               y->shape[2], y->shape[3], a[0].i,      a[1].i ? a[1].i : a[0].i,
               a[2].i};
  return g;
}

/* V channels from ch on, of one pixel of an image of h x w. */
struct pixel {
  int64_t image, row, column, ch;
};
template <int V> static __device__ pixel pixel_at(int64_t i, int64_t h, int64_t w, int64_t c) {
  int64_t packs = c / V, at = lun_quotient(i, packs), line = lun_quotient(at, w), image = lun_quotient(line, h);
  pixel p = {image, line - image * h, at - line * w, (i - at * packs) * V};
  return p;
}

/* ---- maximum ---- */

template <class T, int V> static __global__ void take_max(const T *x, T *y, uint8_t *place, pooling g) {
  typedef typename number<T>::real R;
  EACH(i, g.n * g.p * g.q * (g.c / V)) {
    pixel o = pixel_at<V>(i, g.p, g.q, g.c);
    pack<T, V> best;
    pack<uint8_t, V> at;
    bool first = true;
    for (int64_t a = 0; a < g.kernel; a++)
      for (int64_t b = 0; b < g.kernel; b++) {
        int64_t h = o.row * g.stride + a - g.padding, w = o.column * g.stride + b - g.padding;
        if (h < 0 || h >= g.h || w < 0 || w >= g.w) continue;
        pack<T, V> v = lun_load<T, V>(x + ((o.image * g.h + h) * g.w + w) * g.c + o.ch);
        for (int k = 0; k < V; k++) {
          R here = number<T>::get(v.v[k]);
          if (first || here > number<T>::get(best.v[k]) || here != here) /* a NaN wins */
            best.v[k] = v.v[k], at.v[k] = (uint8_t)(a * g.kernel + b + 1);
        }
        first = false;
      }
    lun_store<T, V>(y + i * V, best);
    lun_store<uint8_t, V>(place + i * V, at);
  }
}

/* Windows that pixel `at` of an axis of the image lies in: the output positions from..upto. */
static __device__ void windows(int64_t at, const pooling &g, int64_t outputs, int64_t *from, int64_t *upto) {
  int64_t lowest = at + g.padding - g.kernel + 1;
  *from = lowest > 0 ? lun_quotient(lowest + g.stride - 1, g.stride) : 0;
  *upto = lun_quotient(at + g.padding, g.stride);
  if (*upto >= outputs) *upto = outputs - 1;
}

template <class T, int V> static __global__ void give_max(const T *dy, const uint8_t *place, T *dx, pooling g) {
  typedef typename number<T>::real R;
  EACH(i, g.n * g.h * g.w * (g.c / V)) {
    pixel o = pixel_at<V>(i, g.h, g.w, g.c);
    int64_t top, bottom, left, right;
    windows(o.row, g, g.p, &top, &bottom);
    windows(o.column, g, g.q, &left, &right);
    R sum[V];
    for (int k = 0; k < V; k++) sum[k] = 0;
    for (int64_t a = top; a <= bottom; a++)
      for (int64_t b = left; b <= right; b++) {
        int64_t from = ((o.image * g.p + a) * g.q + b) * g.c + o.ch;
        int64_t mine = (o.row + g.padding - a * g.stride) * g.kernel + o.column + g.padding - b * g.stride + 1;
        pack<uint8_t, V> at = lun_load<uint8_t, V>(place + from);
        pack<T, V> v = lun_load<T, V>(dy + from);
        for (int k = 0; k < V; k++)
          if (at.v[k] == mine) sum[k] += number<T>::get(v.v[k]);
      }
    pack<T, V> to;
    for (int k = 0; k < V; k++) to.v[k] = number<T>::put(sum[k]);
    lun_store<T, V>(dx + i * V, to);
  }
}

template <class T> static int max_as(lun_call *c) {
  pooling g = pooling_of(c, c->arg[0].t, c->out[0], 1);
  const T *x = lun_elements<T>(c->arg[0].t);
  T *y = lun_elements<T>(c->out[0]);
  uint8_t *place = lun_elements<uint8_t>(c->out[1]);
  int64_t n = lun_numel(c->out[0]);
  if (!n) return LUN_OK;
  LUN_BY_PACK(lun_in_packs(g.c, sizeof(T), x, y, place),
              { return LUN_LAUNCH(c, (take_max<T, V>), lun_cuda_blocks(n / V), LUN_CUDA_THREADS, 0, x, y, place, g); });
}
int lun_cuda_max_pool2d(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return max_as<T>(c);); }

template <class T> static int max_grad_as(lun_call *c) {
  pooling g = pooling_of(c, c->out[0], c->arg[0].t, 4);
  const T *dy = lun_elements<T>(c->arg[0].t);
  const uint8_t *place = lun_elements<uint8_t>(c->arg[1].t);
  T *dx = lun_elements<T>(c->out[0]);
  int64_t n = lun_numel(c->out[0]);
  if (!n) return LUN_OK;
  LUN_BY_PACK(lun_in_packs(g.c, sizeof(T), dy, dx, place), {
    return LUN_LAUNCH(c, (give_max<T, V>), lun_cuda_blocks(n / V), LUN_CUDA_THREADS, 0, dy, place, dx, g);
  });
}
int lun_cuda_max_pool2d_grad(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return max_grad_as<T>(c);); }

/* ---- average ---- */

template <class T, int V> static __global__ void take_mean(const T *x, T *y, pooling g) {
  typedef typename number<T>::real R;
  R share = (R)1 / (R)(g.kernel * g.kernel);
  EACH(i, g.n * g.p * g.q * (g.c / V)) {
    pixel o = pixel_at<V>(i, g.p, g.q, g.c);
    R sum[V];
    for (int k = 0; k < V; k++) sum[k] = 0;
    for (int64_t a = 0; a < g.kernel; a++)
      for (int64_t b = 0; b < g.kernel; b++) {
        int64_t h = o.row * g.stride + a - g.padding, w = o.column * g.stride + b - g.padding;
        if (h < 0 || h >= g.h || w < 0 || w >= g.w) continue;
        pack<T, V> v = lun_load<T, V>(x + ((o.image * g.h + h) * g.w + w) * g.c + o.ch);
        for (int k = 0; k < V; k++) sum[k] += number<T>::get(v.v[k]);
      }
    pack<T, V> to;
    for (int k = 0; k < V; k++) to.v[k] = number<T>::put(sum[k] * share);
    lun_store<T, V>(y + i * V, to);
  }
}

template <class T, int V> static __global__ void give_mean(const T *dy, T *dx, pooling g) {
  typedef typename number<T>::real R;
  R share = (R)1 / (R)(g.kernel * g.kernel);
  EACH(i, g.n * g.h * g.w * (g.c / V)) {
    pixel o = pixel_at<V>(i, g.h, g.w, g.c);
    int64_t top, bottom, left, right;
    windows(o.row, g, g.p, &top, &bottom);
    windows(o.column, g, g.q, &left, &right);
    R sum[V];
    for (int k = 0; k < V; k++) sum[k] = 0;
    for (int64_t a = top; a <= bottom; a++)
      for (int64_t b = left; b <= right; b++) {
        pack<T, V> v = lun_load<T, V>(dy + ((o.image * g.p + a) * g.q + b) * g.c + o.ch);
        for (int k = 0; k < V; k++) sum[k] += number<T>::get(v.v[k]);
      }
    pack<T, V> to;
    for (int k = 0; k < V; k++) to.v[k] = number<T>::put(sum[k] * share);
    lun_store<T, V>(dx + i * V, to);
  }
}

template <class T> static int mean_as(lun_call *c) {
  pooling g = pooling_of(c, c->arg[0].t, c->out[0], 1);
  const T *x = lun_elements<T>(c->arg[0].t);
  T *y = lun_elements<T>(c->out[0]);
  int64_t n = lun_numel(c->out[0]);
  if (!n) return LUN_OK;
  LUN_BY_PACK(lun_in_packs(g.c, sizeof(T), x, y),
              { return LUN_LAUNCH(c, (take_mean<T, V>), lun_cuda_blocks(n / V), LUN_CUDA_THREADS, 0, x, y, g); });
}
int lun_cuda_avg_pool2d(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return mean_as<T>(c);); }

template <class T> static int mean_grad_as(lun_call *c) {
  pooling g = pooling_of(c, c->out[0], c->arg[0].t, 3);
  const T *dy = lun_elements<T>(c->arg[0].t);
  T *dx = lun_elements<T>(c->out[0]);
  int64_t n = lun_numel(c->out[0]);
  if (!n) return LUN_OK;
  LUN_BY_PACK(lun_in_packs(g.c, sizeof(T), dy, dx),
              { return LUN_LAUNCH(c, (give_mean<T, V>), lun_cuda_blocks(n / V), LUN_CUDA_THREADS, 0, dy, dx, g); });
}
int lun_cuda_avg_pool2d_grad(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return mean_grad_as<T>(c);); }

/* ---- global average: x (n, pixels, c), y (n, c) ---- */

template <class T, int V>
static __global__ void mean_of_pixels(const T *x, T *y, int64_t n, int64_t pixels, int64_t c) {
  typedef typename number<T>::real R;
  int64_t packs = c / V;
  EACH(i, n * packs) {
    int64_t image = lun_quotient(i, packs);
    const T *from = x + image * pixels * c + (i - image * packs) * V;
    R sum[V];
    for (int k = 0; k < V; k++) sum[k] = 0;
    LUN_UNROLL_BY(4)
    for (int64_t p = 0; p < pixels; p++) {
      pack<T, V> v = lun_load<T, V>(from + p * c);
      for (int k = 0; k < V; k++) sum[k] += number<T>::get(v.v[k]);
    }
    pack<T, V> to;
    for (int k = 0; k < V; k++) to.v[k] = number<T>::put(sum[k] / (R)pixels);
    lun_store<T, V>(y + i * V, to);
  }
}

template <class T, int V>
static __global__ void mean_to_pixels(const T *dy, T *dx, int64_t n, int64_t pixels, int64_t c) {
  typedef typename number<T>::real R;
  int64_t packs = c / V;
  R share = (R)1 / (R)pixels;
  EACH(i, n * pixels * packs) {
    int64_t at = lun_quotient(i, packs), image = lun_quotient(at, pixels);
    pack<T, V> v = lun_load<T, V>(dy + image * c + (i - at * packs) * V);
    for (int k = 0; k < V; k++) v.v[k] = number<T>::put(number<T>::get(v.v[k]) * share);
    lun_store<T, V>(dx + i * V, v);
  }
}

template <class T> static int global_as(lun_call *c, const lun_tensor *image, bool gradient) {
  int64_t n = image->shape[0], ch = image->shape[1], pixels = image->shape[2] * image->shape[3];
  const T *from = lun_elements<T>(c->arg[0].t);
  T *to = lun_elements<T>(c->out[0]);
  if (!lun_numel(c->out[0])) return LUN_OK;
  LUN_BY_PACK(lun_in_packs(ch, sizeof(T), from, to), {
    if (gradient)
      return LUN_LAUNCH(c, (mean_to_pixels<T, V>), lun_cuda_blocks(n * pixels * ch / V), LUN_CUDA_THREADS, 0, from, to,
                        n, pixels, ch);
    return LUN_LAUNCH(c, (mean_of_pixels<T, V>), lun_cuda_blocks(n * ch / V), LUN_CUDA_THREADS, 0, from, to, n, pixels,
                      ch);
  });
}
int lun_cuda_global_avg_pool(lun_call *c) {
  LUN_BY_FLOAT(c, c->arg[0].t->dtype, return global_as<T>(c, c->arg[0].t, false););
}
int lun_cuda_global_avg_pool_grad(lun_call *c) {
  LUN_BY_FLOAT(c, c->arg[0].t->dtype, return global_as<T>(c, c->out[0], true););
}
