/* conv.cu: 2-D convolution and its gradients, images channels-last. cuDNN (dnn.h) is asked first; what it does not have
** becomes a matrix product over columns: a row per output pixel with the kh kw c values under it. Columns of as many
** images as COLUMNS_BYTES holds are there at a time (one image's at least).
**
** With columns, bound by memory: they are written and read once, kh kw / stride^2 times the image each way; a 1 x 1
** kernel of stride 1 needs none and is the product alone. Sums are in f32 (f64 for f64).
*/
#include "kernels.h"
#include "dnn.h"
#include "gemm.h"
#include "pack.h"
#include "scratch.h"

#ifdef LUN_CUDA_SMALL /* the tests' images come in several groups, their weights in several tiles */
static const int64_t COLUMNS_BYTES = 2000, WIDE = 4, DEEP = 2;
#else
static const int64_t COLUMNS_BYTES = 256 << 20, WIDE = 64, DEEP = 48;
#endif

/* Values under one output pixel. */
static __host__ __device__ inline int64_t patch(const lun_cuda_conv &g) { return g.r * g.s * g.c; }
static bool direct(const lun_cuda_conv &g) { return g.r == 1 && g.s == 1 && g.stride == 1 && g.padding == 0; }

/* ---- kernels ---- */

template <class T> static __global__ void zero(T *y, int64_t n) { EACH(i, n) y[i] = number<T>::put(0); }

/* Weights (k,c,taps) to (k,taps,c), or BACK. A block's tile, of up to WIDE channels and DEEP taps, goes through shared
** memory, so that both sides are moved in runs. */
template <class S, class D, bool BACK>
static __global__ void turned_weights(const S *from, D *to, int64_t c, int64_t taps, int64_t tiles) {
  typedef typename number<D>::real R;
  LUN_SHARED(R, tile);
  int64_t wides = (c + WIDE - 1) / WIDE, deeps = (taps + DEEP - 1) / DEEP;
  for (int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    int64_t k = i / (wides * deeps), ch = i / deeps % wides * WIDE, tap = i % deeps * DEEP;
    int wide = (int)(c - ch < WIDE ? c - ch : WIDE), deep = (int)(taps - tap < DEEP ? taps - tap : DEEP);
    int pitch = deep | 1; /* odd: neighbouring channels lie in different banks */
    int64_t by_channel = (k * c + ch) * taps + tap, by_tap = (k * taps + tap) * c + ch; /* where the tile begins */
    for (int e = (int)threadIdx.x; e < wide * deep; e += (int)blockDim.x) {
      int x = BACK ? e % wide : e / deep, y = BACK ? e / wide : e % deep;
      tile[x * pitch + y] = (R)number<S>::get(from[BACK ? by_tap + y * c + x : by_channel + x * taps + y]);
    }
    __syncthreads();
    for (int e = (int)threadIdx.x; e < wide * deep; e += (int)blockDim.x) {
      int x = BACK ? e / deep : e % wide, y = BACK ? e % deep : e / wide;
      to[BACK ? by_channel + x * taps + y : by_tap + y * c + x] = number<D>::put(tile[x * pitch + y]);
    }
    __syncthreads();
  }
}

/* Of one tap: only the type may change. */
template <class S, class D> static __global__ void converted_weights(const S *from, D *to, int64_t n) {
  EACH(i, n) to[i] = number<D>::put((typename number<D>::real)number<S>::get(from[i]));
}

