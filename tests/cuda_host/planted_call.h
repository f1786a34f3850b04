/* planted_call.h: a context and a call for the tests of planted.cu's kernels. */
#ifndef CUDA_HOST_PLANTED_CALL_H
#define CUDA_HOST_PLANTED_CALL_H

#include "cuda_host_state.h"
#include "harness.h"

#include <check.h>

static lun_context *c;
static lun_call call;

static void open_context(void) {
  c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  call = (lun_call){.ctx = c, .op = lun_op_find(c, "add"), .threads = 1};
}

static void close_context(void) {
  lun_cuda_host.reversed = false;
  harness_close(c);
}

#endif
