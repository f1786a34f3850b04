/* norm_kernels.h: batch normalisation over images stored NHWC, included by norm.c once per floating type.
**
** An image batch is a matrix of `rows` pixels by `ch` channels. Rows are cut into chunks whose size depends on the
** shape alone; each chunk's sums are made by one thread and chunks are added in order in double, so results do not
** depend on the number of threads. Sums inside a chunk (at most 512 rows) are in ACC.
*/

/* Per chunk and channel: the mean and the sum of squared deviations from it. The chunk is read twice, the second time
** from cache. part is [chunk][2][ch]. */
static void FN(chunk_moments)(const ELEM *restrict x, int64_t rows, int64_t ch, ACC *restrict part) {
  ACC *restrict mean = part, *restrict m2 = part + ch, inverse = (ACC)1 / (ACC)rows;
  for (int64_t k = 0; k < ch; k++) mean[k] = 0, m2[k] = 0;
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const ELEM *restrict a = x + i * ch;
#pragma omp simd
    for (int64_t k = 0; k < ch; k++)
      mean[k] += (LOAD(a[k]) + LOAD(a[ch + k])) + (LOAD(a[2 * ch + k]) + LOAD(a[3 * ch + k]));
  }
  for (; i < rows; i++) {
#pragma omp simd
    for (int64_t k = 0; k < ch; k++) mean[k] += LOAD(x[i * ch + k]);
  }
#pragma omp simd
  for (int64_t k = 0; k < ch; k++) mean[k] *= inverse;
  for (i = 0; i + 4 <= rows; i += 4) {
    const ELEM *restrict a = x + i * ch;
#pragma omp simd
    for (int64_t k = 0; k < ch; k++) {
      ACC d0 = LOAD(a[k]) - mean[k], d1 = LOAD(a[ch + k]) - mean[k];
      ACC d2 = LOAD(a[2 * ch + k]) - mean[k], d3 = LOAD(a[3 * ch + k]) - mean[k];
      m2[k] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
    }
  }
  for (; i < rows; i++) {
#pragma omp simd
    for (int64_t k = 0; k < ch; k++) {
      ACC d = LOAD(x[i * ch + k]) - mean[k];
      m2[k] += d * d;
    }
  }
}

/* Mean and biased variance of every channel of x (rows,ch), rows >= 1. This and batch_gradient_sums are all that looks
** across a batch: statistics over several processes are a sum of their counts, means and squares here, of their sums
** there. */
static int FN(batch_statistics)(lun_call *c, const ELEM *x, int64_t rows, int64_t ch, double *mean, double *var) {
  int64_t size = chunk_rows(ch), chunks = (rows + size - 1) / size;
  void *scratch;
  LUN_TRY(lun_scratch(c, chunks * 2 * ch * (int64_t)sizeof(ACC), &scratch));
  ACC *part = scratch;
#pragma omp parallel for num_threads(c->threads) schedule(static) if (rows * ch > 16384)
  for (int64_t b = 0; b < chunks; b++)
    FN(chunk_moments)(x + b * size * ch, b == chunks - 1 ? rows - b * size : size, ch, part + 2 * b * ch);
  for (int64_t k = 0; k < ch; k++) mean[k] = 0, var[k] = 0;
  for (int64_t b = 0; b < chunks; b++) { /* Chan's merge of (count, mean, M2) */
    const ACC *restrict p = part + 2 * b * ch;
    double before = (double)(b * size), here = (double)(b == chunks - 1 ? rows - b * size : size);
    double to = here / (before + here), weight = before * to;
#pragma omp simd
    for (int64_t k = 0; k < ch; k++) {
      double d = (double)p[k] - mean[k];
      mean[k] += d * to;
      var[k] += (double)p[ch + k] + d * d * weight;
    }
  }
  for (int64_t k = 0; k < ch; k++) var[k] /= (double)rows;
  lun_scratch_free(c, part);
  return LUN_OK;
}

