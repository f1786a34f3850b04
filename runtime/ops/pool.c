/* pool.c: maximum and average pooling of images, and their gradients. */
#include "ops/activation.h"

#include <string.h>

typedef struct {
  int64_t kernel, stride, pad;
} window;

/* Reads kernel, stride and padding, which stand at `at` in the arguments; stride 0 means the kernel's size. */
static window window_of(const lun_call *c, int at) {
  window g = {c->arg[at].i, c->arg[at + 1].i, c->arg[at + 2].i};
  if (!g.stride) g.stride = g.kernel;
  return g;
}

#define KERNELS "ops/pool_kernels.h"
#include "ops/each_float.h"

static int check_window(lun_call *c, int at, int64_t h, int64_t w, int64_t *oh, int64_t *ow) {
  window g = window_of(c, at);
  if (g.kernel < 1 || g.kernel > 15) /* the place inside the window is kept in one byte */
    return lun_bad(c, LUN_EARG, "kernel must lie in 1..15, got %lld", (long long)g.kernel);
  if (g.stride < 1) return lun_bad(c, LUN_EARG, "stride must be at least 1, got %lld", (long long)g.stride);
  if (g.pad < 0 || g.pad > g.kernel / 2)
    return lun_bad(c, LUN_EARG, "padding must lie in 0..%lld, half the kernel, got %lld", (long long)(g.kernel / 2),
                   (long long)g.pad);
  int64_t need = g.kernel - 2 * g.pad; /* of the image */
  if (h < need || w < need || h < 1 || w < 1)
    return lun_bad(c, LUN_ESHAPE, "a window of %lld x %lld does not fit an image of %lld x %lld with padding %lld",
                   (long long)g.kernel, (long long)g.kernel, (long long)h, (long long)w, (long long)g.pad);
  *oh = (h - need) / g.stride + 1;
  *ow = (w - need) / g.stride + 1;
  return LUN_OK;
}

static int pool_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t oh = 0, ow = 0;
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(check_window(c, 1, x->shape[2], x->shape[3], &oh, &ow));
  int64_t shape[4] = {x->shape[0], x->shape[1], oh, ow};
  LUN_TRY(lun_out(c, 0, x->dtype, 4, shape));
  return c->nouts == 2 ? lun_out(c, 1, LUN_U8, 4, shape) : LUN_OK;
}

/* dy against an image of height x width, which stand at `at`, the window after them. */
static int pool_grad_shape(lun_call *c, int at) {
  const lun_tensor *dy = c->arg[0].t;
  int64_t oh = 0, ow = 0, h = c->arg[at].i, w = c->arg[at + 1].i;
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(check_window(c, at + 2, h, w, &oh, &ow));
  LUN_TRY(lun_need_shape(c, 0, 4, (int64_t[]){dy->shape[0], dy->shape[1], oh, ow}, "as pooling makes it"));
  return lun_out(c, 0, dy->dtype, 4, (int64_t[]){dy->shape[0], dy->shape[1], h, w});
}

/* ---- max_pool2d ---- */

static int max_pool2d_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, max_pool2d)(c); }

static int max_pool2d_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  const lun_arg *a = c->arg;
  return lun_do(c->ctx, "max_pool2d_grad", din, "ttiiiii", dout[0], c->out[1], a[0].t->shape[2], a[0].t->shape[3],
                a[1].i, a[2].i, a[3].i);
}

static const char *const max_pool2d_samples[] = {"x=spread[2,3,6,5] kernel=3 stride=2 padding=1",
                                                 "x=spread[1,2,4,4] kernel=2",
                                                 "x=spread[1,1,1,1] kernel=1",
                                                 "x=spread[2,2,3,3] kernel=3 stride=1 padding=1",
                                                 "x=spread[2,8,5,4] kernel=3 stride=2 padding=1",
                                                 "x=normal[0,2,4,4] kernel=2",
                                                 NULL};
const lun_op LUN_ROW(max_pool2d) = {
    .name = "max_pool2d",
    .args = "x:image kernel:int stride:int=0 padding:int=0 -> y:image place:image",
    .doc = "Maximum over square windows of x (n,c,h,w), f32, bf16 or f64, per channel.\n"
           "kernel 1..15; stride 0 means kernel; padding at most half the kernel, and never chosen as the maximum.\n"
           "place (u8, like y) is the winner's position in its window, row by row from 1, the first among equals.",
    .shape = pool_shape,
    .cpu = max_pool2d_cpu,
    .grad = max_pool2d_grad_of,
    .keep = "place",
    .samples = max_pool2d_samples,
    .kinks = "where two values of a window are equal; the samples' values are distinct",
};

static int max_pool2d_grad_shape(lun_call *c) {
  LUN_TRY(pool_grad_shape(c, 2));
  LUN_TRY(lun_need_dtype(c, 1, LUN_U8));
  return lun_need_same_shape(c, 1, 0);
}

static int max_pool2d_grad_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, max_pool2d_grad)(c); }

static const char *const max_pool2d_grad_samples[] = {
    "dy=normal[2,3,3,3] place=byte[2,3,3,3]@u8 height=6 width=5 kernel=3 stride=2 padding=1",
    "dy=normal[2,8,3,2] place=byte[2,8,3,2]@u8 height=17 width=16 kernel=15 stride=1",
    "dy=normal[2,3,5,4] place=byte[2,3,5,4]@u8 height=17 width=15 kernel=15 stride=3 padding=5", NULL};
