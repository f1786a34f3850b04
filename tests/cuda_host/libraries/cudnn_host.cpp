// cudnn_host.cpp: cuDNN where there is no GPU. Descriptors, heuristics and plans are the real library's, which is told of an
// H100 in words instead of finding a device; it checks what it is given, proposes engines and says what is known of them. A
// plan, which it cannot run here, runs as plain loops over what its descriptors say.
#include "libraries_host.h"
#include "numbers.h"

#include <cudnn_graph.h>
#include <dlfcn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <map>
#include <vector>

// Where LeakSanitizer watches, what the real library keeps for itself is not looked at.
extern "C" {
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);
}

#define EXPORT extern "C" __attribute__((visibility("default")))

__attribute__((visibility("default"))) lun_library_host_state lun_library_host;
static lun_library_host_state &host = lun_library_host;

namespace {

// As cudaGetDeviceProperties and cuDNN describe it.
const char H100[] = R"({"deviceName": "NVIDIA H100 80GB HBM3", "cudaDeviceId": 0, "deviceVer": 900, "driverVer": 13000,
  "totalGlobalMem": 85899345920,
  "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536,
  "multiProcessorCount": 132, "warpSize": 32, "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448,
  "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536, "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024,
  "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0, "supportCoopLaunch": 1, "smClockRateKHz": 1980000,
  "memClockRateKHz": 2619000, "l2CacheSize": 52428800})";

struct node {
  cudnnBackendDescriptorType_t type;
  cudnnBackendDescriptor_t real;
  std::map<int, std::vector<char>> said; // attributes as they were set
  node *graph;                           // of a configuration: what it was proposed for
  int place;                             // and where among the others
};

#define REAL(F)                                                                                                        \
  F(cudnnGetVersion)                                                                                                   \
  F(cudnnGetErrorString)                                                                                               \
  F(cudnnGetLastErrorString)                                                                                           \
  F(cudnnBackendCreateDescriptor)                                                                                      \
  F(cudnnBackendDestroyDescriptor)                                                                                     \
  F(cudnnBackendFinalize)                                                                                              \
  F(cudnnBackendSetAttribute)                                                                                          \
  F(cudnnBackendGetAttribute)

struct library {
#define F(name) decltype(&::name) name;
  REAL(F)
#undef F
  cudnnBackendDescriptor_t device;
  const char *why; // it is of no use; NULL: it is
  library() : device(nullptr), why(found()) {}

private:
  const char *found();
};

library &real_library() {
  static library l;
  return l;
}

// The real library for the length of an expression.
struct real {
  real() {
    if (__lsan_disable) __lsan_disable();
  }
  ~real() {
    if (__lsan_enable) __lsan_enable();
  }
  library *operator->() const { return &real_library(); }
};

[[noreturn]] void give_up(const char *what) {
  fprintf(stderr, "cudnn_host: %s\n", what);
  abort();
}

const char *library::found() {
  void *from = dlopen(LUN_REAL_CUDNN, RTLD_NOW | RTLD_LOCAL);
  if (!from) return "it cannot be loaded: " LUN_REAL_CUDNN;
#define F(name)                                                                                                        \
  name = reinterpret_cast<decltype(name)>(dlsym(from, #name));                                                         \
  if (!name) return "it has no " #name;
  REAL(F)
#undef F
  if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &device) ||
      cudnnBackendSetAttribute(device, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, sizeof H100 - 1,
                               H100) ||
      cudnnBackendFinalize(device))
    return "it does not take a device in words, as versions from 9.8 on do";
  return nullptr;
}

node *of(cudnnBackendDescriptor_t d) { return static_cast<node *>(d); }

bool refused(cudnnStatus_t *st) {
  if (++host.calls != host.fail_call) return false;
  *st = (cudnnStatus_t)host.fail_status;
  return true;
}

#define CALL                                                                                                           \
  cudnnStatus_t st = CUDNN_STATUS_SUCCESS;                                                                             \
  if (refused(&st)) return st

size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
  case CUDNN_TYPE_INT64:
  case CUDNN_TYPE_VOID_PTR:
  case CUDNN_TYPE_BACKEND_DESCRIPTOR:
  case CUDNN_TYPE_HANDLE:
  case CUDNN_TYPE_DOUBLE: return 8;
  default: return 4; // float and the enumerations
  }
}

template <class T> const T *values(node *n, int attribute, size_t least = 1) {
  auto found = n->said.find(attribute);
  if (found == n->said.end() || found->second.size() < least * sizeof(T)) give_up("an attribute was never set");
  return reinterpret_cast<const T *>(found->second.data());
}

