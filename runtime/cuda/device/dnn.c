/* dnn.c: cuda/dnn.h from cuDNN 9, loaded when a convolution first asks for it. A convolution is described to cuDNN's
** graph interface; of the engines that its heuristics propose, the first is taken that repeats bit for bit (unless
** lun_fast), does not round its inputs, sums in f32, is compiled already and needs no more than LUN_CUDA_DNN_WORKSPACE bytes. That choice
** is a function of shapes, library and device: nothing is timed, so two runs choose alike. Plans are kept per shape, refusals too.
**
** A library that is missing, or a convolution that it does not support, is LUN_EUNSUPPORTED: the caller has another
** way. What fails later is an error that names cuDNN's function and reason.
*/
#include "dnn.h"
#include "device/dnn_state.h"
#include "scratch.h"

#include <cudnn_graph.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libcudnn.so.9"
/* cuDNN proposes up to 40 engines, and those that do not round f32 come late. */
enum { MOST_PLANS = 512, MOST_ENGINES = 64, HELD = 10, ALIGNMENT = 16 };

typedef cudnnBackendDescriptor_t descriptor;

#define FUNCTIONS(F)                                                                                                   \
  F(cudnnGetVersion)                                                                                                   \
  F(cudnnGetErrorString)                                                                                               \
  F(cudnnGetLastErrorString)                                                                                           \
  F(cudnnCreate)                                                                                                       \
  F(cudnnDestroy)                                                                                                      \
  F(cudnnSetStream)                                                                                                    \
  F(cudnnBackendCreateDescriptor)                                                                                      \
  F(cudnnBackendDestroyDescriptor)                                                                                     \
  F(cudnnBackendFinalize)                                                                                              \
  F(cudnnBackendSetAttribute)                                                                                          \
  F(cudnnBackendGetAttribute)                                                                                          \
  F(cudnnBackendExecute)

typedef enum { FORWARD, DX, DW } direction;

typedef struct {
  direction which;
  cudnnDataType_t dw;
  bool fast; /* engines may be taken that do not repeat bit for bit */
  lun_cuda_conv v;
} key;

/* The plan of a convolution and the descriptors that it is made of, in the order in which they were made. */
typedef struct plan {
  struct plan *next;
  key k;
  bool usable;
  int64_t workspace;
  descriptor run, held[HELD];
  int nheld;
} plan;

struct lun_cuda_dnn {
  void *library;
#define F(name) __typeof__(name) *name;
  FUNCTIONS(F)
#undef F
  cudnnHandle_t handle;        /* NULL: cuDNN cannot be used, and why says the reason */
  char why[256], refusal[160]; /* of the last convolution that it has no plan for */
  plan *plans;
  int nplans;
};

/* ---- loading ---- */

/* A status of something that ends: it changes nothing any more, but shall not go unread. */
static void ending(const lun_cuda_dnn *d, cudnnStatus_t st, const char *what) {
  if (st) fprintf(stderr, "lunette: cuDNN: %s: %s\n", what, d->cudnnGetErrorString(st));
}

static void destroy_handle(lun_cuda_dnn *d) {
  if (d->handle) ending(d, d->cudnnDestroy(d->handle), "closing");
  d->handle = NULL;
}

static void drop(const lun_cuda_dnn *d, descriptor x) {
  ending(d, d->cudnnBackendDestroyDescriptor(x), "dropping a descriptor");
}

static bool out_of_memory(cudnnStatus_t st) {
  return st == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
         st == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
}

/* A handle, or why there is none. What may be otherwise next time, memory that is short, is an error instead: else the
** same run would take other kernels by circumstance. */
static int load(lun_context *c, lun_cuda_dnn *d) {
  /* Not unmapped when the context closes: the run-time library inside does not survive that. */
  d->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!d->library) {
    const char *text = dlerror();
    snprintf(d->why, sizeof d->why, "%.250s", text ? text : LIBRARY " cannot be loaded");
    return LUN_OK;
  }
