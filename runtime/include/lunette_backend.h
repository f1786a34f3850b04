/* lunette_backend.h: what kernels see. Ops, the CPU engine and loaded device backends include this file; it is the ABI
** between the core and a backend that is a shared object, so every struct here is plain data.
*/
#ifndef LUNETTE_BACKEND_H
#define LUNETTE_BACKEND_H

#include "lunette.h"

#define LUN_BACKEND_ABI 3

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lun_node lun_node;
typedef struct lun_storage lun_storage;

/* Bytes on one device, shared by views. */
struct lun_storage {
  int refs;
  lun_context *ctx;
  lun_device device;
  void *data;
  int64_t bytes;
  bool arriving; /* see lun_send: what touches the bytes waits first, luni_here */
};

/* A strided view. storage NULL makes a ghost: it has shape and dtype and no elements (see keep in core/op.h). */
struct lun_tensor {
  int refs;
  lun_context *ctx;
  lun_storage *storage;
  int64_t offset; /* in elements */
  lun_dtype dtype;
  lun_device device;
  int ndim;
  int64_t shape[LUN_MAX_DIMS];
  int64_t stride[LUN_MAX_DIMS]; /* in elements */
  bool requires_grad;           /* a leaf that asked for it */
  lun_tensor *grad;
  lun_node *node; /* what made it, NULL for a leaf */
  int output;     /* which output of node */
};

/* One running call: what shape functions, kernels and gradients receive. */
typedef struct lun_call {
  lun_context *ctx;
  const lun_op *op;
  int nargs, nouts;
  lun_arg arg[LUN_MAX_ARGS];     /* by the signature's order; scalars hold their default where not given */
  lun_tensor *out[LUN_MAX_OUTS]; /* made by the shape function */
  bool needs[LUN_MAX_ARGS];      /* in a gradient: which tensor arguments want one */
  int threads;
  lun_device device; /* where the kernel runs: that of its tensors */
} lun_call;

typedef int (*lun_kernel_fn)(lun_call *c);

/* One kernel of a backend, joined to the op table by name. LUN_EUNSUPPORTED passes the call on. */
typedef struct {
  const char *name;
  lun_kernel_fn run;
} lun_kernel;

typedef struct lun_backend {
  int abi;
  const char *name;
  lun_device device;
  const lun_kernel *kernels; /* ends with {NULL, NULL} */
  int (*alloc)(lun_context *c, int64_t bytes, void **out);
  void (*free)(lun_context *c, void *p, int64_t bytes);
  int (*copy)(lun_context *c, void *dst, lun_device to, const void *src, lun_device from, int64_t bytes);
  int (*sync)(lun_context *c);
} lun_backend;

/* ---- for kernels ---- */
/* Fail with "op: message"; the op's name is put in front. */
int lun_bad(lun_call *c, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* True once lun_interrupt was called; long kernels poll it and return lun_interrupted(c). */
bool lun_poll(const lun_call *c);
int lun_interrupted(lun_call *c);

/* Runs an op by name. fmt has one character per argument, in the signature's order: t tensor (NULL = left out),
** i int64_t, f double, b int, s const char *, d lun_dtype (as int), n int64_t count then const int64_t *,
** l int count then lun_tensor *const *, - default. Missing ones at the end take their defaults. */
int lun_do(lun_context *c, const char *op, lun_tensor **outs, const char *fmt, ...);

#define LUN_TRY(expr)                                                                                                  \
  do {                                                                                                                 \
    int st_ = (expr);                                                                                                  \
    if (st_) return st_;                                                                                               \
  } while (0)

static inline int64_t lun_numel(const lun_tensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->ndim; i++) n *= t->shape[i];
  return n;
}

/* Elements of a host tensor. The kernel knows the dtype. */
#define LUN_DATA(type, t) ((type *)(t)->storage->data + (t)->offset)
#define lun_f32(t)        LUN_DATA(float, t)
#define lun_f64(t)        LUN_DATA(double, t)
#define lun_bf16(t)       LUN_DATA(uint16_t, t)
#define lun_i64(t)        LUN_DATA(int64_t, t)
#define lun_u8(t)         LUN_DATA(uint8_t, t)

#ifdef __cplusplus
}
#endif

#endif
