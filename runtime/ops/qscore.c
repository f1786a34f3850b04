/* qscore.c: the Q-Score of representations, the activation share of features, and the regularizer.
** Kalibhat et al., arXiv 2203.01881; form "v1" is that of the first version, "v3" and "v6" those of the later ones.
**
**   mean_i, deviation_i   over the r features of row i (ddof = 1)
**   L_i = { j : h_ij > mean_i + epsilon deviation_i }, strictly greater
**   share_j               part of the rows in which feature j is in L_i
**   v6, v3                Q_i = mean over L_i (v6: and D) of h_ij - mean_i; 0 where that set is empty
**   v1                    h L2-normalised first; ((max_j h_ij - mean_i) / deviation_i) / |h_i|_1; 0 for a constant row
**
** Index sets are constants in every gradient. Results do not depend on the number of threads.
*/
#include "core/op.h"

#include <math.h>
#include <string.h>

#define KERNELS "qscore_kernels.h"
#include "real.h"

/* ---- shared by the rows of this file ---- */

static int need_matrix(lun_call *c) {
  const lun_tensor *h = c->arg[0].t;
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_real(c, 0));
  if (h->shape[0] > INT32_MAX) return lun_bad(c, LUN_ESHAPE, "h has more than 2^31 - 1 rows");
  return LUN_OK;
}

static int need_epsilon(lun_call *c, int arg) {
  if (c->arg[arg].f >= 0) return LUN_OK;
  return lun_bad(c, LUN_EARG, "epsilon must be at least 0, got %g", c->arg[arg].f);
}

static int need_features(lun_call *c, int arg) {
  const lun_tensor *f = c->arg[arg].t;
  if (!f) return LUN_OK;
  LUN_TRY(lun_need_ndim(c, arg, 1));
  return lun_need_dtype(c, arg, LUN_I64);
}

/* D as one integer per feature, -1 inside and 0 outside; NULL (all features) where the argument was left out. */
static int make_allowed(lun_call *c, int arg, void **out) {
  const lun_tensor *h = c->arg[0].t, *f = c->arg[arg].t;
  int64_t r = h->shape[1];
  *out = NULL;
  if (!f) return LUN_OK;
  int64_t size = lun_dtype_size(h->dtype);
  LUN_TRY(lun_scratch(c, (r + 1) * size, out)); /* + 1: none of it may be empty, NULL has a meaning */
  memset(*out, 0, (size_t)(r * size));
  for (int64_t k = 0; k < f->shape[0]; k++) {
    int64_t j = lun_i64(f)[k];
    if (j < 1 || j > r) {
      lun_scratch_free(c, *out);
      *out = NULL;
      return lun_bad(c, LUN_EARG, "features[%lld] is %lld, but h has features 1..%lld", (long long)k + 1, (long long)j,
                     (long long)r);
    }
    if (h->dtype == LUN_F32)
      ((int32_t *)*out)[j - 1] = -1;
    else
      ((int64_t *)*out)[j - 1] = -1;
  }
  return LUN_OK;
}

typedef struct {
  double epsilon;
  bool v1;
  const void *allowed;
  lun_tensor *q, *count, *mean, *deviation, *share;
} job;

/* One thread's rows. 64 rows at a time, so that an interrupt is noticed. */
static void score_part(lun_call *c, const job *w, int64_t from, int64_t to, void *tally) {
  const lun_tensor *h = c->arg[0].t;
  int64_t r = h->shape[1], *count = w->count ? lun_i64(w->count) : NULL;
  for (int64_t i = from; i < to && !lun_poll(c); i += 64) {
    int64_t end = i + 64 < to ? i + 64 : to;
    if (h->dtype == LUN_F32)
      rows_score_f32(lun_f32(h), i, end, r, w->epsilon, w->v1, w->allowed, tally, w->q ? lun_f32(w->q) : NULL, count,
                     w->mean ? lun_f32(w->mean) : NULL, w->deviation ? lun_f32(w->deviation) : NULL);
    else
      rows_score_f64(lun_f64(h), i, end, r, w->epsilon, w->v1, w->allowed, tally, w->q ? lun_f64(w->q) : NULL, count,
                     w->mean ? lun_f64(w->mean) : NULL, w->deviation ? lun_f64(w->deviation) : NULL);
  }
}

static void zero(lun_tensor *t) {
  if (t && lun_numel(t)) memset(lun_data(t), 0, (size_t)(lun_numel(t) * lun_dtype_size(t->dtype)));
}

