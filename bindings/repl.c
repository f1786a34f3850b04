/* repl.c: the interactive session: expressions print their values (a closing `;` mutes) and keep them as _ and _N,
** inputs continue while they are unfinished, Ctrl-C ends a computation and never the session, ?name and help show help,
** and commands begin with a colon. What an error shows is put together in lua/lunette/repl/errors.lua.
*/
#include "repl.h"
#include "binding.h"
#include "lineedit.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* In the registry: what earlier inputs said, by chunk name; their values, by number; the last error's context. */
static const char inputs_key[] = "lunette.repl.inputs", results_key[] = "lunette.repl.results";
static const char trace_key[] = "lunette.repl.trace", source_key[] = "lunette.repl.source";

/* The results of so many inputs stay reachable as _N: keeping every one would keep the memory of every tensor that was
 * looked at. */
enum { RESULTS = 10 };

/* An error is unfinished input only if it complains about its end. */
static bool unfinished(lua_State *L, int st) {
  static const char mark[] = "<eof>";
  size_t n;
  if (st != LUA_ERRSYNTAX) return false;
  const char *message = lua_tolstring(L, -1, &n);
  return n >= sizeof mark - 1 && !strcmp(message + n - (sizeof mark - 1), mark);
}

/* Compile as an expression first, then as statements; leaves the function or the message. An expression that only lacks
 * its end, as `1 +` does, is no statement either: then its own message stays. */
static int compile(lua_State *L, const char *input, const char *chunk) {
  if (*input == '=') input++;
  const char *code = lua_pushfstring(L, "return %s", input);
  int st = luaL_loadbuffer(L, code, strlen(code), chunk);
  lua_remove(L, -2);
  if (st == LUA_OK) return st;
  int as_statements = luaL_loadbuffer(L, input, strlen(input), chunk);
  lua_pushvalue(L, -2);
  bool lacks_end = as_statements != LUA_OK && unfinished(L, st);
  lua_pop(L, 1);
  if (lacks_end) {
    lua_pop(L, 1);
    return st;
  }
  lua_remove(L, -2);
  return as_statements;
}

static bool muted(const char *input) {
  size_t n = strlen(input);
  while (n && strchr(" \t\r\n", input[n - 1])) n--;
  return n && input[n - 1] == ';';
}

/* The chunk that a message "name:line: ..." begins with, in full: names in messages are cut at 60 characters. */
static void keep_source(lua_State *L, const char *message) {
  lua_Debug ar;
  lua_pushnil(L);
  for (int level = 1; level < 200 && lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "S", &ar);
    size_t n = strlen(ar.short_src);
    if (strncmp(message, ar.short_src, n) || message[n] != ':') continue;
    lua_pop(L, 1);
    lua_pushstring(L, ar.source);
    break;
  }
  lua_setfield(L, LUA_REGISTRYINDEX, source_key);
}

/* Message handler: the message as text; where it happened is kept for report(). */
static int traceback(lua_State *L) {
  const char *message = luaL_tolstring(L, 1, NULL);
  if (lunb_get(L)->interrupts) return 1;
  keep_source(L, message);
  luaL_traceback(L, L, NULL, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, trace_key);
  return 1;
}

/* print, protected: a __tostring may fail, and long output can be interrupted. */
static int show(lua_State *L) {
  int n = lua_gettop(L);
  for (int i = 1; i <= n; i++) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "lunette.show");
    lua_call(L, 1, 1);
    lua_pushvalue(L, i);
    lua_call(L, 1, 1);
    size_t size;
    const char *text = luaL_tolstring(L, -1, &size);
    if (i > 1) fputs(memchr(text, '\n', size) ? "\n" : "\t", stdout);
    fwrite(text, 1, size, stdout);
    lua_settop(L, n);
  }
  fputc('\n', stdout);
  return 0;
}

/* Replace the message on the top by what the user is to read; left as it is where even that fails. */
static void explain(lua_State *L, int number) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "lunette.repl.errors");
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
    lua_pushvalue(L, -2);
    lua_getfield(L, LUA_REGISTRYINDEX, trace_key);
    lua_getfield(L, LUA_REGISTRYINDEX, source_key);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, inputs_key);
    lua_pushfstring(L, "repl[%d]", number);
    if (lua_pcall(L, 5, 1, 0) == LUA_OK) {
      lua_remove(L, -2);
      return;
    }
  }
  lua_pop(L, 1);
}

static void fail(lua_State *L, int number) {
  fflush(stdout);
  lunb_settle_interrupt(L);
  if (lua_type(L, -1) == LUA_TSTRING) explain(L, number);
  const char *message = lua_tostring(L, -1);
  fprintf(stderr, "%s\n", message ? message : "(error object is not a string)");
  for (int i = 0; i < 2; i++) {
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, i ? trace_key : source_key);
  }
  lua_settop(L, 0);
}

