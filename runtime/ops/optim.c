/* optim.c: optimizer steps over lists of tensors, in place. A parameter whose gradient is absent is left out by the
 * caller. */
#include "core/op.h"

#include <math.h>

#define KERNELS "optim_kernels.h"
#include "real.h"

/* Lists 0..lists-1 must pair up: equal lengths, shapes, dtypes and layouts. */
static int check_lists(lun_call *c, int lists) {
  int n = c->arg[0].list.n;
  const char *first = lun_arg_name(c, 0);
  for (int k = 0; k < lists; k++) {
    if (c->arg[k].list.n != n)
      return lun_bad(c, LUN_EARG, "%s must hold as many tensors as %s, %d, got %d", lun_arg_name(c, k), first, n,
                     c->arg[k].list.n);
    for (int i = 0; i < n; i++) {
      const lun_tensor *p = c->arg[0].list.v[i], *t = c->arg[k].list.v[i];
      bool same = p->ndim == t->ndim && p->dtype == t->dtype;
      for (int a = 0; same && a < p->ndim; a++) same = p->shape[a] == t->shape[a];
      if (!same)
        return lun_bad(c, LUN_ESHAPE, "%s[%d] must have the shape and dtype of %s[%d]", lun_arg_name(c, k), i + 1,
                       first, i + 1);
      if (lun_is_dense(p) != lun_is_dense(t))
        return lun_bad(c, LUN_EARG, "%s[%d] must be laid out like %s[%d]", lun_arg_name(c, k), i + 1, first, i + 1);
      if (p->dtype != LUN_F32 && p->dtype != LUN_F64)
        return lun_bad(c, LUN_EDTYPE, "%s[%d] must be f32 or f64, got %s", first, i + 1, lun_dtype_name(p->dtype));
    }
  }
  return LUN_OK;
}

static int sgd_shape(lun_call *c) { return check_lists(c, 3); }

static int sgd_cpu(lun_call *c) {
  for (int i = 0; i < c->arg[0].list.n; i++) {
    lun_tensor *w = c->arg[0].list.v[i];
    BY_REAL(w->dtype, momentum_update, lun_data(w), lun_data(c->arg[1].list.v[i]), lun_data(c->arg[2].list.v[i]),
            lun_numel(w), c->arg[3].f, c->arg[4].f, c->arg[5].f, 1, c->arg[6].b, c->threads);
  }
  return LUN_OK;
}

static const char *const sgd_samples[] = {
    "params=normal[3,4]+normal[5] grads=normal[3,4]+normal[5] buffers=normal[3,4]+normal[5] lr=0.1",
    "params=normal[3] grads=normal[3] buffers=normal[3] lr=0.1 momentum=0 weight_decay=0.5 nesterov=true", NULL};
const lun_op LUN_ROW(sgd_step) = {
    .name = "sgd_step",
    .args = "params:tensors! grads:tensors buffers:tensors! lr:float momentum:float=0.9 weight_decay:float=0 "
            "nesterov:bool=false",
    .doc =
        "One step of SGD with momentum: d = grad + weight_decay param; buffer = momentum buffer + d; param -= lr "
        "buffer\n"
        "(or lr (d + momentum buffer) where nesterov). params, grads and buffers (zeros at first) pair up; f32 or f64.",
    .shape = sgd_shape,
    .cpu = sgd_cpu,
    .no_grad = "it updates in place",
    .samples = sgd_samples,
};

/* Trust ratio eta |w| / (|g| + weight_decay |w| + 1e-8), with clip at most lr: the step is then lr min(ratio / lr, 1).
** 1-D tensors (biases, norms) get neither the ratio nor decay. You et al. 2017, in solo-learn's form. */
static int lars_cpu(lun_call *c) {
  double lr = c->arg[3].f, decay = c->arg[5].f, eta = c->arg[6].f;
  bool clip = c->arg[7].b, exclude = c->arg[8].b;
  for (int i = 0; i < c->arg[0].list.n; i++) {
    lun_tensor *w = c->arg[0].list.v[i], *g = c->arg[1].list.v[i];
    int64_t n = lun_numel(w);
    double ratio = 1, wd = 0, wn = 0, gn = 0;
    if (!exclude || w->ndim > 1) {
      wn = BY_REAL(w->dtype, length, lun_data(w), n);
      gn = BY_REAL(w->dtype, length, lun_data(g), n);
    }
    if (wn > 0 && gn > 0) { /* a tensor of zeros, or without gradient, moves as under plain SGD without decay */
      wd = decay;
      ratio = eta * wn / (gn + decay * wn + 1e-8);
      if (clip && lr > 0) ratio = ratio / lr < 1 ? ratio / lr : 1;
    }
    BY_REAL(w->dtype, momentum_update, lun_data(w), lun_data(g), lun_data(c->arg[2].list.v[i]), n, lr, c->arg[4].f, wd,
            ratio, c->arg[9].b, c->threads);
  }
  return LUN_OK;
}

