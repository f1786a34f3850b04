/* ssl_dino.c: DINO's loss (Caron et al. 2021, arXiv 2104.14294, algorithm 1). The teacher's probabilities are made
** again in the backward pass: nothing of the size of the logits is kept beside them. */
#include "ops/soft_targets.h"

#include <math.h>

/* Rows in parts, each with scratch for the teacher's probabilities. */
typedef struct {
  const lun_tensor *student, *teacher, *center;
  int64_t n, k, parts;
  double per_student_t, per_teacher_t;
} dino_rows;

#define KERNELS "ssl_dino_kernels.h"
#include "real.h"

/* student, teacher, center are arguments at, at + 1, at + 2, the temperatures follow. */
static int check_dino(lun_call *c, int at) {
  LUN_TRY(need_logits(c, at));
  LUN_TRY(lun_need_same_dtype(c, at + 2, at));
  LUN_TRY(lun_need_shape(c, at + 2, 1, &c->arg[at].t->shape[1], "one number a column"));
  LUN_TRY(need_temperature(c, at + 3));
  return need_temperature(c, at + 4);
}

static dino_rows rows_of(const lun_call *c, int at) {
  const lun_arg *a = c->arg + at;
  int64_t n = a[0].t->shape[0];
  return (dino_rows){a[0].t, a[1].t, a[2].t, n, a[0].t->shape[1], row_parts(n), 1 / a[3].f, 1 / a[4].f};
}

static int dino_shape(lun_call *c) {
  LUN_TRY(check_dino(c, 0));
  return lun_out(c, 0, c->arg[0].t->dtype, 0, NULL);
}

static int dino_cpu(lun_call *c) {
  dino_rows r = rows_of(c, 0);
  int64_t size = lun_dtype_size(r.student->dtype);
  void *each = NULL, *scratch = NULL;
  int st = lun_scratch(c, r.n * size, &each);
  if (!st) st = lun_scratch(c, 2 * r.parts * r.k * size, &scratch);
  if (!st) BY_REAL(r.student->dtype, dino_loss, r, each, scratch, lun_data(c->out[0]), c->threads);
  lun_scratch_free(c, each);
  lun_scratch_free(c, scratch);
  return st;
}

static int dino_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "dino_grad", din, "ttttff", dout[0], c->arg[0].t, c->arg[1].t, c->arg[2].t, c->arg[3].f,
                c->arg[4].f);
}

static const char *const dino_samples[] = {
    "student=normal[4,3] teacher=normal[4,3] center=low[3] student_temp=0.5 teacher_temp=0.3",
    "student=unit[3,5] teacher=unit[3,5] center=low[5]",
    "student=normal[2,70] teacher=normal[2,70] center=low[70] student_temp=0.5",
    "student=normal[1,4] teacher=normal[1,4] center=low[4] student_temp=1 teacher_temp=1", NULL};
const lun_op LUN_ROW(dino) = {
    .name = "dino",
    .args = "student:tensor teacher:constant center:constant student_temp:float=0.1 teacher_temp:float=0.04 -> loss",
    .doc = "DINO's loss of one pair of views: mean over n samples of the cross entropy of softmax(student / "
           "student_temp) with\n"
           "softmax((teacher - center) / teacher_temp); student and teacher are raw logits (n,K), center (K) "
           "(Caron et al. 2021,\n"
           "equation 2 and algorithm 1). Nothing flows to teacher and center. A method takes the mean over pairs of "
           "different views and\n"
           "then moves the center: center = 0.9 center + 0.1 the batch's mean of teacher, as in the authors' code.",
    .shape = dino_shape,
    .cpu = dino_cpu,
    .grad = dino_backward,
    .keep = "student teacher center",
    .samples = dino_samples,
};

static int dino_grad_shape(lun_call *c) {
  LUN_TRY(check_dino(c, 1));
  LUN_TRY(lun_need_same_dtype(c, 0, 1));
  LUN_TRY(lun_need_shape(c, 0, 0, NULL, "a scalar"));
  return lun_out(c, 0, c->arg[1].t->dtype, 2, c->arg[1].t->shape);
}

static int dino_grad_cpu(lun_call *c) {
  dino_rows r = rows_of(c, 1);
  void *scratch = NULL;
  LUN_TRY(lun_scratch(c, r.parts * r.k * lun_dtype_size(r.student->dtype), &scratch));
  BY_REAL(r.student->dtype, dino_gradient, r, lun_data(c->arg[0].t), scratch, lun_data(c->out[0]), c->threads);
  lun_scratch_free(c, scratch);
  return LUN_OK;
}

static const char *const dino_grad_samples[] = {
    "dloss=normal[] student=normal[4,3] teacher=normal[4,3] center=low[3] student_temp=0.5 teacher_temp=0.3", NULL};
const lun_op LUN_ROW(dino_grad) = {
    .name = "dino_grad",
    .args =
        "dloss:tensor student:tensor teacher:tensor center:tensor student_temp:float=0.1 teacher_temp:float=0.04 -> "
        "dstudent",
    .doc = "The gradient of dino to student, from dloss and dino's arguments.",
    .shape = dino_grad_shape,
    .cpu = dino_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = dino_grad_samples,
};
