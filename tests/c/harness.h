/* harness.h: contexts for tests, running a sample, and comparing what came out. */
#ifndef TEST_HARNESS_H
#define TEST_HARNESS_H

#include "sample.h"

/* A context whose op table also holds `extra` (NULL-terminated, may be NULL) and the test op "project" (below).
** isa: "baseline", "avx2", "avx512", or NULL for the best this CPU has. */
lun_context *harness_open(const char *isa, const lun_op *const *extra);
void harness_close(lun_context *c);

/* project(a..f): the scalar sum over arguments k and elements i of weight(k, i) * x_k[i], in f64, with fixed random
** weights: what makes one differentiable scalar of an op's outputs. */
double harness_weight(int k, int64_t i);

typedef enum {
  RUN_DISPATCH, /* lun_run */
  RUN_TABLE,    /* shape function, then the kernel dispatch would take; outputs between guard bytes */
  RUN_REFERENCE /* the same with the row's own cpu kernel */
} run_how;

/* One tensor's elements as numbers, in row-major order whatever the layout. */
typedef struct {
  const char *name;
  lun_dtype dtype;
  int ndim;
  int64_t shape[LUN_MAX_DIMS], n;
  double *v;
} value;

#define HARNESS_VALUES (LUN_MAX_OUTS + SAMPLE_TENSORS)
typedef struct {
  int n;
  value v[HARNESS_VALUES]; /* outputs, then every argument written in place */
} values;

double *harness_read(const lun_tensor *t);

/* Runs s and reads the results. `fill` is what output memory holds before the kernel starts (RUN_TABLE and
** RUN_REFERENCE). Inputs are compared with what they were; findings go to r. Returns the op's status. */
int harness_run(sample *s, const char *text, run_how how, uint8_t fill, values *out, report *r);
void harness_values_free(values *v);

/* Same shapes and dtypes, and |a - b| <= tolerance * max |a| of that tensor (whole numbers must be equal).
** tolerance 0 asks for equal bits. */
void harness_compare(const char *op, const char *text, const char *what, const values *a, const values *b,
                     double tolerance, report *r);

/* A failure must carry a message "op: ...". */
void harness_check_message(lun_context *c, const char *op, const char *text, const char *what, report *r);

#endif
