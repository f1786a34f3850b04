/* lua_index.c: t[i], t[{ {a,b}, {}, i }] and assignment to them. Positions count from 1, ranges include both ends,
** negative positions count from the end.
*/
#include "binding.h"

#include <string.h>

/* What one axis is asked for: one position (the axis goes) or a range (it stays). */
typedef struct {
  bool single;
  int64_t start, stop, step;
} pick;

static int64_t position(lua_State *L, int i, const lun_tensor *t, int axis) {
  char got[64];
  int whole = 0;
  int64_t size = lun_shape(t)[axis], p = lua_tointegerx(L, i, &whole);
  if (!whole || lua_type(L, i) != LUA_TNUMBER)
    lunb_error(L, "index: a position must be a whole number, got %s", lunb_typename(L, i, got, sizeof got));
  if (p == 0) lunb_error(L, "index 0: positions count from 1 (the first is 1, the last is -1)");
  int64_t at = p < 0 ? p + size + 1 : p;
  if (at < 1 || at > size)
    lunb_error(L, "index %lld is outside axis %d, which holds 1..%lld", (long long)p, axis + 1, (long long)size);
  return at;
}

/* The table at i: {} everything, {a} one position, {a,b} or {a,b,step}. */
static pick range(lua_State *L, int i, const lun_tensor *t, int axis) {
  int64_t size = lun_shape(t)[axis];
  lua_Unsigned n = lua_rawlen(L, i);
  pick p = {.start = 1, .stop = size, .step = 1};
  if (n > 3) lunb_error(L, "index: a range is {first, last} or {first, last, step}, got %d numbers", (int)n);
  if (n == 0) return p;
  lua_rawgeti(L, i, 1);
  lua_rawgeti(L, i, 2);
  lua_rawgeti(L, i, 3);
  p.start = p.stop = position(L, -3, t, axis);
  if (n >= 2) p.stop = position(L, -2, t, axis);
  if (n == 3) {
    int whole = 0;
    p.step = lua_tointegerx(L, -1, &whole);
    if (!whole || p.step < 1) lunb_error(L, "index: the step of a range must be a whole number of at least 1");
  }
  lua_pop(L, 3);
  if (p.start > p.stop)
    lunb_error(L, "index: the range %lld..%lld is empty or runs backwards on axis %d", (long long)p.start,
               (long long)p.stop, axis + 1);
  return p;
}

/* Parse the positions at stack index 2. Everything that may raise happens here, before a view exists. */
static int parse(lua_State *L, const lun_tensor *t, pick *picks) {
  int nd = lun_ndim(t);
  char got[64];
  if (nd == 0) lunb_error(L, "index: a tensor without axes cannot be indexed; its number is t:item()");
  if (lua_type(L, 2) == LUA_TNUMBER) {
    int64_t at = position(L, 2, t, 0);
    picks[0] = (pick){true, at, at, 1};
    return 1;
  }
  if (!lua_istable(L, 2))
    lunb_error(L, "index: expected a position or a table such as { {1,3}, {}, 2 }, got %s",
               lunb_typename(L, 2, got, sizeof got));
  int n = (int)lua_rawlen(L, 2);
  if (n > nd) lunb_error(L, "index: %d positions for a tensor of %d axes", n, nd);
  for (int k = 0; k < n; k++) {
    int type = lua_rawgeti(L, 2, k + 1);
    if (type == LUA_TTABLE) {
      picks[k] = range(L, lua_gettop(L), t, k);
    } else {
      int64_t at = position(L, -1, t, k);
      picks[k] = (pick){true, at, at, 1};
    }
    lua_pop(L, 1);
  }
  return n;
}

static int run_view(lun_context *c, const char *name, lun_tensor *t, int n, const int64_t *v, lun_tensor **out) {
  lun_arg args[LUN_MAX_ARGS] = {{.given = true, .t = t}};
  const lun_op *op = lun_op_find(c, name);
  if (!op) return lun_fail(c, LUN_EUNSUPPORTED, "index: this build has no op %s", name);
  for (int i = 0; i < n; i++) args[i + 1] = (lun_arg){.given = true, .i = v[i]};
  return lun_run(c, op, args, out);
}

