/* neighbours.c: the k largest of each row, and the weighted vote of nearest neighbours. */
#include "core/op.h"

#include <math.h>
#include <string.h>

/* ---- topk ---- */

static int topk_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_real(c, 0));
  int64_t k = c->arg[1].i, shape[2] = {x->shape[0], k};
  if (k < 1 || k > x->shape[1])
    return lun_bad(c, LUN_EARG, "k must be within 1..%lld, the length of a row, got %lld", (long long)x->shape[1],
                   (long long)k);
  if (x->shape[1] > INT32_MAX) return lun_bad(c, LUN_ESHAPE, "rows are longer than 2^31 - 1");
  LUN_TRY(lun_out(c, 0, x->dtype, 2, shape));
  return lun_out(c, 1, LUN_I64, 2, shape);
}

typedef struct {
  double v;
  int64_t at;
} item;

/* Order of preference: the larger value, of equal ones the earlier; NaN comes last. */
static inline bool worse(item a, item b) {
  if (a.v != b.v && !(isnan(a.v) && isnan(b.v))) return isnan(a.v) || a.v < b.v;
  return a.at > b.at;
}

/* A heap with the worst at the top. */
static void sink(item *h, int64_t n, int64_t i) {
  item it = h[i];
  for (;;) {
    int64_t k = 2 * i + 1;
    if (k >= n) break;
    if (k + 1 < n && worse(h[k + 1], h[k])) k++;
    if (!worse(h[k], it)) break;
    h[i] = h[k];
    i = k;
  }
  h[i] = it;
}

static void best_of_row(const lun_tensor *x, int64_t row, int64_t k, item *h) {
  int64_t m = x->shape[1], j = 0;
  const float *f = x->dtype == LUN_F32 ? lun_f32(x) + row * m : NULL;
  const double *g = f ? NULL : lun_f64(x) + row * m;
  for (; j < k; j++) h[j] = (item){f ? (double)f[j] : g[j], j};
  for (int64_t i = k / 2; i-- > 0;) sink(h, k, i);
  for (; j < m; j++) {
    double v = f ? (double)f[j] : g[j];
    if (v <= h[0].v) continue; /* an equal value further on is worse */
    item it = {v, j};
    if (!worse(h[0], it)) continue;
    h[0] = it;
    sink(h, k, 0);
  }
  for (int64_t n = k - 1; n > 0; n--) { /* worst to the end */
    item top = h[0];
    h[0] = h[n];
    h[n] = top;
    sink(h, n, 0);
  }
}

static int topk_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], k = c->arg[1].i, *at = lun_i64(c->out[1]);
  int threads = n * x->shape[1] > 16384 ? c->threads : 1;
  item *heaps = NULL;
  LUN_TRY(lun_scratch(c, threads * k * (int64_t)sizeof *heaps, (void **)&heaps));
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; t++) {
    item *h = heaps + t * k;
    for (int64_t i = n * t / threads; i < n * (t + 1) / threads; i++) {
      best_of_row(x, i, k, h);
      for (int64_t j = 0; j < k; j++) {
        if (x->dtype == LUN_F32)
          lun_f32(c->out[0])[i * k + j] = (float)h[j].v;
        else
          lun_f64(c->out[0])[i * k + j] = h[j].v;
        at[i * k + j] = h[j].at + 1;
      }
    }
  }
  lun_scratch_free(c, heaps);
  return LUN_OK;
}

static const char *const topk_samples[] = {"x=spread[4,30] k=5", "x=normal[3,7] k=7", "x=normal[1,1] k=1",
                                           "x=normal[0,3] k=2", NULL};
const lun_op LUN_ROW(topk) = {
    .name = "topk",
    .args = "x:constant k:int -> values positions",
    .doc = "The k largest elements of each row of x (n,m), largest first, and their positions (n,k).\n"
           "Of equal elements the earlier comes first; NaN is the smallest.",
    .shape = topk_shape,
    .cpu = topk_cpu,
    .no_grad = "for measuring",
    .samples = topk_samples,
};

/* ---- knn_vote ---- */

