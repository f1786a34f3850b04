/* test_optable.c: every op of the table under every check of opcheck.h; one libcheck test per op and check, so that a
** crash in one says which and hides no other. LUNETTE_TEST_OPS in the environment: only ops whose names begin with one of
** its words.
*/
#include "opcheck.h"
#include "ops/table.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

static int op_count(void) {
  int n = 0;
  while (lun_table_baseline[n]) n++;
  return n;
}

/* _i counts the rows of one check after those of another. */
START_TEST(row_and_check) {
  const opcheck *check = &opchecks[_i / op_count()];
  lun_context *c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  const lun_op *op = lun_op_at(c, _i % op_count());
  lun_memory before, after;
  report r = {0};
  lun_memory_read(c, LUN_CPU, &before);
  check->run(c, op, &r);
  lun_memory_read(c, LUN_CPU, &after);
  if (after.live_blocks != before.live_blocks || after.core_blocks != before.core_blocks)
    report_add(&r, "%s: %lld storages and %lld core objects leaked", op->name,
               (long long)(after.live_blocks - before.live_blocks),
               (long long)(after.core_blocks - before.core_blocks));
  harness_close(c);
  if (r.count) ck_abort_msg("%s: %d findings\n%s", check->claim, r.count, r.text);
}
END_TEST

static bool wanted(const char *op) {
  const char *words = getenv("LUNETTE_TEST_OPS");
  if (!words) return true;
  for (size_t n; words += strspn(words, " "), (n = strcspn(words, " ")) > 0; words += n)
    if (!strncmp(words, op, n)) return true;
  return false;
}

Suite *suite_optable(void) {
  Suite *s = suite_create("optable");
  int n = op_count();
  for (int i = 0; opchecks[i].run; i++) {
    TCase *t = tcase_create(opchecks[i].claim);
    tcase_set_timeout(t, 300);
    for (int k = 0; k < n; k++)
      if (wanted(lun_table_baseline[k]->name)) tcase_add_loop_test(t, row_and_check, i * n + k, i * n + k + 1);
    suite_add_tcase(s, t);
  }
  return s;
}
