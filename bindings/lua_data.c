/* lua_data.c: the module lunette.io: files and formats as tensors, and the queue behind data loaders. The Lua files
** npy, weights, image and data/ build on it. A buffer of bytes is a Lua string or a u8 tensor (n).
*/
#include "binding.h"
#include "io/io.h"
#include "io/prefetch.h"

#include <limits.h>
#include <string.h>

typedef struct {
  const uint8_t *data;
  int64_t size;
} bytes;

static bytes check_bytes(lua_State *L, int i) {
  lunb_box *b = lunb_test(L, i);
  if (!b) {
    size_t n;
    const char *s = luaL_checklstring(L, i, &n);
    return (bytes){(const uint8_t *)s, (int64_t)n};
  }
  lun_tensor *t = lunb_live(L, b);
  if (lun_dtype_of(t) != LUN_U8 || lun_ndim(t) != 1 || !lun_is_dense(t) || lun_device_of(t) != LUN_CPU)
    lunb_error(L, "io: expected bytes: a string or a dense u8 tensor (n) on the cpu");
  return (bytes){lun_data(t), lun_count(t)};
}

static lun_tensor *check_dense(lua_State *L, int i) {
  lun_tensor *t = lunb_check(L, i);
  if (!lun_is_dense(t) || lun_device_of(t) != LUN_CPU) lunb_error(L, "io: expected a dense tensor on the cpu");
  return t;
}

/* ---- files ---- */

/* read(path) -> u8 tensor (n) */
static int io_read(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  lunb_make_room(L);
  lunb_box *b = lunb_push(L);
  int st = lun_file_read(lunb_context(L), path, &b->t);
  if (lunb_retry(L, st)) st = lun_file_read(lunb_context(L), path, &b->t);
  lunb_try(L, st);
  return 1;
}

/* text(bytes, first, last) -> string of the bytes first..last, counted from 1 */
static int io_text(lua_State *L) {
  bytes b = check_bytes(L, 1);
  lua_Integer first = luaL_checkinteger(L, 2), last = luaL_optinteger(L, 3, b.size);
  if (first < 1 || last > b.size || last < first - 1)
    return lunb_error(L, "io.text: %lld..%lld is outside 1..%lld", (long long)first, (long long)last,
                      (long long)b.size);
  lua_pushlstring(L, (const char *)b.data + first - 1, (size_t)(last - first + 1));
  return 1;
}

/* write(path, parts): a list of strings and dense tensors, one after the other; atomic. */
static int io_write(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer n = (lua_Integer)lua_rawlen(L, 2);
  lun_part *parts = lua_newuserdatauv(L, (size_t)(n ? n : 1) * sizeof *parts, 0);
  luaL_checkstack(L, (int)(n < 1000000 ? n : 1000000) + 8, "too many parts");
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, i); /* stays on the stack, so that its bytes stay */
    if (lunb_test(L, -1)) {
      lun_tensor *t = check_dense(L, -1);
      parts[i - 1] = (lun_part){lun_data(t), lun_count(t) * lun_dtype_size(lun_dtype_of(t))};
    } else {
      size_t size;
      const char *s = luaL_checklstring(L, -1, &size);
      parts[i - 1] = (lun_part){s, (int64_t)size};
    }
  }
  lunb_try(L, lun_file_write(lunb_context(L), path, (int)n, parts));
  return 0;
}

/* ---- CIFAR ---- */

static lun_cifar check_cifar(lua_State *L, int i) {
  lun_cifar kind = {.label_bytes = (int)luaL_checkinteger(L, i), .classes = (int)luaL_checkinteger(L, i + 1)};
  if (kind.label_bytes < 1 || kind.label_bytes > 2 || kind.classes < 1 || kind.classes > 256)
    lunb_error(L, "io.cifar: 1 or 2 label bytes and 1..256 classes");
  return kind;
}

