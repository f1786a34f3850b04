/* lua_patterns.c: string.find, match, gmatch and gsub, as the Lua manual's section on patterns defines them, in a form
** that an interrupt can end.
**
** A pattern such as ("a?"):rep(30) .. ("a"):rep(30) tries 2^30 ways. Lua's own matcher is plain C: no hook runs inside,
** and nothing may jump out of it from a signal handler, since that could come in the middle of an allocation. This one
** asks at every step of its backtracking whether a signal came, where all it holds is on the C stack or owned by the
** Lua state, and raises the error there. tests/lua/patterns.lua compares it with Lua's own. */
#define _GNU_SOURCE /* memmem */
#include "binding.h"

#include <lualib.h>

#include <ctype.h>
#include <string.h>

enum { DEEPEST = 200, MOST_CAPTURES = 32, UNFINISHED = -1, POSITION = -2 };

typedef struct {
  lua_State *L;
  lunb_state *interrupts;
  const char *begin, *end; /* the subject */
  const char *pattern_end;
  int depth; /* levels of backtracking still allowed */
  int captures;
  struct {
    const char *at;
    ptrdiff_t size; /* or UNFINISHED, or POSITION */
  } capture[MOST_CAPTURES];
} matcher;

static const char *match(matcher *m, const char *s, const char *p);

/* ---- one character ---- */

static bool in_class(int c, int letter) {
  bool in;
  switch (tolower(letter)) {
  case 'a': in = isalpha(c); break;
  case 'c': in = iscntrl(c); break;
  case 'd': in = isdigit(c); break;
  case 'g': in = isgraph(c); break;
  case 'l': in = islower(c); break;
  case 'p': in = ispunct(c); break;
  case 's': in = isspace(c); break;
  case 'u': in = isupper(c); break;
  case 'w': in = isalnum(c); break;
  case 'x': in = isxdigit(c); break;
  case 'z': in = c == 0; break; /* of older versions, still known */
  default: return letter == c;
  }
  return isupper(letter) ? !in : in;
}

/* The end of the item at p: a character, an escaped one, or a set. */
static const char *item_end(matcher *m, const char *p) {
  char first = *p++;
  if (first == '%') {
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 1;
  }
  if (first != '[') return p;
  if (*p == '^') p++;
  do { /* a ']' that comes first belongs to the set */
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (missing ']')");
    if (*p++ == '%' && p < m->pattern_end) p++;
  } while (*p != ']');
  return p + 1;
}

/* set points at '[', last at its ']'. */
static bool in_set(int c, const char *set, const char *last) {
  bool wanted = true;
  const char *p = set + 1;
  if (*p == '^') {
    wanted = false;
    p++;
  }
  while (p < last) {
    if (*p == '%') {
      if (in_class(c, (unsigned char)p[1])) return wanted;
      p += 2;
    } else if (p[1] == '-' && p + 2 < last) {
      if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) return wanted;
      p += 3;
    } else if ((unsigned char)*p++ == c)
      return wanted;
  }
  return !wanted;
}

static bool one(const matcher *m, const char *s, const char *p, const char *end) {
  if (s >= m->end) return false;
  int c = (unsigned char)*s;
  switch (*p) {
  case '.': return true;
  case '%': return in_class(c, (unsigned char)p[1]);
  case '[': return in_set(c, p, end - 1);
  default: return (unsigned char)*p == c;
  }
}

/* ---- items of more than one character ---- */

static const char *balanced(matcher *m, const char *s, const char *p) {
  if (p + 1 >= m->pattern_end) luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
  if (s >= m->end || *s != p[0]) return NULL;
  int open = 1;
  while (++s < m->end) {
    if (*s == p[1]) {
      if (--open == 0) return s + 1;
    } else if (*s == p[0])
      open++;
  }
  return NULL;
}