const lun_op LUN_ROW(max_pool2d_grad) = {
    .name = "max_pool2d_grad",
    .args = "dy:image place:image height:int width:int kernel:int stride:int=0 padding:int=0 -> dx:image",
    .doc = "Gradient of max_pool2d to an image of height x width: dy goes to the pixels that place names.\n"
           "A place outside the window or the image receives nothing.",
    .shape = max_pool2d_grad_shape,
    .cpu = max_pool2d_grad_cpu,
    .no_grad = "it is a gradient; second derivatives are not offered",
    .samples = max_pool2d_grad_samples,
};

/* ---- avg_pool2d ---- */

static int avg_pool2d_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, avg_pool2d)(c); }

static int avg_pool2d_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  const lun_arg *a = c->arg;
  return lun_do(c->ctx, "avg_pool2d_grad", din, "tiiiii", dout[0], a[0].t->shape[2], a[0].t->shape[3], a[1].i, a[2].i,
                a[3].i);
}

static const char *const avg_pool2d_samples[] = {"x=normal[2,3,6,5] kernel=3 stride=2 padding=1",
                                                 "x=normal[2,8,5,4] kernel=3 stride=2 padding=1",
                                                 "x=normal[1,2,4,4] kernel=2",
                                                 "x=normal[1,1,1,1] kernel=1",
                                                 "x=normal[0,2,4,4] kernel=2",
                                                 NULL};
const lun_op LUN_ROW(avg_pool2d) = {
    .name = "avg_pool2d",
    .args = "x:image kernel:int stride:int=0 padding:int=0 -> y:image",
    .doc = "Mean over square windows of x (n,c,h,w), f32, bf16 or f64, per channel; padding counts as zeros.\n"
           "kernel 1..15; stride 0 means kernel; padding at most half the kernel.",
    .shape = pool_shape,
    .cpu = avg_pool2d_cpu,
    .grad = avg_pool2d_grad_of,
    .samples = avg_pool2d_samples,
};

static int avg_pool2d_grad_shape(lun_call *c) { return pool_grad_shape(c, 1); }
static int avg_pool2d_grad_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, avg_pool2d_grad)(c); }

static const char *const avg_pool2d_grad_samples[] = {"dy=normal[2,3,3,3] height=6 width=5 kernel=3 stride=2 padding=1",
                                                      "dy=normal[2,8,5,4] height=5 width=4 kernel=3 stride=1 padding=1",
                                                      NULL};
const lun_op LUN_ROW(avg_pool2d_grad) = {
    .name = "avg_pool2d_grad",
    .args = "dy:image height:int width:int kernel:int stride:int=0 padding:int=0 -> dx:image",
    .doc = "Gradient of avg_pool2d to an image of height x width.",
    .shape = avg_pool2d_grad_shape,
    .cpu = avg_pool2d_grad_cpu,
    .no_grad = "it is a gradient; second derivatives are not offered",
    .samples = avg_pool2d_grad_samples,
};

/* ---- global_avg_pool ---- */

static int global_avg_pool_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  char s[128];
  LUN_TRY(need_activation(c, 0));
  if (x->shape[2] * x->shape[3] == 0)
    return lun_bad(c, LUN_ESHAPE, "x has no pixels: %s", lun_shape_text(4, x->shape, s, sizeof s));
  return lun_out(c, 0, x->dtype, 2, x->shape);
}

static int global_avg_pool_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, global_avg_pool)(c); }

static int global_avg_pool_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "global_avg_pool_grad", din, "tii", dout[0], c->arg[0].t->shape[2], c->arg[0].t->shape[3]);
}

static const char *const global_avg_pool_samples[] = {"x=normal[2,3,4,5]",  "x=normal[1,1,1,1]", "x=normal[2,70,2,2]",
                                                      "x=normal[2,16,3,2]", "x=normal[0,3,2,2]", NULL};
const lun_op LUN_ROW(global_avg_pool) = {
    .name = "global_avg_pool",
    .args = "x:image -> y",
    .doc = "Mean over all pixels: x (n,c,h,w), f32, bf16 or f64 -> y (n,c) in x's dtype, summed in f32 (f64).",
    .shape = global_avg_pool_shape,
    .cpu = global_avg_pool_cpu,
    .grad = global_avg_pool_grad_of,
    .samples = global_avg_pool_samples,
};

static int global_avg_pool_grad_shape(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t;
  int64_t h = c->arg[1].i, w = c->arg[2].i;
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  if (h < 1 || w < 1)
    return lun_bad(c, LUN_EARG, "height and width must be at least 1, got %lld and %lld", (long long)h, (long long)w);
  return lun_out(c, 0, dy->dtype, 4, (int64_t[]){dy->shape[0], dy->shape[1], h, w});
}

static int global_avg_pool_grad_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, global_avg_pool_grad)(c); }

static const char *const global_avg_pool_grad_samples[] = {
    "dy=normal[2,3] height=4 width=5", "dy=normal[2,16] height=3 width=2", "dy=normal[1,1] height=1 width=1", NULL};
const lun_op LUN_ROW(global_avg_pool_grad) = {
    .name = "global_avg_pool_grad",
    .args = "dy:tensor height:int width:int -> dx:image",
    .doc = "Gradient of global_avg_pool: dy (n,c) spread evenly over images of height x width.",
    .shape = global_avg_pool_grad_shape,
    .cpu = global_avg_pool_grad_cpu,
    .no_grad = "it is a gradient; second derivatives are not offered",
    .samples = global_avg_pool_grad_samples,
};
