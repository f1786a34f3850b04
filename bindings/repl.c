/* repl.c: the interactive session: expressions print their values (a closing `;` mutes), inputs continue while they
** are unfinished, Ctrl-C ends a computation and never the session, ?name shows help.
*/
#include "repl.h"
#include "binding.h"
#include "lineedit.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An error is unfinished input only if it complains about its end. */
static bool unfinished(lua_State *L, int st) {
  static const char mark[] = "<eof>";
  size_t n;
  if (st != LUA_ERRSYNTAX) return false;
  const char *message = lua_tolstring(L, -1, &n);
  return n >= sizeof mark - 1 && !strcmp(message + n - (sizeof mark - 1), mark);
}

/* Compile as an expression first, then as statements; leaves the function or the message. */
static int compile(lua_State *L, const char *input, const char *chunk) {
  if (*input == '=') input++;
  const char *code = lua_pushfstring(L, "return %s", input);
  int st = luaL_loadbuffer(L, code, strlen(code), chunk);
  if (st != LUA_OK) {
    lua_pop(L, 1);
    st = luaL_loadbuffer(L, input, strlen(input), chunk);
  }
  lua_remove(L, -2);
  return st;
}

static bool muted(const char *input) {
  size_t n = strlen(input);
  while (n && strchr(" \t\r\n", input[n - 1])) n--;
  return n && input[n - 1] == ';';
}

/* A traceback up to the session's own frames: what the user did not call is of no use to them. */
static int traceback(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  if (lunb_get(L)->interrupts) return 1;
  luaL_traceback(L, L, NULL, 1);
  const char *trace = lua_tostring(L, -1), *chunk = NULL;
  for (const char *p = trace; (p = strstr(p, "in main chunk")); p++) chunk = p; /* the last one is the input */
  const char *end = chunk ? strchr(chunk, '\n') : strstr(trace, "\n\t(...tail calls...)\n\t[C]: in ?");
  if (!end) end = trace + strlen(trace);
  const char *first = strchr(trace, '\t'), *second = first ? strchr(first, '\n') : NULL;
  if (!second || second >= end) { /* one frame says nothing that the message does not */
    lua_pop(L, 1);
    return 1;
  }
  lua_pushliteral(L, "\n");
  lua_pushlstring(L, trace, (size_t)(end - trace));
  lua_remove(L, -3);
  lua_concat(L, 3);
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

static void fail(lua_State *L) {
  fflush(stdout);
  const char *message = lua_tostring(L, -1);
  fprintf(stderr, "%s\n", message ? message : "(error object is not a string)");
  lua_settop(L, 0);
}

static void help(lua_State *L, const char *topic) {
  while (*topic == ' ' || *topic == '?') topic++;
  lua_getglobal(L, "require");
  lua_pushliteral(L, "lunette.help");
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    fail(L);
    return;
  }
  lua_getfield(L, -1, "show");
  lua_pushstring(L, topic);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) fail(L);
  lua_settop(L, 0);
}

/* Read one whole input into a string on the stack; false at the end of the session. */
static bool read_input(lua_State *L, lunb_editor *e, int number) {
  char chunk[32];
  snprintf(chunk, sizeof chunk, "=repl[%d]", number);
  for (;;) {
    const char *line = NULL;
    int result = lunb_editor_read(e, lua_gettop(L) ? ">> " : "> ", &line);
    if (result == LUNB_END) return false;
    if (result == LUNB_CANCELLED) {
      lua_settop(L, 0);
      continue;
    }
    lua_pushstring(L, line);
    if (lua_gettop(L) == 2) {
      lua_pushliteral(L, "\n");
      lua_insert(L, 2);
      lua_concat(L, 3);
    }
    const char *input = lua_tostring(L, 1);
    if (input[0] == '?') return true;
    bool more = unfinished(L, compile(L, input, chunk));
    lua_settop(L, 1);
    if (!more) return true;
  }
}

static void evaluate(lua_State *L, int number) {
  char chunk[32];
  snprintf(chunk, sizeof chunk, "=repl[%d]", number);
  const char *input = lua_tostring(L, 1);
  bool mute = muted(input);
  lua_pushcfunction(L, traceback);
  int st = compile(L, input, chunk);
  if (st == LUA_OK) st = lua_pcall(L, 0, LUA_MULTRET, 2);
  if (st != LUA_OK) {
    fail(L);
    return;
  }
  int values = lua_gettop(L) - 2;
  if (values > 0 && !(values == 1 && lua_isnil(L, -1) && mute)) {
    lua_pushvalue(L, 3);
    lua_setglobal(L, "_");
    if (!mute) {
      lua_pushcfunction(L, show);
      lua_insert(L, 3);
      if (lua_pcall(L, values, 0, 2) != LUA_OK) {
        fail(L);
        return;
      }
    }
  }
  lua_settop(L, 0);
}

int lunb_repl(lua_State *L) {
  lunb_editor *e = lunb_editor_open();
  if (!e) return 1;
  lua_settop(L, 0);
  if (isatty(STDIN_FILENO)) printf("Lunette %s, %s. ?name shows help, Ctrl-D ends.\n", LUNETTE_VERSION, LUA_RELEASE);
  for (int number = 1; read_input(L, e, number); number++) {
    const char *input = lua_tostring(L, 1);
    if (!input[strspn(input, " \t\n;")]) {
      lua_settop(L, 0);
      number--;
      continue;
    }
    lunb_editor_remember(e, input);
    if (input[0] == '?')
      help(L, input);
    else
      evaluate(L, number);
    lunb_clear_interrupt(L);
  }
  if (isatty(STDIN_FILENO)) putchar('\n');
  lunb_editor_close(e);
  return 0;
}
