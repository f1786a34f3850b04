/* test_device.c: the core with a device that is ordinary memory under another name: copies, single elements, counting,
** and what is said of an op without a kernel. */
#include "core/core.h"
#include "harness.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

static lun_context *c;
static int copies;

static int alloc(lun_context *ctx, int64_t bytes, void **out) {
  (void)ctx;
  *out = malloc((size_t)bytes + 1);
  return LUN_OK;
}

static void release(lun_context *ctx, void *p, int64_t bytes) {
  (void)ctx, (void)bytes;
  free(p);
}

static int copy(lun_context *ctx, void *dst, lun_device to, const void *src, lun_device from, int64_t bytes) {
  (void)ctx, (void)to, (void)from;
  memcpy(dst, src, (size_t)bytes);
  copies++;
  return LUN_OK;
}

static lun_tensor on_host(const lun_tensor *t) {
  lun_tensor h = *t;
  h.device = LUN_CPU;
  return h;
}

static int assign(lun_call *call) {
  lun_tensor x = on_host(call->arg[0].t), from = on_host(call->arg[1].t);
  return lun_copy(&x, &from);
}

static const lun_kernel kernels[] = {{"assign", assign}, {NULL, NULL}};
static const lun_backend device = {
    .abi = LUN_BACKEND_ABI, .name = "test", .device = LUN_CUDA, .alloc = alloc, .free = release, .copy = copy};

static void open_context(void) {
  c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  c->backend[LUN_CUDA] = &device;
  luni_register_kernels(c, LUN_CUDA, kernels);
  copies = 0;
}

static void close_context(void) {
  lun_memory m;
  lun_memory_read(c, LUN_CUDA, &m);
  ck_assert_int_eq(m.live_bytes, 0);
  c->backend[LUN_CUDA] = NULL;
  harness_close(c);
}

static lun_tensor *make(lun_dtype d, lun_device dev, int64_t rows, int64_t columns) {
  lun_tensor *t;
  ck_assert_int_eq(lun_empty(c, d, dev, 2, (int64_t[]){rows, columns}, &t), LUN_OK);
  return t;
}

/* x[i][j] = 10 i + j */
static void count_up(lun_tensor *t) {
  for (int64_t i = 0; i < t->shape[0]; i++)
    for (int64_t j = 0; j < t->shape[1]; j++)
      ck_assert_int_eq(lun_set(t, (int64_t[]){i, j}, (double)(10 * i + j)), LUN_OK);
}

static double at(lun_tensor *t, int64_t i, int64_t j) {
  double v = -1;
  ck_assert_int_eq(lun_get(t, (int64_t[]){i, j}, &v), LUN_OK);
  return v;
}

START_TEST(elements_are_read_and_written_one_by_one) {
  static const lun_dtype dtypes[] = {LUN_F32, LUN_BF16, LUN_F16, LUN_F64, LUN_I64, LUN_U8};
  for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++) {
    lun_tensor *t = make(dtypes[k], LUN_CUDA, 2, 3);
    count_up(t);
    ck_assert_double_eq(at(t, 1, 2), 12);
    ck_assert_ptr_null(lun_data(t));
    lun_release(t);
  }
}
END_TEST

