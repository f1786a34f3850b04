/* report.c: see report.h. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void report_add(report *r, const char *fmt, ...) {
  size_t at = strlen(r->text);
  r->count++;
  if (at + 2 >= sizeof r->text) return;
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(r->text + at, sizeof r->text - at - 1, fmt, ap);
  va_end(ap);
  if (n > 0) strcat(r->text, "\n");
}
