/* augment.c: random views of images: the augmentation of SimCLR and its successors, one fused pass per view. */
#include "ops/augment.h"
#include "ops/image.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#define POLICY                                                                                                         \
  "scale_min:float=0.08 scale_max:float=1 ratio_min:float=0.75 ratio_max:float=1.3333333333333333 flip:float=0.5 "     \
  "jitter:float=0.8 brightness:float=0.4 contrast:float=0.4 saturation:float=0.4 hue:float=0.1 gray:float=0.2 "        \
  "blur:float=0 sigma_min:float=0.1 sigma_max:float=2 solarize:float=0 threshold:float=0.5 "

enum { IMAGES, IDS, NORM, SEED, EPOCH, VIEW, SIZE, SETTINGS, DTYPE = SETTINGS + AUGMENT_SETTINGS };
enum { D_IDS, D_HEIGHT, D_WIDTH, D_SEED, D_EPOCH, D_VIEW, D_SETTINGS };

static augment_policy read_policy(const lun_call *c, int first) {
  double settings[AUGMENT_SETTINGS];
  for (int k = 0; k < AUGMENT_SETTINGS; k++) settings[k] = c->arg[first + k].f;
  return augment_policy_of(settings);
}

static int check_range(lun_call *c, int arg, double lo, double hi) {
  double v = c->arg[arg].f;
  if (v >= lo && v <= hi) return LUN_OK;
  return lun_bad(c, LUN_EARG, "%s must lie in [%g, %g], got %g", lun_arg_name(c, arg), lo, hi, v);
}

static int check_pair(lun_call *c, int arg, double lo, double hi) {
  LUN_TRY(check_range(c, arg, lo, hi));
  LUN_TRY(check_range(c, arg + 1, lo, hi));
  if (c->arg[arg].f <= c->arg[arg + 1].f) return LUN_OK;
  return lun_bad(c, LUN_EARG, "%s (%g) must not exceed %s (%g)", lun_arg_name(c, arg), c->arg[arg].f,
                 lun_arg_name(c, arg + 1), c->arg[arg + 1].f);
}

static int check_policy(lun_call *c, int first) {
  LUN_TRY(check_pair(c, first, 1e-6, 1));
  LUN_TRY(check_pair(c, first + 2, 0.01, 100));
  static const int probability[] = {4, 5, 10, 11, 14};
  for (int k = 0; k < 5; k++) LUN_TRY(check_range(c, first + probability[k], 0, 1));
  for (int k = 6; k < 9; k++) LUN_TRY(check_range(c, first + k, 0, 100));
  LUN_TRY(check_range(c, first + 9, 0, 0.5));
  LUN_TRY(check_pair(c, first + 12, 1e-3, (IMAGE_BLUR_RADIUS - 2) / 3.0));
  return check_range(c, first + 15, 0, 1);
}

static int check_counter(lun_call *c, int epoch, int view) {
  if (c->arg[epoch].i < 0 || c->arg[epoch].i > UINT32_MAX)
    return lun_bad(c, LUN_EARG, "epoch must lie in [0, 2^32), got %lld", (long long)c->arg[epoch].i);
  if (c->arg[view].i < 1 || c->arg[view].i > 65535)
    return lun_bad(c, LUN_EARG, "view must lie in 1..65535, got %lld", (long long)c->arg[view].i);
  return LUN_OK;
}

static int check_ids(lun_call *c, int arg, int64_t n) {
  const lun_tensor *ids = c->arg[arg].t;
  LUN_TRY(lun_need_dtype(c, arg, LUN_I64));
  LUN_TRY(lun_need_ndim(c, arg, 1));
  if (ids->device != LUN_CPU) return LUN_OK; /* not to be read here: the kernel makes views of NaN of wrong ones */
  for (int64_t i = 0; i < ids->shape[0]; i++) {
    int64_t id = lun_i64(ids)[i];
    if (id < 1 || id > n)
      return lun_bad(c, LUN_EARG, "%s[%lld] is %lld; positions run from 1 to %lld", lun_arg_name(c, arg),
                     (long long)i + 1, (long long)id, (long long)n);
  }
  return LUN_OK;
}

