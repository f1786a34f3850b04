/* open.c: a context is the core joined with the op table that fits this CPU and with the CPU engine. */
#define _GNU_SOURCE /* CPU_COUNT */
#include "core/core.h"
#include "ops/table.h"
#include "cpu/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>

static int available_cpus(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set)) return 1;
  int n = CPU_COUNT(&set);
  return n > 0 ? n : 1;
}

int lun_open(lun_context **out) {
  *out = NULL;
  lun_context *c = calloc(1, sizeof *c);
  if (!c) return LUN_EMEM;
  atomic_store(&c->fail_in, -1);
  if (luni_blocks_open(c)) {
    free(c);
    return LUN_EMEM;
  }
  c->threads = available_cpus();
  c->grad_enabled = true;
  const lun_op *const *rows = luni_choose_table(&c->isa);
  int st = luni_register_ops(c, rows);
  if (st) { /* an op table that does not parse is a mistake in the source: say which row */
    fprintf(stderr, "lunette: %s\n", c->message);
    lun_close(c);
    return st;
  }
  static const lun_backend cpu = {.abi = LUN_BACKEND_ABI, .name = "cpu", .device = LUN_CPU};
  c->backend[LUN_CPU] = &cpu;
  luni_register_kernels(c, LUN_CPU, lun_cpu_kernels());
  *out = c;
  return LUN_OK;
}

void lun_describe_engine(lun_context *c, char *buf, size_t size) { lun_cpu_describe(c, buf, size); }
bool lun_fast_bf16(lun_context *c) { return lun_cpu_fast_bf16(c); }

void **lun_engine_slot(lun_context *c) { return &c->engine; }

void lun_close(lun_context *c) {
  if (!c) return;
  luni_devices_close(c);
  lun_cpu_engine_close(c);
  luni_registry_free(c);
  luni_blocks_close(c);
  free(c);
}
