/* heatmap.c: maps of where a feature looks, and maps scored against masks. Maps are (n,h,w). */
#include "core/op.h"

#include <math.h>
#include <string.h>

#define KERNELS "heatmap_kernels.h"
#include "real.h"

static const char measuring[] = "for looking and measuring";

/* ---- gradcam ---- */

static int gradcam_shape(lun_call *c) {
  const lun_tensor *a = c->arg[0].t;
  int64_t shape[3] = {a->shape[0], a->shape[2], a->shape[3]};
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_same_shape(c, 1, 0));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  return lun_out(c, 0, a->dtype, 3, shape);
}

static int gradcam_cpu(lun_call *c) {
  const lun_tensor *a = c->arg[0].t, *g = c->arg[1].t;
  int64_t n = a->shape[0], channels = a->shape[1], pixels = a->shape[2] * a->shape[3];
  double *weight = NULL;
  if (n * pixels == 0) return LUN_OK;
  LUN_TRY(lun_scratch(c, (n * channels + 1) * (int64_t)sizeof *weight, (void **)&weight));
#pragma omp parallel for num_threads(c->threads) schedule(static) if (n * channels * pixels > 65536)
  for (int64_t i = 0; i < n; i++)
    BY_REAL(a->dtype, gradcam_image, lun_data(a), lun_data(g), i, channels, pixels, weight + i * channels, c->arg[2].b,
            lun_data(c->out[0]));
  lun_scratch_free(c, weight);
  return LUN_OK;
}

static const char *const gradcam_samples[] = {"activation=normal[2,5,4,3] gradient=normal[2,5,4,3]",
                                              "activation=normal[1,1,1,1] gradient=normal[1,1,1,1] relu=false",
                                              "activation=normal[0,5,4,3] gradient=normal[0,5,4,3]", NULL};
const lun_op LUN_ROW(gradcam) = {
    .name = "gradcam",
    .args = "activation:image gradient:image relu:bool=true -> map",
    .doc = "Grad-CAM maps (n,h,w) from an activation (n,c,h,w) and the gradient of what is explained with respect to "
           "it: the channels' sum, each weighted by its gradient's mean over pixels; negative values become 0 unless "
           "relu is false. Source: Selvaraju et al. 2017, eq. 1-2.",
    .shape = gradcam_shape,
    .cpu = gradcam_cpu,
    .no_grad = measuring,
    .samples = gradcam_samples,
};

/* ---- channel_max_abs ---- */

static int magnitude_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t shape[3] = {x->shape[0], x->shape[2], x->shape[3]};
  LUN_TRY(lun_need_real(c, 0));
  return lun_out(c, 0, x->dtype, 3, shape);
}

static int magnitude_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t pixels = x->shape[0] * x->shape[2] * x->shape[3];
  BY_REAL(x->dtype, largest_magnitude, lun_data(x), pixels, x->shape[1], lun_data(c->out[0]));
  return LUN_OK;
}

static const char *const magnitude_samples[] = {"x=normal[2,3,4,5]", "x=normal[1,1,1,1]", "x=normal[0,3,4,5]", NULL};
const lun_op LUN_ROW(channel_magnitude) = {
    .name = "channel_magnitude",
    .args = "x:image -> map",
    .doc = "The largest magnitude over the channels of x (n,c,h,w) at each pixel (n,h,w): the map of an input "
           "gradient. Source: Simonyan et al. 2014, section 3.1.",
    .shape = magnitude_shape,
    .cpu = magnitude_cpu,
    .no_grad = measuring,
    .samples = magnitude_samples,
};

/* ---- map_scores ---- */

enum { MS_MAP, MS_MASK, MS_THRESHOLDS };

static int scores_shape(lun_call *c) {
  const lun_tensor *x = c->arg[MS_MAP].t, *mask = c->arg[MS_MASK].t;
  lun_tensor *t = c->arg[MS_THRESHOLDS].t;
  LUN_TRY(lun_need_ndim(c, MS_MAP, 3));
  LUN_TRY(lun_need_real(c, MS_MAP));
  LUN_TRY(lun_need_same_shape(c, MS_MASK, MS_MAP));
  if (mask->dtype != LUN_BOOL && mask->dtype != LUN_U8)
    return lun_bad(c, LUN_EDTYPE, "mask must be bool or u8, got %s", lun_dtype_name(mask->dtype));
  LUN_TRY(lun_need_ndim(c, MS_THRESHOLDS, 1));
  LUN_TRY(lun_need_dtype(c, MS_THRESHOLDS, LUN_F64));
  for (int64_t k = 0; k < t->shape[0]; k++) { /* on whatever device they are; there are few */
    double v;
    LUN_TRY(lun_get(t, &k, &v));
    if (!(v >= 0 && v <= 1))
      return lun_bad(c, LUN_EARG, "thresholds[%lld] must be within 0..1, a share of the map's maximum, got %g",
                     (long long)k + 1, v);
  }
  int64_t shape[2] = {x->shape[0], t->shape[0]};
  LUN_TRY(lun_out(c, 0, LUN_F64, 2, shape));
  LUN_TRY(lun_out(c, 1, LUN_F64, 1, shape));
  return lun_out(c, 2, LUN_F64, 1, shape);
}

static int scores_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[MS_MAP].t, *t = c->arg[MS_THRESHOLDS].t;
  int64_t n = x->shape[0], pixels = x->shape[1] * x->shape[2], k = t->shape[0];
  const uint8_t *mask = lun_u8(c->arg[MS_MASK].t);
  double *iou = lun_f64(c->out[0]), *hit = lun_f64(c->out[1]), *energy = lun_f64(c->out[2]);
#pragma omp parallel for num_threads(c->threads) schedule(static) if (n * pixels > 65536)
  for (int64_t i = 0; i < n; i++)
    BY_REAL(x->dtype, score_map, lun_data(x), mask, i, pixels, lun_f64(t), k, iou + i * k, hit + i, energy + i);
  return LUN_OK;
}

static const char *const scores_samples[] = {"map=unit[3,5,4] mask=flag[3,5,4]@bool thresholds=unit[3]@f64",
                                             "map=unit[1,1,1] mask=flag[1,1,1]@u8 thresholds=unit[1]@f64",
                                             "map=unit[2,20,15] mask=flag[2,20,15]@bool thresholds=unit[2]@f64",
                                             "map=unit[0,5,4] mask=flag[0,5,4]@bool thresholds=unit[2]@f64", NULL};
const lun_op LUN_ROW(map_scores) = {
    .name = "map_scores",
    .args = "map:constant mask:constant thresholds:constant -> iou pointing energy",
    .doc =
        "Maps (n,h,w) against masks (n,h,w; bool or u8), as f64.\n"
        "iou (n,t): intersection over union of the mask with the pixels at or above each of thresholds, given as "
        "shares of "
        "the map's maximum (t; f64 in 0..1). pointing (n): 1 where the map's first maximum lies in the mask, else 0. "
        "energy (n): the part of the map's sum that lies in the mask, negative values counted as 0.\n"
        "A map without a positive value selects no pixel and scores 0 throughout; so does an empty union.",
    .shape = scores_shape,
    .cpu = scores_cpu,
    .no_grad = measuring,
    .samples = scores_samples,
};
