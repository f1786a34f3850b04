/* sends.c: device/send.c, copy.c and memory.c over the streams of streams_host.cpp, which do nothing before they must: bytes
** that are sent come before the kernels that read them and after those that used their block, whichever stream runs first. */
#include "suites.h"
#include "cuda_host_state.h"
#include "device/state.h"
#include "harness.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 9 << 20, STEPS = 6 }; /* of a batch: more than the staging buffers hold */

static lun_context *c;
static lun_cuda_state s;
static char *host;

/* What device.c has on a device. */
lun_cuda_state *lun_cuda_of(const lun_context *of) {
  (void)of;
  return &s;
}
cudaStream_t lun_cuda_stream(lun_context *of) {
  (void)of;
  return s.stream;
}
static int pauses;
int lun_cuda_pause(lun_context *of, const char *why) {
  (void)of, (void)why;
  pauses++;
  return LUN_OK;
}
int lun_cuda_check(lun_context *of, cudaError_t e, const char *what) {
  return e ? lun_fail(of, e == cudaErrorMemoryAllocation ? LUN_EMEM : LUN_EDEVICE, "cuda: %s", what) : LUN_OK;
}

static void open_context(void) {
  c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  s = (lun_cuda_state){.c = c};
  ck_assert_int_eq(cudaStreamCreateWithFlags(&s.stream, cudaStreamNonBlocking), cudaSuccess);
  ck_assert_int_eq(lun_cuda_memory_open(c, &s), LUN_OK);
  host = malloc(12 << 20);
}

static void close_context(void) {
  lun_cuda_host_fail_call(0);
  lun_cuda_host_memory(0);
  lun_cuda_host_run(s.stream);
  ck_assert_int_eq(lun_cuda_send_close(&s), cudaSuccess);
  ck_assert_int_eq(lun_cuda_copy_close(&s), cudaSuccess);
  lun_pool_close(s.pool);
  ck_assert_int_eq(cudaStreamDestroy(s.stream), cudaSuccess);
  ck_assert_int_eq(lun_cuda_host_objects(), 0);
  free(host);
  harness_close(c);
}

/* A kernel that reads a batch: every part of it must hold the batch's number. */
typedef struct {
  const char *block;
  int64_t bytes;
  int found; /* -1: it has not run, -2: the parts differ */
} reader;

static void read_batch(void *with) {
  reader *r = with;
  r->found = r->block[0];
  for (int64_t i = 0; i < r->bytes; i += 4096)
    if (r->block[i] != r->block[0]) r->found = -2;
  if (r->block[r->bytes - 1] != r->block[0]) r->found = -2;
}

static void launch(reader *r, const void *block, int64_t bytes) {
  *r = (reader){block, bytes, -1};
  lun_cuda_host_launch(s.stream, read_batch, r);
}

/* Batch k, whose memory on the host is another's as soon as send returns. */
static int send(int k, int64_t bytes, void **out) {
  memset(host, k, (size_t)bytes);
  int st = lun_cuda_send(c, host, bytes, out);
  memset(host, 0x77, (size_t)bytes);
  return st;
}

static void *sent(int k, int64_t bytes) {
  void *p = NULL;
  ck_assert_int_eq(send(k, bytes, &p), LUN_OK);
  return p;
}

static int blocks(void) {
  int n = 0;
  int64_t cached = lun_cuda_send_cached(&s);
  while (lun_cuda_send_flush(&s)) n++;
  return cached == 0 ? 0 : n ? (int)(cached / BYTES) : -1;
}

/* Steps as the training loop does them: the next batch is sent while a step's kernels wait. _i: which stream runs first, and
** when: 0, 1 at the end, 2, 3 after every step. */
START_TEST(batches_in_turns) {
  reader seen[STEPS];
  void *now = sent(1, BYTES), *next = NULL;
  for (int k = 0; k < STEPS; k++) {
    ck_assert_int_eq(lun_cuda_arrive(c, now), LUN_OK);
    launch(&seen[k], now, BYTES);
    if (k + 1 < STEPS) next = sent(k + 2, BYTES);
    if (_i >= 2) {
      lun_cuda_host_run(_i == 2 ? s.stream : s.copies);
      lun_cuda_host_run(_i == 2 ? s.copies : s.stream);
    }
    lun_cuda_free(c, now, BYTES);
    now = next;
  }
  lun_cuda_host_run(_i ? s.stream : s.copies);
  lun_cuda_host_run(_i ? s.copies : s.stream);
  for (int k = 0; k < STEPS; k++) ck_assert_int_eq(seen[k].found, k + 1);
  ck_assert_int_eq(blocks(), 2);
}
END_TEST

