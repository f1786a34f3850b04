/* op.h: what an author of ops uses. One row per op says everything about it; dispatch, the Lua binding, help and every
** automatic test are driven by the rows.
**
**   static int softmax_shape(lun_call *c) { check arguments, then lun_out(c, 0, dtype, ndim, shape) }
**   static int softmax_cpu(lun_call *c)   { the reference kernel, plain C }
**   static int softmax_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) { calls ops only }
**   const lun_op LUN_ROW(softmax) = {.name = "softmax", ...};          and one line in ops.def: OP(softmax)
**
** Everything under runtime/ops is compiled once per instruction set; LUN_ROW keeps the copies apart and CPUID chooses.
*/
#ifndef LUN_OP_H
#define LUN_OP_H

#include "lunette_backend.h"

#ifndef LUN_ISA
#define LUN_ISA baseline
#endif
#define LUN_CAT2_(a, b) a##_##b
#define LUN_CAT2(a, b)  LUN_CAT2_(a, b)
#define LUN_ROW(name)   LUN_CAT2(LUN_CAT2_(lun_op, name), LUN_ISA)
/* For a non-static function shared between files of runtime/ops. */
#define LUN_LOCAL(name) LUN_CAT2(name, LUN_ISA)

struct lun_op {
  const char *name;
  /* Signature: "x:image weight:tensor bias:tensor? stride:int=1 mode:choice(zeros|edge)=zeros -> y:image".
  ** Types: tensor image any constant tensors int index float bool string choice(..) ints dtype (see lun_argtype);
  ** `?` optional tensor, `!` written in place. Outputs: names, `:image` for channels-last, `:constant` for one that
  ** carries no gradient (statistics kept for the backward op). At most LUN_MAX_ARGS and LUN_MAX_OUTS. */
  const char *args;
  /* First sentence: what it computes. Then shapes, dtypes, units, defaults, errors, source. One line per sentence. */
  const char *doc;
  int (*shape)(lun_call *c); /* checks every argument; makes every output */
  int (*cpu)(lun_call *c);   /* reference; inputs are laid out as the signature says */
  /* dout[k]: gradient of output k, NULL where none came. Fill din[i] for every argument i with c->needs[i]. */
  int (*grad)(lun_call *c, lun_tensor *const *dout, lun_tensor **din);
  /* Arguments and outputs whose elements grad reads ("x weight y"); the others are ghosts there: shape without data. */
  const char *keep;
  /* Optional: computes output 0 again from what is kept, for one pass over memory. Then neither this op nor those that
  ** read its output 0 keep it: activations that are cheap to make again do not stay in memory. On the CPU: on another
  ** device the pass would cost more of a step than it is worth, and outputs are kept. */
  int (*recompute)(lun_call *c, lun_tensor **out);
  const char *no_grad;        /* why there is no gradient, where grad is NULL */
  const char *no_cuda;        /* why cuda/kernels.def has no kernel of this op; else it must have one */
  const char *const *samples; /* NULL-terminated inputs for the automatic tests, see below */
  double tolerance;           /* relative, for the gradient check in f64; 0: 1e-6 */
  const char *kinks;          /* says which values make finite differences invalid and how the samples avoid them */
  bool method;                /* also bound as a tensor method, t:name(...) */
};

/* The no_cuda of an op that makes tensors from numbers: no argument says where it should run. */
#define LUN_TAKES_NO_TENSOR                                                                                            \
  "it takes no tensor, so it runs on the CPU; t:to(\"cuda\") moves what it makes, and the numbers are the same"

/* Samples: "x=normal[2,3,5,5] weight=normal[4,3,3,3] stride=2". A tensor is GENERATOR[shape] or GENERATOR[shape]@dtype:
**   normal     standard normal          positive   uniform in [0.1, 1.1)      unit   uniform in [0, 1)
**   spread     all values distinct, at least 0.05 apart, in random order (max, sort, thresholds)
**   low        uniform in [0, 0.5)
**   away       standard normal pushed at least 0.1 away from 0 (relu, abs)
**   posK       i64 positions 1..K (pos10[8])          byte  u8 0..255          flag  bool
**   odd        0, -0, NaN, infinities and small numbers           tiny  1 or 1e-13
** Lists join tensors with +: params=normal[3,4]+normal[5]. ints: shape=(2,3). Left out: the default or no tensor.
** Unless a dtype is given, floating tensors run as f64 in the gradient check and as f32 (and bf16 where accepted)
** in the parity check. */

/* ---- for shape functions ---- */
int lun_out(lun_call *c, int k, lun_dtype d, int ndim, const int64_t *shape); /* laid out as the signature says */
int lun_out_like(lun_call *c, int k, const lun_tensor *like);                 /* shape, dtype and strides of `like` */
int lun_out_view(lun_call *c, int k, lun_tensor *of, int ndim, const int64_t *shape, const int64_t *stride,
                 int64_t offset); /* shares the storage of `of` */
int lun_need_ndim(lun_call *c, int arg, int ndim);
int lun_need_float(lun_call *c, int arg); /* f32, f64, bf16 or f16 */
int lun_need_real(lun_call *c, int arg);  /* f32 or f64 */
int lun_need_dtype(lun_call *c, int arg, lun_dtype d);
int lun_need_same_dtype(lun_call *c, int arg, int as);
int lun_need_same_shape(lun_call *c, int arg, int as);
int lun_need_shape(lun_call *c, int arg, int ndim, const int64_t *shape, const char *why);
int lun_axis(lun_call *c, int arg, int ndim, int *axis); /* reads an index argument, negative ones resolved */
const char *lun_arg_name(const lun_call *c, int arg);
char *lun_shape_text(int ndim, const int64_t *shape, char *buf, size_t size); /* "(2,3,4)" */
int lun_mul(lun_context *c, int64_t a, int64_t b, int64_t *out);              /* overflow-checked, for sizes */

/* ---- scratch memory for kernels: counted and failable like everything else ---- */
int lun_scratch(lun_call *c, int64_t bytes, void **out); /* 64-byte aligned; NULL-safe free below */
void lun_scratch_free(lun_call *c, void *p);

#endif
