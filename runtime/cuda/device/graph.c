/* graph.c: see graph.h. */
#include "device/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Launches of one piece: the device is to begin long before the host has recorded all of a step, soonest where it has
** nothing to do: FEWEST at the beginning and after a pause, then twice as many each time, up to MOST. Pieces of one step that
** are graphs of their own; later ones are launched one by one. Steps in a row whose piece the graph of the step before
** does not fit: then steps differ, and making graphs costs more than they save. */
enum { FEWEST_LAUNCHES = 16, MOST_LAUNCHES = 64, MOST_PIECES = 64, MOST_MISFITS = 8 };

struct lun_cuda_graph {
  cudaStream_t stream;
  const char *off; /* why nothing is recorded; NULL: it is */
  int depth;       /* begins without their ends */
  bool warm;       /* the first step has ended */
  bool recording;
  int launches; /* recorded so far in this piece */
  int fill;     /* how many it may hold */
  int piece;    /* of the running step: the next one to submit */
  cudaGraphExec_t exec[MOST_PIECES];
  int misfits[MOST_PIECES];
  int late; /* the status of a submission that failed where nobody could be told; late_text: why */
  char late_text[256];
  const char *why;       /* the running step's last reason for a pause */
  lun_graphs seen, last; /* counters so far; those at the end of the step before */
};

lun_cuda_graph *lun_cuda_graph_open(cudaStream_t stream, const char *off) {
  const char *said = getenv("LUNETTE_CUDA_GRAPH");
  lun_cuda_graph *g = calloc(1, sizeof *g);
  if (!g) return NULL;
  if (said && !strcmp(said, "0")) off = "LUNETTE_CUDA_GRAPH is 0";
  g->stream = stream;
  g->off = off;
  return g;
}

cudaError_t lun_cuda_graph_close(lun_cuda_graph *g) {
  if (!g) return cudaSuccess;
  cudaGraph_t dropped = NULL;
  cudaError_t first = g->recording ? cudaStreamEndCapture(g->stream, &dropped) : cudaSuccess;
  if (dropped) {
    cudaError_t e = cudaGraphDestroy(dropped);
    if (!first) first = e;
  }
  for (int i = 0; i < MOST_PIECES; i++) {
    cudaError_t e = g->exec[i] ? cudaGraphExecDestroy(g->exec[i]) : cudaSuccess;
    if (!first) first = e;
  }
  free(g);
  return first;
}

/* A failure says how to do without. */
static int check(lun_context *c, cudaError_t e, const char *what) {
  if (!e) return LUN_OK;
  cudaError_t taken = cudaGetLastError(); /* the next call is not to report it again */
  (void)taken;
  return lun_fail(c, e == cudaErrorMemoryAllocation ? LUN_EMEM : LUN_EDEVICE,
                  "cuda: %s: %s (%s); LUNETTE_CUDA_GRAPH=0 launches one by one", what, cudaGetErrorString(e),
                  cudaGetErrorName(e));
}

/* ---- recording ---- */

/* Memory of the driver's for one more graph: that of the other pieces', which are made anew. The pool's is not given back here:
** what is free in it may be what the recording writes. */
static int drop_others(lun_context *c, lun_cuda_graph *g) {
  LUN_TRY(check(c, cudaStreamSynchronize(g->stream), "waiting for graphs"));
  for (int i = 0; i < MOST_PIECES; i++) {
    if (i == g->piece || !g->exec[i]) continue;
    cudaGraphExec_t old = g->exec[i];
    g->exec[i] = NULL;
    LUN_TRY(check(c, cudaGraphExecDestroy(old), "dropping a graph"));
  }
  return LUN_OK;
}

/* The piece's executable graph with what `graph` holds: the one of the step before, updated, or a new one. */
static int fit(lun_context *c, lun_cuda_graph *g, cudaGraph_t graph) {
  cudaGraphExec_t *exec = &g->exec[g->piece];
  cudaGraphExecUpdateResultInfo info;
  if (*exec) {
    if (!cudaGraphExecUpdate(*exec, graph, &info)) {
      g->misfits[g->piece] = 0;
      g->seen.updated++;
      return LUN_OK;
    }
    cudaError_t taken = cudaGetLastError(); /* a misfit is an answer, no error */
    (void)taken;
    if (++g->misfits[g->piece] >= MOST_MISFITS) g->off = "steps differ in what they launch";
    g->why = "launches differ from those of the step before";
    cudaGraphExec_t old = *exec;
    *exec = NULL;
    LUN_TRY(check(c, cudaGraphExecDestroy(old), "dropping a graph"));
  }
  g->seen.made++;
  cudaError_t e = cudaGraphInstantiate(exec, graph, 0);
  if (e == cudaErrorMemoryAllocation) {
    cudaError_t taken = cudaGetLastError();
    (void)taken;
    LUN_TRY(drop_others(c, g));
    e = cudaGraphInstantiate(exec, graph, 0);
  }
  return check(c, e, "making a graph");
}

