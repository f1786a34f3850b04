/* ssl_barlow.c: the loss of Barlow Twins (Zbontar et al. 2021, arXiv 2103.03230, equations 1 and 2).
**
** With a, b (n,d) the normalised views and c = a^T b / n, the off-diagonal part's gradients are multiples of b c^T and
** a c less what the diagonal gives. With few samples and many features they are (b b^T) a and (a a^T) b instead, and
** the sum of c's squares is that of the products of both (n,n) matrices: nothing of size (d,d) is made. */
#include "ops/ready_gradient.h"

#include <math.h>
#include <string.h>

#define KERNELS "ssl_redundancy_kernels.h"
#include "real.h"

static int barlow_shape(lun_call *c) {
  const lun_tensor *z = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(lun_need_same_shape(c, 1, 0));
  if (z->shape[0] < 2 || z->shape[1] < 1)
    return lun_bad(c, LUN_ESHAPE, "z1 must hold at least two samples, for a variance, and one feature; got (%lld,%lld)",
                   (long long)z->shape[0], (long long)z->shape[1]);
  LUN_TRY(lun_out(c, 0, z->dtype, 0, NULL));
  LUN_TRY(lun_out(c, 1, z->dtype, 2, z->shape));
  return lun_out(c, 2, z->dtype, 2, z->shape);
}

/* A view as batch_norm wants it, normalised, with the statistics its gradient reads; then the gradient to `rows`. */
typedef struct {
  lun_tensor *x, *norm[3], *rows, *gradient;
} view;

static int open_view(lun_call *c, int arg, view *v) {
  const lun_tensor *z = c->arg[arg].t;
  const int64_t image[4] = {z->shape[0], z->shape[1], 1, 1};
  LUN_TRY(lun_do(c->ctx, "reshape", &v->x, "tn", z, (int64_t)4, image));
  LUN_TRY(lun_do(c->ctx, "batch_norm", v->norm, "t", v->x));
  return lun_do(c->ctx, "reshape", &v->rows, "tn", v->norm[0], (int64_t)2, image);
}

static int finish_view(lun_call *c, int arg, view *v) {
  const int64_t *shape = v->x->shape;
  lun_tensor *dy = NULL, *made[3] = {NULL}, *dz = NULL;
  int st = lun_do(c->ctx, "reshape", &dy, "tn", v->gradient, (int64_t)4, shape);
  if (!st) st = lun_do(c->ctx, "batch_norm_grad", made, "tttt", dy, v->x, v->norm[1], v->norm[2]);
  if (!st) st = lun_do(c->ctx, "reshape", &dz, "tn", made[0], (int64_t)2, shape);
  if (!st) st = lun_copy(c->out[1 + arg], dz);
  lun_tensor *const owned[] = {dy, made[0], made[1], made[2], dz};
  for (int i = 0; i < 5; i++) lun_release(owned[i]);
  return st;
}

static void close_view(view *v) {
  lun_tensor *const owned[] = {v->x, v->norm[0], v->norm[1], v->norm[2], v->rows, v->gradient};
  for (int i = 0; i < 6; i++) lun_release(owned[i]);
}

/* *sum: n^2 times c's squares, those off the diagonal, or all of them where *gram. The views' gradients: those of *sum,
** halved and, where not *gram, divided by n. */
static int cross_products(lun_call *c, view *v, double *each, double *sum, bool *gram) {
  lun_tensor *a = v[0].rows, *b = v[1].rows, *m[2] = {NULL, NULL};
  int64_t n = a->shape[0], d = a->shape[1];
  int st;
  *gram = 2 * n <= d;
  if (*gram) {
    st = lun_do(c->ctx, "matmul", &m[0], "ttbb", a, a, 0, 1);
    if (!st) st = lun_do(c->ctx, "matmul", &m[1], "ttbb", b, b, 0, 1);
    if (!st) *sum = BY_REAL(a->dtype, product_sum, lun_data(m[0]), lun_data(m[1]), each, n, n, false, c->threads);
    if (!st) st = lun_do(c->ctx, "matmul", &v[0].gradient, "tt", m[1], a);
    if (!st) st = lun_do(c->ctx, "matmul", &v[1].gradient, "tt", m[0], b);
  } else {
    st = lun_do(c->ctx, "matmul", &m[0], "ttbb", a, b, 1, 0);
    if (!st) *sum = BY_REAL(a->dtype, product_sum, lun_data(m[0]), lun_data(m[0]), each, d, d, true, c->threads);
    if (!st) st = lun_do(c->ctx, "matmul", &v[0].gradient, "ttbb", b, m[0], 0, 1);
    if (!st) st = lun_do(c->ctx, "matmul", &v[1].gradient, "tt", a, m[0]);
  }
  lun_release(m[0]);
  lun_release(m[1]);
  return st;
}

