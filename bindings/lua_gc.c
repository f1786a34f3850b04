/* lua_gc.c: tensor memory under Lua's collector, which sees boxes of a few bytes and not what they hold.
**
** Live bytes are compared with a soft limit before every op; past it the garbage goes first. Scopes free what was made
** inside them without waiting for the collector.
*/
#include "binding.h"
#include "lunette_device.h"

#include <lualib.h>

#define LEAST_LIMIT ((int64_t)256 << 20)

static int64_t live_bytes(lun_context *c) {
  int64_t sum = 0;
  lun_memory m;
  for (int d = 0; d < LUN_NDEVICES; d++) {
    lun_memory_read(c, (lun_device)d, &m);
    sum += m.live_bytes;
  }
  return sum + m.core_bytes; /* many tiny tensors: headers and tape nodes are what grows */
}

static void collect(lua_State *L) {
  lunb_state *st = lunb_get(L);
  lua_gc(L, LUA_GCCOLLECT);
  int64_t left = 2 * live_bytes(st->c);
  st->soft_limit = left > LEAST_LIMIT ? left : LEAST_LIMIT;
}

void lunb_make_room(lua_State *L) {
  lunb_state *st = lunb_get(L);
  if (live_bytes(st->c) > st->soft_limit && lua_gc(L, LUA_GCISRUNNING)) collect(L);
}

bool lunb_retry(lua_State *L, int st) {
  if (st != LUN_EMEM) return false;
  collect(L);
  return true;
}

/* ---- scopes ---- */

#define SCOPE "lunette.scope"

static void leave(lunb_state *st, lunb_scope *s) {
  if (!s->open) return;
  s->open = false;
  st->scope = s->parent;
  while (s->list.next != &s->list) lunb_release(s->list.next);
}

static int scope_close(lua_State *L) {
  leave(lunb_get(L), luaL_checkudata(L, 1, SCOPE));
  return 0;
}

/* A survivor belongs to the next scope of the same coroutine from now on. */
static void rescue(lunb_box *b, lunb_scope *s) {
  if (!b || b->scope != s) return;
  lunb_unlink(b);
  lunb_scope *to = s->parent;
  if (!to || to->L != s->L) return;
  b->scope = to;
  b->prev = to->list.prev;
  b->next = &to->list;
  b->prev->next = b;
  to->list.prev = b;
}

/* To-be-closed rather than pcall: the error handler still sees the frames inside. */
static int scope(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lunb_state *st = lunb_get(L);
  lunb_scope *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (lunb_scope){.parent = st->scope, .L = L, .open = true};
  s->list.prev = s->list.next = &s->list;
  luaL_setmetatable(L, SCOPE);
  lua_insert(L, 1);
  lua_toclose(L, 1);
  st->scope = s;
  lua_call(L, lua_gettop(L) - 2, LUA_MULTRET);
  int top = lua_gettop(L);
  luaL_checkstack(L, 8, "too many results of a scope");
  for (int i = 2; i <= top; i++) {
    rescue(lunb_test(L, i), s);
    if (!lua_istable(L, i)) continue;
    for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) rescue(lunb_test(L, -1), s);
  }
  leave(st, s);
  return top - 1;
}

static int keep(lua_State *L) {
  int n = lua_gettop(L);
  for (int i = 1; i <= n; i++) {
    lunb_check(L, i);
    lunb_unlink(lunb_test(L, i));
  }
  return n;
}

/* Puts a guard that holds `value` under the function on the stack and its arguments, to be closed with them. */
static bool *guard(lua_State *L, const char *type, bool value) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  bool *g = lua_newuserdatauv(L, sizeof *g, 0);
  *g = value;
  luaL_setmetatable(L, type);
  lua_insert(L, 1);
  lua_toclose(L, 1);
  return g;
}

/* ---- gradients off for a while ---- */

#define GRAD "lunette.grad_mode"

static int grad_close(lua_State *L) {
  bool *was = luaL_checkudata(L, 1, GRAD);
  lun_enable_grad(lunb_context(L), *was);
  return 0;
}

static int no_grad(lua_State *L) {
  guard(L, GRAD, lun_grad_enabled(lunb_context(L)));
  lun_enable_grad(lunb_context(L), false);
  lua_call(L, lua_gettop(L) - 2, LUA_MULTRET);
  return lua_gettop(L) - 1;
}

static int grad_enabled(lua_State *L) {
  lua_pushboolean(L, lun_grad_enabled(lunb_context(L)));
  return 1;
}

/* ---- steps ---- */

#define STEP "lunette.device_step"

