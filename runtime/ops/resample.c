/* resample.c: bootstrap resamples of n samples, drawn by counter: resample d under a seed is always the same. */
#include "core/op.h"
#include "core/rng.h"

static int need_draws(lun_call *c, int arg, int64_t n) {
  if (n < 1 || n > INT32_MAX)
    return lun_bad(c, LUN_ESHAPE, "resampling needs 1 to 2^31 - 1 samples, got %lld", (long long)n);
  if (c->arg[arg].i < 1 || c->arg[arg].i > INT32_MAX)
    return lun_bad(c, LUN_EARG, "%s must be at least 1, got %lld", lun_arg_name(c, arg), (long long)c->arg[arg].i);
  return LUN_OK;
}

/* ---- bootstrap_mean ---- */

static int mean_shape(lun_call *c) {
  LUN_TRY(lun_need_ndim(c, 0, 1));
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(need_draws(c, 1, c->arg[0].t->shape[0]));
  return lun_out(c, 0, LUN_F64, 1, &c->arg[1].i);
}

static int mean_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], draws = c->arg[1].i;
  const float *f = x->dtype == LUN_F32 ? lun_f32(x) : NULL;
  const double *g = f ? NULL : lun_f64(x);
  lun_stream stream = lun_stream_make((uint64_t)c->arg[2].i, "bootstrap");
  double *out = lun_f64(c->out[0]);
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (int64_t d = 0; d < draws; d++) {
    if (lun_poll(c)) continue;
    double sum = 0;
    for (int64_t i = 0; i < n; i += 4) {
      lun_draw4 u = lun_philox(stream, (uint32_t)(i / 4), (uint32_t)d, 0, 0);
      for (int64_t k = 0; k < 4 && i + k < n; k++) {
        uint32_t at = lun_below(u.v[k], (uint32_t)n);
        sum += f ? (double)f[at] : g[at];
      }
    }
    out[d] = sum / (double)n;
  }
  return lun_poll(c) ? lun_interrupted(c) : LUN_OK;
}

static const char *const mean_samples[] = {"values=normal[30] draws=5", "values=normal[1] draws=2 seed=3", NULL};
const lun_op LUN_ROW(bootstrap_mean) = {
    .name = "bootstrap_mean",
    .args = "values:constant draws:int=1000 seed:int=0 -> means",
    .doc = "Means of `draws` resamples with replacement of values (n), as f64 (draws).",
    .shape = mean_shape,
    .cpu = mean_cpu,
    .no_grad = "for intervals",
    .samples = mean_samples,
};

/* ---- bootstrap_positions ---- */

static int positions_shape(lun_call *c) {
  LUN_TRY(need_draws(c, 1, c->arg[0].i));
  return lun_out(c, 0, LUN_I64, 1, &c->arg[0].i);
}

static int positions_cpu(lun_call *c) {
  int64_t n = c->arg[0].i, *out = lun_i64(c->out[0]);
  lun_stream stream = lun_stream_make((uint64_t)c->arg[2].i, "bootstrap");
  for (int64_t i = 0; i < n; i += 4) {
    lun_draw4 u = lun_philox(stream, (uint32_t)(i / 4), (uint32_t)(c->arg[1].i - 1), 0, 0);
    for (int64_t k = 0; k < 4 && i + k < n; k++) out[i + k] = 1 + (int64_t)lun_below(u.v[k], (uint32_t)n);
  }
  return LUN_OK;
}

static const char *const positions_samples[] = {"n=10", "n=7 draw=3 seed=5", NULL};
const lun_op LUN_ROW(bootstrap_positions) = {
    .name = "bootstrap_positions",
    .args = "n:int draw:int=1 seed:int=0 -> positions",
    .doc = "The n positions (from 1) of resample number `draw` (from 1) of n samples, drawn with replacement.",
    .shape = positions_shape,
    .cpu = positions_cpu,
    .no_grad = "positions are whole numbers",
    .no_cuda = LUN_TAKES_NO_TENSOR,
    .samples = positions_samples,
};
