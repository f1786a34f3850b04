/* attention.cu: multi-head self-attention as products of cuda/gemm.h around one kernel over rows of scores. Scores are
** there for as many images as SCORES_BYTES holds, or, where one image has more, for a block of its queries; the
** gradient makes them again from the logarithms of the rows' sums (Dao et al. 2022).
**
** Bound, beside the products, by the memory of the scores: per score, forward writes and reads it in f32 and again in
** the dtype of qkv (12 bytes for bf16), backward writes and reads two of each and reads three of those in products
** (30). A warp takes a row; it reads it three times (forward), the second and third time from the L1 cache. */
#include "kernels.h"
#include "gemm.h"
#include "pack.h"
#include "reduce.h"
#include "scratch.h"

#ifdef LUN_CUDA_SMALL
enum { SCORES_BYTES = 8000 }; /* the tests' images come in several groups, and their queries in blocks */
#else
enum { SCORES_BYTES = 128 << 20 };
#endif
enum { WARPS = 8 };

static __device__ float EXP(float x) { return expf(x); }
static __device__ double EXP(double x) { return exp(x); }

/* The scores that are there: `images` of them from `image` on, queries from `query` on, `queries` of each; a row has
** `wide` places for its `tokens` scores, so that rows of bf16 are aligned. */
struct scores {
  int64_t tokens, heads, width; /* width of a head */
  int64_t image, images, query, queries, wide;
};

/* Row r of the scores: which head of which image, and which of its queries. */
struct score_row {
  int64_t image, head, token;
};
static __device__ score_row row_of(const scores &s, int64_t r) {
  int64_t block = lun_quotient(r, s.queries), image = lun_quotient(block, s.heads);
  score_row w = {s.image + image, block - image * s.heads, s.query + r - block * s.queries};
  return w;
}
#define EACH_ROW(r, s)                                                                                                 \
  for (int64_t r = (int64_t)blockIdx.x * WARPS + threadIdx.x / 32; r < (s).images * (s).heads * (s).queries;           \
       r += (int64_t)gridDim.x * WARPS)

/* p = softmax(x), which may be the same memory. */
template <class T, class R> static __global__ void softmax_rows(scores s, const R *x, T *p, R *lse) {
  int lane = (int)threadIdx.x % 32;
  EACH_ROW(r, s) {
    const R *from = x + r * s.wide;
    T *to = p + r * s.wide;
    R top = -INFINITY, sum = 0;
    for (int64_t j = lane; j < s.tokens; j += 32) top = lun_max::of(top, from[j]);
    top = lun_warp_reduce<lun_max>(top);
    for (int64_t j = lane; j < s.tokens; j += 32) sum += EXP(from[j] - top);
    sum = lun_warp_reduce<lun_sum>(sum);
    R by = 1 / sum;
    for (int64_t j = lane; j < s.tokens; j += 32) to[j] = number<T>::put(EXP(from[j] - top) * by);
    score_row w = row_of(s, r);
    if (lane == 0) lse[(w.image * s.heads + w.head) * s.tokens + w.token] = top + (R)log((double)sum);
  }
}

/* From scores x and slopes d = dy v^T: p = softmax(x), ds = p (d - dy y). p and x, ds and d may be the same memory. */
template <class T, class R>
static __global__ void softmax_slopes(scores s, const R *x, const R *d, const T *dy, const T *y, const R *lse, T *p,
                                      T *ds) {
  int lane = (int)threadIdx.x % 32;
  EACH_ROW(r, s) {
    score_row w = row_of(s, r);
    int64_t at = ((w.image * s.tokens + w.token) * s.heads + w.head) * s.width;
    R dot = 0, l = lse[(w.image * s.heads + w.head) * s.tokens + w.token];
    for (int64_t j = lane; j < s.width; j += 32) dot += number<T>::get(dy[at + j]) * number<T>::get(y[at + j]);
    dot = lun_warp_reduce<lun_sum>(dot);
    for (int64_t j = lane; j < s.tokens; j += 32) {
      int64_t here = r * s.wide + j;
      R e = EXP(x[here] - l), slope = e * (d[here] - dot);
      p[here] = number<T>::put(e);
      ds[here] = number<T>::put(slope);
    }
  }
}

