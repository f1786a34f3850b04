/* lua_lunette.c: the table `lunette`: what is written in C, and Lua modules fetched on first use, lunette.nn being
** require "lunette.nn".
*/
#include "binding.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

static int lazy(lua_State *L) {
  const char *key = luaL_checkstring(L, 2);
  char name[100];
  snprintf(name, sizeof name, "lunette.%.80s", key);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  bool known = lua_getfield(L, -1, name) != LUA_TNIL || lunb_has_module(name);
  lua_pop(L, 2);
  if (!known) {
    lunb_nearest near = {.word = key};
    char hint[80];
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) lunb_offer(&near, lua_tostring(L, -2));
    lunb_offer_modules(&near);
    return lunb_error(L, "lunette has no field or module '%.40s'%s", key, lunb_hint(&near, hint, sizeof hint));
  }
  lua_getglobal(L, "require");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -2);
  lua_rawset(L, 1);
  return 1;
}

static int is_tensor(lua_State *L) {
  lua_pushboolean(L, lunb_test(L, 1) != NULL);
  return 1;
}

/* threads([n]): how many threads ops use; n sets it. */
static int threads(lua_State *L) {
  lun_context *c = lunb_context(L);
  if (!lua_isnoneornil(L, 1)) {
    lua_Integer n = luaL_checkinteger(L, 1);
    if (n < 1 || n > 1024) lunb_error(L, "threads: expected 1..1024, got %lld", (long long)n);
    lun_set_threads(c, (int)n);
  }
  lua_pushinteger(L, lun_threads(c));
  return 1;
}

/* determinism(["strict"|"fast"]): what lun_set_fast says; sets it where given. */
static int determinism(lua_State *L) {
  static const char *const modes[] = {"strict", "fast"};
  lun_context *c = lunb_context(L);
  if (!lua_isnoneornil(L, 1)) {
    const char *mode = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
    bool fast = !strcmp(mode, modes[1]);
    if (!fast && strcmp(mode, modes[0]))
      lunb_error(L, "determinism: expected \"strict\" or \"fast\", got %s", luaL_tolstring(L, 1, NULL));
    lun_set_fast(c, fast);
  }
  lua_pushstring(L, modes[lun_fast(c)]);
  return 1;
}

/* The op table for help and tools: a list of {name, args, doc, grad, method}. */
static int op_rows(lua_State *L) {
  lun_context *c = lunb_context(L);
  int n = lun_op_count(c);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    const lun_op *op = lun_op_at(c, i);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, lun_op_name(op));
    lua_setfield(L, -2, "name");
    lua_pushstring(L, lun_op_args(op));
    lua_setfield(L, -2, "args");
    lua_pushstring(L, lun_op_doc(op));
    lua_setfield(L, -2, "doc");
    lua_pushboolean(L, lun_op_has_grad(op));
    lua_setfield(L, -2, "grad");
    lua_pushboolean(L, lun_op_is_method(op));
    lua_setfield(L, -2, "method");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* The code and message of the last failure of the runtime, for callers that turn errors into exit codes. */
static int last_error(lua_State *L) {
  static const char *const names[] = {"ok",     "argument", "shape",      "dtype",       "device",     "memory",
                                      "system", "data",     "divergence", "interrupted", "unsupported"};
  lun_context *c = lunb_context(L);
  lua_pushstring(L, names[lun_message_code(c)]);
  lua_pushstring(L, lun_message(c));
  return 2;
}

/* interrupted([clear]): "SIGINT" or "SIGTERM" once one arrived, else nil; clear = true forgets it. */
static int interrupted(lua_State *L) {
  lunb_state *st = lunb_get(L);
  bool clear = lua_toboolean(L, 1);
  if (st->interrupts)
    lua_pushstring(L, st->interrupts == SIGTERM ? "SIGTERM" : "SIGINT");
  else
    lua_pushnil(L);
  if (clear) lunb_clear_interrupt(L);
  return 1;
}

/* defer_interrupts(on): returns what it was. */
static int defer_interrupts(lua_State *L) {
  lunb_state *st = lunb_get(L);
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  lua_pushboolean(L, st->defer);
  st->defer = lua_toboolean(L, 1);
  return 1;
}

static void build_facts(lua_State *L) {
  lua_createtable(L, 0, 4);
  lua_pushstring(L, LUNETTE_COMMIT);
  lua_setfield(L, -2, "commit");
  lua_pushboolean(L, LUNETTE_DIRTY);
  lua_setfield(L, -2, "dirty");
  lua_pushstring(L, LUNETTE_COMPILER);
  lua_setfield(L, -2, "compiler");
  lua_pushstring(L, LUNETTE_BUILD_TYPE);
  lua_setfield(L, -2, "type");
  lua_setfield(L, -2, "build");
}

int luaopen_lunette(lua_State *L) {
  static const luaL_Reg functions[] = {{"is_tensor", is_tensor},
                                       {"threads", threads},
                                       {"determinism", determinism},
                                       {"op_rows", op_rows},
                                       {"last_error", last_error},
                                       {"interrupted", interrupted},
                                       {"defer_interrupts", defer_interrupts},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_pushliteral(L, LUNETTE_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushstring(L, lun_isa(lunb_context(L)));
  lua_setfield(L, -2, "isa");
  build_facts(L);
  lunb_open_tensor(L);
  lunb_open_create(L);
  lunb_open_ops(L);
  lunb_open_gc(L);
  lunb_open_machine(L);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, lazy);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  return 1;
}