static int augment_shape(lun_call *c) {
  const lun_tensor *x = c->arg[IMAGES].t, *norm = c->arg[NORM].t;
  char text[128];
  int64_t size = c->arg[SIZE].i ? c->arg[SIZE].i : x->shape[2];
  if (x->dtype != LUN_U8 && x->dtype != LUN_F32)
    return lun_bad(c, LUN_EDTYPE, "images must be u8 (0..255) or f32 (0..1), got %s", lun_dtype_name(x->dtype));
  if (x->shape[1] != 3 || x->shape[2] < 1 || x->shape[3] < 1 || x->shape[2] > 16384 || x->shape[3] > 16384)
    return lun_bad(c, LUN_ESHAPE, "images must be colour images (n,3,h,w) of at most 16384 pixels a side, got %s",
                   lun_shape_text(x->ndim, x->shape, text, sizeof text));
  if (size < 1 || size > 4096) return lun_bad(c, LUN_EARG, "size must lie in 1..4096, got %lld", (long long)size);
  LUN_TRY(check_ids(c, IDS, x->shape[0]));
  LUN_TRY(check_counter(c, EPOCH, VIEW));
  LUN_TRY(check_policy(c, SETTINGS));
  if (norm) {
    LUN_TRY(lun_need_dtype(c, NORM, LUN_F32));
    LUN_TRY(lun_need_shape(c, NORM, 2, (int64_t[]){2, 3}, "(means, then standard deviations)"));
    for (int k = 3; k < 6 && norm->device == LUN_CPU; k++)
      if (!(lun_f32(norm)[k] > 0))
        return lun_bad(c, LUN_EARG, "norm's standard deviations must be positive, got %g", lun_f32(norm)[k]);
  }
  if (c->arg[DTYPE].d != LUN_F32 && c->arg[DTYPE].d != LUN_BF16)
    return lun_bad(c, LUN_EDTYPE, "dtype must be f32 or bf16, got %s", lun_dtype_name(c->arg[DTYPE].d));
  return lun_out(c, 0, c->arg[DTYPE].d, 4, (int64_t[]){c->arg[IDS].t->shape[0], 3, size, size});
}

/* One view of one image: planes in `p`, the rest of the work in `scratch`. */
static void apply(const augment_policy *policy, const augment_choice *k, const lun_tensor *images, int64_t position,
                  int size, float *p, float *scratch) {
  int h = (int)images->shape[2], w = (int)images->shape[3];
  int64_t n = (int64_t)size * size;
  const char *source =
      (const char *)images->storage->data + (images->offset + position * 3 * h * w) * lun_dtype_size(images->dtype);
  image_resize(source, images->dtype, w, 3, k->box, IMAGE_BICUBIC, size, size, p, scratch);
  image_clamp(p, 3 * n);
  if (k->jitter)
    for (int i = 0; i < 4; i++)
      if (policy->strength[k->order[i] - 1] > 0) image_adjust(p, n, k->order[i], k->factor[k->order[i] - 1]);
  if (k->gray) image_gray(p, n);
  if (k->blur) {
    int radius = (int)ceil(3 * k->sigma);
    image_blur(p, k->gray ? 1 : 3, size, size, k->sigma, radius, false, scratch);
    if (k->gray) {
      memcpy(p + n, p, (size_t)n * sizeof *p);
      memcpy(p + 2 * n, p, (size_t)n * sizeof *p);
    }
  }
  if (k->solarize) image_solarize(p, 3 * n, (float)policy->threshold);
}

static int augment_cpu(lun_call *c) {
  const lun_tensor *images = c->arg[IMAGES].t, *ids = c->arg[IDS].t, *norm = c->arg[NORM].t;
  lun_tensor *y = c->out[0];
  augment_policy policy = read_policy(c, SETTINGS);
  lun_stream stream = lun_stream_make((uint64_t)c->arg[SEED].i, "augment");
  int64_t n = y->shape[0], epoch = c->arg[EPOCH].i, view = c->arg[VIEW].i;
  int size = (int)y->shape[2], h = (int)images->shape[2], w = (int)images->shape[3];
  if (n == 0) return LUN_OK;
  float gain[3] = {1, 1, 1}, offset[3] = {0, 0, 0};
  for (int k = 0; norm && k < 3; k++) {
    gain[k] = 1 / lun_f32(norm)[3 + k];
    offset[k] = -lun_f32(norm)[k] * gain[k];
  }
  int64_t resize = image_resize_floats(IMAGE_BICUBIC, 3, h, w, size, size), blur = image_blur_floats(size, size);
  int64_t each = (3 * (int64_t)size * size + (resize > blur ? resize : blur) + 31) / 16 * 16;
  int threads = n < c->threads ? (int)n : c->threads;
  void *scratch;
  LUN_TRY(lun_scratch(c, threads * each * (int64_t)sizeof(float), &scratch));
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (int64_t i = 0; i < n; i++) {
    if (lun_poll(c)) continue;
    int thread = 0;
#ifdef _OPENMP
    thread = omp_get_thread_num();
#endif
    float *p = (float *)scratch + thread * each;
    augment_choice k = augment_choose(&policy, stream, epoch, lun_i64(ids)[i], view, h, w);
    apply(&policy, &k, images, lun_i64(ids)[i] - 1, size, p, p + 3 * (int64_t)size * size);
    int64_t at = i * 3 * size * size;
    image_store(p, 3, size, size, k.flip, gain, offset, y->dtype,
                (char *)y->storage->data + (y->offset + at) * lun_dtype_size(y->dtype));
  }
  lun_scratch_free(c, scratch);
  return lun_poll(c) ? lun_interrupted(c) : LUN_OK;
}

