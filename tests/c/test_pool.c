/* test_pool.c: the policy of device memory (cuda/device/pool.h) over raw memory that these tests give and refuse. */
#include "cuda/device/pool.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

enum { MB = 1 << 20 };

/* Raw memory of `left` bytes; every block is remembered, so that a wrong or missing return shows. */
static struct {
  bool exact;
  int64_t left, out, drains, refused;
  struct {
    void *p;
    int64_t bytes;
  } block[512];
} raw;

static bool get(void *self, int64_t bytes, void **out) {
  (void)self;
  if (bytes > raw.left) {
    raw.refused++;
    return false;
  }
  *out = aligned_alloc(512, (size_t)(bytes + 511) / 512 * 512);
  ck_assert_ptr_nonnull(*out);
  for (size_t i = 0; i < 512; i++)
    if (!raw.block[i].p) {
      raw.block[i].p = *out;
      raw.block[i].bytes = bytes;
      raw.left -= bytes;
      raw.out += bytes;
      return true;
    }
  return false;
}

static void put(void *self, void *p, int64_t bytes) {
  (void)self;
  for (size_t i = 0; i < 512; i++)
    if (raw.block[i].p == p) {
      ck_assert_int_eq(raw.block[i].bytes, raw.exact ? raw.block[i].bytes : bytes);
      ck_assert_int_gt(raw.drains, 0); /* the device was waited for first */
      free(p);
      raw.block[i].p = NULL;
      raw.left += raw.block[i].bytes;
      raw.out -= raw.block[i].bytes;
      return;
    }
  ck_abort_msg("a block that was never given comes back");
}

static void drain(void *self) {
  (void)self;
  raw.drains++;
}

static lun_pool *p;

static void open_pool(void) {
  memset(&raw, 0, sizeof raw);
  raw.left = (int64_t)256 * MB;
  p = lun_pool_open((lun_pool_source){.get = get, .put = put, .drain = drain});
  ck_assert_ptr_nonnull(p);
}

static void close_pool(void) {
  lun_pool_close(p);
  ck_assert_int_eq(raw.out, 0);
}

START_TEST(blocks_do_not_overlap_and_are_used_again) {
  /* A fixed walk of requests and returns of mixed sizes; each block is filled with its number and must keep it. */
  enum { N = 200 };
  char *at[N] = {NULL};
  int64_t size[N] = {0};
  uint32_t draw = 1;
  int64_t changed = 0, missing = 0, crooked = 0; /* counted: an assertion of libcheck costs a system call */
  for (int step = 0; step < 5000; step++) {
    draw = draw * 1664525u + 1013904223u;
    int i = (int)(draw >> 8) % N;
    if (at[i]) {
      for (int64_t k = 0; k < size[i]; k++) changed += at[i][k] != (char)i;
      lun_pool_free(p, at[i]);
      at[i] = NULL;
    } else {
      size[i] = 1 + (draw >> 4) % (i % 10 ? 5000 : MB);
      at[i] = lun_pool_alloc(p, size[i]);
      missing += !at[i];
      crooked += (uintptr_t)at[i] % LUN_POOL_UNIT != 0;
      if (at[i]) memset(at[i], i, (size_t)size[i]);
    }
  }
  for (int i = 0; i < N; i++) lun_pool_free(p, at[i]);
  lun_pool_state s = lun_pool_read(p);
  ck_assert_int_eq(changed, 0);
  ck_assert_int_eq(missing, 0);
  ck_assert_int_eq(crooked, 0);
  ck_assert_int_eq(s.used, 0);
  ck_assert_int_lt(s.gets, 40); /* of some 2,500 requests */
}
END_TEST

START_TEST(freed_neighbours_join) {
  char *a = lun_pool_alloc(p, 6 * MB), *b = lun_pool_alloc(p, 6 * MB), *c = lun_pool_alloc(p, 6 * MB);
  ck_assert_int_eq(lun_pool_read(p).segments, 1);
  ck_assert_ptr_eq(b, a + 6 * MB);
  lun_pool_free(p, a);
  lun_pool_free(p, c);
  lun_pool_free(p, b); /* the middle last: joins both ways */
  ck_assert_int_eq(lun_pool_read(p).largest_free, 20 * MB);
  ck_assert_ptr_eq(lun_pool_alloc(p, 20 * MB), a);
  ck_assert_int_eq(lun_pool_read(p).gets, 1);
}
END_TEST

