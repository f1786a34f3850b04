/* planted_races.c: races that are planted are found, and what is no race is not taken for one. */
#include "suites.h"

#include "planted_call.h"

#include <string.h>

enum { N = 64 };

/* That a launch has ended well, or with a race. */
static void is(bool race, int st) {
  ck_assert_msg(st == (race ? LUN_EDEVICE : LUN_OK), "status %d: %s", st, lun_message(c));
  if (race) ck_assert_msg(strstr(lun_message(c), "a race: thread "), "%s", lun_message(c));
}

/* The emulation runs the threads in either order, and each order has a barrier between them where there is none. */
START_TEST(a_missing_barrier_is_a_race) {
  float x[N] = {0}, y[N];
  for (int order = 0; order < 2; order++) {
    lun_cuda_host.reversed = order;
    is(false, planted_reverse(&call, x, y, N, true));
    is(true, planted_reverse(&call, x, y, N, false));
    ck_assert_msg(strstr(lun_message(c), "reverse") && strstr(lun_message(c), "reads"), "%s", lun_message(c));
  }
}
END_TEST

START_TEST(syncwarp_orders_its_lanes_and_a_shuffle_none) {
  float x[N] = {0}, y[N];
  lun_cuda_host.reversed = _i;
  is(false, planted_pass_on(&call, x, y, 32, true));
  is(true, planted_pass_on(&call, x, y, 31, true)); /* lane 30 reads what lane 31 wrote, which did not come */
  is(true, planted_pass_on(&call, x, y, 32, false));
}
END_TEST

/* Neighbouring bytes are places of their own; one place is one, whoever writes it, and whatever. */
START_TEST(two_writes_of_a_byte) {
  unsigned char y[N];
  lun_cuda_host.reversed = _i;
  is(false, planted_write_bytes(&call, y, N, 1, 1, N));
  is(true, planted_write_bytes(&call, y, N, 2, 1, N));
  is(false, planted_write_bytes(&call, y, N, 0, N, 1));
  is(true, planted_write_bytes(&call, y, N, 1, 2, N)); /* of two blocks */
}
END_TEST

START_TEST(atomics_race_with_others_alone) {
  int count = 0, seen;
  lun_cuda_host.reversed = _i;
  is(false, planted_count_blocks(&call, &count, &seen, false, 5));
  ck_assert_int_eq(count, 10);
  is(true, planted_count_blocks(&call, &count, &seen, true, 1));
}
END_TEST

/* A launch begins where the one before it ended. */
START_TEST(launches_are_ordered) {
  float x[N] = {0}, y[N];
  is(false, planted_reverse(&call, x, y, N, true));
  is(false, planted_reverse(&call, y, x, N, true));
}
END_TEST

Suite *suite_races(char **ops) {
  (void)ops;
  Suite *s = suite_create("races");
  TCase *t = tcase_create("races");
  tcase_add_checked_fixture(t, open_context, close_context);
  tcase_add_test(t, a_missing_barrier_is_a_race);
  tcase_add_loop_test(t, syncwarp_orders_its_lanes_and_a_shuffle_none, 0, 2);
  tcase_add_loop_test(t, two_writes_of_a_byte, 0, 2);
  tcase_add_loop_test(t, atomics_race_with_others_alone, 0, 2);
  tcase_add_test(t, launches_are_ordered);
  suite_add_tcase(s, t);
  return s;
}
