/* lua_tensor.c: the metatable of tensors: fields, methods that are not ops, the release of memory. */
#include "binding.h"
#include "lunette_device.h"

#include <string.h>

lun_dtype lunb_check_dtype(lua_State *L, int i, const char *what) {
  lun_dtype d;
  char got[64];
  if (lua_type(L, i) != LUA_TSTRING || lun_dtype_parse(lua_tostring(L, i), &d))
    lunb_error(L, "%s: dtype must be one of \"f32\", \"bf16\", \"f16\", \"f64\", \"i64\", \"u8\", \"bool\", got %s",
               what, lunb_typename(L, i, got, sizeof got));
  return d;
}

/* ---- release ---- */

static int tensor_gc(lua_State *L) {
  lunb_box *b = lunb_test(L, 1);
  if (b) lunb_release(b);
  return 0;
}

/* ---- what a tensor is ---- */

static int tensor_shape(lua_State *L) {
  lun_tensor *t = lunb_check(L, 1);
  int nd = lun_ndim(t);
  if (!lua_isnoneornil(L, 2)) {
    lua_Integer axis = luaL_checkinteger(L, 2), a = axis < 0 ? axis + nd + 1 : axis;
    if (a < 1 || a > nd)
      lunb_error(L, "shape: axis must be 1..%d (or -%d..-1), got %lld%s", nd, nd, (long long)axis,
                 axis == 0 ? "; axes count from 1" : "");
    lua_pushinteger(L, lun_shape(t)[a - 1]);
    return 1;
  }
  lua_createtable(L, nd, 0);
  for (int i = 0; i < nd; i++) {
    lua_pushinteger(L, lun_shape(t)[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int tensor_ndim(lua_State *L) {
  lua_pushinteger(L, lun_ndim(lunb_check(L, 1)));
  return 1;
}

static int tensor_numel(lua_State *L) {
  lua_pushinteger(L, lun_count(lunb_check(L, 1)));
  return 1;
}

static int tensor_dtype(lua_State *L) {
  lua_pushstring(L, lun_dtype_name(lun_dtype_of(lunb_check(L, 1))));
  return 1;
}

static int tensor_device(lua_State *L) {
  lua_pushstring(L, lun_device_name(lun_device_of(lunb_check(L, 1))));
  return 1;
}

static int tensor_is_dense(lua_State *L) {
  lua_pushboolean(L, lun_is_dense(lunb_check(L, 1)));
  return 1;
}

static int tensor_is_leaf(lua_State *L) {
  lua_pushboolean(L, lun_is_leaf(lunb_check(L, 1)));
  return 1;
}

static int tensor_len(lua_State *L) {
  lun_tensor *t = lunb_check(L, 1);
  if (lun_ndim(t) == 0) lunb_error(L, "#: a tensor without axes has no length; its number is t:item()");
  lua_pushinteger(L, lun_shape(t)[0]);
  return 1;
}

/* ---- elements as Lua values ---- */

void lunb_push_element(lua_State *L, const lun_tensor *t, const int64_t *index) {
  int64_t at = 0;
  for (int i = 0; i < lun_ndim(t); i++) at += index[i] * lun_stride(t)[i];
  double v = 0;
  switch (lun_dtype_of(t)) {
  case LUN_I64: lua_pushinteger(L, ((const int64_t *)lun_data(t))[at]); break;
  case LUN_U8: lua_pushinteger(L, ((const uint8_t *)lun_data(t))[at]); break;
  case LUN_BOOL: lua_pushboolean(L, ((const uint8_t *)lun_data(t))[at]); break;
  default: lunb_try(L, lun_get((lun_tensor *)t, index, &v)); lua_pushnumber(L, v);
  }
}

lun_tensor *lunb_host(lua_State *L, lun_tensor *t) {
  if (lun_device_of(t) == LUN_CPU) {
    lua_pushnil(L);
    return t;
  }
  lunb_box *host = lunb_push(L);
  lunb_try(L, lun_to_device(t, LUN_CPU, &host->t));
  return host->t;
}

static int tensor_item(lua_State *L) {
  lun_tensor *t = lunb_check(L, 1);
  int64_t zero[LUN_MAX_DIMS] = {0};
  if (lun_count(t) != 1)
    lunb_error(L, "item: the tensor must hold exactly one element, this one holds %lld; use totable()",
               (long long)lun_count(t));
  lunb_push_element(L, lunb_host(L, t), zero);
  return 1;
}

static void push_nested(lua_State *L, const lun_tensor *t, int64_t *index, int axis) {
  if (axis == lun_ndim(t)) {
    lunb_push_element(L, t, index);
    return;
  }
  int64_t n = lun_shape(t)[axis];
  luaL_checkstack(L, 4, "totable");
  lua_createtable(L, n < INT32_MAX ? (int)n : INT32_MAX, 0);
  for (int64_t i = 0; i < n; i++) {
    index[axis] = i;
    push_nested(L, t, index, axis + 1);
    lua_rawseti(L, -2, i + 1);
  }
}

static int tensor_totable(lua_State *L) {
  int64_t index[LUN_MAX_DIMS] = {0};
  push_nested(L, lunb_host(L, lunb_check(L, 1)), index, 0);
  return 1;
}

/* The elements in row-major order as raw bytes, host byte order. */
static int tensor_tobytes(lua_State *L) {
  lun_context *c = lunb_context(L);
  lun_tensor *t = lunb_host(L, lunb_check(L, 1));
  if (!lun_is_dense(t)) {
    lunb_box *dense = lunb_push(L);
    int st = lun_empty(c, lun_dtype_of(t), LUN_CPU, lun_ndim(t), lun_shape(t), &dense->t);
    if (!st) st = lun_copy(dense->t, t);
    lunb_try(L, st);
    t = dense->t;
  }
  lua_pushlstring(L, lun_data(t), (size_t)(lun_count(t) * lun_dtype_size(lun_dtype_of(t))));
  return 1;
}

/* ---- gradients ---- */

static int tensor_backward(lua_State *L) {
  static const char *const keys[] = {"keep_graph", NULL};
  lun_tensor *t = lunb_check(L, 1), *seed = NULL;
  bool keep = false;
  int i = 2;
  if (lua_isnil(L, i))
    i++;
  else if (lunb_test(L, i))
    seed = lunb_check(L, i++);
  if (lua_istable(L, i)) {
    lunb_check_keys(L, i, "backward", keys);
    lua_getfield(L, i++, "keep_graph");
    keep = lua_toboolean(L, -1);
    lua_pop(L, 1);
  }
  if (!lua_isnoneornil(L, i)) {
    char got[64];
    lunb_error(L, "backward: expected ([gradient], {keep_graph = }), got %s", lunb_typename(L, i, got, sizeof got));
  }
  /* No second try when memory is short: part of the graph is gone by then. */
  lunb_make_room(L);
  lunb_try(L, lun_backward(t, seed, keep));
  return 0;
}

static int tensor_detach(lua_State *L) {
  lun_tensor *t = lunb_check(L, 1);
  lunb_box *b = lunb_push(L);
  lunb_try(L, lun_detach(t, &b->t));
  return 1;
}

static int tensor_zero_grad(lua_State *L) {
  lunb_try(L, lun_set_grad(lunb_check(L, 1), NULL));
  return 0;
}

/* ---- to(dtype and/or device) ---- */

static void read_target(lua_State *L, int i, lun_dtype *d, lun_device *dev) {
  lun_context *c = lunb_context(L);
  const char *s = lua_tostring(L, i);
  if (lun_dtype_parse(s, d) == LUN_OK) return;
  if (lun_device_parse(c, s, dev) == LUN_OK) return;
  if (!strcmp(s, "cuda")) lunb_try(L, LUN_EDEVICE);
  lunb_error(L, "to: '%.30s' is neither a dtype (f32, bf16, f16, f64, i64, u8, bool) nor a device (cpu, cuda)", s);
}

static int tensor_to(lua_State *L) {
  static const char *const keys[] = {"dtype", "device", NULL};
  lun_context *c = lunb_context(L);
  lun_tensor *t = lunb_check(L, 1);
  lun_dtype d = lun_dtype_of(t);
  lun_device dev = lun_device_of(t);
  int top = lua_gettop(L);
  for (int i = 2; i <= top; i++) {
    if (lua_type(L, i) == LUA_TSTRING) {
      read_target(L, i, &d, &dev);
    } else if (lua_istable(L, i)) {
      lunb_check_keys(L, i, "to", keys);
      if (lua_getfield(L, i, "dtype") != LUA_TNIL) d = lunb_check_dtype(L, -1, "to");
      if (lua_getfield(L, i, "device") != LUA_TNIL) lunb_try(L, lun_device_parse(c, luaL_checkstring(L, -1), &dev));
      lua_pop(L, 2);
    } else {
      char got[64];
      lunb_error(L, "to: expected a dtype, a device or {dtype = , device = }, got %s",
                 lunb_typename(L, i, got, sizeof got));
    }
  }
  lua_settop(L, 1);
  lunb_make_room(L);
  if (d != lun_dtype_of(t)) {
    lunb_box *b = lunb_push(L);
    lun_arg args[LUN_MAX_ARGS] = {{.given = true, .t = t}, {.given = true, .d = d}};
    int st = lun_run(c, lun_op_find(c, "cast"), args, &b->t);
    if (lunb_retry(L, st)) st = lun_run(c, lun_op_find(c, "cast"), args, &b->t);
    lunb_try(L, st);
    t = b->t;
  }
  if (dev != lun_device_of(t)) { /* a leaf: moving is not recorded */
    lunb_box *b = lunb_push(L);
    int st = lun_to_device(t, dev, &b->t);
    if (lunb_retry(L, st)) st = lun_to_device(t, dev, &b->t);
    lunb_try(L, st);
  }
  return 1;
}

/* send(device): the tensor itself where it is there already. */
static int tensor_send(lua_State *L) {
  lun_tensor *t = lunb_check(L, 1);
  lun_device d;
  lunb_try(L, lun_device_parse(lunb_context(L), luaL_checkstring(L, 2), &d));
  lua_settop(L, 1);
  if (d == lun_device_of(t)) return 1;
  lunb_make_room(L);
  lunb_box *b = lunb_push(L);
  int st = lun_send(t, d, &b->t);
  if (lunb_retry(L, st)) st = lun_send(t, d, &b->t);
  lunb_try(L, st);
  return 1;
}

/* move(device): the tensor itself, for whoever holds it. Its gradient is dropped. */
static int tensor_move(lua_State *L) {
  lun_context *c = lunb_context(L);
  lun_tensor *t = lunb_check(L, 1), *there = NULL;
  lun_device d;
  lunb_try(L, lun_device_parse(c, luaL_checkstring(L, 2), &d));
  lua_settop(L, 1);
  if (d == lun_device_of(t)) return 1;
  if (!lun_is_leaf(t)) lunb_error(L, "move: only a leaf can be moved in place; this tensor came from an op, use to()");
  bool wants = lun_requires_grad(t);
  lunb_make_room(L);
  int st = lun_to_device(t, d, &there);
  if (lunb_retry(L, st)) st = lun_to_device(t, d, &there);
  lunb_try(L, st);
  if (wants) st = lun_set_requires_grad(there, true);
  lun_release(t);
  lunb_test(L, 1)->t = there;
  lunb_try(L, st);
  return 1;
}

/* ---- fields ---- */

/* Copy the elements of another tensor of the same shape, converting dtype and device; not recorded. */
static int tensor_copy(lua_State *L) {
  lunb_try(L, lun_copy(lunb_check(L, 1), lunb_check(L, 2)));
  lua_settop(L, 1);
  return 1;
}

static int tensor_index(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return lunb_index(L);
  const char *key = lua_tostring(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  if (!strcmp(key, "grad")) {
    lun_tensor *g = lun_grad(lunb_check(L, 1));
    if (!g) {
      lua_pushnil(L);
      return 1;
    }
    lunb_box *b = lunb_push(L);
    b->t = lun_retain(g);
    return 1;
  }
  if (!strcmp(key, "requires_grad")) {
    lua_pushboolean(L, lun_requires_grad(lunb_check(L, 1)));
    return 1;
  }
  lunb_nearest near = {.word = key};
  char hint[80];
  for (lua_pushnil(L); lua_next(L, lua_upvalueindex(1)); lua_pop(L, 1)) lunb_offer(&near, lua_tostring(L, -2));
  lunb_offer(&near, "grad");
  lunb_offer(&near, "requires_grad");
  lunb_error(L, "a tensor has no method or field '%.40s'%s", key, lunb_hint(&near, hint, sizeof hint));
}

static int tensor_newindex(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return lunb_assign(L);
  const char *key = lua_tostring(L, 2);
  lun_tensor *t = lunb_check(L, 1);
  if (!strcmp(key, "grad")) {
    lunb_try(L, lun_set_grad(t, lua_isnil(L, 3) ? NULL : lunb_check(L, 3)));
  } else if (!strcmp(key, "requires_grad")) {
    luaL_checktype(L, 3, LUA_TBOOLEAN);
    lunb_try(L, lun_set_requires_grad(t, lua_toboolean(L, 3)));
  } else {
    lunb_error(L, "a tensor's field '%.40s' cannot be set; t.grad and t.requires_grad can", key);
  }
  return 0;
}

static const luaL_Reg methods[] = {{"shape", tensor_shape},
                                   {"ndim", tensor_ndim},
                                   {"numel", tensor_numel},
                                   {"dtype", tensor_dtype},
                                   {"device", tensor_device},
                                   {"is_dense", tensor_is_dense},
                                   {"is_leaf", tensor_is_leaf},
                                   {"item", tensor_item},
                                   {"totable", tensor_totable},
                                   {"tobytes", tensor_tobytes},
                                   {"backward", tensor_backward},
                                   {"detach", tensor_detach},
                                   {"to", tensor_to},
                                   {"move", tensor_move},
                                   {"free", tensor_gc},
                                   {"copy", tensor_copy},
                                   {"zero_grad", tensor_zero_grad},
                                   {"send", tensor_send},
                                   {NULL, NULL}};

void lunb_open_tensor(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", tensor_gc},           {"__close", tensor_gc},
                                  {"__len", tensor_len},         {"__newindex", tensor_newindex},
                                  {"__tostring", lunb_tostring}, {NULL, NULL}};
  luaL_newmetatable(L, "tensor");
  lunb_get(L)->tensor_meta = lua_topointer(L, -1);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, lunb_get(L)->tensor_meta);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, "lunette.methods"); /* lua_ops.c adds those that are ops */
  lua_pushcclosure(L, tensor_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