/* lse of heads without width, whose scores are all 0. */
template <class R> static __global__ void same_scores(R *lse, int64_t n, int64_t tokens) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x)
    lse[i] = (R)log((double)tokens);
}

/* The sums of one image's keys and values, [2][head][token][width], into its dqkv. */
template <class T, class R> static __global__ void put_sums(scores s, const R *sums, T *dqkv) {
  int64_t d = s.heads * s.width;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < 2 * s.tokens * d;
       i += (int64_t)gridDim.x * blockDim.x) {
    int64_t row = lun_quotient(i, s.width), head = lun_quotient(row, s.tokens), token = row - head * s.tokens;
    dqkv[(s.image * s.tokens + token) * 3 * d + d + head * s.width + (i - row * s.width)] = number<T>::put(sums[i]);
  }
}

/* ---- products over heads ---- */

/* Matrices of all heads and images: element strides from a head to the next, an image to the next and a row to the
 * next.
 */
struct operand {
  const char *p;
  lun_dtype dtype;
  int64_t head, image, row;
  bool transposed;
};

template <class T> static operand matrix(const T *p, lun_dtype d, int64_t head, int64_t image, int64_t row) {
  operand o = {reinterpret_cast<const char *>(p), d, head, image, row, false};
  return o;
}
static operand transposed(operand o) {
  o.transposed = true;
  return o;
}

/* y = alpha a b + beta y of every head and image; one call for all images of a head, or all heads of an image. */
static int heads_product(lun_call *c, const scores &s, int64_t m, int64_t n, int64_t k, double alpha, const operand &a,
                         const operand &b, double beta, const operand &y) {
  bool by_image = s.images < s.heads;
  for (int64_t i = 0; i < (by_image ? s.images : s.heads); i++) {
    auto here = [&](const operand &o) { return o.p + i * (by_image ? o.image : o.head) * lun_dtype_size(o.dtype); };
    auto step = [&](const operand &o) { return by_image ? o.head : o.image; };
    lun_cuda_product p = {m,
                          n,
                          k,
                          by_image ? s.heads : s.images,
                          alpha,
                          beta,
                          a.dtype,
                          y.dtype,
                          {here(a), a.row, step(a), a.transposed},
                          {here(b), b.row, step(b), b.transposed},
                          const_cast<char *>(here(y)),
                          y.row,
                          step(y)};
    LUN_TRY(lun_cuda_gemm(c, &p));
  }
  return LUN_OK;
}

/* ---- groups ---- */

struct group_plan {
  scores s;
  int64_t batch;
  bool blocks; /* of queries, one image at a time */
};

/* per_score: bytes of scratch for each. */
static int plan_groups(lun_call *c, const lun_tensor *qkv, int64_t heads, int64_t per_score, group_plan *g) {
  int64_t tokens = qkv->shape[1], row, image;
  g->batch = qkv->shape[0];
  g->s = {tokens, heads, qkv->shape[2] / 3 / heads, 0, 0, 0, tokens, (tokens + 7) / 8 * 8};
  if (__builtin_mul_overflow(g->s.wide * heads, per_score, &row) || __builtin_mul_overflow(row, tokens, &image))
    return lun_bad(c, LUN_EMEM, "the scores of one image have more bytes than can be counted");
  g->blocks = image > SCORES_BYTES;
  g->s.images = g->blocks ? 1 : SCORES_BYTES / image < g->batch ? SCORES_BYTES / image : g->batch;
  if (g->blocks) g->s.queries = SCORES_BYTES / row > 0 ? SCORES_BYTES / row : 1;
  return LUN_OK;
}
static int64_t places(const scores &s) { return s.images * s.heads * s.queries * s.wide; }

/* The group at an image and a query: the last ones are smaller. */
static scores group_at(const group_plan &g, int64_t image, int64_t query) {
  scores s = g.s;
  s.image = image, s.query = query;
  if (g.batch - image < s.images) s.images = g.batch - image;
  if (s.tokens - query < s.queries) s.queries = s.tokens - query;
  return s;
}

