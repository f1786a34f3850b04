/* ranking.c: how well scores tell positives from negatives. Equal scores are one step, never broken by position.
** Undefined values (no positive, for AUROC also no negative) are NaN; the Lua layer says why.
*/
#include "core/op.h"
#include "core/rng.h"

#include <math.h>
#include <string.h>

enum { SCORES, POSITIVE };

static int need_ranking(lun_call *c) {
  const lun_tensor *s = c->arg[SCORES].t, *p = c->arg[POSITIVE].t;
  LUN_TRY(lun_need_ndim(c, SCORES, 1));
  LUN_TRY(lun_need_real(c, SCORES));
  if (p->dtype != LUN_BOOL && p->dtype != LUN_U8)
    return lun_bad(c, LUN_EDTYPE, "positive must be bool or u8, got %s", lun_dtype_name(p->dtype));
  LUN_TRY(lun_need_same_shape(c, POSITIVE, SCORES));
  if (s->shape[0] > INT32_MAX) return lun_bad(c, LUN_ESHAPE, "more than 2^31 - 1 scores");
  return LUN_OK;
}

static double score_at(const lun_tensor *t, int64_t i) {
  return t->dtype == LUN_F32 ? (double)lun_f32(t)[i] : lun_f64(t)[i];
}

typedef struct {
  double score;
  int32_t at; /* position in the arguments, 0-based */
  uint8_t positive;
  uint8_t last; /* the last of a run of equal scores */
} entry;

/* Stable merge sort, highest score first. */
static void sort_entries(entry *v, entry *spare, int64_t n) {
  for (int64_t w = 1; w < n; w *= 2) {
    for (int64_t a = 0; a < n; a += 2 * w) {
      int64_t b = a + w < n ? a + w : n, end = b + w < n ? b + w : n, i = a, j = b;
      for (int64_t k = a; k < end; k++) spare[k] = i < b && (j >= end || v[i].score >= v[j].score) ? v[i++] : v[j++];
    }
    memcpy(v, spare, (size_t)n * sizeof *v);
  }
}

/* The scores in descending order. *out is scratch memory to free. */
static int ranked(lun_call *c, entry **out) {
  const lun_tensor *s = c->arg[SCORES].t;
  int64_t n = s->shape[0];
  const uint8_t *positive = lun_u8(c->arg[POSITIVE].t);
  entry *spare = NULL, *v = NULL;
  *out = NULL;
  for (int64_t i = 0; i < n; i++)
    if (isnan(score_at(s, i))) return lun_bad(c, LUN_ENAN, "scores[%lld] is NaN", (long long)i + 1);
  LUN_TRY(lun_scratch(c, (n + 1) * (int64_t)sizeof *v, (void **)&v));
  int st = lun_scratch(c, (n + 1) * (int64_t)sizeof *v, (void **)&spare);
  if (st) {
    lun_scratch_free(c, v);
    return st;
  }
  for (int64_t i = 0; i < n; i++) v[i] = (entry){score_at(s, i), (int32_t)i, positive[i] != 0, 0};
  sort_entries(v, spare, n);
  lun_scratch_free(c, spare);
  for (int64_t i = 0; i < n; i++) v[i].last = i + 1 == n || v[i].score != v[i + 1].score;
  *out = v;
  return LUN_OK;
}

/* times: how often each entry counts, by its position in the arguments; NULL: once. */
static double average_precision(const entry *v, int64_t n, const int32_t *times) {
  int64_t hits = 0, seen = 0, group = 0;
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t k = times ? times[v[i].at] : 1;
    seen += k;
    if (v[i].positive) group += k;
    if (!v[i].last || group == 0) continue;
    hits += group;
    sum += (double)group * (double)hits / (double)seen;
    group = 0;
  }
  return hits ? sum / (double)hits : NAN;
}

/* The share of (positive, negative) pairs in which the positive has the higher score; a tie counts one half. */
static double area_under_roc(const entry *v, int64_t n, const int32_t *times) {
  int64_t hits = 0, misses = 0, up = 0, right = 0;
  double area = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t k = times ? times[v[i].at] : 1;
    if (v[i].positive)
      up += k;
    else
      right += k;
    if (!v[i].last) continue;
    area += (double)right * ((double)hits + 0.5 * (double)up);
    hits += up;
    misses += right;
    up = right = 0;
  }
  return hits && misses ? area / ((double)hits * (double)misses) : NAN;
}

/* ---- average_precision, auroc ---- */

static int number_shape(lun_call *c) {
  LUN_TRY(need_ranking(c));
  return lun_out(c, 0, LUN_F64, 0, NULL);
}

static int average_precision_cpu(lun_call *c) {
  entry *v = NULL;
  LUN_TRY(ranked(c, &v));
  *lun_f64(c->out[0]) = average_precision(v, c->arg[SCORES].t->shape[0], NULL);
  lun_scratch_free(c, v);
  return LUN_OK;
}

static int auroc_cpu(lun_call *c) {
  entry *v = NULL;
  LUN_TRY(ranked(c, &v));
  *lun_f64(c->out[0]) = area_under_roc(v, c->arg[SCORES].t->shape[0], NULL);
  lun_scratch_free(c, v);
  return LUN_OK;
}

static const char *const ranking_samples[] = {"scores=spread[30] positive=flag[30]@bool",
                                              "scores=pos4[40]@f64 positive=flag[40]@u8", NULL};
static const char why_no_gradient[] = "it ranks; the value does not change under small changes of the scores";

const lun_op LUN_ROW(average_precision) = {
    .name = "average_precision",
    .args = "scores:constant positive:constant -> value",
    .doc = "Average precision of scores (n) for the labels positive (n; bool or u8), as f64: the sum over distinct "
           "scores, from the highest, of the gain in recall times the precision.\n"
           "NaN where there is no positive. The same as scikit-learn's average_precision_score.",
    .shape = number_shape,
    .cpu = average_precision_cpu,
    .no_grad = why_no_gradient,
    .samples = ranking_samples,
};

