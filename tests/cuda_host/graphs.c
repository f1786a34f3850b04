/* graphs.c: device/graph.c over the graphs of graphs_host.cpp: when work runs, what is counted, what a failure does. */
#include "suites.h"
#include "cuda_host_state.h"
#include "device/graph.h"
#include "harness.h"

#include <check.h>
#include <string.h>

enum { N = 8 };

static lun_context *c;
static lun_call call;
static lun_cuda_graph *g;
static float x[N], y[N];

static struct cuda_host_stream *before_launch(lun_context *of) {
  (void)of;
  lun_cuda_graph_launching(c, g);
  return NULL;
}

static void open_context(void) {
  c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  call = (lun_call){.ctx = c, .op = lun_op_find(c, "add"), .threads = 1};
  g = lun_cuda_graph_open(NULL, NULL);
  ck_assert_ptr_nonnull(g);
  lun_cuda_host.stream = before_launch;
  for (int i = 0; i < N; i++) x[i] = (float)i, y[i] = -1;
}

static void close_context(void) {
  lun_cuda_host_fail_call(0);
  lun_cuda_host.stream = NULL;
  lun_cuda_graph_close(g);
  ck_assert_int_eq(lun_cuda_host.graphs, 0);
  harness_close(c);
}

/* n kernels, each of which turns y round from x: y[0] says whether one has run. */
static void launch(int n) {
  y[0] = -1;
  for (int i = 0; i < n; i++) ck_assert_int_eq(planted_reverse(&call, x, y, N, true), LUN_OK);
}

static bool has_run(void) { return y[0] == x[N - 1]; }

static int step(int n) {
  ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
  launch(n);
  return lun_cuda_graph_end(c, g);
}

static lun_graphs counters(void) {
  lun_graphs s;
  lun_cuda_graph_read(g, &s);
  return s;
}

START_TEST(outside_a_step_and_in_the_first_one_work_runs_at_once) {
  launch(1);
  ck_assert(has_run());
  ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
  launch(2);
  ck_assert(has_run());
  ck_assert_int_eq(lun_cuda_graph_end(c, g), LUN_OK);
  lun_graphs s = counters();
  ck_assert_int_eq(s.steps, 1);
  ck_assert_int_eq(s.launched, 0);
  ck_assert_str_eq(s.reason, "a first step is launched one by one");
}
END_TEST

START_TEST(later_steps_are_one_graph_with_new_arguments) {
  step(3);
  for (int k = 0; k < 4; k++) {
    x[N - 1] = 100 + (float)k;
    ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
    launch(3);
    ck_assert(!has_run());
    ck_assert(lun_cuda_host_recording());
    ck_assert_int_eq(lun_cuda_graph_end(c, g), LUN_OK);
    ck_assert(has_run());
  }
  lun_graphs s = counters();
  ck_assert_int_eq(s.steps, 5);
  ck_assert_int_eq(s.launched, 4);
  ck_assert_int_eq(s.made, 1);
  ck_assert_int_eq(s.updated, 3);
  ck_assert_int_eq(s.pieces, 1);
  ck_assert_str_eq(s.reason, "");
}
END_TEST

START_TEST(a_pause_submits_and_the_next_launch_records_again) {
  step(1);
  for (int k = 0; k < 3; k++) {
    ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
    launch(2);
    ck_assert_int_eq(lun_cuda_graph_pause(c, g, "a copy to the host"), LUN_OK);
    ck_assert(has_run());
    launch(1);
    ck_assert(!has_run());
    ck_assert_int_eq(lun_cuda_graph_end(c, g), LUN_OK);
    ck_assert(has_run());
  }
  lun_graphs s = counters();
  ck_assert_int_eq(s.pieces, 2);
  ck_assert_int_eq(s.made, 2);
  ck_assert_int_eq(s.updated, 4);
  ck_assert_str_eq(s.reason, "a copy to the host");
}
END_TEST

START_TEST(a_step_inside_a_step_is_part_of_it) {
  step(1);
  ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
  launch(1);
  ck_assert_int_eq(lun_cuda_graph_pause(c, g, "a copy to the host"), LUN_OK);
  ck_assert_int_eq(step(1), LUN_OK);
  ck_assert(!has_run());
  ck_assert_int_eq(lun_cuda_graph_end(c, g), LUN_OK);
  ck_assert(has_run());
  ck_assert_int_eq(counters().steps, 2);
  ck_assert_int_eq(counters().pieces, 2);
  ck_assert_str_eq(counters().reason, "a copy to the host");
  ck_assert_int_eq(lun_cuda_graph_end(c, g), LUN_EARG);
}
END_TEST

