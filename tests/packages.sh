# packages.sh: the Debian packages the project needs; sourced by tests/run and examples/run.
#
# packages_install   installs what is missing and prints it. Nothing is installed, and no network is needed, where all is
#                    there. Returns 2 on a system whose package names are not known here, and where the rights to
#                    install are missing; the message then names the packages.
# Environment: LUNETTE_PACKAGES=present skips the question (other systems, where you have installed them yourself).
#              LUNETTE_OS_RELEASE names another file than /etc/os-release (the tests' switch).

# gcc, libc and make build it; pkg-config and cmake find the rest; Lua and its JSON; GEMM and convolutions; image files; line
# editing; SHA-256; the C tests; g++ for the tests of the CUDA kernels, which are C++.
packages_common="gcc g++ libc6-dev make cmake pkg-config liblua5.4-dev lua-cjson-dev libopenblas0-openmp libopenblas-dev \
libdnnl-dev libpng-dev libedit-dev libmd-dev check"

# Prints the needed packages, or returns 1 on a system whose names are not known.
packages_names() {
  os=$(. "${LUNETTE_OS_RELEASE:-/etc/os-release}" 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}")
  case $os in
    "debian 1"[2-9]* | "debian "[2-9][0-9]* | "debian ") echo "$packages_common libjpeg62-turbo-dev" ;;
    "ubuntu 2"[4-9].* | "ubuntu "[3-9]*) echo "$packages_common libjpeg-turbo8-dev" ;;
    *) return 1 ;;
  esac
}

# Prints those of its arguments that are not installed.
packages_missing() {
  for name; do
    case $(dpkg-query -W -f='${Status}' "$name" 2>/dev/null) in
      *" installed") ;;
      *) printf '%s ' "$name" ;;
    esac
  done
}

packages_install() {
  [ "${LUNETTE_PACKAGES:-}" = present ] && return 0
  if ! names=$(packages_names) || ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This system is neither Debian 12 nor Ubuntu 24.04 or newer. Install the equivalents of these Debian packages," >&2
    echo "then run this again with LUNETTE_PACKAGES=present in the environment:" >&2
    echo "  $packages_common libjpeg62-turbo-dev" >&2
    return 2
  fi
  # shellcheck disable=SC2086 # a list of words
  missing=$(packages_missing $names)
  [ -z "$missing" ] && return 0
  sudo=
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      echo "These packages are missing, and installing needs root or sudo. As root:" >&2
      echo "  apt-get install --no-install-recommends $missing" >&2
      return 2
    fi
    sudo=sudo
  fi
  echo "Installing: $missing"
  # shellcheck disable=SC2086
  if ! { $sudo apt-get -q update && $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing; }; then
    echo "Installing failed. Missing packages: $missing" >&2
    return 2
  fi
}

# build_into DIR [cmake options]: configures once and builds; what the compiler says is shown only if it fails.
build_into() {
  dir=$1
  shift
  mkdir -p "$dir" || return 1
  if ! { cmake -S . -B "$dir" -DCMAKE_BUILD_TYPE=Release "$@" && cmake --build "$dir" -j "$(nproc)"; } >"$dir/build.log" 2>&1; then
    grep -nE 'error|Error|FAILED|\*\*\*' "$dir/build.log" | head -40 >&2
    echo "The build failed; all of its output is in $dir/build.log" >&2
    return 1
  fi
}
