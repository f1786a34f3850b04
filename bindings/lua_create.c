/* lua_create.c: tensors from nothing: tensor, zeros, ones, full, randn, rand, arange, eye, frombytes. */
#include "binding.h"
#include "core/rng.h"

#include <math.h>
#include <string.h>

typedef struct {
  lun_dtype dtype;
  lun_device device;
  bool requires_grad;
  const char *stream; /* random constructors: a named stream instead of the call counter */
  bool seeded;
  uint64_t seed;
} options;

/* Read the options table at i, if there is one. */
static options read_options(lua_State *L, int i, const char *what, bool random) {
  static const char *const plain[] = {"dtype", "device", "requires_grad", NULL};
  static const char *const drawn[] = {"dtype", "device", "requires_grad", "seed", "stream", NULL};
  options o = {.dtype = LUN_F32, .device = LUN_CPU, .seed = lunb_get(L)->seed};
  char got[64];
  int top = lua_gettop(L);
  if (lua_isnoneornil(L, i)) return o;
  if (!lua_istable(L, i))
    lunb_error(L, "%s: the options must be a table such as {dtype = \"f64\"}, got %s", what,
               lunb_typename(L, i, got, sizeof got));
  lunb_check_keys(L, i, what, random ? drawn : plain);
  if (lua_getfield(L, i, "dtype") != LUA_TNIL) o.dtype = lunb_check_dtype(L, -1, what);
  if (lua_getfield(L, i, "device") != LUA_TNIL)
    lunb_try(L, lun_device_parse(lunb_context(L), luaL_checkstring(L, -1), &o.device));
  lua_getfield(L, i, "requires_grad");
  o.requires_grad = lua_toboolean(L, -1);
  if (random && lua_getfield(L, i, "seed") != LUA_TNIL) o.seeded = true, o.seed = (uint64_t)luaL_checkinteger(L, -1);
  if (random && lua_getfield(L, i, "stream") != LUA_TNIL) o.stream = luaL_checkstring(L, -1);
  lua_settop(L, top); /* strings stay alive inside the table at i */
  return o;
}

static int64_t read_size(lua_State *L, int i, const char *what) {
  char got[64];
  int whole = 0;
  int64_t n = lua_type(L, i) == LUA_TNUMBER ? lua_tointegerx(L, i, &whole) : 0;
  if (!whole || n < 0)
    lunb_error(L, "%s: a size must be a whole number >= 0, got %s", what, lunb_typename(L, i, got, sizeof got));
  return n;
}

static int read_shape_table(lua_State *L, int i, const char *what, int64_t *shape) {
  int n = (int)lua_rawlen(L, i);
  if (n > LUN_MAX_DIMS) lunb_error(L, "%s: a tensor has at most %d axes, got %d sizes", what, LUN_MAX_DIMS, n);
  for (int k = 0; k < n; k++) {
    lua_rawgeti(L, i, k + 1);
    shape[k] = read_size(L, -1, what);
    lua_pop(L, 1);
  }
  return n;
}

/* Sizes as numbers or one table; returns their count and sets *next to the argument after them. */
static int read_shape(lua_State *L, const char *what, int64_t *shape, int *next) {
  int top = lua_gettop(L), n = 0;
  if (lua_istable(L, 1) && !lunb_is_options(L, 1)) {
    *next = 2;
    return read_shape_table(L, 1, what, shape);
  }
  while (n < top && lua_type(L, n + 1) == LUA_TNUMBER) {
    if (n == LUN_MAX_DIMS) lunb_error(L, "%s: a tensor has at most %d axes", what, LUN_MAX_DIMS);
    shape[n] = read_size(L, n + 1, what);
    n++;
  }
  if (n == 0) {
    char got[64];
    lunb_error(L, "%s: expected sizes, as in %s(2, 3) or %s({2, 3}, {dtype = \"f64\"}), got %s", what, what, what,
               lunb_typename(L, 1, got, sizeof got));
  }
  *next = n + 1;
  return n;
}

static void no_more(lua_State *L, int i, const char *what) {
  char got[64];
  if (!lua_isnoneornil(L, i))
    lunb_error(L, "%s: nothing may follow the options, got %s", what, lunb_typename(L, i, got, sizeof got));
}