START_TEST(a_step_with_other_launches_makes_a_graph_of_its_own) {
  step(1);
  step(2);
  ck_assert_int_eq(step(3), LUN_OK);
  ck_assert(has_run());
  lun_graphs s = counters();
  ck_assert_int_eq(s.made, 2);
  ck_assert_int_eq(s.updated, 0);
  ck_assert_int_eq(s.pieces, 1);
}
END_TEST

START_TEST(steps_that_always_differ_are_recorded_no_longer) {
  for (int k = 1; k < 30; k++) {
    ck_assert_int_eq(step(k), LUN_OK);
    ck_assert(has_run());
  }
  lun_graphs s = counters();
  ck_assert_int_lt(s.launched, 12);
  ck_assert_str_eq(s.reason, "steps differ in what they launch");
}
END_TEST

START_TEST(a_step_with_many_pauses_ends_one_by_one) {
  step(1);
  ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
  for (int k = 0; k < 100; k++) {
    launch(1);
    ck_assert_int_eq(lun_cuda_graph_pause(c, g, "a copy to the host"), LUN_OK);
    ck_assert(has_run());
  }
  ck_assert_int_eq(lun_cuda_graph_end(c, g), LUN_OK);
  ck_assert_str_eq(counters().reason, "it pauses too often");
}
END_TEST

/* The device begins while the host still records, soonest where it has nothing to do. */
START_TEST(a_long_step_is_submitted_in_pieces) {
  static const int fills[] = {16, 32, 64, 64};
  step(1);
  for (int k = 0; k < 3; k++) {
    ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
    for (int paused = 0; paused < 2; paused++) {
      launch(1);
      for (int i = 0; i < 4; i++) {
        launch(fills[i] - 1);
        ck_assert(!has_run());
        launch(1);
        ck_assert(has_run()); /* those before it */
      }
      if (!paused) ck_assert_int_eq(lun_cuda_graph_pause(c, g, "a copy to the host"), LUN_OK);
    }
    ck_assert_int_eq(lun_cuda_graph_end(c, g), LUN_OK);
    ck_assert(has_run());
    ck_assert_int_eq(counters().pieces, 10);
    ck_assert_str_eq(counters().reason, "a graph holds 16, then 32, then 64 launches");
  }
  ck_assert_int_eq(counters().made, 10);
  ck_assert_int_eq(counters().updated, 20);
}
END_TEST

START_TEST(a_piece_that_fails_in_the_middle_is_told_at_the_next_pause_or_end) {
  for (int call_that_fails = 1; call_that_fails < 4; call_that_fails++)
    for (int paused = 0; paused < 2; paused++) {
      lun_cuda_graph_close(g);
      g = lun_cuda_graph_open(NULL, NULL);
      step(1);
      ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
      launch(16);
      lun_cuda_host_fail_call(call_that_fails);
      lun_cuda_host.fail_more = call_that_fails == 2; /* a graph is asked for twice */
      launch(3);
      lun_cuda_host.fail_more = 0;
      lun_cuda_host_fail_call(0);
      if (paused) ck_assert_int_ne(lun_cuda_graph_pause(c, g, "a copy to the host"), LUN_OK);
      ck_assert_int_eq(lun_cuda_graph_end(c, g) != LUN_OK, !paused);
      ck_assert_ptr_nonnull(strstr(lun_message(c), "an error of the test"));
      ck_assert_int_eq(step(1), LUN_OK);
    }
}
END_TEST

/* That another piece fits does not count. */
START_TEST(a_piece_that_always_differs_ends_the_recording) {
  step(1);
  for (int k = 1; k < 30; k++) {
    ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
    launch(k);
    ck_assert_int_eq(lun_cuda_graph_pause(c, g, "a copy to the host"), LUN_OK);
    launch(1);
    ck_assert_int_eq(lun_cuda_graph_end(c, g), LUN_OK);
    ck_assert(has_run());
  }
  ck_assert_str_eq(counters().reason, "steps differ in what they launch");
}
END_TEST

static int two_pieces(int second) {
  ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
  launch(2);
  ck_assert_int_eq(lun_cuda_graph_pause(c, g, "a copy to the host"), LUN_OK);
  launch(second);
  return lun_cuda_graph_end(c, g);
}