static const char *const lars_samples[] = {
    "params=normal[3,4]+normal[5] grads=normal[3,4]+normal[5] buffers=normal[3,4]+normal[5] lr=0.1",
    "params=normal[3,2] grads=normal[3,2] buffers=normal[3,2] lr=0.1 weight_decay=0.5 clip=false", NULL};
const lun_op LUN_ROW(lars_step) = {
    .name = "lars_step",
    .args = "params:tensors! grads:tensors buffers:tensors! lr:float momentum:float=0.9 weight_decay:float=0 "
            "eta:float=0.02 "
            "clip:bool=true exclude_1d:bool=true nesterov:bool=false",
    .doc = "One step of LARS (You et al. 2017): SGD in which each tensor's d is scaled by q = eta |param| / (|grad| + "
           "weight_decay |param|).\n"
           "clip: q = min(q / lr, 1), solo-learn's default form. exclude_1d: biases and norms get neither q nor weight "
           "decay.\n"
           "params, grads and buffers (zeros at first) pair up; momentum, nesterov and lr as in sgd_step; f32 or f64.",
    .shape = sgd_shape,
    .cpu = lars_cpu,
    .no_grad = "it updates in place",
    .samples = lars_samples,
};

static int adamw_shape(lun_call *c) {
  if (c->arg[5].i < 1) return lun_bad(c, LUN_EARG, "step counts from 1, got %lld", (long long)c->arg[5].i);
  return check_lists(c, 4);
}

static int adamw_cpu(lun_call *c) {
  double b1 = c->arg[6].f, b2 = c->arg[7].f, t = (double)c->arg[5].i;
  for (int i = 0; i < c->arg[0].list.n; i++) {
    lun_tensor *w = c->arg[0].list.v[i];
    BY_REAL(w->dtype, adamw_update, lun_data(w), lun_data(c->arg[1].list.v[i]), lun_data(c->arg[2].list.v[i]),
            lun_data(c->arg[3].list.v[i]), lun_numel(w), c->arg[4].f, b1, b2, c->arg[8].f, c->arg[9].f, 1 - pow(b1, t),
            1 - pow(b2, t), c->threads);
  }
  return LUN_OK;
}

static const char *const adamw_samples[] = {"params=normal[3,4]+normal[5] grads=normal[3,4]+normal[5] "
                                            "first=normal[3,4]+normal[5] second=unit[3,4]+unit[5] lr=0.1 step=3",
                                            NULL};
const lun_op LUN_ROW(adamw_step) = {
    .name = "adamw_step",
    .args = "params:tensors! grads:tensors first:tensors! second:tensors! lr:float step:int beta1:float=0.9 "
            "beta2:float=0.999 "
            "eps:float=1e-8 weight_decay:float=0.01",
    .doc = "One step of AdamW (Loshchilov and Hutter 2019): moments first and second (zeros at first) with decay beta1 "
           "and beta2,\n"
           "bias-corrected for step (counted from 1), eps in the denominator, weight_decay decoupled, all "
           "times lr. params, grads pair up; f32 or f64.",
    .shape = adamw_shape,
    .cpu = adamw_cpu,
    .no_grad = "it updates in place",
    .samples = adamw_samples,
};

/* ---- the slow copy of a network ---- */

static int ema_shape(lun_call *c) {
  double m = c->arg[2].f;
  if (!(m >= 0 && m <= 1)) return lun_bad(c, LUN_EARG, "momentum must lie between 0 and 1, got %g", m);
  return check_lists(c, 2);
}

/* One parallel region for all tensors: most of a network's are too small for one of their own. */
static int ema_cpu(lun_call *c) {
  int64_t total = 0;
  for (int i = 0; i < c->arg[0].list.n; i++) total += lun_numel(c->arg[0].list.v[i]);
#pragma omp parallel num_threads(c->threads) if (total > 65536)
  for (int i = 0; i < c->arg[0].list.n; i++) {
    lun_tensor *t = c->arg[0].list.v[i];
    BY_REAL(t->dtype, moving_average, lun_data(t), lun_data(c->arg[1].list.v[i]), lun_numel(t), c->arg[2].f);
  }
  return LUN_OK;
}

static const char *const ema_samples[] = {"targets=normal[3,4]+normal[5] sources=normal[3,4]+normal[5] momentum=0.9",
                                          "targets=normal[1] sources=normal[1] momentum=1",
                                          "targets=normal[2,0] sources=normal[2,0] momentum=0", NULL};
const lun_op LUN_ROW(ema_update) = {
    .name = "ema_update",
    .args = "targets:tensors! sources:tensors momentum:float",
    .doc =
        "Exponential moving average of tensors, in place: target = momentum target + (1 - momentum) source.\n"
        "targets (a momentum encoder's parameters) and sources (the trained ones) pair up; f32 or f64. momentum lies "
        "in [0, 1];\n"
        "at 0 targets become copies. MoCo (He et al. 2020, equation 2), BYOL (Grill et al. 2020, equation 1), DINO.",
    .shape = ema_shape,
    .cpu = ema_cpu,
    .no_grad = "it updates in place",
    .samples = ema_samples,
};
