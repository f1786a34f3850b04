/* sample.h: the sample strings of the op table (grammar: runtime/core/op.h) as arguments for a call.
**
** Every tensor lies inside a larger storage filled with 0xFF bytes (NaN in every floating dtype) and is remembered byte
** for byte: reading outside shows up as NaN, writing anywhere as a difference.
*/
#ifndef TEST_SAMPLE_H
#define TEST_SAMPLE_H

#include "core/core.h"
#include "report.h"

typedef enum {
  LAYOUT_NATIVE,        /* what the argument's type promises to the kernel */
  LAYOUT_ROWS,          /* dense row-major */
  LAYOUT_CHANNELS_LAST, /* dense channels-last where 4-D, else row-major */
  LAYOUT_GAPS,          /* a view with a hole after every element and every row */
  LAYOUT_REVERSED,      /* axes stored in the opposite order, as a transposed view has them */
  LAYOUTS
} sample_layout;

extern const char *const sample_layout_name[LAYOUTS];

typedef struct {
  lun_dtype real;      /* of floating tensors without @dtype */
  uint32_t bf16_args;  /* bit per argument: bf16 instead of `real` */
  uint32_t round_args; /* bit per argument: values a bf16 can hold, whatever the dtype */
  sample_layout layout;
  int64_t from, to; /* axes of size `from` get size `to`; -1: every axis; -2: leading axes as large as the first
                       tensor's leading axis (the batch); 0: as written */
  int omit;         /* 1 + the argument to leave out, 0: none */
} sample_options;

/* Elements before and after each tensor. Unaligned: an odd number, so that no kernel may count on more than an element's
** alignment; what a kernel does with aligned packs of elements it does with the other. */
enum { SAMPLE_UNALIGNED = 17, SAMPLE_ALIGNED = 64 };
extern int sample_guard; /* unaligned unless a test says otherwise; the same from a sample's making to its end */

#define SAMPLE_TENSORS 48

typedef struct {
  lun_context *ctx;
  const lun_op *op;
  const lun_signature *sig;
  lun_arg arg[LUN_MAX_ARGS];
  char word[LUN_MAX_ARGS][40];
  lun_tensor *list[LUN_MAX_ARGS][SAMPLE_TENSORS];
  int64_t batch; /* the first tensor's leading axis as written */
  int n;         /* every tensor, lists unrolled */
  struct {
    lun_tensor *t;
    int arg;
    bool typed; /* the sample names its dtype */
    void *before;
  } tensor[SAMPLE_TENSORS];
  char error[200]; /* why the string does not parse */
} sample;

/* LUN_OK, or an error of the core (memory), or LUN_EARG with s->error. sample_free is due in every case. */
int sample_make(lun_context *c, const lun_op *op, const char *text, const sample_options *o, sample *s);
void sample_free(sample *s);
void sample_restore(sample *s); /* every byte as it was made */
/* Inputs untouched; of arguments written in place, the bytes around them untouched. */
void sample_check_untouched(const sample *s, const char *text, report *r);
bool sample_is_real(const lun_tensor *t);
/* An argument for which a gradient exists: not constant, not written in place, of a floating dtype. */
bool sample_differentiable(const sample *s, int arg);

#endif
