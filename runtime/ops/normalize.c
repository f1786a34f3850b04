/* normalize.c: rows scaled to unit Euclidean length. */
#include "core/op.h"

#include <math.h>

#define KERNELS "normalize_kernels.h"
#include "real.h"

static int normalize_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  if (!(c->arg[1].f > 0)) return lun_bad(c, LUN_EARG, "floor must be above 0, got %g", c->arg[1].f);
  LUN_TRY(lun_out(c, 0, x->dtype, 2, x->shape));
  return lun_out(c, 1, x->dtype, 1, x->shape);
}

static int normalize_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  BY_REAL(x->dtype, unit_rows, lun_data(x), lun_data(c->out[0]), lun_data(c->out[1]), x->shape[0], x->shape[1],
          c->arg[1].f, c->threads);
  return LUN_OK;
}

static int normalize_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  if (!dout[0]) return LUN_OK;
  return lun_do(c->ctx, "normalize_grad", din, "tttf", dout[0], c->out[0], c->out[1], c->arg[1].f);
}

static const char *const normalize_samples[] = {"x=normal[4,3]", "x=normal[1,1]", "x=normal[0,3]", NULL};
const lun_op LUN_ROW(normalize) = {
    .name = "normalize",
    .args = "x:tensor floor:float=1e-12 -> y norm:constant",
    .doc = "Each row of x (n,d) divided by its Euclidean length, which counts as at least floor.\n"
           "Second output: the lengths (n), which the gradient reads; it carries no gradient.",
    .shape = normalize_shape,
    .cpu = normalize_cpu,
    .grad = normalize_backward,
    .keep = "y norm",
    .samples = normalize_samples,
    .method = true,
};

static int normalize_grad_shape(lun_call *c) {
  const lun_tensor *g = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  for (int i = 1; i < 3; i++) LUN_TRY(lun_need_same_dtype(c, i, 0));
  LUN_TRY(lun_need_same_shape(c, 1, 0));
  LUN_TRY(lun_need_shape(c, 2, 1, g->shape, "one length a row"));
  return lun_out(c, 0, g->dtype, 2, g->shape);
}

static int normalize_grad_cpu(lun_call *c) {
  const lun_tensor *g = c->arg[0].t;
  BY_REAL(g->dtype, unit_grad_rows, lun_data(g), lun_data(c->arg[1].t), lun_data(c->arg[2].t), lun_data(c->out[0]),
          g->shape[0], g->shape[1], c->arg[3].f, c->threads);
  return LUN_OK;
}

static const char *const normalize_grad_samples[] = {"dy=normal[4,3] y=normal[4,3] norm=positive[4]", NULL};
const lun_op LUN_ROW(normalize_grad) = {
    .name = "normalize_grad",
    .args = "dy:tensor y:tensor norm:tensor floor:float=1e-12 -> dx",
    .doc = "The gradient of normalize from dy, its outputs y and norm, and its floor.",
    .shape = normalize_grad_shape,
    .cpu = normalize_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = normalize_grad_samples,
};
