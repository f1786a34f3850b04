/* attention.c: multi-head self-attention (Vaswani et al. 2017, section 3.2) as one op, without the matrix of all
** scores: the forward pass keeps the logarithm of each row's sum, from which the backward pass makes the scores again
** (Dao et al. 2022). */
#include "ops/activation.h"
#include "ops/exp.h"

#include <math.h>
#include <omp.h>

#if defined(__AVX512F__)
#define ATTENTION_VECTOR 64
#elif defined(__AVX__)
#define ATTENTION_VECTOR 32
#else
#define ATTENTION_VECTOR 16
#endif
#define QUERIES      48
#define PAD(n, to)   (((n) + (to)-1) / (to) * (to))
#define EXP_OF(t, x) (sizeof(t) == sizeof(float) ? (t)lun_exp_f32((float)(x)) : (t)exp((double)(x)))

typedef struct {
  int64_t batch, tokens, heads, width; /* width of a head */
  double scale;                        /* 1 / sqrt(width) */
} attention_size;

static attention_size size_of(const lun_tensor *qkv, int64_t heads) {
  int64_t width = qkv->shape[2] / 3 / heads;
  return (attention_size){qkv->shape[0], qkv->shape[1], heads, width, width ? 1 / sqrt((double)width) : 0};
}

#define KERNELS "ops/attention_kernels.h"
#include "ops/each_float.h"

static int check_qkv(lun_call *c, int arg, int64_t heads) {
  const lun_tensor *t = c->arg[arg].t;
  char s[128];
  LUN_TRY(need_activation(c, arg));
  if (heads < 1) return lun_bad(c, LUN_EARG, "heads must be at least 1, got %lld", (long long)heads);
  if (t->ndim != 3 || t->shape[2] % 3 || t->shape[2] / 3 % heads)
    return lun_bad(c, LUN_ESHAPE, "%s must be (batch, tokens, 3 d) with d a multiple of heads, %lld, got %s",
                   lun_arg_name(c, arg), (long long)heads, lun_shape_text(t->ndim, t->shape, s, sizeof s));
  return LUN_OK;
}

static int attention_shape(lun_call *c) {
  const lun_tensor *t = c->arg[0].t;
  LUN_TRY(check_qkv(c, 0, c->arg[1].i));
  LUN_TRY(lun_out(c, 0, t->dtype, 3, (int64_t[]){t->shape[0], t->shape[1], t->shape[2] / 3}));
  return lun_out(c, 1, weight_dtype(t), 3, (int64_t[]){t->shape[0], c->arg[1].i, t->shape[1]});
}

static int attention_cpu(lun_call *c) {
  attention_size s = size_of(c->arg[0].t, c->arg[1].i);
  return PICK(c->arg[0].t->dtype, attention_forward)(c, &s);
}

static int attention_gradient(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  if (!dout[0]) return LUN_OK;
  return lun_do(c->ctx, "attention_grad", din, "tttti", dout[0], c->arg[0].t, c->out[0], c->out[1], c->arg[1].i);
}

static const char *const attention_samples[] = {"qkv=normal[2,5,12] heads=2",
                                                "qkv=normal[1,67,30] heads=1",
                                                "qkv=normal[2,49,66] heads=2",
                                                "qkv=normal[1,1,3] heads=1",
                                                "qkv=normal[3,13,12] heads=2",
                                                "qkv=normal[0,3,6] heads=1",
                                                NULL};
const lun_op LUN_ROW(attention) = {
    .name = "attention",
    .args = "qkv:tensor heads:int -> y lse:constant",
    .doc =
        "Multi-head self-attention y (batch,tokens,d) = softmax(q k^T / sqrt(d / heads)) v of every head (Vaswani et "
        "al. 2017).\n"
        "qkv (batch,tokens,3 d) holds q, k and v after each other, each of them the heads after each other; f32, bf16 "
        "or f64, computed in f32 or f64.\n"
        "lse (batch,heads,tokens): log of the sum of each row's exponentials, which the gradient reads; it carries "
        "none.",
    .shape = attention_shape,
    .cpu = attention_cpu,
    .grad = attention_gradient,
    .keep = "qkv y lse",
    .samples = attention_samples,
};

static int attention_grad_shape(lun_call *c) {
  const lun_tensor *t = c->arg[1].t;
  int64_t heads = c->arg[4].i;
  LUN_TRY(check_qkv(c, 1, heads));
  int64_t shape[3] = {t->shape[0], t->shape[1], t->shape[2] / 3}, rows[3] = {t->shape[0], heads, t->shape[1]};
  for (int i = 0; i < 3; i += 2) {
    LUN_TRY(lun_need_same_dtype(c, i, 1));
    LUN_TRY(lun_need_shape(c, i, 3, shape, "(batch, tokens, d)"));
  }
  LUN_TRY(need_weight_dtype(c, 3, 1));
  LUN_TRY(lun_need_shape(c, 3, 3, rows, "(batch, heads, tokens)"));
  return lun_out(c, 0, t->dtype, 3, t->shape);
}

static int attention_grad_cpu(lun_call *c) {
  attention_size s = size_of(c->arg[1].t, c->arg[4].i);
  return PICK(c->arg[1].t->dtype, attention_backward)(c, &s);
}

static const char *const attention_grad_samples[] = {
    "dy=normal[2,5,4] qkv=normal[2,5,12] y=normal[2,5,4] lse=positive[2,2,5] heads=2",
    "dy=normal[3,13,4] qkv=normal[3,13,12] y=normal[3,13,4] lse=positive[3,2,13] heads=2",
    "dy=normal[2,37,6] qkv=normal[2,37,18] y=normal[2,37,6] lse=positive[2,2,37] heads=2", NULL};
const lun_op LUN_ROW(attention_grad) = {
    .name = "attention_grad",
    .args = "dy:tensor qkv:tensor y:tensor lse:tensor heads:int -> dqkv",
    .doc = "The gradient of attention to qkv from dy (batch,tokens,d), its argument qkv, its outputs y and lse, and "
           "heads.",
    .shape = attention_grad_shape,
    .cpu = attention_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = attention_grad_samples,
};