/* cifar({names}, {bytes}, label_bytes, classes) -> images u8 (n,3,32,32), labels i64 (n), from all files in turn */
static int io_cifar(lua_State *L) {
  lun_context *c = lunb_context(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  lun_cifar kind = check_cifar(L, 3);
  int files = (int)lua_rawlen(L, 2);
  int64_t total = 0, at = 0, n;
  for (int i = 1; i <= files; i++) {
    lua_rawgeti(L, 1, i);
    lua_rawgeti(L, 2, i);
    lunb_try(L, lun_cifar_count(c, luaL_checkstring(L, -2), check_bytes(L, -1).size, &kind, &n));
    total += n;
    lua_pop(L, 2);
  }
  lunb_make_room(L);
  lunb_box *images = lunb_push(L), *labels = lunb_push(L);
  int st = lun_empty_image(c, LUN_U8, LUN_CPU, (int64_t[]){total, 3, 32, 32}, &images->t);
  if (lunb_retry(L, st)) st = lun_empty_image(c, LUN_U8, LUN_CPU, (int64_t[]){total, 3, 32, 32}, &images->t);
  lunb_try(L, st);
  lunb_try(L, lun_empty(c, LUN_I64, LUN_CPU, 1, &total, &labels->t));
  for (int i = 1; i <= files; i++) {
    lua_rawgeti(L, 1, i);
    lua_rawgeti(L, 2, i);
    bytes b = check_bytes(L, -1);
    const char *name = luaL_checkstring(L, -2);
    lunb_try(L, lun_cifar_parse(c, name, b.data, b.size, &kind, at, images->t, labels->t));
    lunb_try(L, lun_cifar_count(c, name, b.size, &kind, &n));
    at += n;
    lua_pop(L, 2);
  }
  return 2;
}

/* ---- STL-10 ---- */

/* stl(name, bytes, images, skip): fills the images u8 (n,3,96,96) after the first `skip` with those of the bytes */
static int io_stl(lua_State *L) {
  bytes b = check_bytes(L, 2);
  lun_tensor *images = lunb_check(L, 3);
  lunb_try(L, lun_stl_parse(lunb_context(L), luaL_checkstring(L, 1), b.data, b.size, luaL_checkinteger(L, 4), images));
  return 0;
}

/* ---- npy and safetensors ---- */

/* npy_parse(name, bytes) -> tensor */
static int io_npy_parse(lua_State *L) {
  bytes b = check_bytes(L, 2);
  const char *name = luaL_checkstring(L, 1);
  lunb_make_room(L);
  lunb_box *box = lunb_push(L);
  int st = lun_npy_parse(lunb_context(L), name, b.data, b.size, &box->t);
  if (lunb_retry(L, st)) st = lun_npy_parse(lunb_context(L), name, b.data, b.size, &box->t);
  lunb_try(L, st);
  return 1;
}

/* npy_header(tensor) -> string */
static int io_npy_header(lua_State *L) {
  char text[512];
  int64_t n;
  lunb_try(L, lun_npy_header(lunb_context(L), check_dense(L, 1), text, sizeof text, &n));
  lua_pushlstring(L, text, (size_t)n);
  return 1;
}

/* safetensors_header(name, bytes) -> the header's JSON, offset of the buffer, size of the buffer */
static int io_safetensors_header(lua_State *L) {
  bytes b = check_bytes(L, 2);
  int64_t from, to;
  lunb_try(L, lun_safetensors_header(lunb_context(L), luaL_checkstring(L, 1), b.data, b.size, &from, &to));
  lua_pushlstring(L, (const char *)b.data + from, (size_t)(to - from));
  lua_pushinteger(L, to);
  lua_pushinteger(L, b.size - to);
  return 3;
}

/* safetensors_tensor(file, bytes, offset of the buffer, tensor's name, dtype, {shape}, from, to) -> tensor */
static int io_safetensors_tensor(lua_State *L) {
  const char *file = luaL_checkstring(L, 1);
  bytes b = check_bytes(L, 2);
  lua_Integer buffer = luaL_checkinteger(L, 3);
  const char *name = luaL_checkstring(L, 4), *dtype = luaL_checkstring(L, 5);
  luaL_checktype(L, 6, LUA_TTABLE);
  lua_Integer from = luaL_checkinteger(L, 7), to = luaL_checkinteger(L, 8);
  int64_t shape[LUN_MAX_DIMS] = {0};
  size_t ndim = lua_rawlen(L, 6);
  for (size_t i = 0; i < ndim && i < LUN_MAX_DIMS; i++) {
    lua_rawgeti(L, 6, (lua_Integer)i + 1);
    shape[i] = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
  }
  if (buffer < 0 || buffer > b.size) return lunb_error(L, "io: the buffer's offset is outside the file");
  lunb_make_room(L);
  lunb_box *box = lunb_push(L);
  for (int attempt = 0;; attempt++) {
    int st = lun_safetensors_tensor(lunb_context(L), file, name, b.data + buffer, b.size - buffer, dtype,
                                    ndim > INT_MAX ? INT_MAX : (int)ndim, shape, from, to, &box->t);
    if (attempt == 0 && lunb_retry(L, st)) continue;
    lunb_try(L, st);
    return 1;
  }
}

/* safetensors_dtype(tensor) -> "F32" ..., bytes of the tensor */
static int io_safetensors_dtype(lua_State *L) {
  lun_tensor *t = lunb_check(L, 1);
  lua_pushstring(L, lun_safetensors_dtype(lun_dtype_of(t)));
  lua_pushinteger(L, lun_count(t) * lun_dtype_size(lun_dtype_of(t)));
  return 2;
}

/* ---- pictures ---- */

/* image_decode(name, bytes [, channels]) -> u8 (1,c,h,w): PNG or JPEG by its first bytes; JPEG has 3 channels */
static int io_image_decode(lua_State *L) {
  lun_context *c = lunb_context(L);
  const char *name = luaL_checkstring(L, 1);
  bytes b = check_bytes(L, 2);
  int channels = (int)luaL_optinteger(L, 3, 0);
  if (channels != 0 && channels != 1 && channels != 3) return lunb_error(L, "image: channels must be 1 or 3");
  lunb_make_room(L);
  lunb_box *box = lunb_push(L);
  int st;
  if (lun_is_png(b.data, b.size))
    st = lun_png_decode(c, name, b.data, b.size, channels, &box->t);
  else if (lun_is_jpeg(b.data, b.size))
    st = channels == 1 ? lun_fail(c, LUN_EDATA, "%s: a JPEG is read as colour", name)
                       : lun_jpeg_decode(c, name, b.data, b.size, &box->t);
  else
    st = lun_fail(c, LUN_EDATA, "%s: offset 0: expected a PNG or a JPEG, got %lld bytes of something else", name,
                  (long long)b.size);
  lunb_try(L, st);
  return 1;
}

/* png_encode(image [, {keyword, text, ...}]) -> u8 tensor (n) */
static int io_png_encode(lua_State *L) {
  enum { MOST = 32 };
  const char *text[2 * MOST];
  lun_tensor *t = lunb_check(L, 1);
  int n = lua_istable(L, 2) ? (int)lua_rawlen(L, 2) : 0;
  if (n > 2 * MOST || n % 2) return lunb_error(L, "png: at most %d pairs of keyword and text", MOST);
  luaL_checkstack(L, n + 4, "png");
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, 2, i + 1);
    size_t size;
    text[i] = luaL_checklstring(L, -1, &size);
    if (strlen(text[i]) != size || (i % 2 == 0 && (size < 1 || size > 79)))
      return lunb_error(L, "png: keywords have 1..79 characters, and no text holds a zero byte");
  }
  lunb_box *box = lunb_push(L);
  lunb_try(L, lun_png_encode(lunb_context(L), t, n / 2, text, &box->t));
  return 1;
}

