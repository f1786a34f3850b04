/* probe.cu: linear probes on frozen features: the solvers of ops/probe.c with every vector on the device. L-BFGS
** decides on the host, as a line search must: it waits for four numbers after each evaluation. SGD waits once an epoch,
** to see that the loss is finite. Bound by logistic.cu's products. */
#include "core/rng.h"
#include "kernels.h"
#include "logistic.h"
#include "number.h"
#include "reduce.h"
#include "scratch.h"
#include "shuffle.h"

#include <math.h>

/* ---- vectors of doubles, and numbers made of them that stay on the device ---- */

struct fold_dot {
  static __device__ double of(const double *a, const double *b, int64_t i) { return a[i] * b[i]; }
  static __device__ double join(double a, double b) { return a + b; }
};
struct fold_largest { /* of |a|; NaN counts for nothing */
  static __device__ double of(const double *a, const double *, int64_t i) { return fabs(a[i]); }
  static __device__ double join(double a, double b) { return b > a ? b : a; }
};
struct join_largest {
  static __device__ double of(double a, double b) { return b > a ? b : a; }
};

enum { PARTS = 256 };

template <class F, class JOIN>
static __global__ void fold_parts(const double *a, const double *b, int64_t n, double *parts) {
  LUN_SHARED(double, shared);
  double v = 0;
  LUN_EACH(i, n) v = F::join(v, F::of(a, b, i));
  v = lun_block_reduce<JOIN>(v, 0.0, shared);
  if (threadIdx.x == 0) parts[blockIdx.x] = v;
}

/* One block: *out = base - scale * all with a base, else scale * all. */
template <class JOIN>
static __global__ void fold_all(const double *parts, int n, const double *base, double scale, double *out) {
  LUN_SHARED(double, shared);
  double v = lun_block_reduce<JOIN>((int)threadIdx.x < n ? parts[threadIdx.x] : 0.0, 0.0, shared);
  if (threadIdx.x == 0) *out = base ? *base - scale * v : scale * v;
}

/* to = a x + b y, where x and y may be NULL. *by, if there is one, multiplies b. */
static __global__ void combine(double *to, double a, const double *x, double b, const double *y, const double *by,
                               int64_t n) {
  double factor = by ? b * *by : b;
  LUN_EACH(i, n) to[i] = (x ? a * x[i] : 0) + (y ? factor * y[i] : 0);
}

/* v /= *by * scale */
static __global__ void divide(double *v, const double *by, double scale, int64_t n) {
  double factor = 1 / (*by * scale);
  LUN_EACH(i, n) v[i] *= factor;
}

/* ---- logistic_regression ---- */

enum { HISTORY = 10, VECTORS = 5 + 2 * HISTORY };
/* Numbers on the device. The first four are what the host waits for. */
enum { CROSS_ENTROPY, NORM, SLOPE, LARGEST, SCALAR, ALPHA, NUMBERS = ALPHA + HISTORY };

typedef struct {
  lun_cuda_logistic w;
  lun_tensor *vectors, *numbers, *parts, *host;
  double *theta, *grad, *next, *next_grad, *step, *s, *y, *number;
  double rho[HISTORY], value, cross_entropy, largest;
  int used, newest;
  int64_t evaluations;
} lbfgs;

static unsigned part_blocks(int64_t n) {
  unsigned blocks = lun_cuda_blocks(n);
  return blocks < (unsigned)PARTS ? blocks : (unsigned)PARTS;
}

static int dot(lbfgs *o, const double *a, const double *b, int64_t n, const double *base, double scale, double *out) {
  lun_call *c = o->w.call;
  unsigned blocks = part_blocks(n);
  double *parts = lun_elements<double>(o->parts);
  LUN_TRY(
      LUN_LAUNCH(c, (fold_parts<fold_dot, lun_sum>), blocks, LUN_CUDA_THREADS, 32 * sizeof(double), a, b, n, parts));
  return LUN_LAUNCH(c, (fold_all<lun_sum>), 1, PARTS, 32 * sizeof(double), parts, (int)blocks, base, scale, out);
}

