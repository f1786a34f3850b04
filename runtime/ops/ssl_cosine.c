/* ssl_cosine.c: the losses that draw a prediction towards its target by their cosine: BYOL and SimSiam. */
#include "core/op.h"

#include <math.h>

#define KERNELS "ssl_cosine_kernels.h"
#include "real.h"

static int cosine_shape(lun_call *c) {
  const lun_tensor *p = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(lun_need_same_shape(c, 1, 0));
  if (p->shape[0] < 1 || p->shape[1] < 1)
    return lun_bad(c, LUN_ESHAPE, "p must hold at least one sample and one feature");
  LUN_TRY(lun_out(c, 0, p->dtype, 0, NULL));
  for (int k = 1; k < 4; k++) LUN_TRY(lun_out(c, k, p->dtype, 1, p->shape));
  return LUN_OK;
}

/* loss = offset - factor mean(cos) */
static int cosine_of(lun_call *c, double offset, double factor) {
  const lun_tensor *p = c->arg[0].t;
  BY_REAL(p->dtype, row_cosines, lun_data(p), lun_data(c->arg[1].t), lun_data(c->out[1]), lun_data(c->out[2]),
          lun_data(c->out[3]), p->shape[0], p->shape[1], c->threads);
  BY_REAL(p->dtype, cosine_loss, lun_data(c->out[1]), p->shape[0], offset, factor, lun_data(c->out[0]));
  return LUN_OK;
}

static int cosine_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din, double factor) {
  if (!dout[0]) return LUN_OK;
  return lun_do(c->ctx, "cosine_grad", din, "ttttttf", dout[0], c->arg[0].t, c->arg[1].t, c->out[1], c->out[2],
                c->out[3], factor);
}

static int byol_cpu(lun_call *c) { return cosine_of(c, 2, 2); }
static int byol_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return cosine_backward(c, dout, din, 2);
}
static int simsiam_cpu(lun_call *c) { return cosine_of(c, 0, 1); }
static int simsiam_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return cosine_backward(c, dout, din, 1);
}

static const char *const cosine_samples[] = {"p=normal[4,3] z=normal[4,3]", "p=normal[1,3] z=normal[1,3]",
                                             "p=normal[2,70] z=normal[2,70]", NULL};
#define COSINE_DOC                                                                                                     \
  "Rows are L2-normalised here; nothing flows to z (stop-gradient). One direction: a method adds the other one.\n"     \
  "Outputs after the loss serve the gradient: cosines and both lengths (n)."
const lun_op LUN_ROW(byol) = {
    .name = "byol",
    .args = "p:tensor z:constant -> loss cosine:constant p_norm:constant z_norm:constant",
    .doc = "BYOL's loss of predictions p (n,d) and targets z (n,d): mean of 2 - 2 cos(p, z), the squared distance of "
           "the unit rows\n"
           "(Grill et al. 2020, arXiv 2006.07733, equation 2). solo-learn and the paper sum both directions; others "
           "scale the sum by 1/2 or 1/4.\n" COSINE_DOC,
    .shape = cosine_shape,
    .cpu = byol_cpu,
    .grad = byol_backward,
    .keep = "p z cosine p_norm z_norm",
    .samples = cosine_samples,
};
const lun_op LUN_ROW(simsiam) = {
    .name = "simsiam",
    .args = "p:tensor z:constant -> loss cosine:constant p_norm:constant z_norm:constant",
    .doc = "SimSiam's loss of predictions p (n,d) and targets z (n,d): mean of -cos(p, z)\n"
           "(Chen and He 2021, arXiv 2011.10566, equation 1). The paper takes half the sum of both "
           "directions.\n" COSINE_DOC,
    .shape = cosine_shape,
    .cpu = simsiam_cpu,
    .grad = simsiam_backward,
    .keep = "p z cosine p_norm z_norm",
    .samples = cosine_samples,
};

static int cosine_grad_shape(lun_call *c) {
  const lun_tensor *p = c->arg[1].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_shape(c, 0, 0, NULL, "a scalar"));
  for (int i = 1; i < 6; i++) LUN_TRY(lun_need_same_dtype(c, i, 0));
  LUN_TRY(lun_need_ndim(c, 1, 2));
  LUN_TRY(lun_need_same_shape(c, 2, 1));
  for (int i = 3; i < 6; i++) LUN_TRY(lun_need_shape(c, i, 1, p->shape, "one number a row of p"));
  return lun_out(c, 0, p->dtype, 2, p->shape);
}

static int cosine_grad_cpu(lun_call *c) {
  const lun_tensor *p = c->arg[1].t;
  BY_REAL(p->dtype, cosine_grad_rows, lun_data(c->arg[0].t), lun_data(p), lun_data(c->arg[2].t), lun_data(c->arg[3].t),
          lun_data(c->arg[4].t), lun_data(c->arg[5].t), lun_data(c->out[0]), p->shape[0], p->shape[1], c->arg[6].f,
          c->threads);
  return LUN_OK;
}

static const char *const cosine_grad_samples[] = {
    "dloss=normal[] p=normal[4,3] z=normal[4,3] cosine=unit[4] p_norm=positive[4] z_norm=positive[4] factor=2", NULL};
const lun_op LUN_ROW(cosine_grad) = {
    .name = "cosine_grad",
    .args = "dloss:tensor p:tensor z:tensor cosine:tensor p_norm:tensor z_norm:tensor factor:float -> dp",
    .doc = "The gradient of byol (factor 2) and simsiam (factor 1) to p, from dloss, their arguments p and z and their "
           "outputs\n"
           "cosine, p_norm and z_norm.",
    .shape = cosine_grad_shape,
    .cpu = cosine_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = cosine_grad_samples,
};