static int threads_for(const lun_call *c, int64_t elements) {
  int64_t most = 1 + elements / 65536;
  return c->threads < most ? c->threads : (int)most;
}

static int run_score(lun_call *c, const job *w) {
  const lun_tensor *h = c->arg[0].t;
  int64_t n = h->shape[0], r = h->shape[1], size = lun_dtype_size(h->dtype);
  lun_tensor *const outs[] = {w->q, w->count, w->mean, w->deviation, w->share};
  if (n == 0 || r == 0) {
    for (int k = 0; k < 5; k++) zero(outs[k]);
    return LUN_OK;
  }
  int threads = threads_for(c, n * r);
  int64_t stride = (r * size + 127) / 64 * 64; /* a tally per thread, on cache lines of its own */
  char *tally = NULL;
  if (w->share) {
    LUN_TRY(lun_scratch(c, threads * stride, (void **)&tally));
    memset(tally, 0, (size_t)(threads * stride));
  }
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; t++)
    score_part(c, w, n * t / threads, n * (t + 1) / threads, tally ? tally + t * stride : NULL);
  for (int64_t j = 0; w->share && j < r; j++) {
    int64_t sum = 0;
    for (int t = 0; t < threads; t++)
      sum += size == 4 ? ((int32_t *)(tally + t * stride))[j] : ((int64_t *)(tally + t * stride))[j];
    if (size == 4)
      lun_f32(w->share)[j] = (float)((double)sum / (double)n);
    else
      lun_f64(w->share)[j] = (double)sum / (double)n;
  }
  lun_scratch_free(c, tally);
  return lun_poll(c) ? lun_interrupted(c) : LUN_OK;
}

static bool is_v1(const char *form) { return !strncmp(form, "v1", 2); }
static bool is_v6(const char *form) { return !strncmp(form, "v6", 2); }

/* ---- qscore ---- */

enum { SCORE_H, SCORE_EPSILON, SCORE_FEATURES, SCORE_FORM };

static int qscore_shape(lun_call *c) {
  const lun_tensor *h = c->arg[SCORE_H].t;
  LUN_TRY(need_matrix(c));
  LUN_TRY(need_epsilon(c, SCORE_EPSILON));
  LUN_TRY(need_features(c, SCORE_FEATURES));
  LUN_TRY(lun_out(c, 0, h->dtype, 1, h->shape));
  return lun_out(c, 1, LUN_I64, 1, h->shape);
}

static int qscore_cpu(lun_call *c) {
  void *allowed = NULL;
  if (is_v6(c->arg[SCORE_FORM].s)) LUN_TRY(make_allowed(c, SCORE_FEATURES, &allowed));
  job w = {.epsilon = c->arg[SCORE_EPSILON].f, .v1 = is_v1(c->arg[SCORE_FORM].s), .allowed = allowed};
  w.q = c->out[0];
  w.count = c->out[1];
  int st = run_score(c, &w);
  lun_scratch_free(c, allowed);
  return st;
}

static int qscore_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "qscore_grad", din, "ttfts", c->arg[SCORE_H].t, dout[0], c->arg[SCORE_EPSILON].f,
                c->arg[SCORE_FEATURES].t,
                is_v1(c->arg[SCORE_FORM].s)   ? "v1"
                : is_v6(c->arg[SCORE_FORM].s) ? "v6"
                                              : "v3");
}

static const char *const qscore_samples[] = {"h=spread[5,40] epsilon=1",
                                             "h=spread[7,33] epsilon=0.5 features=pos33[9] form=v6",
                                             "h=spread[4,19] epsilon=1 form=v3",
                                             "h=spread[3,21] form=v1",
                                             "h=normal[1,1]",
                                             "h=normal[0,8]",
                                             NULL};
const lun_op LUN_ROW(qscore) = {
    .name = "qscore",
    .args = "h:tensor epsilon:float=4 features:constant? form:choice(v6|v3|v1)=v6 -> q count",
    .doc = "Q-Score of each row of h (n,r), and the size of the set it is a mean over.\n"
           "A feature is highly active in a row above its mean + epsilon standard deviations (ddof 1).\n"
           "form v6: mean of h - mean over the highly active features among `features` (positions from 1; left out: "
           "all).\n"
           "v3: the same over all features, whatever `features` holds.\n"
           "v1: (max - mean) / deviation / L1 norm of the L2-normalised row; epsilon and features have no part in it.\n"
           "q is 0 and count 0 where the set is empty or, for v1, the row constant.\n"
           "The gradient takes the sets as constants. On a GPU a position that h lacks makes every q NaN.\n"
           "Source: arXiv 2203.01881.",
    .shape = qscore_shape,
    .cpu = qscore_cpu,
    .grad = qscore_grad_of,
    .keep = "h features",
    .samples = qscore_samples,
    .tolerance = 1e-5,
    .kinks = "membership of the sets; spread values lie far from the thresholds",
};