static int largest(lbfgs *o, const double *a, double *out) {
  lun_call *c = o->w.call;
  unsigned blocks = part_blocks(o->w.params);
  double *parts = lun_elements<double>(o->parts);
  LUN_TRY(LUN_LAUNCH(c, (fold_parts<fold_largest, join_largest>), blocks, LUN_CUDA_THREADS, 32 * sizeof(double), a, a,
                     o->w.params, parts));
  return LUN_LAUNCH(c, (fold_all<join_largest>), 1, PARTS, 32 * sizeof(double), parts, (int)blocks,
                    static_cast<const double *>(NULL), 1.0, out);
}

static int sum_of(lbfgs *o, double *to, double a, const double *x, double b, const double *y, const double *by) {
  return LUN_LAUNCH(o->w.call, combine, lun_cuda_blocks(o->w.params), LUN_CUDA_THREADS, 0, to, a, x, b, y, by,
                    o->w.params);
}

/* step = - (inverse Hessian's estimate) gradient, by the two-loop recursion (Nocedal and Wright, algorithm 7.4). */
static int direction(lbfgs *o) {
  int64_t n = o->w.params;
  LUN_TRY(sum_of(o, o->step, -1, o->grad, 0, NULL, NULL));
  for (int k = 0; k < o->used; k++) {
    int at = (o->newest - k + HISTORY) % HISTORY;
    LUN_TRY(dot(o, o->s + at * n, o->step, n, NULL, o->rho[at], o->number + ALPHA + at));
    LUN_TRY(sum_of(o, o->step, 1, o->step, -1, o->y + at * n, o->number + ALPHA + at));
  }
  if (o->used) {
    const double *y = o->y + o->newest * n;
    LUN_TRY(dot(o, y, y, n, NULL, 1, o->number + SCALAR));
    LUN_TRY(LUN_LAUNCH(o->w.call, divide, lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, o->step, o->number + SCALAR,
                       o->rho[o->newest], n));
  }
  for (int k = o->used - 1; k >= 0; k--) {
    int at = (o->newest - k + HISTORY) % HISTORY;
    LUN_TRY(dot(o, o->y + at * n, o->step, n, o->number + ALPHA + at, o->rho[at], o->number + SCALAR));
    LUN_TRY(sum_of(o, o->step, 1, o->step, 1, o->s + at * n, o->number + SCALAR));
  }
  return LUN_OK;
}

/* Waits for the first four numbers. */
static int wait_for(lbfgs *o, double *four) {
  lun_tensor view = *o->numbers;
  view.shape[0] = 4;
  LUN_TRY(lun_copy(o->host, &view));
  memcpy(four, lun_data(o->host), 4 * sizeof *four);
  return LUN_OK;
}

/* The objective at theta, its gradient, the slope along step and the gradient's largest element. */
static int evaluate(lbfgs *o, const double *theta, double *grad, double *value, double *four) {
  lun_call *c = o->w.call;
  const lun_tensor *x = c->arg[0].t;
  const char *data = static_cast<const char *>(x->storage->data) + x->offset * lun_dtype_size(x->dtype);
  int64_t weights = o->w.classes * o->w.d;
  LUN_TRY(lun_cuda_logistic_gradient(&o->w, data, lun_elements<int64_t>(c->arg[1].t), o->w.n, theta, grad,
                                     o->number + CROSS_ENTROPY, 1, false));
  LUN_TRY(dot(o, theta, theta, weights, NULL, 1, o->number + NORM));
  LUN_TRY(dot(o, grad, o->step, o->w.params, NULL, 1, o->number + SLOPE));
  LUN_TRY(largest(o, grad, o->number + LARGEST));
  LUN_TRY(wait_for(o, four));
  *value = four[CROSS_ENTROPY] + 0.5 * o->w.l2 * four[NORM];
  o->evaluations++;
  return LUN_OK;
}

