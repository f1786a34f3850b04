/* test_rng.c: Philox4x32-10 against the known answers of its authors (Random123, kat_vectors), and its uses. */
#include "core/rng.h"
#include "suites.h"

#include <math.h>
#include <string.h>

START_TEST(philox_gives_the_published_numbers) {
  static const struct {
    uint32_t counter[4], key[2], expected[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    lun_stream s = {{known[i].key[0], known[i].key[1]}};
    const uint32_t *c = known[i].counter;
    lun_draw4 d = lun_philox(s, c[0], c[1], c[2], c[3]);
    ck_assert_mem_eq(d.v, known[i].expected, sizeof d.v);
  }
}
END_TEST

START_TEST(streams_differ_by_seed_and_name) {
  lun_stream a = lun_stream_make(1, "augment"), b = lun_stream_make(1, "augment");
  lun_stream other_seed = lun_stream_make(2, "augment"), other_name = lun_stream_make(1, "augmenu");
  ck_assert_mem_eq(a.key, b.key, sizeof a.key);
  ck_assert_mem_ne(a.key, other_seed.key, sizeof a.key);
  ck_assert_mem_ne(a.key, other_name.key, sizeof a.key);
}
END_TEST

START_TEST(uniform_stays_below_one) {
  ck_assert_float_eq(lun_uniform(0), 0);
  ck_assert_float_lt(lun_uniform(0xffffffffu), 1);
  ck_assert_float_eq(lun_uniform(0x80000000u), 0.5f);
}
END_TEST

START_TEST(below_covers_its_range) {
  ck_assert_uint_eq(lun_below(0, 10), 0);
  ck_assert_uint_eq(lun_below(0xffffffffu, 10), 9);
  ck_assert_uint_eq(lun_below(0xffffffffu, 1), 0);
}
END_TEST

START_TEST(normals_are_finite_at_the_ends_and_have_unit_variance) {
  double x, y, sum = 0, squares = 0;
  lun_normal2(0, 0, &x, &y);
  ck_assert(isfinite(x) && isfinite(y));
  lun_normal2(0xffffffffu, 0xffffffffu, &x, &y);
  ck_assert(isfinite(x) && isfinite(y));
  lun_stream s = lun_stream_make(7, "normal");
  int n = 100000;
  for (int i = 0; i < n; i++) {
    lun_draw4 d = lun_philox(s, (uint32_t)i, 0, 0, 0);
    lun_normal2(d.v[0], d.v[1], &x, &y);
    sum += x + y;
    squares += x * x + y * y;
  }
  ck_assert_double_eq_tol(sum / (2 * n), 0, 0.01); /* 4.5 standard errors */
  ck_assert_double_eq_tol(squares / (2 * n), 1, 0.015);
}
END_TEST

Suite *suite_rng(void) {
  Suite *s = suite_create("rng");
  TCase *t = tcase_create("philox");
  tcase_add_test(t, philox_gives_the_published_numbers);
  tcase_add_test(t, streams_differ_by_seed_and_name);
  tcase_add_test(t, uniform_stays_below_one);
  tcase_add_test(t, below_covers_its_range);
  tcase_add_test(t, normals_are_finite_at_the_ends_and_have_unit_variance);
  suite_add_tcase(s, t);
  return s;
}
