/* attention_kernels.h: attention of one head at a time for one element type; see each_float.h.
**
** A head's q, k and v are copied out of the batch into ACC, rows padded with zeros to whole tiles, so that its products
** run over dense memory in the core's cache. Queries go through in blocks of QUERIES, whose scores are all that is ever
** held of the (tokens, tokens) matrix.
*/
#define LANES ((int64_t)(ATTENTION_VECTOR / sizeof(ACC)))
#define TILE  (2 * LANES)
typedef ACC FN(avec) __attribute__((vector_size(ATTENTION_VECTOR), aligned(sizeof(ACC)), may_alias));

/* `rows` (at most 6) rows of a tile of c: c = a b, or c += a b. a's element (i,p) is a[i * ra + p * ca]. */
static inline __attribute__((always_inline)) void FN(tile)(int rows, int64_t k, const ACC *restrict a, int64_t ra,
                                                           int64_t ca, const ACC *restrict b, int64_t ldb,
                                                           ACC *restrict c, int64_t ldc, bool add) {
  FN(avec) sum[6][2] = {{{0}}};
  for (int64_t p = 0; p < k; p++) {
    FN(avec) b0 = *(const FN(avec) *)(b + p * ldb), b1 = *(const FN(avec) *)(b + p * ldb + LANES);
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
      ACC v = a[i * ra + p * ca];
      sum[i][0] += v * b0;
      sum[i][1] += v * b1;
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++) {
    FN(avec) *to = (FN(avec) *)(c + i * ldc), *to1 = (FN(avec) *)(c + i * ldc + LANES);
    if (add) sum[i][0] += *to, sum[i][1] += *to1;
    *to = sum[i][0];
    *to1 = sum[i][1];
  }
}

/* c (m, n) = a (m, k) b (k, n), or += ; n a multiple of TILE. */
static void FN(small_product)(int64_t m, int64_t n, int64_t k, const ACC *a, int64_t ra, int64_t ca, const ACC *b,
                              int64_t ldb, ACC *c, int64_t ldc, bool add) {
  for (int64_t j = 0; j < n; j += TILE) {
    int64_t i = 0;
    for (; i + 6 <= m; i += 6) FN(tile)(6, k, a + i * ra, ra, ca, b + j, ldb, c + i * ldc + j, ldc, add);
    switch (m - i) {
    case 5: FN(tile)(5, k, a + i * ra, ra, ca, b + j, ldb, c + i * ldc + j, ldc, add); break;
    case 4: FN(tile)(4, k, a + i * ra, ra, ca, b + j, ldb, c + i * ldc + j, ldc, add); break;
    case 3: FN(tile)(3, k, a + i * ra, ra, ca, b + j, ldb, c + i * ldc + j, ldc, add); break;
    case 2: FN(tile)(2, k, a + i * ra, ra, ca, b + j, ldb, c + i * ldc + j, ldc, add); break;
    case 1: FN(tile)(1, k, a + i * ra, ra, ca, b + j, ldb, c + i * ldc + j, ldc, add); break;
    default: break;
    }
  }
}

/* n rows of `width` elements, `step` apart, as rows of ld elements times `scale`; the rest of a row is 0. */
static void FN(take_rows)(const ELEM *x, int64_t step, int64_t n, int64_t width, ACC scale, ACC *to, int64_t ld) {
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < width; j++) to[i * ld + j] = LOAD(x[i * step + j]) * scale;
    for (int64_t j = width; j < ld; j++) to[i * ld + j] = 0;
  }
}

/* The same rows as columns. */
static void FN(take_columns)(const ELEM *x, int64_t step, int64_t n, int64_t width, ACC *to, int64_t ld) {
  for (int64_t j = 0; j < width; j++) {
    for (int64_t i = 0; i < n; i++) to[j * ld + i] = LOAD(x[i * step + j]);
    for (int64_t i = n; i < ld; i++) to[j * ld + i] = 0;
  }
}

