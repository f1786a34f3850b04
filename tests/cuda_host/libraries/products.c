/* products.c: device/blas.c on a library that does what cuBLAS's documentation says. */
#include "gemm.h"
#include "numbers.h"
#include "stand_ins.h"

#include <cublas_v2.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lun_library_host_state *host;

static void open_all(void) {
  char name[32];
  snprintf(name, sizeof name, "libcublas.so.%d", CUBLAS_VER_MAJOR);
  stand_ins_open();
  host = stand_ins_library(name);
  memset(host, 0, sizeof *host);
}

static void close_all(void) {
  host->fail_call = 0;
  stand_ins_close();
  ck_assert_int_eq(host->objects, 0);
}

static const struct {
  lun_dtype in, out;
  double tolerance;
} types[] = {
    {LUN_F32, LUN_F32, 1e-5}, {LUN_F64, LUN_F64, 1e-13}, {LUN_BF16, LUN_BF16, 1e-2}, {LUN_BF16, LUN_F32, 1e-5}};

/* Just the elements that a matrix of a batch has, so that AddressSanitizer sees what is read beyond. */
static void *filled(lun_dtype d, int64_t rows, int64_t columns, int64_t ld, int64_t stride, int64_t batch) {
  int64_t n = rows && columns ? (batch - 1) * stride + (rows - 1) * ld + columns : 0;
  char *p = malloc((size_t)(n * number_size(d)) + !n);
  for (int64_t i = 0; i < n; i++) number_put(p, d, i, number_sample(i + rows));
  return p;
}

/* Element (i, j) of matrix g of a batch, as gemm.h says. */
static double element(const lun_cuda_matrix *x, lun_dtype d, int64_t g, int64_t i, int64_t j) {
  return number_get(x->p, d, g * x->stride + (x->transposed ? j * x->ld + i : i * x->ld + j));
}

static void check_product(lun_cuda_product p, int64_t more, bool shared, double tolerance) {
  int64_t ar = p.a.transposed ? p.k : p.m, ac = p.a.transposed ? p.m : p.k;
  int64_t br = p.b.transposed ? p.n : p.k, bc = p.b.transposed ? p.k : p.n;
  p.a.ld = ac + more, p.b.ld = bc + more, p.ldy = p.n + more;
  p.a.stride = shared ? 0 : ar * p.a.ld + more, p.b.stride = br * p.b.ld, p.y_stride = p.m * p.ldy + more;
  void *a = filled(p.in, ar, ac, p.a.ld, p.a.stride, p.batch), *b = filled(p.in, br, bc, p.b.ld, p.b.stride, p.batch);
  void *y = filled(p.out, p.m, p.n, p.ldy, p.y_stride, p.batch),
       *was = filled(p.out, p.m, p.n, p.ldy, p.y_stride, p.batch);
  p.a.p = a, p.b.p = b, p.y = y;
  ck_assert_msg(lun_cuda_gemm(&call, &p) == LUN_OK, "%s", lun_message(call.ctx));
  int64_t end = p.m && p.n ? (p.batch - 1) * p.y_stride + (p.m - 1) * p.ldy + p.n : 0;
  for (int64_t i = 0; i < end; i++) {
    int64_t g = p.batch > 1 ? i / p.y_stride : 0, rest = i - g * p.y_stride, row = rest / p.ldy, column = rest % p.ldy;
    double want = number_get(was, p.out, i);
    if (row < p.m && column < p.n) {
      double sum = 0;
      for (int64_t k = 0; k < p.k; k++) sum += element(&p.a, p.in, g, row, k) * element(&p.b, p.in, g, k, column);
      want = p.alpha * sum + (p.beta == 0 ? 0 : p.beta * want);
    }
    if (!(fabs(number_get(y, p.out, i) - want) <= tolerance * (1 + fabs(want))))
      ck_abort_msg("%d x %d x %d, %d%d: y[%d] is %g, not %g", (int)p.m, (int)p.n, (int)p.k, p.a.transposed,
                   p.b.transposed, (int)i, number_get(y, p.out, i), want);
  }
  free(a), free(b), free(y), free(was);
}

/* _i: dtypes; every order of the three sizes, transposes, gaps between rows, batches, alpha and beta. */
START_TEST(products_are_those_of_their_matrices) {
  static const int64_t sizes[][3] = {{1, 1, 1}, {2, 3, 5}, {5, 2, 3}, {3, 5, 2},
                                     {1, 4, 3}, {4, 1, 3}, {4, 3, 1}, {3, 4, 0}};
  static const double scales[][2] = {{1, 0}, {0.5, 1}, {-2, 0.25}};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
    for (int how = 0; how < 16; how++)
      for (int scale = 0; scale < 3; scale++) {
        lun_cuda_product p = {.m = sizes[k][0], .n = sizes[k][1], .k = sizes[k][2], .batch = how & 4 ? 3 : 1};
        p.alpha = scales[scale][0], p.beta = scales[scale][1];
        p.in = types[_i].in, p.out = types[_i].out;
        p.a.transposed = how & 1, p.b.transposed = how & 2;
        check_product(p, how & 8 ? 2 : 0, scale == 1, types[_i].tolerance);
      }
  ck_assert_int_gt(host->runs, 0);
}
END_TEST

