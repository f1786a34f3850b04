/* matmul_kernels.h: reference products, included by matmul.c once per floating type. */

/* y (m,n) = op(a) (m,k) op(b) (k,n); sums in double: this is what faster kernels are compared with. */
static void FN(product)(int64_t m, int64_t n, int64_t k, const ELEM *a, bool ta, const ACC *b, bool tb, const ACC *bias,
                        ELEM *y, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (m * n * k > 32768)
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      double s = bias ? (double)bias[j] : 0;
      for (int64_t p = 0; p < k; p++)
        s += (double)LOAD(a[ta ? p * m + i : i * k + p]) * (double)b[tb ? j * k + p : p * n + j];
      y[i * n + j] = STORE((ACC)s);
    }
}

/* dw (out,k) = dy^T x over the rows of dy (rows,out) and x (rows,k). */
static void FN(outer)(int64_t rows, int64_t out, int64_t k, const ELEM *dy, const ELEM *x, ACC *dw, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * out * k > 32768)
  for (int64_t j = 0; j < out; j++)
    for (int64_t p = 0; p < k; p++) {
      double s = 0;
      for (int64_t i = 0; i < rows; i++) s += (double)LOAD(dy[i * out + j]) * (double)LOAD(x[i * k + p]);
      dw[j * k + p] = (ACC)s;
    }
}

static int FN(matmul)(lun_call *c) {
  const lun_tensor *a = c->arg[0].t, *b = c->arg[1].t, *y = c->out[0];
  product_size s = product_of(c);
  for (int64_t i = 0; i < s.batch; i++) FN(product)
  (s.m, s.n, s.k, LUN_DATA(ELEM, a) + i * s.m * s.k, c->arg[2].b,
   (const ACC *)b->storage->data + b->offset + i * s.k * s.n, c->arg[3].b, NULL, LUN_DATA(ELEM, y) + i * s.m * s.n,
   c->threads);
  return LUN_OK;
}

static int FN(linear)(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *w = c->arg[1].t, *b = c->arg[2].t;
  int64_t k = w->shape[1], out = w->shape[0];
  FN(product)
  (leading(x), out, k, LUN_DATA(ELEM, x), false, LUN_DATA(ACC, w), true, b ? LUN_DATA(ACC, b) : NULL,
   LUN_DATA(ELEM, c->out[0]), c->threads);
  return LUN_OK;
}

static int FN(linear_dx)(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t, *w = c->arg[1].t;
  FN(product)
  (leading(dy), w->shape[1], w->shape[0], LUN_DATA(ELEM, dy), false, LUN_DATA(ACC, w), false, NULL,
   LUN_DATA(ELEM, c->out[0]), c->threads);
  return LUN_OK;
}

static int FN(linear_dw)(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *dy = c->arg[1].t, *dw = c->out[0];
  FN(outer)
  (leading(dy), dw->shape[0], dw->shape[1], LUN_DATA(ELEM, dy), LUN_DATA(ELEM, x), LUN_DATA(ACC, dw), c->threads);
  return LUN_OK;
}

/* db[j] = sum of column j: what a bias receives. A block of columns at a time, so that rows are read in runs. */
static int FN(column_sum)(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t;
  int64_t n = c->out[0]->shape[0], rows = n ? lun_numel(dy) / n : 0;
  const ELEM *g = LUN_DATA(ELEM, dy);
  ACC *db = LUN_DATA(ACC, c->out[0]);
  enum { BLOCK = 64 };
#pragma omp parallel for num_threads(c->threads) schedule(static) if (rows * n > 32768)
  for (int64_t j0 = 0; j0 < n; j0 += BLOCK) {
    int64_t w = n - j0 < BLOCK ? n - j0 : BLOCK;
    double s[BLOCK] = {0};
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < w; j++) s[j] += (double)LOAD(g[i * n + j0 + j]);
    for (int64_t j = 0; j < w; j++) db[j0 + j] = (ACC)s[j];
  }
  return LUN_OK;
}