template <class S, class D, bool BACK>
static int turn_weights(lun_call *c, const lun_cuda_conv &g, const S *from, D *to) {
  int64_t n = g.k * g.c * g.r * g.s;
  if (g.r * g.s == 1)
    return LUN_LAUNCH(c, (converted_weights<S, D>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, from, to, n);
  int64_t tiles = g.k * ((g.c + WIDE - 1) / WIDE) * ((g.r * g.s + DEEP - 1) / DEEP);
  return LUN_LAUNCH(c, (turned_weights<S, D, BACK>), lun_cuda_row_grid(tiles), LUN_CUDA_THREADS,
                    WIDE * (DEEP + 1) * sizeof(typename number<D>::real), from, to, g.c, g.r * g.s, tiles);
}

/* Columns of the g.n images from x on. A thread writes V channels of one tap. */
template <class T, int V> static __global__ void take_columns(const T *x, T *cols, lun_cuda_conv g) {
  int64_t packs = g.c / V, taps = g.r * g.s;
  EACH(i, g.n * g.p * g.q * taps * packs) {
    int64_t row = lun_quotient(i, packs), ch = (i - row * packs) * V;
    int64_t pixel = lun_quotient(row, taps), tap = row - pixel * taps;
    int64_t line = lun_quotient(pixel, g.q), image = lun_quotient(line, g.p);
    int64_t r = lun_quotient(tap, g.s), h = (line - image * g.p) * g.stride + r - g.padding;
    int64_t w = (pixel - line * g.q) * g.stride + (tap - r * g.s) - g.padding;
    pack<T, V> v;
    if (h >= 0 && h < g.h && w >= 0 && w < g.w)
      v = lun_load<T, V>(x + ((image * g.h + h) * g.w + w) * g.c + ch);
    else
      for (int k = 0; k < V; k++) v.v[k] = number<T>::put(0);
    lun_store<T, V>(cols + i * V, v);
  }
}

/* The sum of each pixel's places in the columns, in the order of the taps. */
template <class T, int V>
static __global__ void add_columns(const typename number<T>::real *cols, T *dx, lun_cuda_conv g) {
  typedef typename number<T>::real R;
  int64_t packs = g.c / V;
  EACH(i, g.n * g.h * g.w * packs) {
    int64_t pixel = lun_quotient(i, packs), ch = (i - pixel * packs) * V;
    int64_t line = lun_quotient(pixel, g.w), image = lun_quotient(line, g.h);
    int64_t top = line - image * g.h + g.padding, left = pixel - line * g.w + g.padding;
    R sum[V];
    for (int k = 0; k < V; k++) sum[k] = 0;
    for (int64_t r = 0; r < g.r && r <= top; r++) {
      int64_t a = lun_quotient(top - r, g.stride);
      if (a * g.stride != top - r || a >= g.p) continue;
      for (int64_t s = 0; s < g.s && s <= left; s++) {
        int64_t b = lun_quotient(left - s, g.stride);
        if (b * g.stride != left - s || b >= g.q) continue;
        const R *from = cols + (((image * g.p + a) * g.q + b) * g.r * g.s + r * g.s + s) * g.c + ch;
        lun_parts<R, V> here;
        here.load(from);
        for (int k = 0; k < V; k++) sum[k] += here[k];
      }
    }
    pack<T, V> v;
    for (int k = 0; k < V; k++) v.v[k] = number<T>::put(sum[k]);
    lun_store<T, V>(dx + i * V, v);
  }
}

template <class T>
static __global__ void add_bias(T *y, const typename number<T>::real *bias, int64_t n, int64_t channels) {
  EACH(i, n) {
    int64_t ch = i - lun_quotient(i, channels) * channels;
    y[i] = number<T>::put(number<T>::get(y[i]) + bias[ch]);
  }
}

/* ---- the parts of a call ---- */

static lun_cuda_conv geometry(const lun_tensor *x, const lun_tensor *y, int64_t r, int64_t s, int64_t stride,
                              int64_t padding) {
  lun_cuda_conv g = {x->shape[0], x->shape[1], x->shape[2], x->shape[3], y->shape[1], y->shape[2],
                     y->shape[3], r,           s,           stride,      padding,     x->dtype};
  return g;
}

template <class T> static int fill_zero(lun_call *c, T *y, int64_t n) {
  return n ? LUN_LAUNCH(c, zero<T>, lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, y, n) : LUN_OK;
}

/* The weights of the call as (k,r,s,c), in the dtype of the images. */
template <class T> static int take_weights(lun_call *c, const lun_cuda_conv &g, const lun_tensor *w, lun_tensor **to) {
  typedef typename number<T>::real R;
  LUN_TRY(lun_cuda_scratch(c, g.dtype, g.k * patch(g), to));
  int st = turn_weights<R, T, false>(c, g, lun_elements<R>(w), lun_elements<T>(*to));
  if (st) lun_release(*to), *to = NULL;
  return st;
}

/* Scratch for the columns of a group of images, of `size` bytes an element; NULL where none is needed. */
static int make_group(lun_call *c, const lun_cuda_conv &g, lun_dtype d, lun_tensor **cols, int64_t *images) {
  int64_t row, image, bytes;
  *cols = NULL;
  *images = g.n;
  if (direct(g)) return LUN_OK;
  if (__builtin_mul_overflow(g.p * g.q, g.r * g.s, &row) || __builtin_mul_overflow(row, g.c, &image) ||
      __builtin_mul_overflow(image, lun_dtype_size(d), &bytes))
    return lun_bad(c, LUN_EMEM, "the columns of one image have more bytes than can be counted");
  *images = COLUMNS_BYTES / bytes < 1 ? 1 : COLUMNS_BYTES / bytes < g.n ? COLUMNS_BYTES / bytes : g.n;
  return lun_cuda_scratch(c, d, *images * image, cols);
}

template <class T> static int columns_of(lun_call *c, const lun_cuda_conv &g, const T *x, T *cols) {
  LUN_BY_PACK(lun_in_packs(g.c, sizeof(T), x, cols), {
    int64_t n = g.n * g.p * g.q * patch(g) / V;
    return LUN_LAUNCH(c, (take_columns<T, V>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, x, cols, g);
  });
}

static lun_cuda_product product(int64_t m, int64_t n, int64_t k, lun_dtype in, lun_dtype out, const void *a,
                                int64_t lda, bool ta, const void *b, int64_t ldb, bool tb, double beta, void *y) {
  lun_cuda_product p = {m, n, k, 1, 1, beta, in, out, {a, lda, 0, ta}, {b, ldb, 0, tb}, y, n, 0};
  return p;
}

/* ---- conv2d: x weight bias stride padding -> y ---- */

template <class T> static int forward_product(lun_call *c, lun_cuda_conv g, const T *x, const T *w, T *y) {
  lun_tensor *cols;
  int64_t images, all = g.n, wide = patch(g), rows = g.p * g.q;
  LUN_TRY(make_group(c, g, g.dtype, &cols, &images));
  int st = LUN_OK;
  for (int64_t i = 0; i < all && !st; i += images) {
    const T *from = x + i * g.h * g.w * g.c;
    g.n = all - i < images ? all - i : images;
    if (cols) st = columns_of<T>(c, g, from, lun_elements<T>(cols));
    if (cols) from = lun_elements<T>(cols);
    lun_cuda_product p =
        product(g.n * rows, g.k, wide, g.dtype, g.dtype, from, wide, false, w, wide, true, 0, y + i * rows * g.k);
    if (!st) st = lun_cuda_gemm(c, &p);
  }
  lun_release(cols);
  return st;
}

template <class T> static int conv2d_as(lun_call *c) {
  typedef typename number<T>::real R;
  const lun_tensor *w = c->arg[1].t, *bias = c->arg[2].t;
  lun_cuda_conv g = geometry(c->arg[0].t, c->out[0], w->shape[2], w->shape[3], c->arg[3].i, c->arg[4].i);
  const T *x = lun_elements<T>(c->arg[0].t);
  T *y = lun_elements<T>(c->out[0]);
  int64_t n = lun_numel(c->out[0]);
  lun_tensor *weights;
  if (!n) return LUN_OK;
  if (g.c) {
    LUN_TRY(take_weights<T>(c, g, w, &weights));
    int st = lun_cuda_dnn_forward(c, &g, x, lun_elements<T>(weights), y);
    if (st == LUN_EUNSUPPORTED) st = forward_product<T>(c, g, x, lun_elements<T>(weights), y);
    lun_release(weights);
    if (st) return st;
  } else
    LUN_TRY(fill_zero<T>(c, y, n));
  if (!bias) return LUN_OK;
  return LUN_LAUNCH(c, add_bias<T>, lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, y, lun_elements<R>(bias), n, g.k);
}

int lun_cuda_conv2d(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return conv2d_as<T>(c);); }

/* ---- conv2d_dx: dy weight height width stride padding -> dx ---- */

template <class T> static int dx_product(lun_call *c, lun_cuda_conv g, const T *dy, const T *w, T *dx) {
  typedef typename number<T>::real R;
  lun_tensor *cols;
  int64_t images, all = g.n, wide = patch(g), rows = g.p * g.q;
  LUN_TRY(make_group(c, g, lun_dtype_of<R>(), &cols, &images)); /* added up before they are rounded */
  int st = LUN_OK;
  for (int64_t i = 0; i < all && !st; i += images) {
    T *to = dx + i * g.h * g.w * g.c;
    g.n = all - i < images ? all - i : images;
    lun_cuda_product p =
        product(g.n * rows, wide, g.k, g.dtype, cols ? lun_dtype_of<R>() : g.dtype, dy + i * rows * g.k, g.k, false, w,
                wide, false, 0, cols ? (void *)lun_elements<R>(cols) : (void *)to);
    st = lun_cuda_gemm(c, &p);
    if (st || !cols) continue;
    LUN_BY_PACK(lun_in_packs(g.c, sizeof(T), to), {
      st = LUN_LAUNCH(c, (add_columns<T, V>), lun_cuda_blocks(g.n * g.h * g.w * g.c / V), LUN_CUDA_THREADS, 0,
                      lun_elements<R>(cols), to, g);
    });
  }
  lun_release(cols);
  return st;
}

template <class T> static int conv2d_dx_as(lun_call *c) {
  const lun_tensor *w = c->arg[1].t;
  lun_cuda_conv g = geometry(c->out[0], c->arg[0].t, w->shape[2], w->shape[3], c->arg[4].i, c->arg[5].i);
  const T *dy = lun_elements<T>(c->arg[0].t);
  T *dx = lun_elements<T>(c->out[0]);
  int64_t n = lun_numel(c->out[0]);
  lun_tensor *weights;
  if (!n) return LUN_OK;
  if (!g.k) return fill_zero<T>(c, dx, n);
  LUN_TRY(take_weights<T>(c, g, w, &weights));
  int st = lun_cuda_dnn_dx(c, &g, dy, lun_elements<T>(weights), dx);
  if (st == LUN_EUNSUPPORTED) st = dx_product<T>(c, g, dy, lun_elements<T>(weights), dx);
  lun_release(weights);
  return st;
}

int lun_cuda_conv2d_dx(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return conv2d_dx_as<T>(c);); }

