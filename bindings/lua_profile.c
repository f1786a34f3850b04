/* lua_profile.c: lunette.debug.profile(f, ...): what ran while f did, and how long it took. */
#include "binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROFILE "lunette.profile"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int profile_close(lua_State *L) {
  lun_profile(lunb_context(L), false);
  return 0;
}

typedef struct {
  const char *name;
  lun_op_profile p;
} used;

static double seconds_of(const lun_op_profile *p) { return p->forward_seconds + p->within_seconds; }

static int costliest_first(const void *a, const void *b) {
  double x = seconds_of(&((const used *)a)->p), y = seconds_of(&((const used *)b)->p);
  return (x < y) - (x > y);
}

static void number(lua_State *L, const char *key, double v) {
  lua_pushnumber(L, v);
  lua_setfield(L, -2, key);
}

static void count(lua_State *L, const char *key, int64_t n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, key);
}

static void push_row(lua_State *L, const used *u) {
  lua_createtable(L, 0, 8);
  lua_pushstring(L, u->name);
  lua_setfield(L, -2, "op");
  number(L, "seconds", seconds_of(&u->p));
  count(L, "forward", u->p.forward);
  count(L, "backward", u->p.backward);
  count(L, "within", u->p.within);
  number(L, "forward_seconds", u->p.forward_seconds);
  number(L, "backward_seconds", u->p.backward_seconds);
  number(L, "within_seconds", u->p.within_seconds);
}

static void push_rows(lua_State *L, double seconds) {
  lun_context *c = lunb_context(L);
  int n = lun_op_count(c), m = 0;
  used *list = lua_newuserdatauv(L, (size_t)n * sizeof *list, 0);
  for (int i = 0; i < n; i++) {
    const lun_op *op = lun_op_at(c, i);
    lun_op_profile p = lun_profile_of(c, op);
    if (p.forward || p.backward || p.within) list[m++] = (used){lun_op_name(op), p};
  }
  qsort(list, (size_t)m, sizeof *list, costliest_first);
  lua_createtable(L, m, 1);
  for (int i = 0; i < m; i++) {
    push_row(L, &list[i]);
    lua_rawseti(L, -2, i + 1);
  }
  number(L, "seconds", seconds);
  luaL_setmetatable(L, PROFILE);
  lua_remove(L, -2);
}

/* To-be-closed, so that an error in f ends the profile too. */
static int profile(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lun_context *c = lunb_context(L);
  if (lun_profiling(c)) return lunb_error(L, "profile: one is running already; they do not nest");
  lua_newuserdatauv(L, 0, 0);
  luaL_setmetatable(L, PROFILE);
  lua_insert(L, 1);
  lua_toclose(L, 1);
  lun_profile(c, true);
  double start = now();
  lua_call(L, lua_gettop(L) - 2, LUA_MULTRET);
  double seconds = now() - start;
  lun_profile(c, false);
  luaL_checkstack(L, 8, "too many results of a profiled function");
  push_rows(L, seconds);
  lua_insert(L, 2);
  return lua_gettop(L) - 1;
}

/* The number under a key of the table on the top. */
static double field(lua_State *L, const char *key) {
  lua_getfield(L, -1, key);
  double v = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return v;
}

static int profile_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  double whole = field(L, "seconds");
  char line[160];
  snprintf(line, sizeof line, "%-24s %9s %6s %8s %9s %8s %9s %8s %9s", "op", "seconds", "share", "forward", "seconds",
           "backward", "seconds", "within", "seconds");
  lua_pushstring(L, line);
  for (lua_Integer i = 1; lua_rawgeti(L, 1, i) == LUA_TTABLE; i++) {
    lua_getfield(L, -1, "op");
    const char *op = luaL_tolstring(L, -1, NULL);
    lua_remove(L, -2);
    lua_insert(L, -2);
    double s = field(L, "seconds");
    snprintf(line, sizeof line, "\n%-24.40s %9.4f %5.1f%% %8.0f %9.4f %8.0f %9.4f %8.0f %9.4f", op, s,
             whole > 0 ? 100 * s / whole : 0, field(L, "forward"), field(L, "forward_seconds"), field(L, "backward"),
             field(L, "backward_seconds"), field(L, "within"), field(L, "within_seconds"));
    lua_pop(L, 2);
    lua_pushstring(L, line);
    lua_concat(L, 2);
  }
  lua_pop(L, 1);
  snprintf(line, sizeof line, "\nall                      %9.4f", whole);
  lua_pushstring(L, line);
  lua_concat(L, 2);
  return 1;
}

void lunb_open_profile(lua_State *L) {
  static const luaL_Reg meta[] = {{"__close", profile_close}, {"__tostring", profile_tostring}, {NULL, NULL}};
  luaL_newmetatable(L, PROFILE);
  luaL_setfuncs(L, meta, 0);
  lua_pop(L, 1);
  lua_pushcfunction(L, profile);
  lua_setfield(L, -2, "profile");
}
