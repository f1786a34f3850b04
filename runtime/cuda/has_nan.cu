/* has_nan.cu: whether a dense tensor holds NaN, or if asked infinity: one read of it. No op of the table: the dispatch
** asks, while somebody looks for the first op that makes one. */
#include "device/device.h"
#include "number.h"

template <class T> static __global__ void find_nan(const T *x, int64_t n, bool infinities, float *found) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x) {
    typename number<T>::real v = number<T>::get(x[i]);
    if (v != v || (infinities && v - v != 0)) {
      atomicExch(found, 1.0f);
      return;
    }
  }
}

static __global__ void reset(float *found) { *found = 0; }

template <class T> static int launch(lun_call *c, const lun_tensor *t, bool infinities, float *found) {
  int64_t n = lun_numel(t);
  LUN_TRY(LUN_LAUNCH(c, reset, 1, 1, 0, found));
  return LUN_LAUNCH(c, find_nan<T>, lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, lun_elements<T>(t), n, infinities, found);
}

static int scan(lun_call *c, const lun_tensor *t, bool infinities, float *found) {
  LUN_BY_FLOAT(c, t->dtype, return launch<T>(c, t, infinities, found););
}

/* Waits for the device: the answer is for the host. */
int lun_cuda_has_nan(lun_call *c, lun_tensor *t, bool infinities, bool *out) {
  lun_tensor *flag;
  double v = 0;
  int64_t none = 0;
  LUN_TRY(lun_empty(c->ctx, LUN_F32, t->device, 0, NULL, &flag));
  int st = scan(c, t, infinities, lun_elements<float>(flag));
  if (!st) st = lun_get(flag, &none, &v);
  lun_release(flag);
  *out = v != 0;
  return st;
}