/* Finds a length along step that satisfies the weak Wolfe conditions, by bisection and doubling; next and next_grad are
** set to it. Where rounding hides the decrease of the value, the slope decides, as in ops/probe.c. */
static int line_search(lbfgs *o, double length, bool *moved) {
  double four[4], low = 0, high = INFINITY;
  LUN_TRY(dot(o, o->grad, o->step, o->w.params, NULL, 1, o->number + SLOPE));
  LUN_TRY(wait_for(o, four));
  double slope = four[SLOPE];
  *moved = false;
  if (!(slope < 0)) return LUN_OK;
  for (int turn = 0; turn < 40 && !lun_poll(o->w.call); turn++) {
    double v = 0, noise = o->w.dtype == LUN_F64 ? 1e-13 : 1e-6;
    LUN_TRY(sum_of(o, o->next, 1, o->theta, length, o->step, NULL));
    LUN_TRY(evaluate(o, o->next, o->next_grad, &v, four));
    double after = four[SLOPE];
    bool lower = v <= o->value + 1e-4 * length * slope ||
                 (v <= o->value + noise * fabs(o->value) && after <= (2e-4 - 1) * slope);
    if (lower && after >= 0.9 * slope) {
      o->value = v;
      o->cross_entropy = four[CROSS_ENTROPY];
      o->largest = four[LARGEST];
      *moved = true;
      return LUN_OK;
    }
    if (lower)
      low = length;
    else
      high = length;
    length = isinf(high) ? 2 * low : 0.5 * (low + high);
  }
  return LUN_OK;
}

static int remember(lbfgs *o) {
  int64_t n = o->w.params;
  int at = (o->newest + 1) % HISTORY;
  double four[4], *s = o->s + at * n, *y = o->y + at * n;
  LUN_TRY(sum_of(o, s, 1, o->next, -1, o->theta, NULL));
  LUN_TRY(sum_of(o, y, 1, o->next_grad, -1, o->grad, NULL));
  LUN_TRY(dot(o, s, y, n, NULL, 1, o->number + SLOPE));
  LUN_TRY(wait_for(o, four));
  if (four[SLOPE] > 0) {
    o->rho[at] = 1 / four[SLOPE];
    o->newest = at;
    if (o->used < HISTORY) o->used++;
  }
  double *theta = o->theta, *grad = o->grad;
  o->theta = o->next, o->grad = o->next_grad;
  o->next = theta, o->next_grad = grad;
  return LUN_OK;
}

static int minimise(lbfgs *o, int64_t max_iter, double tol, double *figures) {
  lun_call *c = o->w.call;
  int64_t k = 0;
  double four[4];
  bool moved = true;
  LUN_TRY(sum_of(o, o->theta, 0, NULL, 0, NULL, NULL));
  LUN_TRY(sum_of(o, o->step, 0, NULL, 0, NULL, NULL));
  LUN_TRY(evaluate(o, o->theta, o->grad, &o->value, four));
  o->cross_entropy = four[CROSS_ENTROPY];
  o->largest = four[LARGEST];
  if (!isfinite(o->value))
    return lun_bad(c, LUN_ENAN, "x holds NaN or values too large for %s", lun_dtype_name(o->w.dtype));
  for (; k < max_iter && o->largest > tol && moved; k++) {
    double first = o->largest;
    LUN_TRY(direction(o));
    LUN_TRY(line_search(o, o->used ? 1 : fmin(1, 1 / first), &moved));
    if (moved) LUN_TRY(remember(o));
    if (lun_poll(c)) return lun_interrupted(c);
  }
  const double all[] = {o->value,
                        o->cross_entropy,
                        (double)(moved ? k : k - 1),
                        o->largest,
                        (double)(o->largest <= tol),
                        (double)o->evaluations};
  memcpy(figures, all, sizeof all);
  return LUN_OK;
}

