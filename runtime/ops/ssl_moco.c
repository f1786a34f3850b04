/* ssl_moco.c: the InfoNCE losses of MoCo: against a queue (v1, v2) and within the batch (v3).
**
** Nothing flows to the candidates, so the gradient to q is complete once they have passed by: they pass in blocks,
** with running maxima as in an online softmax, and the (n,K) matrix of similarities never exists as a whole.
*/
#include "ops/ready_gradient.h"

#include <math.h>

#define KERNELS "ssl_moco_kernels.h"
#include "real.h"

/* What is known of the n samples between blocks; see the kernels. */
typedef struct {
  lun_tensor *u, *u_norm, *v; /* unit rows of q and their lengths, unit rows of k */
  lun_tensor *pull;
  void *positive, *top;
  double *sum;
} info_nce;

static int open_state(lun_call *c, info_nce *w) {
  lun_tensor *out[2] = {NULL, NULL};
  const lun_tensor *q = c->arg[0].t;
  int64_t rows = q->shape[0] * lun_dtype_size(q->dtype);
  int st = lun_do(c->ctx, "normalize", out, "t", c->arg[0].t);
  w->u = out[0];
  w->u_norm = out[1];
  if (!st) st = lun_do(c->ctx, "normalize", out, "t", c->arg[1].t);
  if (st) return st;
  w->v = out[0];
  lun_release(out[1]);
  LUN_TRY(lun_empty(c->ctx, q->dtype, q->device, 2, q->shape, &w->pull));
  LUN_TRY(lun_scratch(c, rows, &w->positive));
  LUN_TRY(lun_scratch(c, rows, &w->top));
  return lun_scratch(c, q->shape[0] * (int64_t)sizeof(double), (void **)&w->sum);
}

static void close_state(lun_call *c, info_nce *w) {
  lun_tensor *const owned[] = {w->u, w->u_norm, w->v, w->pull};
  for (int i = 0; i < 4; i++) lun_release(owned[i]);
  lun_scratch_free(c, w->positive);
  lun_scratch_free(c, w->top);
  lun_scratch_free(c, w->sum);
}

/* Rows at..at+rows-1 of the candidates. */
static int pass_block(lun_call *c, info_nce *w, const lun_tensor *candidates, int64_t at, int64_t rows, double per_t) {
  int64_t own = candidates == w->v ? -at : rows;
  lun_tensor block = *candidates, *s = NULL, *part = NULL;
  int64_t n = w->u->shape[0], d = w->u->shape[1];
  block.shape[0] = rows;
  block.offset += at * d;
  LUN_TRY(lun_do(c->ctx, "matmul", &s, "ttbb", w->u, &block, 0, 1));
  BY_REAL(s->dtype, info_nce_block, lun_data(s), w->top, w->sum, lun_data(w->pull), n, rows, d, own, per_t, c->threads);
  int st = lun_do(c->ctx, "matmul", &part, "tt", s, &block);
  if (!st) BY_REAL(s->dtype, info_nce_pull, lun_data(part), lun_data(w->pull), n * d);
  lun_release(s);
  lun_release(part);
  return st;
}

/* Blocks of about a million similarities, and of candidates enough for a matrix product to be worth its start. */
static int pass_all(lun_call *c, info_nce *w, const lun_tensor *candidates, double per_t) {
  int64_t k = candidates->shape[0], rows = ((int64_t)1 << 20) / w->u->shape[0];
  if (rows < 256) rows = 256;
  for (int64_t at = 0; at < k; at += rows) {
    if (lun_poll(c)) return lun_interrupted(c);
    LUN_TRY(pass_block(c, w, candidates, at, k - at < rows ? k - at : rows, per_t));
  }
  return LUN_OK;
}

/* queue NULL: the candidates are the unit rows of k, each sample's positive among them. */
static int info_nce_of(lun_call *c, const lun_tensor *queue, double temperature, double factor) {
  const lun_tensor *q = c->arg[0].t;
  int64_t n = q->shape[0], d = q->shape[1];
  double per_t = 1 / temperature;
  info_nce w = {0};
  lun_tensor *dq = NULL;
  int st = open_state(c, &w);
  if (!st) {
    BY_REAL(q->dtype, info_nce_begin, lun_data(w.u), lun_data(w.v), w.positive, w.top, w.sum, lun_data(w.pull), n, d);
    st = pass_all(c, &w, queue ? queue : w.v, per_t);
  }
  if (!st) {
    BY_REAL(q->dtype, info_nce_end, lun_data(w.v), w.positive, w.top, w.sum, lun_data(w.pull), lun_data(c->out[0]), n,
            d, factor, per_t);
    st = lun_do(c->ctx, "normalize_grad", &dq, "ttt", w.pull, w.u, w.u_norm);
  }
  if (!st) st = lun_copy(c->out[1], dq);
  lun_release(dq);
  close_state(c, &w);
  return st;
}

