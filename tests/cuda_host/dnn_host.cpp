// dnn_host.cpp: cuda/dnn.h where there is no cuDNN: unsupported, or, with lun_cuda_host.dnn, plain loops, so that the
// tests see what a caller does with either answer.
#include "cuda_host_state.h"
#include "dnn.h"
#include "number.h"

#include <vector>

namespace {

// Calls what(at in x, at in y, at in weight) for every product of two values that the convolution adds up.
template <class F> void each_product(const lun_cuda_conv &v, F what) {
  for (int64_t i = 0; i < v.n * v.p * v.q * v.k * v.r * v.s * v.c; i++) {
    int64_t rest = i, at[7], size[7] = {v.n, v.p, v.q, v.k, v.r, v.s, v.c};
    for (int a = 6; a >= 0; a--) at[a] = rest % size[a], rest /= size[a];
    int64_t h = at[1] * v.stride + at[4] - v.padding, w = at[2] * v.stride + at[5] - v.padding;
    if (h < 0 || h >= v.h || w < 0 || w >= v.w) continue;
    what(((at[0] * v.h + h) * v.w + w) * v.c + at[6], ((at[0] * v.p + at[1]) * v.q + at[2]) * v.k + at[3],
         ((at[3] * v.r + at[4]) * v.s + at[5]) * v.c + at[6]);
  }
}

template <class T> float read(const void *p, int64_t i) { return number<T>::get(static_cast<const T *>(p)[i]); }

template <class T> int give(const std::vector<double> &sums, void *to) {
  for (size_t i = 0; i < sums.size(); i++) static_cast<T *>(to)[i] = number<T>::put((float)sums[i]);
  return LUN_OK;
}

enum { FORWARD, DX, DW };
template <class T, class Y> int run(const lun_cuda_conv &v, int which, const void *a, const void *b, void *to) {
  int64_t sizes[] = {v.n * v.p * v.q * v.k, v.n * v.h * v.w * v.c, v.k * v.r * v.s * v.c};
  std::vector<double> sums((size_t)sizes[which]);
  each_product(v, [&](int64_t x, int64_t y, int64_t w) {
    int64_t from = which == DX ? y : x, by = which == DW ? y : w, at = which == FORWARD ? y : which == DX ? x : w;
    sums[(size_t)at] += (double)read<T>(a, from) * (double)read<T>(b, by);
  });
  return give<Y>(sums, to);
}

int run_as(const lun_cuda_conv *v, int which, lun_dtype d, const void *a, const void *b, void *to) {
  if (!lun_cuda_host.dnn || v->dtype == LUN_F64) return LUN_EUNSUPPORTED;
  if (v->dtype == LUN_F32) return run<float, float>(*v, which, a, b, to);
  return d == LUN_BF16 ? run<bf16, bf16>(*v, which, a, b, to) : LUN_EUNSUPPORTED; // f32 of bf16: the next best is tried
}

} // namespace

int lun_cuda_dnn_forward(lun_call *, const lun_cuda_conv *v, const void *x, const void *weight, void *y) {
  return run_as(v, FORWARD, v->dtype, x, weight, y);
}
int lun_cuda_dnn_dx(lun_call *, const lun_cuda_conv *v, const void *dy, const void *weight, void *dx) {
  return run_as(v, DX, v->dtype, dy, weight, dx);
}
int lun_cuda_dnn_dw(lun_call *, const lun_cuda_conv *v, const void *x, const void *dy, lun_dtype d, void *dw) {
  return run_as(v, DW, d, x, dy, dw);
}
