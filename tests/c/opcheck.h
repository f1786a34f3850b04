/* opcheck.h: the automatic tests of one op. Each looks at every sample of the row and reports what it finds. */
#ifndef TEST_OPCHECK_H
#define TEST_OPCHECK_H

#include "harness.h"

typedef void (*opcheck_fn)(lun_context *c, const lun_op *op, report *r);

void opcheck_documentation(lun_context *c, const lun_op *op, report *r);
void opcheck_samples_run(lun_context *c, const lun_op *op, report *r);
void opcheck_gradient(lun_context *c, const lun_op *op, report *r);
void opcheck_recompute(lun_context *c, const lun_op *op, report *r);
void opcheck_layouts(lun_context *c, const lun_op *op, report *r);
void opcheck_buffers(lun_context *c, const lun_op *op, report *r);
void opcheck_edge_shapes(lun_context *c, const lun_op *op, report *r);
void opcheck_engine(lun_context *c, const lun_op *op, report *r);
/* The same in f64, to 1e-10: of kernels that have f64. Not in opchecks. */
void opcheck_engine_f64(lun_context *c, const lun_op *op, report *r);
void opcheck_instruction_sets(lun_context *c, const lun_op *op, report *r);
void opcheck_threads(lun_context *c, const lun_op *op, report *r);
void opcheck_precision(lun_context *c, const lun_op *op, report *r);
void opcheck_bf16(lun_context *c, const lun_op *op, report *r);
void opcheck_errors(lun_context *c, const lun_op *op, report *r);

typedef struct {
  const char *claim;
  opcheck_fn run;
} opcheck;
extern const opcheck opchecks[]; /* ends with {NULL, NULL} */

#endif