static unsigned row_blocks(const scores &s) {
  int64_t blocks = (s.images * s.heads * s.queries + WARPS - 1) / WARPS;
  return lun_cuda_grid(blocks);
}

/* q, k or v of the group's images (part 0, 1, 2), queries from `token` on. */
template <class T> static operand part_of(const scores &s, T *qkv, lun_dtype d, int part, int64_t token) {
  int64_t wide = s.heads * s.width;
  return matrix(qkv + (s.image * s.tokens + token) * 3 * wide + part * wide, d, s.width, s.tokens * 3 * wide, 3 * wide);
}
/* The group's queries of y or its gradient. */
template <class T> static operand rows_of(const scores &s, T *y, lun_dtype d) {
  int64_t wide = s.heads * s.width;
  return matrix(y + (s.image * s.tokens + s.query) * wide, d, s.width, s.tokens * wide, wide);
}
template <class T> static operand scores_of(const scores &s, T *p, lun_dtype d) {
  return matrix(p, d, s.queries * s.wide, s.heads * s.queries * s.wide, s.wide);
}

/* ---- attention: qkv heads -> y lse ---- */

template <class T> static int attention_as(lun_call *c) {
  typedef typename number<T>::real R;
  lun_dtype d = c->arg[0].t->dtype, real = lun_dtype_of<R>();
  const T *qkv = lun_elements<T>(c->arg[0].t);
  T *y = lun_elements<T>(c->out[0]);
  R *lse = lun_elements<R>(c->out[1]);
  int64_t rows = lun_numel(c->out[1]);
  group_plan g;
  if (!rows) return LUN_OK;
  LUN_TRY(plan_groups(c, c->arg[0].t, c->arg[1].i, sizeof(R) + (d == real ? 0 : sizeof(T)), &g));
  if (!g.s.width)
    return LUN_LAUNCH(c, same_scores<R>, lun_cuda_blocks(rows), LUN_CUDA_THREADS, 0, lse, rows, g.s.tokens);
  double scale = 1 / sqrt((double)g.s.width);
  lun_tensor *scratch, *second = NULL;
  LUN_TRY(lun_cuda_scratch(c, real, places(g.s), &scratch));
  int st = d == real ? LUN_OK : lun_cuda_scratch(c, d, places(g.s), &second);
  R *x = lun_elements<R>(scratch);
  T *p = second ? lun_elements<T>(second) : reinterpret_cast<T *>(x);
  for (int64_t i = 0; i < g.batch && !st; i += g.s.images)
    for (int64_t q = 0; q < g.s.tokens && !st; q += g.s.queries) {
      scores s = group_at(g, i, q);
      st = heads_product(c, s, s.queries, s.tokens, s.width, scale, part_of(s, qkv, d, 0, q),
                         transposed(part_of(s, qkv, d, 1, 0)), 0, scores_of(s, x, real));
      if (!st) st = LUN_LAUNCH(c, (softmax_rows<T, R>), row_blocks(s), WARPS * 32, 0, s, x, p, lse);
      if (!st)
        st = heads_product(c, s, s.queries, s.width, s.tokens, 1, scores_of(s, p, d), part_of(s, qkv, d, 2, 0), 0,
                           rows_of(s, y, d));
    }
  lun_release(second);
  lun_release(scratch);
  return st;
}
int lun_cuda_attention(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return attention_as<T>(c);); }

/* ---- attention_grad: dy qkv y lse heads -> dqkv ---- */

/* Scores and slopes of a group, and what they become. */
template <class T, class R> struct gradient_memory {
  R *x, *d, *sums; /* sums: of keys and values over blocks of queries, NULL where there is one */
  T *p, *ds;
};