static int regress(lun_call *c, lbfgs *o) {
  int64_t n = o->w.params, four = 4, at = 0;
  double figures[6];
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, VECTORS * n, &o->vectors));
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, NUMBERS, &o->numbers));
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, PARTS, &o->parts));
  LUN_TRY(lun_empty(c->ctx, LUN_F64, LUN_CPU, 1, &four, &o->host));
  o->number = lun_elements<double>(o->numbers);
  double *all = lun_elements<double>(o->vectors),
         **vectors[] = {&o->theta, &o->grad, &o->next, &o->next_grad, &o->step, &o->s, &o->y};
  for (int k = 0; k < 7; k++) *vectors[k] = all + (k < 6 ? k : 5 + HISTORY) * n;
  LUN_TRY(minimise(o, c->arg[4].i, c->arg[5].f, figures));
  for (; at < 6; at++) LUN_TRY(lun_set(c->out[2], &at, figures[at]));
  return lun_cuda_logistic_output(&o->w, o->theta, c->out[0], c->out[1]);
}

int lun_cuda_logistic_regression(lun_call *c) {
  lbfgs o;
  memset(&o, 0, sizeof o);
  o.newest = HISTORY - 1;
  int st = lun_cuda_logistic_open(c, c->arg[3].f, c->arg[0].t->shape[0], &o.w);
  if (!st) st = regress(c, &o);
  lun_tensor *all[] = {o.vectors, o.numbers, o.parts, o.host};
  for (int k = 0; k < 4; k++) lun_release(all[k]);
  lun_cuda_logistic_close(&o.w);
  return st;
}

/* ---- logistic_sgd ---- */

enum { SGD_L2 = 3, SGD_EPOCHS, SGD_BATCH, SGD_LR, SGD_MOMENTUM, SGD_SEED };

struct draw_of_probe {
  static __device__ int64_t of(lun_stream s, int64_t i, uint32_t epoch) {
    return lun_below(lun_philox(s, (uint32_t)(i / 4), epoch, 0, 0).v[i % 4], (uint32_t)(i + 1));
  }
};

template <class R>
static __global__ void gather_batch(const R *x, const int64_t *y, const int64_t *order, R *to, int64_t *labels,
                                    int64_t rows, int64_t d) {
  LUN_EACH(i, rows * d) {
    int64_t k = i / d, j = i - k * d, from = order[k];
    to[i] = x[from * d + j];
    if (j == 0) labels[k] = y[from];
  }
}

static __global__ void take_step(double *theta, double *speed, const double *grad, double momentum, double lr,
                                 int64_t n) {
  LUN_EACH(i, n) {
    speed[i] = momentum * speed[i] + grad[i];
    theta[i] -= lr * speed[i];
  }
}

static __global__ void clear(double *v, int64_t n) { LUN_EACH(i, n) v[i] = 0; }

static __global__ void put_two(double *to, const double *loss, double steps) {
  to[0] = *loss;
  to[1] = steps;
}

typedef struct {
  lun_cuda_logistic w;
  lun_tensor *vectors, *x, *labels, *order, *claims, *loss;
} descent;

