/* pool_kernels.h: pooling over images stored NHWC, included by pool.c once per floating type. */

static int FN(max_pool2d)(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *y = c->out[0];
  window g = window_of(c, 1);
  int64_t ch = x->shape[1], h = x->shape[2], w = x->shape[3], oh = y->shape[2], ow = y->shape[3];
  const ELEM *in = LUN_DATA(ELEM, x);
  ELEM *out = LUN_DATA(ELEM, y);
  uint8_t *place = lun_u8(c->out[1]);
#pragma omp parallel for num_threads(c->threads) schedule(static) if (lun_numel(y) > 16384)
  for (int64_t row = 0; row < x->shape[0] * oh; row++)
    for (int64_t j = 0; j < ow; j++) {
      int64_t n = row / oh, i = row % oh;
      ELEM *restrict o = out + (row * ow + j) * ch;
      uint8_t *restrict at = place + (row * ow + j) * ch;
      bool first = true;
      for (int64_t p = 0; p < g.kernel; p++)
        for (int64_t q = 0; q < g.kernel; q++) {
          int64_t r = i * g.stride + p - g.pad, s = j * g.stride + q - g.pad;
          if (r < 0 || r >= h || s < 0 || s >= w) continue;
          const ELEM *restrict v = in + ((n * h + r) * w + s) * ch;
          uint8_t here = (uint8_t)(p * g.kernel + q + 1);
          for (int64_t k = 0; k < ch; k++) {
            bool take = first || LOAD(v[k]) > LOAD(o[k]) || LOAD(v[k]) != LOAD(v[k]); /* a NaN wins */
            o[k] = take ? v[k] : o[k];
            at[k] = take ? here : at[k];
          }
          first = false;
        }
    }
  return LUN_OK;
}

/* One image per thread: windows overlap inside an image only. */
static int FN(max_pool2d_grad)(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t, *dx = c->out[0];
  window g = window_of(c, 4);
  int64_t ch = dy->shape[1], oh = dy->shape[2], ow = dy->shape[3], h = dx->shape[2], w = dx->shape[3];
  const ELEM *in = LUN_DATA(ELEM, dy);
  const uint8_t *place = lun_u8(c->arg[1].t);
  ELEM *out = LUN_DATA(ELEM, dx);
#pragma omp parallel for num_threads(c->threads) schedule(static) if (lun_numel(dx) > 16384)
  for (int64_t n = 0; n < dy->shape[0]; n++) {
    memset(out + n * h * w * ch, 0, (size_t)(h * w * ch) * sizeof *out);
    for (int64_t i = 0; i < oh; i++)
      for (int64_t j = 0; j < ow; j++)
        for (int64_t k = 0; k < ch; k++) {
          int64_t from = ((n * oh + i) * ow + j) * ch + k, at = place[from] - 1;
          int64_t r = i * g.stride + at / g.kernel - g.pad, s = j * g.stride + at % g.kernel - g.pad;
          if (at < 0 || at >= g.kernel * g.kernel || r < 0 || r >= h || s < 0 || s >= w)
            continue; /* not max_pool2d's */
          ELEM *o = out + ((n * h + r) * w + s) * ch + k;
          *o = STORE(LOAD(*o) + LOAD(in[from]));
        }
  }
  return LUN_OK;
}

static int FN(avg_pool2d)(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *y = c->out[0];
  window g = window_of(c, 1);
  int64_t ch = x->shape[1], h = x->shape[2], w = x->shape[3], oh = y->shape[2], ow = y->shape[3];
  const ELEM *in = LUN_DATA(ELEM, x);
  ELEM *out = LUN_DATA(ELEM, y);
  ACC share = (ACC)1 / (ACC)(g.kernel * g.kernel);
#pragma omp parallel for num_threads(c->threads) schedule(static) if (lun_numel(y) > 16384)
  for (int64_t row = 0; row < x->shape[0] * oh; row++)
    for (int64_t j = 0; j < ow; j++)
      for (int64_t k = 0; k < ch; k++) {
        int64_t n = row / oh, i = row % oh;
        ACC sum = 0;
        for (int64_t p = 0; p < g.kernel; p++)
          for (int64_t q = 0; q < g.kernel; q++) {
            int64_t r = i * g.stride + p - g.pad, s = j * g.stride + q - g.pad;
            if (r >= 0 && r < h && s >= 0 && s < w) sum += LOAD(in[((n * h + r) * w + s) * ch + k]);
          }
        out[(row * ow + j) * ch + k] = STORE(sum * share);
      }
  return LUN_OK;
}

