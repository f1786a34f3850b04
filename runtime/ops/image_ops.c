/* image_ops.c: images resized, cropped, coloured, blurred and normalised with given parameters: evaluation, heatmaps,
** and the single steps of augment, which tests hold against golden values. */
#include "ops/image.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static int thread_index(void) {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/* Images in [0, 1]: f32, or u8 where a step starts from stored pixels. */
static int need_images(lun_call *c, int arg, bool bytes, int channels) {
  const lun_tensor *x = c->arg[arg].t;
  char s[128];
  if (x->dtype != LUN_F32 && !(bytes && x->dtype == LUN_U8))
    return lun_bad(c, LUN_EDTYPE, "%s must be %s, got %s", lun_arg_name(c, arg), bytes ? "u8 or f32" : "f32",
                   lun_dtype_name(x->dtype));
  if (channels && x->shape[1] != channels)
    return lun_bad(c, LUN_ESHAPE, "%s must have %d channels (n,%d,h,w), got %s", lun_arg_name(c, arg), channels,
                   channels, lun_shape_text(x->ndim, x->shape, s, sizeof s));
  for (int k = 1; k < 4; k++)
    if (x->shape[k] < (k == 1 ? 0 : 1) || x->shape[k] > 16384)
      return lun_bad(c, LUN_ESHAPE, "%s must have sides of 1..16384 pixels, got %s", lun_arg_name(c, arg),
                     lun_shape_text(x->ndim, x->shape, s, sizeof s));
  return LUN_OK;
}

static int same_image_shape(lun_call *c) { return lun_out(c, 0, LUN_F32, 4, c->arg[0].t->shape); }

/* ---- resize and crop_resize ---- */

static int need_size(lun_call *c, int arg) {
  for (int k = arg; k < arg + 2; k++)
    if (c->arg[k].i < 1 || c->arg[k].i > 16384)
      return lun_bad(c, LUN_EARG, "%s must lie in 1..16384, got %lld", lun_arg_name(c, k), (long long)c->arg[k].i);
  return LUN_OK;
}

static int resize_boxes(lun_call *c, const lun_tensor *boxes, int h, int w, image_filter f, bool clamp) {
  const lun_tensor *x = c->arg[0].t;
  lun_tensor *y = c->out[0];
  int64_t n = x->shape[0];
  int ch = (int)x->shape[1], sh = (int)x->shape[2], sw = (int)x->shape[3];
  if (n == 0 || ch == 0) return LUN_OK;
  int threads = n < c->threads ? (int)n : c->threads;
  int64_t planes = (int64_t)ch * h * w, each = planes + image_resize_floats(f, ch, sh, sw, h, w);
  each = (each + 15) / 16 * 16;
  void *scratch;
  LUN_TRY(lun_scratch(c, threads * each * (int64_t)sizeof(float), &scratch));
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (int64_t i = 0; i < n; i++) {
    float *p = (float *)scratch + thread_index() * each;
    image_box box = {0, 0, sh, sw};
    if (boxes) {
      const int64_t *b = lun_i64(boxes) + 4 * i;
      box = (image_box){(int)b[0] - 1, (int)b[1] - 1, (int)b[2], (int)b[3]};
    }
    const char *source = (const char *)x->storage->data + (x->offset + i * ch * sh * sw) * lun_dtype_size(x->dtype);
    image_resize(source, x->dtype, sw, ch, box, f, h, w, p, p + planes);
    if (clamp) image_clamp(p, planes);
    image_store(p, ch, h, w, false, NULL, NULL, LUN_F32, lun_f32(y) + i * planes);
  }
  lun_scratch_free(c, scratch);
  return LUN_OK;
}

static image_filter filter_of(const lun_call *c, int arg) {
  return !strncmp(c->arg[arg].s, "bilinear", 8) ? IMAGE_BILINEAR : IMAGE_BICUBIC;
}

