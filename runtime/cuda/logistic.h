/* logistic.h: softmax regression's objective on a device (logistic.cu), shared by the solvers of probe.cu. Parameters
** are classes x d weights followed by `classes` biases, in double; products are in the dtype of x, and what they make
** of LOGISTIC_ROWS rows is added in double. */
#ifndef LUN_CUDA_LOGISTIC_H
#define LUN_CUDA_LOGISTIC_H

#include "lunette_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  lun_call *call;
  lun_dtype dtype;
  int64_t n, d, classes, params, rows; /* rows: most that a product sees */
  double l2;
  lun_tensor *weight, *logits, *product; /* in x's dtype: (classes,d), (rows,classes), (classes,d) */
  lun_tensor *losses, *biases;           /* f64: (rows), (classes) */
} lun_cuda_logistic;

/* rows: most that one evaluation sees. lun_cuda_logistic_close is due in every case. */
int lun_cuda_logistic_open(lun_call *c, double l2, int64_t rows, lun_cuda_logistic *w);
void lun_cuda_logistic_close(lun_cuda_logistic *w);
/* grad: of mean cross-entropy + l2/2 |W|^2 over the rows of x. *cross_entropy = that mean times scale, added to what is
** there with `add`. All pointers: device memory. */
int lun_cuda_logistic_gradient(lun_cuda_logistic *w, const void *x, const int64_t *y, int64_t rows, const double *theta,
                               double *grad, double *cross_entropy, double scale, bool add);
/* theta into the outputs weight (classes,d) and bias (classes), the biases shifted to mean 0. */
int lun_cuda_logistic_output(const lun_cuda_logistic *w, const double *theta, lun_tensor *weight, lun_tensor *bias);

#ifdef __cplusplus
}
#endif

#endif
