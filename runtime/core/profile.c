/* profile.c: how often each op runs and how long it takes. The counters lie in the op table of the context.
**
** An op that runs others (a kernel made of ops, a copy that lays an argument out) is charged with its own time alone,
** so that the times of all ops add up to the time spent in ops. */
#include "core.h"

#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void lun_profile(lun_context *c, bool on) {
  c->profile.on = on;
  if (!on) return;
  c->profile.nested = 0;
  for (int i = 0; i < c->nentries; i++) memset(&c->entry[i].profile, 0, sizeof c->entry[i].profile);
}

bool lun_profiling(const lun_context *c) { return c->profile.on; }

lun_op_profile lun_profile_of(const lun_context *c, const lun_op *op) {
  const luni_entry *e = luni_find(c, op->name);
  return e ? e->profile : (lun_op_profile){0};
}

luni_span luni_profile_begin(lun_context *c) {
  luni_span s = {.start = now(), .outer = c->profile.nested};
  c->profile.nested = 0;
  return s;
}

void luni_profile_run(lun_context *c, luni_entry *e, luni_span s) {
  double whole = now() - s.start, own = whole - c->profile.nested;
  c->profile.nested = s.outer + whole;
  if (c->profile.backward)
    e->profile.within++, e->profile.within_seconds += own;
  else
    e->profile.forward++, e->profile.forward_seconds += own;
}

void luni_profile_gradient(lun_context *c, luni_entry *e, luni_span s) {
  c->profile.nested = s.outer;
  e->profile.backward++;
  e->profile.backward_seconds += now() - s.start;
}