/* ---- qscore_grad ---- */

static int qscore_grad_shape(lun_call *c) {
  const lun_tensor *h = c->arg[0].t;
  LUN_TRY(need_matrix(c));
  LUN_TRY(lun_need_shape(c, 1, 1, h->shape, "one per row of h"));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(need_epsilon(c, 2));
  LUN_TRY(need_features(c, 3));
  return lun_out(c, 0, h->dtype, 2, h->shape);
}

static void grad_part(const lun_tensor *h, const lun_tensor *dq, int64_t from, int64_t to, double epsilon, bool v1,
                      const void *allowed, lun_tensor *dh) {
  int64_t r = h->shape[1];
  if (h->dtype == LUN_F32)
    rows_grad_f32(lun_f32(h), lun_f32(dq), from, to, r, epsilon, v1, allowed, lun_f32(dh));
  else
    rows_grad_f64(lun_f64(h), lun_f64(dq), from, to, r, epsilon, v1, allowed, lun_f64(dh));
}

static int run_grad(lun_call *c, const lun_tensor *dq, double epsilon, bool v1, const void *allowed, lun_tensor *dh) {
  const lun_tensor *h = c->arg[0].t;
  int64_t n = h->shape[0];
  if (n == 0 || h->shape[1] == 0) return LUN_OK;
  int threads = threads_for(c, lun_numel(h));
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; t++) grad_part(h, dq, n * t / threads, n * (t + 1) / threads, epsilon, v1, allowed, dh);
  return LUN_OK;
}

static int qscore_grad_cpu(lun_call *c) {
  void *allowed = NULL;
  if (is_v6(c->arg[4].s)) LUN_TRY(make_allowed(c, 3, &allowed));
  int st = run_grad(c, c->arg[1].t, c->arg[2].f, is_v1(c->arg[4].s), allowed, c->out[0]);
  lun_scratch_free(c, allowed);
  return st;
}

static const char *const qscore_grad_samples[] = {"h=spread[5,40] dq=normal[5] epsilon=1 form=v6",
                                                  "h=spread[3,21] dq=normal[3] epsilon=1 features=pos21[4] form=v6",
                                                  "h=spread[3,21] dq=normal[3] form=v1",
                                                  "h=spread[3,200] dq=normal[3] epsilon=1 form=v3",
                                                  "h=normal[0,8] dq=normal[0]",
                                                  NULL};
const lun_op LUN_ROW(qscore_grad) = {
    .name = "qscore_grad",
    .args = "h:constant dq:constant epsilon:float=4 features:constant? form:choice(v6|v3|v1)=v6 -> dh",
    .doc = "Gradient of sum(dq q) with respect to h, for q of the op qscore; h (n,r), dq (n).",
    .shape = qscore_grad_shape,
    .cpu = qscore_grad_cpu,
    .no_grad = "the gradient of qscore; with its index sets constant, that of v6 and v3 does not depend on h",
    .samples = qscore_grad_samples,
};

/* ---- qscore_activation ---- */

static int activation_shape(lun_call *c) {
  const lun_tensor *h = c->arg[0].t;
  LUN_TRY(need_matrix(c));
  LUN_TRY(need_epsilon(c, 1));
  LUN_TRY(lun_out(c, 0, h->dtype, 1, &h->shape[1]));
  return lun_out(c, 1, LUN_I64, 1, &h->shape[0]);
}

static int activation_cpu(lun_call *c) {
  job w = {.epsilon = c->arg[1].f, .share = c->out[0], .count = c->out[1]};
  return run_score(c, &w);
}

static const char *const activation_samples[] = {"h=spread[9,40] epsilon=1", "h=spread[5,17] epsilon=0",
                                                 "h=normal[1,1]", "h=normal[0,8]", NULL};