static const char *again(matcher *m, const char *s, int digit) {
  int i = digit - '1';
  if (i < 0 || i >= m->captures || m->capture[i].size == UNFINISHED)
    luaL_error(m->L, "invalid capture index %%%d", i + 1);
  size_t size = (size_t)m->capture[i].size; /* of a position: more than there is */
  if ((size_t)(m->end - s) < size || memcmp(m->capture[i].at, s, size)) return NULL;
  return s + size;
}

static bool frontier(matcher *m, const char *s, const char *set, const char *end) {
  int before = s == m->begin ? 0 : (unsigned char)s[-1], after = s == m->end ? 0 : (unsigned char)*s;
  return !in_set(before, set, end - 1) && in_set(after, set, end - 1);
}

static const char *open_capture(matcher *m, const char *s, const char *p, int size) {
  if (m->captures >= MOST_CAPTURES) luaL_error(m->L, "too many captures");
  m->capture[m->captures].at = s;
  m->capture[m->captures].size = size;
  m->captures++;
  const char *found = match(m, s, p);
  if (!found) m->captures--;
  return found;
}

static const char *close_capture(matcher *m, const char *s, const char *p) {
  int i = m->captures - 1;
  while (i >= 0 && m->capture[i].size != UNFINISHED) i--;
  if (i < 0) luaL_error(m->L, "invalid pattern capture");
  m->capture[i].size = s - m->capture[i].at;
  const char *found = match(m, s, p);
  if (!found) m->capture[i].size = UNFINISHED;
  return found;
}

static const char *most(matcher *m, const char *s, const char *p, const char *end) {
  ptrdiff_t n = 0;
  while (one(m, s + n, p, end)) n++;
  for (; n >= 0; n--) {
    const char *found = match(m, s + n, end + 1);
    if (found) return found;
  }
  return NULL;
}

static const char *fewest(matcher *m, const char *s, const char *p, const char *end) {
  for (;; s++) {
    const char *found = match(m, s, end + 1);
    if (found) return found;
    if (!one(m, s, p, end)) return NULL;
  }
}

