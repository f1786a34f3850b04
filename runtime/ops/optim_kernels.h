/* optim_kernels.h: one parameter tensor's update for one element type; see real.h. `scale` multiplies the gradient
** after weight decay was added: 1 for SGD, LARS's trust ratio otherwise. */

static void FN(momentum_update)(real *w, const real *g, real *buf, int64_t n, real lr, real momentum, real decay,
                                real scale, bool nesterov, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static) if (n > 65536)
  for (int64_t i = 0; i < n; i++) {
    real d = (g[i] + decay * w[i]) * scale;
    buf[i] = momentum * buf[i] + d;
    w[i] -= lr * (nesterov ? d + momentum * buf[i] : buf[i]);
  }
}

/* Squares of x + b y (of x where y is NULL), summed in chunks of NORM_CHUNK into part: the same chunks for every thread
** count. */
static void FN(squares)(const real *x, const real *y, real b, int64_t n, double *part, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n > 65536)
  for (int64_t at = 0; at < n; at += NORM_CHUNK) {
    int64_t k = n - at < NORM_CHUNK ? n - at : NORM_CHUNK;
    const real *p = x + at, *q = y ? y + at : NULL;
    real s = 0;
    if (q) {
#pragma omp simd reduction(+ : s)
      for (int64_t i = 0; i < k; i++) s += (p[i] + b * q[i]) * (p[i] + b * q[i]);
    } else {
#pragma omp simd reduction(+ : s)
      for (int64_t i = 0; i < k; i++) s += p[i] * p[i];
    }
    part[at / NORM_CHUNK] = (double)s;
  }
}

static void FN(scale)(real *x, int64_t n, real by, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static) if (n > 65536)
  for (int64_t i = 0; i < n; i++) x[i] *= by;
}

static void FN(adamw_update)(real *w, const real *g, real *m, real *v, int64_t n, real lr, real beta1, real beta2,
                             real eps, real decay, real correct1, real correct2, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static) if (n > 65536)
  for (int64_t i = 0; i < n; i++) {
    m[i] = beta1 * m[i] + (1 - beta1) * g[i];
    v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
    w[i] -= lr * (decay * w[i] + m[i] / correct1 / (REAL_SQRT(v[i] / correct2) + eps));
  }
}

/* Called by every thread of a parallel region, which shares the elements out. */
static void FN(moving_average)(real *to, const real *from, int64_t n, double momentum) {
  real keep = (real)momentum, take = (real)(1 - momentum);
#pragma omp for simd schedule(static) nowait
  for (int64_t i = 0; i < n; i++) to[i] = keep * to[i] + take * from[i];
}