static lun_tensor *new_host(lua_State *L, lun_dtype d, int nd, const int64_t *shape) {
  lun_context *c = lunb_context(L);
  lunb_make_room(L);
  lunb_box *b = lunb_push(L);
  int st = lun_empty(c, d, LUN_CPU, nd, shape, &b->t);
  if (lunb_retry(L, st)) st = lun_empty(c, d, LUN_CPU, nd, shape, &b->t);
  lunb_try(L, st);
  return b->t;
}

/* Convert, move and mark the host tensor on the top as the options say; leaves the result on the top. */
static int finish(lua_State *L, options o) {
  lun_context *c = lunb_context(L);
  lunb_box *b = lunb_test(L, -1);
  if (lun_dtype_of(b->t) != o.dtype) {
    lun_tensor *from = b->t, *to = new_host(L, o.dtype, lun_ndim(from), lun_shape(from));
    lunb_try(L, lun_copy(to, from));
    lunb_release(b);
    b = lunb_test(L, -1);
  }
  if (o.device != LUN_CPU) {
    lunb_box *there = lunb_push(L);
    int st = lun_empty(c, o.dtype, o.device, lun_ndim(b->t), lun_shape(b->t), &there->t);
    if (lunb_retry(L, st)) st = lun_empty(c, o.dtype, o.device, lun_ndim(b->t), lun_shape(b->t), &there->t);
    if (!st) st = lun_copy(there->t, b->t);
    lunb_try(L, st);
    lunb_release(b);
    b = there;
  }
  if (o.requires_grad) lunb_try(L, lun_set_requires_grad(b->t, true));
  return 1;
}

static void fill(lua_State *L, lun_tensor *t, double v) {
  int64_t n = lun_count(t), zero[LUN_MAX_DIMS] = {0}, size = lun_dtype_size(lun_dtype_of(t));
  if (n == 0) return;
  char *p = lun_data(t);
  if (v == 0) {
    memset(p, 0, (size_t)(n * size));
    return;
  }
  lunb_try(L, lun_set(t, zero, v));
  for (int64_t done = 1; done < n;) {
    int64_t k = done < n - done ? done : n - done;
    memcpy(p + done * size, p, (size_t)(k * size));
    done += k;
  }
}

static int filled(lua_State *L, const char *what, double v) {
  int64_t shape[LUN_MAX_DIMS];
  int next, nd = read_shape(L, what, shape, &next);
  options o = read_options(L, next, what, false);
  no_more(L, next + 1, what);
  fill(L, new_host(L, o.dtype, nd, shape), v);
  return finish(L, o);
}

static int zeros(lua_State *L) { return filled(L, "zeros", 0); }
static int ones(lua_State *L) { return filled(L, "ones", 1); }

static int full(lua_State *L) {
  int64_t shape[LUN_MAX_DIMS];
  int nd = 1;
  char got[64];
  if (lua_istable(L, 1))
    nd = read_shape_table(L, 1, "full", shape);
  else
    shape[0] = read_size(L, 1, "full");
  if (lua_type(L, 2) != LUA_TNUMBER)
    lunb_error(L, "full: expected full({sizes}, value, options), got %s as value",
               lunb_typename(L, 2, got, sizeof got));
  options o = read_options(L, 3, "full", false);
  no_more(L, 4, "full");
  fill(L, new_host(L, o.dtype, nd, shape), lua_tonumber(L, 2));
  return finish(L, o);
}

/* ---- random numbers ---- */

