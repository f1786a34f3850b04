/* conv.c: 2-D convolution and its gradients. The engine (runtime/cpu) replaces these kernels where it can. */
#include "ops/activation.h"
#include "ops/conv_geometry.h"

#define KERNELS "ops/conv_kernels.h"
#include "ops/each_float.h"

/* Output size along one axis, or -1 where the kernel does not fit. */
static int64_t conv_size(int64_t in, int64_t kernel, int64_t stride, int64_t pad) {
  int64_t padded;
  return __builtin_add_overflow(in, 2 * pad, &padded) || kernel < 1 || kernel > padded ? -1
                                                                                       : (padded - kernel) / stride + 1;
}

static int check_steps(lun_call *c, int64_t stride, int64_t pad) {
  if (stride < 1) return lun_bad(c, LUN_EARG, "stride must be at least 1, got %lld", (long long)stride);
  if (pad < 0 || pad > 1 << 20) return lun_bad(c, LUN_EARG, "padding must be at least 0, got %lld", (long long)pad);
  return LUN_OK;
}

static int check_fit(lun_call *c, const int64_t *image, int64_t kh, int64_t kw, int64_t stride, int64_t pad,
                     int64_t *oh, int64_t *ow) {
  LUN_TRY(check_steps(c, stride, pad));
  *oh = conv_size(image[0], kh, stride, pad);
  *ow = conv_size(image[1], kw, stride, pad);
  if (*oh < 0 || *ow < 0)
    return lun_bad(c, LUN_ESHAPE, "a kernel of %lld x %lld does not fit an image of %lld x %lld with padding %lld",
                   (long long)kh, (long long)kw, (long long)image[0], (long long)image[1], (long long)pad);
  return LUN_OK;
}

/* ---- conv2d ---- */

static int conv2d_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *w = c->arg[1].t;
  char s[128], r[128];
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(need_weight_dtype(c, 1, 0));
  LUN_TRY(lun_need_ndim(c, 1, 4));
  if (w->shape[1] != x->shape[1])
    return lun_bad(c, LUN_ESHAPE, "weight (out,in,kh,kw) %s takes %lld channels, x %s has %lld",
                   lun_shape_text(4, w->shape, s, sizeof s), (long long)w->shape[1],
                   lun_shape_text(4, x->shape, r, sizeof r), (long long)x->shape[1]);
  if (c->arg[2].t) {
    LUN_TRY(need_weight_dtype(c, 2, 0));
    LUN_TRY(lun_need_shape(c, 2, 1, w->shape, "(out)"));
  }
  int64_t oh = 0, ow = 0;
  LUN_TRY(check_fit(c, x->shape + 2, w->shape[2], w->shape[3], c->arg[3].i, c->arg[4].i, &oh, &ow));
  return lun_out(c, 0, x->dtype, 4, (int64_t[]){x->shape[0], w->shape[0], oh, ow});
}

static int conv2d_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, conv2d)(c); }

static int conv2d_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  lun_tensor *x = c->arg[0].t, *w = c->arg[1].t, *dy = dout[0];
  int64_t stride = c->arg[3].i, pad = c->arg[4].i;
  if (c->needs[0])
    LUN_TRY(lun_do(c->ctx, "conv2d_dx", &din[0], "ttiiii", dy, w, x->shape[2], x->shape[3], stride, pad));
  if (c->needs[1])
    LUN_TRY(lun_do(c->ctx, "conv2d_dw", &din[1], "ttiiii", x, dy, w->shape[2], w->shape[3], stride, pad));
  if (c->needs[2]) LUN_TRY(lun_do(c->ctx, "channel_sum", &din[2], "t", dy));
  return LUN_OK;
}

static const char *const conv2d_samples[] = {
    "x=normal[2,3,5,5] weight=normal[4,3,3,3] bias=normal[4] padding=1",
    "x=normal[2,3,6,5] weight=normal[4,3,3,3] stride=2 padding=1",
    "x=normal[1,2,7,7] weight=normal[3,2,5,3] bias=normal[3] stride=3 padding=2",
    "x=normal[2,4,3,3] weight=normal[5,4,1,1] stride=2",
    "x=normal[1,1,1,1] weight=normal[1,1,1,1]",
    "x=normal[3,2,1,1] weight=normal[2,2,3,3] padding=1",
    "x=normal[3,8,4,5] weight=normal[8,8,3,3] stride=2 padding=1",
    "x=normal[2,8,3,3] weight=normal[8,8,1,1] bias=normal[8]",
    "x=normal[0,2,4,4] weight=normal[3,2,3,3] padding=1",
    NULL};