START_TEST(a_transfer_does_not_wait_for_the_running_step) {
  reader first, second;
  void *a = sent(1, BYTES), *b = sent(2, BYTES);
  lun_cuda_free(c, b, BYTES); /* from the step before */
  ck_assert_int_eq(lun_cuda_arrive(c, a), LUN_OK);
  launch(&first, a, BYTES);
  b = sent(3, BYTES);
  lun_cuda_host_run(s.copies);
  ck_assert_int_eq(first.found, -1);
  lun_cuda_free(c, a, BYTES);
  ck_assert_int_eq(lun_cuda_arrive(c, b), LUN_OK);
  launch(&second, b, BYTES);
  lun_cuda_host_run(s.stream);
  ck_assert_int_eq(first.found, 1);
  ck_assert_int_eq(second.found, 3);
  lun_cuda_free(c, b, BYTES);
}
END_TEST

/* Device memory is closed to the host. */
static char byte_of(const void *p, int64_t at) {
  lun_cuda_host.gate(true);
  char b = ((const char *)p)[at];
  lun_cuda_host.gate(false);
  return b;
}

static void overwrite(void *with) { memset(with, 9, BYTES); }

/* Memory that kernels still use becomes a block; a block that was sent and never used becomes memory. _i: copies run first. */
START_TEST(blocks_come_from_the_pool_and_go_back) {
  void *p = NULL, *q = NULL, *block;
  reader seen;
  ck_assert_int_eq(lun_cuda_alloc(c, BYTES, &p), LUN_OK);
  lun_cuda_host_launch(s.stream, overwrite, p);
  lun_cuda_free(c, p, BYTES);
  block = sent(1, BYTES);
  ck_assert_ptr_eq(block, p);
  ck_assert_int_eq(lun_cuda_arrive(c, block), LUN_OK);
  launch(&seen, block, BYTES);
  lun_cuda_free(c, block, BYTES);
  ck_assert_ptr_eq(sent(2, BYTES), block);
  lun_cuda_free(c, block, BYTES);
  ck_assert_int_gt(lun_cuda_cached(c), BYTES);
  lun_cuda_send_flush(&s);
  ck_assert_int_eq(lun_cuda_alloc(c, BYTES, &q), LUN_OK);
  ck_assert_ptr_eq(q, p);
  lun_cuda_host_launch(s.stream, overwrite, q);
  if (_i) lun_cuda_host_run(s.copies);
  lun_cuda_host_run(s.stream);
  lun_cuda_host_run(s.copies);
  ck_assert_int_eq(seen.found, 1);
  ck_assert_int_eq(byte_of(q, 0), 9);
  lun_cuda_free(c, q, BYTES);
}
END_TEST

/* Freed before its bytes are there, while a call fails: whoever gets the memory next writes last. */
START_TEST(a_free_that_fails_keeps_the_order) {
  for (int n = 1; n < 4; n++) {
    void *p = sent(1, BYTES), *q = NULL;
    lun_cuda_host_fail_call(n);
    lun_cuda_free(c, p, BYTES);
    lun_cuda_host_fail_call(0);
    lun_cuda_send_flush(&s);
    ck_assert_int_eq(lun_cuda_alloc(c, BYTES, &q), LUN_OK);
    ck_assert_ptr_eq(q, p);
    lun_cuda_host_launch(s.stream, overwrite, q);
    lun_cuda_host_run(s.stream);
    lun_cuda_host_run(s.copies);
    ck_assert_int_eq(byte_of(q, BYTES - 1), 9);
    lun_cuda_free(c, q, BYTES);
  }
}
END_TEST

START_TEST(one_pause_for_a_batch) {
  void *a = sent(1, BYTES), *b = sent(2, BYTES);
  pauses = 0;
  ck_assert_int_eq(lun_cuda_arrive(c, a), LUN_OK);
  ck_assert_int_eq(lun_cuda_arrive(c, b), LUN_OK);
  ck_assert_int_eq(pauses, 1);
}
END_TEST