const lun_op LUN_ROW(qscore_activation) = {
    .name = "qscore_activation",
    .args = "h:tensor epsilon:float=4 -> share count",
    .doc = "share (r): part of the rows of h (n,r) in which a feature is highly active.\n"
           "count (n): how many features are highly active in a row.\n"
           "Highly active: above the row's mean + epsilon standard deviations (ddof 1).",
    .shape = activation_shape,
    .cpu = activation_cpu,
    .no_grad = "counts do not change under small changes of h",
    .samples = activation_samples,
};

/* ---- qscore_summary: everything about h in one read of it ---- */

static int summary_shape(lun_call *c) {
  const lun_tensor *h = c->arg[0].t;
  LUN_TRY(need_matrix(c));
  LUN_TRY(need_epsilon(c, 1));
  LUN_TRY(need_features(c, 2));
  LUN_TRY(lun_out(c, 0, h->dtype, 1, h->shape));
  LUN_TRY(lun_out(c, 1, LUN_I64, 1, h->shape));
  LUN_TRY(lun_out(c, 2, h->dtype, 1, h->shape));
  LUN_TRY(lun_out(c, 3, h->dtype, 1, h->shape));
  return lun_out(c, 4, h->dtype, 1, &h->shape[1]);
}

static int summary_cpu(lun_call *c) {
  void *allowed = NULL;
  LUN_TRY(make_allowed(c, 2, &allowed));
  job w = {.epsilon = c->arg[1].f, .allowed = allowed, .q = c->out[0], .count = c->out[1]};
  w.mean = c->out[2];
  w.deviation = c->out[3];
  w.share = c->out[4];
  int st = run_score(c, &w);
  lun_scratch_free(c, allowed);
  return st;
}

static const char *const summary_samples[] = {"h=spread[9,40] epsilon=1",
                                              "h=spread[5,35] epsilon=1 features=pos35[7]",
                                              "h=spread[3,200] epsilon=1 features=pos200[30]",
                                              "h=normal[1,1]",
                                              "h=normal[0,8]",
                                              NULL};
const lun_op LUN_ROW(qscore_summary) = {
    .name = "qscore_summary",
    .args = "h:tensor epsilon:float=4 features:constant? -> q count mean deviation share",
    .doc = "Q-Score (form v6 over `features`, left out: all), size of its set, mean and standard deviation (ddof 1) of "
           "each row of h (n,r), and the activation share of each feature, in one read of h.",
    .shape = summary_shape,
    .cpu = summary_cpu,
    .no_grad = "for measuring; qscore has the gradient",
    .samples = summary_samples,
};

/* ---- qscore_regularizer ---- */

enum { REG_H, REG_LOW, REG_OVER, REG_EPSILON, REG_FEATURES };

static int regularizer_shape(lun_call *c) {
  const lun_tensor *h = c->arg[REG_H].t;
  LUN_TRY(need_matrix(c));
  LUN_TRY(need_epsilon(c, REG_EPSILON));
  LUN_TRY(need_features(c, REG_FEATURES));
  LUN_TRY(lun_out(c, 0, h->dtype, 0, NULL));
  LUN_TRY(lun_out(c, 1, h->dtype, 1, h->shape));
  LUN_TRY(lun_out(c, 2, LUN_I64, 1, h->shape));
  return lun_out(c, 3, h->dtype, 1, &h->shape[1]);
}

static double element(const lun_tensor *t, int64_t i) {
  return t->dtype == LUN_F32 ? (double)lun_f32(t)[i] : lun_f64(t)[i];
}

static double mean_of(const lun_tensor *t) {
  double s = 0;
  for (int64_t i = 0; i < t->shape[0]; i++) s += element(t, i);
  return t->shape[0] ? s / (double)t->shape[0] : 0;
}

static int norms(lun_call *c, lun_tensor *out) {
  const lun_tensor *h = c->arg[0].t;
  int64_t n = h->shape[0], r = h->shape[1];
  double *sums = NULL;
  LUN_TRY(lun_scratch(c, (r + 1) * (int64_t)sizeof *sums, (void **)&sums));
  int threads = threads_for(c, n * r);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; t++) {
    int64_t from = r * t / threads, to = r * (t + 1) / threads;
    if (h->dtype == LUN_F32)
      column_norms_f32(lun_f32(h), n, r, from, to, sums);
    else
      column_norms_f64(lun_f64(h), n, r, from, to, sums);
  }
  for (int64_t j = 0; j < r; j++)
    if (h->dtype == LUN_F32)
      lun_f32(out)[j] = (float)sums[j];
    else
      lun_f64(out)[j] = sums[j];
  lun_scratch_free(c, sums);
  return LUN_OK;
}

