/* lua_print.c: tensors as text. A header, the elements (only the edges of every axis beyond 1,000 elements), and where
** there is more than fits a glance: min, mean, max and the number of NaN.
*/
#include "binding.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WHOLE = 1000, EDGE = 3, WIDTH = 100 };

typedef struct {
  luaL_Buffer out;
  lun_tensor *t;
  bool cut;
  int64_t index[LUN_MAX_DIMS];
  char format[16];
  int width;
} printer;

/* The next position of an axis to show after i, skipping the middle of long axes. */
static int64_t following(const printer *p, int64_t i, int64_t n) {
  return p->cut && n > 2 * EDGE && i == EDGE - 1 ? n - EDGE : i + 1;
}

static double at(const printer *p) {
  double v = 0;
  lun_get(p->t, p->index, &v); /* in range by construction */
  return v;
}

typedef struct {
  double least, most; /* magnitudes of what is shown, zeros left out */
  bool whole;
} look;

static void scan(printer *p, int axis, look *l) {
  if (axis == lun_ndim(p->t)) {
    double v = fabs(at(p));
    if (!isfinite(v)) return;
    if (v != floor(v)) l->whole = false;
    if (v > l->most) l->most = v;
    if (v > 0 && v < l->least) l->least = v;
    return;
  }
  int64_t n = lun_shape(p->t)[axis];
  for (int64_t i = 0; i < n; i = following(p, i, n)) {
    p->index[axis] = i;
    scan(p, axis + 1, l);
  }
}

static void choose_format(printer *p) {
  look l = {.least = INFINITY, .whole = true};
  scan(p, 0, &l);
  if (l.whole && l.most < 1e9)
    snprintf(p->format, sizeof p->format, "%%.0f");
  else if (l.most < 1e5 && l.least >= 1e-4)
    snprintf(p->format, sizeof p->format, "%%.4f");
  else
    snprintf(p->format, sizeof p->format, "%%.4e");
  char text[64];
  int digits = snprintf(text, sizeof text, p->format, -l.most);
  p->width = digits < 4 ? 4 : digits;
}

static void row(printer *p, int axis) {
  int64_t n = axis < 0 ? 1 : lun_shape(p->t)[axis];
  char text[64];
  int column = 0;
  for (int64_t i = 0, last = -1; i < n; last = i, i = following(p, i, n)) {
    if (axis >= 0) p->index[axis] = i;
    if (column + p->width + 1 > WIDTH) {
      luaL_addstring(&p->out, "\n   ");
      column = 3;
    }
    if (i != last + 1) luaL_addstring(&p->out, "  ...");
    double v = at(p);
    int k = isnan(v) ? snprintf(text, sizeof text, "nan") : snprintf(text, sizeof text, p->format, v); /* never -nan */
    for (int pad = p->width + 1 - k; pad > 0; pad--) luaL_addchar(&p->out, ' ');
    luaL_addlstring(&p->out, text, (size_t)k);
    column += p->width + 1;
  }
  luaL_addchar(&p->out, '\n');
}

static void slices(printer *p, int axis) {
  int nd = lun_ndim(p->t);
  if (axis >= nd - 1) {
    row(p, axis);
    return;
  }
  if (axis == nd - 2 && nd > 2) {
    char text[32];
    luaL_addchar(&p->out, '(');
    for (int i = 0; i < axis; i++) {
      snprintf(text, sizeof text, "%lld,", (long long)p->index[i] + 1);
      luaL_addstring(&p->out, text);
    }
    luaL_addstring(&p->out, ".,.)\n");
  }
  int64_t n = lun_shape(p->t)[axis];
  for (int64_t i = 0, last = -1; i < n; last = i, i = following(p, i, n)) {
    p->index[axis] = i;
    if (i != last + 1) luaL_addstring(&p->out, "  ...\n");
    slices(p, axis + 1);
  }
}

static void statistics(printer *p) {
  double least = INFINITY, most = -INFINITY, sum = 0;
  int64_t n = lun_count(p->t), nans = 0, nd = lun_ndim(p->t);
  memset(p->index, 0, sizeof p->index);
  for (int64_t i = 0; i < n; i++) {
    double v = at(p);
    if (isnan(v))
      nans++;
    else {
      if (v < least) least = v;
      if (v > most) most = v;
      sum += v;
    }
    for (int64_t a = nd - 1; a >= 0 && ++p->index[a] == lun_shape(p->t)[a]; a--) p->index[a] = 0;
  }
  char text[160];
  if (nans < n)
    snprintf(text, sizeof text, "min %.6g  mean %.6g  max %.6g  NaN %lld", least, sum / (double)(n - nans), most,
             (long long)nans);
  else
    snprintf(text, sizeof text, "NaN %lld", (long long)nans);
  luaL_addstring(&p->out, text);
}

static const char *long_name(lun_dtype d) {
  static const char *const names[LUN_NDTYPES] = {"float32", "bfloat16", "float16", "float64", "int64", "uint8", "bool"};
  return names[d];
}

int lunb_tostring(lua_State *L) {
  lunb_box *b = lunb_test(L, 1);
  if (!b || !b->t) {
    lua_pushliteral(L, "tensor (freed)");
    return 1;
  }
  printer p = {.t = lunb_host(L, b->t)};
  int nd = lun_ndim(p.t);
  int64_t n = lun_count(p.t);
  char text[64];
  p.cut = n > WHOLE;
  choose_format(&p);
  luaL_buffinit(L, &p.out);
  luaL_addstring(&p.out, long_name(lun_dtype_of(p.t)));
  luaL_addstring(&p.out, " [");
  for (int i = 0; i < nd; i++) {
    snprintf(text, sizeof text, i ? "x%lld" : "%lld", (long long)lun_shape(p.t)[i]);
    luaL_addstring(&p.out, text);
  }
  luaL_addstring(&p.out, "] ");
  luaL_addstring(&p.out, lun_device_name(lun_device_of(b->t)));
  if (lun_requires_grad(b->t)) luaL_addstring(&p.out, lun_is_leaf(b->t) ? " requires_grad" : " has_graph");
  luaL_addchar(&p.out, '\n');
  if (n > 0) slices(&p, nd ? 0 : -1);
  if (n > 16)
    statistics(&p);
  else if (n > 0)
    luaL_buffsub(&p.out, 1); /* no newline at the end */
  luaL_pushresult(&p.out);
  return 1;
}
