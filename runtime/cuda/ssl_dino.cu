/* ssl_dino.cu: DINO's loss and gradient; see ops/ssl_dino.c. Bound by memory: student and teacher are read from memory
** once (8 bytes an f32 element), and the gradient written (12 bytes). A block has a row, so that fewer rows than the
** device has processors leave some idle. */
#include "kernels.h"
#include "soft_targets.h"
#include "sums.h"

template <class T> struct pair {
  const T *student, *teacher, *center;
  int64_t n, k;
  T per_student_t, per_teacher_t;
};

/* What both directions need of a row: the tops, and the sums of exp below them. */
template <class T> struct row_sums {
  T student_top, teacher_top;
  double student, teacher, gap; /* gap: of the teacher's exp times (student_top - student) */
};

template <class T> static __device__ row_sums<T> sums_of_row(const pair<T> &w, int64_t i, double *shared) {
  const T *s = w.student + i * w.k, *t = w.teacher + i * w.k;
  row_sums<T> r = {};
  r.student_top = lun_row_top<T>(w.k, shared, [&](int64_t j) { return s[j]; });
  r.teacher_top = lun_row_top<T>(w.k, shared, [&](int64_t j) { return t[j] - w.center[j]; });
  for (int64_t j = threadIdx.x; j < w.k; j += blockDim.x) {
    T below = r.student_top - s[j], e = lun_exp((t[j] - w.center[j] - r.teacher_top) * w.per_teacher_t);
    r.student += (double)lun_exp(-below * w.per_student_t);
    r.teacher += (double)e;
    r.gap += (double)(e * below);
  }
  r.student = lun_block_reduce<lun_sum>(r.student, 0.0, shared);
  r.teacher = lun_block_reduce<lun_sum>(r.teacher, 0.0, shared);
  r.gap = lun_block_reduce<lun_sum>(r.gap, 0.0, shared);
  return r;
}

template <class T> static __global__ void LUN_WIDE dino_rows(pair<T> w, double *each) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < w.n; i += gridDim.x) {
    row_sums<T> r = sums_of_row(w, i, shared);
    if (threadIdx.x == 0) each[i] = log(r.student) + r.gap / r.teacher * (double)w.per_student_t;
  }
}

template <class T> static __global__ void LUN_WIDE dino_grad_rows(pair<T> w, const T *g, T *ds) {
  LUN_SHARED(double, shared);
  T scale = *g * w.per_student_t / (T)w.n;
  for (int64_t i = blockIdx.x; i < w.n; i += gridDim.x) {
    const T *s = w.student + i * w.k, *t = w.teacher + i * w.k;
    row_sums<T> r = sums_of_row(w, i, shared);
    T of_student = (T)(1 / r.student), of_teacher = (T)(1 / r.teacher);
    for (int64_t j = threadIdx.x; j < w.k; j += blockDim.x) {
      T p = lun_exp((t[j] - w.center[j] - r.teacher_top) * w.per_teacher_t) * of_teacher;
      ds[i * w.k + j] = scale * (lun_exp((s[j] - r.student_top) * w.per_student_t) * of_student - p);
    }
  }
}

/* student, teacher, center are arguments at, at + 1, at + 2, the temperatures follow. */
template <class T> static pair<T> pair_of(const lun_call *c, int at) {
  const lun_arg *a = c->arg + at;
  pair<T> w = {lun_elements<T>(a[0].t), lun_elements<T>(a[1].t), lun_elements<T>(a[2].t), a[0].t->shape[0],
               a[0].t->shape[1],        (T)(1 / a[3].f),         (T)(1 / a[4].f)};
  return w;
}

template <class T> static int dino_as(lun_call *c, double *each) {
  pair<T> w = pair_of<T>(c, 0);
  LUN_TRY(LUN_LAUNCH(c, (dino_rows<T>), lun_row_blocks(w.n), lun_row_threads(w.k), 32 * sizeof(double), w, each));
  lun_mean_into<double, T> mean = {each, lun_elements<T>(c->out[0]), 0, 1 / (double)w.n};
  return lun_total(c, mean, w.n);
}

int lun_cuda_dino(lun_call *c) {
  const lun_tensor *s = c->arg[0].t;
  lun_tensor *each = NULL;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, s->shape[0], &each));
  int st = LUN_OK;
  LUN_BY_REAL(s->dtype, st = dino_as<T>(c, lun_elements<double>(each)););
  lun_release(each);
  return st;
}

template <class T> static int dino_grad_as(lun_call *c) {
  pair<T> w = pair_of<T>(c, 1);
  return LUN_LAUNCH(c, (dino_grad_rows<T>), lun_row_blocks(w.n), lun_row_threads(w.k), 32 * sizeof(double), w,
                    lun_elements<T>(c->arg[0].t), lun_elements<T>(c->out[0]));
}

int lun_cuda_dino_grad(lun_call *c) { LUN_BY_REAL(c->arg[1].t->dtype, return dino_grad_as<T>(c);); }