enum { VOTE_SIMILARITY, VOTE_NEAREST, VOTE_LABELS, VOTE_CLASSES, VOTE_TEMPERATURE };

static int vote_shape(lun_call *c) {
  const lun_tensor *s = c->arg[VOTE_SIMILARITY].t, *nearest = c->arg[VOTE_NEAREST].t, *y = c->arg[VOTE_LABELS].t;
  int64_t classes = c->arg[VOTE_CLASSES].i, shape[2] = {s->ndim == 2 ? s->shape[0] : 0, classes};
  LUN_TRY(lun_need_ndim(c, VOTE_SIMILARITY, 2));
  LUN_TRY(lun_need_real(c, VOTE_SIMILARITY));
  LUN_TRY(lun_need_same_shape(c, VOTE_NEAREST, VOTE_SIMILARITY));
  LUN_TRY(lun_need_dtype(c, VOTE_NEAREST, LUN_I64));
  LUN_TRY(lun_need_ndim(c, VOTE_LABELS, 1));
  LUN_TRY(lun_need_dtype(c, VOTE_LABELS, LUN_I64));
  if (classes < 1) return lun_bad(c, LUN_EARG, "classes must be at least 1, got %lld", (long long)classes);
  if (!(c->arg[VOTE_TEMPERATURE].f > 0))
    return lun_bad(c, LUN_EARG, "temperature must be above 0, got %g", c->arg[VOTE_TEMPERATURE].f);
  bool here = s->device == LUN_CPU; /* what lies on a device is not looked at */
  for (int64_t i = 0; here && i < lun_numel(nearest); i++)
    if (lun_i64(nearest)[i] < 1 || lun_i64(nearest)[i] > y->shape[0])
      return lun_bad(c, LUN_EARG, "nearest holds %lld, but there are %lld labels", (long long)lun_i64(nearest)[i],
                     (long long)y->shape[0]);
  for (int64_t i = 0; here && i < y->shape[0]; i++)
    if (lun_i64(y)[i] < 1 || lun_i64(y)[i] > classes)
      return lun_bad(c, LUN_EARG, "labels[%lld] is %lld, outside 1..%lld", (long long)i + 1, (long long)lun_i64(y)[i],
                     (long long)classes);
  return lun_out(c, 0, LUN_F64, 2, shape);
}

static int vote_cpu(lun_call *c) {
  const lun_tensor *s = c->arg[VOTE_SIMILARITY].t;
  int64_t n = s->shape[0], k = s->shape[1], classes = c->arg[VOTE_CLASSES].i;
  const int64_t *nearest = lun_i64(c->arg[VOTE_NEAREST].t), *y = lun_i64(c->arg[VOTE_LABELS].t);
  double temperature = c->arg[VOTE_TEMPERATURE].f, *votes = lun_f64(c->out[0]);
  if (n) memset(votes, 0, (size_t)(n * classes) * sizeof *votes);
#pragma omp parallel for num_threads(c->threads) schedule(static) if (n * k > 16384)
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i * k; j < (i + 1) * k; j++) {
      double v = s->dtype == LUN_F32 ? (double)lun_f32(s)[j] : lun_f64(s)[j];
      votes[i * classes + y[nearest[j] - 1] - 1] += exp(v / temperature);
    }
  return LUN_OK;
}

static const char *const vote_samples[] = {
    "similarity=unit[3,5] nearest=pos8[3,5] labels=pos4[8] classes=4 temperature=0.5",
    "similarity=unit[0,5] nearest=pos8[0,5] labels=pos4[8] classes=4", NULL};
const lun_op LUN_ROW(knn_vote) = {
    .name = "knn_vote",
    .args = "similarity:constant nearest:constant labels:constant classes:int temperature:float=0.07 -> votes",
    .doc =
        "Votes (n,classes; f64) of the k neighbours of each of n queries: each gives exp(similarity / temperature) to "
        "the class of its label.\n"
        "similarity and nearest (n,k) as topk returns them; labels (m) in 1..classes. Source: Wu et al. 2018, section "
        "3.4.",
    .shape = vote_shape,
    .cpu = vote_cpu,
    .no_grad = "for measuring",
    .samples = vote_samples,
};