/* y = (x - mean) scale + beta, then what `act` asks for. Backwards over the rows: statistics read them forwards, so the
** end is still in cache. */
static void FN(normalize)(lun_call *c, const ELEM *restrict x, const ELEM *restrict residual, int64_t rows, int64_t ch,
                          const ACC *restrict mean, const ACC *restrict scale, const ACC *restrict beta, activation act,
                          ELEM *restrict y) {
  int64_t size = chunk_rows(ch), chunks = (rows + size - 1) / size;
#pragma omp parallel for num_threads(c->threads) schedule(static) if (rows * ch > 16384)
  for (int64_t s = 0; s < chunks; s++) {
    int64_t b = chunks - 1 - s, stop = b == chunks - 1 ? rows : (b + 1) * size;
    for (int64_t i = b * size; i < stop; i++) {
      const ELEM *restrict a = x + i * ch;
      ELEM *restrict o = y + i * ch;
      if (act == ADD_RELU) {
        const ELEM *restrict r = residual + i * ch;
#pragma omp simd
        for (int64_t k = 0; k < ch; k++) {
          ACC v = (LOAD(a[k]) - mean[k]) * scale[k] + beta[k] + LOAD(r[k]);
          o[k] = STORE(v <= 0 ? 0 : v); /* a NaN passes */
        }
      } else if (act == RELU) {
#pragma omp simd
        for (int64_t k = 0; k < ch; k++) {
          ACC v = (LOAD(a[k]) - mean[k]) * scale[k] + beta[k];
          o[k] = STORE(v <= 0 ? 0 : v);
        }
      } else {
#pragma omp simd
        for (int64_t k = 0; k < ch; k++) o[k] = STORE((LOAD(a[k]) - mean[k]) * scale[k] + beta[k]);
      }
    }
  }
}

/* scale = gamma rstd and beta of every channel, with gamma = 1 and beta = 0 where they are left out. */
static int FN(affine)(lun_call *c, const lun_tensor *gamma, const lun_tensor *beta, const ACC *rstd, int64_t ch,
                      ACC **scale) {
  void *scratch;
  LUN_TRY(lun_scratch(c, 2 * ch * (int64_t)sizeof(ACC), &scratch));
  ACC *s = scratch;
  for (int64_t k = 0; k < ch; k++) {
    s[k] = gamma ? LUN_DATA(ACC, gamma)[k] * rstd[k] : rstd[k];
    s[ch + k] = beta ? LUN_DATA(ACC, beta)[k] : 0;
  }
  *scale = s;
  return LUN_OK;
}

/* Fills mean and rstd from the batch (and moves the running statistics) or from the running statistics. */
static int FN(choose_statistics)(lun_call *c, const norm_args *a, const ELEM *x, int64_t rows, int64_t ch, ACC *mean,
                                 ACC *rstd) {
  ACC *run_mean = a->running_mean ? LUN_DATA(ACC, a->running_mean) : NULL;
  ACC *run_var = a->running_var ? LUN_DATA(ACC, a->running_var) : NULL;
  if (!a->training) {
    for (int64_t k = 0; k < ch; k++) mean[k] = run_mean[k], rstd[k] = (ACC)(1 / sqrt((double)run_var[k] + a->eps));
    return LUN_OK;
  }
  if (rows == 0) { /* no samples: nothing to normalise, nothing to learn from */
    for (int64_t k = 0; k < ch; k++) mean[k] = 0, rstd[k] = (ACC)(1 / sqrt(a->eps));
    return LUN_OK;
  }
  void *scratch;
  LUN_TRY(lun_scratch(c, 2 * ch * (int64_t)sizeof(double), &scratch));
  double *m = scratch, *v = m + ch, unbiased = (double)rows / (double)(rows > 1 ? rows - 1 : 1);
  int st = FN(batch_statistics)(c, x, rows, ch, m, v);
  for (int64_t k = 0; k < ch && !st; k++) {
    mean[k] = (ACC)m[k];
    rstd[k] = (ACC)(1 / sqrt(v[k] + a->eps));
    if (run_mean) run_mean[k] = (ACC)((1 - a->momentum) * (double)run_mean[k] + a->momentum * m[k]);
    if (run_var) run_var[k] = (ACC)((1 - a->momentum) * (double)run_var[k] + a->momentum * v[k] * unbiased);
  }
  lun_scratch_free(c, scratch);
  return st;
}

static int FN(norm_forward)(lun_call *c, const norm_args *a, activation act) {
  int64_t ch = a->x->shape[1], rows = pixels(a->x);
  ACC *mean = LUN_DATA(ACC, c->out[1]), *rstd = LUN_DATA(ACC, c->out[2]), *scale;
  LUN_TRY(FN(choose_statistics)(c, a, LUN_DATA(ELEM, a->x), rows, ch, mean, rstd));
  LUN_TRY(FN(affine)(c, a->gamma, a->beta, rstd, ch, &scale));
  FN(normalize)
  (c, LUN_DATA(ELEM, a->x), a->residual ? LUN_DATA(ELEM, a->residual) : NULL, rows, ch, mean, scale, scale + ch, act,
   LUN_DATA(ELEM, c->out[0]));
  lun_scratch_free(c, scale);
  return LUN_OK;
}

