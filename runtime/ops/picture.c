/* picture.c: heatmaps as pictures: laid over images, joined into sheets, captioned. Pictures are u8 RGB, (n,3,h,w). */
#include "core/op.h"
#include "ops/font.h"

#include <string.h>

static const char looking[] = "for looking";

/* Dark blue, violet, red, orange, pale yellow: lightness grows with the value, so it also reads in gray. */
static const double heat[][3] = {{10, 10, 60}, {110, 20, 130}, {215, 50, 70}, {250, 150, 30}, {255, 250, 190}};

static double channel_of_heat(double v, int k) {
  v = v > 0 ? (v < 1 ? v : 1) * 4 : 0; /* NaN becomes 0 */
  int i = v < 3 ? (int)v : 3;
  return heat[i][k] + (v - i) * (heat[i + 1][k] - heat[i][k]);
}

static uint8_t to_byte(double v) { return (uint8_t)(v > 0 ? v < 255 ? v + 0.5 : 255 : 0); }

/* ---- overlay ---- */

static int overlay_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  if (x->dtype != LUN_U8 && x->dtype != LUN_F32)
    return lun_bad(c, LUN_EDTYPE, "x must be u8 (0..255) or f32 (0..1), got %s", lun_dtype_name(x->dtype));
  if (x->shape[1] != 1 && x->shape[1] != 3)
    return lun_bad(c, LUN_ESHAPE, "x must have 1 or 3 channels, got %lld", (long long)x->shape[1]);
  int64_t want[3] = {x->shape[0], x->shape[2], x->shape[3]};
  LUN_TRY(lun_need_shape(c, 1, 3, want, "one value per pixel of x"));
  LUN_TRY(lun_need_dtype(c, 1, LUN_F32));
  if (!(c->arg[2].f >= 0 && c->arg[2].f <= 1))
    return lun_bad(c, LUN_EARG, "alpha must be within 0..1, got %g", c->arg[2].f);
  int64_t shape[4] = {x->shape[0], 3, x->shape[2], x->shape[3]};
  return lun_out(c, 0, LUN_U8, 4, shape);
}

static int overlay_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t pixels = x->shape[0] * x->shape[2] * x->shape[3], channels = x->shape[1];
  const float *map = lun_f32(c->arg[1].t);
  double alpha = c->arg[2].f;
  uint8_t *out = lun_u8(c->out[0]);
#pragma omp parallel for num_threads(c->threads) schedule(static) if (pixels > 65536)
  for (int64_t p = 0; p < pixels; p++)
    for (int k = 0; k < 3; k++) {
      int64_t at = p * channels + (channels == 3 ? k : 0);
      double v = x->dtype == LUN_U8 ? (double)lun_u8(x)[at] : 255 * (double)lun_f32(x)[at];
      out[p * 3 + k] = to_byte((1 - alpha) * v + alpha * channel_of_heat((double)map[p], k));
    }
  return LUN_OK;
}

static const char *const overlay_samples[] = {"x=byte[2,3,4,5]@u8 map=unit[2,4,5]@f32",
                                              "x=unit[1,1,2,2]@f32 map=unit[1,2,2]@f32 alpha=1",
                                              "x=byte[0,3,4,4]@u8 map=unit[0,4,4]@f32", NULL};
const lun_op LUN_ROW(overlay) = {
    .name = "overlay",
    .args = "x:image map:constant alpha:float=0.5 -> y:image",
    .doc = "Pictures (n,3,h,w; u8) of images x (n,1 or 3,h,w; u8, or f32 in 0..1) under a map each (n,h,w; f32, "
           "clipped to "
           "0..1), which are coloured from dark blue over red to pale yellow and have opacity alpha.",
    .shape = overlay_shape,
    .cpu = overlay_cpu,
    .no_grad = looking,
    .samples = overlay_samples,
};

/* ---- montage ---- */

enum { MON_COLUMNS = 1, MON_PAD, MON_TOP };

static int montage_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t columns = c->arg[MON_COLUMNS].i, pad = c->arg[MON_PAD].i, top = c->arg[MON_TOP].i, w, h;
  LUN_TRY(lun_need_dtype(c, 0, LUN_U8));
  if (x->shape[1] != 3)
    return lun_bad(c, LUN_ESHAPE, "x must be pictures with 3 channels, got %lld", (long long)x->shape[1]);
  if (columns < 1 || pad < 0 || top < 0 || columns > 65536 || pad > 65536 || top > 65536)
    return lun_bad(c, LUN_EARG, "columns must be at least 1, pad and top at least 0, none above 65536");
  int64_t rows = (x->shape[0] + columns - 1) / columns;
  LUN_TRY(lun_mul(c->ctx, columns, x->shape[3] + pad, &w));
  LUN_TRY(lun_mul(c->ctx, rows, x->shape[2] + pad + top, &h));
  int64_t shape[4] = {1, 3, h + pad, w + pad};
  return lun_out(c, 0, LUN_U8, 4, shape);
}

