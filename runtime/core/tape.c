/* tape.c: reverse-mode differentiation over the ops that ran.
**
** A node holds a copy of its op's call in which every tensor the gradient does not read is a ghost (shape without
** data), so activations live exactly as long as some gradient needs them. Outputs are held as aliases without a tape: a
** node that held its own output would never be freed. A kept input that a cheap op made (row->recompute) is not held
** either, on the CPU: the node remembers the op that made it and makes it again when its turn comes. */
#include "core.h"

#include <string.h>

typedef struct {
  lun_node *node;   /* the op that made this argument, or NULL */
  lun_tensor *leaf; /* a leaf that wants its gradient, or NULL */
  int output;
  bool lazy; /* arg's elements come from recomputing `node`'s output 0 */
} edge;

struct lun_node {
  int refs;
  uint64_t seq; /* order of creation: descending order is a valid order for the backward pass */
  lun_context *ctx;
  const luni_entry *entry;
  bool released; /* kept tensors are gone: a second backward through here is an error */
  lun_call call; /* aliases and ghosts */
  edge in[LUN_MAX_ARGS];
  lun_tensor *dout[LUN_MAX_OUTS];
  bool queued;
  lun_node *next; /* list of nodes being freed */
};

static bool is_tensor(lun_argtype t) { return t == LUN_ARG_TENSOR || t == LUN_ARG_IMAGE || t == LUN_ARG_ANY; }

static bool wants(const lun_tensor *t) { return t && (t->requires_grad || t->node); }

bool luni_call_needs_grad(const lun_context *c, const luni_entry *e, const lun_call *call) {
  if (!c->grad_enabled || !e->row->grad) return false;
  for (int i = 0; i < e->sig.nargs; i++)
    if (is_tensor(e->sig.arg[i].type) && !e->sig.arg[i].constant && wants(call->arg[i].t)) return true;
  return false;
}

/* Free everything a gradient needs, keep the shell. */
static void drop_contents(lun_node *n) {
  n->released = true;
  for (int i = 0; i < n->call.nargs; i++) {
    if (is_tensor(n->entry->sig.arg[i].type)) {
      lun_release(n->call.arg[i].t);
      n->call.arg[i].t = NULL;
    }
    lun_release(n->in[i].leaf);
    n->in[i].leaf = NULL;
  }
  luni_call_outputs_release(&n->call);
  for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(n->dout[k]), n->dout[k] = NULL;
}

/* Long chains of nodes must not recurse: a dying node goes on a list threaded through `next`. */
void luni_node_release(lun_node *n) {
  if (!n || __atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
  n->next = NULL;
  for (lun_node *dying = n; dying;) {
    lun_node *d = dying;
    dying = d->next;
    drop_contents(d);
    for (int i = 0; i < LUN_MAX_ARGS; i++) {
      lun_node *p = d->in[i].node;
      if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0) continue;
      p->next = dying;
      dying = p;
    }
    luni_free(d->ctx, d, sizeof *d);
  }
}

/* What the node keeps of one argument or output: an alias where the gradient reads it, else a ghost. */
static int keep(lun_tensor *t, bool data, lun_tensor **out) {
  if (!t) {
    *out = NULL;
    return LUN_OK;
  }
  return data ? luni_alias(t, out) : luni_ghost(t, out);
}

static bool can_recompute(const lun_tensor *t) {
  return t->device == LUN_CPU && t->node && t->output == 0 && t->node->entry->row->recompute && !t->node->released;
}

