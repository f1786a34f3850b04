/* lua_ops.c: every row of the op table as a function of lunette.ops, and as a tensor method where the row says so;
** the operators. Arguments are read as the row's signature says, first by position, then by name from a last table.
*/
#include "binding.h"

#include <stdio.h>
#include <string.h>

/* What a call reads before it runs. */
typedef struct {
  const lun_op *op;
  const lun_signature *sig;
  lun_arg arg[LUN_MAX_ARGS];
  int stack[LUN_MAX_ARGS]; /* where the value of each argument lies, 0: not given */
} reading;

static int wrong(lua_State *L, const reading *r, int k, const char *expected, int i) {
  char got[64];
  return lunb_error(L, "%s: argument %d, %s, must be %s, got %s", lun_op_name(r->op), k + 1, r->sig->arg[k].name,
                    expected, lunb_typename(L, i, got, sizeof got));
}

static int64_t whole(lua_State *L, const reading *r, int k, int i, const char *expected) {
  int ok = 0;
  int64_t v = lua_type(L, i) == LUA_TNUMBER ? lua_tointegerx(L, i, &ok) : 0;
  if (!ok) wrong(L, r, k, expected, i);
  return v;
}

/* A number where add, eq, maximum and the like take a second tensor: a tensor without axes, like the other operand. */
static lun_tensor *scalar(lua_State *L, lua_Number v, const lun_tensor *like) {
  lun_context *c = lunb_context(L);
  lun_dtype d = like ? lun_dtype_of(like) : LUN_F32;
  lun_device dev = like ? lun_device_of(like) : LUN_CPU;
  lunb_box *b = lunb_push(L);
  int st = lun_empty(c, d, dev, 0, NULL, &b->t);
  if (lunb_retry(L, st)) st = lun_empty(c, d, dev, 0, NULL, &b->t);
  lunb_try(L, st);
  lunb_try(L, lun_set(b->t, (int64_t[]){0}, v));
  return b->t;
}

static bool takes_numbers(const lun_signature *s) {
  return s->nargs == 2 && s->arg[0].type == LUN_ARG_ANY && s->arg[1].type == LUN_ARG_ANY;
}

static lun_tensor *read_tensor(lua_State *L, reading *r, int k, int i) {
  lunb_box *b = lunb_test(L, i);
  if (b) return lunb_live(L, b);
  if (lua_type(L, i) == LUA_TNUMBER && takes_numbers(r->sig)) {
    int other = r->stack[1 - k];
    lunb_box *o = other ? lunb_test(L, other) : NULL;
    if (o) return scalar(L, lua_tonumber(L, i), lunb_live(L, o));
  }
  wrong(L, r, k, "a tensor", i);
  return NULL;
}

static void read_list(lua_State *L, reading *r, int k, int i) {
  lun_arg *a = &r->arg[k];
  if (!lua_istable(L, i)) wrong(L, r, k, "a list of tensors", i);
  int n = (int)lua_rawlen(L, i);
  lun_tensor **v = lua_newuserdatauv(L, (size_t)(n ? n : 1) * sizeof *v, 0); /* stays on the stack during the call */
  for (int j = 0; j < n; j++) {
    lua_rawgeti(L, i, j + 1);
    lunb_box *b = lunb_test(L, -1);
    char got[64];
    if (!b)
      lunb_error(L, "%s: %s[%d] must be a tensor, got %s", lun_op_name(r->op), r->sig->arg[k].name, j + 1,
                 lunb_typename(L, -1, got, sizeof got));
    v[j] = lunb_live(L, b);
    lua_pop(L, 1);
  }
  a->list.v = v;
  a->list.n = n;
}

static void read_ints(lua_State *L, reading *r, int k, int i, int count) {
  lun_arg *a = &r->arg[k];
  const char *expected = "whole numbers, as a table or one after the other";
  bool table = lua_istable(L, i);
  int n = table ? (int)lua_rawlen(L, i) : count;
  if (n > LUN_MAX_DIMS)
    lunb_error(L, "%s: %s takes at most %d numbers, got %d", lun_op_name(r->op), r->sig->arg[k].name, LUN_MAX_DIMS, n);
  for (int j = 0; j < n; j++) {
    if (table) lua_rawgeti(L, i, j + 1);
    a->ints.v[j] = whole(L, r, k, table ? lua_gettop(L) : i + j, expected);
    if (table) lua_pop(L, 1);
  }
  a->ints.n = n;
}

