/* qscore_kernels.h: what happens to one row of a representation (see real.h).
** A row is read from memory once: the three passes over it run from the L1 cache, and the next row is asked for meanwhile, line
** by line in all three, since a processor that waits for too many lines at once does nothing else.
** Sums over a row do not depend on how rows are divided among threads.
*/
#define LANES ((int64_t)(64 / sizeof(real)))
/* One register of the instruction set: gcc takes wider vectors apart into single elements. 64 bytes are PARTS of them, so that
** sums are added up in the same order everywhere. */
#if defined(__AVX512F__)
#define REGISTER 64
#elif defined(__AVX2__)
#define REGISTER 32
#else
#define REGISTER 16
#endif
#define PARTS (64 / REGISTER)
#define WIDTH ((int64_t)(REGISTER / sizeof(real)))

typedef real FN(vec) __attribute__((vector_size(REGISTER), aligned(sizeof(real)), may_alias));
typedef REAL_INT FN(ivec) __attribute__((vector_size(REGISTER), aligned(sizeof(REAL_INT)), may_alias));

typedef struct {
  real mean, deviation; /* ddof = 1; deviation 0 for one feature */
} FN(moments);

/* The mean is corrected by the mean of the differences from it: a constant row has exactly its value as mean and
** deviation 0, so that no feature of it counts as highly active through rounding. */
static inline __attribute__((always_inline)) FN(moments) FN(row_moments)(const real *h, const real *next, int64_t r) {
  typedef FN(vec) vec;
  vec s[4 * PARTS] = {{0}};
  int64_t j = 0;
  double sum = 0;
  for (; j + 4 * LANES <= r; j += 4 * LANES) {
    for (int k = 0; k < 4 * PARTS; k++) s[k] += *(const vec *)(h + j + k * WIDTH);
    __builtin_prefetch(next + j);
  }
  for (int k = 0; k < PARTS; k++) {
    vec all = (s[k] + s[k + PARTS]) + (s[k + 2 * PARTS] + s[k + 3 * PARTS]);
    for (int64_t l = 0; l < WIDTH; l++) sum += (double)all[l];
  }
  for (; j < r; j++) sum += (double)h[j];
  real guess = (real)(sum / (double)r);
  vec d[2 * PARTS] = {{0}}, q[2 * PARTS] = {{0}};
  for (j = 0; j + 2 * LANES <= r; j += 2 * LANES) {
    for (int k = 0; k < 2 * PARTS; k++) {
      vec a = *(const vec *)(h + j + k * WIDTH) - guess;
      d[k] += a;
      q[k] += a * a;
    }
    if (!(j & (2 * LANES))) __builtin_prefetch(next + j + LANES);
  }
  double off = 0, squares = 0;
  for (int k = 0; k < PARTS; k++) {
    vec all = d[k] + d[k + PARTS], square = q[k] + q[k + PARTS];
    for (int64_t l = 0; l < WIDTH; l++) off += (double)all[l], squares += (double)square[l];
  }
  for (; j < r; j++) {
    double e = (double)(h[j] - guess);
    off += e;
    squares += e * e;
  }
  FN(moments) m = {(real)((double)guess + off / (double)r), 0};
  double variance = r > 1 ? (squares - off * off / (double)r) / (double)(r - 1) : 0;
  if (variance > 0) m.deviation = (real)sqrt(variance);
  return m;
}

/* The set of one row and its Q (forms v6 and v3). allowed: -1 for features of D and 0 for others, NULL: all features.
** tally, where given, counts for every feature (in D or not) the rows in which it is highly active. */
static inline __attribute__((always_inline)) int64_t FN(row_set)(const real *h, const real *next, int64_t r, real mean,
                                                                 real bound, const REAL_INT *allowed, REAL_INT *tally,
                                                                 real *q) {
  typedef FN(vec) vec;
  typedef FN(ivec) ivec;
  vec excess[PARTS] = {{0}};
  ivec size[PARTS] = {{0}};
  int64_t j = 0;
  for (; j + LANES <= r; j += LANES) {
    if (j & (2 * LANES)) __builtin_prefetch(next + j);
    for (int k = 0; k < PARTS; k++) {
      int64_t at = j + k * WIDTH;
      vec x = *(const vec *)(h + at);
      ivec in = x > bound;
      if (tally) *(ivec *)(tally + at) -= in;
      if (allowed) in &= *(const ivec *)(allowed + at);
      size[k] -= in;
      excess[k] += (vec)((ivec)(x - mean) & in);
    }
  }
  double sum = 0;
  int64_t n = 0;
  for (int k = 0; k < PARTS; k++)
    for (int64_t l = 0; l < WIDTH; l++) sum += (double)excess[k][l], n += size[k][l];
  for (; j < r; j++) {
    if (!(h[j] > bound)) continue;
    if (tally) tally[j]++;
    if (allowed && !allowed[j]) continue;
    n++;
    sum += (double)(h[j] - mean);
  }
  *q = n ? (real)(sum / (double)n) : 0;
  return n;
}

