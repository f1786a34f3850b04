/* ssl_dino_kernels.h: DINO's cross entropy between networks for one element type; see real.h. */
#include "soft_targets_kernels.h"

/* p = softmax((teacher - center) / its temperature) */
static inline void FN(teacher_row)(const dino_rows *r, int64_t i, real *p) {
  const real *t = (const real *)lun_data(r->teacher) + i * r->k, *center = lun_data(r->center);
#pragma omp simd
  for (int64_t j = 0; j < r->k; j++) p[j] = t[j] - center[j];
  real share = (real)(1 / FN(exp_row)(p, p, r->k, r->per_teacher_t, FN(row_top)(p, r->k)));
#pragma omp simd
  for (int64_t j = 0; j < r->k; j++) p[j] *= share;
}

/* scratch: 2 k numbers per part */
static void FN(dino_loss)(dino_rows r, real *each, real *scratch, real *loss, int threads) {
  const real *student = lun_data(r.student);
#pragma omp parallel for num_threads(threads) schedule(static) if (r.n * r.k > 16384)
  for (int64_t part = 0; part < r.parts; part++) {
    real *p = scratch + part * 2 * r.k;
    for (int64_t i = r.n * part / r.parts; i < r.n * (part + 1) / r.parts; i++) {
      FN(teacher_row)(&r, i, p);
      each[i] = FN(soft_cross_entropy)(student + i * r.k, p, p + r.k, r.k, r.per_student_t);
    }
  }
  *loss = FN(mean_of)(each, r.n);
}

static void FN(dino_gradient)(dino_rows r, const real *g, real *scratch, real *ds, int threads) {
  const real *student = lun_data(r.student);
  real scale = *g * (real)r.per_student_t / (real)r.n;
#pragma omp parallel for num_threads(threads) schedule(static) if (r.n * r.k > 16384)
  for (int64_t part = 0; part < r.parts; part++)
    for (int64_t i = r.n * part / r.parts; i < r.n * (part + 1) / r.parts; i++) {
      real *p = scratch + part * r.k;
      FN(teacher_row)(&r, i, p);
      FN(soft_cross_entropy_grad)(student + i * r.k, p, ds + i * r.k, r.k, r.per_student_t, scale);
    }
}
