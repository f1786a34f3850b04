/* ssl_vicreg.c: VICReg's loss (Bardes, Ponce and LeCun 2022, arXiv 2105.04906, equations 1 to 6).
**
** The covariance's gradient is z c for centred z (n,d) and c = z^T z (d,d) without its diagonal. With few samples and
** many features it is made as (z z^T) z less the diagonal's part instead, from an (n,n) matrix: the sum of all squares
** is that of c, and the diagonal's is subtracted, which is exact enough where it is not nearly all of it. */
#include "ops/ready_gradient.h"

#include <math.h>
#include <string.h>

#define KERNELS "ssl_vicreg_kernels.h"
#include "real.h"

static int vicreg_shape(lun_call *c) {
  const lun_tensor *z = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(lun_need_same_shape(c, 1, 0));
  if (z->shape[0] < 2 || z->shape[1] < 1)
    return lun_bad(c, LUN_ESHAPE, "z1 must hold at least two samples, for a variance, and one feature; got (%lld,%lld)",
                   (long long)z->shape[0], (long long)z->shape[1]);
  LUN_TRY(lun_out(c, 0, z->dtype, 0, NULL));
  LUN_TRY(lun_out(c, 1, z->dtype, 2, z->shape));
  return lun_out(c, 2, z->dtype, 2, z->shape);
}

/* Off-diagonal squares of z^T z summed, and their gradient / 4 as *y + z times, by column, *less. squares: z's
 * diagonal. */
static int redundancy(lun_call *c, lun_tensor *z, const double *squares, double *each, double *sum, lun_tensor **y,
                      double *less) {
  int64_t n = z->shape[0], d = z->shape[1];
  double all, diagonal = 0;
  lun_tensor *m = NULL;
  for (int64_t j = 0; j < d; j++) diagonal += squares[j] * squares[j];
  *less = 0;
  if (2 * n <= d) {
    LUN_TRY(lun_do(c->ctx, "matmul", &m, "ttbb", z, z, 0, 1));
    all = BY_REAL(z->dtype, product_sum, lun_data(m), lun_data(m), each, n, n, false, c->threads);
    if (diagonal <= all / 2) {
      *sum = all - diagonal;
      *less = 1;
    } else {
      lun_release(m);
      m = NULL;
    }
  }
  if (!m) {
    LUN_TRY(lun_do(c->ctx, "matmul", &m, "ttbb", z, z, 1, 0));
    *sum = BY_REAL(z->dtype, product_sum, lun_data(m), lun_data(m), each, d, d, true, c->threads);
  }
  int st = *less > 0 ? lun_do(c->ctx, "matmul", y, "tt", m, z) : lun_do(c->ctx, "matmul", y, "tt", z, m);
  lun_release(m);
  return st;
}

/* One view's variance and covariance terms; *loss grows, dz is written. work: 2 d + max(n, d) numbers. */
static int spread_view(lun_call *c, int arg, double *work, double *loss) {
  lun_tensor *x = c->arg[arg].t, *z = NULL, *y = NULL;
  int64_t n = x->shape[0], d = x->shape[1];
  double *squares = work, *weight = work + d, *each = work + 2 * d, sum = 0, less = 0, hinge = 0;
  double per = 1 / ((double)(n - 1) * (double)(n - 1) * (double)d), cov = c->arg[4].f * per, var = c->arg[3].f;
  LUN_TRY(lun_empty(c->ctx, x->dtype, x->device, 2, x->shape, &z));
  BY_REAL(x->dtype, center_columns, lun_data(x), lun_data(z), n, d, c->threads);
  BY_REAL(x->dtype, column_dots, lun_data(z), lun_data(z), squares, n, d, c->threads);
  int st = redundancy(c, z, squares, each, &sum, &y, &less);
  if (!st) {
    for (int64_t j = 0; j < d; j++) {
      double deviation = sqrt(squares[j] / (double)(n - 1) + 1e-4);
      hinge += deviation < 1 ? 1 - deviation : 0;
      weight[j] = -4 * cov * less * squares[j];
      if (deviation < 1) weight[j] -= var / (2 * (double)d * (double)(n - 1) * deviation);
    }
    BY_REAL(x->dtype, add_weighted_columns, lun_data(y), lun_data(z), weight, n, d, 4 * cov, c->threads);
    *loss += cov * sum + var / 2 * hinge / (double)d;
    st = lun_copy(c->out[1 + arg], y);
  }
  lun_release(z);
  lun_release(y);
  return st;
}

static int vicreg_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], d = x->shape[1];
  double *work = NULL, loss = 0, per = c->arg[2].f / ((double)n * (double)d);
  LUN_TRY(lun_scratch(c, (2 * d + (n > d ? n : d)) * (int64_t)sizeof *work, (void **)&work));
  int st = spread_view(c, 0, work, &loss);
  if (!st) st = spread_view(c, 1, work, &loss);
  if (!st)
    loss += per * BY_REAL(x->dtype, pull_together, lun_data(x), lun_data(c->arg[1].t), lun_data(c->out[1]),
                          lun_data(c->out[2]), work, n, d, 2 * per, c->threads);
  if (!st) st = lun_set(c->out[0], NULL, loss);
  lun_scratch_free(c, work);
  return st;
}

static int vicreg_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return ready_gradients(c, dout, din, 2);
}

static const char *const vicreg_samples[] = {"z1=normal[5,3] z2=normal[5,3]",
                                             "z1=normal[3,8] z2=normal[3,8]",
                                             "z1=low[4,4] z2=low[4,4] invariance=1 variance=3 covariance=2",
                                             "z1=low[2,1] z2=low[2,1]",
                                             "z1=low[9,2] z2=low[9,2]",
                                             NULL};
const lun_op LUN_ROW(vicreg) = {
    .name = "vicreg",
    .args = "z1:tensor z2:tensor invariance:float=25 variance:float=25 covariance:float=1 -> loss dz1:constant "
            "dz2:constant",
    .doc =
        "VICReg's loss of two views z1, z2 (n,d), n at least 2: invariance times the mean squared difference, plus "
        "variance / 2\n"
        "times the sum over views of mean_j max(0, 1 - std_j), plus covariance times that of the squared "
        "off-diagonal covariances / d\n"
        "(Bardes et al. 2022, equations 1 to 6); std = sqrt(var + 1e-4), variances with n - 1. Views are not "
        "normalised.\n"
        "The form of the authors' code and lightly; solo-learn does not halve the variance term: variance = 50 gives "
        "its loss.\n"
        "Outputs after the loss are its gradients to z1 and z2.",
    .shape = vicreg_shape,
    .cpu = vicreg_cpu,
    .grad = vicreg_backward,
    .keep = "dz1 dz2",
    .samples = vicreg_samples,
    .kinks = "max(0, 1 - std) at std = 1: the samples' deviations are well away from it",
};