int luni_record(lun_context *c, const luni_entry *e, const lun_call *given, lun_call *call) {
  lun_node *n = luni_alloc(c, sizeof *n);
  if (!n) return LUN_EMEM;
  n->refs = 1;
  n->ctx = c;
  n->entry = e;
  n->seq = ++c->sequence;
  n->call = *call;
  for (int i = 0; i < e->sig.nargs; i++)
    if (is_tensor(e->sig.arg[i].type))
      n->call.arg[i].t = NULL;
    else if (e->sig.arg[i].type == LUN_ARG_TENSORS)
      n->call.arg[i].list.n = 0, n->call.arg[i].list.v = NULL;
  for (int k = 0; k < LUN_MAX_OUTS; k++) n->call.out[k] = NULL;
  int st = LUN_OK;
  for (int i = 0; i < e->sig.nargs && !st; i++) {
    const lun_param *p = &e->sig.arg[i];
    lun_tensor *t = given->arg[i].t;
    if (!is_tensor(p->type) || !t) continue;
    bool data = (e->keep_args >> i & 1) != 0;
    if (data && can_recompute(t)) {
      n->in[i].lazy = true;
      data = false;
    }
    st = keep(call->arg[i].t, data, &n->call.arg[i].t);
    n->call.needs[i] = !p->constant && wants(t);
    if (t->node && (n->call.needs[i] || n->in[i].lazy)) {
      n->in[i].node = t->node;
      n->in[i].output = t->output;
      __atomic_add_fetch(&t->node->refs, 1, __ATOMIC_RELAXED);
    } else if (n->call.needs[i])
      n->in[i].leaf = lun_retain(t);
  }
  for (int k = 0; k < e->sig.nouts && !st; k++) {
    bool data = (e->keep_outs >> k & 1) != 0;
    st = keep(call->out[k], data, &n->call.out[k]);
  }
  if (st) {
    luni_node_release(n);
    return st;
  }
  for (int k = 0; k < e->sig.nouts; k++) {
    lun_tensor *t = call->out[k];
    if (!t || e->sig.out_constant[k] ||
        (t->dtype != LUN_F32 && t->dtype != LUN_F64 && t->dtype != LUN_BF16 && t->dtype != LUN_F16))
      continue;
    t->node = n;
    t->output = k;
    __atomic_add_fetch(&n->refs, 1, __ATOMIC_RELAXED);
  }
  luni_node_release(n);
  return LUN_OK;
}

/* ---- the backward pass ---- */

/* Max-heap of nodes by sequence number. Holds one reference to each. */
typedef struct {
  lun_node **v;
  int n, cap;
} heap;

static int heap_push(lun_context *c, heap *h, lun_node *n) {
  if (n->queued) return LUN_OK;
  if (h->n == h->cap) {
    int cap = h->cap ? 2 * h->cap : 256;
    lun_node **v = luni_alloc(c, cap * (int64_t)sizeof *v);
    if (!v) { /* a node that is not queued must not hold a gradient into the next backward pass */
      for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(n->dout[k]), n->dout[k] = NULL;
      return LUN_EMEM;
    }
    if (h->n) memcpy(v, h->v, (size_t)h->n * sizeof *v);
    luni_free(c, h->v, h->cap * (int64_t)sizeof *v);
    h->v = v;
    h->cap = cap;
  }
  n->queued = true;
  __atomic_add_fetch(&n->refs, 1, __ATOMIC_RELAXED);
  int i = h->n++;
  while (i && h->v[(i - 1) / 2]->seq < n->seq) h->v[i] = h->v[(i - 1) / 2], i = (i - 1) / 2;
  h->v[i] = n;
  return LUN_OK;
}

static lun_node *heap_pop(heap *h) {
  lun_node *top = h->v[0], *last = h->v[--h->n];
  int i = 0;
  for (;;) {
    int k = 2 * i + 1;
    if (k >= h->n) break;
    if (k + 1 < h->n && h->v[k + 1]->seq > h->v[k]->seq) k++;
    if (h->v[k]->seq < last->seq) break;
    h->v[i] = h->v[k];
    i = k;
  }
  if (h->n) h->v[i] = last;
  top->queued = false;
  return top;
}

/* *slot += g. Takes g's reference. The sum is a new tensor unless *slot was empty: g may be shared with another slot.
 */
static int accumulate(lun_context *c, lun_tensor **slot, lun_tensor *g) {
  if (!*slot) {
    *slot = g;
    return LUN_OK;
  }
  lun_tensor *sum = NULL;
  int st = lun_do(c, "add", &sum, "tt", *slot, g);
  lun_release(g);
  if (st) return st;
  lun_release(*slot);
  *slot = sum;
  return LUN_OK;
}

/* A leaf's gradient is the user's to change in place, so it must not share memory with another gradient. */
static int accumulate_leaf(lun_context *c, lun_tensor *leaf, lun_tensor *g) {
  if (!leaf->grad && (g->refs > 1 || g->storage->refs > 1)) {
    lun_tensor *own = NULL;
    int st = lun_do(c, "clone", &own, "t", g);
    lun_release(g);
    if (st) return st;
    g = own;
  }
  return accumulate(c, &leaf->grad, g);
}

