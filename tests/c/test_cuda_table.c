/* test_cuda_table.c: every op has a CUDA kernel or says why not. Names only; tests/cuda_host runs the kernels. */
#include "core/op.h"
#include "ops/table.h"
#include "suites.h"

#include <string.h>

static const char *const kernels[] = {
#define KERNEL(op) #op,
#include "cuda/kernels.def"
#undef KERNEL
    NULL};

static const lun_op *row_of(const char *name) {
  for (int i = 0; lun_table_baseline[i]; i++)
    if (!strcmp(lun_table_baseline[i]->name, name)) return lun_table_baseline[i];
  return NULL;
}

static bool listed(const char *const *names, const char *name) {
  for (; *names; names++)
    if (!strcmp(*names, name)) return true;
  return false;
}

START_TEST(every_op_has_a_kernel_or_a_reason) {
  for (int i = 0; lun_table_baseline[i]; i++) {
    const lun_op *op = lun_table_baseline[i];
    bool kernel = listed(kernels, op->name);
    if (op->no_cuda)
      ck_assert_msg(!kernel && op->no_cuda[0], "%s: says why it has no CUDA kernel, and cuda/kernels.def names it too",
                    op->name);
    else
      ck_assert_msg(kernel, "%s: cuda/kernels.def does not name it, and its row does not say why (no_cuda)", op->name);
  }
}
END_TEST

START_TEST(every_kernel_is_an_op_s_and_named_once) {
  for (int i = 0; kernels[i]; i++) {
    ck_assert_msg(row_of(kernels[i]), "cuda/kernels.def: no op is named %s", kernels[i]);
    ck_assert_msg(!listed(kernels + i + 1, kernels[i]), "cuda/kernels.def: %s is named twice", kernels[i]);
  }
}
END_TEST

Suite *suite_cuda_table(void) {
  Suite *s = suite_create("cuda_table");
  TCase *t = tcase_create("cuda_table");
  tcase_add_test(t, every_op_has_a_kernel_or_a_reason);
  tcase_add_test(t, every_kernel_is_an_op_s_and_named_once);
  suite_add_tcase(s, t);
  return s;
}
