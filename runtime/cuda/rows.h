/* rows.h: ops on the rows of a matrix. A row is the work of LANES threads: of a warp, or of a block of
** LUN_CUDA_THREADS where rows are long. A thread keeps its first LUN_ROW_HELD elements in registers, so that a row of
** up to LANES times that is read from memory once; what is longer is read again, from the cache as a rule. */
#ifndef LUN_CUDA_ROWS_H
#define LUN_CUDA_ROWS_H

#include "number.h"
#include "reduce.h"

enum { LUN_ROW_HELD = 8, LUN_ROW_SHORT = 32 * LUN_ROW_HELD };

/* Rows row, row + groups, ...: the loop's body is run by all LANES threads of each. */
#define LUN_EACH_ROW(LANES, row, rows)                                                                                 \
  for (int64_t row = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / (LANES),                                       \
               groups_ = (int64_t)gridDim.x * (blockDim.x / (LANES));                                                  \
       row < (rows); row += groups_)

/* All LANES threads get the result. shared: room for 32. */
template <int LANES, class F, class R> static __device__ R lun_row_reduce(R v, R nothing, R *shared) {
  return LANES == 32 ? lun_warp_reduce<F>(v) : lun_block_reduce<F>(v, nothing, shared);
}

/* The elements lane, lane + LANES, ... of one row; at(k) is the k-th of them. */
template <int LANES, class R> struct lun_row {
  const R *x;
  int64_t n;
  int lane;
  R held[LUN_ROW_HELD];

  __device__ void read(const R *row, int64_t size) {
    x = row;
    n = size;
    lane = (int)(threadIdx.x % LANES);
    LUN_UNROLL
    for (int k = 0; k < LUN_ROW_HELD; k++) held[k] = lane + k * LANES < n ? x[lane + k * LANES] : (R)0;
  }
  /* f(j, v) for each element j of value v that this thread has. */
  template <class G> __device__ void each(G f) const {
    LUN_UNROLL
    for (int k = 0; k < LUN_ROW_HELD; k++)
      if (lane + k * LANES < n) f((int64_t)(lane + k * LANES), held[k]);
    for (int64_t j = lane + LUN_ROW_HELD * LANES; j < n; j += LANES) f(j, x[j]);
  }
};

/* f(j, v, w) for each element of two rows of one size. */
template <int LANES, class R, class G>
static __device__ void lun_each_pair(const lun_row<LANES, R> &a, const lun_row<LANES, R> &b, G f) {
  LUN_UNROLL
  for (int k = 0; k < LUN_ROW_HELD; k++)
    if (a.lane + k * LANES < a.n) f((int64_t)(a.lane + k * LANES), a.held[k], b.held[k]);
  for (int64_t j = a.lane + LUN_ROW_HELD * LANES; j < a.n; j += LANES) f(j, a.x[j], b.x[j]);
}

static inline unsigned lun_row_blocks(int64_t rows, int64_t n) {
  int64_t per = n <= LUN_ROW_SHORT ? LUN_CUDA_THREADS / 32 : 1, blocks = (rows + per - 1) / per;
  return lun_cuda_grid(blocks);
}

/* Launches kernel<LANES, R> for rows of n elements, with shared memory for a reduction. */
#define LUN_LAUNCH_ROWS(call, kernel, R, rows, n, ...)                                                                 \
  ((n) <= LUN_ROW_SHORT ? LUN_LAUNCH(call, (kernel<32, R>), lun_row_blocks(rows, n), LUN_CUDA_THREADS, 0, __VA_ARGS__) \
                        : LUN_LAUNCH(call, (kernel<LUN_CUDA_THREADS, R>), lun_row_blocks(rows, n), LUN_CUDA_THREADS,   \
                                     32 * sizeof(double), __VA_ARGS__))

/* Runs the statements with R the element type: f32 or f64, of which the shape function has made sure. */
#define LUN_BY_REAL(dtype, ...)                                                                                        \
  do {                                                                                                                 \
    if ((dtype) == LUN_F64) {                                                                                          \
      typedef double R;                                                                                                \
      __VA_ARGS__                                                                                                      \
    } else {                                                                                                           \
      typedef float R;                                                                                                 \
      __VA_ARGS__                                                                                                      \
    }                                                                                                                  \
  } while (0)

static __device__ inline float lun_exp(float x) { return expf(x); }
static __device__ inline double lun_exp(double x) { return exp(x); }
static __device__ inline float lun_log(float x) { return logf(x); }
static __device__ inline double lun_log(double x) { return log(x); }
static __device__ inline float lun_sqrt(float x) { return sqrtf(x); }
static __device__ inline double lun_sqrt(double x) { return sqrt(x); }

#endif