/* Every pair of layouts and dtypes, in every direction. */
START_TEST(copies_convert_dtypes_and_strides) {
  for (int way = 0; way < 4; way++)
    for (int layout = 0; layout < 4; layout++)
      for (int convert = 0; convert < 2; convert++) {
        lun_device from = way & 1 ? LUN_CUDA : LUN_CPU, to = way & 2 ? LUN_CUDA : LUN_CPU;
        lun_tensor *src = make(LUN_F32, from, 3, 4), *dst = make(convert ? LUN_I64 : LUN_F32, to, 3, 4);
        lun_tensor *a = src, *b = dst, across, down;
        count_up(src);
        if (layout & 1) { /* read transposed: dst is then written transposed or has the other shape */
          across = *src;
          across.shape[0] = 4, across.shape[1] = 3, across.stride[0] = 1, across.stride[1] = 4;
          a = &across;
          lun_release(dst);
          b = dst = make(convert ? LUN_I64 : LUN_F32, to, 4, 3);
        }
        if (layout & 2) {
          lun_release(dst);
          dst = make(convert ? LUN_I64 : LUN_F32, to, a->shape[1], a->shape[0]);
          down = *dst;
          down.shape[0] = a->shape[0], down.shape[1] = a->shape[1], down.stride[0] = 1, down.stride[1] = a->shape[0];
          b = &down;
        }
        ck_assert_int_eq(lun_copy(b, a), LUN_OK);
        for (int64_t i = 0; i < a->shape[0]; i++)
          for (int64_t j = 0; j < a->shape[1]; j++) ck_assert_double_eq(at(b, i, j), at(a, i, j));
        ck_assert_double_eq(at(a, 1, 2), layout & 1 ? 21 : 12);
        lun_release(src);
        lun_release(dst);
      }
}
END_TEST

START_TEST(dense_copies_are_one_transfer) {
  lun_tensor *host = make(LUN_F32, LUN_CPU, 3, 4), *there = make(LUN_F32, LUN_CUDA, 3, 4);
  count_up(host);
  ck_assert_int_eq(lun_copy(there, host), LUN_OK);
  ck_assert_int_eq(copies, 1);
  lun_release(host);
  lun_release(there);
}
END_TEST

START_TEST(a_missing_kernel_is_an_error_that_names_the_op) {
  lun_tensor *t = make(LUN_F32, LUN_CUDA, 2, 2), *y = NULL;
  count_up(t);
  copies = 0;
  ck_assert_int_eq(lun_do(c, "softmax", &y, "t", t), LUN_EUNSUPPORTED);
  ck_assert_str_eq(lun_message(c), "softmax: there is no cuda kernel of it; move its tensors with :to(\"cpu\")");
  ck_assert_ptr_null(y);
  ck_assert_int_eq(copies, 0);
  lun_release(t);
}
END_TEST

START_TEST(tensors_of_two_devices_do_not_meet) {
  lun_tensor *t = make(LUN_F32, LUN_CUDA, 2, 2), *u = make(LUN_F32, LUN_CPU, 2, 2);
  ck_assert_int_eq(lun_do(c, "assign", NULL, "tt", t, u), LUN_EDEVICE);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "assign: from is on cpu, the tensors before it on cuda"));
  lun_release(t);
  lun_release(u);
}
END_TEST

START_TEST(bytes_are_counted_and_limited_per_device) {
  lun_memory host, there;
  lun_memory_read(c, LUN_CPU, &host);
  lun_tensor *t = make(LUN_F32, LUN_CUDA, 8, 8), *u;
  lun_memory_read(c, LUN_CUDA, &there);
  ck_assert_int_eq(there.live_bytes, 256);
  lun_memory_read(c, LUN_CPU, &there);
  ck_assert_int_eq(there.live_bytes, host.live_bytes);
  lun_memory_limit(c, LUN_CUDA, 300);
  ck_assert_int_eq(lun_empty(c, LUN_F32, LUN_CUDA, 1, (int64_t[]){12}, &u), LUN_EMEM);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "out of memory on cuda: 48 bytes wanted, 256 in use, limit 300"));
  lun_release(t);
}
END_TEST

Suite *suite_device(void) {
  Suite *s = suite_create("device");
  TCase *t = tcase_create("device");
  tcase_add_checked_fixture(t, open_context, close_context);
  tcase_add_test(t, elements_are_read_and_written_one_by_one);
  tcase_add_test(t, copies_convert_dtypes_and_strides);
  tcase_add_test(t, dense_copies_are_one_transfer);
  tcase_add_test(t, a_missing_kernel_is_an_error_that_names_the_op);
  tcase_add_test(t, tensors_of_two_devices_do_not_meet);
  tcase_add_test(t, bytes_are_counted_and_limited_per_device);
  suite_add_tcase(s, t);
  return s;
}