const lun_op LUN_ROW(conv2d) = {
    .name = "conv2d",
    .args = "x:image weight:tensor bias:tensor? stride:int=1 padding:int=0 -> y:image",
    .doc = "2-D cross-correlation of a batch of images x (n,in,h,w) with weight (out,in,kh,kw), plus bias (out).\n"
           "y is (n,out,oh,ow) with oh = floor((h + 2 padding - kh) / stride) + 1, ow alike; the border is zeros.\n"
           "x is f32, bf16 or f64 and y like it; weight and bias are f32, f64 beside f64.",
    .shape = conv2d_shape,
    .cpu = conv2d_cpu,
    .grad = conv2d_grad,
    .keep = "x weight",
    .samples = conv2d_samples,
};

/* ---- its gradients ---- */

static int conv2d_dx_shape(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t, *w = c->arg[1].t;
  int64_t oh = 0, ow = 0, hw[2] = {c->arg[2].i, c->arg[3].i};
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(need_weight_dtype(c, 1, 0));
  LUN_TRY(lun_need_ndim(c, 1, 4));
  LUN_TRY(check_fit(c, hw, w->shape[2], w->shape[3], c->arg[4].i, c->arg[5].i, &oh, &ow));
  LUN_TRY(lun_need_shape(c, 0, 4, (int64_t[]){dy->shape[0], w->shape[0], oh, ow}, "as conv2d makes it from this size"));
  return lun_out(c, 0, dy->dtype, 4, (int64_t[]){dy->shape[0], w->shape[1], hw[0], hw[1]});
}

static int conv2d_dx_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, conv2d_dx)(c); }

static const char *const conv2d_dx_samples[] = {
    "dy=normal[2,4,5,5] weight=normal[4,3,3,3] height=5 width=5 padding=1",
    "dy=normal[2,4,3,3] weight=normal[4,3,3,3] height=6 width=5 stride=2 padding=1",
    "dy=normal[2,5,2,2] weight=normal[5,4,1,1] height=3 width=4 stride=2",
    "dy=normal[3,8,2,3] weight=normal[8,8,3,3] height=4 width=5 stride=2 padding=1",
    "dy=normal[2,8,3,3] weight=normal[8,8,1,1] height=3 width=3",
    "dy=normal[1,1,1,1] weight=normal[1,1,1,1] height=1 width=1",
    NULL};
const lun_op LUN_ROW(conv2d_dx) = {
    .name = "conv2d_dx",
    .args = "dy:image weight:tensor height:int width:int stride:int=1 padding:int=0 -> dx:image",
    .doc = "Gradient of conv2d to x, an image of height x width pixels; also the transposed convolution.\n"
           "dy (n,out,oh,ow), weight (out,in,kh,kw) -> dx (n,in,height,width) in dy's dtype.",
    .shape = conv2d_dx_shape,
    .cpu = conv2d_dx_cpu,
    .no_grad = "it is the gradient of conv2d; second derivatives are not offered",
    .samples = conv2d_dx_samples,
};

static int conv2d_dw_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *dy = c->arg[1].t;
  int64_t oh = 0, ow = 0, kh = c->arg[2].i, kw = c->arg[3].i;
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(check_fit(c, x->shape + 2, kh, kw, c->arg[4].i, c->arg[5].i, &oh, &ow));
  LUN_TRY(lun_need_shape(c, 1, 4, (int64_t[]){x->shape[0], dy->shape[1], oh, ow}, "as conv2d makes it from x"));
  return lun_out(c, 0, weight_dtype(x), 4, (int64_t[]){dy->shape[1], x->shape[1], kh, kw});
}

static int conv2d_dw_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, conv2d_dw)(c); }

static const char *const conv2d_dw_samples[] = {
    "x=normal[2,3,5,5] dy=normal[2,4,5,5] kernel_h=3 kernel_w=3 padding=1",
    "x=normal[2,3,6,5] dy=normal[2,4,3,3] kernel_h=3 kernel_w=3 stride=2 padding=1",
    "x=normal[2,4,3,4] dy=normal[2,5,2,2] kernel_h=1 kernel_w=1 stride=2",
    "x=normal[3,8,4,5] dy=normal[3,8,2,3] kernel_h=3 kernel_w=3 stride=2 padding=1",
    "x=normal[2,8,3,3] dy=normal[2,8,3,3] kernel_h=1 kernel_w=1",
    "x=normal[0,2,4,4] dy=normal[0,3,4,4] kernel_h=3 kernel_w=3 padding=1",
    NULL};
const lun_op LUN_ROW(conv2d_dw) = {
    .name = "conv2d_dw",
    .args = "x:image dy:image kernel_h:int kernel_w:int stride:int=1 padding:int=0 -> dw",
    .doc = "Gradient of conv2d to weight: x (n,in,h,w), dy (n,out,oh,ow) -> dw (out,in,kernel_h,kernel_w), f32 or, "
           "beside f64, f64.",
    .shape = conv2d_dw_shape,
    .cpu = conv2d_dw_cpu,
    .no_grad = "it is the gradient of conv2d; second derivatives are not offered",
    .samples = conv2d_dw_samples,
};