/* ---- the loader's queue ---- */

#define QUEUE "lunette.prefetch"

static lun_prefetch *check_queue(lua_State *L) {
  lun_prefetch **p = luaL_checkudata(L, 1, QUEUE);
  if (!*p) lunb_error(L, "loader: it was closed");
  return *p;
}

/* prefetch(threads) -> queue */
static int io_prefetch(lua_State *L) {
  lua_Integer threads = luaL_checkinteger(L, 1);
  lun_prefetch **p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = NULL;
  luaL_setmetatable(L, QUEUE);
  lunb_try(L, lun_prefetch_open(lunb_context(L), threads > 1000 ? 1000 : (int)threads, p));
  return 1;
}

static void read_argument(lua_State *L, const lun_op *op, const lun_param *q, lun_arg *a) {
  int ok = 1;
  a->given = !lua_isnil(L, -1);
  if (!a->given) return;
  switch (q->type) {
  case LUN_ARG_TENSOR:
  case LUN_ARG_IMAGE:
  case LUN_ARG_ANY: a->t = lunb_check(L, -1); break;
  case LUN_ARG_INT: a->i = lua_tointegerx(L, -1, &ok); break;
  case LUN_ARG_FLOAT: a->f = lua_tonumberx(L, -1, &ok); break;
  case LUN_ARG_BOOL: a->b = lua_toboolean(L, -1); break;
  case LUN_ARG_DTYPE: a->d = lunb_check_dtype(L, lua_absindex(L, -1), q->name); break;
  default: lunb_error(L, "loader: %s: argument %s has a type that cannot be prefetched", lun_op_name(op), q->name);
  }
  if (!ok) {
    char got[64];
    lunb_error(L, "%s: %s must be a%s number, got %s", lun_op_name(op), q->name, q->type == LUN_ARG_INT ? " whole" : "",
               lunb_typename(L, -1, got, sizeof got));
  }
}

