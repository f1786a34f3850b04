/* columns.h: something of every column of a row-major matrix (rows, ch), read once: channels of images stored
** channels-last, features of a batch. Blocks stand side by side over the columns and below each other over chunks of
** rows; inside a block, `lanes` threads side by side take a pack of V columns each, and `deep` of them below each other
** take every deep-th row. What a block finds goes to part[chunk][2][ch]; a second kernel folds the chunks in order, in
** double. All sizes depend on the matrix alone, not on the device: the same bits everywhere.
*/
#ifndef LUN_CUDA_COLUMNS_H
#define LUN_CUDA_COLUMNS_H

#include "pack.h"

#ifdef LUN_CUDA_SMALL /* small, so that the tests' small matrices have several blocks, chunks and rounds */
enum { LUN_COLUMNS_BLOCKS = 6, LUN_COLUMNS_ROUNDS = 2, LUN_COLUMNS_THREADS = 16, LUN_COLUMNS_LANES = 4 };
enum { LUN_FOLD_WIDE = 4, LUN_FOLD_DEEP = 2 };
#else
enum { LUN_COLUMNS_BLOCKS = 512, LUN_COLUMNS_ROUNDS = 4, LUN_COLUMNS_THREADS = 256, LUN_COLUMNS_LANES = 32 };
enum { LUN_FOLD_WIDE = 8, LUN_FOLD_DEEP = 32 };
#endif

struct columns {
  int64_t rows, ch, chunk; /* chunk: rows of one, a multiple of deep */
  int lanes, deep;         /* powers of two */
};

static inline columns lun_columns(int64_t rows, int64_t ch, int v) {
  columns m = {rows, ch, 0, 1, 1};
  int64_t packs = ch / v;
  while (m.lanes < LUN_COLUMNS_LANES && m.lanes < packs) m.lanes *= 2;
  while (m.lanes * m.deep < LUN_COLUMNS_THREADS && m.deep < rows) m.deep *= 2;
  int64_t wanted = LUN_COLUMNS_BLOCKS / ((packs + m.lanes - 1) / m.lanes);
  int64_t rounds = (rows + m.deep - 1) / m.deep, each = wanted > 1 ? (rounds + wanted - 1) / wanted : rounds;
  if (each < LUN_COLUMNS_ROUNDS) each = LUN_COLUMNS_ROUNDS;
  m.chunk = each * m.deep;
  return m;
}
static inline int64_t lun_columns_chunks(const columns &m) { return (m.rows + m.chunk - 1) / m.chunk; }
static inline dim3 lun_columns_grid(const columns &m, int v) {
  return dim3((unsigned)((m.ch / v + m.lanes - 1) / m.lanes), (unsigned)lun_columns_chunks(m));
}
static inline unsigned lun_columns_threads(const columns &m) { return (unsigned)(m.lanes * m.deep); }

/* What the running thread looks at: columns k .. k+V-1 of rows from, from + deep, ... below stop. inside: there are
** such columns. */
struct column_walk {
  int64_t k, from, stop;
  bool inside;
};
template <int V> static __device__ column_walk lun_column_walk(const columns &m, int64_t chunk) {
  int lane = (int)threadIdx.x % m.lanes, down = (int)threadIdx.x / m.lanes;
  column_walk w;
  w.k = ((int64_t)blockIdx.x * m.lanes + lane) * V;
  w.inside = w.k < m.ch;
  w.from = chunk * m.chunk + down;
  w.stop = (chunk + 1) * m.chunk < m.rows ? (chunk + 1) * m.chunk : m.rows;
  return w;
}

/* Adds two values of every column over the threads of the block that share it; the uppermost get the sums. shared: 2 V
** values per thread. All threads call it. */
template <int V, class R> static __device__ void lun_columns_sum(const columns &m, R *a, R *b, R *shared) {
  int threads = m.lanes * m.deep, t = (int)threadIdx.x, down = t / m.lanes;
  for (int v = 0; v < V; v++) shared[v * threads + t] = a[v], shared[(V + v) * threads + t] = b[v];
  for (int half = m.deep / 2; half; half /= 2) {
    __syncthreads();
    if (down < half)
      for (int v = 0; v < 2 * V; v++) shared[v * threads + t] += shared[v * threads + t + half * m.lanes];
  }
  for (int v = 0; v < V; v++) a[v] = shared[v * threads + t], b[v] = shared[(V + v) * threads + t];
}

/* ---- the second kernel: LUN_FOLD_WIDE columns to a block, up to LUN_FOLD_DEEP threads to a column ---- */

static inline unsigned lun_fold_threads(int64_t chunks) {
  unsigned deep = 1;
  while (deep < LUN_FOLD_DEEP && deep < chunks) deep *= 2;
  return deep * LUN_FOLD_WIDE;
}
static inline unsigned lun_fold_blocks(int64_t ch) { return (unsigned)((ch + LUN_FOLD_WIDE - 1) / LUN_FOLD_WIDE); }

/* Sums of part[..][0][k] and part[..][1][k] over the chunks. True in the one thread that has them, for column *k.
** shared: two doubles per thread. All threads call it. */
template <class R>
static __device__ bool lun_fold_sums(const R *part, int64_t chunks, int64_t ch, double *shared, int64_t *k, double *a,
                                     double *b) {
  int t = (int)threadIdx.x, threads = (int)blockDim.x, deep = threads / LUN_FOLD_WIDE, down = t / LUN_FOLD_WIDE;
  *k = (int64_t)blockIdx.x * LUN_FOLD_WIDE + t % LUN_FOLD_WIDE;
  double x = 0, y = 0;
  if (*k < ch) {
    LUN_UNROLL_BY(4)
    for (int64_t i = down; i < chunks; i += deep) {
      x += (double)part[2 * i * ch + *k];
      y += (double)part[(2 * i + 1) * ch + *k];
    }
  }
  shared[t] = x;
  shared[threads + t] = y;
  for (int half = deep / 2; half; half /= 2) {
    __syncthreads();
    if (down < half) {
      shared[t] += shared[t + half * LUN_FOLD_WIDE];
      shared[threads + t] += shared[threads + t + half * LUN_FOLD_WIDE];
    }
  }
  *a = shared[t];
  *b = shared[threads + t];
  return down == 0 && *k < ch;
}

#endif
