// gemm_host.cpp: cuda/gemm.h in plain loops, for the tests without a device.
#include "gemm.h"
#include "cuda_host_state.h"
#include "number.h"

template <class T> static double at(const lun_cuda_matrix &x, int64_t batch, int64_t i, int64_t j) {
  const T *p = static_cast<const T *>(x.p) + batch * x.stride;
  return (double)number<T>::get(x.transposed ? p[j * x.ld + i] : p[i * x.ld + j]);
}

template <class T, class Y, class R> static void product(const lun_cuda_product *p) {
  for (int64_t b = 0; b < p->batch; b++)
    for (int64_t i = 0; i < p->m; i++)
      for (int64_t j = 0; j < p->n; j++) {
        R sum = 0;
        for (int64_t k = 0; k < p->k; k++) sum += (R)(at<T>(p->a, b, i, k) * at<T>(p->b, b, k, j));
        Y *y = static_cast<Y *>(p->y) + b * p->y_stride + i * p->ldy + j;
        double was = p->beta ? p->beta * (double)number<Y>::get(*y) : 0;
        *y = number<Y>::put((typename number<Y>::real)(p->alpha * (double)sum + was));
      }
}

// Whether cuBLAS takes the distance between rows: it must hold a row of what is stored, even of a single one.
static bool holds(int64_t ld, int64_t columns) { return ld >= columns; }

int lun_cuda_gemm(lun_call *c, const lun_cuda_product *p) {
  lun_cuda_host.launches++;
  if (!p->m || !p->n || !p->batch) return LUN_OK;
  if (!holds(p->a.ld, p->a.transposed ? p->m : p->k) || !holds(p->b.ld, p->b.transposed ? p->k : p->n) ||
      !holds(p->ldy, p->n))
    return lun_bad(c, LUN_EDEVICE, "cuBLAS refuses rows %lld, %lld and %lld apart in a product of %lld x %lld x %lld",
                   (long long)p->a.ld, (long long)p->b.ld, (long long)p->ldy, (long long)p->m, (long long)p->n,
                   (long long)p->k);
  if (p->in == LUN_F32 && p->out == LUN_F32)
    product<float, float, float>(p);
  else if (p->in == LUN_F64 && p->out == LUN_F64)
    product<double, double, double>(p);
  else if (p->in == LUN_BF16 && p->out == LUN_BF16)
    product<bf16, bf16, float>(p);
  else if (p->in == LUN_BF16 && p->out == LUN_F32)
    product<bf16, float, float>(p);
  else
    return lun_bad(c, LUN_EUNSUPPORTED, "no product of %s into %s", lun_dtype_name(p->in), lun_dtype_name(p->out));
  return LUN_OK;
}