/* normalize_relu: x mean rstd gamma beta -> y */
static int FN(normalize_relu)(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  ACC *scale;
  LUN_TRY(FN(affine)(c, c->arg[3].t, c->arg[4].t, LUN_DATA(ACC, c->arg[2].t), x->shape[1], &scale));
  FN(normalize)
  (c, LUN_DATA(ELEM, x), NULL, pixels(x), x->shape[1], LUN_DATA(ACC, c->arg[1].t), scale, scale + x->shape[1], RELU,
   LUN_DATA(ELEM, c->out[0]));
  lun_scratch_free(c, scale);
  return LUN_OK;
}

/* Per chunk: sum of g and of g (x - mean), g being dy where the activation let it pass. part is [2][ch].
** dy is read whether it passes or not: AVX2 has no masked load of 16 bits, and the loop would not be vectorised. */
static void FN(chunk_gradient)(const ELEM *restrict x, const ELEM *restrict dy, const ELEM *restrict y, int64_t rows,
                               int64_t ch, const ACC *restrict mean, const ACC *restrict scale,
                               const ACC *restrict beta, activation act, ACC *restrict part) {
  ACC *restrict sum = part, *restrict dot = part + ch;
  for (int64_t k = 0; k < 2 * ch; k++) part[k] = 0;
  for (int64_t i = 0; i < rows; i++) {
    const ELEM *restrict a = x + i * ch, *restrict g = dy + i * ch;
    if (act == ADD_RELU) {
      const ELEM *restrict o = y + i * ch;
#pragma omp simd
      for (int64_t k = 0; k < ch; k++) {
        ACC d = LOAD(a[k]) - mean[k], in = LOAD(g[k]), v = LOAD(o[k]) > 0 ? in : 0;
        sum[k] += v;
        dot[k] += v * d;
      }
    } else if (act == RELU) {
#pragma omp simd
      for (int64_t k = 0; k < ch; k++) {
        ACC d = LOAD(a[k]) - mean[k], in = LOAD(g[k]), v = d * scale[k] + beta[k] > 0 ? in : 0;
        sum[k] += v;
        dot[k] += v * d;
      }
    } else {
#pragma omp simd
      for (int64_t k = 0; k < ch; k++) {
        ACC d = LOAD(a[k]) - mean[k], v = LOAD(g[k]);
        sum[k] += v;
        dot[k] += v * d;
      }
    }
  }
}

/* dx = scale g - offset - slope (x - mean); residual receives g. */
static void FN(chunk_dx)(const ELEM *restrict x, const ELEM *restrict dy, const ELEM *restrict y, int64_t rows,
                         int64_t ch, const ACC *restrict mean, const ACC *restrict scale, const ACC *restrict beta,
                         const ACC *restrict offset, const ACC *restrict slope, activation act, ELEM *restrict dx,
                         ELEM *restrict residual) {
  for (int64_t i = 0; i < rows; i++) {
    const ELEM *restrict a = x + i * ch, *restrict g = dy + i * ch;
    ELEM *restrict o = dx + i * ch;
    if (act == ADD_RELU) {
      const ELEM *restrict out = y + i * ch;
      ELEM *restrict r = residual + i * ch;
#pragma omp simd
      for (int64_t k = 0; k < ch; k++) {
        ACC d = LOAD(a[k]) - mean[k], in = LOAD(g[k]), v = LOAD(out[k]) > 0 ? in : 0;
        o[k] = STORE(v * scale[k] - offset[k] - slope[k] * d);
        r[k] = STORE(v);
      }
    } else if (act == RELU) {
#pragma omp simd
      for (int64_t k = 0; k < ch; k++) {
        ACC d = LOAD(a[k]) - mean[k], in = LOAD(g[k]), v = d * scale[k] + beta[k] > 0 ? in : 0;
        o[k] = STORE(v * scale[k] - offset[k] - slope[k] * d);
      }
    } else {
#pragma omp simd
      for (int64_t k = 0; k < ch; k++)
        o[k] = STORE(LOAD(g[k]) * scale[k] - offset[k] - slope[k] * (LOAD(a[k]) - mean[k]));
    }
  }
}

