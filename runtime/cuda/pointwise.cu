/* pointwise.cu: ops that look at one element of each argument at a time. Formulas of one argument are those of
** ops/pointwise.def; bf16 is computed in f32. */
#include "kernels.h"
#include "pack.h"
#include "strided.h"

/* The functions that the formulas name, for either element type. */
static __device__ float EXP(float x) { return expf(x); }
static __device__ double EXP(double x) { return exp(x); }
static __device__ float LOG(float x) { return logf(x); }
static __device__ double LOG(double x) { return log(x); }
static __device__ float SQRT(float x) { return sqrtf(x); }
static __device__ double SQRT(double x) { return sqrt(x); }
static __device__ float ABS(float x) { return fabsf(x); }
static __device__ double ABS(double x) { return fabs(x); }
static __device__ float TANH(float x) { return tanhf(x); }
static __device__ double TANH(double x) { return tanh(x); }
static __device__ float POW(float x, float y) { return powf(x, y); }
static __device__ double POW(double x, double y) { return pow(x, y); }
static __device__ float NORMAL(float x) { return 0.5f * erfcf(-x * 0.70710678f); }
static __device__ double NORMAL(double x) { return erfc(-x * 0.70710678118654752) / 2; }
template <class R> static __device__ R GELU(R x) { return x * NORMAL(x); }
template <class R> static __device__ R GELU_SLOPE(R x) {
  return NORMAL(x) + x * (R)0.3989422804014327 * EXP(-x * x / 2);
}

/* n packs of V elements; V is 1 where an argument does not lie as the output does. */
template <class F, class T, int V> static __global__ void unary(const T *x, T *y, int64_t n, strided s) {
  EACH(i, n) {
    int64_t at[1] = {i * V};
    if (V == 1) lun_offsets<1>(s, i, at);
    pack<T, V> p = lun_load<T, V>(x + at[0]);
    for (int v = 0; v < V; v++) p.v[v] = number<T>::put(F::of(number<T>::get(p.v[v])));
    lun_store<T, V>(y + i * V, p);
  }
}

template <class F, class T, class Y, int V>
static __global__ void binary(const T *a, const T *b, Y *y, int64_t n, strided s) {
  EACH(i, n) {
    int64_t at[2] = {i * V, i * V};
    if (V == 1) lun_offsets<2>(s, i, at);
    pack<T, V> p = lun_load<T, V>(a + at[0]), q = lun_load<T, V>(b + at[1]);
    pack<Y, V> to;
    for (int v = 0; v < V; v++) to.v[v] = number<Y>::put(F::of(number<T>::get(p.v[v]), number<T>::get(q.v[v])));
    lun_store<Y, V>(y + i * V, to);
  }
}

template <class F> static int run_unary(lun_call *c) {
  lun_tensor *x = c->arg[0].t, *y = c->out[0];
  int64_t n = lun_numel(y);
  strided s = lun_strided(y, 1, &x);
  if (!n) return LUN_OK;
  LUN_BY_FLOAT(c, y->dtype, {
    const T *px = lun_elements<T>(x);
    T *py = lun_elements<T>(y);
    LUN_BY_PACK(s.ndim == 0 && lun_in_packs(n, sizeof(T), px, py), {
      return LUN_LAUNCH(c, (unary<F, T, V>), lun_cuda_blocks(n / V), LUN_CUDA_THREADS, 0, px, py, n / V, s);
    });
  });
}

template <class F, class T, class Y>
static int binary_as(lun_call *c, int64_t n, const strided &s, lun_tensor *const *arg) {
  const T *a = lun_elements<T>(arg[0]), *b = lun_elements<T>(arg[1]);
  Y *y = lun_elements<Y>(c->out[0]);
  LUN_BY_PACK(s.ndim == 0 && lun_in_packs(n, sizeof(T), a, b, y), {
    return LUN_LAUNCH(c, (binary<F, T, Y, V>), lun_cuda_blocks(n / V), LUN_CUDA_THREADS, 0, a, b, y, n / V, s);
  });
}

