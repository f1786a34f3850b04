/* report.h: what a check of one op found. Checks do not stop at the first finding and do not call libcheck, so that the
** planted errors of test_planted.c can be fed to the same checks that judge the real table.
*/
#ifndef TEST_REPORT_H
#define TEST_REPORT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  int count;       /* findings */
  int done;        /* comparisons made: a check that compared nothing proved nothing */
  char text[8000]; /* the first findings, one per line */
} report;

void report_add(report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