static int step_close(lua_State *L) {
  bool *open = luaL_checkudata(L, 1, STEP);
  if (!*open) return 0;
  *open = false;
  (void)lun_device_step_end(lunb_context(L)); /* an error is on its way already, and it came first */
  return 0;
}

static int device_step(lua_State *L) {
  bool *open = guard(L, STEP, false);
  lunb_try(L, lun_device_step_begin(lunb_context(L)));
  *open = true;
  lua_call(L, lua_gettop(L) - 2, LUA_MULTRET);
  *open = false;
  lunb_try(L, lun_device_step_end(lunb_context(L)));
  return lua_gettop(L) - 1;
}

/* ---- counters and switches ---- */

static lun_device device_arg(lua_State *L, int i) {
  lun_device d = LUN_CPU;
  if (!lua_isnoneornil(L, i)) lunb_try(L, lun_device_parse(lunb_context(L), luaL_checkstring(L, i), &d));
  return d;
}

static void set(lua_State *L, const char *key, int64_t v) {
  lua_pushinteger(L, v);
  lua_setfield(L, -2, key);
}

static int memory(lua_State *L) {
  lunb_state *st = lunb_get(L);
  lun_memory m;
  lun_device d = device_arg(L, 1);
  lun_memory_read(st->c, d, &m);
  lua_newtable(L);
  set(L, "live_bytes", m.live_bytes);
  set(L, "peak_bytes", m.peak_bytes);
  set(L, "live_blocks", m.live_blocks);
  set(L, "total_blocks", m.total_blocks);
  set(L, "cached_bytes", lun_device_cached(st->c, d));
  set(L, "core_bytes", m.core_bytes);
  set(L, "core_blocks", m.core_blocks);
  set(L, "soft_limit", st->soft_limit);
  set(L, "lua_bytes", (int64_t)lua_gc(L, LUA_GCCOUNT) * 1024 + lua_gc(L, LUA_GCCOUNTB));
  return 1;
}

static int reset_peak(lua_State *L) {
  lun_memory_reset_peak(lunb_context(L), device_arg(L, 1));
  return 0;
}

static int memory_limit(lua_State *L) {
  lun_memory_limit(lunb_context(L), device_arg(L, 2), luaL_checkinteger(L, 1));
  return 0;
}

/* What no tensor holds goes back to the device. */
static int flush_memory(lua_State *L) {
  lun_device d = device_arg(L, 1);
  lua_gc(L, LUA_GCCOLLECT);
  lun_device_flush(lunb_context(L), d);
  return 0;
}

static int synchronize(lua_State *L) {
  lun_device d = device_arg(L, 1);
  lunb_try(L, lun_device_sync(lunb_context(L), d));
  return 0;
}

static int device_graphs(lua_State *L) {
  lun_graphs g;
  lun_device_graphs(lunb_context(L), device_arg(L, 1), &g);
  lua_newtable(L);
  set(L, "steps", g.steps);
  set(L, "launched", g.launched);
  set(L, "made", g.made);
  set(L, "updated", g.updated);
  set(L, "pieces", g.pieces);
  lua_pushstring(L, g.reason);
  lua_setfield(L, -2, "reason");
  return 1;
}

static int fail_allocation(lua_State *L) {
  lun_fail_allocation(lunb_context(L), luaL_checkinteger(L, 1));
  return 0;
}

static int trace_nan(lua_State *L) {
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TBOOLEAN);
  lun_trace_nan(lunb_context(L), lua_toboolean(L, 1), lua_toboolean(L, 2));
  return 0;
}

static void metatable(lua_State *L, const char *name, lua_CFunction close) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
}

void lunb_open_gc(lua_State *L) {
  static const luaL_Reg functions[] = {{"scope", scope},
                                       {"keep", keep},
                                       {"no_grad", no_grad},
                                       {"grad_enabled", grad_enabled},
                                       {"device_step", device_step},
                                       {"device_graphs", device_graphs},
                                       {"memory", memory},
                                       {"reset_peak_memory", reset_peak},
                                       {"memory_limit", memory_limit},
                                       {"flush_memory", flush_memory},
                                       {"synchronize", synchronize},
                                       {NULL, NULL}};
  static const luaL_Reg switches[] = {{"fail_allocation", fail_allocation}, {"trace_nan", trace_nan}, {NULL, NULL}};
  lunb_get(L)->soft_limit = LEAST_LIMIT;
  metatable(L, SCOPE, scope_close);
  metatable(L, GRAD, grad_close);
  metatable(L, STEP, step_close);
  luaL_setfuncs(L, functions, 0);
  luaL_newlib(L, switches);
  lunb_open_profile(L);
  lua_setfield(L, -2, "debug");
}
