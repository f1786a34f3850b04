/* layout.cu: views and copies: the ops that move elements without computing. copy.cu says what bounds them. */
#include "copy.h"
#include "kernels.h"

static int copy_unless_view(lun_call *c) {
  if (c->out[0]->storage == c->arg[0].t->storage) return LUN_OK;
  return lun_cuda_copy(c, c->out[0], c->arg[0].t);
}

int lun_cuda_contiguous(lun_call *c) { return copy_unless_view(c); }
int lun_cuda_channels_last(lun_call *c) { return copy_unless_view(c); }
int lun_cuda_cast(lun_call *c) { return copy_unless_view(c); }
int lun_cuda_clone(lun_call *c) { return lun_cuda_copy(c, c->out[0], c->arg[0].t); }
int lun_cuda_assign(lun_call *c) { return lun_cuda_copy(c, c->arg[0].t, c->arg[1].t); }

int lun_cuda_full_like(lun_call *c) { return lun_cuda_fill_with(c, c->out[0], c->arg[1].f); }
int lun_cuda_fill(lun_call *c) { return lun_cuda_fill_with(c, c->arg[0].t, c->arg[1].f); }

/* The shape function made the view. */
int lun_cuda_reshape(lun_call *) { return LUN_OK; }
int lun_cuda_permute(lun_call *) { return LUN_OK; }
int lun_cuda_narrow(lun_call *) { return LUN_OK; }
int lun_cuda_select(lun_call *) { return LUN_OK; }

/* An axis argument, resolved: the shape function has checked it. */
static int axis_of(int64_t axis, int ndim) { return (int)(axis < 0 ? axis + ndim : axis); }

int lun_cuda_narrow_grad(lun_call *c) {
  lun_tensor *x = c->out[0], view = *x;
  int axis = axis_of(c->arg[1].i, x->ndim);
  view.shape[axis] = c->arg[0].t->shape[axis];
  if (view.shape[axis] != x->shape[axis]) LUN_TRY(lun_cuda_fill_with(c, x, 0));
  if (view.shape[axis] > 1) view.stride[axis] *= c->arg[4].i;
  view.offset += (c->arg[2].i - 1) * x->stride[axis];
  return lun_cuda_copy(c, &view, c->arg[0].t);
}

int lun_cuda_cat(lun_call *c) {
  int axis = axis_of(c->arg[2].i, c->out[0]->ndim);
  int64_t at = 0;
  for (int k = 0; k < 2; k++) {
    lun_tensor view = *c->out[0];
    view.shape[axis] = c->arg[k].t->shape[axis];
    view.offset += at * view.stride[axis];
    LUN_TRY(lun_cuda_copy(c, &view, c->arg[k].t));
    at += view.shape[axis];
  }
  return LUN_OK;
}
