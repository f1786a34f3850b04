/* norm.c: batch normalisation, plain and fused with ReLU and the addition of a residual branch.
**
** Bound by memory: forward reads x twice and writes y once; backward reads x and dy twice and writes dx once. The ReLU
** variant keeps no output on the CPU: it is made again from x where it is needed.
*/
#include "ops/activation.h"

#include <math.h>

typedef enum { PLAIN, RELU, ADD_RELU } activation;

typedef struct {
  const lun_tensor *x, *residual, *gamma, *beta, *running_mean, *running_var;
  bool training;
  double momentum, eps;
} norm_args;

typedef struct {
  const lun_tensor *dy, *x, *y, *mean, *rstd, *gamma, *beta, *dmean, *drstd;
  bool training;
} norm_grad_args;

static int64_t pixels(const lun_tensor *x) { return x->shape[0] * x->shape[2] * x->shape[3]; }

/* About 32,768 elements, so that a chunk stays in a core's cache between its two readings. */
static int64_t chunk_rows(int64_t ch) {
  int64_t r = 32768 / (ch > 0 ? ch : 1);
  return r < 16 ? 16 : r > 512 ? 512 : r;
}

#define KERNELS "ops/norm_kernels.h"
#include "ops/each_float.h"

static int per_channel(lun_call *c, int arg) {
  if (!c->arg[arg].t) return LUN_OK;
  LUN_TRY(need_weight_dtype(c, arg, 0));
  return lun_need_shape(c, arg, 1, &c->arg[0].t->shape[1], "(channels of x)");
}

/* ---- forward ---- */

/* `at` is the place of gamma: 1, or 2 where a residual stands between. */
static norm_args forward_args(const lun_call *c, int at) {
  const lun_arg *a = c->arg;
  return (norm_args){
      a[0].t,     at == 2 ? a[1].t : NULL, a[at].t, a[at + 1].t, a[at + 2].t, a[at + 3].t, a[at + 4].b, a[at + 5].f,
      a[at + 6].f};
}

static int forward_shape(lun_call *c, int at) {
  const lun_tensor *x = c->arg[0].t;
  norm_args a = forward_args(c, at);
  char s[128];
  LUN_TRY(need_activation(c, 0));
  if (at == 2) {
    LUN_TRY(lun_need_same_dtype(c, 1, 0));
    LUN_TRY(lun_need_same_shape(c, 1, 0));
  }
  for (int i = at; i < at + 4; i++) LUN_TRY(per_channel(c, i));
  if (!a.running_mean != !a.running_var)
    return lun_bad(c, LUN_EARG, "running_mean and running_var come together or not at all");
  if (!a.training && !a.running_mean)
    return lun_bad(c, LUN_EARG, "training = false normalises by running_mean and running_var, which are missing");
  if (a.training && pixels(x) == 1)
    return lun_bad(c, LUN_ESHAPE,
                   "training needs more than one value per channel, x is %s; use a larger batch or training = false",
                   lun_shape_text(4, x->shape, s, sizeof s));
  if (a.eps <= 0) return lun_bad(c, LUN_EARG, "eps must be above 0, got %g", a.eps);
  if (a.momentum < 0 || a.momentum > 1) return lun_bad(c, LUN_EARG, "momentum must lie in 0..1, got %g", a.momentum);
  LUN_TRY(lun_out(c, 0, x->dtype, 4, x->shape));
  LUN_TRY(lun_out(c, 1, weight_dtype(x), 1, &x->shape[1]));
  return lun_out(c, 2, weight_dtype(x), 1, &x->shape[1]);
}

static int run_forward(lun_call *c, int at, activation act) {
  norm_args a = forward_args(c, at);
  return PICK(a.x->dtype, norm_forward)(c, &a, act);
}

