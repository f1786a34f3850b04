/* augment.cu: random views of images, a block per view; see ops/augment.c. Draws are those of the CPU, from one
** header.
**
** The image stays in shared memory from crop to store where it fits, at sizes up to 44: memory sees a crop read (1 byte
** a value) and a view written (4, or 2 in bf16). Larger ones are worked on in memory that the cache mostly holds. Bound
** by the steps' arithmetic, then, and by one thread's draws.
**
** A position that names no image makes a view of NaN: it cannot be refused before a kernel has read it.
*/
#include "image_block.h"
#include "kernels.h"
#include "number.h"
#include "ops/augment.h"
#include "scratch.h"
#include "sums.h"

enum { IMAGES, IDS, NORM, SEED, EPOCH, VIEW, SIZE, SETTINGS, DTYPE = SETTINGS + AUGMENT_SETTINGS };
enum { D_IDS, D_HEIGHT, D_WIDTH, D_SEED, D_EPOCH, D_VIEW, D_SETTINGS };

static augment_policy read_policy(const lun_call *c, int first) {
  double settings[AUGMENT_SETTINGS];
  for (int k = 0; k < AUGMENT_SETTINGS; k++) settings[k] = c->arg[first + k].f;
  return augment_policy_of(settings);
}

/* What a block keeps in shared memory in front of the image. */
struct workplace {
  double sums[32];
  double taps[IMAGE_BLUR_RADIUS + 1];
  float weights[IMAGE_BLUR_RADIUS + 1];
  augment_choice choice;
};
enum { FRONT = (sizeof(workplace) + 15) / 16 * 16 };

template <class S, class Y> struct views {
  const S *images;
  const int64_t *ids;
  const float *norm; /* or NULL */
  Y *y;
  augment_policy policy;
  lun_stream stream;
  int64_t n, count, epoch, view; /* count: of images */
  int size, h, w;
  float *memory; /* NULL: shared memory holds the image */
  int64_t each;  /* floats that a block works in */
};

/* p, size x size: `other` of the same size is overwritten. */
static __device__ void blur_view(float *p, float *other, int size, double sigma, workplace *place) {
  int radius = (int)ceil(3 * sigma);
  int64_t n = (int64_t)size * size * 3, row = (int64_t)size * 3, left;
  for (int t = (int)threadIdx.x; t <= radius; t += (int)blockDim.x) place->taps[t] = image_gaussian(t, sigma);
  __syncthreads();
  double sum = 0;
  for (int t = -radius; t <= radius; t++) sum += place->taps[t < 0 ? -t : t];
  for (int t = (int)threadIdx.x; t <= radius; t += (int)blockDim.x) place->weights[t] = (float)(place->taps[t] / sum);
  __syncthreads();
  for (int64_t e = threadIdx.x; e < n; e += blockDim.x) {
    int64_t y = lun_divide(e, row, &left), c, x = lun_divide(left, 3, &c);
    other[e] = lun_blur_at(p + y * row + c, (int)x, size, 3, place->weights, radius, false);
  }
  __syncthreads();
  for (int64_t e = threadIdx.x; e < n; e += blockDim.x) {
    int64_t y = lun_divide(e, row, &left);
    p[e] = lun_blur_at(other + left, (int)y, size, row, place->weights, radius, false);
  }
  __syncthreads();
}

template <class S, class Y> static __global__ void augment_views(views<S, Y> v) {
  LUN_SHARED(double, shared);
  workplace *place = reinterpret_cast<workplace *>(shared);
  float *in_shared = reinterpret_cast<float *>(reinterpret_cast<char *>(shared) + FRONT);
  float *p = v.memory ? v.memory + blockIdx.x * v.each : in_shared;
  int64_t pixels = (int64_t)v.size * v.size, image = (int64_t)v.h * v.w * 3, left;
  float *rest = p + 3 * pixels, gain[3], offset[3];
  for (int c = 0; c < 3; c++) lun_norm_of(v.norm, 3, c, &gain[c], &offset[c]);
  for (int64_t i = blockIdx.x; i < v.n; i += gridDim.x) {
    int64_t id = v.ids[i];
    Y *y = v.y + i * 3 * pixels;
    if (id < 1 || id > v.count) {
      for (int64_t e = threadIdx.x; e < 3 * pixels; e += blockDim.x) y[e] = number<Y>::put((float)NAN);
      continue;
    }
    if (threadIdx.x == 0) place->choice = augment_choose(&v.policy, v.stream, v.epoch, id, v.view, v.h, v.w);
    __syncthreads();
    augment_choice k = place->choice;
    lun_resize_block(v.images + (id - 1) * image, v.w, 3, k.box, IMAGE_BICUBIC, v.size, v.size, true, p, rest);
    for (int s = 0; s < 4 && k.jitter; s++)
      if (v.policy.strength[k.order[s] - 1] > 0)
        lun_adjust_block(p, p, pixels, k.order[s], k.factor[k.order[s] - 1], place->sums);
    if (k.gray)
      for (int64_t q = threadIdx.x; q < pixels; q += blockDim.x)
        p[3 * q] = p[3 * q + 1] = p[3 * q + 2] = image_luma(p[3 * q], p[3 * q + 1], p[3 * q + 2]);
    __syncthreads();
    if (k.blur) blur_view(p, rest, v.size, k.sigma, place);
    for (int64_t e = threadIdx.x; e < 3 * pixels; e += blockDim.x) {
      int64_t line = lun_divide(e, 3 * (int64_t)v.size, &left), c, x = lun_divide(left, 3, &c);
      float value = p[3 * (line * v.size + (k.flip ? v.size - 1 - x : x)) + c];
      if (k.solarize) value = image_solarized(value, (float)v.policy.threshold);
      y[e] = number<Y>::put(value * gain[c] + offset[c]);
    }
  }
}

