/* probe.c: linear probes on frozen features: L-BFGS to convergence, and SGD as papers on self-supervision do it. */
#include "ops/logistic.h"
#include "core/rng.h"

#include <math.h>
#include <string.h>

#define objective LUN_LOCAL(logistic_objective)

static int probe_outputs(lun_call *c, int64_t figures) {
  const lun_tensor *x = c->arg[0].t;
  int64_t shape[2] = {c->arg[2].i, x->shape[1]};
  LUN_TRY(lun_out(c, 0, x->dtype, 2, shape));
  LUN_TRY(lun_out(c, 1, x->dtype, 1, shape));
  return lun_out(c, 2, LUN_F64, 1, &figures);
}

/* ---- logistic_regression ---- */

enum { HISTORY = 10 };

/* Work of one L-BFGS run: vectors of w.params doubles. */
typedef struct {
  logistic w;
  double *theta, *grad, *next, *next_grad, *step;
  double *s, *y; /* HISTORY differences of theta and of the gradient, a ring */
  double rho[HISTORY];
  int used, newest;
  int64_t evaluations;
  double value, cross_entropy;
} lbfgs;

static double dot(const double *a, const double *b, int64_t n) {
  double s = 0;
#pragma omp simd reduction(+ : s)
  for (int64_t i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}

static double largest(const double *a, int64_t n) {
  double m = 0;
  for (int64_t i = 0; i < n; i++) m = fabs(a[i]) > m ? fabs(a[i]) : m;
  return m;
}

/* step = - (inverse Hessian's estimate) gradient, by the two-loop recursion (Nocedal and Wright, algorithm 7.4). */
static void direction(lbfgs *o) {
  int64_t n = o->w.params;
  double alpha[HISTORY];
  for (int64_t i = 0; i < n; i++) o->step[i] = -o->grad[i];
  for (int k = 0; k < o->used; k++) {
    int at = (o->newest - k + HISTORY) % HISTORY;
    const double *y = o->y + at * n;
    double a = alpha[at] = o->rho[at] * dot(o->s + at * n, o->step, n);
    for (int64_t i = 0; i < n; i++) o->step[i] -= a * y[i];
  }
  if (o->used) {
    const double *y = o->y + o->newest * n;
    double scale = 1 / (o->rho[o->newest] * dot(y, y, n));
    for (int64_t i = 0; i < n; i++) o->step[i] *= scale;
  }
  for (int k = o->used - 1; k >= 0; k--) {
    int at = (o->newest - k + HISTORY) % HISTORY;
    const double *s = o->s + at * n;
    double b = alpha[at] - o->rho[at] * dot(o->y + at * n, o->step, n);
    for (int64_t i = 0; i < n; i++) o->step[i] += b * s[i];
  }
}

/* Finds a length along step that satisfies the weak Wolfe conditions, by bisection and doubling; next, next_grad and
** value are set to it. Where rounding hides the decrease of the value, the slope decides (Hager and Zhang 2005, the
** approximate Wolfe conditions). False: no length was found. */
static bool line_search(lbfgs *o, double length) {
  int64_t n = o->w.params;
  double slope = dot(o->grad, o->step, n), low = 0, high = INFINITY;
  const lun_call *c = o->w.call;
  if (!(slope < 0)) return false;
  for (int turn = 0; turn < 40 && !lun_poll(c); turn++) {
    double ce;
    for (int64_t i = 0; i < n; i++) o->next[i] = o->theta[i] + length * o->step[i];
    double v = objective(&o->w, lun_data(c->arg[0].t), lun_i64(c->arg[1].t), o->w.n, o->next, o->next_grad, &ce);
    o->evaluations++;
    double after = dot(o->next_grad, o->step, n), noise = o->w.dtype == LUN_F64 ? 1e-13 : 1e-6;
    bool lower = v <= o->value + 1e-4 * length * slope ||
                 (v <= o->value + noise * fabs(o->value) && after <= (2e-4 - 1) * slope);
    if (lower && after >= 0.9 * slope) {
      o->value = v;
      o->cross_entropy = ce;
      return true;
    }
    if (lower)
      low = length;
    else
      high = length;
    length = isinf(high) ? 2 * low : 0.5 * (low + high);
  }
  return false;
}

static void remember(lbfgs *o) {
  int64_t n = o->w.params;
  int at = (o->newest + 1) % HISTORY;
  double *s = o->s + at * n, *y = o->y + at * n;
  for (int64_t i = 0; i < n; i++) {
    s[i] = o->next[i] - o->theta[i];
    y[i] = o->next_grad[i] - o->grad[i];
  }
  double sy = dot(s, y, n);
  if (sy > 0) {
    o->rho[at] = 1 / sy;
    o->newest = at;
    if (o->used < HISTORY) o->used++;
  }
  memcpy(o->theta, o->next, (size_t)n * sizeof *s);
  memcpy(o->grad, o->next_grad, (size_t)n * sizeof *s);
}

static int minimise(lbfgs *o, int64_t max_iter, double tol, double *figures) {
  lun_call *c = o->w.call;
  int64_t n = o->w.params, k = 0;
  memset(o->theta, 0, (size_t)n * sizeof *o->theta);
  o->value =
      objective(&o->w, lun_data(c->arg[0].t), lun_i64(c->arg[1].t), o->w.n, o->theta, o->grad, &o->cross_entropy);
  o->evaluations = 1;
  if (!isfinite(o->value))
    return lun_bad(c, LUN_ENAN, "x holds NaN or values too large for %s", lun_dtype_name(o->w.dtype));
  bool moved = true;
  for (; k < max_iter && largest(o->grad, n) > tol && moved; k++) {
    direction(o);
    double first = largest(o->grad, n);
    moved = line_search(o, o->used ? 1 : fmin(1, 1 / first));
    if (moved) remember(o);
    if (lun_poll(c)) return lun_interrupted(c);
  }
  double left = largest(o->grad, n);
  const double all[] = {o->value, o->cross_entropy, (double)(moved ? k : k - 1),
                        left,     left <= tol,      (double)o->evaluations};
  memcpy(figures, all, sizeof all);
  return LUN_OK;
}

enum { LR_L2 = 3, LR_MAX_ITER, LR_TOL };

static int regression_shape(lun_call *c) {
  LUN_TRY(LUN_LOCAL(logistic_check)(c));
  if (!(c->arg[LR_L2].f >= 0)) return lun_bad(c, LUN_EARG, "l2 must be at least 0, got %g", c->arg[LR_L2].f);
  if (!(c->arg[LR_TOL].f > 0)) return lun_bad(c, LUN_EARG, "tol must be above 0, got %g", c->arg[LR_TOL].f);
  if (c->arg[LR_MAX_ITER].i < 1)
    return lun_bad(c, LUN_EARG, "max_iter must be at least 1, got %lld", (long long)c->arg[LR_MAX_ITER].i);
  return probe_outputs(c, 6);
}

static int regression_cpu(lun_call *c) {
  lbfgs o = {.newest = HISTORY - 1};
  double *all = NULL;
  int st = LUN_LOCAL(logistic_open)(c, c->arg[LR_L2].f, c->arg[0].t->shape[0], &o.w);
  int64_t n = o.w.params;
  if (!st) st = lun_scratch(c, (5 + 2 * HISTORY) * n * (int64_t)sizeof *all, (void **)&all);
  if (!st) {
    double **vectors[] = {&o.theta, &o.grad, &o.next, &o.next_grad, &o.step, &o.s, &o.y};
    for (int k = 0; k < 7; k++) *vectors[k] = all + (k < 6 ? k : 5 + HISTORY) * n;
    st = minimise(&o, c->arg[LR_MAX_ITER].i, c->arg[LR_TOL].f, lun_f64(c->out[2]));
  }
  if (!st) LUN_LOCAL(logistic_output)(&o.w, o.theta, c->out[0], c->out[1]);
  lun_scratch_free(c, all);
  LUN_LOCAL(logistic_close)(&o.w);
  return st;
}

static const char *const regression_samples[] = {"x=normal[30,5] y=pos3[30] classes=3 l2=0.01 max_iter=2",
                                                 "x=normal[70,41]@f64 y=pos5[70] classes=5 l2=0.1 max_iter=5",
                                                 "x=normal[1,1] y=pos1[1] classes=2 l2=1 max_iter=2", NULL};
const lun_op LUN_ROW(logistic_regression) = {
    .name = "logistic_regression",
    .args = "x:constant y:constant classes:int l2:float=1e-4 max_iter:int=1000 tol:float=1e-5 -> weight bias figures",
    .doc =
        "Softmax regression of labels y (n; 1..classes) on rows of x (n,d), by L-BFGS from zero: weight (classes,d) "
        "and bias (classes; mean 0) that minimise mean cross-entropy + l2/2 |weight|^2.\n"
        "Stops where no element of the gradient exceeds tol, or after max_iter iterations. l2 = 1/(C n) is "
        "scikit-learn's C.\n"
        "figures (6): objective, cross-entropy, iterations, largest element of the gradient, 1 if that is at most tol "
        "else 0, evaluations. Sums in f64; the same for any number of threads.",
    .shape = regression_shape,
    .cpu = regression_cpu,
    .no_grad = "a fit; frozen features need no gradient",
    .samples = regression_samples,
};

/* ---- logistic_sgd ---- */

enum { SGD_L2 = 3, SGD_EPOCHS, SGD_BATCH, SGD_LR, SGD_MOMENTUM, SGD_SEED };

static int sgd_shape(lun_call *c) {
  LUN_TRY(LUN_LOCAL(logistic_check)(c));
  if (!(c->arg[SGD_L2].f >= 0)) return lun_bad(c, LUN_EARG, "l2 must be at least 0, got %g", c->arg[SGD_L2].f);
  if (c->arg[SGD_EPOCHS].i < 1)
    return lun_bad(c, LUN_EARG, "epochs must be at least 1, got %lld", (long long)c->arg[SGD_EPOCHS].i);
  if (c->arg[SGD_BATCH].i < 1)
    return lun_bad(c, LUN_EARG, "batch must be at least 1, got %lld", (long long)c->arg[SGD_BATCH].i);
  if (!(c->arg[SGD_LR].f > 0)) return lun_bad(c, LUN_EARG, "lr must be above 0, got %g", c->arg[SGD_LR].f);
  if (!(c->arg[SGD_MOMENTUM].f >= 0 && c->arg[SGD_MOMENTUM].f < 1))
    return lun_bad(c, LUN_EARG, "momentum must be within 0..1, 1 excluded, got %g", c->arg[SGD_MOMENTUM].f);
  return probe_outputs(c, 2);
}

/* Order of the samples in an epoch (Fisher and Yates), drawn by counter. */
static void shuffle(int64_t *order, int64_t n, lun_stream stream, int64_t epoch) {
  for (int64_t i = 0; i < n; i++) order[i] = i;
  for (int64_t i = n - 1; i > 0; i--) {
    uint32_t u = lun_philox(stream, (uint32_t)(i / 4), (uint32_t)epoch, 0, 0).v[i % 4];
    int64_t k = lun_below(u, (uint32_t)(i + 1)), was = order[i];
    order[i] = order[k];
    order[k] = was;
  }
}

typedef struct {
  logistic w;
  double *theta, *grad, *speed;
  char *x;            /* a batch, gathered */
  int64_t *y, *order; /* its labels; the epoch's order */
} descent;

static int descend(lun_call *c, descent *o, double *figures) {
  int64_t n = o->w.n, batch = c->arg[SGD_BATCH].i, epochs = c->arg[SGD_EPOCHS].i;
  int64_t row = o->w.d * lun_dtype_size(o->w.dtype), steps = 0;
  lun_stream stream = lun_stream_make((uint64_t)c->arg[SGD_SEED].i, "probe");
  const char *x = lun_data(c->arg[0].t);
  const int64_t *y = lun_i64(c->arg[1].t);
  double loss = 0;
  memset(o->theta, 0, (size_t)o->w.params * sizeof(double));
  memset(o->speed, 0, (size_t)o->w.params * sizeof(double));
  for (int64_t e = 0; e < epochs; e++) {
    double lr = c->arg[SGD_LR].f * (10.0 * (double)e >= 8.0 * (double)epochs   ? 0.01
                                    : 10.0 * (double)e >= 6.0 * (double)epochs ? 0.1
                                                                               : 1);
    shuffle(o->order, n, stream, e);
    loss = 0;
    for (int64_t i = 0; i < n; i += batch) {
      int64_t rows = n - i < batch ? n - i : batch;
      double ce;
      for (int64_t k = 0; k < rows; k++) {
        memcpy(o->x + k * row, x + o->order[i + k] * row, (size_t)row);
        o->y[k] = y[o->order[i + k]];
      }
      objective(&o->w, o->x, o->y, rows, o->theta, o->grad, &ce);
      loss += ce * (double)rows / (double)n;
      for (int64_t k = 0; k < o->w.params; k++) {
        o->speed[k] = c->arg[SGD_MOMENTUM].f * o->speed[k] + o->grad[k];
        o->theta[k] -= lr * o->speed[k];
      }
      steps++;
      if (lun_poll(c)) return lun_interrupted(c);
    }
    if (!isfinite(loss))
      return lun_bad(c, LUN_ENAN, "the loss is not finite in epoch %lld: lower lr (%g), or standardise x",
                     (long long)e + 1, c->arg[SGD_LR].f);
  }
  figures[0] = loss;
  figures[1] = (double)steps;
  return LUN_OK;
}

static int sgd_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], batch = c->arg[SGD_BATCH].i < n ? c->arg[SGD_BATCH].i : n;
  descent o = {0};
  if (n > INT32_MAX) return lun_bad(c, LUN_ESHAPE, "x has more than 2^31 - 1 rows");
  int st = LUN_LOCAL(logistic_open)(c, c->arg[SGD_L2].f, batch, &o.w);
  int64_t bytes = o.w.params * (int64_t)sizeof(double);
  if (!st) st = lun_scratch(c, bytes, (void **)&o.theta);
  if (!st) st = lun_scratch(c, bytes, (void **)&o.grad);
  if (!st) st = lun_scratch(c, bytes, (void **)&o.speed);
  if (!st) st = lun_scratch(c, batch * o.w.d * lun_dtype_size(x->dtype), (void **)&o.x);
  if (!st) st = lun_scratch(c, batch * (int64_t)sizeof *o.y, (void **)&o.y);
  if (!st) st = lun_scratch(c, n * (int64_t)sizeof *o.order, (void **)&o.order);
  if (!st) st = descend(c, &o, lun_f64(c->out[2]));
  if (!st) LUN_LOCAL(logistic_output)(&o.w, o.theta, c->out[0], c->out[1]);
  void *scratch[] = {o.theta, o.grad, o.speed, o.x, o.y, o.order};
  for (int k = 0; k < 6; k++) lun_scratch_free(c, scratch[k]);
  LUN_LOCAL(logistic_close)(&o.w);
  return st;
}

