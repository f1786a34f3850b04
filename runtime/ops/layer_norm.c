/* layer_norm.c: layer normalisation (Ba et al. 2016) over the last axis. */
#include "ops/activation.h"

#include <math.h>

enum {
  CHUNK = 64
}; /* rows whose share of dgamma and dbeta is summed before the rest: the same for every thread count */

#define KERNELS "ops/layer_norm_kernels.h"
#include "ops/each_float.h"

static int need_axis(lun_call *c, int arg) {
  return c->arg[arg].t->ndim ? LUN_OK : lun_bad(c, LUN_ESHAPE, "%s must have at least one axis", lun_arg_name(c, arg));
}

/* Size of the last axis, and the number of rows before it. */
static int64_t last_of(const lun_tensor *x) { return x->shape[x->ndim - 1]; }

static int64_t rows_of(const lun_tensor *x) {
  int64_t rows = 1;
  for (int i = 0; i < x->ndim - 1; i++) rows *= x->shape[i];
  return rows;
}

static int layer_norm_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(need_axis(c, 0));
  int64_t d = last_of(x);
  for (int i = 1; i < 3; i++) {
    LUN_TRY(need_weight_dtype(c, i, 0));
    LUN_TRY(lun_need_shape(c, i, 1, &d, "(d), the size of x's last axis"));
  }
  if (!(c->arg[3].f > 0)) return lun_bad(c, LUN_EARG, "eps must be above 0, got %g", c->arg[3].f);
  LUN_TRY(lun_out(c, 0, x->dtype, x->ndim, x->shape));
  for (int k = 1; k < 3; k++) LUN_TRY(lun_out(c, k, weight_dtype(x), x->ndim - 1, x->shape));
  return LUN_OK;
}

static int layer_norm_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  return PICK(x->dtype, layer_forward)(c, rows_of(x), last_of(x));
}

static int layer_norm_gradient(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  lun_tensor *made[3];
  if (!dout[0]) return LUN_OK;
  LUN_TRY(lun_do(c->ctx, "layer_norm_grad", made, "ttttt", dout[0], c->arg[0].t, c->out[1], c->out[2], c->arg[1].t));
  for (int i = 0; i < 3; i++)
    if (c->needs[i])
      din[i] = made[i];
    else
      lun_release(made[i]);
  return LUN_OK;
}

static const char *const layer_norm_samples[] = {"x=normal[3,5] gamma=normal[5] beta=normal[5]",
                                                 "x=normal[2,70,3] gamma=normal[3] beta=normal[3] eps=0.1",
                                                 "x=normal[4,37] gamma=normal[37] beta=normal[37]",
                                                 "x=normal[6] gamma=normal[6] beta=normal[6]",
                                                 "x=normal[9,40] gamma=normal[40] beta=normal[40]",
                                                 "x=normal[0,4] gamma=normal[4] beta=normal[4]",
                                                 NULL};
const lun_op LUN_ROW(layer_norm) = {
    .name = "layer_norm",
    .args = "x:tensor gamma:tensor beta:tensor eps:float=1e-5 -> y mean:constant rstd:constant",
    .doc = "Layer normalisation y = (x - mean) rstd gamma + beta over the last axis (Ba et al. 2016).\n"
           "x (...,d) f32, bf16 or f64 and y like it; gamma and beta (d) are f32, f64 beside f64. rstd = 1/sqrt(biased "
           "variance + eps).\n"
           "mean and rstd (...) are those used, which the gradient reads; they carry none.",
    .shape = layer_norm_shape,
    .cpu = layer_norm_cpu,
    .grad = layer_norm_gradient,
    .keep = "x gamma mean rstd",
    .samples = layer_norm_samples,
    .tolerance = 1e-5,
};

static int layer_norm_grad_shape(lun_call *c) {
  const lun_tensor *x = c->arg[1].t;
  LUN_TRY(need_activation(c, 1));
  LUN_TRY(need_axis(c, 1));
  int64_t d = last_of(x);
  LUN_TRY(lun_need_same_dtype(c, 0, 1));
  LUN_TRY(lun_need_same_shape(c, 0, 1));
  for (int i = 2; i < 5; i++) {
    LUN_TRY(need_weight_dtype(c, i, 1));
    if (i < 4)
      LUN_TRY(lun_need_shape(c, i, x->ndim - 1, x->shape, "x's shape without its last axis"));
    else
      LUN_TRY(lun_need_shape(c, i, 1, &d, "(d), the size of x's last axis"));
  }
  LUN_TRY(lun_out(c, 0, x->dtype, x->ndim, x->shape));
  for (int k = 1; k < 3; k++) LUN_TRY(lun_out(c, k, weight_dtype(x), 1, &d));
  return LUN_OK;
}

static int layer_norm_grad_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[1].t;
  return PICK(x->dtype, layer_backward)(c, rows_of(x), last_of(x));
}

static const char *const layer_norm_grad_samples[] = {
    "dy=normal[3,5] x=normal[3,5] mean=normal[3] rstd=positive[3] gamma=normal[5]",
    "dy=normal[9,40] x=normal[9,40] mean=normal[9] rstd=positive[9] gamma=normal[40]",
    "dy=normal[2,300] x=normal[2,300] mean=normal[2] rstd=positive[2] gamma=normal[300]",
    "dy=normal[2,1101] x=normal[2,1101] mean=normal[2] rstd=positive[2] gamma=normal[1101]",
    "dy=normal[0,4] x=normal[0,4] mean=normal[0] rstd=positive[0] gamma=normal[4]",
    NULL};
const lun_op LUN_ROW(layer_norm_grad) = {
    .name = "layer_norm_grad",
    .args = "dy:tensor x:tensor mean:tensor rstd:tensor gamma:tensor -> dx dgamma dbeta",
    .doc = "The gradients of layer_norm to x, gamma and beta from dy (...,d), x, its outputs mean and rstd, and gamma.",
    .shape = layer_norm_grad_shape,
    .cpu = layer_norm_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = layer_norm_grad_samples,
};
