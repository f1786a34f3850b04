/* copies.c: cuda/copy.cu against lun_copy, bit for bit: every pair of dtypes and layouts, on aligned memory too, where
** the vectors of 16 bytes and of four elements are taken, which the op table's samples never reach. */
#include "suites.h"
#include "copy.h"
#include "cuda_host_state.h"
#include "harness.h"

#include <check.h>
#include <math.h>
#include <string.h>

enum { DENSE, TURNED, GAPS, NLAYOUTS };

static lun_context *c;
static lun_call call;

static void open_context(void) {
  c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  call = (lun_call){.ctx = c, .op = lun_op_find(c, "assign"), .threads = 1};
}

static void close_context(void) {
  lun_cuda_host.reversed = false;
  harness_close(c);
}

/* shape (rows,cols), stored row by row, column by column, or with holes; offset: elements before the first. */
static lun_tensor *make(lun_dtype d, int64_t rows, int64_t cols, int layout, int64_t offset) {
  int64_t n = 2 * (rows + 1) * (cols + 1) + offset;
  lun_tensor *t = NULL;
  ck_assert_int_eq(lun_empty(c, d, LUN_CPU, 1, &n, &t), LUN_OK);
  memset(t->storage->data, 0x33, (size_t)t->storage->bytes);
  t->ndim = 2;
  t->shape[0] = rows;
  t->shape[1] = cols;
  t->stride[0] = layout == TURNED ? 1 : layout == GAPS ? 2 * cols + 1 : cols;
  t->stride[1] = layout == TURNED ? rows : layout == GAPS ? 2 : 1;
  t->offset = offset;
  return t;
}

static void fill(lun_tensor *t) {
  static const double odd[] = {0,
                               -0.0,
                               1.5,
                               -2.7,
                               300,
                               -5,
                               1e30,
                               -1e30,
                               NAN,
                               INFINITY,
                               -INFINITY,
                               65519,
                               65520,
                               6e-8,
                               -3e-8,
                               254.99,
                               255,
                               256,
                               1e300,
                               9.3e18,
                               1.00390625,
                               1.01171875,
                               __builtin_nan("0xfffffffffffff")};
  int64_t at[2];
  for (at[0] = 0; at[0] < t->shape[0]; at[0]++)
    for (at[1] = 0; at[1] < t->shape[1]; at[1]++) {
      int64_t i = at[0] * t->shape[1] + at[1];
      lun_set(t, at, i % 3 ? 0.37 * (double)(i % 251) - 20 : odd[i / 3 % (int64_t)(sizeof odd / sizeof *odd)]);
    }
}

static void compare(lun_dtype df, lun_dtype dt, int64_t rows, int64_t cols, int lf, int lt, int64_t offset) {
  lun_tensor *from = make(df, rows, cols, lf, offset), *want = make(dt, rows, cols, lt, offset),
             *got = make(dt, rows, cols, lt, offset);
  fill(from);
  ck_assert_int_eq(lun_copy(want, from), LUN_OK);
  ck_assert_int_eq(lun_cuda_copy(&call, got, from), LUN_OK);
  ck_assert_msg(!memcmp(want->storage->data, got->storage->data, (size_t)want->storage->bytes),
                "%s to %s, (%lld,%lld), layout %d to %d, offset %lld", lun_dtype_name(df), lun_dtype_name(dt),
                (long long)rows, (long long)cols, lf, lt, (long long)offset);
  lun_release(from);
  lun_release(want);
  lun_release(got);
}

START_TEST(every_pair_of_dtypes_and_layouts) {
  lun_cuda_host.reversed = _i;
  for (int df = 0; df < LUN_NDTYPES; df++)
    for (int dt = 0; dt < LUN_NDTYPES; dt++)
      for (int l = 0; l < NLAYOUTS * NLAYOUTS; l++)
        compare((lun_dtype)df, (lun_dtype)dt, 9, 16, l / NLAYOUTS, l % NLAYOUTS, l % 2);
}
END_TEST

START_TEST(aligned_and_unaligned_runs) {
  lun_cuda_host.reversed = _i;
  for (int64_t offset = 0; offset < 9; offset++)
    for (int d = 0; d < LUN_NDTYPES; d++) {
      compare((lun_dtype)d, (lun_dtype)d, 3, 16, DENSE, DENSE, offset);
      compare((lun_dtype)d, (lun_dtype)d, 3, 15, DENSE, DENSE, offset);
    }
  for (int64_t cols = 16; cols < 19; cols++)
    for (int64_t offset = 0; offset < 9; offset += 4) {
      compare(LUN_F32, LUN_BF16, 3, cols, DENSE, DENSE, offset);
      compare(LUN_BF16, LUN_F32, 3, cols, DENSE, DENSE, offset);
    }
}
END_TEST

START_TEST(tiles) {
  static const int64_t sizes[][2] = {{8, 8}, {32, 32}, {33, 31}, {70, 65}, {7, 40}};
  lun_cuda_host.reversed = _i;
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    compare(LUN_BF16, LUN_BF16, sizes[k][0], sizes[k][1], TURNED, DENSE, 1);
    compare(LUN_F64, LUN_F64, sizes[k][0], sizes[k][1], DENSE, TURNED, 0);
    compare(LUN_F32, LUN_BF16, sizes[k][0], sizes[k][1], TURNED, DENSE, 0);
  }
}
END_TEST

Suite *suite_copies(char **ops) {
  (void)ops;
  Suite *s = suite_create("copies");
  TCase *t = tcase_create("copies");
  tcase_add_checked_fixture(t, open_context, close_context);
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, every_pair_of_dtypes_and_layouts, 0, 2);
  tcase_add_loop_test(t, aligned_and_unaligned_runs, 0, 2);
  tcase_add_loop_test(t, tiles, 0, 2);
  suite_add_tcase(s, t);
  return s;
}