static void FN(put_rows)(const ACC *x, int64_t ld, int64_t n, int64_t width, ACC scale, ELEM *to, int64_t step) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++) to[i * step + j] = STORE(x[i * ld + j] * scale);
}

/* Scores s[0..n) become their softmax; returns log(sum(exp(s))). What lies between n and ld becomes 0. */
static ACC FN(softmax_row)(ACC *s, int64_t n, int64_t ld) {
  ACC top = s[0], sum = 0;
#pragma omp simd reduction(max : top)
  for (int64_t j = 0; j < n; j++) top = s[j] > top ? s[j] : top;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < n; j++) sum += s[j] = EXP_OF(ACC, s[j] - top);
  ACC by = 1 / sum;
#pragma omp simd
  for (int64_t j = 0; j < n; j++) s[j] *= by;
  for (int64_t j = n; j < ld; j++) s[j] = 0;
  return top + (ACC)log((double)sum);
}

/* ACC elements that one head's forward pass needs, and its backward pass. */
static int64_t FN(forward_scratch)(const attention_size *s) {
  int64_t wide = PAD(s->width, TILE), keys = PAD(s->tokens, TILE);
  return s->tokens * wide + s->width * keys + QUERIES * (2 * wide + keys);
}

static int64_t FN(backward_scratch)(const attention_size *s) {
  int64_t wide = PAD(s->width, TILE), keys = PAD(s->tokens, TILE);
  return 4 * s->tokens * wide + 2 * s->width * keys + QUERIES * (3 * wide + 2 * keys);
}

static void FN(head_forward)(const attention_size *s, const ELEM *qkv, ELEM *y, ACC *lse, ACC *scratch) {
  int64_t n = s->tokens, w = s->width, wide = PAD(w, TILE), keys = PAD(n, TILE), d = s->heads * w;
  ACC *v = scratch, *kt = v + n * wide, *q = kt + w * keys, *out = q + QUERIES * wide, *p = out + QUERIES * wide;
  FN(take_columns)(qkv + d, 3 * d, n, w, kt, keys);
  FN(take_rows)(qkv + 2 * d, 3 * d, n, w, 1, v, wide);
  for (int64_t i = 0; i < n; i += QUERIES) {
    int64_t m = n - i < QUERIES ? n - i : QUERIES;
    FN(take_rows)(qkv + i * 3 * d, 3 * d, m, w, (ACC)s->scale, q, wide);
    FN(small_product)(m, keys, w, q, wide, 1, kt, keys, p, keys, false);
    for (int64_t r = 0; r < m; r++) lse[i + r] = FN(softmax_row)(p + r * keys, n, keys);
    FN(small_product)(m, wide, n, p, keys, 1, v, wide, out, wide, false);
    FN(put_rows)(out, wide, m, w, 1, y + i * d, d);
  }
}

