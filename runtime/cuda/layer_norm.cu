/* layer_norm.cu: layer normalisation over the last axis, rows of d elements.
**
** Bound by memory: forward moves 2 elements per element of x (read x, write y), backward 3 (read dy and x, write dx).
** Forward, a warp, or a part of one where rows are short, takes a row and reads it three times, the second and third
** time from the L1 cache. Backward, a block takes rows one after the other and keeps its columns' shares of dgamma and
** dbeta; a second kernel adds those of the blocks. Where a row has more packs than a block's threads keep in registers,
** it is read twice and the shares are in memory.
*/
#include "kernels.h"
#include "columns.h"
#include "reduce.h"
#include "scratch.h"

#ifdef LUN_CUDA_SMALL /* small, so that the tests' blocks have several rows and their rows several packs a thread */
static const int64_t BACKWARD_BLOCKS = 4, BACKWARD_THREADS = 64, FORWARD_WARPS = 2;
#else
static const int64_t BACKWARD_BLOCKS = 1024, BACKWARD_THREADS = 256, FORWARD_WARPS = 8;
#endif

/* ---- forward ---- */

/* Every lane of each group of `lanes` gets the group's sum; the whole warp calls it. */
template <class R> static __device__ R group_sum(R v, int lanes) {
  for (int by = lanes / 2; by; by /= 2) v += __shfl_xor_sync(0xffffffffu, v, by);
  return v;
}

/* lanes: of a warp, that take a row; a power of two. The others take the next rows. */
template <class T, int V>
static __global__ void layer_rows(const T *__restrict__ x, const typename number<T>::real *__restrict__ gamma,
                                  const typename number<T>::real *__restrict__ beta, int64_t rows, int64_t d, int lanes,
                                  double eps, T *__restrict__ y, typename number<T>::real *mean,
                                  typename number<T>::real *rstd) {
  typedef typename number<T>::real R;
  int64_t first = (int64_t)(threadIdx.x % (unsigned)lanes) * V, step = (int64_t)lanes * V;
  int64_t group = threadIdx.x / (unsigned)lanes, groups = blockDim.x / (unsigned)lanes;
  /* Every thread comes through as often, so that warps stay whole for the sums. */
  for (int64_t base = (int64_t)blockIdx.x * groups; base < rows; base += (int64_t)gridDim.x * groups) {
    int64_t i = base + group, size = i < rows ? d : 0;
    const T *from = x + i * d;
    R sum = 0, square = 0;
    for (int64_t j = first; j < size; j += step) {
      pack<T, V> p = lun_load<T, V>(from + j);
      for (int v = 0; v < V; v++) sum += number<T>::get(p.v[v]);
    }
    R m = group_sum(sum, lanes) / (R)d;
    for (int64_t j = first; j < size; j += step) {
      pack<T, V> p = lun_load<T, V>(from + j);
      for (int v = 0; v < V; v++) square += (number<T>::get(p.v[v]) - m) * (number<T>::get(p.v[v]) - m);
    }
    R r = (R)(1 / sqrt((double)(group_sum(square, lanes) / (R)d) + eps));
    if (i < rows && first == 0) mean[i] = m, rstd[i] = r;
    for (int64_t j = first; j < size; j += step) {
      pack<T, V> p = lun_load<T, V>(from + j);
      lun_parts<R, V> scale, shift;
      scale.load(gamma + j);
      shift.load(beta + j);
      for (int v = 0; v < V; v++) p.v[v] = number<T>::put((number<T>::get(p.v[v]) - m) * r * scale[v] + shift[v]);
      lun_store<T, V>(y + i * d + j, p);
    }
  }
}

static int64_t last_of(const lun_tensor *x) { return x->shape[x->ndim - 1]; }
static int64_t rows_of(const lun_tensor *x) {
  int64_t rows = 1;
  for (int i = 0; i < x->ndim - 1; i++) rows *= x->shape[i];
  return rows;
}