/* Submits what was recorded. Where that fails its work is lost, and the error is the caller's. */
static int submit(lun_context *c, lun_cuda_graph *g) {
  cudaGraph_t graph = NULL;
  g->recording = false;
  LUN_TRY(check(c, cudaStreamEndCapture(g->stream, &graph), "recording a graph"));
  int st = fit(c, g, graph);
  if (!st) st = check(c, cudaGraphLaunch(g->exec[g->piece], g->stream), "launching a graph");
  if (!st) g->seen.launched++, g->piece++;
  int dropped = check(c, cudaGraphDestroy(graph), "dropping a recording");
  return st ? st : dropped;
}

/* Of an earlier submission, once. */
static int told_late(lun_context *c, lun_cuda_graph *g) {
  int st = g->late;
  g->late = LUN_OK;
  return st ? lun_fail(c, st, "%s", g->late_text) : LUN_OK;
}

void lun_cuda_graph_drain(lun_context *c, lun_cuda_graph *g, const char *why) {
  if (!g || !g->recording) return;
  g->why = why;
  int st = submit(c, g);
  if (!st || g->late) return;
  g->late = st;
  snprintf(g->late_text, sizeof g->late_text, "%s", lun_message(c));
}

void lun_cuda_graph_launching(lun_context *c, lun_cuda_graph *g) {
  if (!g || !g->depth || !g->warm) return;
  if (g->recording && g->launches++ < g->fill) return;
  if (g->recording && g->fill < MOST_LAUNCHES) g->fill *= 2;
  lun_cuda_graph_drain(c, g, "a graph holds 16, then 32, then 64 launches");
  if (g->off || g->piece == MOST_PIECES) return;
  /* Relaxed: memory may be asked for meanwhile; that does not touch the stream. */
  cudaError_t e = cudaStreamBeginCapture(g->stream, cudaStreamCaptureModeRelaxed);
  if (!e) {
    g->recording = true;
    g->launches = 1;
    return;
  }
  /* Nothing was recorded and nothing is lost: the launch goes out by itself. */
  e = cudaGetLastError();
  g->off = e == cudaErrorNotSupported ? "the driver cannot record" : "a recording could not begin";
}

int lun_cuda_graph_pause(lun_context *c, lun_cuda_graph *g, const char *why) {
  if (!g) return LUN_OK;
  int st = LUN_OK;
  g->fill = FEWEST_LAUNCHES;
  if (g->recording) {
    g->why = why;
    st = submit(c, g);
  }
  int late = told_late(c, g);
  return late ? late : st;
}

/* ---- steps ---- */

int lun_cuda_graph_begin(lun_context *c, lun_cuda_graph *g) {
  (void)c;
  if (g->depth++) return LUN_OK;
  g->piece = 0;
  g->fill = FEWEST_LAUNCHES;
  g->why = NULL;
  return LUN_OK;
}

int lun_cuda_graph_end(lun_context *c, lun_cuda_graph *g) {
  if (g->depth == 0) return lun_fail(c, LUN_EARG, "cuda: the end of a step that did not begin");
  if (--g->depth) return LUN_OK;
  int st = g->recording ? submit(c, g) : LUN_OK;
  int late = told_late(c, g);
  g->seen.steps++;
  g->last = g->seen;
  const char *why = g->off ? g->off : !g->warm ? "a first step is launched one by one" : g->why;
  if (g->piece == MOST_PIECES && !g->off) why = "it pauses too often";
  g->last.pieces = g->piece;
  snprintf(g->last.reason, sizeof g->last.reason, "%s", why && (g->piece != 1 || g->off) ? why : "");
  g->warm = true;
  return late ? late : st;
}

void lun_cuda_graph_read(const lun_cuda_graph *g, lun_graphs *out) { *out = g->last; }