/* With P = softmax(S), S = scale q k^T and D = dy v^T: dv = P^T dy, dS = P (D - rowsum(dy y)), dq = scale dS k,
** dk = scale dS^T q (Dao et al. 2022, appendix B.2). */
static void FN(head_backward)(const attention_size *s, const ELEM *qkv, const ELEM *y, const ELEM *dy, const ACC *lse,
                              ELEM *dqkv, ACC *scratch) {
  int64_t n = s->tokens, w = s->width, wide = PAD(w, TILE), keys = PAD(n, TILE), d = s->heads * w;
  ACC *k = scratch, *kt = k + n * wide, *vt = kt + w * keys, *dk = vt + w * keys, *dv = dk + n * wide,
      *q = dv + n * wide, *g = q + QUERIES * wide, *dq = g + QUERIES * wide, *p = dq + QUERIES * wide,
      *ds = p + QUERIES * keys;
  ACC scale = (ACC)s->scale;
  FN(take_rows)(qkv + d, 3 * d, n, w, 1, k, wide);
  FN(take_columns)(qkv + d, 3 * d, n, w, kt, keys);
  FN(take_columns)(qkv + 2 * d, 3 * d, n, w, vt, keys);
  for (int64_t i = 0; i < n; i += QUERIES) {
    int64_t m = n - i < QUERIES ? n - i : QUERIES;
    FN(take_rows)(qkv + i * 3 * d, 3 * d, m, w, scale, q, wide);
    FN(take_rows)(dy + i * d, d, m, w, 1, g, wide);
    FN(small_product)(m, keys, w, q, wide, 1, kt, keys, p, keys, false);
    FN(small_product)(m, keys, w, g, wide, 1, vt, keys, ds, keys, false);
    for (int64_t r = 0; r < m; r++) {
      const ELEM *yr = y + (i + r) * d;
      ACC dot = 0, l = lse[i + r], *pr = p + r * keys, *dr = ds + r * keys;
      for (int64_t j = 0; j < w; j++) dot += g[r * wide + j] * LOAD(yr[j]);
#pragma omp simd
      for (int64_t j = 0; j < n; j++) {
        pr[j] = EXP_OF(ACC, pr[j] - l);
        dr[j] = pr[j] * (dr[j] - dot);
      }
      for (int64_t j = n; j < keys; j++) pr[j] = dr[j] = 0;
    }
    FN(small_product)(n, wide, m, p, 1, keys, g, wide, dv, wide, i > 0);
    FN(small_product)(n, wide, m, ds, 1, keys, q, wide, dk, wide, i > 0);
    FN(small_product)(m, wide, n, ds, keys, 1, k, wide, dq, wide, false);
    FN(put_rows)(dq, wide, m, w, scale, dqkv + i * 3 * d, 3 * d);
  }
  FN(put_rows)(dk, wide, n, w, 1, dqkv + d, 3 * d);
  FN(put_rows)(dv, wide, n, w, 1, dqkv + 2 * d, 3 * d);
}

/* qkv -> y, lse, each head by itself: results do not depend on the thread count. */
static int FN(attention_forward)(lun_call *c, const attention_size *s) {
  int64_t each = FN(forward_scratch)(s), d = s->heads * s->width;
  const ELEM *qkv = LUN_DATA(ELEM, c->arg[0].t);
  ELEM *y = LUN_DATA(ELEM, c->out[0]);
  ACC *lse = LUN_DATA(ACC, c->out[1]);
  void *scratch;
  LUN_TRY(lun_scratch(c, each * c->threads * (int64_t)sizeof(ACC), &scratch));
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (int64_t i = 0; i < s->batch * s->heads; i++) {
    int64_t b = i / s->heads, h = i % s->heads;
    FN(head_forward)
    (s, qkv + b * s->tokens * 3 * d + h * s->width, y + b * s->tokens * d + h * s->width, lse + i * s->tokens,
     (ACC *)scratch + each * omp_get_thread_num());
  }
  lun_scratch_free(c, scratch);
  return LUN_OK;
}

/* dy, qkv, y, lse -> dqkv */
static int FN(attention_backward)(lun_call *c, const attention_size *s) {
  int64_t each = FN(backward_scratch)(s), d = s->heads * s->width;
  const ELEM *dy = LUN_DATA(ELEM, c->arg[0].t), *qkv = LUN_DATA(ELEM, c->arg[1].t), *y = LUN_DATA(ELEM, c->arg[2].t);
  const ACC *lse = LUN_DATA(ACC, c->arg[3].t);
  ELEM *dqkv = LUN_DATA(ELEM, c->out[0]);
  void *scratch;
  LUN_TRY(lun_scratch(c, each * c->threads * (int64_t)sizeof(ACC), &scratch));
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (int64_t i = 0; i < s->batch * s->heads; i++) {
    int64_t b = i / s->heads, h = i % s->heads, at = b * s->tokens * d + h * s->width,
            wide_at = b * s->tokens * 3 * d + h * s->width;
    FN(head_backward)
    (s, qkv + wide_at, y + at, dy + at, lse + i * s->tokens, dqkv + wide_at,
     (ACC *)scratch + each * omp_get_thread_num());
  }
  lun_scratch_free(c, scratch);
  return LUN_OK;
}
#undef LANES
#undef TILE
