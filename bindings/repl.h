/* repl.h: the interactive session. */
#ifndef LUNB_REPL_H
#define LUNB_REPL_H

#include <lua.h>

int lunb_repl(lua_State *L); /* returns the exit code */

#endif
