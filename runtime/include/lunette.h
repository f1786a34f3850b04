/* lunette.h: the public C interface of the runtime.
**
** Contract
**   Every function returns a status: LUN_OK (0) or one of the codes below; the message that explains a failure is kept
**   in the context until the next failure (lun_message). Nothing here exits, aborts or longjmps.
** Ownership
**   Objects are reference counted. A function that fills `T **out` gives the caller one reference; arguments are
**   borrowed; "retained" is said where a function keeps one. lun_release(NULL) does nothing.
** Threads
**   A context belongs to one thread at a time. lun_interrupt may be called from any thread or signal handler.
*/
#ifndef LUNETTE_H
#define LUNETTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LUN_MAX_DIMS 8

typedef struct lun_context lun_context; /* owns everything: allocator, devices, op table, thread count */
typedef struct lun_tensor lun_tensor;   /* a strided view of a storage */
typedef struct lun_op lun_op;           /* one row of the op table */

typedef enum {
  LUN_OK = 0,
  LUN_EARG,         /* wrong argument: kind, value, count */
  LUN_ESHAPE,       /* shapes do not fit */
  LUN_EDTYPE,       /* dtype not accepted */
  LUN_EDEVICE,      /* device unknown, absent, or operands on different devices */
  LUN_EMEM,         /* out of memory; the message holds sizes */
  LUN_EIO,          /* the operating system refused */
  LUN_EDATA,        /* a file is missing, or it or a byte string does not hold what its format promises */
  LUN_ENAN,         /* NaN where none may be */
  LUN_EINTR,        /* lun_interrupt was called */
  LUN_EUNSUPPORTED, /* this build or device cannot; engines answer so to pass a call on to the reference kernel */
} lun_status;

typedef enum { LUN_F32, LUN_BF16, LUN_F16, LUN_F64, LUN_I64, LUN_U8, LUN_BOOL, LUN_NDTYPES } lun_dtype;

typedef enum { LUN_CPU = 0, LUN_CUDA = 1, LUN_NDEVICES } lun_device;

/* ---- context ---- */
int lun_open(lun_context **out); /* on failure *out is NULL and the reason is memory */
void lun_close(lun_context *c);  /* every tensor of the context must be gone */
const char *lun_message(const lun_context *c);
int lun_message_code(const lun_context *c);
void lun_interrupt(lun_context *c);       /* the next op (or the running one at its next poll) fails with LUN_EINTR */
void lun_clear_interrupt(lun_context *c); /* forget a pending interrupt */
void lun_set_threads(lun_context *c, int n); /* n >= 1; default: the CPUs this process may use */
int lun_threads(const lun_context *c);
/* false, the default: the same bits again from the same program, device, driver, libraries and number of threads. true: kernels of a
** device's libraries that add in another order each time are taken too, where the library expects them to be faster. */
void lun_set_fast(lun_context *c, bool fast);
bool lun_fast(const lun_context *c);
/* What the CPU engine found, and why not, in lines of "name: text", for people. Loads its libraries. */
void lun_describe_engine(lun_context *c, char *buf, size_t size);
bool lun_fast_bf16(lun_context *c);        /* bf16 activations make convolutions faster here */
const char *lun_isa(const lun_context *c); /* instruction set of our own kernels: "baseline", "avx2", "avx512" */

/* ---- memory ---- */
typedef struct {
  int64_t live_bytes, peak_bytes; /* tensor storage on this device, now and at most */
  int64_t live_blocks, total_blocks;
  int64_t core_bytes, core_blocks; /* the core's own small objects (host only) */
} lun_memory;
void lun_memory_read(const lun_context *c, lun_device d, lun_memory *out);
void lun_memory_reset_peak(lun_context *c, lun_device d);
void lun_memory_limit(lun_context *c, lun_device d, int64_t bytes); /* 0: none */
/* Tests: the nth allocation from now on (0 = the next) fails, and every later one; -1 switches this off. */
void lun_fail_allocation(lun_context *c, int64_t nth);

/* ---- dtypes and devices ---- */
const char *lun_dtype_name(lun_dtype d);            /* "f32" ... */
int lun_dtype_parse(const char *s, lun_dtype *out); /* LUN_EARG if unknown; also accepts "float32" and the like */
int64_t lun_dtype_size(lun_dtype d);
const char *lun_device_name(lun_device d);
int lun_device_parse(lun_context *c, const char *s, lun_device *out); /* LUN_EDEVICE with what to do, if it is absent */

/* ---- tensors ---- */
int lun_empty(lun_context *c, lun_dtype d, lun_device dev, int ndim, const int64_t *shape, lun_tensor **out);
int lun_empty_image(lun_context *c, lun_dtype d, lun_device dev, const int64_t shape[4],
                    lun_tensor **out); /* NCHW, stored NHWC */
lun_tensor *lun_retain(lun_tensor *t);
void lun_release(lun_tensor *t);
int lun_ndim(const lun_tensor *t);
const int64_t *lun_shape(const lun_tensor *t);
const int64_t *lun_stride(const lun_tensor *t); /* in elements */
int64_t lun_count(const lun_tensor *t);         /* number of elements */
lun_dtype lun_dtype_of(const lun_tensor *t);
lun_device lun_device_of(const lun_tensor *t);
void *lun_data(const lun_tensor *t);          /* first element; NULL for a tensor not on the host */
bool lun_is_dense(const lun_tensor *t);       /* row-major without gaps */
bool lun_is_dense_image(const lun_tensor *t); /* 4-D, channels-last without gaps */
int64_t lun_storage_bytes(const lun_tensor *t);

/* Views (narrow, select, permute, reshape) are ops of the table. */
int lun_detach(lun_tensor *t, lun_tensor **out); /* same storage, no tape */