template <class T> static int layer_norm_as(lun_call *c) {
  typedef typename number<T>::real R;
  const lun_arg *a = c->arg;
  int64_t rows = rows_of(a[0].t), d = last_of(a[0].t);
  const T *x = lun_elements<T>(a[0].t);
  T *y = lun_elements<T>(c->out[0]);
  if (!rows) return LUN_OK;
  LUN_BY_PACK(lun_in_packs(d, sizeof(T), x, y, lun_elements<R>(a[1].t), lun_elements<R>(a[2].t)), {
    int lanes = 1;
    while (lanes < 32 && lanes < d / V) lanes *= 2;
    int64_t groups = FORWARD_WARPS * 32 / lanes, blocks = (rows + groups - 1) / groups;
    return LUN_LAUNCH(c, (layer_rows<T, V>), lun_cuda_grid(blocks), FORWARD_WARPS * 32, 0, x, lun_elements<R>(a[1].t),
                      lun_elements<R>(a[2].t), rows, d, lanes, a[3].f, y, lun_elements<R>(c->out[1]),
                      lun_elements<R>(c->out[2]));
  });
}
int lun_cuda_layer_norm(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return layer_norm_as<T>(c);); }

/* ---- backward ---- */

template <class R> struct layer_grad {
  const R *mean, *rstd, *gamma;
  R *part; /* [block][2][d] */
  int64_t rows, d;
};

/* V elements of dx, once the row's sums are known. */
template <class T, int V, class R>
static __device__ void layer_dx(pack<T, V> dy, const pack<T, V> &x, const R *gamma, R m, R r, R sum, R dot, T *to) {
  lun_parts<R, V> scale;
  scale.load(gamma);
  for (int v = 0; v < V; v++) {
    R h = (number<T>::get(x.v[v]) - m) * r;
    dy.v[v] = number<T>::put(r * (number<T>::get(dy.v[v]) * scale[v] - sum - h * dot));
  }
  lun_store<T, V>(to, dy);
}

/* KEEP: packs of a row that a thread keeps; 0: any number, read again, with the shares added up in part. */
template <class T, int V, int KEEP>
static __global__ void layer_gradient(const T *__restrict__ dy, const T *__restrict__ x,
                                      layer_grad<typename number<T>::real> g, T *__restrict__ dx) {
  typedef typename number<T>::real R;
  constexpr int HELD = KEEP ? KEEP : 1;
  LUN_SHARED(R, shared);
  int64_t step = (int64_t)blockDim.x * V, first = (int64_t)threadIdx.x * V;
  lun_parts<R, V> dgamma[HELD], dbeta[HELD];
  R *part = g.part + (int64_t)blockIdx.x * 2 * g.d;
  for (int q = 0; q < HELD; q++)
    for (int v = 0; v < V; v++) dgamma[q][v] = dbeta[q][v] = 0;
  if constexpr (KEEP == 0)
    for (int64_t j = first; j < g.d; j += step)
      for (int v = 0; v < V; v++) part[j + v] = part[g.d + j + v] = 0;
  for (int64_t i = blockIdx.x; i < g.rows; i += gridDim.x) {
    const T *gy = dy + i * g.d, *px = x + i * g.d;
    T *to = dx + i * g.d;
    R m = g.mean[i], r = g.rstd[i], sum = 0, dot = 0;
    pack<T, V> kept_g[HELD], kept_x[HELD];
    if constexpr (KEEP != 0) {
      LUN_UNROLL_BY(4)
      for (int q = 0; q < HELD; q++) {
        int64_t j = first + q * step;
        if (j >= g.d) continue;
        kept_g[q] = lun_load<T, V>(gy + j);
        kept_x[q] = lun_load<T, V>(px + j);
        lun_parts<R, V> scale;
        scale.load(g.gamma + j);
        for (int v = 0; v < V; v++) {
          R e = number<T>::get(kept_g[q].v[v]), h = (number<T>::get(kept_x[q].v[v]) - m) * r;
          dgamma[q][v] += e * h;
          dbeta[q][v] += e;
          sum += e * scale[v];
          dot += e * scale[v] * h;
        }
      }
    } else {
      for (int64_t j = first; j < g.d; j += step) {
        pack<T, V> pg = lun_load<T, V>(gy + j), pp = lun_load<T, V>(px + j);
        for (int v = 0; v < V; v++) {
          R e = number<T>::get(pg.v[v]), h = (number<T>::get(pp.v[v]) - m) * r;
          part[j + v] += e * h;
          part[g.d + j + v] += e;
          sum += e * g.gamma[j + v];
          dot += e * g.gamma[j + v] * h;
        }
      }
    }
    sum = lun_block_reduce<lun_sum>(sum, (R)0, shared) / (R)g.d;
    dot = lun_block_reduce<lun_sum>(dot, (R)0, shared) / (R)g.d;
    if constexpr (KEEP != 0) {
      LUN_UNROLL_BY(4)
      for (int q = 0; q < HELD; q++) {
        int64_t j = first + q * step;
        if (j < g.d) layer_dx<T, V>(kept_g[q], kept_x[q], g.gamma + j, m, r, sum, dot, to + j);
      }
    } else {
      for (int64_t j = first; j < g.d; j += step)
        layer_dx<T, V>(lun_load<T, V>(gy + j), lun_load<T, V>(px + j), g.gamma + j, m, r, sum, dot, to + j);
    }
  }
  if constexpr (KEEP != 0) {
    LUN_UNROLL_BY(4)
    for (int q = 0; q < HELD; q++) {
      int64_t j = first + q * step;
      if (j >= g.d) continue;
      dgamma[q].store(part + j);
      dbeta[q].store(part + g.d + j);
    }
  }
}