/* Argument tensors that were not kept because they are cheap: make them now. */
static int recompute_inputs(lun_node *n) {
  for (int i = 0; i < n->call.nargs; i++) {
    if (!n->in[i].lazy) continue;
    lun_node *p = n->in[i].node;
    if (p->released)
      return lun_fail(n->ctx, LUN_EARG,
                      "backward: part of this graph was already used and freed; pass keep_graph = true the first time");
    lun_tensor *y = NULL;
    LUN_TRY(recompute_inputs(p));
    LUN_TRY(p->entry->row->recompute(&p->call, &y));
    lun_release(n->call.arg[i].t);
    n->call.arg[i].t = y;
  }
  return LUN_OK;
}

/* Arguments are laid out for the gradient just as they were for the kernel, so a lazy one is dense already. */
static int run_node(lun_node *n, heap *h, bool keep_graph) {
  lun_context *c = n->ctx;
  if (n->released)
    return lun_fail(c, LUN_EARG,
                    "backward: this graph was already used and freed; pass keep_graph = true the first time");
  lun_tensor *din[LUN_MAX_ARGS] = {NULL};
  n->call.threads = c->threads;
  bool profiled = c->profile.on;
  luni_span span = profiled ? luni_profile_begin(c) : (luni_span){0};
  int st = recompute_inputs(n);
  if (!st) st = n->entry->row->grad(&n->call, n->dout, din);
  /* A traced NaN names the op that ran; in a gradient that may be a product that occurs anywhere. */
  if (st == LUN_ENAN) luni_prefix(c, "gradient of ", n->entry->row->name);
  if (profiled) luni_profile_gradient(c, luni_find(c, n->entry->row->name), span);
  /* Free what this node held before its inputs' gradients are passed on: this is what bounds the peak. */
  for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(n->dout[k]), n->dout[k] = NULL;
  for (int i = 0; i < n->call.nargs; i++) {
    edge *in = &n->in[i];
    lun_tensor *g = din[i];
    if (st || !g) {
      lun_release(g);
      continue;
    }
    if (in->leaf)
      st = accumulate_leaf(c, in->leaf, g);
    else if (in->node && n->call.needs[i]) {
      st = accumulate(c, &in->node->dout[in->output], g);
      if (!st) st = heap_push(c, h, in->node);
    } else
      lun_release(g);
  }
  if (!keep_graph) drop_contents(n);
  return st;
}

int lun_backward(lun_tensor *t, lun_tensor *seed, bool keep_graph) {
  lun_context *c = t->ctx;
  if (!lun_requires_grad(t))
    return lun_fail(c, LUN_EARG, "backward: nothing this tensor was made from requires a gradient");
  if (!seed && lun_numel(t) != 1) {
    char s[128];
    return lun_fail(c, LUN_ESHAPE, "backward: start from a scalar, or pass a gradient of this tensor's shape %s",
                    lun_shape_text(t->ndim, t->shape, s, sizeof s));
  }
  if (seed) {
    bool same = seed->ndim == t->ndim && seed->dtype == t->dtype;
    for (int i = 0; same && i < t->ndim; i++) same = seed->shape[i] == t->shape[i];
    if (!same) return lun_fail(c, LUN_ESHAPE, "backward: the gradient must have the tensor's shape and dtype");
  }
  bool was = lun_enable_grad(c, false), nested = c->profile.backward;
  c->profile.backward = true;
  lun_tensor *g = lun_retain(seed);
  int st = g ? LUN_OK : lun_do(c, "full_like", &g, "tf", t, 1.0);
  heap h = {0};
  if (!st && !t->node)
    st = accumulate_leaf(c, t, g);
  else if (!st) {
    st = accumulate(c, &t->node->dout[t->output], g);
    if (!st) st = heap_push(c, &h, t->node);
  }
  while (h.n) { /* after a failure the rest is only emptied */
    lun_node *n = heap_pop(&h);
    if (!st)
      st = run_node(n, &h, keep_graph);
    else
      for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(n->dout[k]), n->dout[k] = NULL;
    luni_node_release(n);
  }
  luni_free(c, h.v, h.cap * (int64_t)sizeof *h.v);
  lun_enable_grad(c, was);
  c->profile.backward = nested;
  return st;
}
