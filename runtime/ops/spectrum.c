/* spectrum.c: eigenvalues of symmetric matrices, for measures of how many directions a representation uses.
** Householder reduction to tridiagonal form, then the implicitly shifted QL iteration (Golub and Van Loan, 8.3).
*/
#include "core/op.h"

#include <math.h>
#include <string.h>

static int eigenvalues_shape(lun_call *c) {
  const lun_tensor *a = c->arg[0].t;
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_dtype(c, 0, LUN_F64));
  if (a->shape[0] != a->shape[1])
    return lun_bad(c, LUN_ESHAPE, "a must be square, got (%lld,%lld)", (long long)a->shape[0], (long long)a->shape[1]);
  for (int64_t i = 0; a->device == LUN_CPU && i < lun_numel(a); i++)
    if (!isfinite(lun_f64(a)[i])) return lun_bad(c, LUN_ENAN, "a holds NaN or infinity");
  return lun_out(c, 0, LUN_F64, 1, a->shape);
}

/* Row k of what is left of A is reflected onto its last element below the diagonal; d and e take the tridiagonal form.
** a (n,n) is overwritten, p is work of n. Only rows and columns below k are in use afterwards. */
static int tridiagonal(lun_call *c, double *a, int64_t n, double *d, double *e, double *p) {
  for (int64_t k = n - 1; k > 0; k--) {
    double *v = a + k * n, norm = 0;
    if (lun_poll(c)) return lun_interrupted(c);
    d[k] = v[k];
    for (int64_t j = 0; j < k; j++) norm += v[j] * v[j];
    norm = sqrt(norm);
    e[k] = v[k - 1] > 0 ? -norm : norm;
    if (norm == 0) continue;
    v[k - 1] -= e[k];
    double half = norm * norm - (v[k - 1] + e[k]) * e[k]; /* |v|^2 / 2 */
    int threads = k > 256 ? c->threads : 1;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < k; i++) {
      const double *row = a + i * n;
      double s = 0;
#pragma omp simd reduction(+ : s)
      for (int64_t j = 0; j < k; j++) s += row[j] * v[j];
      p[i] = s / half;
    }
    double vp = 0;
    for (int64_t j = 0; j < k; j++) vp += v[j] * p[j];
    for (int64_t j = 0; j < k; j++) p[j] -= vp / (2 * half) * v[j];
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < k; i++) {
      double *row = a + i * n, vi = v[i], pi = p[i];
#pragma omp simd
      for (int64_t j = 0; j < k; j++) row[j] -= vi * p[j] + pi * v[j];
    }
  }
  d[0] = a[0];
  e[0] = 0;
  return LUN_OK;
}

/* d: diagonal, e[1..n-1]: below it. d becomes the eigenvalues. */
static int iterate(lun_call *c, double *d, double *e, int64_t n) {
  for (int64_t i = 1; i < n; i++) e[i - 1] = e[i];
  e[n - 1] = 0;
  for (int64_t l = 0; l < n; l++) {
    for (int turn = 0;; turn++) {
      int64_t m = l;
      while (m < n - 1 && fabs(e[m]) > 0x1p-52 * (fabs(d[m]) + fabs(d[m + 1]))) m++;
      if (m == l) break;
      if (turn == 60)
        return lun_bad(c, LUN_EDATA, "the iteration did not converge at eigenvalue %lld", (long long)l + 1);
      double g = (d[l + 1] - d[l]) / (2 * e[l]), r = hypot(g, 1), s = 1, co = 1, p = 0;
      g = d[m] - d[l] + e[l] / (g + copysign(r, g));
      int64_t i = m - 1;
      for (; i >= l; i--) {
        double f = s * e[i], b = co * e[i];
        e[i + 1] = r = hypot(f, g);
        if (r == 0) { /* the matrix splits here */
          d[i + 1] -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        co = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * co * b;
        p = s * r;
        d[i + 1] = g + p;
        g = co * r - b;
      }
      if (i >= l) continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
  return LUN_OK;
}

static void sort_ascending(double *d, int64_t n) {
  for (int64_t gap = n / 2; gap > 0; gap /= 2)
    for (int64_t i = gap; i < n; i++) {
      double v = d[i];
      int64_t j = i;
      for (; j >= gap && d[j - gap] > v; j -= gap) d[j] = d[j - gap];
      d[j] = v;
    }
}

static int eigenvalues_cpu(lun_call *c) {
  int64_t n = c->arg[0].t->shape[0];
  double *work = NULL, *d = lun_f64(c->out[0]);
  if (n == 0) return LUN_OK;
  LUN_TRY(lun_scratch(c, (n * n + 2 * n) * (int64_t)sizeof *work, (void **)&work));
  memcpy(work, lun_f64(c->arg[0].t), (size_t)(n * n) * sizeof *work);
  int st = tridiagonal(c, work, n, d, work + n * n, work + n * n + n);
  if (!st) st = iterate(c, d, work + n * n, n);
  if (!st) sort_ascending(d, n);
  lun_scratch_free(c, work);
  return st;
}

static const char *const eigenvalues_samples[] = {"a=normal[5,5]@f64", "a=normal[1,1]@f64", "a=normal[0,0]@f64", NULL};
const lun_op LUN_ROW(symmetric_eigenvalues) = {
    .name = "symmetric_eigenvalues",
    .args = "a:constant -> values",
    .doc = "Eigenvalues, ascending, of the symmetric matrix a (n,n; f64). Of each pair a_ij, a_ji one may be read.",
    .shape = eigenvalues_shape,
    .cpu = eigenvalues_cpu,
    .no_grad = "for measuring",
    .samples = eigenvalues_samples,
};