START_TEST(nothing_is_kept_where_memory_is_watched) {
  s.exact = true;
  lun_cuda_free(c, sent(1, BYTES), BYTES);
  ck_assert_int_eq(lun_cuda_send_cached(&s), 0);
}
END_TEST

START_TEST(a_block_is_kept_for_its_size) {
  void *a = sent(1, BYTES), *b = sent(2, 1000), *d;
  lun_cuda_free(c, a, BYTES);
  ck_assert_ptr_ne(sent(3, 600), a);
  ck_assert_int_eq(lun_cuda_send_cached(&s), 0); /* what does not fit went back when another was made */
  lun_cuda_free(c, b, 1000);
  d = sent(4, 700);
  ck_assert_ptr_eq(d, b);
  ck_assert_int_eq(lun_cuda_arrive(c, &a), LUN_OK); /* no block: nothing to wait for */
}
END_TEST

/* Every call of CUDA's fails once: a status comes back, and what is sent next is right. */
START_TEST(failures) {
  int failed = 0;
  for (int n = 1; n < 40; n++) {
    void *p = NULL, *q = NULL;
    reader seen;
    lun_cuda_host_fail_call(n);
    int st = send(1, BYTES, &p);
    if (!st) st = lun_cuda_arrive(c, p);
    lun_cuda_host_fail_call(0);
    failed += st != LUN_OK;
    if (st) ck_assert_int_ne(strlen(lun_message(c)), 0);
    if (!p) { /* nothing is on its way into what may be another's memory now */
      void *other = NULL;
      lun_cuda_send_flush(&s);
      ck_assert_int_eq(lun_cuda_alloc(c, BYTES, &other), LUN_OK);
      lun_cuda_host_launch(s.stream, overwrite, other);
      lun_cuda_host_run(s.stream);
      if (s.copies) lun_cuda_host_run(s.copies);
      ck_assert_int_eq(byte_of(other, BYTES - 1), 9);
      lun_cuda_free(c, other, BYTES);
    }
    q = sent(n, BYTES);
    ck_assert_int_eq(lun_cuda_arrive(c, q), LUN_OK);
    launch(&seen, q, BYTES);
    lun_cuda_host_run(s.stream);
    ck_assert_int_eq(seen.found, n);
    lun_cuda_free(c, q, BYTES);
    if (p) lun_cuda_free(c, p, BYTES);
    lun_cuda_host_run(s.stream);
    ck_assert_int_eq(lun_cuda_send_close(&s), cudaSuccess);
    ck_assert_int_eq(lun_cuda_copy_close(&s), cudaSuccess);
    lun_pool_flush(s.pool);
  }
  ck_assert_int_gt(failed, 10);
  ck_assert_int_eq(lun_cuda_host_objects(), 1);
}
END_TEST

START_TEST(short_memory_takes_what_is_kept) {
  void *a = sent(1, BYTES), *p = NULL;
  lun_cuda_free(c, a, BYTES);
  lun_cuda_host_memory(21 << 20);
  ck_assert_int_eq(lun_cuda_alloc(c, 12 << 20, &p), LUN_OK); /* beside the block there are 11 MB */
  ck_assert_int_eq(lun_cuda_send_cached(&s), 0);
  ck_assert_int_eq(lun_cuda_send(c, host, 12 << 20, &a), LUN_EMEM);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "out of memory on cuda"));
  lun_cuda_free(c, p, 12 << 20);
  lun_cuda_flush(c);
  ck_assert_int_eq(lun_cuda_cached(c), 0);
}
END_TEST

Suite *suite_sends(char **ops) {
  (void)ops;
  Suite *suite = suite_create("sends");
  TCase *t = tcase_create("sends");
  tcase_add_checked_fixture(t, open_context, close_context);
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, batches_in_turns, 0, 4);
  tcase_add_test(t, a_transfer_does_not_wait_for_the_running_step);
  tcase_add_loop_test(t, blocks_come_from_the_pool_and_go_back, 0, 2);
  tcase_add_test(t, a_free_that_fails_keeps_the_order);
  tcase_add_test(t, one_pause_for_a_batch);
  tcase_add_test(t, nothing_is_kept_where_memory_is_watched);
  tcase_add_test(t, a_block_is_kept_for_its_size);
  tcase_add_test(t, failures);
  tcase_add_test(t, short_memory_takes_what_is_kept);
  suite_add_tcase(suite, t);
  return suite;
}