template <class F> static int run_binary(lun_call *c) {
  lun_tensor *arg[] = {c->arg[0].t, c->arg[1].t}, *y = c->out[0];
  int64_t n = lun_numel(y);
  strided s = lun_strided(y, 2, arg);
  if (!n) return LUN_OK;
  LUN_BY_FLOAT(c, y->dtype, return (binary_as<F, T, T>(c, n, s, arg)););
}

#define POINTWISE(name, forward, gradient, kept, doc, gen)                                                             \
  struct name##_forward {                                                                                              \
    template <class R> static __device__ R of(R x) { return (R)(forward); }                                            \
  };                                                                                                                   \
  struct name##_gradient {                                                                                             \
    template <class R> static __device__ R of(R g, R v) {                                                              \
      (void)v;                                                                                                         \
      return (R)(gradient);                                                                                            \
    }                                                                                                                  \
  };                                                                                                                   \
  int lun_cuda_##name(lun_call *c) { return run_unary<name##_forward>(c); }                                            \
  int lun_cuda_##name##_grad(lun_call *c) { return run_binary<name##_gradient>(c); }
#include "ops/pointwise.def"
#undef POINTWISE

#define BINARY(name, expression)                                                                                       \
  struct name##_of_two {                                                                                               \
    template <class R> static __device__ R of(R a, R b) { return expression; }                                         \
  };                                                                                                                   \
  int lun_cuda_##name(lun_call *c) { return run_binary<name##_of_two>(c); }
BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, a *b)
BINARY(div, a / b)
BINARY(pow, POW(a, b))
BINARY(maximum, a > b || a != a ? a : b)
BINARY(minimum, a < b || a != a ? a : b)

/* ---- comparisons, of any dtype ---- */

template <class F> static int run_compare(lun_call *c) {
  lun_tensor *arg[] = {c->arg[0].t, c->arg[1].t};
  int64_t n = lun_numel(c->out[0]);
  strided s = lun_strided(c->out[0], 2, arg);
  if (!n) return LUN_OK;
  switch (arg[0]->dtype) {
  case LUN_I64: return binary_as<F, int64_t, uint8_t>(c, n, s, arg);
  case LUN_U8:
  case LUN_BOOL: return binary_as<F, uint8_t, uint8_t>(c, n, s, arg);
  default: LUN_BY_FLOAT(c, arg[0]->dtype, return (binary_as<F, T, uint8_t>(c, n, s, arg)););
  }
}

#define COMPARE(name, expression)                                                                                      \
  struct name##_of_two {                                                                                               \
    template <class R> static __device__ uint8_t of(R a, R b) { return expression; }                                   \
  };                                                                                                                   \
  int lun_cuda_##name(lun_call *c) { return run_compare<name##_of_two>(c); }
COMPARE(eq, a == b)
COMPARE(lt, a < b)
COMPARE(le, a <= b)

/* ---- where: elements are moved, not computed with ---- */

template <class T>
static __global__ void choose(const uint8_t *mask, const T *a, const T *b, T *y, int64_t n, strided s) {
  EACH(i, n) {
    int64_t at[3];
    lun_offsets<3>(s, i, at);
    y[i] = mask[at[0]] ? a[at[1]] : b[at[2]];
  }
}

template <class T> static int choose_as(lun_call *c, int64_t n) {
  lun_tensor *arg[] = {c->arg[0].t, c->arg[1].t, c->arg[2].t}, *y = c->out[0];
  return LUN_LAUNCH(c, (choose<T>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, lun_elements<uint8_t>(arg[0]),
                    lun_elements<T>(arg[1]), lun_elements<T>(arg[2]), lun_elements<T>(y), n, lun_strided(y, 3, arg));
}

int lun_cuda_where(lun_call *c) {
  int64_t n = lun_numel(c->out[0]);
  if (!n) return LUN_OK;
  switch (lun_dtype_size(c->out[0]->dtype)) {
  case 1: return choose_as<uint8_t>(c, n);
  case 2: return choose_as<uint16_t>(c, n);
  case 4: return choose_as<uint32_t>(c, n);
  default: return choose_as<uint64_t>(c, n);
  }
}