START_TEST(the_smallest_block_that_fits_is_taken) {
  char *a = lun_pool_alloc(p, 40 * MB), *b = lun_pool_alloc(p, 24 * MB);
  lun_pool_free(p, a);
  lun_pool_free(p, b);
  ck_assert_ptr_eq(lun_pool_alloc(p, 23 * MB), b);
}
END_TEST

START_TEST(small_blocks_stay_out_of_large_segments) {
  lun_pool_free(p, lun_pool_alloc(p, 20 * MB));
  ck_assert_ptr_nonnull(lun_pool_alloc(p, 4));
  ck_assert_int_eq(lun_pool_read(p).segments, 2);
  ck_assert_int_eq(lun_pool_read(p).largest_free, 20 * MB);
}
END_TEST

START_TEST(short_memory_gives_back_what_is_free_and_asks_again) {
  lun_pool_free(p, lun_pool_alloc(p, 200 * MB));
  char *big = lun_pool_alloc(p, 240 * MB); /* does not fit beside the 200 MB that are held */
  ck_assert_ptr_nonnull(big);
  ck_assert_int_eq(raw.refused, 1);
  ck_assert_int_eq(raw.drains, 1);
  ck_assert_int_eq(lun_pool_read(p).held, 240 * MB);
  ck_assert_ptr_null(lun_pool_alloc(p, 40 * MB));
  ck_assert_int_eq(raw.refused, 3);
  ck_assert_ptr_nonnull(lun_pool_alloc(p, 5 * MB)); /* no room for a segment of 20 MB, but for the block */
  ck_assert_int_eq(lun_pool_read(p).held, 246 * MB);
}
END_TEST

START_TEST(flush_keeps_what_is_in_use) {
  char *a = lun_pool_alloc(p, 12 * MB), *b = lun_pool_alloc(p, 14 * MB);
  lun_pool_free(p, a);
  lun_pool_flush(p);
  ck_assert_int_eq(raw.out, 14 * MB);
  lun_pool_free(p, b);
  lun_pool_flush(p);
  ck_assert_int_eq(raw.out, 0);
  ck_assert_int_eq(lun_pool_read(p).segments, 0);
}
END_TEST

START_TEST(sizes_at_the_ends) {
  char *a = lun_pool_alloc(p, 0), *b = lun_pool_alloc(p, 0);
  ck_assert_ptr_nonnull(a);
  ck_assert_ptr_ne(a, b);
  ck_assert_ptr_null(lun_pool_alloc(p, -1));
  ck_assert_ptr_null(lun_pool_alloc(p, INT64_MAX));
  lun_pool_free(p, NULL);
  lun_pool_free(p, a);
  lun_pool_free(p, b);
  ck_assert_int_eq(lun_pool_read(p).used, 0);
}
END_TEST

START_TEST(exact_blocks_are_raw_memory_of_their_own_and_go_back_at_once) {
  raw.exact = true;
  lun_pool *exact = lun_pool_open((lun_pool_source){.get = get, .put = put, .drain = drain, .exact = true});
  int64_t before = raw.out;
  void *a = lun_pool_alloc(exact, 1000), *b = lun_pool_alloc(exact, 3 * MB + 1), *none = lun_pool_alloc(exact, 0);
  ck_assert(a && b && none);
  ck_assert_int_eq(raw.out - before, 1000 + 3 * MB + 1);
  lun_pool_free(exact, a);
  ck_assert_int_eq(raw.out - before, 3 * MB + 1);
  lun_pool_free(exact, b);
  lun_pool_free(exact, none);
  ck_assert_int_eq(raw.out, before);
  lun_pool_close(exact);
  raw.exact = false;
}
END_TEST

Suite *suite_pool(void) {
  Suite *s = suite_create("pool");
  TCase *t = tcase_create("pool");
  tcase_add_checked_fixture(t, open_pool, close_pool);
  tcase_add_test(t, blocks_do_not_overlap_and_are_used_again);
  tcase_add_test(t, freed_neighbours_join);
  tcase_add_test(t, the_smallest_block_that_fits_is_taken);
  tcase_add_test(t, small_blocks_stay_out_of_large_segments);
  tcase_add_test(t, short_memory_gives_back_what_is_free_and_asks_again);
  tcase_add_test(t, flush_keeps_what_is_in_use);
  tcase_add_test(t, sizes_at_the_ends);
  tcase_add_test(t, exact_blocks_are_raw_memory_of_their_own_and_go_back_at_once);
  suite_add_tcase(s, t);
  return s;
}
