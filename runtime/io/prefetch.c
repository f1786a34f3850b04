/* prefetch.c: a queue of op calls and the threads that work it off. */
#include "io/prefetch.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_THREADS = 64 };

/* One submitted call. */
typedef struct job {
  struct job *next;
  lun_call call;
  enum { QUEUED, RUNNING, DONE } state;
  int status;
  char message[512];
} job;

typedef struct {
  lun_prefetch *queue;
  lun_context *c;
  pthread_t thread;
  bool started;
} worker;

struct lun_prefetch {
  lun_context *c;
  pthread_mutex_t lock;
  pthread_cond_t work, done; /* a job was queued, or the end came; a job was done */
  job *first, *last;
  int pending, nworkers;
  bool closing;
  worker workers[MAX_THREADS];
};

static bool is_tensor(lun_argtype t) { return t == LUN_ARG_TENSOR || t == LUN_ARG_IMAGE || t == LUN_ARG_ANY; }

static job *next_queued(lun_prefetch *p) {
  job *j = p->first;
  while (j && j->state != QUEUED) j = j->next;
  return j;
}

static void *work(void *argument) {
  worker *w = argument;
  lun_prefetch *p = w->queue;
  pthread_mutex_lock(&p->lock);
  for (;;) {
    job *j = NULL;
    while (!p->closing && !(j = next_queued(p))) pthread_cond_wait(&p->work, &p->lock);
    if (p->closing) break;
    j->state = RUNNING;
    pthread_mutex_unlock(&p->lock);
    j->call.ctx = w->c;
    j->call.threads = 1;
    int status = j->call.op->cpu(&j->call);
    if (status) snprintf(j->message, sizeof j->message, "%s", lun_message(w->c));
    pthread_mutex_lock(&p->lock);
    j->status = status;
    j->state = DONE;
    pthread_cond_broadcast(&p->done);
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

/* Signals belong to the thread that runs scripts. */
static int start(worker *w) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int st = pthread_create(&w->thread, NULL, work, w);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  w->started = st == 0;
  return st;
}

int lun_prefetch_open(lun_context *c, int threads, lun_prefetch **out) {
  *out = NULL;
  if (threads < 1 || threads > MAX_THREADS)
    return lun_fail(c, LUN_EARG, "loader: threads must lie in 1..%d, got %d", MAX_THREADS, threads);
  lun_prefetch *p = calloc(1, sizeof *p);
  if (!p) return lun_fail(c, LUN_EMEM, "loader: out of memory");
  p->c = c;
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->work, NULL);
  pthread_cond_init(&p->done, NULL);
  for (int i = 0; i < threads; i++) {
    worker *w = &p->workers[p->nworkers++];
    w->queue = p;
    if (lun_open(&w->c) || start(w)) {
      lun_prefetch_close(p);
      return lun_fail(c, LUN_EMEM, "loader: could not start thread %d of %d", i + 1, threads);
    }
  }
  *out = p;
  return LUN_OK;
}

static void job_free(job *j, const lun_signature *sig) {
  for (int i = 0; i < sig->nargs; i++)
    if (is_tensor(sig->arg[i].type)) lun_release(j->call.arg[i].t);
  for (int k = 0; k < sig->nouts; k++) lun_release(j->call.out[k]);
  free(j);
}

/* Defaults are filled in; tensors must be there and be laid out already. */
static int fill(lun_prefetch *p, const lun_op *op, const lun_signature *sig, const lun_arg *args, lun_call *call) {
  for (int i = 0; i < sig->nargs; i++) {
    const lun_param *q = &sig->arg[i];
    lun_arg *a = &call->arg[i];
    *a = args[i];
    if (!is_tensor(q->type)) {
      if (a->given) continue;
      if (!q->has_default) return lun_fail(p->c, LUN_EARG, "%s: argument %d, %s, is missing", op->name, i + 1, q->name);
      *a = q->def;
      a->given = false;
      continue;
    }
    if (!a->given) a->t = NULL;
    if (!a->t && !q->optional)
      return lun_fail(p->c, LUN_EARG, "%s: argument %d, %s, is missing: a tensor was expected", op->name, i + 1,
                      q->name);
    if (!a->t) continue;
    if (a->t->device != LUN_CPU)
      return lun_fail(p->c, LUN_EDEVICE, "%s: %s must be on the cpu to be prefetched", op->name, q->name);
    if (q->type != LUN_ARG_ANY && !(q->type == LUN_ARG_IMAGE ? lun_is_dense_image(a->t) : lun_is_dense(a->t)))
      return lun_fail(p->c, LUN_ESHAPE, "%s: %s must be dense%s to be prefetched", op->name, q->name,
                      q->type == LUN_ARG_IMAGE ? " channels-last (n,c,h,w)" : "");
  }
  return LUN_OK;
}