/* Element i of a call comes from counter (i / 4, call); a named stream counts its call as 0, so that its numbers depend
** on nothing but seed, name and shape. */
static int drawn(lua_State *L, const char *what, bool normal) {
  lunb_state *st = lunb_get(L);
  int64_t shape[LUN_MAX_DIMS];
  int next, nd = read_shape(L, what, shape, &next);
  options o = read_options(L, next, what, true);
  no_more(L, next + 1, what);
  bool own = o.stream || o.seeded;
  lun_stream s = lun_stream_make(o.seed, o.stream ? o.stream : "lunette");
  uint64_t call = own ? 0 : ++st->draws;
  lun_dtype d = o.dtype == LUN_F64 ? LUN_F64 : LUN_F32;
  lun_tensor *t = new_host(L, d, nd, shape);
  int64_t n = lun_count(t);
  void *data = lun_data(t);
#pragma omp parallel for schedule(static) if (n > 65536) num_threads(lun_threads(st->c))
  for (int64_t g = 0; g < (n + 3) / 4; g++) {
    lun_draw4 r = lun_philox(s, (uint32_t)g, (uint32_t)(g >> 32), (uint32_t)call, (uint32_t)(call >> 32));
    double v[4];
    if (normal) {
      lun_normal2(r.v[0], r.v[1], &v[0], &v[1]);
      lun_normal2(r.v[2], r.v[3], &v[2], &v[3]);
    } else
      for (int k = 0; k < 4; k++) v[k] = lun_uniform(r.v[k]);
    for (int k = 0; k < 4 && 4 * g + k < n; k++)
      if (d == LUN_F64)
        ((double *)data)[4 * g + k] = v[k];
      else
        ((float *)data)[4 * g + k] = (float)v[k];
  }
  return finish(L, o);
}

static int randn(lua_State *L) { return drawn(L, "randn", true); }
static int uniform(lua_State *L) { return drawn(L, "rand", false); }

static int manual_seed(lua_State *L) {
  lunb_state *st = lunb_get(L);
  st->seed = (uint64_t)luaL_checkinteger(L, 1);
  st->draws = 0;
  return 0;
}

/* ---- sequences ---- */

/* arange(n) is 1..n; arange(first, last, step) includes last where the steps meet it. */
static int arange(lua_State *L) {
  double v[3] = {1, 1, 1};
  int n = 0;
  char got[64];
  while (n < 3 && lua_type(L, n + 1) == LUA_TNUMBER) v[n] = lua_tonumber(L, n + 1), n++;
  if (n == 0)
    lunb_error(L, "arange: expected arange(n) or arange(first, last, step), got %s",
               lunb_typename(L, 1, got, sizeof got));
  if (n == 1) v[1] = v[0], v[0] = 1;
  if (!isfinite(v[0]) || !isfinite(v[1]) || !isfinite(v[2]) || v[2] == 0)
    lunb_error(L, "arange: first, last and step must be finite and the step not 0");
  options o = read_options(L, n + 1, "arange", false);
  no_more(L, n + 2, "arange");
  double steps = floor((v[1] - v[0]) / v[2] + 1e-9) + 1;
  if (steps > 1e15) lunb_error(L, "arange: %.0f elements are too many", steps);
  int64_t count = steps > 0 ? (int64_t)steps : 0;
  lun_tensor *t = new_host(L, o.dtype == LUN_I64 ? LUN_I64 : LUN_F64, 1, &count);
  for (int64_t i = 0; i < count; i++)
    if (o.dtype == LUN_I64)
      ((int64_t *)lun_data(t))[i] = (int64_t)(v[0] + (double)i * v[2]);
    else
      ((double *)lun_data(t))[i] = v[0] + (double)i * v[2];
  return finish(L, o);
}

static int eye(lua_State *L) {
  int64_t shape[2];
  int next = 2;
  shape[0] = shape[1] = read_size(L, 1, "eye");
  if (lua_type(L, 2) == LUA_TNUMBER) shape[1] = read_size(L, next++, "eye");
  options o = read_options(L, next, "eye", false);
  no_more(L, next + 1, "eye");
  lun_tensor *t = new_host(L, o.dtype, 2, shape);
  fill(L, t, 0);
  for (int64_t i = 0; i < shape[0] && i < shape[1]; i++) lunb_try(L, lun_set(t, (int64_t[]){i, i}, 1));
  return finish(L, o);
}

/* ---- from Lua values ---- */

/* Sizes of nested tables by their first elements; the rest is checked while it is read. */
static int nested_shape(lua_State *L, int i, int64_t *shape) {
  int nd = 0;
  lua_pushvalue(L, i);
  while (lua_istable(L, -1)) {
    if (nd == LUN_MAX_DIMS) lunb_error(L, "tensor: tables nest at most %d deep", LUN_MAX_DIMS);
    shape[nd++] = (int64_t)lua_rawlen(L, -1);
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
  }
  lua_pop(L, 1);
  return nd;
}

