#!/bin/sh
# The portable bundle: unpacked elsewhere it brings every library but the C library's, computes, says what it lacks for a GPU,
# and runs where there is nothing else. LUNETTE_BUILD names the build folder.
build=${LUNETTE_BUILD:?}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
result() { # result NAME STATUS [DETAIL]
  if [ "$2" = 0 ]; then echo "ok - $1"; else failed=1 && echo "not ok - $1: ${3:-}"; fi
}

(cd "$dir" && cpack --config "$build/CPackConfig.cmake" -B "$dir/made") >"$dir/log" 2>&1
result "cpack makes it" $? "$(tail -n 5 "$dir/log")"
mkdir "$dir/moved"
tar -xzf "$dir"/made/lunette-*.tar.gz -C "$dir/moved" --strip-components=1
here=$dir/moved
lunette=$here/bin/lunette

for file in "$lunette" "$here"/lib/lunette/*.so*; do ldd "$file" 2>&1 | sed "s|^|$(basename "$file"):|"; done |
  grep '=>' | grep -vE "$here/|lib(c|m|dl|pthread|rt|mvec)\.so" >"$dir/outside"
# A library that is loaded by the program finds its own through the program's path: only what is missing in the bundle counts.
while read -r line; do
  name=$(echo "$line" | sed 's/.*:[[:space:]]*\([^ ]*\) =>.*/\1/')
  [ -e "$here/lib/lunette/$name" ] || echo "$line"
done <"$dir/outside" >"$dir/lacking"
[ ! -s "$dir/lacking" ]
result "it holds the libraries that it needs" $? "$(cat "$dir/lacking")"
[ -s "$here/share/doc/lunette/README.md" ] && [ -n "$(ls "$here/share/doc/lunette/licenses")" ]
result "it holds the README and the libraries' licences" $?

script='local x = lunette.randn(2, 3, 8, 8) local w = lunette.randn(4, 3, 3, 3)
  print(lunette.ops.conv2d(x, w, {padding = 1}):sum():item() == lunette.ops.conv2d(x, w, {padding = 1}):sum():item())
  print(lunette.eye(64):matmul(lunette.ones(64, 64)):sum():item())
  for line in io.lines "/proc/self/maps" do local p = line:match "/%S*openblas%S*" if p then print(p) break end end'
said=$(env -i HOME="$dir" "$lunette" -e "$script" 2>&1)
case $said in
  "true
4096.0
$here/"*) result "it computes with the libraries that it brings" 0 ;;
  *) result "it computes with the libraries that it brings" 1 "$said" ;;
esac

said=$(env -i HOME="$dir" "$lunette" doctor 2>&1)
if ldconfig -p | grep -q libcuda.so.1; then
  echo "ok - doctor explains what is missing for a GPU # SKIP there is a driver"
else
  case $said in
    *"no NVIDIA driver: libcuda.so.1 was not found; it comes with the driver"* | *"liblunette_cuda.so is neither in "*)
      result "doctor explains what is missing for a GPU" 0 ;;
    *) result "doctor explains what is missing for a GPU" 1 "$said" ;;
  esac
fi

# A root folder with the bundle and the C library in it, and nothing else.
if [ "$(id -u)" = 0 ] && command -v chroot >/dev/null 2>&1; then
  mkdir -p "$dir/root/tmp" && cp -a "$here" "$dir/root/lunette"
  loader=$(ldd "$lunette" | grep -o '/[^ ]*ld-linux[^ ]*')
  for library in "$loader" $(ldd "$lunette" | grep -oE '/[^ ]*/lib(c|m|dl|pthread|rt|mvec)\.so[^ ]*'); do
    mkdir -p "$dir/root$(dirname "$library")" && cp -L "$library" "$dir/root$library"
  done
  # Without /proc the loader does not know where the program lies.
  said=$(env -i LD_LIBRARY_PATH=/lunette/lib/lunette "$(command -v chroot)" "$dir/root" /lunette/bin/lunette -e 'print(lunette.eye(64):matmul(lunette.ones(64, 64)):sum():item())' 2>&1)
  [ "$said" = 4096.0 ]
  result "it runs where there is only the C library" $? "$said"
else
  echo "ok - it runs where there is only the C library # SKIP chroot needs root"
fi
exit $failed