static int resize_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  LUN_TRY(need_images(c, 0, true, 0));
  LUN_TRY(need_size(c, 1));
  return lun_out(c, 0, LUN_F32, 4, (int64_t[]){x->shape[0], x->shape[1], c->arg[1].i, c->arg[2].i});
}

static int resize_cpu(lun_call *c) {
  return resize_boxes(c, NULL, (int)c->arg[1].i, (int)c->arg[2].i, filter_of(c, 3), c->arg[4].b);
}

static const char *const resize_samples[] = {"x=unit[2,3,5,6]@f32 height=8 width=4",
                                             "x=byte[1,1,9,7]@u8 height=3 width=3 filter=bilinear clamp=true", NULL};
const lun_op LUN_ROW(resize) = {
    .name = "resize",
    .args = "x:image height:int width:int filter:choice(bicubic|bilinear)=bicubic clamp:bool=false -> y:image",
    .doc = "Images (n,c,h,w) as (n,c,height,width), antialiased, as f32; u8 pixels become x/255.\n"
           "The filter widens when shrinking, weights sum to 1, pixel centres lie at half integers (Pillow's rule).\n"
           "bicubic (a = -0.5) overshoots; clamp keeps the result in [0, 1].",
    .shape = resize_shape,
    .cpu = resize_cpu,
    .no_grad = "used on data and on finished heatmaps",
    .samples = resize_samples,
};

static int crop_resize_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *b = c->arg[1].t;
  LUN_TRY(need_images(c, 0, true, 0));
  LUN_TRY(lun_need_dtype(c, 1, LUN_I64));
  LUN_TRY(lun_need_shape(c, 1, 2, (int64_t[]){x->shape[0], 4}, "(top, left, height, width per image)"));
  LUN_TRY(need_size(c, 2));
  /* On a device they are not to be read here: the kernel makes NaN of wrong ones. */
  for (int64_t i = 0; i < x->shape[0] && b->device == LUN_CPU; i++) {
    const int64_t *v = lun_i64(b) + 4 * i;
    bool inside = v[0] >= 1 && v[1] >= 1 && v[2] >= 1 && v[3] >= 1 && v[2] <= x->shape[2] && v[3] <= x->shape[3] &&
                  v[0] <= x->shape[2] - v[2] + 1 && v[1] <= x->shape[3] - v[3] + 1;
    if (!inside)
      return lun_bad(c, LUN_EARG,
                     "boxes[%lld] = top %lld, left %lld, height %lld, width %lld leaves the image of %lld x %lld "
                     "(top and left count from 1)",
                     (long long)i + 1, (long long)v[0], (long long)v[1], (long long)v[2], (long long)v[3],
                     (long long)x->shape[2], (long long)x->shape[3]);
  }
  return lun_out(c, 0, LUN_F32, 4, (int64_t[]){x->shape[0], x->shape[1], c->arg[2].i, c->arg[3].i});
}

static int crop_resize_cpu(lun_call *c) {
  return resize_boxes(c, c->arg[1].t, (int)c->arg[2].i, (int)c->arg[3].i, filter_of(c, 4), c->arg[5].b);
}

static const char *const crop_resize_samples[] = {"x=unit[3,3,5,6]@f32 boxes=pos2[3,4] height=4 width=4",
                                                  "x=byte[1,3,5,6]@u8 boxes=pos3[1,4] height=6 width=2", NULL};
const lun_op LUN_ROW(crop_resize) = {
    .name = "crop_resize",
    .args = "x:image boxes:constant height:int width:int filter:choice(bicubic|bilinear)=bicubic clamp:bool=false -> "
            "y:image",
    .doc =
        "A box of each image, resized as resize does (filter, clamp); pixels outside the box have no part.\n"
        "boxes (n,4) i64: top, left (counted from 1), height, width. On a GPU a box that leaves its image makes NaN.",
    .shape = crop_resize_shape,
    .cpu = crop_resize_cpu,
    .no_grad = "used on data",
    .samples = crop_resize_samples,
};

/* ---- steps on whole images ---- */

typedef void (*step_fn)(lun_call *c, int64_t i, float *p, int h, int w, float *scratch);

