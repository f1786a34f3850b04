/* test_half.c: bf16 and f16 as bit patterns. */
#include "core/half.h"
#include "suites.h"

#include <math.h>

/* For loops: a ck_assert tells the parent process of every line it passes. */
#define HOLDS(condition, at)                                                                                           \
  do {                                                                                                                 \
    if (!(condition)) ck_abort_msg("%s does not hold at %x", #condition, (unsigned)(at));                              \
  } while (0)

START_TEST(every_f16_survives_f32_and_back) {
  for (uint32_t h = 0; h < 65536; h++) {
    float f = lun_f16_float((uint16_t)h);
    if ((h & 0x7fff) > 0x7c00) {
      HOLDS(isnan(f), h);
      HOLDS((lun_float_f16(f) & 0x7fff) > 0x7c00, h);
    } else
      HOLDS(lun_float_f16(f) == h, h);
  }
}
END_TEST

START_TEST(every_bf16_survives_f32_and_back) {
  for (uint32_t b = 0; b < 65536; b++) {
    float f = lun_bf16_float((uint16_t)b);
    if (isnan(f))
      HOLDS(isnan(lun_bf16_float(lun_float_bf16(f))), b);
    else
      HOLDS(lun_float_bf16(f) == b, b);
  }
}
END_TEST

#ifdef __FLT16_MANT_DIG__
/* The compiler's own conversion is the second opinion: every float whose low bits decide a rounding. */
START_TEST(f16_rounds_as_the_compiler_does) {
  for (uint64_t u = 0; u < 0x100000000ull; u += 4093) {
    uint32_t bits = (uint32_t)u;
    float f;
    uint16_t expected;
    memcpy(&f, &bits, 4);
    if (isnan(f)) continue;
    _Float16 h = (_Float16)f;
    memcpy(&expected, &h, 2);
    if (lun_float_f16(f) != expected) ck_abort_msg("%a: %04x, not %04x", f, lun_float_f16(f), expected);
  }
}
END_TEST
#endif

/* Halfway points between neighbours go to the even one; just above and below go to the nearer. */
START_TEST(ties_round_to_even) {
  for (uint32_t h = 0; h < 0x7bff; h++) {
    float low = lun_f16_float((uint16_t)h), high = lun_f16_float((uint16_t)(h + 1)), mid = (low + high) / 2;
    HOLDS(lun_float_f16(mid) == (h + (h & 1)), h);
    HOLDS(lun_float_f16(nextafterf(mid, 0)) == h, h);
    HOLDS(lun_float_f16(nextafterf(mid, 1e9f)) == h + 1, h);
    HOLDS(lun_float_f16(-mid) == ((h + (h & 1)) | 0x8000), h);
  }
  for (uint32_t b = 0x0080; b < 0x7f7f; b++) {
    float low = lun_bf16_float((uint16_t)b), high = lun_bf16_float((uint16_t)(b + 1));
    float mid = (float)(((double)low + high) / 2);
    HOLDS(lun_float_bf16(mid) == (b + (b & 1)), b);
    HOLDS(lun_float_bf16(nextafterf(mid, 0)) == b, b);
    HOLDS(lun_float_bf16(nextafterf(mid, INFINITY)) == b + 1, b);
  }
}
END_TEST

START_TEST(overflow_becomes_infinity) {
  ck_assert_uint_eq(lun_float_f16(65519.0f), 0x7bff);
  ck_assert_uint_eq(lun_float_f16(65520.0f), 0x7c00);
  ck_assert_uint_eq(lun_float_f16(1e30f), 0x7c00);
  ck_assert_uint_eq(lun_float_f16(-1e30f), 0xfc00);
  ck_assert_uint_eq(lun_float_f16(0x1p-25f), 0);
  ck_assert_uint_eq(lun_float_f16(0x1.000002p-25f), 1);
  ck_assert_uint_eq(lun_float_bf16(3.4e38f), 0x7f80);
  ck_assert_uint_eq(lun_float_bf16(INFINITY), 0x7f80);
  ck_assert_uint_eq(lun_float_bf16(-0.0f), 0x8000);
}
END_TEST

Suite *suite_half(void) {
  Suite *s = suite_create("half");
  TCase *t = tcase_create("conversions");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, every_f16_survives_f32_and_back);
  tcase_add_test(t, every_bf16_survives_f32_and_back);
#ifdef __FLT16_MANT_DIG__
  tcase_add_test(t, f16_rounds_as_the_compiler_does);
#endif
  tcase_add_test(t, ties_round_to_even);
  tcase_add_test(t, overflow_becomes_infinity);
  suite_add_tcase(s, t);
  return s;
}