static lun_cuda_product small(const float *a, float *y) {
  return (lun_cuda_product){2, 2, 2, 1, 1, 0, LUN_F32, LUN_F32, {a, 2, 0, false}, {a, 2, 0, false}, y, 2, 0};
}

START_TEST(nothing_is_asked_for_no_elements) {
  float a[4] = {1, 2, 3, 4}, y[4] = {0};
  for (int which = 0; which < 3; which++) {
    lun_cuda_product p = small(a, y);
    *(which == 0 ? &p.m : which == 1 ? &p.n : &p.batch) = 0;
    ck_assert_int_eq(lun_cuda_gemm(&call, &p), LUN_OK);
  }
  ck_assert_int_eq(host->runs, 0);
}
END_TEST

START_TEST(what_cublas_cannot_is_refused) {
  float a[4] = {1, 2, 3, 4}, y[4];
  for (int which = 0; which < 7; which++) {
    lun_cuda_product p = small(a, y);
    int64_t *what[] = {&p.m, &p.n, &p.k, &p.batch, &p.a.ld, &p.b.ld, &p.ldy};
    *what[which] = (int64_t)1 << 31;
    ck_assert_int_eq(lun_cuda_gemm(&call, &p), LUN_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(lun_message(call.ctx), "beyond cuBLAS's 32 bits"));
  }
  lun_cuda_product p = small(a, y);
  p.out = LUN_BF16;
  ck_assert_int_eq(lun_cuda_gemm(&call, &p), LUN_EUNSUPPORTED);
  p = small(a, y);
  p.in = LUN_I64;
  ck_assert_int_eq(lun_cuda_gemm(&call, &p), LUN_EUNSUPPORTED);
}
END_TEST

/* Each call fails in turn: an error that names cuBLAS. The next product works where cuBLAS had come up, and says so where not. */
START_TEST(every_call_fails_in_turn) {
  float a[4] = {1, 2, 3, 4}, y[4];
  int calls = 0, failed = 0, works = 0;
  for (int n = 1; !calls || n <= calls; n++) {
    lun_cuda_blas_close(lun_cuda_of(call.ctx));
    memset(host, 0, sizeof *host);
    host->fail_call = n;
    host->fail_status = CUBLAS_STATUS_EXECUTION_FAILED;
    lun_cuda_product p = small(a, y);
    int st = lun_cuda_gemm(&call, &p);
    if (st) {
      failed++;
      ck_assert_int_eq(st, LUN_EDEVICE);
      ck_assert_ptr_nonnull(strstr(lun_message(call.ctx), "cuBLAS"));
      ck_assert_ptr_nonnull(strstr(lun_message(call.ctx), "CUBLAS_STATUS_EXECUTION_FAILED"));
      if (!lun_cuda_gemm(&call, &p))
        works++;
      else
        ck_assert_ptr_nonnull(strstr(lun_message(call.ctx), "matrix products need cuBLAS"));
    } else
      calls = host->calls;
  }
  ck_assert_int_eq(calls, 6);
  ck_assert_int_eq(failed, calls);
  ck_assert_int_eq(works, 1); /* where it was the product that failed */
}
END_TEST

START_TEST(short_memory_is_asked_for_once_more) {
  float a[4] = {1, 2, 3, 4}, y[4];
  lun_cuda_product p = small(a, y);
  host->fail_call = 1;
  host->fail_status = CUBLAS_STATUS_ALLOC_FAILED;
  ck_assert_int_eq(lun_cuda_gemm(&call, &p), LUN_OK);
  ck_assert_int_eq(stand_ins_flushes, 1);
  ck_assert_float_eq(y[3], 22);
}
END_TEST

START_TEST(it_says_which_version) {
  char text[128], want[64];
  lun_cuda_blas_describe(call.ctx, text, sizeof text);
  snprintf(want, sizeof want, "cublas: %d.%d.%d\n", CUBLAS_VER_MAJOR, CUBLAS_VER_MINOR, CUBLAS_VER_PATCH);
  ck_assert_str_eq(text, want);
}
END_TEST

Suite *suite_products(void) {
  Suite *s = suite_create("products");
  TCase *t = tcase_create("products");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, open_all, close_all);
  tcase_add_loop_test(t, products_are_those_of_their_matrices, 0, sizeof types / sizeof *types);
  tcase_add_test(t, nothing_is_asked_for_no_elements);
  tcase_add_test(t, what_cublas_cannot_is_refused);
  tcase_add_test(t, every_call_fails_in_turn);
  tcase_add_test(t, short_memory_is_asked_for_once_more);
  tcase_add_test(t, it_says_which_version);
  suite_add_tcase(s, t);
  return s;
}
