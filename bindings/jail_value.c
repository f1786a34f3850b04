/* jail_value.c: a recipe's value as bytes and back.
**
**   value = 0 false | 1 true | 2 integer, 8 bytes | 3 finite number, 8 bytes | 4 string: length in 4 bytes, bytes
**         | 5 table: pairs in 4 bytes, then key and value of each | and what a recipe may not hold: 6 something that is
** no
**         data | 7 string that is too long: its length in 8 bytes | 8 nan | 9 inf | 10 -inf | 11 table that lies too
** deep
**         | 12 nil, which only the whole value can be
**
** Writer and reader count alike: one pair beyond LUNB_JAIL_KEYS is kept, so that the program sees there are too many.
*/
#include "jail.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

enum { IS_FALSE, IS_TRUE, INTEGER, NUMBER, STRING, TABLE, NO_DATA, LONG_STRING, IS_NAN, INF, MINUS_INF, DEEP, NIL };

/* ---- writing ---- */

typedef struct {
  uint8_t *at, *end;
  int64_t keys; /* that may still come */
  bool full;
} writer;

static void put(writer *w, const void *bytes, size_t n) {
  if (n > (size_t)(w->end - w->at)) w->full = true;
  if (w->full) return;
  memcpy(w->at, bytes, n);
  w->at += n;
}

static void put_number(writer *w, uint64_t v, int bytes) {
  uint8_t b[8];
  for (int i = 0; i < bytes; i++) b[i] = (uint8_t)(v >> 8 * i);
  put(w, b, (size_t)bytes);
}

static void put_tag(writer *w, int tag) { put_number(w, (uint64_t)tag, 1); }

/* A key, for sorting. Strings are not copied: their table holds them. */
typedef struct {
  int type;
  bool integer;
  double number;
  lua_Integer i;
  const char *s;
  size_t length;
} key;

static bool before(const key *a, const key *b) {
  if (a->type != b->type) return a->type < b->type;
  if (a->type != LUA_TSTRING) {
    if (a->number != b->number) return a->number < b->number;
    return a->integer && b->integer && a->i < b->i;
  }
  int order = memcmp(a->s, b->s, a->length < b->length ? a->length : b->length);
  return order ? order < 0 : a->length < b->length;
}

/* The C library's qsort asks the system for the size of memory. */
static void sort(key *k, int64_t n) {
  int64_t gap = 1;
  while (gap < n / 3) gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3)
    for (int64_t i = gap; i < n; i++) {
      key moved = k[i];
      int64_t j = i;
      for (; j >= gap && before(&moved, &k[j - gap]); j -= gap) k[j] = k[j - gap];
      k[j] = moved;
    }
}

static key read_key(lua_State *L, int i) {
  key k = {.type = lua_type(L, i), .integer = lua_isinteger(L, i)};
  if (k.type == LUA_TSTRING)
    k.s = lua_tolstring(L, i, &k.length);
  else if (k.type == LUA_TNUMBER)
    k.number = lua_tonumber(L, i), k.i = lua_tointeger(L, i);
  else if (k.type == LUA_TBOOLEAN)
    k.number = lua_toboolean(L, i);
  return k;
}

static void push_key(lua_State *L, const key *k) {
  if (k->type == LUA_TSTRING)
    lua_pushlstring(L, k->s, k->length);
  else if (k->type == LUA_TBOOLEAN)
    lua_pushboolean(L, k->number != 0);
  else if (k->integer)
    lua_pushinteger(L, k->i);
  else
    lua_pushnumber(L, k->number);
}

static void encode(lua_State *L, writer *w, int depth);

static void encode_pair(lua_State *L, writer *w, int depth) { /* of key and value on the top, takes off the value */
  lua_pushvalue(L, -2);
  encode(L, w, LUNB_JAIL_DEPTH);
  encode(L, w, depth + 1);
}

/* Keys that are themselves tables or functions differ in their addresses alone; the program refuses the first it sees.
 */
