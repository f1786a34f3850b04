/* optim.c: optimizer steps over lists of tensors, in place. A parameter whose gradient is absent is left out by the
 * caller. */
#include "core/op.h"

#include <math.h>
#include <string.h>

enum { NORM_CHUNK = 4096 };

#define KERNELS "optim_kernels.h"
#include "real.h"

/* Scratch for the partial sums of the largest tensor of a list. */
static int norm_scratch(lun_call *c, const lun_arg *list, void **part) {
  int64_t most = 1;
  for (int i = 0; i < list->list.n; i++) {
    int64_t chunks = lun_numel(list->list.v[i]) / NORM_CHUNK + 1;
    most = chunks > most ? chunks : most;
  }
  return lun_scratch(c, most * (int64_t)sizeof(double), part);
}

/* Sum of squares of x + b y, or of x where y is NULL. */
static double square_sum(const lun_tensor *x, const lun_tensor *y, double b, double *part, int threads) {
  int64_t n = lun_numel(x);
  double total = 0;
  BY_REAL(x->dtype, squares, lun_data(x), y ? lun_data(y) : NULL, b, n, part, threads);
  for (int64_t k = 0; k * NORM_CHUNK < n; k++) total += part[k];
  return total;
}

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
    "params=normal[3] grads=normal[3] buffers=normal[3] lr=0.1 momentum=0 weight_decay=0.5 nesterov=true",
    "params=normal[0]+normal[310]+normal[2] grads=normal[0]+normal[310]+normal[2] "
    "buffers=normal[0]+normal[310]+normal[2] lr=0.1",
    NULL};
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

/* The trust ratio of one tensor, and *decay: the weight decay that goes with it. */
static double trust_ratio(const lun_call *c, const lun_tensor *w, const lun_tensor *g, double *part, double *decay) {
  double lr = c->arg[3].f, wd = c->arg[5].f, eta = c->arg[6].f, ratio = 1;
  bool clip = c->arg[7].b, exclude = c->arg[8].b, of_update = !strcmp(c->arg[10].s, "update"), decayed = c->arg[11].b;
  *decay = 0;
  if (exclude && w->ndim <= 1) return 1;
  double wn = sqrt(square_sum(w, NULL, 0, part, c->threads));
  double gn = sqrt(square_sum(g, of_update && wd != 0 ? w : NULL, wd, part, c->threads));
  if (wn > 0 && gn > 0) ratio = eta * wn / (of_update ? gn : gn + wd * wn + 1e-8);
  /* In the first form a tensor of zeros, or without gradient, moves as under plain SGD without decay. */
  if (of_update || (wn > 0 && gn > 0)) *decay = wd;
  if (!(wn > 0 && gn > 0) || (decayed && wd == 0)) return 1;
  return !clip ? ratio : lr > 0 ? fmin(ratio / lr, 1) : 1; /* lr is 0 where a warm-up begins */
}

static int lars_cpu(lun_call *c) {
  void *part = NULL;
  LUN_TRY(norm_scratch(c, &c->arg[0], &part));
  for (int i = 0; i < c->arg[0].list.n; i++) {
    lun_tensor *w = c->arg[0].list.v[i], *g = c->arg[1].list.v[i];
    double wd, ratio = trust_ratio(c, w, g, part, &wd);
    BY_REAL(w->dtype, momentum_update, lun_data(w), lun_data(g), lun_data(c->arg[2].list.v[i]), lun_numel(w),
            c->arg[3].f, c->arg[4].f, wd, ratio, c->arg[9].b, c->threads);
  }
  lun_scratch_free(c, part);
  return LUN_OK;
}

static const char *const lars_samples[] = {
    "params=normal[3,4]+normal[5] grads=normal[3,4]+normal[5] buffers=normal[3,4]+normal[5] lr=0.1",
    "params=normal[3,2] grads=normal[3,2] buffers=normal[3,2] lr=0.1 weight_decay=0.5 clip=false",
    "params=normal[3,2]+normal[4] grads=normal[3,2]+normal[4] buffers=normal[3,2]+normal[4] lr=0.1 weight_decay=0.5 "
    "clip=false exclude_1d=false trust=update",
    "params=normal[3,2] grads=normal[3,2] buffers=normal[3,2] lr=0.1 decayed_only=true",
    "params=normal[2,160]+normal[1,2]+normal[2,2] grads=normal[2,160]+normal[1,2]+normal[2,2] "
    "buffers=normal[2,160]+normal[1,2]+normal[2,2] lr=0.1 "
    "weight_decay=0.5 trust=update",
    "params=normal[3,4] grads=low[3,4] buffers=normal[3,4] lr=0 eta=0.02",
    NULL};