/* Read argument k from the stack; count > 1: so many numbers lie there. */
static void read_arg(lua_State *L, reading *r, int k, int i, int count) {
  const lun_param *p = &r->sig->arg[k];
  lun_arg *a = &r->arg[k];
  a->given = true;
  switch (p->type) {
  case LUN_ARG_TENSOR:
  case LUN_ARG_IMAGE:
  case LUN_ARG_ANY: a->t = read_tensor(L, r, k, i); break;
  case LUN_ARG_TENSORS: read_list(L, r, k, i); break;
  case LUN_ARG_INT: a->i = whole(L, r, k, i, "a whole number"); break;
  case LUN_ARG_INDEX:
    a->i = whole(L, r, k, i, "an axis, a whole number");
    if (a->i == 0)
      lunb_error(L, "%s: %s is 0, but axes count from 1 (the first is 1, the last is -1)", lun_op_name(r->op), p->name);
    if (a->i > 0) a->i--;
    break;
  case LUN_ARG_FLOAT:
    if (lua_type(L, i) != LUA_TNUMBER) wrong(L, r, k, "a number", i);
    a->f = lua_tonumber(L, i);
    break;
  case LUN_ARG_BOOL:
    if (lua_type(L, i) != LUA_TBOOLEAN) wrong(L, r, k, "true or false", i);
    a->b = lua_toboolean(L, i);
    break;
  case LUN_ARG_STRING:
    if (lua_type(L, i) != LUA_TSTRING) wrong(L, r, k, "a string", i);
    a->s = lua_tostring(L, i);
    break;
  case LUN_ARG_INTS: read_ints(L, r, k, i, count); break;
  case LUN_ARG_DTYPE: a->d = lunb_check_dtype(L, i, lun_op_name(r->op)); break;
  }
}

static const char *list_args(const reading *r, char *buf, size_t size) {
  buf[0] = 0;
  for (int k = 0; k < r->sig->nargs; k++)
    snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", k ? ", " : "", r->sig->arg[k].name);
  return buf;
}

/* The table at i is options where it has names for keys; {} is options where no list is expected. */
static bool options_at(lua_State *L, int i, const reading *r, int k) {
  if (!lua_istable(L, i)) return false;
  if (lunb_is_options(L, i)) return true;
  if (k < r->sig->nargs && (r->sig->arg[k].type == LUN_ARG_INTS || r->sig->arg[k].type == LUN_ARG_TENSORS))
    return false;
  return lua_rawlen(L, i) == 0;
}

/* Leaves every named value on the stack so that strings and lists stay alive during the call. */
static void find_named(lua_State *L, reading *r, int i) {
  char all[400], hint[80];
  for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    if (!key)
      lunb_error(L, "%s: the last table must hold options by name (%s) and nothing else", lun_op_name(r->op),
                 list_args(r, all, sizeof all));
    lunb_nearest near = {.word = key};
    int k = 0;
    for (; k < r->sig->nargs && strcmp(r->sig->arg[k].name, key) != 0; k++) lunb_offer(&near, r->sig->arg[k].name);
    if (k == r->sig->nargs)
      lunb_error(L, "%s: unknown option '%.40s'%s; arguments: %s", lun_op_name(r->op), key,
                 lunb_hint(&near, hint, sizeof hint), list_args(r, all, sizeof all));
    if (r->stack[k]) lunb_error(L, "%s: %s is given twice, by position and by name", lun_op_name(r->op), key);
  }
  for (int k = 0; k < r->sig->nargs; k++) {
    if (r->stack[k]) continue;
    if (lua_getfield(L, i, r->sig->arg[k].name) == LUA_TNIL)
      lua_pop(L, 1);
    else
      r->stack[k] = lua_gettop(L);
  }
}

static void read_call(lua_State *L, reading *r) {
  int top = lua_gettop(L), count[LUN_MAX_ARGS] = {0}, i = 1, k = 0;
  luaL_checkstack(L, 2 * LUN_MAX_ARGS + 8, lun_op_name(r->op));
  for (; i <= top; i++, k++) {
    if (i == top && options_at(L, i, r, k)) {
      find_named(L, r, i);
      break;
    }
    if (k == r->sig->nargs) {
      char all[400];
      lunb_error(L, "%s: takes %d argument%s (%s), got %d", lun_op_name(r->op), r->sig->nargs,
                 r->sig->nargs == 1 ? "" : "s", list_args(r, all, sizeof all), top);
    }
    if (lua_isnil(L, i)) continue;
    r->stack[k] = i;
    count[k] = 1;
    if (r->sig->arg[k].type == LUN_ARG_INTS && lua_type(L, i) == LUA_TNUMBER)
      while (i < top && lua_type(L, i + 1) == LUA_TNUMBER) i++, count[k]++;
  }
  for (k = 0; k < r->sig->nargs; k++)
    if (r->stack[k]) read_arg(L, r, k, r->stack[k], count[k]);
}

