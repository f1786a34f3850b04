/* main.c: the program. Behaves as lua5.4 does, with `lunette` predefined and with subcommands.
**
** Exit codes: 0 ok, 1 error in a script, 2 wrong use, 3 a file missing or not what it claims, 4 device or memory
** lacking, 5 NaN where none may be, 130 and 143 interrupted; subcommands add their own (lunette.cli).
*/
#include "binding.h"
#include "jail.h"
#include "version.h"
#include "repl.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAILED = 1, USAGE = 2, DATA = 3, LACKING = 4, DIVERGED = 5 };

static const char usage_text[] =
    "usage: lunette [options] [script [args]]      run a Lua script, or the REPL without one\n"
    "       lunette run|check|resume|sweep|report|diff|verify|pack ...\n"
    "                                              recipes and their results\n"
    "       lunette doctor                         what this machine and this build offer\n"
    "       lunette help [topic]                   ops, modules and commands\n"
    "options:\n"
    "  -e code   run this code\n"
    "  -l mod    require mod into a global of its name\n"
    "  -i        the REPL after the script\n"
    "  -v        show the version; --version the same\n"
    "  -h        show this; --help the same\n"
    "  -E        ignore LUA_INIT and LUA_PATH\n"
    "  -W        warnings on\n"
    "  --        end of options\n"
    "  -         run standard input and end of options\n";

static void version(void) {
  printf("Lunette %s (%s%s), %s\n", LUNETTE_VERSION, LUNETTE_COMMIT, LUNETTE_DIRTY ? ", with changes" : "",
         LUA_RELEASE);
}

/* ---- running chunks ---- */

/* Where an error object {code = "nan"|"data"|"device"|"memory", message =} leaves its code for the exit code. */
static const char failure_key[] = "lunette.failure";

/* The line of a script that the message is of; nothing where it is of no file. */
static void push_line(lua_State *L, const char *message) {
  lua_Debug ar;
  char line[1000] = "";
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    size_t n = strlen(ar.short_src);
    if (ar.source[0] != '@' || ar.currentline < 1 || strncmp(message, ar.short_src, n) || message[n] != ':') continue;
    FILE *f = fopen(ar.source + 1, "r");
    if (!f) break;
    for (int i = 0; i < ar.currentline && fgets(line, sizeof line, f);) i += strchr(line, '\n') != NULL;
    fclose(f);
    break;
  }
  lua_pushstring(L, line);
}

/* The message, with what its first line's name may have been meant to be. */
static const char *hinted(lua_State *L, const char *message) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "lunette.misspelt");
  if (lua_pcall(L, 1, 1, 0)) return message;
  lua_pushstring(L, message);
  push_line(L, message);
  if (lua_pcall(L, 2, 1, 0) || lua_type(L, -1) != LUA_TSTRING) return message;
  return lua_pushfstring(L, "%s%s", message, lua_tostring(L, -1));
}

static int traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (lua_istable(L, 1)) {
    lua_pushliteral(L, "code");
    lua_rawget(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, failure_key);
  }
  if (!message) {
    if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING) return 1;
    message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
  }
  if (strstr(message, "a nil value (")) message = hinted(L, message);
  luaL_traceback(L, L, message, 1);
  return 1;
}

static int protected_call(lua_State *L, int args, int results) {
  int base = lua_gettop(L) - args;
  lua_pushcfunction(L, traceback);
  lua_insert(L, base);
  int st = lua_pcall(L, args, results, base);
  lua_remove(L, base);
  if (st != LUA_OK) lunb_settle_interrupt(L);
  return st;
}

/* The runtime knows of what kind its failures are; its latest one counts where the message is that of the error at
 * hand. */
static int exit_code(lua_State *L, int st, const char *message) {
  lun_context *c = lunb_context(L);
  const char *said = lun_message(c);
  if (st == LUA_ERRMEM) return LACKING;
  if (lua_getfield(L, LUA_REGISTRYINDEX, failure_key) == LUA_TSTRING) {
    const char *code = lua_tostring(L, -1);
    int found = !strcmp(code, "nan")                                 ? DIVERGED
                : !strcmp(code, "data")                              ? DATA
                : !strcmp(code, "device") || !strcmp(code, "memory") ? LACKING
                                                                     : FAILED;
    lua_pop(L, 1);
    return found;
  }
  lua_pop(L, 1);
  if (!message || !said[0] || !strstr(message, said)) return FAILED;
  switch (lun_message_code(c)) {
  case LUN_EDATA: return DATA;
  case LUN_EDEVICE:
  case LUN_EMEM: return LACKING;
  case LUN_ENAN: return DIVERGED;
  default: return FAILED;
  }
}

/* Says what went wrong, if anything did. -> exit code */
static int report(lua_State *L, int st) {
  if (st == LUA_OK) return 0;
  const char *message = lua_tostring(L, -1);
  int code = exit_code(L, st, message);
  fflush(stdout);
  if (lunb_get(L)->interrupts && message && strstr(message, "interrupted!"))
    fprintf(stderr, "lunette: interrupted\n");
  else
    fprintf(stderr, "lunette: %s\n", message ? message : "(error object is not a string)");
  lua_pop(L, 1);
  return code;
}

