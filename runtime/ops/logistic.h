/* logistic.h: softmax regression's objective, shared by the solvers. Parameters are classes x d weights followed by
** `classes` biases, in double. */
#ifndef LUN_LOGISTIC_H
#define LUN_LOGISTIC_H

#include "core/op.h"

typedef struct {
  lun_call *call;
  lun_dtype dtype;
  int64_t n, d, classes, params; /* params = classes (d + 1) */
  double l2;
  int64_t parts;  /* rows are summed in this many parts, whatever the number of threads: same sums for any number */
  double *grads;  /* parts x params */
  double *losses; /* parts */
  char *blocks;   /* parts x a block of logits */
  void *weight;   /* the weights as x's type, packed */
} logistic;

/* Shape check of x (n,d) and y (n; positions 1..classes), arguments 0, 1 and 2. */
int LUN_LOCAL(logistic_check)(lun_call *c);
/* Most rows that one evaluation sees: sizes the work. Frees nothing on failure: call logistic_close in any case. */
int LUN_LOCAL(logistic_open)(lun_call *c, double l2, int64_t rows, logistic *w);
void LUN_LOCAL(logistic_close)(logistic *w);
/* mean cross-entropy + l2/2 |W|^2 over rows 0..rows-1 of x, and its gradient. cross_entropy may be NULL. */
double LUN_LOCAL(logistic_objective)(logistic *w, const void *x, const int64_t *y, int64_t rows, const double *theta,
                                     double *grad, double *cross_entropy);
/* theta into the outputs weight (classes,d) and bias (classes), the biases shifted to mean 0 (softmax does not see it).
 */
void LUN_LOCAL(logistic_output)(const logistic *w, double *theta, lun_tensor *weight, lun_tensor *bias);

#endif
