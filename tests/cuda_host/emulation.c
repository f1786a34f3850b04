/* emulation.c: tests of the emulation itself, on kernels with planted mistakes. */
#include "suites.h"

#include "planted_call.h"

#include <stdlib.h>
#include <string.h>

static void reversed_pair(bool with_barrier, float forward[64], float backward[64]) {
  float x[64];
  for (int i = 0; i < 64; i++) x[i] = (float)i;
  for (int order = 0; order < 2; order++) {
    lun_cuda_host.reversed = order;
    ck_assert_int_eq(planted_reverse(&call, x, order ? backward : forward, 64, with_barrier), LUN_OK);
  }
}

START_TEST(a_barrier_orders_shared_memory) {
  float f[64], b[64];
  reversed_pair(true, f, b);
  for (int i = 0; i < 64; i++) ck_assert_float_eq(f[i], (float)(63 - i));
  ck_assert_mem_eq(f, b, sizeof f);
}
END_TEST

START_TEST(a_missing_barrier_shows) {
  float f[64], b[64];
  int unread = 0;
  reversed_pair(false, f, b);
  for (int i = 0; i < 64; i++) unread += f[i] != f[i]; /* NaN: read before it was written */
  ck_assert_int_gt(unread, 0);
  ck_assert_int_ne(memcmp(f, b, sizeof f), 0);
}
END_TEST

START_TEST(shuffles_and_atomics_add_up) {
  float x[150], shuffled[3], atomic[3];
  for (int i = 0; i < 150; i++) x[i] = (float)(i % 7);
  for (int order = 0; order < 2; order++) {
    lun_cuda_host.reversed = order;
    memset(atomic, 0, sizeof atomic);
    ck_assert_int_eq(planted_sums(&call, x, 150, shuffled, atomic), LUN_OK);
    for (int b = 0; b < 3; b++) {
      float want = 0;
      for (int i = 64 * b; i < 64 * b + 64 && i < 150; i++) want += x[i];
      ck_assert_float_eq(shuffled[b], want);
      ck_assert_float_eq(atomic[b], want);
    }
  }
}
END_TEST

START_TEST(votes_are_counted) {
  float x[40];
  unsigned bits[2], want[2] = {0};
  for (int i = 0; i < 40; i++) {
    x[i] = i % 3 == 1 ? 1.0f : -1.0f;
    if (i % 3 == 1) want[i / 32] |= 1u << i % 32;
  }
  ck_assert_int_eq(planted_vote(&call, x, 40, bits), LUN_OK);
  ck_assert_mem_eq(bits, want, sizeof bits);
}
END_TEST

START_TEST(a_barrier_that_some_never_reach_is_an_error) {
  ck_assert_int_eq(planted_half_barrier(&call, 64), LUN_EDEVICE);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "half_barrier"));
  ck_assert_ptr_nonnull(strstr(lun_message(c), "ended while others wait at a barrier"));
}
END_TEST

START_TEST(a_shuffle_that_some_never_reach_is_an_error) {
  float x[32] = {0};
  ck_assert_int_eq(planted_half_shuffle(&call, x, 32), LUN_EDEVICE);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "lanes of its warp that do not come"));
}
END_TEST

/* A device has 65,536 registers for a block: where its compiler was not told, not enough for every kernel. */
START_TEST(many_threads_need_bounds) {
  static float x[1024];
  for (int which = 0; which < 3; which++) ck_assert_int_eq(planted_wide(&call, x, 256, which), LUN_OK);
  for (int which = 1; which < 3; which++) ck_assert_int_eq(planted_wide(&call, x, 1024, which), LUN_OK);
  ck_assert_int_eq(planted_wide(&call, x, 288, 0), LUN_EDEVICE);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "with_few_threads: a device may have too few registers"));
}
END_TEST

/* The next two end the process; the suite expects it (AddressSanitizer's exit code is 1). */
START_TEST(a_write_behind_a_tensor_is_caught) {
  float *x = malloc(8 * sizeof *x);
  planted_write(&call, x, 7);
  planted_write(&call, x, 8);
  free(x);
}
END_TEST

START_TEST(a_write_behind_shared_memory_is_caught) {
  float x;
  planted_shared_write(&call, &x, 8, 7);
  planted_shared_write(&call, &x, 8, 8);
}
END_TEST

Suite *suite_emulation(char **ops) {
  (void)ops;
  Suite *s = suite_create("emulation");
  TCase *t = tcase_create("emulation");
  tcase_add_checked_fixture(t, open_context, close_context);
  tcase_add_test(t, a_barrier_orders_shared_memory);
  tcase_add_test(t, a_missing_barrier_shows);
  tcase_add_test(t, shuffles_and_atomics_add_up);
  tcase_add_test(t, votes_are_counted);
  tcase_add_test(t, a_barrier_that_some_never_reach_is_an_error);
  tcase_add_test(t, a_shuffle_that_some_never_reach_is_an_error);
  tcase_add_test(t, many_threads_need_bounds);
  tcase_add_exit_test(t, a_write_behind_a_tensor_is_caught, 1);
  tcase_add_exit_test(t, a_write_behind_shared_memory_is_caught, 1);
  suite_add_tcase(s, t);
  return s;
}
