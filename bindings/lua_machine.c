/* lua_machine.c: lunette.machine(), facts for `lunette doctor` and for provenance. No user's or host's name. */
#include "binding.h"
#include "lunette_device.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "model name : X" of /proc/cpuinfo; architectures without that line get a name of their own. */
static void push_cpu(lua_State *L) {
  char line[512], *name = NULL;
  FILE *f = fopen("/proc/cpuinfo", "r");
  while (f && !name && fgets(line, sizeof line, f))
    if (!strncmp(line, "model name", 10)) name = strchr(line, ':');
  if (f) fclose(f);
  if (!name) {
    lua_pushliteral(L, "unknown");
    return;
  }
  for (name++; *name == ' ';) name++;
  name[strcspn(name, "\n")] = 0;
  lua_pushstring(L, name);
}

static void set_integer(lua_State *L, const char *key, int64_t v) {
  lua_pushinteger(L, v);
  lua_setfield(L, -2, key);
}

static int machine(lua_State *L) {
  lun_context *c = lunb_context(L);
  int64_t page = sysconf(_SC_PAGESIZE);
  char engine[2048] = "";
  lun_describe_engine(c, engine, sizeof engine);
  lua_createtable(L, 0, 8);
  lua_pushstring(L, engine);
  lua_setfield(L, -2, "engine");
  lua_pushboolean(L, lun_fast_bf16(c));
  lua_setfield(L, -2, "fast_bf16");
  push_cpu(L);
  lua_setfield(L, -2, "cpu");
  set_integer(L, "cores", sysconf(_SC_NPROCESSORS_ONLN));
  set_integer(L, "threads", lun_threads(c));
  set_integer(L, "memory_bytes", sysconf(_SC_PHYS_PAGES) * page);
  set_integer(L, "available_bytes", sysconf(_SC_AVPHYS_PAGES) * page);
  lua_pushstring(L, lun_isa(c));
  lua_setfield(L, -2, "isa");
  return 1;
}

/* device(name) -> whether it can be used, and what was found or why not, in lines of "name: text" */
static int device(lua_State *L) {
  lun_context *c = lunb_context(L);
  const char *name = luaL_checkstring(L, 1);
  char text[2048];
  for (int d = 0; d < LUN_NDEVICES; d++) {
    if (strcmp(name, lun_device_name((lun_device)d))) continue;
    lua_pushboolean(L, lun_device_need(c, (lun_device)d) == LUN_OK);
    lun_device_describe(c, (lun_device)d, text, sizeof text);
    lua_pushstring(L, text);
    return 2;
  }
  return lunb_error(L, "unknown device \"%.40s\": expected \"cpu\" or \"cuda\"", name);
}

void lunb_open_machine(lua_State *L) {
  lua_pushcfunction(L, device);
  lua_setfield(L, -2, "device");
  lua_pushcfunction(L, machine);
  lua_setfield(L, -2, "machine");
}