/* One step of the match of p at s. Either it is decided, and the result is true, *found being the end of the match or
** NULL; or *s and *p have moved on. */
static bool step(matcher *m, const char **s, const char **p, const char **found) {
  const char *at = *p, *here = *s;
  *found = NULL;
  if (*at == '(') {
    bool position = at + 1 < m->pattern_end && at[1] == ')';
    *found = position ? open_capture(m, here, at + 2, POSITION) : open_capture(m, here, at + 1, UNFINISHED);
    return true;
  }
  if (*at == ')') {
    *found = close_capture(m, here, at + 1);
    return true;
  }
  if (*at == '$' && at + 1 == m->pattern_end) {
    *found = here == m->end ? here : NULL;
    return true;
  }
  if (*at == '%' && at + 1 < m->pattern_end) {
    if (at[1] == 'b') {
      *s = balanced(m, here, at + 2);
      *p = at + 4;
      return !*s;
    }
    if (at[1] == 'f') {
      at += 2;
      if (at >= m->pattern_end || *at != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
      *p = item_end(m, at);
      return !frontier(m, here, at, *p);
    }
    if (isdigit((unsigned char)at[1])) {
      *s = again(m, here, at[1]);
      *p = at + 2;
      return !*s;
    }
  }
  const char *end = item_end(m, at);
  char repeat = end < m->pattern_end ? *end : 0;
  if (repeat == '*' || repeat == '-' || repeat == '+') {
    if (repeat == '-')
      *found = fewest(m, here, at, end);
    else if (repeat == '*')
      *found = most(m, here, at, end);
    else if (one(m, here, at, end))
      *found = most(m, here + 1, at, end);
    return true;
  }
  bool fits = one(m, here, at, end);
  if (repeat == '?') {
    if (fits && (*found = match(m, here + 1, end + 1)) != NULL) return true;
    *p = end + 1;
    return false;
  }
  *s = here + 1;
  *p = end;
  return !fits;
}

/* The end of the match of the pattern from p on with the subject from s on; NULL for none. */
static const char *match(matcher *m, const char *s, const char *p) {
  if (m->depth-- == 0) luaL_error(m->L, "pattern too complex");
  if (m->interrupts->signal || m->interrupts->insist) lunb_raise_interrupt(m->L);
  const char *found = NULL;
  for (;;) {
    if (p == m->pattern_end) {
      found = s;
      break;
    }
    if (step(m, &s, &p, &found)) break;
  }
  m->depth++;
  return found;
}

static const char *match_anew(matcher *m, const char *s, const char *p) {
  m->captures = 0;
  m->depth = DEEPEST;
  return match(m, s, p);
}

static matcher matcher_of(lua_State *L, const char *s, size_t n, const char *pattern_end) {
  return (matcher){.L = L, .interrupts = lunb_get(L), .begin = s, .end = s + n, .pattern_end = pattern_end};
}

/* ---- captures ---- */

/* Capture i of the match from s to e; the whole match is the only one where the pattern has none. */
static void push_capture(matcher *m, int i, const char *s, const char *e) {
  if (i >= m->captures) {
    if (i > 0) luaL_error(m->L, "invalid capture index %%%d", i + 1);
    lua_pushlstring(m->L, s, (size_t)(e - s));
    return;
  }
  if (m->capture[i].size == UNFINISHED) luaL_error(m->L, "unfinished capture");
  if (m->capture[i].size == POSITION)
    lua_pushinteger(m->L, m->capture[i].at - m->begin + 1);
  else
    lua_pushlstring(m->L, m->capture[i].at, (size_t)m->capture[i].size);
}

static int push_captures(matcher *m, const char *s, const char *e, bool whole) {
  int n = m->captures == 0 && whole ? 1 : m->captures;
  luaL_checkstack(m->L, n, "too many captures");
  for (int i = 0; i < n; i++) push_capture(m, i, s, e);
  return n;
}

/* ---- find and match ---- */

/* Where to begin, counted from 0; beyond n where that is after the end. */
static size_t first_of(lua_State *L, int i, size_t n) {
  lua_Integer at = luaL_optinteger(L, i, 1);
  if (at > 0) return (lua_Unsigned)at > n ? n + (at - 1 > (lua_Integer)n) : (size_t)at - 1;
  if (at == 0 || at < -(lua_Integer)n) return 0;
  return n - (size_t)-at;
}

static bool is_plain(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p[i] && strchr("^$*+?.([%-", p[i])) return false;
  return true;
}

static int search(lua_State *L, bool find) {
  size_t n, np;
  const char *s = luaL_checklstring(L, 1, &n), *p = luaL_checklstring(L, 2, &np);
  size_t first = first_of(L, 3, n);
  if (first > n) {
    lua_pushnil(L);
    return 1;
  }
  if (find && (lua_toboolean(L, 4) || is_plain(p, np))) {
    const char *at = np ? memmem(s + first, n - first, p, np) : s + first;
    if (!at) {
      lua_pushnil(L);
      return 1;
    }
    lua_pushinteger(L, at - s + 1);
    lua_pushinteger(L, at - s + (lua_Integer)np);
    return 2;
  }
  matcher m = matcher_of(L, s, n, p + np);
  bool anchored = np && *p == '^';
  if (anchored) p++;
  for (const char *from = s + first; from <= m.end; from++) {
    const char *e = match_anew(&m, from, p);
    if (e && find) {
      lua_pushinteger(L, from - s + 1);
      lua_pushinteger(L, e - s);
      return push_captures(&m, from, e, false) + 2;
    }
    if (e) return push_captures(&m, from, e, true);
    if (anchored) break;
  }
  lua_pushnil(L);
  return 1;
}

static int find(lua_State *L) { return search(L, true); }

static int match_one(lua_State *L) { return search(L, false); }

/* ---- gmatch ---- */

typedef struct {
  size_t next, last; /* where to go on, and the end of the latest match, counted from 0; SIZE_MAX: none yet */
} iteration;

