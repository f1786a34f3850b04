/* graphs_host.cpp: CUDA graphs on the host: what is launched while a stream records is kept, and runs when the graph is
** launched. One stream records at a time. */
#include "streams_host.h"

#include <vector>

struct work {
  std::string name; /* what and of which size: an update may change nothing of it */
  std::function<int()> run;
};
struct cuda_host_graph {
  std::vector<work> works;
};
struct cuda_host_exec {
  std::vector<work> works;
};

static cuda_host_graph *recording;
static cudaStream_t recorder;
static cudaError_t last;
static int calls;

bool cuda_host_hold(const std::string &name, const std::function<int()> &run) {
  if (recording) recording->works.push_back({name, run});
  return recording != nullptr;
}

bool lun_cuda_host_recording(void) { return recording != nullptr; }
bool cuda_host_records(cudaStream_t s) { return recording && s == recorder; }

/* The call that lun_cuda_host.fail_call counts down to fails. */
bool cuda_host_refuse(int error) {
  int first = lun_cuda_host.fail_call;
  calls++;
  bool refused = first && calls >= first && calls <= first + lun_cuda_host.fail_more;
  if (refused) last = (cudaError_t)error; /* until somebody reads it */
  return refused;
}
cudaError_t cuda_host_error(cudaError_t e) { return last = e; }
static bool refuse(cudaError_t e) { return cuda_host_refuse(e); }

cudaError_t cudaGetLastError(void) {
  cudaError_t e = cuda_host_broken() ? cudaErrorLaunchFailure : last;
  last = cudaSuccess;
  return e;
}
const char *cudaGetErrorName(cudaError_t e) { return e ? "cudaErrorOfTheTest" : "cudaSuccess"; }
const char *cudaGetErrorString(cudaError_t e) {
  if (e == cudaErrorLaunchFailure && lun_cuda_host.fault[0]) return lun_cuda_host.fault;
  return e ? "an error of the test" : "no error";
}

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode) {
  if (refuse(cudaErrorNotSupported)) return last;
  recorder = s;
  recording = new cuda_host_graph;
  lun_cuda_host.graphs++;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *out) {
  *out = recording;
  recording = nullptr;
  if (!refuse(cudaErrorStreamCaptureInvalidated)) return cudaSuccess;
  cudaError_t e = last;
  delete *out;
  lun_cuda_host.graphs--;
  *out = nullptr;
  return last = e;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t g, unsigned long long) {
  *out = nullptr;
  if (refuse(cudaErrorMemoryAllocation)) return last;
  *out = new cuda_host_exec{g->works};
  lun_cuda_host.graphs++;
  return cudaSuccess;
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t e, cudaGraph_t g, cudaGraphExecUpdateResultInfo *info) {
  bool same = e->works.size() == g->works.size();
  for (size_t i = 0; same && i < g->works.size(); i++) same = e->works[i].name == g->works[i].name;
  info->result = !same;
  if (refuse(cudaErrorGraphExecUpdateFailure)) return last;
  if (!same) return last = cudaErrorGraphExecUpdateFailure;
  e->works = g->works;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t e, cudaStream_t s) {
  if (refuse(cudaErrorLaunchFailure)) return last;
  return cuda_host_queue(s, [works = e->works] {
    for (const work &w : works)
      if (w.run()) return 1;
    return 0;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t g) {
  delete g;
  lun_cuda_host.graphs--;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t e) {
  delete e;
  lun_cuda_host.graphs--;
  return cudaSuccess;
}

void lun_cuda_host_fail_call(int n) {
  calls = 0;
  lun_cuda_host.fail_call = n;
}