static const char *const sgd_samples[] = {"x=normal[30,5] y=pos3[30] classes=3 epochs=3 batch=8",
                                          "x=normal[10,41]@f64 y=pos2[10] classes=2 epochs=2 l2=0.1 momentum=0",
                                          "x=normal[1,1] y=pos1[1] classes=2 epochs=1", NULL};
const lun_op LUN_ROW(logistic_sgd) = {
    .name = "logistic_sgd",
    .args = "x:constant y:constant classes:int l2:float=0 epochs:int=100 batch:int=256 lr:float=0.1 momentum:float=0.9 "
            "seed:int=0 -> weight bias figures",
    .doc = "Softmax regression of labels y (n; 1..classes) on rows of x (n,d), by SGD with momentum from zero; the "
           "learning rate lr falls to a tenth after 60 % and again after 80 % of the epochs.\n"
           "The order of samples depends on seed and epoch alone; the last batch of an epoch may be smaller.\n"
           "l2: weight of the penalty l2/2 |weight|^2.\n"
           "weight (classes,d), bias (classes; mean 0), figures (2): mean cross-entropy of the last epoch, steps.",
    .shape = sgd_shape,
    .cpu = sgd_cpu,
    .no_grad = "a fit; frozen features need no gradient",
    .samples = sgd_samples,
};
