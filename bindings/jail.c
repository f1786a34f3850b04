/* jail.c: the jailed child: makes everything it will need, locks itself in, evaluates one recipe, and says what came.
 */
#include "jail.h"
#include "embedded.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOOK_EVERY = 1000 };

static const char environment_path[] = "lunette/recipe/environment.lua";

/* Everything is in place before the text is looked at: afterwards no memory can be had. */
static char text[LUNB_JAIL_TEXT];
static uint8_t result[LUNB_JAIL_HEAD - 1 + LUNB_JAIL_PAYLOAD];

typedef struct {
  lunb_jail_request request;
  lunb_arena *arena;
  lua_State *L;
  uint64_t instructions; /* that ran */
  int full_at;           /* the recipe's line where memory last was short */
} jail;

/* The innermost line of the recipe that is being run, 0 outside of it. Allocates nothing. */
static int recipe_line(lua_State *L) {
  lua_Debug ar;
  for (int level = 0; lua_getstack(L, level, &ar); level++)
    if (lua_getinfo(L, "Sl", &ar) && !strcmp(ar.source, "=recipe") && ar.currentline > 0) return ar.currentline;
  return 0;
}

static void *allocate(void *ud, void *p, size_t old, size_t size) {
  (void)old;
  jail *j = ud;
  void *found = lunb_arena_resize(j->arena, p, size);
  if (!found && size && j->L) j->full_at = recipe_line(j->L);
  return found;
}

static int fail_at(lua_State *L, int line, const char *message, lua_Integer n) {
  if (line) lua_pushfstring(L, "recipe:%d: ", line);
  lua_pushfstring(L, message, (LUAI_UACINT)n);
  if (line) lua_concat(L, 2);
  return lua_error(L);
}

static void count(lua_State *L, lua_Debug *ar) {
  (void)ar;
  jail *j = *(jail **)lua_getextraspace(L);
  j->instructions += HOOK_EVERY;
  if (j->instructions >= j->request.instructions)
    fail_at(L, recipe_line(L), "gave up after %I instructions", (lua_Integer)j->request.instructions);
}

static const lunb_file *environment_file(void) {
  for (const lunb_file *f = lunb_embedded; f->path; f++)
    if (!strcmp(f->path, environment_path)) return f;
  return NULL;
}

/* Leaves the recipe's environment on the stack; nothing else that Lua offers can be reached from it. */
static int prepare(lua_State *L) {
  static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},
                                       {LUA_STRLIBNAME, luaopen_string},
                                       {LUA_TABLIBNAME, luaopen_table},
                                       {LUA_MATHLIBNAME, luaopen_math}};
  jail *j = *(jail **)lua_getextraspace(L);
  for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
    luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
    lua_pop(L, 1);
  }
  const lunb_file *file = environment_file();
  if (!file || luaL_loadbufferx(L, file->text, (size_t)(file->end - file->text), "=environment", "t"))
    return lua_error(L);
  lua_pushinteger(L, (lua_Integer)j->request.string_bytes);
  lua_call(L, 1, 2); /* the environment, and the methods of strings */
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 3);
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  return 1;
}

/* (environment) -> the payload's bytes as an integer; the payload is in `result`. */
static int evaluate(lua_State *L) {
  jail *j = *(jail **)lua_getextraspace(L);
  if (luaL_loadbufferx(L, text, (size_t)j->request.text, "=recipe", "t")) return lua_error(L);
  lua_insert(L, 1);
  lua_setupvalue(L, 1, 1);
  if (j->request.instructions) lua_sethook(L, count, LUA_MASKCOUNT, HOOK_EVERY);
  lua_call(L, 0, 1);
  lua_sethook(L, NULL, 0, 0);
  size_t bytes = lunb_jail_encode(L, result + LUNB_JAIL_HEAD - 1, LUNB_JAIL_PAYLOAD);
  if (!bytes) return fail_at(L, 0, "the recipe's value has more than %I MB", LUNB_JAIL_PAYLOAD >> 20);
  lua_pushinteger(L, (lua_Integer)bytes);
  return 1;
}