static void place(lua_State *L, int64_t *index, int nd, char *buf, size_t size) {
  buf[0] = 0;
  for (int i = 0; i < nd; i++) snprintf(buf + strlen(buf), size - strlen(buf), "[%lld]", (long long)index[i] + 1);
  (void)L;
}

static void read_nested(lua_State *L, lun_tensor *t, int64_t *index, int axis) {
  char at[200], got[64];
  if (axis == lun_ndim(t)) {
    int type = lua_type(L, -1);
    if (type != LUA_TNUMBER && type != LUA_TBOOLEAN) {
      place(L, index, axis, at, sizeof at);
      lunb_error(L, "tensor: element %s must be a number, got %s", at, lunb_typename(L, -1, got, sizeof got));
    }
    int64_t offset = 0; /* whole numbers keep all their bits */
    for (int i = 0; i < axis; i++) offset += index[i] * lun_stride(t)[i];
    if (lun_dtype_of(t) == LUN_I64 && lua_isinteger(L, -1))
      ((int64_t *)lun_data(t))[offset] = lua_tointeger(L, -1);
    else
      lunb_try(L, lun_set(t, index, type == LUA_TBOOLEAN ? lua_toboolean(L, -1) : lua_tonumber(L, -1)));
    return;
  }
  int64_t n = lun_shape(t)[axis];
  if (!lua_istable(L, -1) || (int64_t)lua_rawlen(L, -1) != n) {
    place(L, index, axis, at, sizeof at);
    if (lua_istable(L, -1))
      lunb_error(L, "tensor: rows must be equally long: %s holds %lld elements, the first row %lld", at,
                 (long long)lua_rawlen(L, -1), (long long)n);
    lunb_error(L, "tensor: %s must be a table of %lld, got %s", at, (long long)n,
               lunb_typename(L, -1, got, sizeof got));
  }
  luaL_checkstack(L, 4, "tensor");
  for (int64_t i = 0; i < n; i++) {
    index[axis] = i;
    lua_rawgeti(L, -1, i + 1);
    read_nested(L, t, index, axis + 1);
    lua_pop(L, 1);
  }
}

void lunb_from_value(lua_State *L, int i, lun_dtype d) {
  int64_t shape[LUN_MAX_DIMS], index[LUN_MAX_DIMS] = {0};
  i = lua_absindex(L, i);
  int nd = nested_shape(L, i, shape);
  lun_tensor *t = new_host(L, d, nd, shape);
  lua_pushvalue(L, i);
  read_nested(L, t, index, 0);
  lua_pop(L, 1);
}

static int tensor(lua_State *L) {
  int type = lua_type(L, 1);
  char got[64];
  if (type != LUA_TNUMBER && type != LUA_TBOOLEAN && type != LUA_TTABLE)
    lunb_error(L, "tensor: expected a number or nested tables of numbers, got %s%s",
               lunb_typename(L, 1, got, sizeof got), lunb_test(L, 1) ? "; t:clone() copies one" : "");
  options o = read_options(L, 2, "tensor", false);
  no_more(L, 3, "tensor");
  lunb_from_value(L, 1, o.dtype);
  return finish(L, o);
}

/* frombytes(string, dtype, {sizes}): the inverse of t:tobytes(), host byte order. */
static int frombytes(lua_State *L) {
  size_t length;
  const char *bytes = luaL_checklstring(L, 1, &length);
  lun_dtype d = lunb_check_dtype(L, 2, "frombytes");
  int64_t shape[LUN_MAX_DIMS], want;
  luaL_checktype(L, 3, LUA_TTABLE);
  int nd = read_shape_table(L, 3, "frombytes", shape);
  lun_tensor *t = new_host(L, d, nd, shape);
  want = lun_count(t) * lun_dtype_size(d);
  if (want != (int64_t)length)
    lunb_error(L, "frombytes: this shape and dtype take %lld bytes, the string holds %lld", (long long)want,
               (long long)length);
  memcpy(lun_data(t), bytes, length);
  return 1;
}

void lunb_open_create(lua_State *L) {
  static const luaL_Reg functions[] = {{"tensor", tensor},       {"zeros", zeros}, {"ones", ones},
                                       {"full", full},           {"randn", randn}, {"rand", uniform},
                                       {"arange", arange},       {"eye", eye},     {"manual_seed", manual_seed},
                                       {"frombytes", frombytes}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