/* A new reference to the view of t that the picks describe. */
static int view(lun_context *c, lun_tensor *t, const pick *picks, int n, lun_tensor **out) {
  lun_tensor *now = lun_retain(t);
  int st = LUN_OK, axis = 0;
  for (int k = 0; k < n && !st; k++) {
    const pick *p = &picks[k];
    lun_tensor *next = NULL;
    if (p->single)
      st = run_view(c, "select", now, 2, (int64_t[]){axis, p->start}, &next);
    else if (p->start == 1 && p->step == 1 && p->stop == lun_shape(now)[axis])
      next = lun_retain(now);
    else
      st = run_view(c, "narrow", now, 4, (int64_t[]){axis, p->start, p->stop, p->step}, &next);
    if (!p->single) axis++;
    lun_release(now);
    now = next;
  }
  *out = now;
  return st;
}

static bool one_element(const lun_tensor *t, const pick *picks, int n, int64_t *index) {
  if (n != lun_ndim(t)) return false;
  for (int k = 0; k < n; k++) {
    if (!picks[k].single) return false;
    index[k] = picks[k].start - 1;
  }
  return true;
}

int lunb_index(lua_State *L) {
  lun_tensor *t = lunb_check(L, 1);
  pick picks[LUN_MAX_DIMS];
  int64_t index[LUN_MAX_DIMS];
  int n = parse(L, t, picks);
  if (one_element(t, picks, n, index)) {
    lun_dtype d = lun_dtype_of(t);
    double v = 0;
    if (lun_device_of(t) == LUN_CPU) {
      lunb_push_element(L, t, index);
      return 1;
    }
    lunb_try(L, lun_get(t, index, &v));
    if (d == LUN_BOOL)
      lua_pushboolean(L, v != 0);
    else if (d == LUN_I64 || d == LUN_U8)
      lua_pushinteger(L, (lua_Integer)v);
    else
      lua_pushnumber(L, v);
    return 1;
  }
  lunb_box *b = lunb_push(L);
  lunb_try(L, view(lunb_context(L), t, picks, n, &b->t));
  return 1;
}

/* Write v into every element of a view. */
static int fill(lun_context *c, lun_tensor *t, double v) {
  lun_tensor *full = NULL;
  lun_arg args[LUN_MAX_ARGS] = {{.given = true, .t = t}, {.given = true, .f = v}};
  int st = lun_run(c, lun_op_find(c, "full_like"), args, &full);
  if (!st) st = lun_copy(t, full);
  lun_release(full);
  return st;
}

int lunb_assign(lua_State *L) {
  lun_context *c = lunb_context(L);
  lun_tensor *t = lunb_check(L, 1), *from = NULL;
  pick picks[LUN_MAX_DIMS];
  int64_t index[LUN_MAX_DIMS];
  char got[64];
  int n = parse(L, t, picks), type = lua_type(L, 3);
  if (lunb_test(L, 3)) {
    from = lunb_check(L, 3);
  } else if (type == LUA_TTABLE) {
    lunb_from_value(L, 3, lun_dtype_of(t));
    from = lunb_check(L, -1);
  } else if (type != LUA_TNUMBER && type != LUA_TBOOLEAN)
    lunb_error(L, "index: a number, a table of numbers or a tensor can be assigned, got %s",
               lunb_typename(L, 3, got, sizeof got));
  double v = type == LUA_TBOOLEAN ? lua_toboolean(L, 3) : lua_tonumber(L, 3);
  if (!from && one_element(t, picks, n, index)) {
    lunb_try(L, lun_set(t, index, v));
    return 0;
  }
  lunb_box *b = lunb_push(L);
  bool was = lun_enable_grad(c, false);
  int st = view(c, t, picks, n, &b->t);
  if (!st) st = from ? lun_copy(b->t, from) : fill(c, b->t, v);
  lun_enable_grad(c, was);
  lunb_release(b);
  lunb_try(L, st);
  return 0;
}
