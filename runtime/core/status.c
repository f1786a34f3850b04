/* status.c: messages, interrupts, dtype and device names. */
#include "core.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int lun_fail(lun_context *c, int code, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(c->message, sizeof c->message, fmt, ap);
  va_end(ap);
  c->code = code;
  return code;
}

int lun_bad(lun_call *c, int code, const char *fmt, ...) {
  char text[900];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return lun_fail(c->ctx, code, "%s: %s", c->op->name, text);
}

void luni_prefix(lun_context *c, const char *before, const char *name) {
  char text[sizeof c->message];
  memcpy(text, c->message, sizeof text);
  lun_fail(c, c->code, "%s%s: %.900s", before, name, text);
}

const char *lun_message(const lun_context *c) { return c->message; }
int lun_message_code(const lun_context *c) { return c->code; }

void lun_interrupt(lun_context *c) { c->interrupted = 1; }
void lun_clear_interrupt(lun_context *c) { c->interrupted = 0; }
bool lun_poll(const lun_call *c) { return c->ctx->interrupted != 0; }
int lun_interrupted(lun_call *c) { return lun_bad(c, LUN_EINTR, "interrupted"); }

static const struct {
  const char *name, *alias;
  int size;
} dtypes[LUN_NDTYPES] = {
    [LUN_F32] = {"f32", "float32", 4}, [LUN_BF16] = {"bf16", "bfloat16", 2}, [LUN_F16] = {"f16", "float16", 2},
    [LUN_F64] = {"f64", "float64", 8}, [LUN_I64] = {"i64", "int64", 8},      [LUN_U8] = {"u8", "uint8", 1},
    [LUN_BOOL] = {"bool", "bool", 1},
};

const char *lun_dtype_name(lun_dtype d) { return (unsigned)d < LUN_NDTYPES ? dtypes[d].name : "?"; }
int64_t lun_dtype_size(lun_dtype d) { return dtypes[d].size; }

int lun_dtype_parse(const char *s, lun_dtype *out) {
  for (int i = 0; i < LUN_NDTYPES; i++)
    if (!strcmp(s, dtypes[i].name) || !strcmp(s, dtypes[i].alias)) {
      *out = (lun_dtype)i;
      return LUN_OK;
    }
  return LUN_EARG;
}

const char *lun_device_name(lun_device d) { return d == LUN_CUDA ? "cuda" : "cpu"; }

int lun_device_parse(lun_context *c, const char *s, lun_device *out) {
  for (int d = 0; d < LUN_NDEVICES; d++)
    if (!strcmp(s, lun_device_name((lun_device)d))) {
      *out = (lun_device)d;
      return lun_device_need(c, (lun_device)d);
    }
  return lun_fail(c, LUN_EDEVICE, "unknown device \"%s\": expected \"cpu\" or \"cuda\"", s);
}
