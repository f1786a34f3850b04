/* conv_geometry.h: the sizes of one convolution, shared by the reference kernels and the engine. */
#ifndef LUN_OPS_CONV_GEOMETRY_H
#define LUN_OPS_CONV_GEOMETRY_H

#include "core/op.h"

/* x (n,c,h,w), weight (k,c,kh,kw), y (n,k,oh,ow); the same stride and padding on both axes. */
typedef struct {
  int64_t n, c, h, w, k, kh, kw, oh, ow, stride, pad;
} conv_geometry;

static inline conv_geometry conv_geometry_of(const lun_tensor *x, const lun_tensor *w, const lun_tensor *y,
                                             int64_t stride, int64_t pad) {
  return (conv_geometry){x->shape[0], x->shape[1], x->shape[2], x->shape[3], w->shape[0], w->shape[2],
                         w->shape[3], y->shape[2], y->shape[3], stride,      pad};
}

/* Of conv2d (x weight bias stride padding), conv2d_dx (dy weight height width stride padding) and conv2d_dw (x dy
** kernel_h kernel_w stride padding). */
static inline conv_geometry conv_forward_geometry(const lun_call *c) {
  return conv_geometry_of(c->arg[0].t, c->arg[1].t, c->out[0], c->arg[3].i, c->arg[4].i);
}
static inline conv_geometry conv_dx_geometry(const lun_call *c) {
  return conv_geometry_of(c->out[0], c->arg[1].t, c->arg[0].t, c->arg[4].i, c->arg[5].i);
}
static inline conv_geometry conv_dw_geometry(const lun_call *c) {
  return conv_geometry_of(c->arg[0].t, c->out[0], c->arg[1].t, c->arg[4].i, c->arg[5].i);
}

#endif
