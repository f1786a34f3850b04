/* ssl_swav.c: SwAV (Caron et al. 2020, arXiv 2006.09882): assignments by Sinkhorn-Knopp, and the loss that predicts
** one view's assignment from the other view. */
#include "ops/soft_targets.h"

#include <math.h>
#include <string.h>

#define KERNELS "ssl_swav_kernels.h"
#include "real.h"

static int sinkhorn_shape(lun_call *c) {
  const lun_tensor *s = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  if (s->shape[0] < 1 || s->shape[1] < 1)
    return lun_bad(c, LUN_ESHAPE, "scores must hold at least one sample and one prototype");
  LUN_TRY(need_temperature(c, 1));
  if (c->arg[2].i < 1) return lun_bad(c, LUN_EARG, "iterations must be at least 1, got %lld", (long long)c->arg[2].i);
  return lun_out(c, 0, s->dtype, 2, s->shape);
}

/* Prototypes: u_k = 1 / sums_k. One that no sample has any weight for counts as one with next to none. */
static void sinkhorn_prototypes(const double *sums, double *u, int64_t k, int64_t parts) {
  for (int64_t j = 0; j < k; j++) {
    double s = 0;
    for (int64_t p = 0; p < parts; p++) s += sums[p * k + j];
    u[j] = 1 / (s > 1e-150 ? s : 1e-150);
  }
}

static int sinkhorn_cpu(lun_call *c) {
  const lun_tensor *s = c->arg[0].t;
  void *e = lun_data(c->out[0]);
  double *u = NULL, *v = NULL, *sums = NULL;
  int64_t n = s->shape[0], k = s->shape[1], parts = row_parts(n);
  int st = lun_scratch(c, k * (int64_t)sizeof *u, (void **)&u);
  if (!st) st = lun_scratch(c, n * (int64_t)sizeof *v, (void **)&v);
  if (!st) st = lun_scratch(c, parts * k * (int64_t)sizeof *sums, (void **)&sums);
  if (!st) BY_REAL(s->dtype, sinkhorn_begin, lun_data(s), e, u, v, sums, n, k, parts, 1 / c->arg[1].f, c->threads);
  for (int64_t i = 0; i < c->arg[2].i && !st; i++) {
    BY_REAL(s->dtype, sinkhorn_samples, e, u, v, sums, n, k, parts, i == 0, c->threads);
    sinkhorn_prototypes(sums, u, k, parts);
    if (lun_poll(c)) st = lun_interrupted(c);
  }
  if (!st) BY_REAL(s->dtype, sinkhorn_end, e, u, n, k, c->threads);
  lun_scratch_free(c, u);
  lun_scratch_free(c, v);
  lun_scratch_free(c, sums);
  return st;
}

static const char *const sinkhorn_samples[] = {"scores=normal[6,4] epsilon=0.5",
                                               "scores=unit[20,3] epsilon=0.05 iterations=1",
                                               "scores=normal[1,5] epsilon=1", "scores=normal[4,1] epsilon=1", NULL};
const lun_op LUN_ROW(sinkhorn) = {
    .name = "sinkhorn",
    .args = "scores:constant epsilon:float=0.05 iterations:int=3 -> targets:constant",
    .doc = "SwAV's assignments targets (n,K) of n samples to K prototypes from their scores (n,K): exp(scores / "
           "epsilon) scaled in turn\n"
           "so that every prototype gets the same share and every sample sums to 1, iterations times; samples last "
           "(Caron et al. 2020,\n"
           "equation 3 and appendix A). Past batches of a queue are further rows of scores: keep the batch's rows of "
           "targets.\n"
           "The authors' form with VISSL's subtracted maxima, which change nothing but prevent overflow; lightly's "
           "omitted 1/K cancels.\n"
           "A prototype without any weight gives no NaN. No gradient, as in the paper.",
    .shape = sinkhorn_shape,
    .cpu = sinkhorn_cpu,
    .no_grad = "assignments are targets, constants in SwAV's gradient",
    .samples = sinkhorn_samples,
};

static int swav_shape(lun_call *c) {
  LUN_TRY(need_logits(c, 0));
  LUN_TRY(need_temperature(c, 2));
  return lun_out(c, 0, c->arg[0].t->dtype, 0, NULL);
}

static int swav_cpu(lun_call *c) {
  const lun_tensor *s = c->arg[0].t;
  int64_t n = s->shape[0], k = s->shape[1], size = lun_dtype_size(s->dtype), parts = row_parts(n);
  void *each = NULL, *scratch = NULL;
  int st = lun_scratch(c, n * size, &each);
  if (!st) st = lun_scratch(c, parts * k * size, &scratch);
  if (!st)
    BY_REAL(s->dtype, swav_rows, lun_data(s), lun_data(c->arg[1].t), each, scratch, lun_data(c->out[0]), n, k, parts,
            1 / c->arg[2].f, c->threads);
  lun_scratch_free(c, each);
  lun_scratch_free(c, scratch);
  return st;
}

static int swav_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "swav_grad", din, "tttf", dout[0], c->arg[0].t, c->arg[1].t, c->arg[2].f);
}

static const char *const swav_samples[] = {
    "scores=normal[4,3] targets=positive[4,3] temperature=0.5", "scores=unit[3,5] targets=unit[3,5]",
    "scores=normal[2,70] targets=unit[2,70]", "scores=normal[1,3] targets=unit[1,3]", NULL};
const lun_op LUN_ROW(swav) = {
    .name = "swav",
    .args = "scores:tensor targets:constant temperature:float=0.1 -> loss",
    .doc = "SwAV's loss of one view's scores (n,K) and the other view's targets (n,K): mean over samples of -sum "
           "targets log\n"
           "softmax(scores / temperature) (Caron et al. 2020, equation 2). Scores are products of L2-normalised "
           "features and prototypes.\n"
           "One ordered pair of views: a method takes the mean over pairs, as the authors' code does. Nothing flows to "
           "targets.",
    .shape = swav_shape,
    .cpu = swav_cpu,
    .grad = swav_backward,
    .keep = "scores targets",
    .samples = swav_samples,
};

static int swav_grad_shape(lun_call *c) {
  LUN_TRY(need_logits(c, 1));
  LUN_TRY(lun_need_same_dtype(c, 0, 1));
  LUN_TRY(lun_need_shape(c, 0, 0, NULL, "a scalar"));
  LUN_TRY(need_temperature(c, 3));
  return lun_out(c, 0, c->arg[1].t->dtype, 2, c->arg[1].t->shape);
}

static int swav_grad_cpu(lun_call *c) {
  const lun_tensor *s = c->arg[1].t;
  BY_REAL(s->dtype, swav_grad_rows, lun_data(c->arg[0].t), lun_data(s), lun_data(c->arg[2].t), lun_data(c->out[0]),
          s->shape[0], s->shape[1], 1 / c->arg[3].f, c->threads);
  return LUN_OK;
}

static const char *const swav_grad_samples[] = {"dloss=normal[] scores=normal[4,3] targets=unit[4,3]",
                                                "dloss=normal[] scores=normal[2,70] targets=unit[2,70]", NULL};
const lun_op LUN_ROW(swav_grad) = {
    .name = "swav_grad",
    .args = "dloss:tensor scores:tensor targets:tensor temperature:float=0.1 -> dscores",
    .doc = "The gradient of swav to scores, from dloss and swav's arguments.",
    .shape = swav_grad_shape,
    .cpu = swav_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = swav_grad_samples,
};