/* ---- conv2d_dw: x dy kernel_h kernel_w stride padding -> dw ---- */

/* dw as (k,r,s,c), summed over groups in their order. */
template <class T> static int dw_product(lun_call *c, lun_cuda_conv g, const T *x, const T *dy, void *dw) {
  typedef typename number<T>::real R;
  lun_tensor *cols;
  int64_t images, all = g.n, wide = patch(g), rows = g.p * g.q;
  LUN_TRY(make_group(c, g, g.dtype, &cols, &images));
  int st = LUN_OK;
  for (int64_t i = 0; i < all && !st; i += images) {
    const T *from = x + i * g.h * g.w * g.c;
    g.n = all - i < images ? all - i : images;
    if (cols) st = columns_of<T>(c, g, from, lun_elements<T>(cols));
    if (cols) from = lun_elements<T>(cols);
    lun_cuda_product p = product(g.k, wide, g.n * rows, g.dtype, lun_dtype_of<R>(), dy + i * rows * g.k, g.k, true,
                                 from, wide, false, i > 0, dw);
    if (!st) st = lun_cuda_gemm(c, &p);
  }
  lun_release(cols);
  return st;
}

template <class T> static int conv2d_dw_as(lun_call *c) {
  typedef typename number<T>::real R;
  lun_cuda_conv g = geometry(c->arg[0].t, c->arg[1].t, c->arg[2].i, c->arg[3].i, c->arg[4].i, c->arg[5].i);
  const T *x = lun_elements<T>(c->arg[0].t), *dy = lun_elements<T>(c->arg[1].t);
  R *dw = lun_elements<R>(c->out[0]);
  int64_t n = lun_numel(c->out[0]);
  lun_tensor *made;
  if (!n) return LUN_OK;
  if (!g.n) return fill_zero<R>(c, dw, n);
  LUN_TRY(lun_cuda_scratch(c, lun_dtype_of<R>(), n, &made)); /* its front half where cuDNN gives bf16 only */
  lun_dtype got = lun_dtype_of<R>();
  int st = lun_cuda_dnn_dw(c, &g, x, dy, got, lun_elements<R>(made));
  if (st == LUN_EUNSUPPORTED && g.dtype == LUN_BF16) {
    st = lun_cuda_dnn_dw(c, &g, x, dy, LUN_BF16, lun_elements<R>(made));
    if (!st) got = LUN_BF16;
  }
  if (st == LUN_EUNSUPPORTED) st = dw_product<T>(c, g, x, dy, lun_elements<R>(made));
  if (!st && got == LUN_BF16)
    st = turn_weights<bf16, R, true>(c, g, lun_elements<bf16>(made), dw);
  else if (!st)
    st = turn_weights<R, R, true>(c, g, lun_elements<R>(made), dw);
  lun_release(made);
  return st;
}

int lun_cuda_conv2d_dw(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return conv2d_dw_as<T>(c);); }