static const char *const augment_samples[] = {
    "images=byte[3,3,8,8]@u8 ids=pos3[4] seed=7 epoch=1 size=8",
    "images=byte[2,3,11,9]@u8 ids=pos2[3] seed=1 epoch=3 view=2 size=6 blur=1 solarize=0.5 gray=0.5",
    "images=byte[1,3,5,6]@u8 ids=pos1[0] seed=1 epoch=1 size=4",
    "images=unit[2,3,8,8]@f32 ids=pos2[2] seed=1 epoch=1 size=8 dtype=bf16",
    "images=byte[2,3,8,8]@u8 ids=pos2[2] norm=positive[2,3]@f32 seed=2 epoch=1 size=8",
    "images=byte[1,3,9,9]@u8 ids=pos1[2] seed=3 epoch=1 size=45 blur=1",
    NULL};
const lun_op LUN_ROW(augment) = {
    .name = "augment",
    .args = "images:image ids:constant norm:constant? seed:int epoch:int view:int=1 size:int=0 " POLICY
            "dtype:dtype=f32 -> y:image",
    .doc =
        "One random view of each image that ids names: random resized crop, colour jitter, gray, blur, solarize, "
        "flip.\n"
        "images (N,3,h,w) is u8 (0..255) or f32 (0..1); ids (n) holds positions into it, from 1; y is "
        "(n,3,size,size), size = h by default, in [0, 1], normalised by norm (2,3): means, then standard deviations.\n"
        "Every decision is a function of (seed, epoch, id, view) alone: batch order and threads change nothing.\n"
        "Crop: area in [scale_min, scale_max], width/height in [ratio_min, ratio_max], bicubic with antialiasing "
        "(a = -0.5), clamped.\n"
        "jitter, flip, gray, blur and solarize are probabilities; brightness, contrast and saturation are factors in "
        "[1 - v, 1 + v], hue is a shift in [-v, v] turns, in random order.\n"
        "Blur: Gaussian, sigma in [sigma_min, sigma_max] pixels, radius ceil(3 sigma), edge pixels repeated.\n"
        "Solarize inverts what is at or above threshold.\n"
        "On a GPU an id that names no image is no error: its view is NaN.",
    .shape = augment_shape,
    .cpu = augment_cpu,
    .no_grad = "a view is data: nothing is learned through it",
    .samples = augment_samples,
};

/* ---- the draws, for tests and for looking ---- */

enum { COLUMNS = 17 };

static int draws_shape(lun_call *c) {
  LUN_TRY(check_ids(c, D_IDS, INT64_MAX));
  for (int k = D_HEIGHT; k <= D_WIDTH; k++)
    if (c->arg[k].i < 1 || c->arg[k].i > 16384)
      return lun_bad(c, LUN_EARG, "%s must lie in 1..16384, got %lld", lun_arg_name(c, k), (long long)c->arg[k].i);
  LUN_TRY(check_counter(c, D_EPOCH, D_VIEW));
  LUN_TRY(check_policy(c, D_SETTINGS));
  return lun_out(c, 0, LUN_F64, 2, (int64_t[]){c->arg[D_IDS].t->shape[0], COLUMNS});
}

static int draws_cpu(lun_call *c) {
  const lun_tensor *ids = c->arg[D_IDS].t;
  augment_policy policy = read_policy(c, D_SETTINGS);
  lun_stream stream = lun_stream_make((uint64_t)c->arg[D_SEED].i, "augment");
  for (int64_t i = 0; i < ids->shape[0]; i++) {
    augment_choice k = augment_choose(&policy, stream, c->arg[D_EPOCH].i, lun_i64(ids)[i], c->arg[D_VIEW].i,
                                      (int)c->arg[D_HEIGHT].i, (int)c->arg[D_WIDTH].i);
    double *d = lun_f64(c->out[0]) + i * COLUMNS;
    d[0] = k.box.top + 1;
    d[1] = k.box.left + 1;
    d[2] = k.box.height;
    d[3] = k.box.width;
    d[4] = k.flip;
    d[5] = k.jitter;
    for (int j = 0; j < 4; j++) d[6 + j] = k.order[j], d[10 + j] = k.factor[j];
    d[14] = k.gray;
    d[15] = k.blur ? k.sigma : 0;
    d[16] = k.solarize;
  }
  return LUN_OK;
}

static const char *const draws_samples[] = {"ids=pos9[5] height=8 width=8 seed=7 epoch=1",
                                            "ids=pos9[2] height=30 width=4 seed=7 epoch=1 scale_min=0.9", NULL};
const lun_op LUN_ROW(augment_draws) = {
    .name = "augment_draws",
    .args = "ids:constant height:int width:int seed:int epoch:int view:int=1 " POLICY "-> draws",
    .doc =
        "What augment decides for images of height x width: one row of 17 numbers per id.\n"
        "Columns: 1-4 top, left (from 1), height, width of the crop; 5 flip; 6 jitter; 7-10 order of the jitter steps "
        "(1 brightness, 2 contrast, 3 saturation, 4 hue); 11-14 their factors; 15 gray; 16 sigma of the blur, 0 for "
        "none; 17 solarize.",
    .shape = draws_shape,
    .cpu = draws_cpu,
    .no_grad = "random decisions",
    .samples = draws_samples,
};