static int montage_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t columns = c->arg[MON_COLUMNS].i, pad = c->arg[MON_PAD].i, top = c->arg[MON_TOP].i;
  int64_t h = x->shape[2], w = x->shape[3], width = c->out[0]->shape[3];
  uint8_t *out = lun_u8(c->out[0]);
  memset(out, 255, (size_t)lun_numel(c->out[0]));
  for (int64_t i = 0; i < x->shape[0]; i++) {
    int64_t y0 = pad + (i / columns) * (h + pad + top) + top, x0 = pad + (i % columns) * (w + pad);
    for (int64_t y = 0; y < h; y++)
      memcpy(out + ((y0 + y) * width + x0) * 3, lun_u8(x) + ((i * h + y) * w) * 3, (size_t)(3 * w));
  }
  return LUN_OK;
}

static const char *const montage_samples[] = {"x=byte[5,3,4,6]@u8 columns=2",
                                              "x=byte[1,3,1,1]@u8 columns=3 pad=0 top=9", NULL};
const lun_op LUN_ROW(montage) = {
    .name = "montage",
    .args = "x:image columns:int pad:int=2 top:int=0 -> y:image",
    .doc =
        "One picture (1,3,H,W; u8) of the n pictures x (n,3,h,w; u8) in rows of `columns`, on white.\n"
        "pad: pixels between pictures and around them. top: further pixels above each, for a caption.\n"
        "Picture i (from 0) has its upper left corner at row pad + top + (i / columns) (h + pad + top), column pad + "
        "(i % columns) (w + pad), both from 0.",
    .shape = montage_shape,
    .cpu = montage_cpu,
    .no_grad = looking,
    .samples = montage_samples,
};

/* ---- draw_text ---- */

enum { TEXT_STRING = 1, TEXT_LEFT, TEXT_TOP, TEXT_SCALE, TEXT_SHADE };

static int text_shape(lun_call *c) {
  LUN_TRY(lun_need_ndim(c, 0, 4));
  LUN_TRY(lun_need_dtype(c, 0, LUN_U8));
  if (c->arg[TEXT_SCALE].i < 1 || c->arg[TEXT_SCALE].i > 64)
    return lun_bad(c, LUN_EARG, "scale must be within 1..64, got %lld", (long long)c->arg[TEXT_SCALE].i);
  if (c->arg[TEXT_SHADE].i < 0 || c->arg[TEXT_SHADE].i > 255)
    return lun_bad(c, LUN_EARG, "shade must be within 0..255, got %lld", (long long)c->arg[TEXT_SHADE].i);
  if (c->arg[TEXT_LEFT].i < 1 || c->arg[TEXT_TOP].i < 1 || c->arg[TEXT_LEFT].i > INT32_MAX ||
      c->arg[TEXT_TOP].i > INT32_MAX)
    return lun_bad(c, LUN_EARG, "left and top are positions from 1");
  return lun_out(c, 0, LUN_I64, 0, NULL);
}

static void plot(const lun_tensor *x, int64_t row, int64_t column, uint8_t shade) {
  if (row >= x->shape[2] || column >= x->shape[3]) return;
  for (int64_t n = 0; n < x->shape[0]; n++)
    for (int64_t k = 0; k < x->shape[1]; k++)
      lun_u8(x)[n * x->stride[0] + k * x->stride[1] + row * x->stride[2] + column * x->stride[3]] = shade;
}

static int text_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t scale = c->arg[TEXT_SCALE].i, left = c->arg[TEXT_LEFT].i - 1, top = c->arg[TEXT_TOP].i - 1;
  int64_t length = (int64_t)strnlen(c->arg[TEXT_STRING].s, 4096);
  for (int64_t i = 0; i < length; i++) {
    unsigned ch = (unsigned char)c->arg[TEXT_STRING].s[i];
    if (ch >= 'a' && ch <= 'z') ch -= 32;
    if (ch < 32 || ch >= 96) continue;
    for (int64_t y = 0; y < FONT_HEIGHT * scale; y++)
      for (int64_t u = 0; u < FONT_WIDTH * scale; u++)
        if (font[ch - 32][y / scale] >> (FONT_WIDTH - 1 - u / scale) & 1)
          plot(x, top + y, left + i * (FONT_WIDTH + 1) * scale + u, (uint8_t)c->arg[TEXT_SHADE].i);
  }
  *lun_i64(c->out[0]) = length * (FONT_WIDTH + 1) * scale;
  return LUN_OK;
}

static const char *const text_samples[] = {"x=byte[1,3,12,40]@u8 text=q=1.5", "x=byte[2,1,3,3]@u8 text=Ab left=2 top=2",
                                           NULL};
const lun_op LUN_ROW(draw_text) = {
    .name = "draw_text",
    .args = "x:tensor! text:string left:int=1 top:int=1 scale:int=1 shade:int=0 -> width",
    .doc =
        "Writes one line of text into the pictures x (n,c,h,w; u8), in place, its upper left corner at column left "
        "and row top; what lies outside is cut off.\n"
        "Characters are capitals, digits and signs of 5 x 7 pixels times scale, one pixel apart; lower case is drawn "
        "as capitals. shade: 0 black to 255 white. width: pixels from left to the end of the text.",
    .shape = text_shape,
    .cpu = text_cpu,
    .no_cuda = "it writes a few characters into pictures that are about to be saved: on the host",
    .no_grad = looking,
    .samples = text_samples,
};
