/* spectrum.cu: eigenvalues of symmetric matrices. Householder reduction to tridiagonal form, as ops/spectrum.c does it:
** each of its n steps reads what is left of the matrix twice and writes it once, 8 n^3 bytes in all, from the
** second-level cache up to n = 2,048. Then one thread an eigenvalue finds it by bisection, counting those below a
** number with a Sturm sequence (Golub and Van Loan, 8.4): they come out in order, and nothing waits for the host. */
#include "axes.h"
#include "copy.h"
#include "kernels.h"
#include "number.h"
#include "reduce.h"
#include "scratch.h"

enum { STEP_THREADS = 1024 };

/* One block: row k is reflected onto its last element below the diagonal. *half: |v|^2 / 2; 0: nothing is to do. */
static __global__ void LUN_WIDE reflect(double *a, int64_t n, int64_t k, double *d, double *e, double *half) {
  LUN_SHARED(double, shared);
  double *v = a + k * n, sum = 0;
  for (int64_t j = threadIdx.x; j < k; j += blockDim.x) sum += v[j] * v[j];
  sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
  if (threadIdx.x) return;
  double norm = sqrt(sum), last = v[k - 1] > 0 ? -norm : norm;
  d[k] = v[k];
  e[k] = last;
  *half = 0;
  if (norm == 0) return;
  v[k - 1] -= last;
  *half = norm * norm - (v[k - 1] + last) * last;
}

/* p = A v / half: a warp a row of the k that are left. */
static __global__ void times_v(const double *a, int64_t n, int64_t k, const double *half, double *p) {
  const double *v = a + k * n;
  int lane = (int)threadIdx.x % 32;
  int64_t groups = (int64_t)gridDim.x * (blockDim.x / 32);
  double h = *half;
  for (int64_t i = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / 32; i < k; i += groups) {
    double sum = 0;
    for (int64_t j = lane; j < k; j += 32) sum += a[i * n + j] * v[j];
    sum = lun_warp_reduce<lun_sum>(sum);
    if (lane == 0) p[i] = h != 0 ? sum / h : 0;
  }
}

/* One block: p -= (v . p) / (2 half) v. */
static __global__ void take_share(const double *a, int64_t n, int64_t k, const double *half, double *p) {
  LUN_SHARED(double, shared);
  const double *v = a + k * n;
  double sum = 0, h = *half;
  for (int64_t j = threadIdx.x; j < k; j += blockDim.x) sum += v[j] * p[j];
  sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
  if (h == 0) return;
  for (int64_t j = threadIdx.x; j < k; j += blockDim.x) p[j] -= sum / (2 * h) * v[j];
}

/* A -= v p' + p v' */
static __global__ void update(double *a, int64_t n, int64_t k, const double *half, const double *p) {
  const double *v = a + k * n;
  if (*half == 0) return;
  for (int64_t i = blockIdx.y; i < k; i += gridDim.y)
    for (int64_t j = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; j < k; j += (int64_t)gridDim.x * blockDim.x)
      a[i * n + j] -= v[i] * p[j] + p[i] * v[j];
}

/* One block: the ends of the tridiagonal form, and bounds of all eigenvalues (Gershgorin's circles). */
static __global__ void LUN_WIDE bound(const double *a, int64_t n, double *d, double *e, double *bounds) {
  LUN_SHARED(double, shared);
  double low = INFINITY, high = -INFINITY;
  if (threadIdx.x == 0) d[0] = a[0], e[0] = 0; /* which no other thread reads */
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    double around = fabs(e[i]) + (i + 1 < n ? fabs(e[i + 1]) : 0);
    low = lun_min::of(low, d[i] - around);
    high = lun_max::of(high, d[i] + around);
  }
  low = lun_block_reduce<lun_min>(low, (double)INFINITY, shared);
  high = lun_block_reduce<lun_max>(high, -(double)INFINITY, shared);
  if (threadIdx.x == 0) bounds[0] = low, bounds[1] = high;
}

/* values[k]: the number below which k eigenvalues lie and at or above which n - k do. */
static __global__ void LUN_WIDE bisect(const double *d, const double *e, const double *bounds, int64_t n,
                                       double *values) {
  LUN_EACH(k, n) {
    double most = fabs(bounds[0]) > fabs(bounds[1]) ? fabs(bounds[0]) : fabs(bounds[1]);
    double margin = most * 0x1p-50 + 1e-300, low = bounds[0] - margin, high = bounds[1] + margin;
    for (int turn = 0; turn < 100 && high - low > most * 0x1p-53; turn++) {
      double x = low + (high - low) / 2, q = 1;
      int64_t below = 0;
      if (!(x > low && x < high)) break;
      for (int64_t i = 0; i < n; i++) {
        q = d[i] - x - e[i] * e[i] / q; /* e[0] is 0 */
        if (fabs(q) < 1e-290) q = -1e-290;
        if (q < 0) below++;
      }
      if (below > k)
        high = x;
      else
        low = x;
    }
    values[k] = low + (high - low) / 2;
  }
}

static int eigenvalues(lun_call *c, lun_tensor *work, lun_tensor *vectors) {
  int64_t n = work->shape[0];
  double *a = lun_elements<double>(work), *d = lun_elements<double>(vectors), *e = d + n, *p = e + n, *half = p + n;
  const size_t shared = 32 * sizeof(double);
  LUN_TRY(lun_cuda_copy(c, work, c->arg[0].t));
  for (int64_t k = n - 1; k > 0; k--) {
    int threads = k < STEP_THREADS ? (int)((k + 31) / 32 * 32) : (int)STEP_THREADS;
    dim3 tiles((unsigned)((k + LUN_CUDA_THREADS - 1) / LUN_CUDA_THREADS), (unsigned)(k < 65535 ? k : 65535));
    if (lun_poll(c)) return lun_interrupted(c);
    LUN_TRY(LUN_LAUNCH(c, reflect, 1, threads, shared, a, n, k, d, e, half));
    LUN_TRY(LUN_LAUNCH(c, times_v, (unsigned)((k + 7) / 8), LUN_CUDA_THREADS, 0, a, n, k, half, p));
    LUN_TRY(LUN_LAUNCH(c, take_share, 1, threads, shared, a, n, k, half, p));
    LUN_TRY(LUN_LAUNCH(c, update, tiles, LUN_CUDA_THREADS, 0, a, n, k, half, p));
  }
  LUN_TRY(LUN_LAUNCH(c, bound, 1, LUN_CUDA_THREADS, shared, a, n, d, e, half + 1));
  return LUN_LAUNCH(c, bisect, (unsigned)((n + 31) / 32), 32, 0, d, e, half + 1, n, lun_elements<double>(c->out[0]));
}

int lun_cuda_symmetric_eigenvalues(lun_call *c) {
  const lun_tensor *a = c->arg[0].t;
  lun_tensor *work = NULL, *vectors = NULL;
  if (!a->shape[0]) return LUN_OK;
  int st = lun_empty(c->ctx, LUN_F64, c->device, 2, a->shape, &work);
  if (!st) st = lun_cuda_scratch(c, LUN_F64, 3 * a->shape[0] + 3, &vectors);
  if (!st) st = eigenvalues(c, work, vectors);
  lun_release(work);
  lun_release(vectors);
  return st;
}
