/* lua_error.c: errors with a position scripts can use, and "did you mean". */
#include "binding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The library's own files are embedded under the chunk name "@lunette/..."; the line to show is the caller's. */
static void push_position(lua_State *L) {
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline > 0 && strncmp(ar.source, "@lunette/", 9) != 0) {
      lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
      return;
    }
  }
  luaL_where(L, 1);
}

int lunb_error(lua_State *L, const char *fmt, ...) {
  char text[1200];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  push_position(L);
  lua_pushstring(L, text);
  lua_concat(L, 2);
  lua_error(L);
  __builtin_unreachable();
}

void lunb_try(lua_State *L, int st) {
  if (st == LUN_OK) return;
  if (st == LUN_EINTR) lunb_raise_interrupt(L);
  lunb_error(L, "%s", lun_message(lunb_context(L)));
}

const char *lunb_typename(lua_State *L, int i, char *buf, size_t size) {
  lunb_box *b = lunb_test(L, i);
  switch (lua_type(L, i)) {
  case LUA_TNUMBER: snprintf(buf, size, "the number %.14g", lua_tonumber(L, i)); break;
  case LUA_TSTRING: snprintf(buf, size, "the string \"%.30s\"", lua_tostring(L, i)); break;
  case LUA_TBOOLEAN: snprintf(buf, size, "the boolean %s", lua_toboolean(L, i) ? "true" : "false"); break;
  case LUA_TNIL:
  case LUA_TNONE: snprintf(buf, size, "nothing"); break;
  case LUA_TUSERDATA: snprintf(buf, size, "%s", b ? "a tensor" : "a userdata"); break;
  default: snprintf(buf, size, "a %s", luaL_typename(L, i));
  }
  return buf;
}

/* Edit distance with neighbouring letters swapped counted once; words beyond 40 letters are not worth guessing. */
static int distance(const char *a, const char *b) {
  int n = (int)strlen(a), m = (int)strlen(b);
  int d[42][42];
  if (n > 40 || m > 40) return 99;
  for (int i = 0; i <= n; i++)
    for (int j = 0; j <= m; j++) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      int same = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]), gone = d[i - 1][j] + 1, more = d[i][j - 1] + 1;
      int best = same < gone ? same : gone;
      if (more < best) best = more;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
        best = d[i - 2][j - 2] + 1;
      d[i][j] = best;
    }
  return d[n][m];
}

void lunb_offer(lunb_nearest *n, const char *candidate) {
  if (strlen(candidate) >= sizeof n->best) return;
  int d = distance(n->word, candidate), longest = (int)strlen(n->word);
  int allowed = longest < 4 ? 1 : longest < 8 ? 2 : 3;
  if (d > allowed || (n->best[0] && d >= n->distance)) return;
  n->distance = d;
  strcpy(n->best, candidate);
}

const char *lunb_hint(lunb_nearest *n, char *buf, size_t size) {
  if (n->best[0])
    snprintf(buf, size, " (did you mean '%s'?)", n->best);
  else
    buf[0] = 0;
  return buf;
}

bool lunb_is_options(lua_State *L, int i) {
  if (!lua_istable(L, i)) return false;
  i = lua_absindex(L, i);
  for (lua_pushnil(L); lua_next(L, i);) {
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TSTRING) {
      lua_pop(L, 1);
      return true;
    }
  }
  return false;
}

void lunb_check_keys(lua_State *L, int i, const char *what, const char *const *names) {
  i = lua_absindex(L, i);
  for (lua_pushnil(L); lua_next(L, i);) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) {
      char got[64];
      lunb_error(L, "%s: option names are strings, got %s", what, lunb_typename(L, -1, got, sizeof got));
    }
    const char *key = lua_tostring(L, -1);
    lunb_nearest near = {.word = key};
    bool known = false;
    for (const char *const *n = names; *n && !known; n++) {
      known = strcmp(*n, key) == 0;
      lunb_offer(&near, *n);
    }
    if (!known) {
      char hint[80], all[400] = "";
      for (const char *const *n = names; *n; n++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", n == names ? "" : ", ", *n);
      lunb_error(L, "%s: unknown option '%.40s'%s; options: %s", what, key, lunb_hint(&near, hint, sizeof hint), all);
    }
  }
}
