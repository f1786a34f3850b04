#ifndef LUNETTE_LUA_SYS_H
#define LUNETTE_LUA_SYS_H

#include <lua.h>

/* The module `lunette.sys`: the few system calls that the Lua library needs and stock Lua lacks.
 * Every function returns its value, or nil, a message that names the path, and the errno name ("ENOSPC"). */
int luaopen_lunette_sys(lua_State *L);

#endif