/* Call lunette.help's `name` with the value on the top, in its place: one result. */
static void call_help(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "lunette.help");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, name);
  lua_replace(L, -2);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
}

static int show_help(lua_State *L) { /* (topic) */
  lua_settop(L, 1);
  call_help(L, "show");
  return 0;
}

static int help_called(lua_State *L) { /* (help, topic) */
  lua_settop(L, 2);
  call_help(L, "show");
  return 0;
}

static int help_tostring(lua_State *L) {
  lua_pushliteral(L, "");
  call_help(L, "text");
  return 1;
}

/* `help "topic"`, help(value), and `help` alone; a user's own global of that name stays. */
static void define_help(lua_State *L) {
  lua_pushglobaltable(L);
  lua_pushliteral(L, "help");
  if (lua_rawget(L, -2) == LUA_TNIL) {
    lua_pushliteral(L, "help");
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, help_called);
    lua_setfield(L, -2, "__call");
    lua_pushcfunction(L, help_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_setmetatable(L, -2);
    lua_rawset(L, -4);
  }
  lua_pop(L, 2);
}

static int print_who(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "lunette.repl.who");
  lua_call(L, 1, 1);
  lua_call(L, 0, 1);
  printf("%s\n", luaL_tolstring(L, -1, NULL));
  return 0;
}

static const char blanks[] = " \t\r\n";

/* The text after a command's name, NULL where the input is not this command. */
static const char *after_command(const char *input, const char *name) {
  size_t n = strlen(name);
  input += strspn(input, blanks);
  if (strncmp(input, name, n) || (input[n] && !strchr(blanks, input[n]))) return NULL;
  return input + n + strspn(input + n, blanks);
}

static bool is_command(const char *input) {
  input += strspn(input, blanks);
  return *input == '?' || (*input == ':' && input[1] != ':'); /* a label is Lua */
}

/* ?topic and :command, except :time, which is an input of its own kind. */
static void run_command(lua_State *L, const char *input, int number) {
  const char *rest = NULL;
  input += strspn(input, blanks);
  if (*input == '?' || (rest = after_command(input, ":help"))) {
    lua_pushcfunction(L, show_help);
    lua_pushstring(L, *input == '?' ? input + strspn(input, "? \t") : rest);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) fail(L, number);
  } else if (after_command(input, ":who")) {
    lua_pushcfunction(L, print_who);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) fail(L, number);
  } else {
    fflush(stdout);
    fprintf(stderr,
            "no command '%.*s': there are :time EXPRESSION, :who (tensors that live) and :help [TOPIC], also as "
            "?TOPIC\n",
            (int)strcspn(input, blanks), input);
  }
  lua_settop(L, 0);
}

/* What is to be compiled: all of the input but a leading :time. */
static const char *code_of(const char *input) {
  const char *timed = after_command(input, ":time");
  return timed ? timed : input;
}

/* Read one whole input into a string on the stack; false at the end of the session. */
static bool read_input(lua_State *L, lunb_editor *e, int number) {
  char chunk[32], first[16], more[16];
  snprintf(chunk, sizeof chunk, "=repl[%d]", number);
  int width = snprintf(first, sizeof first, "%d> ", number);
  snprintf(more, sizeof more, "%*s", width, ">> ");
  for (;;) {
    const char *line = NULL;
    int result = lunb_editor_read(e, lua_gettop(L) ? more : first, &line);
    if (result == LUNB_END) return false;
    if (result == LUNB_CANCELLED) {
      lua_settop(L, 0);
      continue;
    }
    bool several = strchr(line, '\n') != NULL;
    lua_pushstring(L, line);
    if (lua_gettop(L) == 2) {
      lua_pushliteral(L, "\n");
      lua_insert(L, 2);
      lua_concat(L, 3);
    }
    const char *input = lua_tostring(L, 1);
    if (is_command(input) && !after_command(input, ":time")) return true;
    int st = compile(L, code_of(input), chunk);
    bool goes_on = unfinished(L, st);
    lua_settop(L, 1);
    if (several && st != LUA_OK && !goes_on) { /* pasted lines that are no block: inputs of their own, perhaps */
      lunb_editor_retype(e, input);
      lua_settop(L, 0);
      continue;
    }
    if (!goes_on) return true;
  }
}

/* The result of an earlier input is no longer kept, unless the user gave its name to something else. */
static void forget_result(lua_State *L, int number) {
  int top = lua_gettop(L);
  char name[24];
  snprintf(name, sizeof name, "_%d", number);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, results_key);
  lua_pushglobaltable(L);
  lua_pushstring(L, name);
  lua_rawget(L, top + 2);
  lua_rawgeti(L, top + 1, number);
  if (lua_rawequal(L, -1, -2)) {
    lua_pushstring(L, name);
    lua_pushnil(L);
    lua_rawset(L, top + 2);
  }
  lua_pushnil(L);
  lua_rawseti(L, top + 1, number);
  lua_settop(L, top);
}