/* Runs a step on each image's planes. */
static int each_image(lun_call *c, step_fn step, bool flip, int64_t extra) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], planes = x->shape[1] * x->shape[2] * x->shape[3];
  int ch = (int)x->shape[1], h = (int)x->shape[2], w = (int)x->shape[3];
  int threads = n < c->threads ? (int)n : c->threads;
  if (n == 0 || planes == 0) return LUN_OK;
  int64_t each = (planes + extra + 15) / 16 * 16;
  void *scratch;
  LUN_TRY(lun_scratch(c, threads * each * (int64_t)sizeof(float), &scratch));
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (int64_t i = 0; i < n; i++) {
    float *p = (float *)scratch + thread_index() * each;
    image_load(lun_f32(x) + i * planes, ch, h, w, p);
    if (step) step(c, i, p, h, w, p + planes);
    image_store(p, ch, h, w, flip, NULL, NULL, LUN_F32, lun_f32(c->out[0]) + i * planes);
  }
  lun_scratch_free(c, scratch);
  return LUN_OK;
}

static int adjust_color_shape(lun_call *c) {
  LUN_TRY(need_images(c, 0, false, 3));
  LUN_TRY(lun_need_dtype(c, 1, LUN_F32));
  LUN_TRY(lun_need_shape(c, 1, 2, (int64_t[]){c->arg[0].t->shape[0], 4}, "(one row per image)"));
  for (int k = 0; k < c->arg[2].ints.n; k++)
    if (c->arg[2].ints.v[k] < 1 || c->arg[2].ints.v[k] > 4)
      return lun_bad(c, LUN_EARG, "order must hold 1 brightness, 2 contrast, 3 saturation, 4 hue, got %lld",
                     (long long)c->arg[2].ints.v[k]);
  for (int64_t i = 0; i < c->arg[0].t->shape[0] && c->arg[1].t->device == LUN_CPU; i++) {
    const float *f = lun_f32(c->arg[1].t) + 4 * i;
    if (!(f[0] >= 0 && f[1] >= 0 && f[2] >= 0 && f[3] >= -0.5f && f[3] <= 0.5f))
      return lun_bad(c, LUN_EARG, "factors[%lld] must be >= 0, and the hue's lie in [-0.5, 0.5]; got %g %g %g %g",
                     (long long)i + 1, f[0], f[1], f[2], f[3]);
  }
  return same_image_shape(c);
}

static void adjust_step(lun_call *c, int64_t i, float *p, int h, int w, float *scratch) {
  (void)scratch;
  const float *factor = lun_f32(c->arg[1].t) + 4 * i;
  for (int k = 0; k < c->arg[2].ints.n; k++) {
    int step = (int)c->arg[2].ints.v[k];
    image_adjust(p, (int64_t)h * w, step, factor[step - 1]);
  }
}

static int adjust_color_cpu(lun_call *c) { return each_image(c, adjust_step, false, 0); }

static const char *const adjust_color_samples[] = {"x=unit[2,3,5,6]@f32 factors=low[2,4]@f32 order=(1,2,3)",
                                                   "x=unit[1,3,4,4]@f32 factors=low[1,4]@f32 order=(2,1)",
                                                   "x=unit[1,3,9,9]@f32 factors=low[1,4]@f32 order=(4,2,3)", NULL};
const lun_op LUN_ROW(adjust_color) = {
    .name = "adjust_color",
    .args = "x:image factors:constant order:ints -> y:image",
    .doc = "Colour jitter with given factors on RGB images in [0, 1]; each step clamps to [0, 1].\n"
           "order names the steps: 1 brightness f x, 2 contrast f x + (1 - f) mean of gray, 3 saturation "
           "f x + (1 - f) gray, 4 hue shifted by f turns; factors (n,4) f32 holds f of each.\n"
           "Gray is 0.2989 R + 0.587 G + 0.114 B (torchvision).",
    .shape = adjust_color_shape,
    .cpu = adjust_color_cpu,
    .no_grad = "used on data",
    .samples = adjust_color_samples,
};