static void encode_table(lua_State *L, writer *w, int depth) {
  luaL_checkstack(L, 6, "table");
  int table = lua_gettop(L);
  lua_Integer positions = (lua_Integer)lua_rawlen(L, table), there = 0;
  int64_t named = 0, odd = 0, n = 0;
  for (lua_Integer i = 1; i <= positions && there <= LUNB_JAIL_KEYS; i++) {
    there += lua_rawgeti(L, table, i) != LUA_TNIL;
    lua_pop(L, 1);
  }
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    int type = lua_type(L, -2);
    if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= positions) continue;
    if (type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN)
      named++;
    else
      odd = 1;
  }
  key *keys = lua_newuserdatauv(L, (size_t)named * sizeof(key), 0);
  for (lua_pushnil(L); named && lua_next(L, table); lua_pop(L, 1)) {
    key k = read_key(L, -2);
    if (k.integer && k.i >= 1 && k.i <= positions) continue;
    if (k.type == LUA_TSTRING || k.type == LUA_TNUMBER || k.type == LUA_TBOOLEAN) keys[n++] = k;
  }
  sort(keys, n);

  int64_t left = there + named + odd < w->keys ? there + named + odd : w->keys;
  w->keys -= left;
  put_tag(w, TABLE);
  put_number(w, (uint64_t)left, 4);
  if (odd && left > 0) {
    put_tag(w, NO_DATA);
    put_tag(w, IS_TRUE);
    left--;
  }
  for (lua_Integer i = 1; i <= positions && left > 0 && !w->full; i++) {
    lua_pushinteger(L, i);
    if (lua_rawgeti(L, table, i) != LUA_TNIL) {
      encode_pair(L, w, depth);
      left--;
    } else
      lua_pop(L, 1);
    lua_pop(L, 1);
  }
  for (int64_t i = 0; i < named && left > 0 && !w->full; i++, left--) {
    push_key(L, &keys[i]);
    lua_pushvalue(L, -1);
    lua_rawget(L, table);
    encode_pair(L, w, depth);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Takes the value off the top. */
static void encode(lua_State *L, writer *w, int depth) {
  size_t length;
  const char *s;
  lua_Number x;
  uint64_t bits;
  switch (lua_type(L, -1)) {
  case LUA_TNIL: put_tag(w, NIL); break;
  case LUA_TBOOLEAN: put_tag(w, lua_toboolean(L, -1) ? IS_TRUE : IS_FALSE); break;
  case LUA_TNUMBER:
    x = lua_tonumber(L, -1);
    if (lua_isinteger(L, -1)) {
      put_tag(w, INTEGER);
      put_number(w, (uint64_t)lua_tointeger(L, -1), 8);
    } else if (isfinite(x)) {
      memcpy(&bits, &x, sizeof bits);
      put_tag(w, NUMBER);
      put_number(w, bits, 8);
    } else
      put_tag(w, isnan(x) ? IS_NAN : x > 0 ? INF : MINUS_INF);
    break;
  case LUA_TSTRING:
    s = lua_tolstring(L, -1, &length);
    put_tag(w, length > LUNB_JAIL_STRING ? LONG_STRING : STRING);
    put_number(w, length, length > LUNB_JAIL_STRING ? 8 : 4);
    if (length <= LUNB_JAIL_STRING) put(w, s, length);
    break;
  case LUA_TTABLE:
    if (depth < LUNB_JAIL_DEPTH)
      encode_table(L, w, depth);
    else
      put_tag(w, DEEP);
    break;
  default: put_tag(w, NO_DATA);
  }
  lua_pop(L, 1);
}

size_t lunb_jail_encode(lua_State *L, uint8_t *out, size_t room) {
  writer w = {.at = out, .end = out + room, .keys = LUNB_JAIL_KEYS + 1};
  lua_pushvalue(L, -1);
  encode(L, &w, 0);
  return w.full ? 0 : (size_t)(w.at - out);
}

/* ---- reading: nothing is believed ---- */

typedef struct {
  const uint8_t *at, *end;
  int64_t keys;
  const char *wrong; /* the first thing that is */
} reader;

static bool refuse(reader *r, const char *what) {
  if (!r->wrong) r->wrong = what;
  return false;
}

static bool get_number(reader *r, int bytes, uint64_t *v) {
  *v = 0;
  if (r->end - r->at < bytes) return refuse(r, "it ends too early");
  for (int i = 0; i < bytes; i++) *v |= (uint64_t)*r->at++ << 8 * i;
  return true;
}

static int no_data(lua_State *L) { return luaL_error(L, "this stands for something that a recipe may not hold"); }

static int long_string_text(lua_State *L) {
  uint64_t *length = lua_touserdata(L, 1);
  lua_pushfstring(L, "a string of %I bytes; at most %d are allowed", (LUAI_UACINT)*length, LUNB_JAIL_STRING);
  return 1;
}

/* A string of which only the length came: a userdata whose text is the complaint. */
static void push_long_string(lua_State *L, uint64_t length) {
  *(uint64_t *)lua_newuserdatauv(L, sizeof length, 0) = length;
  if (luaL_newmetatable(L, "lunette.jail.long_string")) {
    lua_pushcfunction(L, long_string_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
}

static bool decode(lua_State *L, reader *r, int depth, bool is_key);

static bool decode_table(lua_State *L, reader *r, int depth) {
  uint64_t pairs;
  if (!get_number(r, 4, &pairs)) return false;
  if (pairs > (uint64_t)r->keys) return refuse(r, "it has too many keys");
  if (pairs > (uint64_t)(r->end - r->at) / 2) return refuse(r, "it ends too early");
  r->keys -= (int64_t)pairs;
  luaL_checkstack(L, 6, "table");
  lua_newtable(L);
  for (; pairs > 0; pairs--) {
    if (!decode(L, r, depth, true)) return false;
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TNIL) return refuse(r, "it has a key twice");
    lua_pop(L, 1);
    if (!decode(L, r, depth + 1, false)) return false;
    lua_rawset(L, -3);
  }
  return true;
}

static bool decode_string(lua_State *L, reader *r) {
  uint64_t length;
  if (!get_number(r, 4, &length)) return false;
  if (length > LUNB_JAIL_STRING) return refuse(r, "it has too long a string");
  if (length > (uint64_t)(r->end - r->at)) return refuse(r, "it ends too early");
  lua_pushlstring(L, (const char *)r->at, (size_t)length);
  r->at += length;
  return true;
}

/* Pushes one value, or says what is wrong; what is on the stack then does not matter. */
static bool decode(lua_State *L, reader *r, int depth, bool is_key) {
  uint64_t tag, v;
  double x;
  if (!get_number(r, 1, &tag)) return false;
  switch (tag) {
  case IS_FALSE:
  case IS_TRUE: lua_pushboolean(L, tag == IS_TRUE); return true;
  case INTEGER:
    if (!get_number(r, 8, &v)) return false;
    lua_pushinteger(L, (lua_Integer)v);
    return true;
  case NUMBER:
    if (!get_number(r, 8, &v)) return false;
    memcpy(&x, &v, sizeof x);
    if (!isfinite(x)) return refuse(r, "it has a number that is not finite");
    lua_pushnumber(L, x);
    return true;
  case STRING: return decode_string(L, r);
  case TABLE:
    if (is_key || depth >= LUNB_JAIL_DEPTH) return refuse(r, "it has a table where none may be");
    return decode_table(L, r, depth);
  case NO_DATA:
    if (is_key)
      lua_newtable(L); /* one that equals no other key */
    else
      lua_pushcfunction(L, no_data);
    return true;
  case LONG_STRING:
    if (!get_number(r, 8, &v)) return false;
    if (v <= LUNB_JAIL_STRING || v > LUNB_JAIL_MEMORY) return refuse(r, "it has a string of impossible length");
    push_long_string(L, v);
    return true;
  case IS_NAN:
    if (is_key) return refuse(r, "it has a key that is not a number");
    lua_pushnumber(L, (lua_Number)NAN);
    return true;
  case INF:
  case MINUS_INF: lua_pushnumber(L, tag == INF ? (lua_Number)INFINITY : -(lua_Number)INFINITY); return true;
  case DEEP:
    if (is_key || depth < LUNB_JAIL_DEPTH) return refuse(r, "it has a table where none may be");
    lua_newtable(L);
    return true;
  case NIL:
    if (is_key || depth > 0) return refuse(r, "it has a nil where none may be");
    lua_pushnil(L);
    return true;
  default: return refuse(r, "it has a value of no known kind");
  }
}

const char *lunb_jail_decode(lua_State *L, const uint8_t *bytes, size_t size) {
  int top = lua_gettop(L);
  reader r = {.at = bytes, .end = bytes + size, .keys = LUNB_JAIL_KEYS + 1};
  luaL_checkstack(L, 4, "value");
  if (decode(L, &r, 0, false) && r.at != r.end) refuse(&r, "something follows it");
  if (r.wrong) lua_settop(L, top);
  return r.wrong;
}