template <class R> static int descend(lun_call *c, descent *o) {
  int64_t n = o->w.n, d = o->w.d, batch = c->arg[SGD_BATCH].i, epochs = c->arg[SGD_EPOCHS].i, params = o->w.params;
  int64_t steps = 0, zero[LUN_MAX_DIMS] = {0}, *order = lun_elements<int64_t>(o->order);
  int64_t *labels = lun_elements<int64_t>(o->labels);
  double *theta = lun_elements<double>(o->vectors), *speed = theta + params, *grad = speed + params;
  double *loss = lun_elements<double>(o->loss), value = 0;
  unsigned *claims = lun_elements<unsigned>(o->claims);
  R *part = lun_elements<R>(o->x);
  lun_stream stream = lun_stream_make((uint64_t)c->arg[SGD_SEED].i, "probe");
  LUN_TRY(LUN_LAUNCH(c, clear, lun_cuda_blocks(2 * params), LUN_CUDA_THREADS, 0, theta, 2 * params));
  for (int64_t e = 0; e < epochs; e++) {
    double lr = c->arg[SGD_LR].f * (10.0 * (double)e >= 8.0 * (double)epochs   ? 0.01
                                    : 10.0 * (double)e >= 6.0 * (double)epochs ? 0.1
                                                                               : 1);
    LUN_TRY(LUN_LAUNCH(c, lun_in_order, lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, order, claims, n, 0));
    LUN_TRY(LUN_LAUNCH(c, (lun_shuffle<draw_of_probe>), 1, lun_shuffle_threads(n), sizeof(int), order, claims, n,
                       stream, (uint32_t)e));
    for (int64_t i = 0; i < n; i += batch) {
      int64_t rows = n - i < batch ? n - i : batch;
      LUN_TRY(LUN_LAUNCH(c, (gather_batch<R>), lun_cuda_blocks(rows * d), LUN_CUDA_THREADS, 0,
                         lun_elements<R>(c->arg[0].t), lun_elements<int64_t>(c->arg[1].t), order + i, part, labels,
                         rows, d));
      LUN_TRY(
          lun_cuda_logistic_gradient(&o->w, part, labels, rows, theta, grad, loss, (double)rows / (double)n, i > 0));
      LUN_TRY(LUN_LAUNCH(c, take_step, lun_cuda_blocks(params), LUN_CUDA_THREADS, 0, theta, speed, grad,
                         c->arg[SGD_MOMENTUM].f, lr, params));
      steps++;
      if (lun_poll(c)) return lun_interrupted(c);
    }
    LUN_TRY(lun_get(o->loss, zero, &value));
    if (!isfinite(value))
      return lun_bad(c, LUN_ENAN, "the loss is not finite in epoch %lld: lower lr (%g), or standardise x",
                     (long long)e + 1, c->arg[SGD_LR].f);
  }
  LUN_TRY(LUN_LAUNCH(c, put_two, 1, 1, 0, lun_elements<double>(c->out[2]), loss, (double)steps));
  return lun_cuda_logistic_output(&o->w, theta, c->out[0], c->out[1]);
}

int lun_cuda_logistic_sgd(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], batch = c->arg[SGD_BATCH].i < n ? c->arg[SGD_BATCH].i : n;
  descent o;
  if (n > INT32_MAX) return lun_bad(c, LUN_ESHAPE, "x has more than 2^31 - 1 rows");
  memset(&o, 0, sizeof o);
  int st = lun_cuda_logistic_open(c, c->arg[SGD_L2].f, batch, &o.w);
  if (!st) st = lun_cuda_scratch(c, LUN_F64, 3 * o.w.params, &o.vectors);
  if (!st) st = lun_cuda_scratch(c, x->dtype, batch * o.w.d, &o.x);
  if (!st) st = lun_cuda_scratch(c, LUN_I64, batch, &o.labels);
  if (!st) st = lun_cuda_scratch(c, LUN_I64, n, &o.order);
  if (!st) st = lun_cuda_scratch(c, LUN_F32, n, &o.claims); /* four bytes each */
  if (!st) st = lun_cuda_scratch(c, LUN_F64, 1, &o.loss);
  if (!st) st = x->dtype == LUN_F64 ? descend<double>(c, &o) : descend<float>(c, &o);
  lun_tensor *all[] = {o.vectors, o.x, o.labels, o.order, o.claims, o.loss};
  for (int k = 0; k < 6; k++) lun_release(all[k]);
  lun_cuda_logistic_close(&o.w);
  return st;
}
