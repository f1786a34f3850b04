#!/bin/sh
# Dependencies point one way: lua -> bindings -> lunette.h -> core; ops -> core; device backends -> lunette_backend.h.
# includes.sh ROOT: prints every include that points the other way, and exits 1 if there is one.
root=${1:-.}
bad=0

# forbid WHAT FILES... : no #include line of these files may match the extended regular expression WHAT, unless it
# matches $but
but='^$'
forbid() {
  what=$1
  shift
  for file; do
    [ -f "$file" ] || continue
    found=$(grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($what)" "$file" | grep -vE "$but") || continue
    echo "$file: $found"
    bad=1
  done
}

cd "$root" || exit 1
lua='lua(lib|xlib|conf)?\.h|lua5\.4/'
cuda='cuda|cublas|cudnn|nvrtc'
forbid "$lua|$cuda" runtime/core/*.[ch] runtime/ops/*.[ch] runtime/cpu/*.[ch] runtime/io/*.[ch] runtime/include/*.h runtime/*.c
forbid 'bindings/|\.\./bindings' runtime/*.c runtime/*/*.[ch]
forbid '(\.\./)?(ops|cpu|io|cuda)/' runtime/core/*.[ch]
forbid '(core/)?core\.h|cpu/|io/|cuda/' runtime/ops/*.[ch]
forbid '(runtime/)?(core/)?core\.h' bindings/*.[ch] runtime/cpu/*.[ch] runtime/io/*.[ch]
# A backend shares with the table its formulas (ops/*.def) and what is drawn and done to pixels, in headers that need
# nothing but each other; and nothing else of it.
but='"(core/(pure|rng|half)|ops/(augment|image_pixel))\.h"'
forbid '[a-z_]*/' runtime/core/pure.h runtime/core/rng.h runtime/ops/augment.h runtime/ops/image_pixel.h
forbid '(\.\./)?(core|cpu|io)/|ops/[a-z_]*\.[ch]' runtime/cuda/*
exit $bad