static int to_gray_shape(lun_call *c) {
  LUN_TRY(need_images(c, 0, false, 3));
  return same_image_shape(c);
}
static void gray_step(lun_call *c, int64_t i, float *p, int h, int w, float *scratch) {
  (void)c, (void)i, (void)scratch;
  image_gray(p, (int64_t)h * w);
}
static int to_gray_cpu(lun_call *c) { return each_image(c, gray_step, false, 0); }

static const char *const rgb_samples[] = {"x=unit[2,3,5,6]@f32", "x=unit[1,3,1,1]@f32", NULL};
const lun_op LUN_ROW(to_gray) = {
    .name = "to_gray",
    .args = "x:image -> y:image",
    .doc = "RGB images with each pixel's three channels replaced by 0.2989 R + 0.587 G + 0.114 B.",
    .shape = to_gray_shape,
    .cpu = to_gray_cpu,
    .no_grad = "used on data",
    .samples = rgb_samples,
};

static int hflip_shape(lun_call *c) {
  LUN_TRY(need_images(c, 0, false, 0));
  return same_image_shape(c);
}
static int hflip_cpu(lun_call *c) { return each_image(c, NULL, true, 0); }

const lun_op LUN_ROW(hflip) = {
    .name = "hflip",
    .args = "x:image -> y:image",
    .doc = "Images mirrored left to right.",
    .shape = hflip_shape,
    .cpu = hflip_cpu,
    .no_grad = "used on data",
    .samples = rgb_samples,
};

static int solarize_shape(lun_call *c) {
  LUN_TRY(need_images(c, 0, false, 0));
  return same_image_shape(c);
}
static void solarize_step(lun_call *c, int64_t i, float *p, int h, int w, float *scratch) {
  (void)i, (void)scratch;
  image_solarize(p, c->arg[0].t->shape[1] * h * w, (float)c->arg[1].f);
}
static int solarize_cpu(lun_call *c) { return each_image(c, solarize_step, false, 0); }

const lun_op LUN_ROW(solarize) = {
    .name = "solarize",
    .args = "x:image threshold:float=0.5 -> y:image",
    .doc = "Images in [0, 1] with every value at or above threshold replaced by 1 - value.",
    .shape = solarize_shape,
    .cpu = solarize_cpu,
    .no_grad = "used on data",
    .samples = rgb_samples,
};

static int blur_radius(const lun_call *c) { return c->arg[2].i ? (int)c->arg[2].i : (int)ceil(3 * c->arg[1].f); }

static int gaussian_blur_shape(lun_call *c) {
  LUN_TRY(need_images(c, 0, false, 0));
  double most = (IMAGE_BLUR_RADIUS - 2) / 3.0;
  if (!(c->arg[1].f >= 1e-3 && c->arg[1].f <= most))
    return lun_bad(c, LUN_EARG, "sigma must lie in [0.001, %g] pixels, got %g", most, c->arg[1].f);
  if (c->arg[2].i < 0 || c->arg[2].i > IMAGE_BLUR_RADIUS)
    return lun_bad(c, LUN_EARG, "radius must lie in 0..%d (0: ceil(3 sigma)), got %lld", IMAGE_BLUR_RADIUS,
                   (long long)c->arg[2].i);
  return same_image_shape(c);
}
static void blur_step(lun_call *c, int64_t i, float *p, int h, int w, float *scratch) {
  (void)i;
  image_blur(p, (int)c->arg[0].t->shape[1], h, w, c->arg[1].f, blur_radius(c), !strncmp(c->arg[3].s, "reflect", 7),
             scratch);
}
static int gaussian_blur_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  return each_image(c, blur_step, false, image_blur_floats((int)x->shape[2], (int)x->shape[3]));
}

static const char *const gaussian_blur_samples[] = {"x=unit[2,3,5,6]@f32 sigma=1",
                                                    "x=unit[1,1,4,3]@f32 sigma=2 radius=2 border=reflect", NULL};
