/* planted_traffic.c: what kernels whose accesses are known make a device's memory move. */
#include "suites.h"

#include "planted_call.h"
#include "traffic.h"

enum { N = 256 };

/* y[i] = x[i * step], for a warp, from the beginning of a sector. */
static cuda_traffic strided(int step) {
  static _Alignas(32) float x[N * 32], y[N];
  cuda_traffic t;
  ck_assert_int_eq(planted_strided(&call, x, y, 32, step), LUN_OK);
  ck_assert(cuda_traffic_of("strided", &t));
  return t;
}

START_TEST(neighbours_share_sectors) {
  cuda_traffic t = strided(1);
  ck_assert_int_eq(t.launches, 1);
  ck_assert_int_eq(t.loads.requests, 1);
  ck_assert_int_eq(t.loads.bytes, 128);
  ck_assert_int_eq(t.loads.sectors, 4);
  ck_assert_int_eq(t.loads.distinct, 4);
  ck_assert_int_eq(t.stores.requests, 1);
  ck_assert_int_eq(t.stores.sectors, 4);
}
END_TEST

START_TEST(strides_waste_sectors) {
  cuda_traffic t = strided(2);
  ck_assert_int_eq(t.loads.sectors, 8);
  ck_assert_int_eq(strided(16).loads.sectors, 8 + 32);
  t = strided(0); /* all lanes read one word */
  ck_assert_int_eq(t.loads.sectors, 8 + 32 + 1);
  ck_assert_int_eq(t.loads.bytes, 128 + 128 + 4);
}
END_TEST

START_TEST(half_of_a_word_is_half_used) {
  static _Alignas(32) unsigned short x[64], y[32];
  cuda_traffic t;
  ck_assert_int_eq(planted_strided_halves(&call, x, y, 32, 2), LUN_OK);
  ck_assert(cuda_traffic_of("strided_halves", &t));
  ck_assert_int_eq(t.loads.bytes, 64);
  ck_assert_int_eq(t.loads.sectors, 4);
  ck_assert_int_eq(t.stores.sectors, 2);
}
END_TEST

/* A sector that is read in each of several rounds is moved once where a cache keeps it. */
START_TEST(rounds_touch_sectors_again) {
  static _Alignas(32) float x[32], y[32];
  cuda_traffic t;
  ck_assert_int_eq(planted_rounds(&call, x, y, 5), LUN_OK);
  ck_assert(cuda_traffic_of("rounds", &t));
  ck_assert_int_eq(t.loads.requests, 5);
  ck_assert_int_eq(t.loads.sectors, 20);
  ck_assert_int_eq(t.loads.distinct, 4);
}
END_TEST

/* Words of one bank: lanes wait for each other; of the same word they do not. */
START_TEST(banks_make_lanes_wait) {
  static const struct {
    int step;
    int64_t passes, least;
  } of[] = {{1, 1, 1}, {2, 2, 1}, {32, 32, 1}, {33, 1, 1}, {0, 1, 1}};
  float y[32];
  cuda_traffic was = {0}, t;
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
    ck_assert_int_eq(planted_banks(&call, y, of[i].step), LUN_OK);
    ck_assert(cuda_traffic_of("banks", &t));
    ck_assert_int_eq(t.shared_requests - was.shared_requests, 1);
    ck_assert_int_eq(t.passes - was.passes, of[i].passes);
    ck_assert_int_eq(t.least_passes - was.least_passes, of[i].least);
    was = t;
  }
}
END_TEST

Suite *suite_traffic(char **ops) {
  (void)ops;
  Suite *s = suite_create("traffic");
  TCase *t = tcase_create("traffic");
  tcase_add_checked_fixture(t, open_context, close_context);
  tcase_add_test(t, neighbours_share_sectors);
  tcase_add_test(t, strides_waste_sectors);
  tcase_add_test(t, half_of_a_word_is_half_used);
  tcase_add_test(t, rounds_touch_sectors_again);
  tcase_add_test(t, banks_make_lanes_wait);
  suite_add_tcase(s, t);
  return s;
}
