/* random.c: tensors of counter-based draws. Element i is f(seed, stream, i): the same on every device and thread count.
 */
#include "core/op.h"
#include "core/rng.h"

static int random_shape(lun_call *c) {
  lun_dtype d = c->arg[5].d;
  if (d != LUN_F32 && d != LUN_F64)
    return lun_bad(c, LUN_EDTYPE, "dtype must be f32 or f64, got %s", lun_dtype_name(d));
  return lun_out(c, 0, d, c->arg[0].ints.n, c->arg[0].ints.v);
}

static void put(lun_tensor *y, int64_t i, double v) {
  if (y->dtype == LUN_F32)
    lun_f32(y)[i] = (float)v;
  else
    lun_f64(y)[i] = v;
}

/* Element i: word i % 4 of block i / 4; normals come in pairs from words (0,1) and (2,3). */
static int random_normal_cpu(lun_call *c) {
  lun_tensor *y = c->out[0];
  int64_t n = lun_numel(y), blocks = (n + 3) / 4;
  lun_stream s = lun_stream_make((uint64_t)c->arg[1].i, c->arg[2].s);
  double mean = c->arg[3].f, std = c->arg[4].f;
#pragma omp parallel for num_threads(c->threads) schedule(static) if (blocks > 4096)
  for (int64_t b = 0; b < blocks; b++) {
    lun_draw4 w = lun_philox(s, (uint32_t)b, (uint32_t)(b >> 32), 0, 0);
    double v[4];
    lun_normal2(w.v[0], w.v[1], &v[0], &v[1]);
    lun_normal2(w.v[2], w.v[3], &v[2], &v[3]);
    for (int64_t i = 4 * b; i < n && i < 4 * b + 4; i++) put(y, i, mean + std * v[i - 4 * b]);
  }
  return LUN_OK;
}

static int random_uniform_cpu(lun_call *c) {
  lun_tensor *y = c->out[0];
  int64_t n = lun_numel(y), blocks = (n + 3) / 4;
  lun_stream s = lun_stream_make((uint64_t)c->arg[1].i, c->arg[2].s);
  double low = c->arg[3].f, span = c->arg[4].f - low;
#pragma omp parallel for num_threads(c->threads) schedule(static) if (blocks > 4096)
  for (int64_t b = 0; b < blocks; b++) {
    lun_draw4 w = lun_philox(s, (uint32_t)b, (uint32_t)(b >> 32), 0, 0);
    for (int64_t i = 4 * b; i < n && i < 4 * b + 4; i++) put(y, i, low + span * (double)lun_uniform(w.v[i - 4 * b]));
  }
  return LUN_OK;
}

static const char *const normal_samples[] = {
    "shape=(3,4) seed=1 stream=test", "shape=(5) seed=7 stream=a mean=2 std=0.5", "shape=(0) seed=1 stream=a", NULL};
const lun_op LUN_ROW(random_normal) = {
    .name = "random_normal",
    .args = "shape:ints seed:int=0 stream:string=default mean:float=0 std:float=1 dtype:dtype=f32 -> y",
    .doc = "Normal draws with mean and std: element i is a function of seed, stream (a name) and i alone. shape, dtype "
           "f32 or f64.",
    .shape = random_shape,
    .cpu = random_normal_cpu,
    .no_grad = "it takes no tensor",
    .no_cuda = LUN_TAKES_NO_TENSOR,
    .samples = normal_samples,
};

static const char *const uniform_samples[] = {"shape=(3,4) seed=1 stream=test",
                                              "shape=(5) seed=7 stream=a low=-1 high=2", NULL};
const lun_op LUN_ROW(random_uniform) = {
    .name = "random_uniform",
    .args = "shape:ints seed:int=0 stream:string=default low:float=0 high:float=1 dtype:dtype=f32 -> y",
    .doc = "Uniform draws in [low, high): element i is a function of seed, stream (a name) and i alone. shape, dtype "
           "f32 or f64.",
    .shape = random_shape,
    .cpu = random_uniform_cpu,
    .no_grad = "it takes no tensor",
    .no_cuda = LUN_TAKES_NO_TENSOR,
    .samples = uniform_samples,
};

/* ---- permutation ---- */

static int permutation_shape(lun_call *c) {
  int64_t n = c->arg[0].i;
  if (n < 0 || n > UINT32_MAX) return lun_bad(c, LUN_EARG, "n must be in 0..2^32-1, got %lld", (long long)n);
  return lun_out(c, 0, LUN_I64, 1, &n);
}

/* Fisher and Yates; swap i draws from block i, so that the order depends on seed, stream and epoch alone. */
static int permutation_cpu(lun_call *c) {
  int64_t n = c->arg[0].i, *p = lun_i64(c->out[0]);
  lun_stream s = lun_stream_make((uint64_t)c->arg[1].i, c->arg[2].s);
  for (int64_t i = 0; i < n; i++) p[i] = i + 1;
  for (int64_t i = n - 1; i > 0; i--) {
    uint32_t j = lun_below(lun_philox(s, (uint32_t)i, 0, (uint32_t)c->arg[3].i, 1).v[0], (uint32_t)(i + 1));
    int64_t t = p[i];
    p[i] = p[j];
    p[j] = t;
  }
  return LUN_OK;
}

static const char *const permutation_samples[] = {"n=7 seed=1 stream=shuffle epoch=2", "n=0", NULL};
const lun_op LUN_ROW(permutation) = {
    .name = "permutation",
    .args = "n:int seed:int=0 stream:string=shuffle epoch:int=0 -> positions",
    .doc = "The numbers 1..n in an order drawn from seed, stream (a name) and epoch.",
    .shape = permutation_shape,
    .cpu = permutation_cpu,
    .no_grad = "positions are not real numbers",
    .no_cuda = LUN_TAKES_NO_TENSOR,
    .samples = permutation_samples,
};