/* The gradient of output 0, or zeros where only mean or rstd had one. */
static int gradient_of_y(lun_call *c, lun_tensor *dy, lun_tensor **out) {
  if (dy) {
    *out = lun_retain(dy);
    return LUN_OK;
  }
  const lun_tensor *y = c->out[0];
  lun_tensor *z;
  LUN_TRY(lun_empty_image(c->ctx, y->dtype, y->device, y->shape, &z));
  int st = lun_do(c->ctx, "full_like", out, "tf", z, 0.0);
  lun_release(z);
  return st;
}

static void hand_out(lun_call *c, lun_tensor **made, int n, const int *arg, lun_tensor **din) {
  for (int k = 0; k < n; k++)
    if (c->needs[arg[k]])
      din[arg[k]] = made[k];
    else
      lun_release(made[k]);
}

#define NORM_DOC                                                                                                       \
  "x (n,c,h,w) f32, bf16 or f64 and y like it; features (n,c) are images of 1 x 1. gamma, beta, running_mean and "     \
  "running_var (c) are f32, f64 beside f64; gamma and beta are 1 and 0 where left out.\n"                              \
  "training: statistics of the batch (biased variance); the running ones move by momentum towards them (unbiased "     \
  "variance). Otherwise the running ones, constants in the gradient.\n"                                                \
  "mean (c) and rstd (c) = 1/sqrt(variance + eps) are those used."

static int batch_norm_shape(lun_call *c) { return forward_shape(c, 1); }
static int batch_norm_cpu(lun_call *c) { return run_forward(c, 1, PLAIN); }

static int batch_norm_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  const lun_arg *a = c->arg;
  lun_tensor *dy, *made[3];
  LUN_TRY(gradient_of_y(c, dout[0], &dy));
  int st = lun_do(c->ctx, "batch_norm_grad", made, "tttttttb", dy, a[0].t, c->out[1], c->out[2], a[1].t, dout[1],
                  dout[2], (int)a[5].b);
  lun_release(dy);
  if (!st) hand_out(c, made, 3, (const int[]){0, 1, 2}, din);
  return st;
}

static const char *const batch_norm_samples[] = {
    "x=normal[3,4,2,3] gamma=normal[4] beta=normal[4]",
    "x=normal[4,3,1,1]",
    "x=normal[2,1,1,1] gamma=normal[1] beta=normal[1] eps=0.1",
    "x=normal[5,2,3,3] gamma=normal[2] beta=normal[2] running_mean=normal[2] running_var=positive[2]",
    "x=normal[3,4,2,2] gamma=normal[4] beta=normal[4] running_mean=normal[4] running_var=positive[4] training=false",
    "x=normal[5,8,3,3] gamma=normal[8] beta=normal[8]",
    "x=normal[0,3,2,2] gamma=normal[3] beta=normal[3]",
    NULL};
const lun_op LUN_ROW(batch_norm) = {
    .name = "batch_norm",
    .args = "x:image gamma:tensor? beta:tensor? running_mean:tensor!? running_var:tensor!? training:bool=true "
            "momentum:float=0.1 eps:float=1e-5 -> y:image mean rstd",
    .doc = "Batch normalisation y = (x - mean) rstd gamma + beta of every channel.\n" NORM_DOC,
    .shape = batch_norm_shape,
    .cpu = batch_norm_cpu,
    .grad = batch_norm_grad_of,
    .keep = "x gamma mean rstd",
    .samples = batch_norm_samples,
    .tolerance = 1e-5,
};

static int batch_norm_relu_cpu(lun_call *c) { return run_forward(c, 1, RELU); }

static int batch_norm_relu_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  const lun_arg *a = c->arg;
  lun_tensor *dy, *made[3];
  LUN_TRY(gradient_of_y(c, dout[0], &dy));
  int st = lun_do(c->ctx, "batch_norm_relu_grad", made, "ttttttttb", dy, a[0].t, c->out[1], c->out[2], a[1].t, a[2].t,
                  dout[1], dout[2], (int)a[5].b);
  lun_release(dy);
  if (!st) hand_out(c, made, 3, (const int[]){0, 1, 2}, din);
  return st;
}