/* Sum of the elements below (sign -1) or above (sign 1) the mean, divided by how many elements there are. */
static double beyond_mean(const lun_tensor *t, int sign) {
  double mean = mean_of(t), s = 0;
  for (int64_t i = 0; i < t->shape[0]; i++) {
    double v = element(t, i);
    if (sign < 0 ? v < mean : v > mean) s += v;
  }
  return t->shape[0] ? s / (double)t->shape[0] : 0;
}

static int regularizer_cpu(lun_call *c) {
  void *allowed = NULL;
  LUN_TRY(make_allowed(c, REG_FEATURES, &allowed));
  job w = {.epsilon = c->arg[REG_EPSILON].f, .allowed = allowed, .q = c->out[1], .count = c->out[2]};
  int st = run_score(c, &w);
  lun_scratch_free(c, allowed);
  if (!st) st = norms(c, c->out[3]);
  if (st) return st;
  double loss = -c->arg[REG_LOW].f * beyond_mean(c->out[1], -1) + c->arg[REG_OVER].f * beyond_mean(c->out[3], 1);
  if (c->out[0]->dtype == LUN_F32)
    *lun_f32(c->out[0]) = (float)loss;
  else
    *lun_f64(c->out[0]) = loss;
  return LUN_OK;
}

static int regularizer_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "qscore_regularizer_grad", din, "tttffftttt", c->arg[REG_H].t, c->out[1], c->out[3],
                c->arg[REG_LOW].f, c->arg[REG_OVER].f, c->arg[REG_EPSILON].f, c->arg[REG_FEATURES].t, dout[0], dout[1],
                dout[3]);
}

static const char *const regularizer_samples[] = {
    "h=spread[6,40] low_weight=0.5 over_weight=0.25 epsilon=1",
    "h=spread[5,23] low_weight=0.5 over_weight=0 epsilon=0.5 features=pos23[8]", "h=normal[1,1]", "h=normal[0,8]",
    NULL};
const lun_op LUN_ROW(qscore_regularizer) = {
    .name = "qscore_regularizer",
    .args = "h:tensor low_weight:float=1e-4 over_weight:float=1e-4 epsilon:float=4 features:constant? -> loss q count "
            "norm",
    .doc =
        "The Q-Score regularizer of a batch h (n,r), to be added to a loss.\n"
        "loss = - low_weight mean_i [q_i < alpha] q_i + over_weight mean_j [norm_j > beta] norm_j, where q and count "
        "are those of the op qscore over `features` (left out: all), norm (r) holds the L1 norms of h's columns, "
        "alpha and beta are the means of q and norm.\n"
        "In the gradient alpha, beta and every index set are constants.\n"
        "Source: arXiv 2203.01881.",
    .shape = regularizer_shape,
    .cpu = regularizer_cpu,
    .grad = regularizer_grad_of,
    .keep = "h features q norm",
    .samples = regularizer_samples,
    .tolerance = 1e-5,
    .kinks = "membership of the index sets and the sign of h; spread values lie apart from both",
};

enum { RG_H, RG_Q, RG_NORM, RG_LOW, RG_OVER, RG_EPSILON, RG_FEATURES, RG_DLOSS, RG_DQ, RG_DNORM };

static int regularizer_grad_shape(lun_call *c) {
  const lun_tensor *h = c->arg[RG_H].t;
  static const int rows[] = {RG_Q, RG_DQ}, columns[] = {RG_NORM, RG_DNORM};
  LUN_TRY(need_matrix(c));
  LUN_TRY(need_epsilon(c, RG_EPSILON));
  LUN_TRY(need_features(c, RG_FEATURES));
  for (int k = 0; k < 2; k++) {
    if (c->arg[rows[k]].t) LUN_TRY(lun_need_shape(c, rows[k], 1, &h->shape[0], "one per row of h"));
    if (c->arg[rows[k]].t) LUN_TRY(lun_need_same_dtype(c, rows[k], RG_H));
    if (c->arg[columns[k]].t) LUN_TRY(lun_need_shape(c, columns[k], 1, &h->shape[1], "one per feature of h"));
    if (c->arg[columns[k]].t) LUN_TRY(lun_need_same_dtype(c, columns[k], RG_H));
  }
  if (c->arg[RG_DLOSS].t) LUN_TRY(lun_need_shape(c, RG_DLOSS, 0, NULL, "one number"));
  if (c->arg[RG_DLOSS].t) LUN_TRY(lun_need_same_dtype(c, RG_DLOSS, RG_H));
  return lun_out(c, 0, h->dtype, 2, h->shape);
}