node *child(node *n, int attribute) { return of(*values<cudnnBackendDescriptor_t>(n, attribute)); }

} // namespace

EXPORT const char *lun_library_host_unusable(void) {
  real library;
  return real_library().why;
}

EXPORT size_t cudnnGetVersion(void) { return real()->cudnnGetVersion(); }
EXPORT const char *cudnnGetErrorString(cudnnStatus_t st) { return real()->cudnnGetErrorString(st); }
EXPORT void cudnnGetLastErrorString(char *text, size_t size) { real()->cudnnGetLastErrorString(text, size); }

EXPORT cudnnStatus_t cudnnCreate(cudnnHandle_t *out) {
  CALL;
  *out = reinterpret_cast<cudnnHandle_t>(new int());
  host.objects++;
  return st;
}
EXPORT cudnnStatus_t cudnnDestroy(cudnnHandle_t h) {
  delete reinterpret_cast<int *>(h);
  host.objects--;
  return CUDNN_STATUS_SUCCESS;
}
EXPORT cudnnStatus_t cudnnSetStream(cudnnHandle_t, cudaStream_t) {
  CALL;
  return st;
}

EXPORT cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *out) {
  CALL;
  node *n = new node{type, nullptr, {}, nullptr, 0};
  st = real()->cudnnBackendCreateDescriptor(type, &n->real);
  if (st) {
    delete n;
    return st;
  }
  host.objects++;
  *out = n;
  return st;
}

EXPORT cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d) {
  cudnnStatus_t st = real()->cudnnBackendDestroyDescriptor(of(d)->real);
  delete of(d);
  host.objects--;
  return st;
}

EXPORT cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                              cudnnBackendAttributeType_t type, int64_t n, const void *given) {
  CALL;
  const char *bytes = static_cast<const char *>(given);
  of(d)->said[name].assign(bytes, bytes + (size_t)n * size_of(type));
  if (name == CUDNN_ATTR_OPERATIONGRAPH_HANDLE) return st;
  if (name == CUDNN_ATTR_EXECUTION_PLAN_HANDLE)
    return real()->cudnnBackendSetAttribute(of(d)->real, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
                                            CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &real()->device);
  if (name == CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)
    st = real()->cudnnBackendSetAttribute(of(d)->real, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                          1, &real()->device);
  if (st || type != CUDNN_TYPE_BACKEND_DESCRIPTOR)
    return st ? st : real()->cudnnBackendSetAttribute(of(d)->real, name, type, n, given);
  std::vector<cudnnBackendDescriptor_t> inside;
  for (int64_t i = 0; i < n; i++) inside.push_back(of(static_cast<const cudnnBackendDescriptor_t *>(given)[i])->real);
  return real()->cudnnBackendSetAttribute(of(d)->real, name, type, n, inside.data());
}

EXPORT cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t d) {
  CALL;
  return real()->cudnnBackendFinalize(of(d)->real);
}

EXPORT cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                              cudnnBackendAttributeType_t type, int64_t room, int64_t *n, void *out) {
  CALL;
  if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR || !room)
    return real()->cudnnBackendGetAttribute(of(d)->real, name, type, room, n, out);
  std::vector<cudnnBackendDescriptor_t> inside;
  node **nodes = static_cast<node **>(out);
  for (int64_t i = 0; i < room; i++) inside.push_back(nodes[i]->real);
  st = real()->cudnnBackendGetAttribute(of(d)->real, name, type, room, n, inside.data());
  for (int64_t i = 0; !st && i < *n && i < room; i++)
    if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) {
      nodes[i]->graph = child(of(d), CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
      nodes[i]->place =
          (int)i + (*values<cudnnBackendHeurMode_t>(of(d), CUDNN_ATTR_ENGINEHEUR_MODE) == CUDNN_HEUR_MODE_FALLBACK
                        ? LUN_LAST_RESORT
                        : 0);
    }
  return st;
}

// ---- running a plan ----

