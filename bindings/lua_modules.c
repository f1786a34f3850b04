/* lua_modules.c: where `require` finds what is part of the program: C modules of modules.def, the Lua library embedded
** in the binary, and, before the embedded copy, the folder named by LUNETTE_PATH (which holds lunette/).
*/
#include "binding.h"
#include "embedded.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE(name, open) int open(lua_State *L);
#include "modules.def"
#undef MODULE

/* "lunette.nn" is lunette/nn.lua or lunette/nn/init.lua; `form` has one %s for the name with slashes. */
static void module_path(const char *form, const char *name, char *buf, size_t size) {
  char slashed[200];
  snprintf(slashed, sizeof slashed, "%s", name);
  for (char *p = slashed; *p; p++)
    if (*p == '.') *p = '/';
  snprintf(buf, size, form, slashed);
}

static const char *const forms[] = {"%s.lua", "%s/init.lua", NULL};

static const lunb_file *find_embedded(const char *name, char *path, size_t size) {
  for (const char *const *f = forms; *f; f++) {
    module_path(*f, name, path, size);
    for (const lunb_file *e = lunb_embedded; e->path; e++)
      if (!strcmp(e->path, path)) return e;
  }
  return NULL;
}

static bool find_override(const char *name, char *path, size_t size) {
  const char *root = getenv("LUNETTE_PATH");
  if (!root || !*root || strncmp(name, "lunette", 7) != 0) return false;
  for (const char *const *f = forms; *f; f++) {
    char inside[240];
    module_path(*f, name, inside, sizeof inside);
    if (snprintf(path, size, "%s/%s", root, inside) < (int)size && access(path, R_OK) == 0) return true;
  }
  return false;
}

bool lunb_has_module(const char *name) {
  char path[4096];
  return strlen(name) < 190 && (find_override(name, path, sizeof path) || find_embedded(name, path, sizeof path));
}

void lunb_offer_modules(lunb_nearest *n) {
  for (const lunb_file *e = lunb_embedded; e->path; e++) {
    char name[100];
    const char *inside = e->path + strlen("lunette/"), *end = strchr(inside, '/');
    if (!end) end = strstr(inside, ".lua");
    if (!end || end - inside >= (int)sizeof name) continue;
    snprintf(name, sizeof name, "%.*s", (int)(end - inside), inside);
    lunb_offer(n, name);
  }
}

int lunb_searcher(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  char path[4096];
  if (strlen(name) >= 190) {
    lua_pushliteral(L, "no embedded module has so long a name");
    return 1;
  }
  if (find_override(name, path, sizeof path)) {
    if (luaL_loadfile(L, path) != LUA_OK) return lua_error(L);
    lua_pushstring(L, path);
    return 2;
  }
  const lunb_file *e = find_embedded(name, path, sizeof path);
  if (!e) {
    lua_pushfstring(L, "no embedded module '%s'", name);
    return 1;
  }
  char chunk[260];
  snprintf(chunk, sizeof chunk, "@%s", e->path);
  if (luaL_loadbufferx(L, e->text, (size_t)(e->end - e->text), chunk, "t") != LUA_OK) return lua_error(L);
  lua_pushstring(L, chunk);
  return 2;
}

void lunb_open_modules(lua_State *L) {
  static const luaL_Reg c_modules[] = {
#define MODULE(name, open) {name, open},
#include "modules.def"
#undef MODULE
      {NULL, NULL}};
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  luaL_setfuncs(L, c_modules, 0);
  lua_pop(L, 1);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) { /* after preload, before files */
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, lunb_searcher);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 2);
}
