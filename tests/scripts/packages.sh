#!/bin/sh
# The package question of tests/run and examples/run, with a made-up system: fake os-release, dpkg-query, apt-get, sudo, id.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

check() { # NAME CONDITION...
  name=$1
  shift
  if "$@"; then echo "ok - $name"; else
    echo "not ok - $name"
    sed 's/^/# /' "$dir/out" "$dir/apt" 2>/dev/null
    bad=1
  fi
}

# system ID VERSION UID PACKAGES...: those packages are installed, the user has this id
system() {
  mkdir -p "$dir/bin"
  printf 'ID=%s\nVERSION_ID="%s"\n' "$1" "$2" >"$dir/os-release"
  printf '#!/bin/sh\necho %s\n' "$3" >"$dir/bin/id"
  shift 3
  printf '%s\n' "$@" >"$dir/installed"
  cat >"$dir/bin/dpkg-query" <<END
#!/bin/sh
for last; do :; done
grep -qx "\$last" "$dir/installed" && echo "install ok installed"
END
  printf '#!/bin/sh\necho "$@" >>"%s"\n' "$dir/apt" >"$dir/bin/apt-get"
  printf '#!/bin/sh\necho sudo >>"%s"\nexec "$@"\n' "$dir/apt" >"$dir/bin/sudo"
  chmod +x "$dir"/bin/*
  : >"$dir/apt"
}

ask() {
  PATH="$dir/bin:$PATH" LUNETTE_PACKAGES='' LUNETTE_OS_RELEASE="$dir/os-release" \
    sh -c '. tests/packages.sh; packages_install' >"$dir/out" 2>&1
  code=$?
}

all="gcc g++ libc6-dev make cmake pkg-config liblua5.4-dev lua-cjson-dev libopenblas0-openmp libopenblas-dev libdnnl-dev
libpng-dev libedit-dev libmd-dev check"

system debian 12 0 $all libjpeg62-turbo-dev
ask
check "nothing is installed where all is there" [ "$code" = 0 ]
check "and apt-get is not asked, so it works offline" [ ! -s "$dir/apt" ]
check "and nothing is said" [ ! -s "$dir/out" ]

system debian 12 0 gcc make cmake
ask
check "what is missing is installed" grep -q 'install -y.* liblua5.4-dev .*libjpeg62-turbo-dev' "$dir/apt"
check "and named" grep -q '^Installing: .*libdnnl-dev' "$dir/out"
check "and what is there is not" sh -c "! grep -q 'Installing:.* cmake ' '$dir/out'"
check "root needs no sudo" sh -c "! grep -qx sudo '$dir/apt'"

system ubuntu 24.04 1000 $all
ask
check "Ubuntu's JPEG package has another name" grep -q 'install -y.* libjpeg-turbo8-dev' "$dir/apt"
check "another user goes through sudo" grep -qx sudo "$dir/apt"

system fedora 40 0 $all
ask
check "another system stops with exit code 2" [ "$code" = 2 ]
check "and names the packages" grep -q 'liblua5.4-dev .*libjpeg62-turbo-dev' "$dir/out"
check "and touches nothing" [ ! -s "$dir/apt" ]

system ubuntu 22.04 0 $all
ask
check "an older Ubuntu is another system" [ "$code" = 2 ]

system fedora 40 0
for script in tests/run examples/run; do
  PATH="$dir/bin:$PATH" LUNETTE_PACKAGES='' LUNETTE_OS_RELEASE="$dir/os-release" sh $script >"$dir/out" 2>&1
  code=$?
  check "$script stops with exit code 2 there" [ "$code" = 2 ]
done

system debian 12 0
printf '#!/bin/sh\nexit 100\n' >"$dir/bin/apt-get"
ask
check "a failing installation stops with exit code 2" [ "$code" = 2 ]
exit $bad