namespace {

struct array {
  const int64_t *shape, *stride;
  cudnnDataType_t type;
  char *data;
  lun_dtype dtype() const { return type == CUDNN_DATA_FLOAT ? LUN_F32 : LUN_BF16; }
  double get(int64_t i) const { return number_get(data, dtype(), i); }
  void put(int64_t i, double v) const { number_put(data, dtype(), i, v); }
  int64_t at(int64_t a, int64_t b, int64_t h, int64_t w) const {
    return a * stride[0] + b * stride[1] + h * stride[2] + w * stride[3];
  }
  int64_t numel() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
};

array array_of(node *tensor, node *pack) {
  array a = {values<int64_t>(tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, 4),
             values<int64_t>(tensor, CUDNN_ATTR_TENSOR_STRIDES, 4),
             *values<cudnnDataType_t>(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE), nullptr};
  if (a.type != CUDNN_DATA_FLOAT && a.type != CUDNN_DATA_BFLOAT16) give_up("a tensor is neither f32 nor bf16");
  int64_t id = *values<int64_t>(tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID);
  size_t n = pack->said[CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS].size() / sizeof(int64_t);
  const int64_t *ids = values<int64_t>(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, n);
  void *const *data = values<void *>(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, n);
  for (size_t i = 0; i < n; i++)
    if (ids[i] == id) a.data = static_cast<char *>(data[i]);
  if (!a.data) give_up("a tensor of the plan has no data");
  if (reinterpret_cast<uintptr_t>(a.data) % (uintptr_t)*values<int64_t>(tensor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT))
    give_up("a tensor is not aligned as it was said to be");
  return a;
}

struct kind {
  int type, x, w, y, convolution, alpha, beta;
};
const kind kinds[] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};
enum { FORWARD, DX, DW };

void convolve(node *op, node *pack) {
  int which = 0;
  while (which < 3 && kinds[which].type != op->type) which++;
  if (which == 3) give_up("the plan is of no convolution");
  const kind &k = kinds[which];
  array x = array_of(child(op, k.x), pack), w = array_of(child(op, k.w), pack), y = array_of(child(op, k.y), pack);
  node *how = child(op, k.convolution);
  const int64_t *stride = values<int64_t>(how, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 2),
                *padding = values<int64_t>(how, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 2);
  if (*values<float>(op, k.alpha) != 1 || *values<float>(op, k.beta) != 0) give_up("alpha and beta are not 1 and 0");
  const array &to = which == FORWARD ? y : which == DX ? x : w;
  std::vector<double> sums((size_t)to.numel());
  for (int64_t n = 0; n < y.shape[0]; n++)
    for (int64_t o = 0; o < y.shape[1]; o++)
      for (int64_t p = 0; p < y.shape[2]; p++)
        for (int64_t q = 0; q < y.shape[3]; q++)
          for (int64_t c = 0; c < w.shape[1]; c++)
            for (int64_t r = 0; r < w.shape[2]; r++)
              for (int64_t s = 0; s < w.shape[3]; s++) {
                int64_t i = p * stride[0] + r - padding[0], j = q * stride[1] + s - padding[1];
                if (i < 0 || i >= x.shape[2] || j < 0 || j >= x.shape[3]) continue;
                int64_t in = x.at(n, c, i, j), by = w.at(o, c, r, s), out = y.at(n, o, p, q);
                if (which == FORWARD) sums[(size_t)out] += x.get(in) * w.get(by);
                if (which == DX) sums[(size_t)in] += y.get(out) * w.get(by);
                if (which == DW) sums[(size_t)by] += x.get(in) * y.get(out);
              }
  for (size_t i = 0; i < sums.size(); i++) to.put((int64_t)i, sums[i]);
}

// What is known of the engine that the plan was made of.
void note(node *configuration) {
  cudnnBackendDescriptor_t engine;
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  int64_t n = 0, one = 0;
  host.notes = 0;
  host.place = configuration->place;
  if (real()->cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) ||
      real()->cudnnBackendGetAttribute(configuration->real, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                       1, &one, &engine) ||
      real()->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &one,
                                       &host.engine) ||
      real()->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                       CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n, notes))
    give_up("an engine that says nothing of itself");
  for (int64_t i = 0; i < n; i++) host.notes |= 1u << notes[i];
  real()->cudnnBackendDestroyDescriptor(engine);
}

} // namespace

EXPORT cudnnStatus_t cudnnBackendExecute(cudnnHandle_t h, cudnnBackendDescriptor_t plan,
                                         cudnnBackendDescriptor_t pack) {
  CALL;
  if (!h) return CUDNN_STATUS_NOT_INITIALIZED;
  node *configuration = child(of(plan), CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  note(configuration);
  int64_t one = 0;
  if (real()->cudnnBackendGetAttribute(of(plan)->real, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                                       &one, &host.workspace))
    give_up("a plan without a workspace size");
  host.runs++;
  if (host.dry) return st;
  // The workspace is written from end to end: AddressSanitizer sees where it is smaller than the plan said.
  if (host.workspace)
    memset(*values<void *>(of(pack), CUDNN_ATTR_VARIANT_PACK_WORKSPACE), 0xA5, (size_t)host.workspace);
  convolve(child(configuration->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS), of(pack));
  return st;
}
