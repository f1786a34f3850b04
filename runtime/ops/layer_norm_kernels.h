/* layer_norm_kernels.h: rows normalised to mean 0 and variance 1, for one element type; see each_float.h. */

static void FN(layer_rows)(const ELEM *x, const ACC *gamma, const ACC *beta, int64_t rows, int64_t d, double eps,
                           ELEM *y, ACC *mean, ACC *rstd, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * d > 16384)
  for (int64_t i = 0; i < rows; i++) {
    const ELEM *restrict p = x + i * d;
    ELEM *restrict o = y + i * d;
    ACC sum = 0, square = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < d; j++) sum += LOAD(p[j]);
    ACC m = sum / (ACC)d;
#pragma omp simd reduction(+ : square)
    for (int64_t j = 0; j < d; j++) square += (LOAD(p[j]) - m) * (LOAD(p[j]) - m);
    ACC r = (ACC)(1 / sqrt((double)(square / (ACC)d) + eps));
    mean[i] = m;
    rstd[i] = r;
#pragma omp simd
    for (int64_t j = 0; j < d; j++) o[j] = STORE((LOAD(p[j]) - m) * r * gamma[j] + beta[j]);
  }
}

/* dx of `rows` rows, and what they add to dgamma and dbeta, in part (2,d). */
static void FN(layer_chunk)(const ELEM *dy, const ELEM *x, const ACC *mean, const ACC *rstd, const ACC *gamma,
                            int64_t rows, int64_t d, ELEM *dx, ACC *restrict part) {
  ACC *restrict dg = part, *restrict db = part + d;
  for (int64_t j = 0; j < 2 * d; j++) part[j] = 0;
  for (int64_t i = 0; i < rows; i++) {
    const ELEM *restrict g = dy + i * d, *restrict p = x + i * d;
    ELEM *restrict o = dx + i * d;
    ACC m = mean[i], r = rstd[i], sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum, dot)
    for (int64_t j = 0; j < d; j++) {
      ACC gj = LOAD(g[j]), h = (LOAD(p[j]) - m) * r;
      dg[j] += gj * h;
      db[j] += gj;
      sum += gj * gamma[j];
      dot += gj * gamma[j] * h;
    }
    sum /= (ACC)d;
    dot /= (ACC)d;
#pragma omp simd
    for (int64_t j = 0; j < d; j++) o[j] = STORE(r * (LOAD(g[j]) * gamma[j] - sum - (LOAD(p[j]) - m) * r * dot));
  }
}

static int FN(layer_backward)(lun_call *c, int64_t rows, int64_t d) {
  const ELEM *dy = LUN_DATA(ELEM, c->arg[0].t), *x = LUN_DATA(ELEM, c->arg[1].t);
  const ACC *mean = LUN_DATA(ACC, c->arg[2].t), *rstd = LUN_DATA(ACC, c->arg[3].t), *gamma = LUN_DATA(ACC, c->arg[4].t);
  ELEM *dx = LUN_DATA(ELEM, c->out[0]);
  ACC *dgamma = LUN_DATA(ACC, c->out[1]), *dbeta = LUN_DATA(ACC, c->out[2]), *part;
  int64_t chunks = (rows + CHUNK - 1) / CHUNK;
  void *scratch;
  LUN_TRY(lun_scratch(c, chunks * 2 * d * (int64_t)sizeof(ACC), &scratch));
  part = scratch;
#pragma omp parallel for num_threads(c->threads) schedule(static) if (rows * d > 16384)
  for (int64_t b = 0; b < chunks; b++) {
    int64_t at = b * CHUNK, n = rows - at < CHUNK ? rows - at : CHUNK;
    FN(layer_chunk)(dy + at * d, x + at * d, mean + at, rstd + at, gamma, n, d, dx + at * d, part + b * 2 * d);
  }
  for (int64_t j = 0; j < d; j++) {
    double g = 0, s = 0;
    for (int64_t b = 0; b < chunks; b++) g += (double)part[b * 2 * d + j], s += (double)part[(b * 2 + 1) * d + j];
    dgamma[j] = (ACC)g;
    dbeta[j] = (ACC)s;
  }
  lun_scratch_free(c, scratch);
  return LUN_OK;
}

static int FN(layer_forward)(lun_call *c, int64_t rows, int64_t d) {
  FN(layer_rows)
  (LUN_DATA(ELEM, c->arg[0].t), LUN_DATA(ACC, c->arg[1].t), LUN_DATA(ACC, c->arg[2].t), rows, d, c->arg[3].f,
   LUN_DATA(ELEM, c->out[0]), LUN_DATA(ACC, c->out[1]), LUN_DATA(ACC, c->out[2]), c->threads);
  return LUN_OK;
}