/* work: 2 d + max(n, d) numbers */
static int barlow_views(lun_call *c, view *v, double *work, double *loss) {
  int64_t n = c->arg[0].t->shape[0], d = c->arg[0].t->shape[1];
  lun_dtype type = c->arg[0].t->dtype;
  double *dot = work, *weight = work + d, *each = work + 2 * d, sum = 0, on = 0, diagonal = 0;
  double lambda = c->arg[2].f, scale = c->arg[3].f;
  bool gram = false;
  LUN_TRY(open_view(c, 0, &v[0]));
  LUN_TRY(open_view(c, 1, &v[1]));
  BY_REAL(type, column_dots, lun_data(v[0].rows), lun_data(v[1].rows), dot, n, d, c->threads);
  LUN_TRY(cross_products(c, v, each, &sum, &gram));
  for (int64_t j = 0; j < d; j++) {
    double same = dot[j] / (double)n;
    on += (same - 1) * (same - 1);
    diagonal += same * same;
    weight[j] = 2 * scale * (same - 1 - (gram ? lambda * same : 0)) / (double)n;
  }
  *loss = scale * (on + lambda * (sum / ((double)n * (double)n) - (gram ? diagonal : 0)));
  for (int i = 0; i < 2; i++) {
    BY_REAL(type, add_weighted_columns, lun_data(v[i].gradient), lun_data(v[1 - i].rows), weight, n, d,
            2 * scale * lambda / ((double)n * (double)n), c->threads);
    LUN_TRY(finish_view(c, i, &v[i]));
  }
  return LUN_OK;
}

static int barlow_cpu(lun_call *c) {
  int64_t n = c->arg[0].t->shape[0], d = c->arg[0].t->shape[1];
  double *work = NULL, loss = 0;
  view v[2] = {0};
  LUN_TRY(lun_scratch(c, (2 * d + (n > d ? n : d)) * (int64_t)sizeof *work, (void **)&work));
  int st = barlow_views(c, v, work, &loss);
  if (!st) st = lun_set(c->out[0], NULL, loss);
  for (int i = 0; i < 2; i++) close_view(&v[i]);
  lun_scratch_free(c, work);
  return st;
}

static int barlow_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return ready_gradients(c, dout, din, 2);
}

static const char *const barlow_samples[] = {"z1=normal[5,3] z2=normal[5,3] lambda=0.1",
                                             "z1=normal[3,8] z2=normal[3,8] scale=0.1", "z1=normal[4,1] z2=normal[4,1]",
                                             "z1=normal[9,2] z2=normal[9,2]", NULL};
const lun_op LUN_ROW(barlow) = {
    .name = "barlow",
    .args = "z1:tensor z2:tensor lambda:float=0.0051 scale:float=1 -> loss dz1:constant dz2:constant",
    .doc =
        "The Barlow Twins loss of two views z1, z2 (n,d), n at least 2: scale (sum_j (c_jj - 1)^2 + lambda times the "
        "sum of the other\n"
        "c_jk^2), where c (d,d) = z1^T z2 / n of the views normalised by column with their biased variance + 1e-5, a "
        "batch norm\n"
        "without affine part (Zbontar et al. 2021, equations 1 and 2). lambda and scale 1 as in the authors' code; "
        "solo-learn and\n"
        "VISSL scale by 0.024, solo-learn's recipes by 0.1, lightly's lambda is 0.005.\n"
        "Outputs after the loss are its gradients to z1 and z2.",
    .shape = barlow_shape,
    .cpu = barlow_cpu,
    .grad = barlow_backward,
    .keep = "dz1 dz2",
    .samples = barlow_samples,
};