/* Form v1 of the score: ((max - mean) / deviation) / |h|_1 of the L2-normalised row; 0 where the deviation is 0. The
** quotient of the first part does not change under scaling. at: position (0-based) of the first maximum. */
static inline int64_t FN(row_v1)(const real *h, int64_t r, FN(moments) m, int64_t *at, double *l1, double *l2,
                                 real *q) {
  double a = 0, s = 0;
  real top = h[0];
  *at = 0;
  for (int64_t j = 1; j < r; j++)
    if (h[j] > top) top = h[j], *at = j;
#pragma omp simd reduction(+ : a, s)
  for (int64_t j = 0; j < r; j++) {
    double v = (double)h[j];
    a += v < 0 ? -v : v;
    s += v * v;
  }
  *l1 = a;
  *l2 = sqrt(s);
  if (!(m.deviation > 0)) {
    *q = 0;
    return 0;
  }
  *q = (real)(((double)top - (double)m.mean) / (double)m.deviation * *l2 / a);
  return 1;
}

/* Rows [from, to): whatever of the outputs is given. */
static void FN(rows_score)(const real *h, int64_t from, int64_t to, int64_t r, double epsilon, bool v1,
                           const REAL_INT *allowed, REAL_INT *tally, real *q, int64_t *count, real *mean,
                           real *deviation) {
  for (int64_t i = from; i < to; i++) {
    const real *row = h + i * r, *next = i + 1 < to ? row + r : row;
    FN(moments) m = FN(row_moments)(row, next, r);
    real bound = (real)((double)m.mean + epsilon * (double)m.deviation), score = 0;
    int64_t n, at;
    double l1, l2;
    if (v1)
      n = FN(row_v1)(row, r, m, &at, &l1, &l2, &score);
    else if (allowed && tally)
      n = FN(row_set)(row, next, r, m.mean, bound, allowed, tally, &score);
    else if (allowed)
      n = FN(row_set)(row, next, r, m.mean, bound, allowed, NULL, &score);
    else if (tally)
      n = FN(row_set)(row, next, r, m.mean, bound, NULL, tally, &score);
    else
      n = FN(row_set)(row, next, r, m.mean, bound, NULL, NULL, &score);
    if (q) q[i] = score;
    if (count) count[i] = n;
    if (mean) mean[i] = m.mean;
    if (deviation) deviation[i] = m.deviation;
  }
}

/* dh of sum_i dq_i Q_i for rows [from, to), with the index sets fixed: 1[j in S]/|S| - 1/r for v6 and v3. */
static void FN(rows_grad)(const real *h, const real *dq, int64_t from, int64_t to, int64_t r, double epsilon, bool v1,
                          const REAL_INT *allowed, real *dh) {
  for (int64_t i = from; i < to; i++) {
    const real *row = h + i * r;
    real *out = dh + i * r, score = 0;
    FN(moments) m = FN(row_moments)(row, row, r);
    real bound = (real)((double)m.mean + epsilon * (double)m.deviation);
    int64_t at = 0;
    double l1 = 0, l2 = 0, g = (double)dq[i];
    int64_t n = v1 ? FN(row_v1)(row, r, m, &at, &l1, &l2, &score)
                   : FN(row_set)(row, row, r, m.mean, bound, allowed, NULL, &score);
    if (n == 0 || g == 0) {
      memset(out, 0, (size_t)r * sizeof *out);
    } else if (v1) {
      /* dQ/dh_k = (1[k is the maximum] - 1/r) |h|_2 / (s |h|_1)
      **           + Q (h_k/|h|_2^2 - sign(h_k)/|h|_1 - (h_k - mean) / ((r-1) s^2)) */
      double q = (double)score, s = (double)m.deviation, lead = l2 / (s * l1);
      double a = q / (l2 * l2), b = q / l1, e = q / ((double)(r - 1) * s * s), mean = (double)m.mean;
#pragma omp simd
      for (int64_t j = 0; j < r; j++) {
        double v = (double)row[j], sign = v > 0 ? 1.0 : v < 0 ? -1.0 : 0.0;
        out[j] = (real)(g * (a * v - b * sign - e * (v - mean) - lead / (double)r));
      }
      out[at] += (real)(g * lead);
    } else {
      real in = (real)(g / (double)n - g / (double)r), rest = (real)(-g / (double)r);
      if (allowed) {
#pragma omp simd
        for (int64_t j = 0; j < r; j++) out[j] = (row[j] > bound) & (allowed[j] != 0) ? in : rest;
      } else {
#pragma omp simd
        for (int64_t j = 0; j < r; j++) out[j] = row[j] > bound ? in : rest;
      }
    }
  }
}

/* sums[j] = sum_i |h_ij| for columns [from, to), rows in order. */
static void FN(column_norms)(const real *h, int64_t n, int64_t r, int64_t from, int64_t to, double *sums) {
  for (int64_t j = from; j < to; j++) sums[j] = 0;
  for (int64_t i = 0; i < n; i++) {
    const real *row = h + i * r;
#pragma omp simd
    for (int64_t j = from; j < to; j++) {
      real v = row[j];
      sums[j] += (double)(v < 0 ? -v : v);
    }
  }
}

/* dh_ij += dnorm_j sign(h_ij): the gradient of the columns' L1 norms. */
static void FN(column_push)(const real *h, int64_t from, int64_t to, int64_t r, const real *dnorm, real *dh) {
  for (int64_t i = from; i < to; i++) {
    const real *row = h + i * r;
    real *out = dh + i * r;
#pragma omp simd
    for (int64_t j = 0; j < r; j++) out[j] += row[j] > 0 ? dnorm[j] : row[j] < 0 ? -dnorm[j] : (real)0;
  }
}

#undef LANES
#undef REGISTER
#undef PARTS
#undef WIDTH