static int pair_shape(lun_call *c, double temperature) {
  const lun_tensor *q = c->arg[0].t;
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(lun_need_same_shape(c, 1, 0));
  if (!(temperature > 0)) return lun_bad(c, LUN_EARG, "temperature must be above 0, got %g", temperature);
  if (q->shape[0] < 1 || q->shape[1] < 1)
    return lun_bad(c, LUN_ESHAPE, "q must hold at least one sample and one feature");
  LUN_TRY(lun_out(c, 0, q->dtype, 0, NULL));
  return lun_out(c, 1, q->dtype, 2, q->shape);
}

static int moco_shape(lun_call *c) {
  const lun_tensor *q = c->arg[0].t, *queue = c->arg[2].t;
  LUN_TRY(pair_shape(c, c->arg[3].f));
  LUN_TRY(lun_need_same_dtype(c, 2, 0));
  LUN_TRY(lun_need_ndim(c, 2, 2));
  if (queue->shape[1] != q->shape[1])
    return lun_bad(c, LUN_ESHAPE, "queue must have as many columns as q, %lld, got %lld", (long long)q->shape[1],
                   (long long)queue->shape[1]);
  if (queue->shape[0] < 1) return lun_bad(c, LUN_ESHAPE, "queue must hold at least one row: there are no negatives");
  return LUN_OK;
}

static int moco_cpu(lun_call *c) { return info_nce_of(c, c->arg[2].t, c->arg[3].f, 1); }
static int mocov3_shape(lun_call *c) { return pair_shape(c, c->arg[2].f); }
static int mocov3_cpu(lun_call *c) { return info_nce_of(c, NULL, c->arg[2].f, 2 * c->arg[2].f); }

static int info_nce_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return ready_gradients(c, dout, din, 1);
}

static const char *const moco_samples[] = {"q=normal[4,3] k=normal[4,3] queue=normal[7,3]",
                                           "q=normal[3,5] k=normal[3,5] queue=normal[600,5] temperature=0.2",
                                           "q=normal[1,3] k=normal[1,3] queue=normal[1,3] temperature=1", NULL};
const lun_op LUN_ROW(moco) = {
    .name = "moco",
    .args = "q:tensor k:constant queue:constant temperature:float=0.07 -> loss dq:constant",
    .doc =
        "MoCo's InfoNCE loss of queries q (n,d) and their keys k (n,d) against a queue of older keys (K,d): mean of "
        "-log softmax\n"
        "of the positive's cosine / temperature among it and the queue (He et al. 2020, arXiv 1911.05722, equation "
        "1).\n"
        "q and k are L2-normalised here, rows of queue are unit already; nothing flows to k and queue. One direction, "
        "as in\n"
        "the authors' code; solo-learn's v2+ takes the mean of both. The second output is the gradient to q for a loss "
        "gradient of 1.",
    .shape = moco_shape,
    .cpu = moco_cpu,
    .grad = info_nce_backward,
    .keep = "dq",
    .samples = moco_samples,
};

static const char *const mocov3_samples[] = {
    "q=normal[4,3] k=normal[4,3]", "q=normal[3,5] k=normal[3,5] temperature=0.1", "q=normal[1,2] k=normal[1,2]", NULL};
const lun_op LUN_ROW(mocov3) = {
    .name = "mocov3",
    .args = "q:tensor k:constant temperature:float=0.2 -> loss dq:constant",
    .doc = "MoCo v3's loss of predictions q (n,d) and keys k (n,d): 2 temperature times the mean of -log softmax of "
           "q_i k_i / temperature\n"
           "among all keys of the batch (Chen, Xie and He 2021, arXiv 2104.02057, equation 1 and algorithm 1). Rows "
           "are L2-normalised\n"
           "here; nothing flows to k. One direction; the paper, its code and solo-learn sum both.\n"
           "The second output is the gradient to q for a loss gradient of 1.",
    .shape = mocov3_shape,
    .cpu = mocov3_cpu,
    .grad = info_nce_backward,
    .keep = "dq",
    .samples = mocov3_samples,
};
