# Sourced by tools/quickstart and tools/check. `set_up` brings a Debian 12 machine from nothing to a build:
# packages, Python environment in build/venv, CMake, ninja. Each step is skipped when it has been done.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build
logs=$build/logs
python=$build/venv/bin/python
llvm=/usr/lib/llvm-22

# LLVM and MLIR are the 22 series by their package names; the rest is whatever Debian 12 has.
packages=(mlir-22-tools libmlir-22-dev llvm-22-dev llvm-22-tools clang-22 lld-22 liblld-22-dev cmake ninja-build ccache g++
          libtbb-dev libeigen3-dev libgtest-dev libgmock-dev libopenblas0-pthread zlib1g-dev libdlpack-dev python3 python3-venv ca-certificates)

say() { printf '%s\n' "$*"; }

# One line that says what to do, and the end.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# say_usage ARGUMENT EXPECTED: for --help the comment at the top of the script, and the end; an error for any other argument.
say_usage() {
  case $1 in
    -h | --help) sed -n '2,/^[^#]/s/^# //p' "$0" && exit 0 ;;
    *) fail "unknown argument '$1'; expected $2 (or --help)" ;;
  esac
}

# step TITLE LOG HINT COMMAND...: runs the command with its output in build/logs/LOG, and says how it goes.
step() {
  local title=$1 log=$logs/$2 hint=$3 start=$SECONDS shown=$SECONDS last
  shift 3
  say "==> $title"
  "$@" >"$log" 2>&1 </dev/null &
  local child=$!
  trap 'kill "$child" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - shown >= 10)); then
      shown=$SECONDS
      last=$(tail -n 1 "$log" | cut -c -100)
      say "    $((SECONDS - start)) s${last:+: $last}"
    fi
  done
  local status=0
  wait "$child" || status=$?
  trap - INT TERM
  if ((status)); then
    tail -n 15 "$log" >&2
    fail "$title did not work; $hint (the whole log: ${log#"$root"/})"
  fi
  ((SECONDS - start < 2)) || say "    done in $((SECONDS - start)) s"
}

apt_install() {
  "${as_root[@]}" apt-get update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y \
      --no-install-recommends "$@"
}

as_root=()
install_packages() {
  local missing=() name
  command -v dpkg-query apt-get >/dev/null ||
    fail "this needs Debian 12 (apt-get not found); elsewhere install LLVM/MLIR 22, oneTBB and OpenBLAS, then use cmake"
  for name in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null && as_root=(sudo -n) ||
      fail "packages are missing; run as root: apt-get install ${missing[*]}"
  fi
  # LLVM 22 comes with Debian 12's security archive.
  step "installing ${#missing[@]} packages" apt.log \
    "check that /etc/apt lists bookworm and bookworm-security, then run this again" apt_install "${missing[@]}"
}

# The system's Python first: one found on PATH may be a version manager's shim, or lack venv.
find_python() {
  local candidate
  for candidate in ${GQA_PYTHON:-} /usr/bin/python3 /usr/bin/python3.1[1-4] python3.1{4,3,2,1} python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python 3.11 or later with venv; run: apt-get install python3 python3-venv, or set GQA_PYTHON"
}

pip_install() {
  local base=$1 pip
  rm -rf "$build/venv"
  "$base" -m venv "$build/venv" || return
  pip=("$python" -m pip install --disable-pip-version-check --no-input --no-compile)
  "${pip[@]}" -r "$root/python/requirements.txt" || return
  "${pip[@]}" --no-deps -r "$root/python/requirements-no-deps.txt" || return
  say "$root/python" >"$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/gqa.pth"
  "$python" -c 'import torch, torch_mlir, transformers, tvm_ffi, onnx, safetensors'
}

install_python() {
  local base stamp=$build/venv/installed wanted
  base=$(find_python) || exit 1
  wanted=$(cat "$root"/python/requirements*.txt; say "$base $root")
  [[ -x $python && -f $stamp && $(<"$stamp") == "$wanted" ]] && return
  step "Python environment in build/venv" pip.log "check the network and pip's index, then run this again" pip_install "$base"
  say "$wanted" >"$stamp"
}

# As many jobs as there are processors, and memory for: each takes up to 1.5 GB.
job_count() {
  local processors room
  processors=$(nproc)
  room=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
  say $((room < 1 ? 1 : room < processors ? room : processors))
}

configure_and_build() {
  local arguments=(-G Ninja -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-22
    -DCMAKE_CXX_COMPILER=clang++-22 -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DMLIR_DIR=$llvm/lib/cmake/mlir
    -DLLVM_EXTERNAL_LIT=$llvm/bin/lit -DPython3_EXECUTABLE="$python" -DGQA_PYTHON_EXECUTABLE="$python")
  # ccache with a precompiled header needs to be told that times and macros of time do not matter.
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_NOHASHDIR=1
  if [[ ! -f $build/build.ninja || $(cat "$build/configured" 2>/dev/null) != "${arguments[*]}" ]]; then
    rm -rf "$build/CMakeCache.txt" "$build/CMakeFiles"  # what an interrupted or different configuration left
  fi
  # Every time: a folder that is new in the sources is found only by configuring.
  step "configuring with CMake" cmake.log "fix what the log names and run this again" cmake "${arguments[@]}"
  say "${arguments[*]}" >"$build/configured"
  step "building into build/" build.log "fix the first error in the log, or take fewer jobs (GQA_JOBS)" \
    ninja -C "$build" -j "${GQA_JOBS:-$(job_count)}"
}

set_up() {
  mkdir -p "$logs" || fail "cannot write $logs; run this where you may write"
  install_packages
  install_python
  # Scripts that start with `#!/usr/bin/env python3` (lit) get this environment's Python.
  export PATH=$build/venv/bin:$llvm/bin:$PATH
  configure_and_build
}