int lun_copy(lun_tensor *dst, lun_tensor *src); /* same shape; converts dtype and device; not recorded on the tape */
/* The elements on a device, a leaf of its own; images stay channels-last. */
int lun_to_device(lun_tensor *t, lun_device d, lun_tensor **out);
int lun_get(lun_tensor *t, const int64_t *index, double *out); /* one element; index has ndim entries, 0-based */
int lun_set(lun_tensor *t, const int64_t *index, double value);

/* ---- gradients ---- */
bool lun_requires_grad(const lun_tensor *t);       /* a leaf asked for it, or the tape leads to one that did */
int lun_set_requires_grad(lun_tensor *t, bool on); /* leaves of a floating dtype only */
lun_tensor *lun_grad(const lun_tensor *t);         /* borrowed; NULL if there is none */
int lun_set_grad(lun_tensor *t, lun_tensor *g);    /* retained; NULL clears */
bool lun_is_leaf(const lun_tensor *t);
/* Gradients of t (a scalar unless seed is given, of t's shape) are added to the .grad of the leaves it depends on.
** The graph is released on the way unless keep_graph. */
int lun_backward(lun_tensor *t, lun_tensor *seed, bool keep_graph);
bool lun_grad_enabled(const lun_context *c);
bool lun_enable_grad(lun_context *c, bool on); /* returns what it was */
/* When on, every op's outputs are searched for NaN, with infinities also for those, and the first op with one fails with
** LUN_ENAN, naming itself. */
void lun_trace_nan(lun_context *c, bool on, bool infinities);

/* ---- ops ---- */
typedef enum {
  LUN_ARG_TENSOR,  /* "tensor": dense row-major */
  LUN_ARG_IMAGE,   /* "image": 4-D, dense channels-last */
  LUN_ARG_ANY,     /* "any": a tensor with whatever strides it has */
  LUN_ARG_TENSORS, /* "tensors": a list of dense tensors, taken as they are (no copy, no gradient) */
  LUN_ARG_INT,     /* "int" */
  LUN_ARG_INDEX,   /* "index": an axis, 0-based in C and 1-based in Lua; negative counts from the end (-1 = last) */
  LUN_ARG_FLOAT,   /* "float" */
  LUN_ARG_BOOL,    /* "bool" */
  LUN_ARG_STRING,  /* "string" or "choice(a|b|c)" */
  LUN_ARG_INTS,    /* "ints": a short list of integers, e.g. a shape */
  LUN_ARG_DTYPE,   /* "dtype" */
} lun_argtype;

/* One argument value. Which member holds is fixed by the op's signature. */
typedef struct {
  bool given; /* false: an optional tensor left out, or a scalar whose default holds */
  union {
    lun_tensor *t;
    struct {
      lun_tensor *const *v;
      int n;
    } list;
    int64_t i;
    double f;
    bool b;
    const char *s;
    struct {
      int64_t v[LUN_MAX_DIMS];
      int n;
    } ints;
    lun_dtype d;
  };
} lun_arg;

#define LUN_MAX_ARGS 24
#define LUN_MAX_OUTS 6

/* One parsed argument of a signature. */
typedef struct {
  char name[24];
  lun_argtype type;
  bool optional;    /* "tensor?" */
  bool mutated;     /* "tensor!", "tensors!": written in place; must be dense, is never copied, has no gradient */
  bool constant;    /* "constant": a dense tensor that never gets a gradient (labels, targets, statistics) */
  bool has_default; /* "int=1" */
  lun_arg def;
  const char *choices; /* "a|b|c" inside the signature, NULL if any string goes */
  int choices_len;
} lun_param;

typedef struct {
  int nargs, nouts;
  lun_param arg[LUN_MAX_ARGS];
  char out_name[LUN_MAX_OUTS][24];
  bool out_image[LUN_MAX_OUTS];
  bool out_constant[LUN_MAX_OUTS]; /* "norm:constant": carries no gradient (statistics kept for the backward op) */
} lun_signature;

int lun_op_count(const lun_context *c);
const lun_op *lun_op_at(const lun_context *c, int i);
const lun_op *lun_op_find(const lun_context *c, const char *name); /* NULL if there is none */
const char *lun_op_name(const lun_op *op);
const char *lun_op_doc(const lun_op *op);
const char *lun_op_args(const lun_op *op);
bool lun_op_has_grad(const lun_op *op);
bool lun_op_is_method(const lun_op *op); /* also bound as t:name(...) */
const lun_signature *lun_op_signature(const lun_context *c, const lun_op *op);
/* args: signature->nargs entries, in order. outs: signature->nouts entries, filled with new references. */
int lun_run(lun_context *c, const lun_op *op, const lun_arg *args, lun_tensor **outs);

/* ---- where the time goes ----
** Seconds are wall time; the time of ops that an op ran is theirs, so forward_seconds and within_seconds of all ops add
** up to the time spent in ops. Work a device does after the call returned is not in them. */
typedef struct {
  int64_t forward, backward, within;
  double forward_seconds;  /* runs outside a backward pass */
  double backward_seconds; /* of its gradient, with everything that ran for it */
  double within_seconds;   /* runs inside a backward pass: the same time as backward_seconds, by the op that took it */
} lun_op_profile;
void lun_profile(lun_context *c, bool on); /* on: counts from zero; off: the counters stay as they are */
bool lun_profiling(const lun_context *c);
lun_op_profile lun_profile_of(const lun_context *c, const lun_op *op);

/* Keep a message and return its code: `return lun_fail(c, LUN_ESHAPE, "softmax: ...")`. */
int lun_fail(lun_context *c, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