static int batch_norm_relu_again(lun_call *c, lun_tensor **out) {
  return lun_do(c->ctx, "normalize_relu", out, "ttttt", c->arg[0].t, c->out[1], c->out[2], c->arg[1].t, c->arg[2].t);
}

const lun_op LUN_ROW(batch_norm_relu) = {
    .name = "batch_norm_relu",
    .args = "x:image gamma:tensor? beta:tensor? running_mean:tensor!? running_var:tensor!? training:bool=true "
            "momentum:float=0.1 eps:float=1e-5 -> y:image mean rstd",
    .doc = "batch_norm followed by ReLU, in one pass; on the CPU y is not kept for the gradient but made again from "
           "x.\n" NORM_DOC,
    .shape = batch_norm_shape,
    .cpu = batch_norm_relu_cpu,
    .grad = batch_norm_relu_grad_of,
    .keep = "x gamma beta mean rstd",
    .recompute = batch_norm_relu_again,
    .samples = batch_norm_samples,
    .tolerance = 1e-5,
    .kinks =
        "where the normalised value is 0; a random sample comes within the finite difference of it with a chance of "
        "about 1e-4",
};

static int batch_norm_add_relu_shape(lun_call *c) { return forward_shape(c, 2); }
static int batch_norm_add_relu_cpu(lun_call *c) { return run_forward(c, 2, ADD_RELU); }

static int batch_norm_add_relu_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  const lun_arg *a = c->arg;
  lun_tensor *dy, *made[4];
  LUN_TRY(gradient_of_y(c, dout[0], &dy));
  int st = lun_do(c->ctx, "batch_norm_add_relu_grad", made, "ttttttttb", dy, a[0].t, c->out[0], c->out[1], c->out[2],
                  a[2].t, dout[1], dout[2], (int)a[6].b);
  lun_release(dy);
  if (!st) hand_out(c, made, 4, (const int[]){0, 1, 2, 3}, din);
  return st;
}

static const char *const batch_norm_add_relu_samples[] = {
    "x=normal[3,4,2,3] residual=normal[3,4,2,3] gamma=normal[4] beta=normal[4]",
    "x=normal[4,3,1,1] residual=normal[4,3,1,1]",
    "x=normal[5,8,3,3] residual=normal[5,8,3,3]",
    "x=normal[3,4,2,2] residual=normal[3,4,2,2] gamma=normal[4] beta=normal[4] running_mean=normal[4] "
    "running_var=positive[4] training=false",
    "x=normal[0,3,2,2] residual=normal[0,3,2,2]",
    NULL};
const lun_op LUN_ROW(batch_norm_add_relu) = {
    .name = "batch_norm_add_relu",
    .args = "x:image residual:image gamma:tensor? beta:tensor? running_mean:tensor!? running_var:tensor!? "
            "training:bool=true momentum:float=0.1 eps:float=1e-5 -> y:image mean rstd",
    .doc = "ReLU(batch_norm(x) + residual), the end of a residual block, in one pass; residual has x's shape and "
           "dtype.\n" NORM_DOC,
    .shape = batch_norm_add_relu_shape,
    .cpu = batch_norm_add_relu_cpu,
    .grad = batch_norm_add_relu_grad_of,
    .keep = "x gamma y mean rstd",
    .samples = batch_norm_add_relu_samples,
    .tolerance = 1e-5,
    .kinks = "where the sum is 0; a random sample comes within the finite difference of it with a chance of about 1e-4",
};

/* ---- normalize_relu: what batch_norm_relu does once its statistics are known ---- */

static int normalize_relu_shape(lun_call *c) {
  LUN_TRY(need_activation(c, 0));
  for (int i = 1; i < 5; i++) LUN_TRY(per_channel(c, i));
  return lun_out(c, 0, c->arg[0].t->dtype, 4, c->arg[0].t->shape);
}

static int normalize_relu_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, normalize_relu)(c); }