/* Blocks work on their views one after the other in as much memory as a quarter of a gigabyte holds. */
template <class S, class Y> static int augment_as(lun_call *c) {
  const lun_tensor *x = c->arg[IMAGES].t, *y = c->out[0];
  views<S, Y> v = {};
  v.images = lun_elements<S>(x);
  v.ids = lun_elements<int64_t>(c->arg[IDS].t);
  v.norm = c->arg[NORM].t ? lun_elements<float>(c->arg[NORM].t) : NULL;
  v.y = lun_elements<Y>(y);
  v.policy = read_policy(c, SETTINGS);
  v.stream = lun_stream_make((uint64_t)c->arg[SEED].i, "augment");
  v.n = y->shape[0];
  v.count = x->shape[0];
  v.epoch = c->arg[EPOCH].i;
  v.view = c->arg[VIEW].i;
  v.size = (int)y->shape[2];
  v.h = (int)x->shape[2];
  v.w = (int)x->shape[3];
  int64_t plane = 3 * (int64_t)v.size * v.size, work = lun_resize_floats(IMAGE_BICUBIC, 3, v.h, v.w, v.size, v.size);
  v.each = plane + (work > plane ? work : plane);
  int64_t bytes = v.each * (int64_t)sizeof(float), blocks = lun_cuda_grid(v.n);
  size_t shared = FRONT + (size_t)bytes;
  lun_tensor *memory = NULL;
  if (shared > (48 << 10)) {
    shared = FRONT;
    int64_t most = ((int64_t)1 << 28) / bytes;
    if (blocks > most) blocks = most > 1 ? most : 1;
    LUN_TRY(lun_cuda_scratch(c, LUN_F32, blocks * v.each, &memory));
    v.memory = lun_elements<float>(memory);
  }
  int st = LUN_LAUNCH(c, (augment_views<S, Y>), (unsigned)blocks, lun_few_threads((int64_t)v.size * v.size), shared, v);
  lun_release(memory);
  return st;
}

int lun_cuda_augment(lun_call *c) {
  bool bytes = c->arg[IMAGES].t->dtype == LUN_U8;
  if (c->out[0]->shape[0] == 0) return LUN_OK;
  if (c->out[0]->dtype == LUN_BF16) return bytes ? augment_as<uint8_t, bf16>(c) : augment_as<float, bf16>(c);
  return bytes ? augment_as<uint8_t, float>(c) : augment_as<float, float>(c);
}

/* ---- the draws ---- */

enum { COLUMNS = 17 };

struct drawing {
  const int64_t *ids;
  double *draws;
  augment_policy policy;
  lun_stream stream;
  int64_t n, epoch, view;
  int h, w;
};

static __global__ void write_draws(drawing v) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < v.n; i += (int64_t)gridDim.x * blockDim.x) {
    augment_choice k = augment_choose(&v.policy, v.stream, v.epoch, v.ids[i], v.view, v.h, v.w);
    double *d = v.draws + i * COLUMNS;
    d[0] = k.box.top + 1;
    d[1] = k.box.left + 1;
    d[2] = k.box.height;
    d[3] = k.box.width;
    d[4] = k.flip;
    d[5] = k.jitter;
    for (int j = 0; j < 4; j++) d[6 + j] = k.order[j], d[10 + j] = (double)k.factor[j];
    d[14] = k.gray;
    d[15] = k.blur ? k.sigma : 0;
    d[16] = k.solarize;
    for (int j = 0; j < COLUMNS && v.ids[i] < 1; j++) d[j] = NAN;
  }
}

int lun_cuda_augment_draws(lun_call *c) {
  drawing v = {};
  v.ids = lun_elements<int64_t>(c->arg[D_IDS].t);
  v.draws = lun_elements<double>(c->out[0]);
  v.policy = read_policy(c, D_SETTINGS);
  v.stream = lun_stream_make((uint64_t)c->arg[D_SEED].i, "augment");
  v.n = c->arg[D_IDS].t->shape[0];
  v.epoch = c->arg[D_EPOCH].i;
  v.view = c->arg[D_VIEW].i;
  v.h = (int)c->arg[D_HEIGHT].i;
  v.w = (int)c->arg[D_WIDTH].i;
  if (!v.n) return LUN_OK;
  return LUN_LAUNCH(c, write_draws, lun_cuda_blocks(v.n), lun_few_threads(v.n), 0, v);
}
