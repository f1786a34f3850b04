#!/bin/sh
# The backend for a real GPU, as it was built: the program finds all it calls, and it says what it found or why it cannot be
# used. usage: loads.sh BUILD
build=${1:?usage: loads.sh BUILD}
text=$(LUNETTE_CUDA_LIBRARY=$build/liblunette_cuda.so "$build/lunette" -e 'print(select(2, lunette.device "cuda"))') || exit 1
exported=$(nm -D --defined-only "$build/liblunette_cuda.so" | wc -l)
failed=0
case $text in
  "cuda: absent: no NVIDIA driver"* | "cuda: absent: the NVIDIA driver"* | "backend:"*"cuda: "*"compute capability"*) echo "ok - it loads" ;;
  *) failed=1 && echo "not ok - it loads: $text" ;;
esac
if [ "$exported" = 1 ]; then echo "ok - it exports one function"; else failed=1 && echo "not ok - it exports $exported symbols"; fi
exit $failed