static int run_string(lua_State *L, const char *code, const char *name) {
  int st = luaL_loadbuffer(L, code, strlen(code), name);
  if (st == LUA_OK) st = protected_call(L, 0, 0);
  return report(L, st);
}

/* -l mod, or -l global=mod */
static int run_require(lua_State *L, const char *what) {
  const char *equals = strchr(what, '=');
  const char *module = equals ? equals + 1 : what;
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  int st = protected_call(L, 1, 1);
  if (st == LUA_OK) {
    lua_pushlstring(L, what, equals ? (size_t)(equals - what) : strlen(what));
    lua_insert(L, -2);
    lua_pushglobaltable(L);
    lua_insert(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  }
  return report(L, st);
}

/* ---- the command line ---- */

typedef struct {
  int script; /* position in argv, 0: none */
  bool interactive, version, help, execute, ignore_environment, bad;
} command;

static command read_options(char **argv) {
  command c = {0};
  int i = 1;
  for (; argv[i] && argv[i][0] == '-' && argv[i][1]; i++) {
    const char *a = argv[i];
    if (!strcmp(a, "--")) {
      i++;
      break;
    }
    if (!strcmp(a, "--version")) {
      c.version = true;
      continue;
    }
    if (!strcmp(a, "--help") || !strcmp(a, "-h")) {
      c.help = true;
      return c;
    }
    if (!strcmp(a, "-i"))
      c.interactive = c.version = true;
    else if (!strcmp(a, "-v"))
      c.version = true;
    else if (!strcmp(a, "-E"))
      c.ignore_environment = true;
    else if (!strcmp(a, "-W"))
      continue;
    else if (a[1] == 'e' || a[1] == 'l') {
      c.execute |= a[1] == 'e';
      if (!a[2] && !argv[++i]) {
        fprintf(stderr, "lunette: '%s' needs an argument\n%s", a, usage_text);
        c.bad = true;
        return c;
      }
    } else {
      fprintf(stderr, "lunette: unrecognized option '%s'\n%s", a, usage_text);
      c.bad = true;
      return c;
    }
  }
  c.script = argv[i] ? i : 0;
  return c;
}

/* arg[0] is the script, what precedes it has negative positions, its arguments follow from 1. */
static void create_arg(lua_State *L, char **argv, int argc, int script) {
  int zero = script ? script : 0;
  lua_createtable(L, argc - zero, zero + 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - zero);
  }
  lua_setglobal(L, "arg");
}

static int run_options(lua_State *L, char **argv, int end) {
  for (int i = 1; i < end; i++) {
    char kind = argv[i][0] == '-' ? argv[i][1] : 0;
    if (kind == 'W') lua_warning(L, "@on", 0);
    if (kind != 'e' && kind != 'l') continue;
    const char *value = argv[i][2] ? argv[i] + 2 : argv[++i];
    int code = kind == 'e' ? run_string(L, value, "=(command line)") : run_require(L, value);
    if (code) return code;
  }
  return 0;
}

static const char *const subcommands[] = {"run", "check", "resume", "sweep", "report", "diff", "verify", "pack", NULL};

static int unknown_file(const char *name) {
  lunb_nearest near = {.word = name};
  char hint[80];
  for (const char *const *s = subcommands; *s; s++) lunb_offer(&near, *s);
  lunb_offer(&near, "doctor");
  lunb_offer(&near, "help");
  fprintf(stderr, "lunette: cannot open '%s': no such file, and no subcommand of that name%s; see lunette help\n", name,
          lunb_hint(&near, hint, sizeof hint));
  return USAGE;
}

static int push_arguments(lua_State *L, char **argv, int from) {
  int n = 0;
  for (; argv[from + n]; n++) {
    luaL_checkstack(L, 4, "too many arguments");
    lua_pushstring(L, argv[from + n]);
  }
  return n;
}

/* A recipe run as a script only builds a table; who does that wanted something else. */
static bool is_recipe(lua_State *L, int i) {
  if (!lua_istable(L, i)) return false;
  lua_pushliteral(L, "format");
  bool format = lua_rawget(L, i < 0 ? i - 1 : i) != LUA_TNIL;
  lua_pop(L, 1);
  lua_pushliteral(L, "stages");
  bool stages = lua_rawget(L, i < 0 ? i - 1 : i) == LUA_TTABLE;
  lua_pop(L, 1);
  return format && stages;
}

static int run_script(lua_State *L, char **argv, int script) {
  const char *name = argv[script];
  bool input = !strcmp(name, "-") && strcmp(argv[script - 1], "--") != 0;
  if (!input && access(name, F_OK) != 0) return unknown_file(name);
  int st = luaL_loadfile(L, input ? NULL : name);
  if (st == LUA_OK) st = protected_call(L, push_arguments(L, argv, script + 1), 1);
  int code = report(L, st);
  if (code == 0 && is_recipe(L, -1)) {
    fflush(stdout);
    fprintf(stderr,
            "lunette: '%s' is a recipe: run it by 'lunette run %s', or see what it does by 'lunette check %s'\n", name,
            name, name);
    code = USAGE;
  }
  if (st == LUA_OK) lua_pop(L, 1);
  return code;
}

