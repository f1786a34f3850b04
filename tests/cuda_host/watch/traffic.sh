#!/bin/sh
# traffic.sh BUILD [TABLE]: the rows of tests/gpu/roofline.lua on the watched device, small; that kernels which are bound by memory use all
# of the sectors they touch, and read them once. TABLE: where what was counted is kept.
set -u
cd "$(dirname "$0")/../../.." || exit 1
table=${2:-$1/traffic.txt}
LUNETTE_CUDA_LIBRARY=$1/tests/cuda_host/liblunette_cuda_host_watch.so LUNETTE_CUDA_TRAFFIC=$table \
  "$1/lunette" tests/gpu/roofline.lua cuda 1e-4 >/dev/null || exit 1
# Op and kernel as in the table, then what is looked at: reads, writes or both, and the least that is used where small outputs beside
# the large one use less.
expected="add binary both
relu unary both
gelu unary both
adamw_step each_element both
sgd_step each_element both
ema_update each_element both
cast convert_fours both
linear bias_rows writes
layer_norm layer_rows writes 0.9
softmax softmax_rows both
log_softmax softmax_rows both
cross_entropy cross_entropy_rows reads
batch_norm_relu moments reads
batch_norm_relu normalize_rows writes
batch_norm_relu_grad gradient_rows writes
max_pool2d take_max both
global_avg_pool mean_of_pixels both
qscore_summary warp_scores reads
qscore_regularizer warp_scores reads
qscore_regularizer_grad warp_gradients writes
gradcam channel_weights both
augment augment_views writes
sinkhorn sinkhorn_tops reads"
echo "$expected" | while read -r op kernel what least; do
  awk -v op="$op" -v kernel="$kernel" -v what="$what" -v least="${least:-0.95}" -F'|' '
    function once(half) { split(half, f, " "); return f[2] >= least && f[3] <= 1.15 }
    { split($1, name, " ") }
    name[1] == op && index($1, " " kernel "<") + index($1, "(" kernel "<") {
      good = (what == "writes" || once($2)) && (what == "reads" || once($3))
      line = $0
    }
    END {
      printf "%s - %s: %s %s whole sectors once\n", good ? "ok" : "not ok", op, kernel, what == "both" ? "moves" : what == "reads" ? "reads" : "writes"
      if (!good) print "# " line
    }' "$table"
done
