/* stand_ins.c: see stand_ins.h; and the program that runs the suites. */
#include "stand_ins.h"
#include "harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

lun_call call;
int stand_ins_flushes, stand_ins_pauses;
static lun_cuda_state s;

lun_cuda_state *lun_cuda_of(const lun_context *c) {
  (void)c;
  return &s;
}
lun_cuda_dnn **lun_cuda_dnn_slot(lun_context *c) { return &lun_cuda_of(c)->dnn; }
cudaStream_t lun_cuda_bare_stream(const lun_context *c) { return lun_cuda_of(c)->stream; }
cudaStream_t lun_cuda_stream(lun_context *c) { return lun_cuda_of(c)->stream; }
int lun_cuda_pause(lun_context *c, const char *why) {
  (void)c, (void)why;
  stand_ins_pauses++;
  return LUN_OK;
}
int lun_cuda_settled(lun_call *c, const char *what) {
  (void)c, (void)what;
  return LUN_OK;
}
void lun_cuda_flush(lun_context *c) {
  (void)c;
  stand_ins_flushes++;
}
int lun_cuda_alloc(lun_context *c, int64_t bytes, void **out) {
  *out = lun_pool_alloc(s.pool, bytes);
  return *out ? LUN_OK : lun_fail(c, LUN_EMEM, "out of memory");
}
void lun_cuda_free(lun_context *c, void *p, int64_t bytes) {
  (void)c, (void)bytes;
  lun_pool_free(s.pool, p);
}

static bool get(void *self, int64_t bytes, void **out) {
  (void)self;
  size_t size = ((size_t)bytes + LUN_POOL_UNIT - 1) / LUN_POOL_UNIT * LUN_POOL_UNIT;
  *out = aligned_alloc(LUN_POOL_UNIT, size);
  return *out != NULL;
}
static void put(void *self, void *p, int64_t bytes) {
  (void)self, (void)bytes;
  free(p);
}

void stand_ins_open(void) {
  lun_context *c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  lun_memory_limit(c, LUN_CPU, 0); /* workspaces, which nothing touches where plans are not run */
  call = (lun_call){.ctx = c, .op = lun_op_find(c, "conv2d"), .threads = 1, .device = LUN_CPU};
  s = (lun_cuda_state){.c = c};
  s.pool = lun_pool_open((lun_pool_source){.get = get, .put = put, .exact = true});
  ck_assert_ptr_nonnull(s.pool);
  stand_ins_flushes = stand_ins_pauses = 0;
}

void stand_ins_close(void) {
  lun_cuda_dnn_close(s.dnn);
  s.dnn = NULL;
  lun_cuda_blas_close(&s);
  ck_assert_int_eq(lun_pool_read(s.pool).used, 0);
  lun_pool_close(s.pool);
  harness_close(call.ctx);
}

lun_library_host_state *stand_ins_library(const char *name) {
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  ck_assert_msg(library != NULL, "%s", dlerror());
  lun_library_host_state *state = dlsym(library, "lun_library_host");
  ck_assert_msg(state != NULL, "%s is the real one", name);
  dlclose(library);
  return state;
}

static const char *unusable_cudnn(void) {
#ifdef LUN_CUDNN_HOST
  void *library = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  const char *(*why)(void) = NULL;
  if (library) *(void **)(void *)&why = dlsym(library, "lun_library_host_unusable");
  return why ? why() : "what stands in for it was not found";
#else
  return "the headers or the library of 9.8 or newer were not found";
#endif
}

int main(int argc, char **argv) {
  SRunner *r = srunner_create(NULL);
  (void)argc, (void)argv;
  srunner_add_suite(r, suite_products());
  const char *why = unusable_cudnn();
#ifdef LUN_CUDNN_HOST
  if (!why) srunner_add_suite(r, suite_convolutions());
#endif
  if (why) printf("ok 1 - convolutions by cuDNN # SKIP %s\n", why);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r), ran = srunner_ntests_run(r);
  srunner_free(r);
  printf("# %d passed, %d failed\n", ran - failed, failed);
  return failed || !ran;
}
