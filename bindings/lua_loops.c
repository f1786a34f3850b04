/* lua_loops.c: string.rep and table.move as Lua has them, but with an ear for interrupts: ("").rep("", 1 << 60) and
** table.move({}, 1, 1 << 60, 2) are slips of a key away, and Lua's own would not come back.
*/
#include "binding.h"

#include <lualib.h>

#include <string.h>

enum { EVERY = 1 << 14 }; /* rounds between two looks */

static int rep(lua_State *L) {
  size_t n, between;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_Integer times = luaL_checkinteger(L, 2);
  const char *separator = luaL_optlstring(L, 3, "", &between);
  if (times <= 0 || n + between == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  size_t most = SIZE_MAX < LUA_MAXINTEGER ? SIZE_MAX : (size_t)LUA_MAXINTEGER;
  if (n > most - between || n + between > most / (size_t)times) return luaL_error(L, "resulting string too large");
  luaL_Buffer b;
  char *to = luaL_buffinitsize(L, &b, (size_t)times * n + (size_t)(times - 1) * between);
  for (lua_Integer i = 1; i <= times; i++) {
    memcpy(to, s, n);
    to += n;
    if (i == times) break;
    memcpy(to, separator, between);
    to += between;
    if (i % EVERY == 0) lunb_poll(L);
  }
  luaL_pushresultsize(&b, (size_t)times * n + (size_t)(times - 1) * between);
  return 1;
}

/* A table, or what its metatable lets one read or write as if it were. */
static void check_access(lua_State *L, int i, const char *event) {
  if (lua_istable(L, i)) return;
  if (luaL_getmetafield(L, i, event) == LUA_TNIL) luaL_checktype(L, i, LUA_TTABLE);
  lua_pop(L, 1);
}

static int move(lua_State *L) {
  lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3), to = luaL_checkinteger(L, 4);
  int into = lua_isnoneornil(L, 5) ? 1 : 5;
  check_access(L, 1, "__index");
  check_access(L, into, "__newindex");
  if (last >= first) {
    luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
    lua_Integer n = last - first + 1;
    luaL_argcheck(L, to <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
    bool upwards = to > last || to <= first || (into != 1 && !lua_compare(L, 1, into, LUA_OPEQ));
    for (lua_Integer k = 0; k < n; k++) {
      lua_Integer i = upwards ? k : n - 1 - k;
      lua_geti(L, 1, first + i);
      lua_seti(L, into, to + i);
      if (k % EVERY == 0) lunb_poll(L);
    }
  }
  lua_pushvalue(L, into);
  return 1;
}

void lunb_open_loops(lua_State *L) {
  lua_getglobal(L, LUA_STRLIBNAME);
  lua_pushcfunction(L, rep);
  lua_setfield(L, -2, "rep");
  lua_getglobal(L, LUA_TABLIBNAME);
  lua_pushcfunction(L, move);
  lua_setfield(L, -2, "move");
  lua_pop(L, 2);
}