#define F(name)                                                                                                        \
  *(void **)(void *)&d->name = dlsym(d->library, #name);                                                               \
  if (!d->name) {                                                                                                      \
    snprintf(d->why, sizeof d->why, "%s has no %s", LIBRARY, #name);                                                   \
    return LUN_OK;                                                                                                     \
  }
  FUNCTIONS(F)
#undef F
  if (d->cudnnGetVersion() / 10000 != CUDNN_MAJOR) {
    snprintf(d->why, sizeof d->why, "%s is version %zu, not %d.x", LIBRARY, d->cudnnGetVersion(), CUDNN_MAJOR);
    return LUN_OK;
  }
  cudnnStatus_t st = d->cudnnCreate(&d->handle);
  if (out_of_memory(st)) {
    lun_cuda_flush(c);
    st = d->cudnnCreate(&d->handle);
  }
  if (st) {
    d->handle = NULL;
    snprintf(d->why, sizeof d->why, "cudnnCreate: %s", d->cudnnGetErrorString(st));
    return out_of_memory(st) ? lun_fail(c, LUN_EMEM, "out of memory on cuda: %s", d->why) : LUN_OK;
  }
  st = d->cudnnSetStream(d->handle, lun_cuda_bare_stream(c));
  if (!st) return LUN_OK;
  snprintf(d->why, sizeof d->why, "cudnnSetStream: %s", d->cudnnGetErrorString(st));
  destroy_handle(d);
  return LUN_OK;
}

static int need(lun_context *c, lun_cuda_dnn **out) {
  lun_cuda_dnn **slot = lun_cuda_dnn_slot(c);
  if (!*slot) {
    LUN_TRY(lun_cuda_pause(c, "cuDNN is loaded"));
    lun_cuda_dnn *d = calloc(1, sizeof *d);
    if (!d) return lun_fail(c, LUN_EMEM, "out of memory: the state of cuDNN");
    int st = load(c, d);
    if (st) {
      lun_cuda_dnn_close(d);
      return st;
    }
    *slot = d;
  }
  *out = *slot;
  return LUN_OK;
}

static void drop_descriptors(lun_cuda_dnn *d, plan *p) {
  while (p->nheld) drop(d, p->held[--p->nheld]);
}

static void drop_all(lun_cuda_dnn *d) {
  while (d->plans) {
    plan *p = d->plans;
    d->plans = p->next;
    drop_descriptors(d, p);
    free(p);
  }
  d->nplans = 0;
}

void lun_cuda_dnn_close(lun_cuda_dnn *d) {
  if (!d) return;
  drop_all(d);
  destroy_handle(d);
  if (d->library) dlclose(d->library);
  free(d);
}

void lun_cuda_dnn_describe(lun_context *c, char *buf, size_t size) {
  lun_cuda_dnn *d = NULL;
  if (need(c, &d))
    snprintf(buf, size, "not loaded: out of memory");
  else if (!d->handle)
    snprintf(buf, size, "none (%s): convolutions are products of columns", d->why);
  else {
    size_t v = d->cudnnGetVersion();
    int refused = 0;
    for (const plan *p = d->plans; p; p = p->next) refused += !p->usable;
    snprintf(buf, size, "%zu.%zu.%zu, %d plans, %d refused%s%s", v / 10000, v / 100 % 100, v % 100, d->nplans - refused,
             refused, d->refusal[0] ? ", the last: " : "", d->refusal);
  }
}

/* ---- descriptors: a status of ours, with a message, for every status of cuDNN's ---- */

static int failed(lun_call *c, const lun_cuda_dnn *d, const char *function, const char *about, cudnnStatus_t st) {
  char more[256] = "";
  d->cudnnGetLastErrorString(more, sizeof more);
  return lun_bad(c, LUN_EDEVICE, "cuDNN: %s of %s: %s (%d)%s%s", function, about, d->cudnnGetErrorString(st), (int)st,
                 more[0] ? "; " : "", more);
}

/* Made and kept by the plan. */
static int make(lun_call *c, lun_cuda_dnn *d, plan *p, cudnnBackendDescriptorType_t type, const char *about,
                descriptor *out) {
  *out = NULL;
  if (p->nheld == HELD) return lun_bad(c, LUN_EDEVICE, "cuDNN: a plan has more than %d descriptors", HELD);
  cudnnStatus_t st = d->cudnnBackendCreateDescriptor(type, out);
  if (st) return failed(c, d, "cudnnBackendCreateDescriptor", about, st);
  p->held[p->nheld++] = *out;
  return LUN_OK;
}

static int set(lun_call *c, lun_cuda_dnn *d, descriptor of, cudnnBackendAttributeName_t name,
               cudnnBackendAttributeType_t type, int64_t n, const void *values, const char *about) {
  cudnnStatus_t st = d->cudnnBackendSetAttribute(of, name, type, n, values);
  return st ? failed(c, d, "cudnnBackendSetAttribute", about, st) : LUN_OK;
}

static int finalize(lun_call *c, lun_cuda_dnn *d, descriptor of, const char *about) {
  cudnnStatus_t st = d->cudnnBackendFinalize(of);
  if (!st) return LUN_OK;
  cudnnStatus_t kind = (cudnnStatus_t)CUDNN_STATUS_CATEGORY(st);
  if (kind != CUDNN_STATUS_NOT_SUPPORTED && kind != CUDNN_STATUS_BAD_PARAM)
    return failed(c, d, "cudnnBackendFinalize", about, st);
  snprintf(d->refusal, sizeof d->refusal, "%s: %s (%d)", about, d->cudnnGetErrorString(st), (int)st);
  return LUN_EUNSUPPORTED;
}

static cudnnDataType_t data_type(lun_dtype t) { return t == LUN_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT; }

/* A tensor of logical shape (a,b,h,w), stored (a,h,w,b). */
static int tensor(lun_call *c, lun_cuda_dnn *d, plan *p, int64_t id, cudnnDataType_t type, int64_t a, int64_t b,
                  int64_t h, int64_t w, descriptor *out) {
  int64_t shape[4] = {a, b, h, w}, stride[4] = {h * w * b, 1, w * b, b}, alignment = ALIGNMENT;
  LUN_TRY(make(c, d, p, CUDNN_BACKEND_TENSOR_DESCRIPTOR, "a tensor", out));
  LUN_TRY(set(c, d, *out, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type, "a tensor's dtype"));
  LUN_TRY(set(c, d, *out, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, shape, "a tensor's shape"));
  LUN_TRY(set(c, d, *out, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, stride, "a tensor's strides"));
  LUN_TRY(set(c, d, *out, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id, "a tensor's name"));
  LUN_TRY(set(c, d, *out, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment, "a tensor's alignment"));
  return finalize(c, d, *out, "a tensor");
}

static int convolution(lun_call *c, lun_cuda_dnn *d, plan *p, descriptor *out) {
  const lun_cuda_conv *v = &p->k.v;
  cudnnDataType_t sums = CUDNN_DATA_FLOAT;
  cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  int64_t axes = 2, one[2] = {1, 1}, stride[2] = {v->stride, v->stride}, padding[2] = {v->padding, v->padding};
  LUN_TRY(make(c, d, p, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "a convolution", out));
#define SET(name, type, n, values)                                                                                     \
  LUN_TRY(set(c, d, *out, CUDNN_ATTR_CONVOLUTION_##name, CUDNN_TYPE_##type, n, values, "a convolution's " #name))
  SET(COMP_TYPE, DATA_TYPE, 1, &sums);
  SET(CONV_MODE, CONVOLUTION_MODE, 1, &mode);
  SET(SPATIAL_DIMS, INT64, 1, &axes);
  SET(DILATIONS, INT64, 2, one);
  SET(FILTER_STRIDES, INT64, 2, stride);
  SET(PRE_PADDINGS, INT64, 2, padding);
  SET(POST_PADDINGS, INT64, 2, padding);
#undef SET
  return finalize(c, d, *out, "a convolution");
}

/* The names that the tensors have in a plan. */
enum { X = 1, WEIGHT, Y };

static int operation(lun_call *c, lun_cuda_dnn *d, plan *p, descriptor *out) {
  static const struct {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t x, w, y, how, alpha, beta;
  } rows[] = {{CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
               CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
               CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
               CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
              {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
              {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA}};
  const lun_cuda_conv *v = &p->k.v;
  direction k = p->k.which;
  cudnnDataType_t type = data_type(v->dtype);
  descriptor x, w, y, how;
  float alpha = 1, beta = 0;
  LUN_TRY(tensor(c, d, p, X, type, v->n, v->c, v->h, v->w, &x));
  LUN_TRY(tensor(c, d, p, WEIGHT, k == DW ? p->k.dw : type, v->k, v->c, v->r, v->s, &w));
  LUN_TRY(tensor(c, d, p, Y, type, v->n, v->k, v->p, v->q, &y));
  LUN_TRY(convolution(c, d, p, &how));
  LUN_TRY(make(c, d, p, rows[k].type, "an operation", out));
  LUN_TRY(set(c, d, *out, rows[k].x, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x, "an operation's x"));
  LUN_TRY(set(c, d, *out, rows[k].w, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &w, "an operation's weight"));
  LUN_TRY(set(c, d, *out, rows[k].y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y, "an operation's y"));
  LUN_TRY(set(c, d, *out, rows[k].how, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &how, "an operation's convolution"));
  LUN_TRY(set(c, d, *out, rows[k].alpha, CUDNN_TYPE_FLOAT, 1, &alpha, "an operation's alpha"));
  LUN_TRY(set(c, d, *out, rows[k].beta, CUDNN_TYPE_FLOAT, 1, &beta, "an operation's beta"));
  return finalize(c, d, *out, "an operation");
}

/* ---- choosing an engine ---- */

static bool any(const int *notes, int64_t n, int which) {
  for (int64_t i = 0; i < n; i++)
    if (notes[i] == which) return true;
  return false;
}

/* Whether the configuration's engine computes as we want it. *engine: an empty descriptor for it. */
static int acceptable(lun_call *c, lun_cuda_dnn *d, const key *k, descriptor configuration, descriptor engine,
                      bool *out) {
  cudnnBackendNumericalNote_t numbers[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  cudnnBackendBehaviorNote_t behaviour[CUDNN_BEHAVIOR_NOTE_TYPE_COUNT];
  int notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  int64_t n = 0, nb = 0;
  *out = false;
  cudnnStatus_t st = d->cudnnBackendGetAttribute(configuration, CUDNN_ATTR_ENGINECFG_ENGINE,
                                                 CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine);
  if (st) return failed(c, d, "cudnnBackendGetAttribute", "a configuration's engine", st);
  st = d->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                   CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n, numbers);
  if (st) return failed(c, d, "cudnnBackendGetAttribute", "an engine's numerical notes", st);
  st = d->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                                   CUDNN_BEHAVIOR_NOTE_TYPE_COUNT, &nb, behaviour);
  if (st) return failed(c, d, "cudnnBackendGetAttribute", "an engine's behaviour", st);
  if (n > CUDNN_NUMERICAL_NOTE_TYPE_COUNT || nb > CUDNN_BEHAVIOR_NOTE_TYPE_COUNT) return LUN_OK; /* of a later cuDNN */
  for (int64_t i = 0; i < n; i++) notes[i] = (int)numbers[i];
  for (int64_t i = 0; i < nb; i++)
    if (behaviour[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) return LUN_OK; /* seconds per shape */
  *out = (k->fast || !any(notes, n, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) &&
         !any(notes, n, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS) &&
         !any(notes, n, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) && !any(notes, n, CUDNN_NUMERICAL_NOTE_FFT) &&
         !any(notes, n, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13) &&
         /* f32 on tensor cores is TF32, 10 bits of mantissa */
         !(k->v.dtype == LUN_F32 && any(notes, n, CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
  return LUN_OK;
}

/* A plan of the configuration, if it can be had: p->run and p->workspace. */
static int try_plan(lun_call *c, lun_cuda_dnn *d, plan *p, descriptor configuration) {
  descriptor run = NULL;
  int64_t n = 0, bytes = 0;
  cudnnStatus_t st = d->cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &run);
  if (st) return failed(c, d, "cudnnBackendCreateDescriptor", "a plan", st);
  int ours = set(c, d, run, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &d->handle, "a plan's handle");
  if (!ours)
    ours = set(c, d, run, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &configuration,
               "a plan's configuration");
  /* This engine cannot, the next one may. But memory that is short must not choose: that would be by circumstance. */
  if (!ours) {
    st = d->cudnnBackendFinalize(run);
    if (out_of_memory(st)) ours = lun_bad(c, LUN_EMEM, "out of memory on cuda: a plan of cuDNN's");
  }
  bool good = !ours && !st;
  if (good) {
    st = d->cudnnBackendGetAttribute(run, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &n, &bytes);
    if (st) ours = failed(c, d, "cudnnBackendGetAttribute", "a plan's workspace", st);
    good = !st && bytes <= LUN_CUDA_DNN_WORKSPACE;
  }
  if (!good) {
    drop(d, run);
    return ours;
  }
  p->held[p->nheld++] = configuration; /* what it is made of is dropped after it */
  p->run = p->held[p->nheld++] = run;
  p->workspace = bytes;
  p->usable = true;
  return LUN_OK;
}

static int choose(lun_call *c, lun_cuda_dnn *d, plan *p, descriptor graph, cudnnBackendHeurMode_t mode) {
  descriptor heuristics = NULL, engine = NULL, found[MOST_ENGINES] = {NULL};
  int64_t n = 0;
  int made = 0, ours = LUN_OK;
  cudnnStatus_t st = d->cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, &heuristics);
  if (st) return failed(c, d, "cudnnBackendCreateDescriptor", "heuristics", st);
  ours = set(c, d, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph,
             "heuristics' graph");
  if (!ours)
    ours = set(c, d, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode, "heuristics' mode");
  if (!ours) ours = finalize(c, d, heuristics, "heuristics");
  for (; made < MOST_ENGINES && !ours; made++) {
    st = d->cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &found[made]);
    if (st) {
      ours = failed(c, d, "cudnnBackendCreateDescriptor", "a configuration", st);
      break;
    }
  }
  if (!ours) {
    st = d->cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                     MOST_ENGINES, &n, found);
    if (st) ours = failed(c, d, "cudnnBackendGetAttribute", "heuristics' results", st);
  }
  for (int64_t i = 0; i < n && i < MOST_ENGINES && !ours && !p->usable; i++) {
    bool good = false;
    st = d->cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine);
    if (st) {
      ours = failed(c, d, "cudnnBackendCreateDescriptor", "an engine", st);
      break;
    }
    ours = acceptable(c, d, &p->k, found[i], engine, &good);
    drop(d, engine);
    if (!ours && good) ours = try_plan(c, d, p, found[i]);
    if (p->usable) found[i] = NULL; /* the plan holds it */
  }
  for (int i = 0; i < made; i++)
    if (found[i]) drop(d, found[i]);
  drop(d, heuristics);
  return ours;
}

/* LUN_EUNSUPPORTED: there is no such plan. */
static int build(lun_call *c, lun_cuda_dnn *d, plan *p) {
  descriptor op, graph;
  LUN_TRY(operation(c, d, p, &op));
  LUN_TRY(make(c, d, p, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "a graph", &graph));
  LUN_TRY(set(c, d, graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &d->handle, "a graph's handle"));
  LUN_TRY(
      set(c, d, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &op, "a graph's operation"));
  LUN_TRY(finalize(c, d, graph, "a graph"));
  int st = choose(c, d, p, graph, CUDNN_HEUR_MODE_A);
  if ((!st || st == LUN_EUNSUPPORTED) && !p->usable) st = choose(c, d, p, graph, CUDNN_HEUR_MODE_FALLBACK);
  if (st || p->usable) return st;
  snprintf(d->refusal, sizeof d->refusal, "no engine %sat full precision", p->k.fast ? "" : "repeats bit for bit ");
  return LUN_EUNSUPPORTED;
}

static int plan_of(lun_call *c, lun_cuda_dnn *d, const key *k, plan **out) {
  for (plan *p = d->plans; p; p = p->next)
    if (!memcmp(&p->k, k, sizeof *k)) {
      *out = p;
      return LUN_OK;
    }
  LUN_TRY(lun_cuda_pause(c->ctx, "cuDNN makes a plan"));
  if (d->nplans == MOST_PLANS) drop_all(d);
  plan *p = calloc(1, sizeof *p);
  if (!p) return lun_bad(c, LUN_EMEM, "out of memory: a plan of cuDNN's");
  memcpy(&p->k, k, sizeof *k);
  int st = build(c, d, p);
  if (st) drop_descriptors(d, p);
  if (st && st != LUN_EUNSUPPORTED) {
    free(p);
    return st;
  }
  p->next = d->plans;
  d->plans = p;
  d->nplans++;
  *out = p;
  return LUN_OK;
}

/* ---- running ---- */

static int execute(lun_call *c, lun_cuda_dnn *d, const plan *p, void *x, void *weight, void *y) {
  lun_tensor *scratch;
  descriptor pack = NULL;
  int64_t id[3] = {X, WEIGHT, Y};
  void *data[3] = {x, weight, y};
  LUN_TRY(lun_cuda_scratch(c, LUN_U8, p->workspace, &scratch));
  void *space = p->workspace ? scratch->storage->data : NULL;
  cudnnStatus_t st = d->cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
  int ours = st ? failed(c, d, "cudnnBackendCreateDescriptor", "the arguments", st) : LUN_OK;
#define SET(name, type, n, values)                                                                                     \
  if (!ours) ours = set(c, d, pack, CUDNN_ATTR_VARIANT_PACK_##name, CUDNN_TYPE_##type, n, values, "the " #name)
  SET(UNIQUE_IDS, INT64, 3, id);
  SET(DATA_POINTERS, VOID_PTR, 3, data);
  SET(WORKSPACE, VOID_PTR, 1, &space);
#undef SET
  if (!ours) {
    st = d->cudnnBackendFinalize(pack);
    if (st) ours = failed(c, d, "cudnnBackendFinalize", "the arguments", st);
  }
  if (!ours) {
    lun_cuda_stream(c->ctx);
    st = d->cudnnBackendExecute(d->handle, p->run, pack);
    ours =
        st ? failed(c, d, "cudnnBackendExecute", "a convolution", st) : lun_cuda_settled(c, "a convolution of cuDNN");
  }
  if (pack) drop(d, pack);
  lun_release(scratch);
  return ours;
}

static int run(lun_call *c, const lun_cuda_conv *v, direction which, lun_dtype dw, const void *x, const void *weight,
               const void *y) {
  lun_cuda_dnn *d = NULL;
  plan *p = NULL;
  key k;
  uintptr_t bits = (uintptr_t)x | (uintptr_t)weight | (uintptr_t)y;
  if ((v->dtype != LUN_F32 && v->dtype != LUN_BF16) || bits % ALIGNMENT) return LUN_EUNSUPPORTED;
  LUN_TRY(need(c->ctx, &d));
  if (!d->handle) return LUN_EUNSUPPORTED;
  memset(&k, 0, sizeof k); /* keys are compared as bytes */
  k.which = which;
  k.dw = data_type(dw);
  k.fast = lun_fast(c->ctx);
  k.v.n = v->n, k.v.c = v->c, k.v.h = v->h, k.v.w = v->w, k.v.k = v->k, k.v.p = v->p, k.v.q = v->q, k.v.r = v->r;
  k.v.s = v->s, k.v.stride = v->stride, k.v.padding = v->padding, k.v.dtype = v->dtype;
  LUN_TRY(plan_of(c, d, &k, &p));
  if (!p->usable) return LUN_EUNSUPPORTED;
  return execute(c, d, p, (void *)(uintptr_t)x, (void *)(uintptr_t)weight, (void *)(uintptr_t)y);
}

int lun_cuda_dnn_forward(lun_call *c, const lun_cuda_conv *v, const void *x, const void *weight, void *y) {
  return run(c, v, FORWARD, v->dtype, x, weight, y);
}
int lun_cuda_dnn_dx(lun_call *c, const lun_cuda_conv *v, const void *dy, const void *weight, void *dx) {
  return run(c, v, DX, v->dtype, dx, weight, dy);
}
int lun_cuda_dnn_dw(lun_call *c, const lun_cuda_conv *v, const void *x, const void *dy, lun_dtype dtype, void *dw) {
  return run(c, v, DW, dtype, x, dw, dy);
}