static void set_element(lun_tensor *t, int64_t i, double v) {
  if (t->dtype == LUN_F32)
    lun_f32(t)[i] = (float)v;
  else
    lun_f64(t)[i] = v;
}

/* What arrives at every score: from the loss where it is below the mean, and from whoever used the output q. */
static int score_part_grad(lun_call *c, double dloss, const void *allowed) {
  lun_tensor *q = c->arg[RG_Q].t, *given = c->arg[RG_DQ].t, *dq = NULL;
  int64_t n = q->shape[0];
  double alpha = mean_of(q), pull = -dloss * c->arg[RG_LOW].f / (double)n;
  LUN_TRY(lun_empty(c->ctx, q->dtype, LUN_CPU, 1, &n, &dq));
  for (int64_t i = 0; i < n; i++)
    set_element(dq, i, (element(q, i) < alpha ? pull : 0) + (given ? element(given, i) : 0));
  int st = run_grad(c, dq, c->arg[RG_EPSILON].f, false, allowed, c->out[0]);
  lun_release(dq);
  return st;
}

/* The same for every column norm, added to dh. */
static int norm_part_grad(lun_call *c, double dloss) {
  const lun_tensor *h = c->arg[RG_H].t, *given = c->arg[RG_DNORM].t;
  lun_tensor *norm = c->arg[RG_NORM].t, *dnorm = NULL;
  int64_t n = h->shape[0], r = h->shape[1];
  double beta = mean_of(norm), push = dloss * c->arg[RG_OVER].f / (double)r;
  LUN_TRY(lun_empty(c->ctx, norm->dtype, LUN_CPU, 1, &r, &dnorm));
  for (int64_t j = 0; j < r; j++)
    set_element(dnorm, j, (element(norm, j) > beta ? push : 0) + (given ? element(given, j) : 0));
  int threads = threads_for(c, n * r);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; t++) {
    int64_t from = n * t / threads, to = n * (t + 1) / threads;
    if (h->dtype == LUN_F32)
      column_push_f32(lun_f32(h), from, to, r, lun_f32(dnorm), lun_f32(c->out[0]));
    else
      column_push_f64(lun_f64(h), from, to, r, lun_f64(dnorm), lun_f64(c->out[0]));
  }
  lun_release(dnorm);
  return LUN_OK;
}

static int regularizer_grad_cpu(lun_call *c) {
  if (lun_numel(c->arg[RG_H].t) == 0) return LUN_OK;
  double dloss = c->arg[RG_DLOSS].t ? element(c->arg[RG_DLOSS].t, 0) : 0;
  void *allowed = NULL;
  LUN_TRY(make_allowed(c, RG_FEATURES, &allowed));
  int st = score_part_grad(c, dloss, allowed);
  lun_scratch_free(c, allowed);
  return st ? st : norm_part_grad(c, dloss);
}

static const char *const regularizer_grad_samples[] = {
    "h=spread[6,40] q=unit[6] norm=unit[40] epsilon=1 dloss=normal[]",
    "h=spread[3,20] q=unit[3] norm=unit[20] epsilon=1 features=pos20[5] dq=normal[3] dnorm=normal[20]",
    "h=spread[2,200] q=unit[2] norm=unit[200] epsilon=1 dloss=normal[] dnorm=normal[200]", NULL};
const lun_op LUN_ROW(qscore_regularizer_grad) = {
    .name = "qscore_regularizer_grad",
    .args = "h:constant q:constant norm:constant low_weight:float=1e-4 over_weight:float=1e-4 epsilon:float=4 "
            "features:constant? dloss:constant? dq:constant? dnorm:constant? -> dh",
    .doc = "Gradient of dloss loss + sum(dq q) + sum(dnorm norm) with respect to h (n,r), where q (n), norm (r) and "
           "loss are the outputs of qscore_regularizer under the same settings; a gradient left out is 0.",
    .shape = regularizer_grad_shape,
    .cpu = regularizer_grad_cpu,
    .no_grad = "the gradient of qscore_regularizer; with its index sets constant it is the same for all h nearby",
    .samples = regularizer_grad_samples,
};