template <class R>
static __global__ void fold_layer_gradient(const R *part, int64_t blocks, int64_t d, R *dgamma, R *dbeta) {
  LUN_SHARED(double, shared);
  int64_t k;
  double g, b;
  if (!lun_fold_sums(part, blocks, d, shared, &k, &g, &b)) return;
  dgamma[k] = (R)g;
  dbeta[k] = (R)b;
}

/* As many threads as a row has packs, in whole warps; each keeps up to KEEP packs. */
template <class T, int V, int KEEP>
static int layer_gradient_launch(lun_call *c, const layer_grad<typename number<T>::real> &g, int64_t blocks) {
  typedef typename number<T>::real R;
  int64_t packs = g.d / V, warps = (packs + 31) / 32;
  unsigned threads = (unsigned)(warps < BACKWARD_THREADS / 32 ? warps * 32 : BACKWARD_THREADS);
  return LUN_LAUNCH(c, (layer_gradient<T, V, KEEP>), (unsigned)blocks, threads, threads / 32 * sizeof(R),
                    lun_elements<T>(c->arg[0].t), lun_elements<T>(c->arg[1].t), g, lun_elements<T>(c->out[0]));
}

template <class T> static int layer_norm_grad_as(lun_call *c) {
  typedef typename number<T>::real R;
  const lun_arg *a = c->arg;
  int64_t rows = rows_of(a[1].t), d = last_of(a[1].t), blocks = rows < BACKWARD_BLOCKS ? rows : BACKWARD_BLOCKS;
  lun_tensor *part;
  if (!d) return LUN_OK;
  LUN_TRY(lun_cuda_scratch(c, lun_dtype_of<R>(), blocks * 2 * d, &part));
  layer_grad<R> g = {
      lun_elements<R>(a[2].t), lun_elements<R>(a[3].t), lun_elements<R>(a[4].t), lun_elements<R>(part), rows, d};
  int st = LUN_OK;
  if (rows)
    LUN_BY_PACK(lun_in_packs(d, sizeof(T), lun_elements<T>(a[0].t), lun_elements<T>(a[1].t), lun_elements<T>(c->out[0]),
                             g.gamma),
                {
                  int64_t packs = d / V;
                  if (packs <= BACKWARD_THREADS)
                    st = layer_gradient_launch<T, V, 1>(c, g, blocks);
                  else if (packs <= 4 * BACKWARD_THREADS)
                    st = layer_gradient_launch<T, V, 4>(c, g, blocks);
                  else
                    st = layer_gradient_launch<T, V, 0>(c, g, blocks);
                });
  unsigned folders = lun_fold_threads(blocks);
  if (!st)
    st = LUN_LAUNCH(c, fold_layer_gradient<R>, lun_fold_blocks(d), folders, 2 * folders * sizeof(double), g.part,
                    blocks, d, lun_elements<R>(c->out[1]), lun_elements<R>(c->out[2]));
  lun_release(part);
  return st;
}
int lun_cuda_layer_norm_grad(lun_call *c) { LUN_BY_FLOAT(c, c->arg[1].t->dtype, return layer_norm_grad_as<T>(c);); }