static int next_match(lua_State *L) {
  size_t n, np;
  const char *s = lua_tolstring(L, lua_upvalueindex(1), &n), *p = lua_tolstring(L, lua_upvalueindex(2), &np);
  iteration *it = lua_touserdata(L, lua_upvalueindex(3));
  matcher m = matcher_of(L, s, n, p + np);
  for (size_t from = it->next; from <= n; from++) {
    const char *e = match_anew(&m, s + from, p);
    if (!e || (size_t)(e - s) == it->last) continue;
    it->next = it->last = (size_t)(e - s);
    return push_captures(&m, s + from, e, true);
  }
  return 0;
}

static int gmatch(lua_State *L) {
  size_t n;
  luaL_checklstring(L, 1, &n);
  luaL_checkstring(L, 2);
  size_t first = first_of(L, 3, n);
  lua_settop(L, 2);
  iteration *it = lua_newuserdatauv(L, sizeof *it, 0);
  *it = (iteration){first, SIZE_MAX};
  lua_pushcclosure(L, next_match, 3);
  return 1;
}

/* ---- gsub ---- */

static void add_expanded(matcher *m, luaL_Buffer *b, const char *s, const char *e) {
  size_t n;
  const char *text = lua_tolstring(m->L, 3, &n), *end = text + n;
  for (const char *mark; (mark = memchr(text, '%', (size_t)(end - text))) != NULL; text = mark + 2) {
    luaL_addlstring(b, text, (size_t)(mark - text));
    int c = (unsigned char)mark[1]; /* 0 at the end of the text */
    if (c == '%')
      luaL_addchar(b, '%');
    else if (c == '0')
      luaL_addlstring(b, s, (size_t)(e - s));
    else if (isdigit(c)) {
      push_capture(m, c - '1', s, e);
      luaL_tolstring(m->L, -1, NULL);
      lua_remove(m->L, -2);
      luaL_addvalue(b);
    } else
      luaL_error(m->L, "invalid use of '%%' in replacement string");
  }
  luaL_addlstring(b, text, (size_t)(end - text));
}

static void add_replacement(matcher *m, luaL_Buffer *b, const char *s, const char *e, int kind) {
  lua_State *L = m->L;
  if (kind == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(m, s, e, true), 1);
  } else if (kind == LUA_TTABLE) {
    push_capture(m, 0, s, e);
    lua_gettable(L, 3);
  } else {
    add_expanded(m, b, s, e);
    return;
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    luaL_addlstring(b, s, (size_t)(e - s));
  } else if (!lua_isstring(L, -1))
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  else
    luaL_addvalue(b);
}

static int gsub(lua_State *L) {
  size_t n, np;
  const char *s = luaL_checklstring(L, 1, &n), *p = luaL_checklstring(L, 2, &np);
  int kind = lua_type(L, 3);
  luaL_argexpected(L, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION || kind == LUA_TTABLE, 3,
                   "string/function/table");
  lua_Integer most_times = luaL_optinteger(L, 4, (lua_Integer)n + 1), times = 0;
  matcher m = matcher_of(L, s, n, p + np);
  bool anchored = np && *p == '^';
  if (anchored) p++;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  const char *last = NULL;
  while (times < most_times) {
    const char *e = match_anew(&m, s, p);
    if (e && e != last) {
      times++;
      add_replacement(&m, &b, s, e, kind);
      s = last = e;
    } else if (s < m.end)
      luaL_addchar(&b, *s++);
    else
      break;
    if (anchored) break;
  }
  luaL_addlstring(&b, s, (size_t)(m.end - s));
  luaL_pushresult(&b);
  lua_pushinteger(L, times);
  return 2;
}

void lunb_open_patterns(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"find", find}, {"match", match_one}, {"gmatch", gmatch}, {"gsub", gsub}, {NULL, NULL}};
  lua_getglobal(L, LUA_STRLIBNAME);
  lua_createtable(L, 0, 4);
  for (const luaL_Reg *f = functions; f->name; f++) { /* Lua's own, for the comparison */
    lua_getfield(L, -2, f->name);
    lua_setfield(L, -2, f->name);
  }
  lua_setfield(L, LUA_REGISTRYINDEX, "lunette.lua_patterns");
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