const lun_op LUN_ROW(auroc) = {
    .name = "auroc",
    .args = "scores:constant positive:constant -> value",
    .doc = "Area under the ROC curve of scores (n) for the labels positive (n; bool or u8), as f64: the share of pairs "
           "in which the positive has the higher score, a tie counting one half.\n"
           "NaN where there is no positive or no negative.",
    .shape = number_shape,
    .cpu = auroc_cpu,
    .no_grad = why_no_gradient,
    .samples = ranking_samples,
};

/* ---- ranking_curve ---- */

static int curve_shape(lun_call *c) {
  LUN_TRY(need_ranking(c));
  for (int k = 0; k < 3; k++) LUN_TRY(lun_out(c, k, LUN_F64, 1, c->arg[SCORES].t->shape));
  return lun_out(c, 3, LUN_I64, 0, NULL);
}

static int curve_cpu(lun_call *c) {
  int64_t n = c->arg[SCORES].t->shape[0], hits = 0, steps = 0;
  double *threshold = lun_f64(c->out[0]), *tp = lun_f64(c->out[1]), *fp = lun_f64(c->out[2]);
  entry *v = NULL;
  LUN_TRY(ranked(c, &v));
  for (int64_t i = 0; i < n; i++) {
    hits += v[i].positive;
    if (!v[i].last) continue;
    threshold[steps] = v[i].score;
    tp[steps] = (double)hits;
    fp[steps++] = (double)(i + 1 - hits);
  }
  for (int64_t i = steps; i < n; i++) threshold[i] = tp[i] = fp[i] = 0;
  *lun_i64(c->out[3]) = steps;
  lun_scratch_free(c, v);
  return LUN_OK;
}

const lun_op LUN_ROW(ranking_curve) = {
    .name = "ranking_curve",
    .args = "scores:constant positive:constant -> threshold tp fp steps",
    .doc = "Distinct scores (n) from the highest down, and how many positive (tp) and how many negative samples (fp) "
           "score at least that much.\n"
           "Only the first `steps` elements of the three outputs (n, f64) hold; the rest are 0.",
    .shape = curve_shape,
    .cpu = curve_cpu,
    .no_grad = why_no_gradient,
    .samples = ranking_samples,
};

/* ---- bootstrap_ranking ---- */

enum { BOOT_METRIC = 2, BOOT_DRAWS, BOOT_SEED };

static int bootstrap_shape(lun_call *c) {
  LUN_TRY(need_ranking(c));
  if (c->arg[BOOT_DRAWS].i < 1 || c->arg[BOOT_DRAWS].i > INT32_MAX)
    return lun_bad(c, LUN_EARG, "draws must be at least 1, got %lld", (long long)c->arg[BOOT_DRAWS].i);
  if (c->arg[SCORES].t->shape[0] == 0) return lun_bad(c, LUN_ESHAPE, "there is no score to draw from");
  return lun_out(c, 0, LUN_F64, 1, &c->arg[BOOT_DRAWS].i);
}

static int bootstrap_cpu(lun_call *c) {
  int64_t n = c->arg[SCORES].t->shape[0], draws = c->arg[BOOT_DRAWS].i;
  bool roc = !strncmp(c->arg[BOOT_METRIC].s, "auroc", 5);
  lun_stream stream = lun_stream_make((uint64_t)c->arg[BOOT_SEED].i, "bootstrap");
  double *out = lun_f64(c->out[0]);
  int threads = c->threads < draws ? c->threads : (int)draws;
  entry *v = NULL;
  int32_t *all = NULL;
  LUN_TRY(ranked(c, &v));
  int st = lun_scratch(c, threads * n * (int64_t)sizeof *all, (void **)&all);
  if (!st) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; t++) {
      int32_t *times = all + t * n;
      for (int64_t d = draws * t / threads; d < draws * (t + 1) / threads && !lun_poll(c); d++) {
        memset(times, 0, (size_t)n * sizeof *times);
        for (int64_t i = 0; i < n; i += 4) {
          lun_draw4 u = lun_philox(stream, (uint32_t)(i / 4), (uint32_t)d, 0, 0);
          for (int64_t k = 0; k < 4 && i + k < n; k++) times[lun_below(u.v[k], (uint32_t)n)]++;
        }
        out[d] = roc ? area_under_roc(v, n, times) : average_precision(v, n, times);
      }
    }
    if (lun_poll(c)) st = lun_interrupted(c);
  }
  lun_scratch_free(c, all);
  lun_scratch_free(c, v);
  return st;
}

static const char *const bootstrap_samples[] = {"scores=spread[30] positive=flag[30]@bool draws=5",
                                                "scores=normal[40] positive=flag[40]@u8 metric=auprc draws=3 seed=7",
                                                NULL};
const lun_op LUN_ROW(bootstrap_ranking) = {
    .name = "bootstrap_ranking",
    .args = "scores:constant positive:constant metric:choice(auroc|auprc)=auroc draws:int=1000 seed:int=0 -> values",
    .doc = "The metric on `draws` resamples with replacement of the n pairs of scores and labels positive (bool or "
           "u8), as "
           "f64 (draws).\n"
           "Resample d of seed s always takes the same positions, so two rankings of the same samples are resampled in "
           "pairs; bootstrap_mean and bootstrap_positions take the same ones. NaN where a resample lacks a class.",
    .shape = bootstrap_shape,
    .cpu = bootstrap_cpu,
    .no_grad = why_no_gradient,
    .samples = bootstrap_samples,
};