static const char *const normalize_relu_samples[] = {
    "x=normal[3,4,2,3] mean=normal[4] rstd=positive[4] gamma=normal[4] beta=normal[4]",
    "x=normal[5,24,3,3] mean=normal[24] rstd=positive[24] gamma=normal[24]",
    "x=normal[1,1,1,1] mean=normal[1] rstd=positive[1]", NULL};
const lun_op LUN_ROW(normalize_relu) = {
    .name = "normalize_relu",
    .args = "x:image mean:tensor rstd:tensor gamma:tensor? beta:tensor? -> y:image",
    .doc = "ReLU((x - mean) rstd gamma + beta) with given statistics (c): makes batch_norm_relu's output again.",
    .shape = normalize_relu_shape,
    .cpu = normalize_relu_cpu,
    .no_grad = "used inside gradients; batch_norm_relu offers one",
    .samples = normalize_relu_samples,
};

/* ---- backward ---- */

/* dy and x at 0 and 1; the arguments from..upto are per channel, scale being that of dy. */
static int backward_shape(lun_call *c, int outs, int from, int upto) {
  const lun_tensor *x = c->arg[0].t;
  LUN_TRY(need_activation(c, 0));
  for (int i = 1; i < from; i++) {
    LUN_TRY(lun_need_same_dtype(c, i, 0));
    LUN_TRY(lun_need_same_shape(c, i, 0));
  }
  for (int i = from; i <= upto; i++) LUN_TRY(per_channel(c, i));
  for (int k = 0; k < outs - 2; k++) LUN_TRY(lun_out(c, k, x->dtype, 4, x->shape));
  LUN_TRY(lun_out(c, outs - 2, weight_dtype(x), 1, &x->shape[1]));
  return lun_out(c, outs - 1, weight_dtype(x), 1, &x->shape[1]);
}

#define NORM_GRAD_DOC                                                                                                  \
  "mean, rstd: as the forward op returned them; dmean, drstd: gradients that came to those outputs; training as "      \
  "there. dgamma and dbeta are made whether or not there was a gamma."

static int batch_norm_grad_shape(lun_call *c) { return backward_shape(c, 3, 2, 6); }

static int batch_norm_grad_cpu(lun_call *c) {
  const lun_arg *a = c->arg;
  norm_grad_args g = {.dy = a[0].t,
                      .x = a[1].t,
                      .mean = a[2].t,
                      .rstd = a[3].t,
                      .gamma = a[4].t,
                      .dmean = a[5].t,
                      .drstd = a[6].t,
                      .training = a[7].b};
  return PICK(g.x->dtype, norm_backward)(c, &g, PLAIN);
}

static const char *const batch_norm_grad_samples[] = {
    "dy=normal[3,4,2,3] x=normal[3,4,2,3] mean=normal[4] rstd=positive[4] gamma=normal[4]",
    "dy=normal[3,4,2,3] x=normal[3,4,2,3] mean=normal[4] rstd=positive[4] dmean=normal[4] drstd=normal[4]",
    "dy=normal[5,24,3,3] x=normal[5,24,3,3] mean=normal[24] rstd=positive[24] gamma=normal[24]",
    "dy=normal[3,2,1,1] x=normal[3,2,1,1] mean=normal[2] rstd=positive[2] gamma=normal[2] training=false", NULL};
const lun_op LUN_ROW(batch_norm_grad) = {
    .name = "batch_norm_grad",
    .args = "dy:image x:image mean:tensor rstd:tensor gamma:tensor? dmean:tensor? drstd:tensor? training:bool=true -> "
            "dx:image dgamma dbeta",
    .doc = "Gradient of batch_norm.\n" NORM_GRAD_DOC,
    .shape = batch_norm_grad_shape,
    .cpu = batch_norm_grad_cpu,
    .no_grad = "it is a gradient; second derivatives are not offered",
    .samples = batch_norm_grad_samples,
};

static int batch_norm_relu_grad_shape(lun_call *c) { return backward_shape(c, 3, 2, 7); }