static size_t payload(jail *j, int *kind) {
  lua_State *L = j->L;
  lua_pushcfunction(L, evaluate);
  lua_insert(L, 1);
  int st = lua_pcall(L, 1, 1, 0);
  lua_sethook(L, NULL, 0, 0);
  *kind = st == LUA_OK ? LUNB_JAIL_VALUE : LUNB_JAIL_ERROR;
  if (st == LUA_OK) return (size_t)lua_tointeger(L, -1);
  char *out = (char *)result + LUNB_JAIL_HEAD - 1;
  if (st == LUA_ERRMEM) {
    int n = j->full_at ? snprintf(out, 40, "recipe:%d: ", j->full_at) : 0;
    return (size_t)n + (size_t)snprintf(out + n, 80, "needs more than %d MB of memory", (int)(j->request.memory >> 20));
  }
  size_t length;
  const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : NULL;
  if (!message) message = "failed without a message", length = strlen(message);
  if (length > LUNB_JAIL_STRING) length = LUNB_JAIL_STRING;
  memcpy(out, message, length);
  return length;
}

/* ---- pipes ---- */

static bool read_all(void *to, size_t n) {
  for (char *p = to; n > 0;) {
    ssize_t got = read(STDIN_FILENO, p, n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    p += got;
    n -= (size_t)got;
  }
  return true;
}

static bool write_all(const void *from, size_t n) {
  for (const char *p = from; n > 0;) {
    ssize_t put = write(STDOUT_FILENO, p, n);
    if (put < 0) return false;
    p += put;
    n -= (size_t)put;
  }
  return true;
}

static bool is_pipe(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode);
}

static bool make_state(jail *j) {
  void *memory = mmap(NULL, LUNB_JAIL_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  madvise(memory, LUNB_JAIL_MEMORY, MADV_NOHUGEPAGE); /* a small recipe touches a few pages */
  j->arena = lunb_arena_make(memory, (size_t)j->request.memory);
  j->L = lua_newstate(allocate, j);
  if (!j->L) return false;
  *(jail **)lua_getextraspace(j->L) = j;
  lua_pushcfunction(j->L, prepare);
  return lua_pcall(j->L, 0, 1, 0) == LUA_OK;
}

int lunb_jail_main(void) {
  enum { USAGE = 2, FAILED = 3 };
  if (!is_pipe(STDIN_FILENO) || !is_pipe(STDOUT_FILENO)) {
    fprintf(stderr, "lunette: --jail is how the program starts itself to evaluate a recipe\n");
    return USAGE;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  lunb_jail_close_others(STDERR_FILENO + 1);
  static jail j;
  if (!read_all(&j.request, sizeof j.request)) return FAILED;
  lunb_jail_request *r = &j.request;
  if (r->memory > LUNB_JAIL_MEMORY || r->memory < 1 << 20 || r->text > sizeof text || !read_all(text, r->text))
    return FAILED;
  if (!make_state(&j)) return FAILED;
  int lacking = lunb_jail_confine(r->cpu_seconds);
  if (lacking && !r->trust) {
    uint8_t said[2] = {LUNB_JAIL_REFUSED, (uint8_t)lacking};
    lunb_jail_exit(write_all(said, sizeof said) ? 0 : FAILED);
  }
  uint8_t closed = lacking ? LUNB_JAIL_OPEN : LUNB_JAIL_CLOSED;
  if (!write_all(&closed, 1)) lunb_jail_exit(FAILED);

  int kind;
  size_t length = payload(&j, &kind);
  result[0] = (uint8_t)kind;
  for (int i = 0; i < 4; i++) result[1 + i] = (uint8_t)(length >> 8 * i);
  lunb_jail_exit(write_all(result, LUNB_JAIL_HEAD - 1 + length) ? 0 : FAILED);
}