const lun_op LUN_ROW(lars_step) = {
    .name = "lars_step",
    .args = "params:tensors! grads:tensors buffers:tensors! lr:float momentum:float=0.9 weight_decay:float=0 "
            "eta:float=0.02 clip:bool=true exclude_1d:bool=true nesterov:bool=false trust:choice(sum|update)=sum "
            "decayed_only:bool=false",
    .doc =
        "One step of LARS (You et al. 2017): SGD in which each tensor's d = grad + weight_decay param is scaled by q.\n"
        "trust \"sum\": q = eta |param| / (|grad| + weight_decay |param| + 1e-8), and neither q nor decay where a norm "
        "is 0;\n"
        "\"update\": q = eta |param| / |grad + weight_decay param|, 1 where a norm is 0 (Barlow Twins, MoCo v3).\n"
        "clip: q = min(q / lr, 1). exclude_1d: biases and norms get neither q nor weight decay. The defaults are "
        "solo-learn's.\n"
        "decayed_only: q = 1 where weight_decay is 0 (lightly). LARC as SwAV uses it: clip and exclude_1d off, eta "
        "0.001.\n"
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

/* ---- clipping ---- */

static int clip_shape(lun_call *c) {
  if (!(c->arg[1].f > 0)) return lun_bad(c, LUN_EARG, "max_norm must be above 0, got %g", c->arg[1].f);
  LUN_TRY(check_lists(c, 1));
  return lun_out(c, 0, LUN_F64, 0, NULL);
}

/* A norm that is NaN or infinite scales nothing: what follows shall see what came. */
static void clip_to(lun_tensor *g, double norm, double max, int threads) {
  double by = max / (norm + 1e-6);
  if (by < 1 && isfinite(norm)) BY_REAL(g->dtype, scale, lun_data(g), lun_numel(g), by, threads);
}

static int clip_cpu(lun_call *c) {
  int n = c->arg[0].list.n;
  double total = 0, max = c->arg[1].f;
  void *part = NULL;
  LUN_TRY(norm_scratch(c, &c->arg[0], &part));
  for (int i = 0; i < n; i++) {
    lun_tensor *g = c->arg[0].list.v[i];
    double s = square_sum(g, NULL, 0, part, c->threads);
    total += s;
    if (c->arg[2].b) clip_to(g, sqrt(s), max, c->threads);
  }
  lun_scratch_free(c, part);
  total = sqrt(total);
  for (int i = 0; i < n && !c->arg[2].b; i++) clip_to(c->arg[0].list.v[i], total, max, c->threads);
  *lun_f64(c->out[0]) = total;
  return LUN_OK;
}

static const char *const clip_samples[] = {"grads=normal[3,4]+normal[5] max_norm=1", "grads=normal[3,4] max_norm=100",
                                           "grads=normal[3,4]+low[5] max_norm=1.5 each=true",
                                           "grads=normal[310]+normal[0]+normal[3]+normal[2] max_norm=1", NULL};
const lun_op LUN_ROW(clip_grad_norm) = {
    .name = "clip_grad_norm",
    .args = "grads:tensors! max_norm:float each:bool=false -> norm",
    .doc = "Gradients scaled in place by min(1, max_norm / (norm + 1e-6)), norm the Euclidean length of all of them "
           "together.\n"
           "each: every tensor by its own length instead (DINO's official code). Output: the length of all before "
           "scaling, an f64 scalar.\n"
           "A length that is NaN or infinite leaves the gradients as they are. grads are f32 or f64 (Pascanu et al. "
           "2013, section 3.2).",
    .shape = clip_shape,
    .cpu = clip_cpu,
    .no_grad = "it updates in place",
    .samples = clip_samples,
};
