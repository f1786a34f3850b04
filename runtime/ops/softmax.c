/* softmax.c: softmax, its logarithm, and cross entropy, over the last axis. */
#include "core/op.h"

#include <math.h>

#define KERNELS "softmax_kernels.h"
#include "real.h"

static void rows_of(const lun_tensor *x, int64_t *n, int64_t *k) {
  *k = x->shape[x->ndim - 1];
  *n = *k ? lun_numel(x) / *k : 0;
}

static int softmax_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  if (x->ndim < 1) return lun_bad(c, LUN_ESHAPE, "x must have at least one axis, got a scalar");
  return lun_out(c, 0, x->dtype, x->ndim, x->shape);
}

static int softmax_of(lun_call *c, bool take_log) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n, k;
  rows_of(x, &n, &k);
  BY_REAL(x->dtype, softmax_rows, lun_data(x), lun_data(c->out[0]), n, k, take_log, c->threads);
  return LUN_OK;
}
static int softmax_cpu(lun_call *c) { return softmax_of(c, false); }
static int log_softmax_cpu(lun_call *c) { return softmax_of(c, true); }

static int softmax_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "softmax_grad", din, "ttb", dout[0], c->out[0], 0);
}
static int log_softmax_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "softmax_grad", din, "ttb", dout[0], c->out[0], 1);
}

static const char *const softmax_samples[] = {"x=normal[3,5]", "x=normal[2,3,4]", "x=normal[1]", "x=normal[0,4]", NULL};
const lun_op LUN_ROW(softmax) = {
    .name = "softmax",
    .args = "x:tensor -> y",
    .doc = "Normalised exponentials along the last axis of x; rows sum to 1. f32 and f64.",
    .shape = softmax_shape,
    .cpu = softmax_cpu,
    .grad = softmax_backward,
    .keep = "y",
    .samples = softmax_samples,
    .method = true,
};
const lun_op LUN_ROW(log_softmax) = {
    .name = "log_softmax",
    .args = "x:tensor -> y",
    .doc = "The logarithm of softmax along the last axis of x, computed without overflow. f32 and f64.",
    .shape = softmax_shape,
    .cpu = log_softmax_cpu,
    .grad = log_softmax_backward,
    .keep = "y",
    .samples = softmax_samples,
    .method = true,
};

static int softmax_grad_shape(lun_call *c) {
  LUN_TRY(softmax_shape(c));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  return lun_need_same_shape(c, 1, 0);
}

static int softmax_grad_cpu(lun_call *c) {
  const lun_tensor *g = c->arg[0].t;
  int64_t n, k;
  rows_of(g, &n, &k);
  BY_REAL(g->dtype, softmax_grad_rows, lun_data(g), lun_data(c->arg[1].t), lun_data(c->out[0]), n, k, c->arg[2].b,
          c->threads);
  return LUN_OK;
}

static const char *const softmax_grad_samples[] = {"dy=normal[3,5] y=unit[3,5]",
                                                   "dy=normal[3,5] y=normal[3,5] log=true", NULL};
const lun_op LUN_ROW(softmax_grad) = {
    .name = "softmax_grad",
    .args = "dy:tensor y:tensor log:bool=false -> dx",
    .doc = "The gradient of softmax, or of log_softmax where log is true, from dy and the output y.",
    .shape = softmax_grad_shape,
    .cpu = softmax_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = softmax_grad_samples,
};

/* ---- cross entropy ---- */

static int check_labels(lun_call *c, int arg, int64_t n, int64_t k) {
  const lun_tensor *l = c->arg[arg].t;
  LUN_TRY(lun_need_dtype(c, arg, LUN_I64));
  LUN_TRY(lun_need_shape(c, arg, 1, &n, "one label a row of logits"));
  for (int64_t i = 0; l->device == LUN_CPU && i < n; i++)
    if (lun_i64(l)[i] < 1 || lun_i64(l)[i] > k)
      return lun_bad(c, LUN_EARG, "labels[%lld] is %lld, outside 1..%lld%s", (long long)i + 1, (long long)lun_i64(l)[i],
                     (long long)k, lun_i64(l)[i] == 0 ? " (labels count from 1)" : "");
  return LUN_OK;
}

static int cross_entropy_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  if (!x->shape[0] || !x->shape[1])
    return lun_bad(c, LUN_ESHAPE, "logits must not be empty: the mean over no row is undefined");
  LUN_TRY(check_labels(c, 1, x->shape[0], x->shape[1]));
  LUN_TRY(lun_out(c, 0, x->dtype, 0, NULL));
  return lun_out(c, 1, x->dtype, 1, x->shape);
}

static int cross_entropy_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  BY_REAL(x->dtype, cross_entropy_rows, lun_data(x), lun_i64(c->arg[1].t), lun_data(c->out[0]), lun_data(c->out[1]),
          x->shape[0], x->shape[1]);
  return LUN_OK;
}

/* The second output serves the backward pass and has no gradient of its own. */
static int cross_entropy_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  if (!dout[0]) return LUN_OK;
  return lun_do(c->ctx, "cross_entropy_grad", din, "tttt", dout[0], c->arg[0].t, c->arg[1].t, c->out[1]);
}

static const char *const cross_entropy_samples[] = {"logits=normal[4,3] labels=pos3[4]",
                                                    "logits=normal[1,1] labels=pos1[1]", NULL};
const lun_op LUN_ROW(cross_entropy) = {
    .name = "cross_entropy",
    .args = "logits:tensor labels:constant -> loss lse:constant",
    .doc = "The mean over rows of -log softmax(logits)[label]; logits (n,k), labels (n) i64 counted from 1.\n"
           "Second output: log-sum-exp of each row, which the gradient reads; it carries no gradient.",
    .shape = cross_entropy_shape,
    .cpu = cross_entropy_cpu,
    .grad = cross_entropy_backward,
    .keep = "logits labels lse",
    .samples = cross_entropy_samples,
};

static int cross_entropy_grad_shape(lun_call *c) {
  const lun_tensor *x = c->arg[1].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_shape(c, 0, 0, NULL, "a scalar"));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(lun_need_ndim(c, 1, 2));
  LUN_TRY(check_labels(c, 2, x->shape[0], x->shape[1]));
  LUN_TRY(lun_need_same_dtype(c, 3, 0));
  LUN_TRY(lun_need_shape(c, 3, 1, x->shape, "one number a row"));
  return lun_out(c, 0, x->dtype, 2, x->shape);
}

static int cross_entropy_grad_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[1].t;
  BY_REAL(x->dtype, cross_entropy_grad_rows, lun_data(c->arg[0].t), lun_data(x), lun_i64(c->arg[2].t),
          lun_data(c->arg[3].t), lun_data(c->out[0]), x->shape[0], x->shape[1], c->threads);
  return LUN_OK;
}

static const char *const cross_entropy_grad_samples[] = {
    "dloss=normal[] logits=normal[4,3] labels=pos3[4] lse=positive[4]", NULL};
const lun_op LUN_ROW(cross_entropy_grad) = {
    .name = "cross_entropy_grad",
    .args = "dloss:tensor logits:tensor labels:constant lse:tensor -> dlogits",
    .doc = "The gradient of cross_entropy: dloss / n times (softmax - one-hot label), softmax from logits, labels and "
           "lse.",
    .shape = cross_entropy_grad_shape,
    .cpu = cross_entropy_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = cross_entropy_grad_samples,
};
