/* ssl_simclr.c: SimCLR's loss, NT-Xent (Chen et al. 2020, arXiv 2002.05709, equation 1), as one fused op. */
#include "core/op.h"

#include <math.h>

#define KERNELS "ssl_simclr_kernels.h"
#include "real.h"

/* The two views normalised and stacked into z (2n,d), their lengths into norm. */
static int stack_views(lun_call *c) {
  lun_tensor *both = NULL, *unit[2] = {NULL, NULL};
  LUN_TRY(lun_do(c->ctx, "cat", &both, "tti", c->arg[0].t, c->arg[1].t, (int64_t)0));
  int st = lun_do(c->ctx, "normalize", unit, "t", both);
  if (!st) st = lun_copy(c->out[1], unit[0]);
  if (!st) st = lun_copy(c->out[2], unit[1]);
  lun_release(both);
  lun_release(unit[0]);
  lun_release(unit[1]);
  return st;
}

static int simclr_shape(lun_call *c) {
  const lun_tensor *z = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(lun_need_same_shape(c, 1, 0));
  if (!(c->arg[2].f > 0)) return lun_bad(c, LUN_EARG, "temperature must be above 0, got %g", c->arg[2].f);
  if (z->shape[0] < 1 || z->shape[1] < 1)
    return lun_bad(c, LUN_ESHAPE, "z1 must hold at least one sample and one feature");
  int64_t stacked[2] = {2 * z->shape[0], z->shape[1]};
  LUN_TRY(lun_out(c, 0, z->dtype, 0, NULL));
  LUN_TRY(lun_out(c, 1, z->dtype, 2, stacked));
  LUN_TRY(lun_out(c, 2, z->dtype, 1, stacked));
  return lun_out(c, 3, z->dtype, 1, stacked);
}

static int simclr_cpu(lun_call *c) {
  lun_tensor *s = NULL;
  LUN_TRY(stack_views(c));
  LUN_TRY(lun_do(c->ctx, "matmul", &s, "ttbb", c->out[1], c->out[1], 0, 1));
  BY_REAL(s->dtype, nt_xent_rows, lun_data(s), lun_data(c->out[3]), lun_data(c->out[0]), c->arg[0].t->shape[0],
          c->arg[2].f, c->threads);
  lun_release(s);
  return LUN_OK;
}

static int simclr_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  lun_tensor *d[2] = {NULL, NULL};
  if (!dout[0]) return LUN_OK;
  LUN_TRY(lun_do(c->ctx, "simclr_grad", d, "ttttf", dout[0], c->out[1], c->out[2], c->out[3], c->arg[2].f));
  for (int i = 0; i < 2; i++)
    if (c->needs[i])
      din[i] = d[i];
    else
      lun_release(d[i]);
  return LUN_OK;
}

static const char *const simclr_samples[] = {"z1=normal[4,3] z2=normal[4,3]",
                                             "z1=normal[3,5] z2=normal[3,5] temperature=0.1",
                                             "z1=normal[1,2] z2=normal[1,2]", "z1=normal[1,70] z2=normal[1,70]", NULL};
const lun_op LUN_ROW(simclr) = {
    .name = "simclr",
    .args = "z1:tensor z2:tensor temperature:float=0.5 -> loss z:constant norm:constant lse:constant",
    .doc = "SimCLR's NT-Xent loss of two views z1, z2 (n,d): mean over the 2n samples of -log softmax of the positive "
           "pair's\n"
           "cosine similarity / temperature among the other 2n-1 (Chen et al. 2020, equation 1). Inputs are "
           "L2-normalised here.\n"
           "Outputs after the loss serve the gradient: unit rows z (2n,d), their norm and log-sum-exp lse (2n).",
    .shape = simclr_shape,
    .cpu = simclr_cpu,
    .grad = simclr_backward,
    .keep = "z norm lse",
    .samples = simclr_samples,
};

static int simclr_grad_shape(lun_call *c) {
  const lun_tensor *z = c->arg[1].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_shape(c, 0, 0, NULL, "a scalar"));
  for (int i = 1; i < 4; i++) LUN_TRY(lun_need_same_dtype(c, i, 0));
  LUN_TRY(lun_need_ndim(c, 1, 2));
  if (z->shape[0] % 2)
    return lun_bad(c, LUN_ESHAPE, "z must stack two views, got an odd number of rows, %lld", (long long)z->shape[0]);
  for (int i = 2; i < 4; i++) LUN_TRY(lun_need_shape(c, i, 1, z->shape, "one number a row of z"));
  int64_t shape[2] = {z->shape[0] / 2, z->shape[1]};
  LUN_TRY(lun_out(c, 0, z->dtype, 2, shape));
  return lun_out(c, 1, z->dtype, 2, shape);
}

static int simclr_grad_cpu(lun_call *c) {
  lun_tensor *z = c->arg[1].t, *s = NULL, *dz = NULL, *dx = NULL;
  int64_t n = z->shape[0] / 2;
  int st = lun_do(c->ctx, "matmul", &s, "ttbb", z, z, 0, 1);
  if (!st) {
    BY_REAL(z->dtype, nt_xent_weights, lun_data(s), lun_data(c->arg[3].t), lun_data(c->arg[0].t), n, c->arg[4].f,
            c->threads);
    st = lun_do(c->ctx, "matmul", &dz, "tt", s, z);
  }
  if (!st) st = lun_do(c->ctx, "normalize_grad", &dx, "ttt", dz, z, c->arg[2].t);
  for (int i = 0; i < 2 && !st; i++) {
    lun_tensor half = *dx;
    half.shape[0] = n;
    half.offset += i * n * z->shape[1];
    st = lun_copy(c->out[i], &half);
  }
  lun_release(s);
  lun_release(dz);
  lun_release(dx);
  return st;
}

static const char *const simclr_grad_samples[] = {"dloss=normal[] z=unit[6,3] norm=positive[6] lse=positive[6]", NULL};
const lun_op LUN_ROW(simclr_grad) = {
    .name = "simclr_grad",
    .args = "dloss:tensor z:tensor norm:tensor lse:tensor temperature:float=0.5 -> dz1 dz2",
    .doc = "The gradient of simclr from dloss and the outputs z, norm and lse of the forward pass at the same "
           "temperature.",
    .shape = simclr_grad_shape,
    .cpu = simclr_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = simclr_grad_samples,
};