/* Run with the arguments read; pushes the outputs. */
static int run(lua_State *L, const reading *r) {
  lun_context *c = lunb_context(L);
  lun_tensor *outs[LUN_MAX_OUTS];
  lunb_box *box[LUN_MAX_OUTS];
  int n = r->sig->nouts;
  lunb_make_room(L);
  for (int k = 0; k < n; k++) box[k] = lunb_push(L);
  int st = lun_run(c, r->op, r->arg, outs);
  if (lunb_retry(L, st)) st = lun_run(c, r->op, r->arg, outs);
  lunb_try(L, st);
  for (int k = 0; k < n; k++) box[k]->t = outs[k];
  return n;
}

static int call(lua_State *L) {
  reading r = {.op = lua_touserdata(L, lua_upvalueindex(1)), .sig = lua_touserdata(L, lua_upvalueindex(2))};
  read_call(L, &r);
  return run(L, &r);
}

/* ---- operators ---- */

static int operator_binary(lua_State *L) {
  reading r = {.op = lua_touserdata(L, lua_upvalueindex(1)), .sig = lua_touserdata(L, lua_upvalueindex(2))};
  lua_settop(L, 2);
  r.stack[0] = 1;
  r.stack[1] = 2;
  for (int k = 0; k < 2; k++) read_arg(L, &r, k, k + 1, 1);
  return run(L, &r);
}

static int operator_unary(lua_State *L) {
  reading r = {.op = lua_touserdata(L, lua_upvalueindex(1)), .sig = lua_touserdata(L, lua_upvalueindex(2))};
  lua_settop(L, 1); /* Lua passes the operand twice */
  read_arg(L, &r, 0, 1, 1);
  return run(L, &r);
}

/* ---- registration ---- */

static int unknown_op(lua_State *L) {
  lun_context *c = lunb_context(L);
  const char *key = luaL_tolstring(L, 2, NULL);
  lunb_nearest near = {.word = key};
  char hint[80];
  for (int i = 0; i < lun_op_count(c); i++) lunb_offer(&near, lun_op_name(lun_op_at(c, i)));
  return lunb_error(L, "unknown op '%.40s'%s; `lunette help ops` lists them", key, lunb_hint(&near, hint, sizeof hint));
}

static bool push_op(lua_State *L, const lun_op *op, lua_CFunction f) {
  if (!op) return false;
  lua_pushlightuserdata(L, (void *)op);
  lua_pushlightuserdata(L, (void *)lun_op_signature(lunb_context(L), op));
  lua_pushcclosure(L, f, 2);
  return true;
}

static void operators(lua_State *L) {
  static const struct {
    const char *event, *op;
    lua_CFunction f;
  } rows[] = {{"__add", "add", operator_binary}, {"__sub", "sub", operator_binary}, {"__mul", "mul", operator_binary},
              {"__div", "div", operator_binary}, {"__pow", "pow", operator_binary}, {"__unm", "neg", operator_unary}};
  lua_rawgetp(L, LUA_REGISTRYINDEX, lunb_get(L)->tensor_meta);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (push_op(L, lun_op_find(lunb_context(L), rows[i].op), rows[i].f)) lua_setfield(L, -2, rows[i].event);
  lua_pop(L, 1);
}

void lunb_open_ops(lua_State *L) {
  lun_context *c = lunb_context(L);
  int n = lun_op_count(c);
  lua_createtable(L, 0, n);
  lua_getfield(L, LUA_REGISTRYINDEX, "lunette.methods");
  for (int i = 0; i < n; i++) {
    const lun_op *op = lun_op_at(c, i);
    push_op(L, op, call);
    if (lun_op_is_method(op)) {
      lua_pushvalue(L, -1);
      lua_setfield(L, -3, lun_op_name(op));
    }
    lua_setfield(L, -3, lun_op_name(op));
  }
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, unknown_op);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "ops");
  operators(L);
}