const lun_op LUN_ROW(gaussian_blur) = {
    .name = "gaussian_blur",
    .args = "x:image sigma:float radius:int=0 border:choice(replicate|reflect)=replicate -> y:image",
    .doc = "Gaussian blur with 2 radius + 1 taps at whole pixels that sum to 1; radius 0 means ceil(3 sigma).\n"
           "border: outside the image the edge pixel repeated, or reflection without repeating the edge pixel.",
    .shape = gaussian_blur_shape,
    .cpu = gaussian_blur_cpu,
    .no_grad = "used on data",
    .samples = gaussian_blur_samples,
};

/* ---- normalize_images ---- */

static int normalize_images_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *norm = c->arg[1].t;
  LUN_TRY(need_images(c, 0, true, 0));
  if (norm) {
    LUN_TRY(lun_need_dtype(c, 1, LUN_F32));
    LUN_TRY(lun_need_shape(c, 1, 2, (int64_t[]){2, x->shape[1]}, "(means, then standard deviations, per channel)"));
    for (int64_t k = x->shape[1]; k < 2 * x->shape[1] && norm->device == LUN_CPU; k++)
      if (!(lun_f32(norm)[k] > 0))
        return lun_bad(c, LUN_EARG, "norm's standard deviations must be positive, got %g", lun_f32(norm)[k]);
  }
  if (c->arg[2].d != LUN_F32 && c->arg[2].d != LUN_BF16)
    return lun_bad(c, LUN_EDTYPE, "dtype must be f32 or bf16, got %s", lun_dtype_name(c->arg[2].d));
  return lun_out(c, 0, c->arg[2].d, 4, x->shape);
}

static int normalize_images_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *norm = c->arg[1].t;
  lun_tensor *y = c->out[0];
  int64_t ch = x->shape[1], pixels = x->shape[0] * x->shape[2] * x->shape[3];
  if (ch == 0 || pixels == 0) return LUN_OK;
  void *scratch;
  LUN_TRY(lun_scratch(c, 2 * ch * (int64_t)sizeof(float), &scratch));
  float *gain = scratch, *offset = gain + ch, unit = x->dtype == LUN_U8 ? 1.0f / 255 : 1.0f;
  for (int64_t k = 0; k < ch; k++) {
    float inverse = norm ? 1 / lun_f32(norm)[ch + k] : 1;
    gain[k] = unit * inverse;
    offset[k] = norm ? -lun_f32(norm)[k] * inverse : 0;
  }
#pragma omp parallel for num_threads(c->threads) schedule(static) if (pixels > 16384)
  for (int64_t i = 0; i < pixels; i++)
    for (int64_t k = 0; k < ch; k++) {
      int64_t at = i * ch + k;
      float v = x->dtype == LUN_U8 ? (float)lun_u8(x)[at] : lun_f32(x)[at];
      v = v * gain[k] + offset[k];
      if (y->dtype == LUN_BF16)
        lun_bf16(y)[at] = lun_float_bf16(v);
      else
        lun_f32(y)[at] = v;
    }
  lun_scratch_free(c, scratch);
  return LUN_OK;
}

static const char *const normalize_images_samples[] = {"x=byte[2,3,4,5]@u8", "x=unit[1,3,2,2]@f32 dtype=bf16",
                                                       "x=byte[1,3,7,5]@u8 dtype=bf16",
                                                       "x=byte[2,3,4,5]@u8 norm=positive[2,3]@f32", NULL};
const lun_op LUN_ROW(normalize_images) = {
    .name = "normalize_images",
    .args = "x:image norm:constant? dtype:dtype=f32 -> y:image",
    .doc = "Stored pixels as network input: u8 becomes x/255, then (x - mean) / standard deviation per channel.\n"
           "norm (2,c) f32: means, then standard deviations; without it the result stays in [0, 1].",
    .shape = normalize_images_shape,
    .cpu = normalize_images_cpu,
    .no_grad = "used on data",
    .samples = normalize_images_samples,
};