/* Of every channel, over the rows: the sum of the gradient g that passes the activation, and of g (x - mean). */
static int FN(batch_gradient_sums)(lun_call *c, const norm_grad_args *a, int64_t rows, int64_t ch, const ACC *scale,
                                   activation act, double *sum, double *dot) {
  int64_t size = chunk_rows(ch), chunks = (rows + size - 1) / size;
  const ELEM *x = LUN_DATA(ELEM, a->x), *dy = LUN_DATA(ELEM, a->dy), *y = a->y ? LUN_DATA(ELEM, a->y) : NULL;
  const ACC *mean = LUN_DATA(ACC, a->mean), *beta = scale + ch;
  void *scratch;
  LUN_TRY(lun_scratch(c, 2 * chunks * ch * (int64_t)sizeof(ACC), &scratch));
  ACC *part = scratch;
#pragma omp parallel for num_threads(c->threads) schedule(static) if (rows * ch > 16384)
  for (int64_t b = 0; b < chunks; b++) {
    int64_t at = b * size * ch, n = b == chunks - 1 ? rows - b * size : size;
    FN(chunk_gradient)(x + at, dy + at, y ? y + at : NULL, n, ch, mean, scale, beta, act, part + 2 * b * ch);
  }
  for (int64_t k = 0; k < ch; k++) {
    sum[k] = dot[k] = 0;
    for (int64_t b = 0; b < chunks; b++)
      sum[k] += (double)part[2 * b * ch + k], dot[k] += (double)part[(2 * b + 1) * ch + k];
  }
  lun_scratch_free(c, part);
  return LUN_OK;
}

/* Two passes over x and dy: the sums, then dx. Outputs: 0 dx, then (with a residual) its gradient, then dgamma, dbeta.
 */
static int FN(norm_backward)(lun_call *c, const norm_grad_args *a, activation act) {
  int64_t ch = a->x->shape[1], rows = pixels(a->x), size = chunk_rows(ch), chunks = (rows + size - 1) / size;
  const ELEM *x = LUN_DATA(ELEM, a->x), *dy = LUN_DATA(ELEM, a->dy), *y = a->y ? LUN_DATA(ELEM, a->y) : NULL;
  const ACC *mean = LUN_DATA(ACC, a->mean), *rstd = LUN_DATA(ACC, a->rstd);
  int k0 = act == ADD_RELU ? 2 : 1;
  ELEM *dx = LUN_DATA(ELEM, c->out[0]), *dr = act == ADD_RELU ? LUN_DATA(ELEM, c->out[1]) : NULL;
  ACC *dgamma = LUN_DATA(ACC, c->out[k0]), *dbeta = LUN_DATA(ACC, c->out[k0 + 1]), *scale;
  void *scratch;
  LUN_TRY(FN(affine)(c, a->gamma, a->beta, rstd, ch, &scale));
  int st = lun_scratch(c, 2 * ch * (int64_t)(sizeof(double) + sizeof(ACC)), &scratch);
  double *sum = scratch, *dot = sum + ch;
  ACC *offset = (ACC *)(void *)(dot + ch), *slope = offset + ch, *beta = scale + ch;
  if (!st) {
    st = FN(batch_gradient_sums)(c, a, rows, ch, scale, act, sum, dot);
    if (st) lun_scratch_free(c, scratch);
  }
  if (st) {
    lun_scratch_free(c, scale);
    return st;
  }
  for (int64_t k = 0; k < ch; k++) {
    double r = (double)rstd[k];
    dbeta[k] = (ACC)sum[k];
    dgamma[k] = (ACC)(dot[k] * r);
    offset[k] = slope[k] = 0;
    if (!a->training || !rows) continue; /* constant statistics: dx = scale g */
    double dm = a->dmean ? (double)LUN_DATA(ACC, a->dmean)[k] : 0,
           ds = a->drstd ? (double)LUN_DATA(ACC, a->drstd)[k] : 0;
    offset[k] = (ACC)(((double)scale[k] * sum[k] - dm) / (double)rows);
    slope[k] = (ACC)((((double)scale[k] * dot[k] + ds * r) * r * r) / (double)rows);
  }
#pragma omp parallel for num_threads(c->threads) schedule(static) if (rows * ch > 16384)
  for (int64_t s = 0; s < chunks; s++) { /* backwards: the end is still in cache */
    int64_t b = chunks - 1 - s, at = b * size * ch, n = b == chunks - 1 ? rows - b * size : size;
    FN(chunk_dx)
    (x + at, dy + at, y ? y + at : NULL, n, ch, mean, scale, beta, offset, slope, act, dx + at, dr ? dr + at : NULL);
  }
  lun_scratch_free(c, scratch);
  lun_scratch_free(c, scale);
  return LUN_OK;
}
