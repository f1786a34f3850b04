/* conv_kernels.h: reference convolution, included by conv.c once per floating type. Images are NHWC in memory, weights
** OIHW; sums in double: this is what the engine is compared with.
*/

static int FN(conv2d)(lun_call *c) {
  conv_geometry g = conv_forward_geometry(c);
  const ELEM *x = LUN_DATA(ELEM, c->arg[0].t);
  const ACC *w = LUN_DATA(ACC, c->arg[1].t), *b = c->arg[2].t ? LUN_DATA(ACC, c->arg[2].t) : NULL;
  ELEM *y = LUN_DATA(ELEM, c->out[0]);
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (int64_t row = 0; row < g.n * g.oh; row++)
    for (int64_t j = 0; j < g.ow; j++)
      for (int64_t o = 0; o < g.k; o++) {
        int64_t n = row / g.oh, i = row % g.oh;
        double s = b ? (double)b[o] : 0;
        for (int64_t p = 0; p < g.kh; p++)
          for (int64_t q = 0; q < g.kw; q++) {
            int64_t h = i * g.stride + p - g.pad, v = j * g.stride + q - g.pad;
            if (h < 0 || h >= g.h || v < 0 || v >= g.w) continue;
            const ELEM *xp = x + ((n * g.h + h) * g.w + v) * g.c;
            const ACC *wp = w + (o * g.c * g.kh + p) * g.kw + q;
            for (int64_t ch = 0; ch < g.c; ch++) s += (double)LOAD(xp[ch]) * (double)wp[ch * g.kh * g.kw];
          }
        y[(row * g.ow + j) * g.k + o] = STORE((ACC)s);
      }
  return LUN_OK;
}

static int FN(conv2d_dx)(lun_call *c) {
  conv_geometry g = conv_dx_geometry(c);
  const ELEM *dy = LUN_DATA(ELEM, c->arg[0].t);
  const ACC *w = LUN_DATA(ACC, c->arg[1].t);
  ELEM *dx = LUN_DATA(ELEM, c->out[0]);
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (int64_t row = 0; row < g.n * g.h; row++)
    for (int64_t v = 0; v < g.w; v++)
      for (int64_t ch = 0; ch < g.c; ch++) {
        int64_t n = row / g.h, h = row % g.h;
        double s = 0;
        for (int64_t p = 0; p < g.kh; p++)
          for (int64_t q = 0; q < g.kw; q++) { /* outputs whose tap (p,q) reads pixel (h,v) */
            int64_t i = h + g.pad - p, j = v + g.pad - q;
            if (i < 0 || j < 0 || i % g.stride || j % g.stride) continue;
            i /= g.stride, j /= g.stride;
            if (i >= g.oh || j >= g.ow) continue;
            const ELEM *dp = dy + ((n * g.oh + i) * g.ow + j) * g.k;
            const ACC *wp = w + (ch * g.kh + p) * g.kw + q;
            for (int64_t o = 0; o < g.k; o++) s += (double)LOAD(dp[o]) * (double)wp[o * g.c * g.kh * g.kw];
          }
        dx[(row * g.w + v) * g.c + ch] = STORE((ACC)s);
      }
  return LUN_OK;
}

static int FN(conv2d_dw)(lun_call *c) {
  conv_geometry g = conv_dw_geometry(c);
  const ELEM *x = LUN_DATA(ELEM, c->arg[0].t), *dy = LUN_DATA(ELEM, c->arg[1].t);
  ACC *dw = LUN_DATA(ACC, c->out[0]);
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (int64_t o = 0; o < g.k; o++)
    for (int64_t ch = 0; ch < g.c; ch++)
      for (int64_t p = 0; p < g.kh; p++)
        for (int64_t q = 0; q < g.kw; q++) {
          double s = 0;
          for (int64_t row = 0; row < g.n * g.oh; row++) {
            int64_t n = row / g.oh, h = row % g.oh * g.stride + p - g.pad;
            if (h < 0 || h >= g.h) continue;
            for (int64_t j = 0; j < g.ow; j++) {
              int64_t v = j * g.stride + q - g.pad;
              if (v < 0 || v >= g.w) continue;
              s += (double)LOAD(x[((n * g.h + h) * g.w + v) * g.c + ch]) * (double)LOAD(dy[(row * g.ow + j) * g.k + o]);
            }
          }
          dw[((o * g.c + ch) * g.kh + p) * g.kw + q] = (ACC)s;
        }
  return LUN_OK;
}