/* _ and _N are the value on the top, which stays. */
static void keep_result(lua_State *L, int number) {
  int value = lua_gettop(L);
  char name[24];
  snprintf(name, sizeof name, "_%d", number);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, results_key);
  lua_pushvalue(L, value);
  lua_rawseti(L, -2, number);
  lua_pushglobaltable(L);
  for (int i = 0; i < 2; i++) {
    lua_pushstring(L, i ? name : "_");
    lua_pushvalue(L, value);
    lua_rawset(L, value + 2);
  }
  lua_settop(L, value);
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void print_time(double wall, double processor) {
  double unit = wall < 1e-3 ? 1e6 : wall < 1 ? 1e3 : 1;
  const char *name = wall < 1e-3 ? "us" : wall < 1 ? "ms" : "s";
  printf("%.3g %s, of processor time %.3g %s\n", wall * unit, name, processor * unit, name);
}

static void evaluate(lua_State *L, int number) {
  char chunk[32];
  snprintf(chunk, sizeof chunk, "=repl[%d]", number);
  const char *input = lua_tostring(L, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, inputs_key);
  lua_pushstring(L, code_of(input));
  lua_setfield(L, -2, chunk + 1);
  lua_settop(L, 1);
  bool mute = muted(input), timed = after_command(input, ":time");
  lua_pushcfunction(L, traceback);
  int st = compile(L, code_of(input), chunk);
  double wall = seconds(CLOCK_MONOTONIC), processor = seconds(CLOCK_PROCESS_CPUTIME_ID);
  if (st == LUA_OK) st = lua_pcall(L, 0, LUA_MULTRET, 2);
  wall = seconds(CLOCK_MONOTONIC) - wall;
  processor = seconds(CLOCK_PROCESS_CPUTIME_ID) - processor;
  if (st != LUA_OK) {
    fail(L, number);
    return;
  }
  int values = lua_gettop(L) - 2;
  if (values > 0 && !(values == 1 && lua_isnil(L, -1) && mute)) {
    lua_pushvalue(L, 3);
    keep_result(L, number);
    lua_pop(L, 1);
    if (!mute) {
      lua_pushcfunction(L, show);
      lua_insert(L, 3);
      if (lua_pcall(L, values, 0, 2) != LUA_OK) {
        fail(L, number);
        return;
      }
    }
  }
  if (timed) print_time(wall, processor);
  lua_settop(L, 0);
}

/* lunb_completer: ask lunette.repl.complete. What goes wrong there is no news to someone who types. */
static char *complete(void *context, const char *text, size_t n, char **list) {
  lua_State *L = context;
  int top = lua_gettop(L);
  char *insert = NULL;
  lua_getglobal(L, "require");
  lua_pushliteral(L, "lunette.repl.complete");
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
    lua_pushlstring(L, text, n);
    if (lua_pcall(L, 1, 2, 0) == LUA_OK) {
      if (lua_isstring(L, -2)) insert = strdup(lua_tostring(L, -2));
      if (lua_isstring(L, -1)) *list = strdup(lua_tostring(L, -1));
    }
  }
  lua_settop(L, top);
  return insert;
}

/* Load what the session relies on before anything the user does to the standard functions can reach it: when the first
 * input is there, so that the prompt does not wait for it. */
static void load_modules(lua_State *L) {
  static const char *const names[] = {"lunette.show", "lunette.repl.errors", "lunette.repl.complete"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lua_getglobal(L, "require");
    lua_pushstring(L, names[i]);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
}

int lunb_repl(lua_State *L) {
  lunb_editor *e = lunb_editor_open();
  if (!e) return 1;
  lunb_editor_complete_by(e, complete, L);
  lua_settop(L, 0);
  lunb_begin_session(L);
  if (isatty(STDIN_FILENO)) printf("Lunette %s, %s. ?name shows help, Ctrl-D ends.\n", LUNETTE_VERSION, LUA_RELEASE);
  define_help(L);
  bool loaded = false;
  for (int number = 1; read_input(L, e, number); number++) {
    if (!loaded) load_modules(L);
    loaded = true;
    const char *input = lua_tostring(L, 1);
    if (!input[strspn(input, " \t\n;")]) {
      lua_settop(L, 0);
      number--;
      continue;
    }
    lunb_editor_remember(e, input);
    if (is_command(input) && !after_command(input, ":time"))
      run_command(L, input, number);
    else
      evaluate(L, number);
    if (lunb_get(L)->interrupts) lunb_editor_drop(e);
    forget_result(L, number + 1 - RESULTS);
    lunb_clear_interrupt(L);
  }
  if (isatty(STDIN_FILENO)) putchar('\n');
  lunb_editor_close(e);
  return 0;
}