/* module.main({args}) -> exit code, nil for 0 */
static int run_main(lua_State *L, const char *module, char **argv, int from) {
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  int st = protected_call(L, 1, 1);
  if (st == LUA_OK) {
    lua_getfield(L, -1, "main");
    lua_createtable(L, 8, 0);
    for (int i = 0; argv[from + i]; i++) {
      lua_pushstring(L, argv[from + i]);
      lua_rawseti(L, -2, i + 1);
    }
    st = protected_call(L, 1, 1);
  }
  if (st != LUA_OK) return report(L, st);
  return lua_isinteger(L, -1) ? (int)lua_tointeger(L, -1) : 0;
}

static int dispatch(lua_State *L, int argc, char **argv, const command *c) {
  const char *name = c->script ? argv[c->script] : NULL;
  if (name && c->script == 1) {
    for (const char *const *s = subcommands; *s; s++)
      if (!strcmp(name, *s)) return run_main(L, "lunette.host", argv, 1);
    if (!strcmp(name, "doctor")) return run_main(L, "lunette.doctor", argv, 2);
    if (!strcmp(name, "help")) return run_main(L, "lunette.help", argv, 2);
  }
  int code = run_options(L, argv, c->script ? c->script : argc);
  if (code == 0 && c->script) code = run_script(L, argv, c->script);
  if (c->interactive) return lunb_repl(L);
  if (code || c->script || c->execute) return code;
  if (c->version) return 0;
  if (isatty(STDIN_FILENO)) return lunb_repl(L);
  int st = luaL_loadfile(L, NULL);
  if (st == LUA_OK) st = protected_call(L, 0, 0);
  return report(L, st);
}

static int run_init(lua_State *L) {
  const char *name = "LUA_INIT_5_4", *init = getenv(name);
  if (!init) init = getenv(name = "LUA_INIT");
  if (!init) return 0;
  if (init[0] != '@') return run_string(L, init, name);
  int st = luaL_loadfile(L, init + 1);
  if (st == LUA_OK) st = protected_call(L, 0, 0);
  return report(L, st);
}

/* Everything that may raise runs under one pcall: (argc, argv) -> exit code. */
static int protected_main(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  command c = read_options(argv);
  int code = USAGE;
  if (c.help) code = 0, fputs(usage_text, stdout);
  if (c.bad || c.help) goto done;
  if (c.version) version();
  if (c.ignore_environment) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  lunb_open_modules(L);
  lunb_open_interrupts(L);
  luaL_requiref(L, "lunette", luaopen_lunette, 1);
  lua_pop(L, 1);
  create_arg(L, argv, argc, c.script);
  lunb_catch_signals(L, true);
  code = c.ignore_environment ? 0 : run_init(L);
  if (code == 0) code = dispatch(L, argc, argv, &c);
  if (lunb_get(L)->interrupts && code == FAILED) code = 128 + lunb_get(L)->interrupts;
done:
  lua_pushinteger(L, code);
  return 1;
}

/* OpenMP reads its environment when it is loaded, before main. By default its threads spin for milliseconds at every
** barrier; with a busy neighbour on one of the cores that makes small steps several times slower, and costs processor
** time even when idle. A short spin keeps the latency of back-to-back kernels. Users' own settings are left alone. */
static void with_short_barriers(char **argv) {
  if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) return;
  char self[4096]; /* by its path, not as /proc/self/exe: process lists show the name that was executed */
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n <= 0 || setenv("GOMP_SPINCOUNT", "2000", 1)) return;
  self[n] = 0;
  execv(self, argv); /* where this fails, go on as we are */
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "--jail")) return lunb_jail_main(); /* before anything is opened or set up */
  with_short_barriers(argv);
  signal(SIGXFSZ,
         SIG_IGN); /* a file over the limit (ulimit -f) is then a failed write with a message, as a full disk is */
  lunb_state state = {0};
  if (lun_open(&state.c) != LUN_OK) {
    fprintf(stderr, "lunette: the runtime does not start\n");
    return FAILED;
  }
  lua_State *L = luaL_newstate();
  if (!L) {
    fprintf(stderr, "lunette: cannot create a Lua state: not enough memory\n");
    lun_close(state.c);
    return FAILED;
  }
  state.main = state.running = L;
  *(lunb_state **)lua_getextraspace(L) = &state;
  lua_pushcfunction(L, protected_main);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int st = lua_pcall(L, 2, 1, 0), code = FAILED;
  if (st == LUA_OK)
    code = (int)lua_tointeger(L, -1);
  else if (state.interrupts)
    code = 128 + state.interrupts;
  else
    fprintf(stderr, "lunette: %s\n", lua_tostring(L, -1));
  lunb_catch_signals(L, false);
  lua_close(L);
  lun_close(state.c);
  return code;
}