int lun_prefetch_submit(lun_prefetch *p, const lun_op *op, const lun_arg *args) {
  const lun_signature *sig = lun_op_signature(p->c, op);
  job *j = calloc(1, sizeof *j);
  if (!j) return lun_fail(p->c, LUN_EMEM, "loader: out of memory");
  j->call = (lun_call){.ctx = p->c, .op = op, .nargs = sig->nargs, .nouts = sig->nouts, .threads = 1};
  int st = fill(p, op, sig, args, &j->call);
  if (!st) st = op->shape(&j->call);
  for (int i = 0; i < sig->nargs; i++) /* from here on the job owns a reference to each */
    if (is_tensor(sig->arg[i].type)) j->call.arg[i].t = lun_retain(args[i].given ? args[i].t : NULL);
  if (st) {
    job_free(j, sig);
    return st;
  }
  pthread_mutex_lock(&p->lock);
  if (p->last)
    p->last->next = j;
  else
    p->first = j;
  p->last = j;
  p->pending++;
  pthread_cond_signal(&p->work);
  pthread_mutex_unlock(&p->lock);
  return LUN_OK;
}

int lun_prefetch_pending(const lun_prefetch *p) { return p->pending; }

/* The lock is held. */
static job *unlink_first(lun_prefetch *p) {
  job *j = p->first;
  p->first = j->next;
  if (!p->first) p->last = NULL;
  p->pending--;
  return j;
}

int lun_prefetch_take(lun_prefetch *p, lun_tensor **outs) {
  pthread_mutex_lock(&p->lock);
  if (!p->first) {
    pthread_mutex_unlock(&p->lock);
    return lun_fail(p->c, LUN_EARG, "loader: nothing was submitted");
  }
  while (p->first->state != DONE) pthread_cond_wait(&p->done, &p->lock);
  job *j = unlink_first(p);
  pthread_mutex_unlock(&p->lock);
  const lun_signature *sig = lun_op_signature(p->c, j->call.op);
  int st = j->status;
  if (st) lun_fail(p->c, st, "%s", j->message);
  for (int k = 0; k < sig->nouts; k++) {
    outs[k] = st ? NULL : j->call.out[k];
    if (!st) j->call.out[k] = NULL;
  }
  job_free(j, sig);
  return st;
}

void lun_prefetch_clear(lun_prefetch *p) {
  pthread_mutex_lock(&p->lock);
  while (p->first) {
    while (p->first->state == RUNNING) pthread_cond_wait(&p->done, &p->lock);
    job *j = unlink_first(p);
    job_free(j, lun_op_signature(p->c, j->call.op));
  }
  pthread_mutex_unlock(&p->lock);
}

void lun_prefetch_close(lun_prefetch *p) {
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  p->closing = true;
  pthread_cond_broadcast(&p->work);
  pthread_mutex_unlock(&p->lock);
  for (int i = 0; i < p->nworkers; i++) {
    worker *w = &p->workers[i];
    if (w->c) lun_interrupt(w->c); /* a running kernel stops at its next poll */
    if (w->started) pthread_join(w->thread, NULL);
  }
  lun_prefetch_clear(p);
  for (int i = 0; i < p->nworkers; i++) lun_close(p->workers[i].c);
  pthread_cond_destroy(&p->work);
  pthread_cond_destroy(&p->done);
  pthread_mutex_destroy(&p->lock);
  free(p);
}