static int batch_norm_relu_grad_cpu(lun_call *c) {
  const lun_arg *a = c->arg;
  norm_grad_args g = {.dy = a[0].t,
                      .x = a[1].t,
                      .mean = a[2].t,
                      .rstd = a[3].t,
                      .gamma = a[4].t,
                      .beta = a[5].t,
                      .dmean = a[6].t,
                      .drstd = a[7].t,
                      .training = a[8].b};
  return PICK(g.x->dtype, norm_backward)(c, &g, RELU);
}

static const char *const batch_norm_relu_grad_samples[] = {
    "dy=normal[3,4,2,3] x=normal[3,4,2,3] mean=normal[4] rstd=positive[4] gamma=normal[4] beta=normal[4]",
    "dy=normal[3,4,2,3] x=normal[3,4,2,3] mean=normal[4] rstd=positive[4] dmean=normal[4] drstd=normal[4]",
    "dy=normal[5,24,3,3] x=normal[5,24,3,3] mean=normal[24] rstd=positive[24] gamma=normal[24] beta=normal[24]",
    "dy=normal[3,2,1,1] x=normal[3,2,1,1] mean=normal[2] rstd=positive[2] training=false", NULL};
const lun_op LUN_ROW(batch_norm_relu_grad) = {
    .name = "batch_norm_relu_grad",
    .args = "dy:image x:image mean:tensor rstd:tensor gamma:tensor? beta:tensor? dmean:tensor? drstd:tensor? "
            "training:bool=true -> dx:image dgamma dbeta",
    .doc = "Gradient of batch_norm_relu; where ReLU passed is found again from x.\n" NORM_GRAD_DOC,
    .shape = batch_norm_relu_grad_shape,
    .cpu = batch_norm_relu_grad_cpu,
    .no_grad = "it is a gradient; second derivatives are not offered",
    .samples = batch_norm_relu_grad_samples,
};

static int batch_norm_add_relu_grad_shape(lun_call *c) { return backward_shape(c, 4, 3, 7); }

static int batch_norm_add_relu_grad_cpu(lun_call *c) {
  const lun_arg *a = c->arg;
  norm_grad_args g = {.dy = a[0].t,
                      .x = a[1].t,
                      .y = a[2].t,
                      .mean = a[3].t,
                      .rstd = a[4].t,
                      .gamma = a[5].t,
                      .dmean = a[6].t,
                      .drstd = a[7].t,
                      .training = a[8].b};
  return PICK(g.x->dtype, norm_backward)(c, &g, ADD_RELU);
}

static const char *const batch_norm_add_relu_grad_samples[] = {
    "dy=normal[3,4,2,3] x=normal[3,4,2,3] y=away[3,4,2,3] mean=normal[4] rstd=positive[4] gamma=normal[4]",
    "dy=normal[3,4,2,3] x=normal[3,4,2,3] y=away[3,4,2,3] mean=normal[4] rstd=positive[4] dmean=normal[4] "
    "drstd=normal[4]",
    "dy=normal[5,24,3,3] x=normal[5,24,3,3] y=away[5,24,3,3] mean=normal[24] rstd=positive[24] gamma=normal[24]",
    "dy=normal[3,2,1,1] x=normal[3,2,1,1] y=away[3,2,1,1] mean=normal[2] rstd=positive[2] training=false", NULL};
const lun_op LUN_ROW(batch_norm_add_relu_grad) = {
    .name = "batch_norm_add_relu_grad",
    .args = "dy:image x:image y:image mean:tensor rstd:tensor gamma:tensor? dmean:tensor? drstd:tensor? "
            "training:bool=true -> dx:image dresidual:image dgamma dbeta",
    .doc = "Gradient of batch_norm_add_relu, y being its output.\n" NORM_GRAD_DOC,
    .shape = batch_norm_add_relu_grad_shape,
    .cpu = batch_norm_add_relu_grad_cpu,
    .no_grad = "it is a gradient; second derivatives are not offered",
    .samples = batch_norm_add_relu_grad_samples,
};