/* With P = softmax(S) and D = dy v^T: dv = P^T dy, dS = P (D - rowsum(dy y)), dq = scale dS k, dk = scale dS^T q. */
template <class T, class R> static int gradient_of_group(lun_call *c, const scores &s, const gradient_memory<T, R> &m) {
  lun_dtype d = c->arg[1].t->dtype, real = lun_dtype_of<R>();
  const T *dy = lun_elements<T>(c->arg[0].t), *qkv = lun_elements<T>(c->arg[1].t), *y = lun_elements<T>(c->arg[2].t);
  T *dqkv = lun_elements<T>(c->out[0]);
  double scale = 1 / sqrt((double)s.width);
  int64_t each = s.tokens * s.width;
  operand dk = part_of(s, dqkv, d, 1, 0), dv = part_of(s, dqkv, d, 2, 0);
  if (m.sums) {
    dk = matrix(m.sums, real, each, s.heads * each, s.width);
    dv = matrix(m.sums + s.heads * each, real, each, s.heads * each, s.width);
  }
  double more = m.sums && s.query ? 1 : 0;
  LUN_TRY(heads_product(c, s, s.queries, s.tokens, s.width, scale, part_of(s, qkv, d, 0, s.query),
                        transposed(part_of(s, qkv, d, 1, 0)), 0, scores_of(s, m.x, real)));
  LUN_TRY(heads_product(c, s, s.queries, s.tokens, s.width, 1, rows_of(s, dy, d), transposed(part_of(s, qkv, d, 2, 0)),
                        0, scores_of(s, m.d, real)));
  LUN_TRY(LUN_LAUNCH(c, (softmax_slopes<T, R>), row_blocks(s), WARPS * 32, 0, s, m.x, m.d, dy, y,
                     lun_elements<R>(c->arg[3].t), m.p, m.ds));
  LUN_TRY(heads_product(c, s, s.tokens, s.width, s.queries, 1, transposed(scores_of(s, m.p, d)), rows_of(s, dy, d),
                        more, dv));
  LUN_TRY(heads_product(c, s, s.tokens, s.width, s.queries, scale, transposed(scores_of(s, m.ds, d)),
                        part_of(s, qkv, d, 0, s.query), more, dk));
  return heads_product(c, s, s.queries, s.width, s.tokens, scale, scores_of(s, m.ds, d), part_of(s, qkv, d, 1, 0), 0,
                       part_of(s, dqkv, d, 0, s.query));
}

template <class T> static int attention_grad_as(lun_call *c) {
  typedef typename number<T>::real R;
  lun_dtype d = c->arg[1].t->dtype, real = lun_dtype_of<R>();
  int64_t n = lun_numel(c->out[0]);
  bool same = d == real;
  group_plan g;
  if (!n) return LUN_OK;
  LUN_TRY(plan_groups(c, c->arg[1].t, c->arg[4].i, 2 * (sizeof(R) + (same ? 0 : sizeof(T))), &g));
  int64_t size = places(g.s), sums = g.blocks ? 2 * g.s.heads * g.s.tokens * g.s.width : 0;
  lun_tensor *scratch, *second = NULL;
  LUN_TRY(lun_cuda_scratch(c, real, 2 * size + sums, &scratch));
  int st = same ? LUN_OK : lun_cuda_scratch(c, d, 2 * size, &second);
  R *x = lun_elements<R>(scratch);
  T *p = second ? lun_elements<T>(second) : reinterpret_cast<T *>(x);
  gradient_memory<T, R> m = {x, x + size, sums ? x + 2 * size : NULL, p, p + size};
  for (int64_t i = 0; i < g.batch && !st; i += g.s.images) {
    scores s = g.s;
    for (int64_t q = 0; q < g.s.tokens && !st; q += g.s.queries) {
      s = group_at(g, i, q);
      st = gradient_of_group<T, R>(c, s, m);
    }
    int64_t each = 2 * s.heads * s.tokens * s.width;
    if (!st && sums)
      st = LUN_LAUNCH(c, (put_sums<T, R>), lun_cuda_blocks(each), LUN_CUDA_THREADS, 0, s, m.sums,
                      lun_elements<T>(c->out[0]));
  }
  lun_release(second);
  lun_release(scratch);
  return st;
}
int lun_cuda_attention_grad(lun_call *c) { LUN_BY_FLOAT(c, c->arg[1].t->dtype, return attention_grad_as<T>(c);); }