/* The seventh call makes the second piece's graph; memory is short once, or also after the first one's was given back. */
START_TEST(a_graph_is_asked_for_once_more_when_memory_is_short) {
  for (int more = 0; more < 2; more++) {
    lun_cuda_graph_close(g);
    g = lun_cuda_graph_open(NULL, NULL);
    step(1);
    lun_cuda_host_fail_call(7);
    lun_cuda_host.fail_more = more;
    ck_assert_int_eq(two_pieces(3), more ? LUN_EMEM : LUN_OK);
    lun_cuda_host.fail_more = 0;
    lun_cuda_host_fail_call(0);
    ck_assert_int_eq(has_run(), !more);
    ck_assert_int_eq(lun_cuda_host.graphs, !more);
    ck_assert_int_eq(two_pieces(3), LUN_OK);
    ck_assert_int_eq(counters().made, more ? 4 : 3);
  }
}
END_TEST

START_TEST(what_fails_while_memory_is_given_back_is_told_later) {
  step(1);
  ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
  launch(1);
  lun_cuda_host_fail_call(1);
  lun_cuda_graph_drain(c, g, "memory is given back");
  lun_cuda_host_fail_call(0);
  launch(1);
  ck_assert_int_ne(lun_cuda_graph_end(c, g), LUN_OK);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "recording a graph: an error of the test"));
  ck_assert_int_eq(step(1), LUN_OK);
}
END_TEST

START_TEST(what_is_off_stays_off_and_says_why) {
  lun_cuda_graph_close(g);
  g = lun_cuda_graph_open(NULL, "the test wants none");
  step(1);
  ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
  launch(1);
  ck_assert(has_run());
  ck_assert_int_eq(lun_cuda_graph_end(c, g), LUN_OK);
  ck_assert_int_eq(counters().launched, 0);
  ck_assert_str_eq(counters().reason, "the test wants none");
}
END_TEST

START_TEST(a_recording_that_never_ends_is_dropped) {
  step(1);
  ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
  launch(1);
  ck_assert_int_eq(lun_cuda_host.graphs, 1);
}
END_TEST

/* Three steps of two pieces, with each call failing in turn: an error that names what failed, or the work has run. */
START_TEST(every_call_may_fail) {
  int errors = 0, fine = 0;
  for (int n = 1; n < 40; n++) {
    lun_cuda_graph_close(g);
    g = lun_cuda_graph_open(NULL, NULL);
    step(1);
    lun_cuda_host_fail_call(n);
    bool failed = false;
    for (int k = 0; k < 3 && !failed; k++) {
      ck_assert_int_eq(lun_cuda_graph_begin(c, g), LUN_OK);
      launch(1);
      failed = lun_cuda_graph_pause(c, g, "a copy to the host") != LUN_OK;
      if (!failed) ck_assert(has_run());
      if (!failed) launch(2);
      if (lun_cuda_graph_end(c, g)) failed = true;
      if (!failed) ck_assert(has_run());
    }
    if (failed) {
      ck_assert_ptr_nonnull(strstr(lun_message(c), "an error of the test"));
      ck_assert_ptr_nonnull(strstr(lun_message(c), "LUNETTE_CUDA_GRAPH=0"));
    }
    errors += failed;
    fine += !failed;
    lun_cuda_host_fail_call(0);
    ck_assert_int_eq(step(1), LUN_OK);
    ck_assert(has_run());
  }
  ck_assert_int_gt(errors, 8);
  ck_assert_int_gt(fine, 8);
}
END_TEST

Suite *suite_graphs(char **ops) {
  (void)ops;
  Suite *s = suite_create("graphs");
  TCase *t = tcase_create("graphs");
  tcase_add_checked_fixture(t, open_context, close_context);
  tcase_add_test(t, outside_a_step_and_in_the_first_one_work_runs_at_once);
  tcase_add_test(t, later_steps_are_one_graph_with_new_arguments);
  tcase_add_test(t, a_pause_submits_and_the_next_launch_records_again);
  tcase_add_test(t, a_step_inside_a_step_is_part_of_it);
  tcase_add_test(t, a_step_with_other_launches_makes_a_graph_of_its_own);
  tcase_add_test(t, steps_that_always_differ_are_recorded_no_longer);
  tcase_add_test(t, a_step_with_many_pauses_ends_one_by_one);
  tcase_add_test(t, a_long_step_is_submitted_in_pieces);
  tcase_add_test(t, a_piece_that_fails_in_the_middle_is_told_at_the_next_pause_or_end);
  tcase_add_test(t, a_piece_that_always_differs_ends_the_recording);
  tcase_add_test(t, a_graph_is_asked_for_once_more_when_memory_is_short);
  tcase_add_test(t, what_fails_while_memory_is_given_back_is_told_later);
  tcase_add_test(t, what_is_off_stays_off_and_says_why);
  tcase_add_test(t, a_recording_that_never_ends_is_dropped);
  tcase_add_test(t, every_call_may_fail);
  suite_add_tcase(s, t);
  return s;
}