/* queue:submit(op, {name = value, ...}) */
static int queue_submit(lua_State *L) {
  lun_prefetch *p = check_queue(L);
  lun_context *c = lunb_context(L);
  const lun_op *op = lun_op_find(c, luaL_checkstring(L, 2));
  if (!op) return lunb_error(L, "loader: unknown op \"%s\"", lua_tostring(L, 2));
  luaL_checktype(L, 3, LUA_TTABLE);
  const lun_signature *sig = lun_op_signature(c, op);
  lun_arg args[LUN_MAX_ARGS] = {0};
  for (int i = 0; i < sig->nargs; i++) {
    lua_getfield(L, 3, sig->arg[i].name);
    read_argument(L, op, &sig->arg[i], &args[i]);
    lua_pop(L, 1); /* the table keeps it */
  }
  lunb_make_room(L);
  int st = lun_prefetch_submit(p, op, args);
  if (lunb_retry(L, st)) st = lun_prefetch_submit(p, op, args);
  lunb_try(L, st);
  return 0;
}

/* queue:take() -> the first output of the oldest call */
static int queue_take(lua_State *L) {
  lun_prefetch *p = check_queue(L);
  lunb_box *box = lunb_push(L);
  lun_tensor *outs[LUN_MAX_OUTS] = {NULL};
  int st = lun_prefetch_take(p, outs);
  box->t = outs[0];
  for (int k = 1; k < LUN_MAX_OUTS; k++) lun_release(outs[k]);
  lunb_try(L, st);
  return 1;
}

static int queue_pending(lua_State *L) {
  lua_pushinteger(L, lun_prefetch_pending(check_queue(L)));
  return 1;
}

static int queue_clear(lua_State *L) {
  lun_prefetch_clear(check_queue(L));
  return 0;
}

static int queue_close(lua_State *L) {
  lun_prefetch **p = luaL_checkudata(L, 1, QUEUE);
  lun_prefetch_close(*p);
  *p = NULL;
  return 0;
}

int luaopen_lunette_io(lua_State *L) {
  static const luaL_Reg functions[] = {{"read", io_read},
                                       {"text", io_text},
                                       {"write", io_write},
                                       {"cifar", io_cifar},
                                       {"stl", io_stl},
                                       {"npy_parse", io_npy_parse},
                                       {"npy_header", io_npy_header},
                                       {"safetensors_header", io_safetensors_header},
                                       {"safetensors_tensor", io_safetensors_tensor},
                                       {"safetensors_dtype", io_safetensors_dtype},
                                       {"image_decode", io_image_decode},
                                       {"png_encode", io_png_encode},
                                       {"prefetch", io_prefetch},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"submit", queue_submit}, {"take", queue_take},  {"pending", queue_pending}, {"clear", queue_clear},
      {"close", queue_close},   {"__gc", queue_close}, {"__close", queue_close},   {NULL, NULL}};
  if (luaL_newmetatable(L, QUEUE)) {
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