/* Gathers: the windows that a pixel lies in. */
static int FN(avg_pool2d_grad)(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t, *dx = c->out[0];
  window g = window_of(c, 3);
  int64_t ch = dy->shape[1], oh = dy->shape[2], ow = dy->shape[3], h = dx->shape[2], w = dx->shape[3];
  const ELEM *in = LUN_DATA(ELEM, dy);
  ELEM *out = LUN_DATA(ELEM, dx);
  ACC share = (ACC)1 / (ACC)(g.kernel * g.kernel);
#pragma omp parallel for num_threads(c->threads) schedule(static) if (lun_numel(dx) > 16384)
  for (int64_t row = 0; row < dx->shape[0] * h; row++)
    for (int64_t s = 0; s < w; s++)
      for (int64_t k = 0; k < ch; k++) {
        int64_t n = row / h, r = row % h;
        ACC sum = 0;
        for (int64_t p = 0; p < g.kernel; p++)
          for (int64_t q = 0; q < g.kernel; q++) {
            int64_t i = r + g.pad - p, j = s + g.pad - q;
            if (i < 0 || j < 0 || i % g.stride || j % g.stride || i / g.stride >= oh || j / g.stride >= ow) continue;
            sum += LOAD(in[((n * oh + i / g.stride) * ow + j / g.stride) * ch + k]);
          }
        out[(row * w + s) * ch + k] = STORE(sum * share);
      }
  return LUN_OK;
}

static int FN(global_avg_pool)(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t ch = x->shape[1], hw = x->shape[2] * x->shape[3];
  const ELEM *in = LUN_DATA(ELEM, x);
  ELEM *out = LUN_DATA(ELEM, c->out[0]);
  enum { BLOCK = 64 };
#pragma omp parallel for num_threads(c->threads) schedule(static) if (lun_numel(x) > 16384)
  for (int64_t n = 0; n < x->shape[0]; n++)
    for (int64_t k0 = 0; k0 < ch; k0 += BLOCK) {
      int64_t m = ch - k0 < BLOCK ? ch - k0 : BLOCK;
      ACC sum[BLOCK] = {0};
      for (int64_t i = 0; i < hw; i++) {
        const ELEM *restrict v = in + (n * hw + i) * ch + k0;
        for (int64_t k = 0; k < m; k++) sum[k] += LOAD(v[k]);
      }
      for (int64_t k = 0; k < m; k++) out[n * ch + k0 + k] = STORE(sum[k] / (ACC)hw);
    }
  return LUN_OK;
}

static int FN(global_avg_pool_grad)(lun_call *c) {
  const lun_tensor *dx = c->out[0];
  int64_t ch = dx->shape[1], hw = dx->shape[2] * dx->shape[3];
  const ELEM *in = LUN_DATA(ELEM, c->arg[0].t);
  ELEM *out = LUN_DATA(ELEM, dx);
  ACC share = (ACC)1 / (ACC)hw;
#pragma omp parallel for num_threads(c->threads) schedule(static) if (lun_numel(dx) > 16384)
  for (int64_t n = 0; n < dx->shape[0]; n++)
    for (int64_t i = 0; i < hw; i++) {
      const ELEM *restrict v = in + n * ch;
      ELEM *restrict o = out + (n * hw + i) * ch;
      for (int64_t k = 0; k < ch; k++) o[k] = STORE(LOAD(v[k]) * share);
    }
  return LUN_OK;
}
