# shellcheck shell=bash
# Shared by every script of the project; sourced, never run. It has no effect but these
# definitions. Progress goes to stderr: stdout belongs to the script that asks.

shopt -s inherit_errexit

BTFLY_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BTFLY_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/btfly
BTFLY_TOOLCHAIN=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' "$BTFLY_TOP/rust-toolchain.toml")
ARM64_TARGET=aarch64-unknown-linux-musl
HOST_TARGET=x86_64-unknown-linux-musl
export BTFLY_TOP BTFLY_CACHE BTFLY_TOOLCHAIN ARM64_TARGET HOST_TARGET

# What the project needs from Debian: the VM (qemu, cpio), the BPF compiler (clang, llvm and
# the headers), and a host linker for Cargo's build scripts and macros.
DEBIAN_PACKAGES=(qemu-system-arm cpio xz-utils clang-19 llvm-19 libbpf-dev linux-libc-dev
  gcc libc6-dev libelf-dev zlib1g-dev debian-archive-keyring util-linux lld-19 bpftool
  clang-14 clang-16 gcc-bpf)

say() { printf '%s\n' "btfly: $*" >&2; }
die() { printf '%s\n' "btfly: error: $*" >&2; exit 1; }

# The header comment of the calling script, as its help.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit "${1:-0}"; }

# Milliseconds since the epoch.
now_ms() { local s=${EPOCHREALTIME/[.,]/}; echo $((s / 1000)); }

# One word for a shell, whatever is in it. Plain quotes: the guest's shell is busybox.
quote_words() { local w; for w in "$@"; do printf "'%s' " "${w//\'/\'\\\'\'}"; done; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else
    command -v sudo >/dev/null || die "this needs root: $*"
    sudo "$@"
  fi
}

# Runs a command that may not run twice at once (apt, downloads, builds of shared files).
with_lock() {
  local name=$1; shift
  mkdir -p "$BTFLY_CACHE"
  (flock 9; "$@" 9>&-) 9>"$BTFLY_CACHE/$name.lock"
}

# ---------------------------------------------------------------- Debian packages

# Those of the named packages that are not installed, one a line.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii *//p') || true
  printf '%s\n' "$@" | grep -vxF "${installed:-none}" || true
}

need_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  as_root apt-get update -q >&2
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}

# ---------------------------------------------------------------- the Rust toolchain

need_toolchain() {
  [ -n "$BTFLY_TOOLCHAIN" ] || die "rust-toolchain.toml names no channel"
  command -v rustup >/dev/null || PATH=$HOME/.cargo/bin:$PATH
  command -v rustup >/dev/null || die "rustup is not installed (see rustup.rs)"
  export RUSTUP_TOOLCHAIN=$BTFLY_TOOLCHAIN
  local root part complete=yes
  # Asking the disk is quicker than asking rustup: this runs before every command.
  root=$(rustc --print sysroot 2>/dev/null) || complete=no
  for part in rust-std-$ARM64_TARGET rust-std-$HOST_TARGET rustfmt-preview clippy-preview rust-src; do
    compgen -G "$root/lib/rustlib/manifest-$part*" >/dev/null || complete=no
  done
  [ $complete = no ] || return 0
  say "installing the Rust toolchain $BTFLY_TOOLCHAIN"
  rustup toolchain install "$BTFLY_TOOLCHAIN" --profile minimal --no-self-update \
    --component rustfmt,clippy,rust-src --target "$ARM64_TARGET,$HOST_TARGET" >&2
}

# Everything that has to be on the machine. Quick and silent when it is there.
need_machine() {
  need_packages "${DEBIAN_PACKAGES[@]}"
  need_toolchain
}

# ---------------------------------------------------------------- Debian's arm64 archive
# Files of arm64 packages are unpacked into the cache, not installed. A private apt (own lists,
# own state) fetches and verifies them, from the mirror that the machine itself uses.

PRIVATE_APT=$BTFLY_CACHE/apt

# "URI KEYRING" of the machine's Debian mirror (KEYRING may be empty: apt's own trusted keys).
# BTFLY_MIRROR and BTFLY_KEYRING override what the machine's sources say.
debian_mirror() {
  local file found=
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -z "$found" ] && [ -f "$file" ] || continue
    found=$(awk -v RS= -F '\n' '{
      uri = suites = key = types = ""; enabled = 1; inkey = 0
      for (i = 1; i <= NF; i++) {
        if ($i ~ /^#/) continue
        name = tolower($i); sub(/:.*/, "", name)
        value = $i; sub(/^[^:]*:[ \t]*/, "", value)
        if (name == "types") types = value
        if (name == "uris") { split(value, u, /[ \t]+/); uri = u[1] }
        if (name == "suites") suites = value
        if (name == "signed-by" && value ~ /^\//) key = value
        if (name == "enabled" && tolower(value) == "no") enabled = 0
      }
      if (enabled && types ~ /deb( |$)/ && uri ~ /\/debian\/?$/ && suites !~ /-security/) { print uri, key; exit }
    }' "$file")
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -z "$found" ] && [ -f "$file" ] || continue
    found=$(awk '$1 == "deb" {
      line = $0; key = ""
      if (match(line, /signed-by=[^] ,]*/)) key = substr(line, RSTART + 10, RLENGTH - 10)
      sub(/\[[^]]*\]/, "", line); split(line, f, /[ \t]+/)
      if (f[2] ~ /\/debian\/?$/ && f[3] !~ /-security/) { print f[2], key; exit }
    }' "$file")
  done
  set -- $found
  local uri=${BTFLY_MIRROR:-${1:-}} key=${BTFLY_KEYRING:-${2:-}}
  [ -n "$uri" ] || die "no Debian mirror in /etc/apt: set BTFLY_MIRROR to the URI of one"
  [ -n "$key" ] || [ ! -f /usr/share/keyrings/debian-archive-keyring.gpg ] ||
    key=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "$uri $key"
}

private_apt() { local tool=$1; shift; "$tool" -c "$PRIVATE_APT/apt.conf" -q "$@"; }

# Writes the private configuration and fetches the package lists, once (again with "again").
need_archive() {
  local uri key suite options
  [ "${1:-}" = again ] || [ ! -f "$PRIVATE_APT/updated" ] || return 0
  read -r uri key <<<"$(debian_mirror)"
  [ -n "$uri" ] || exit 1
  mkdir -p "$PRIVATE_APT"/{lists/partial,cache/archives/partial,none}
  : >"$PRIVATE_APT/status"
  options="arch=arm64 target=Packages${key:+ signed-by=$key}"
  for suite in bullseye bookworm trixie trixie-backports; do
    echo "deb [$options] $uri $suite main"
  done >"$PRIVATE_APT/sources.list"
  cat >"$PRIVATE_APT/apt.conf" <<END
Dir::State "$PRIVATE_APT";
Dir::State::status "$PRIVATE_APT/status";
Dir::State::lists "$PRIVATE_APT/lists";
Dir::Cache "$PRIVATE_APT/cache";
Dir::Etc::sourcelist "$PRIVATE_APT/sources.list";
Dir::Etc::sourceparts "$PRIVATE_APT/none";
Dir::Etc::preferences "$PRIVATE_APT/none/preferences";
Dir::Etc::preferencesparts "$PRIVATE_APT/none";
APT::Architecture "arm64";
#clear APT::Architectures;
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
  say "reading Debian's arm64 package lists"
  private_apt apt-get -o APT::Update::Error-Mode=any update >&2
  : >"$PRIVATE_APT/updated"
}

# The newest version of a package in a suite, of those that begin with a prefix.
archive_version() { # PACKAGE SUITE [PREFIX]
  private_apt apt-cache madison "$1" |
    awk -F ' *[|] *' -v suite=" $2/" -v prefix="${3:-}" \
      'index($3, suite) && index($2, prefix) == 1 { print $2; exit }'
}

# Downloads PACKAGE=VERSION and prints the path of the .deb, which the caller removes.
fetch_deb() {
  local dir
  dir=$(mktemp -d "$PRIVATE_APT/fetch.XXXXXX")
  say "fetching ${1%%=*} ${1#*=}"
  (cd "$dir" && private_apt apt-get download "$1" >&2) || { rm -rf "$dir"; die "could not fetch $1"; }
  echo "$dir"/*.deb
}

# Unpacks files (tar patterns; everything without one) of a package into a folder.
unpack_deb() { # DEB FOLDER [PATTERN]…
  local deb=$1 folder=$2; shift 2
  mkdir -p "$folder"
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$folder" --wildcards --no-same-owner "$@"
}

# Unpacks packages of one suite side by side in the cache and prints the folder, made once.
archive_tree() { # NAME SUITE PACKAGE…
  local tree=$BTFLY_CACHE/packages/$1
  [ -d "$tree" ] || with_lock archive make_tree "$@"
  echo "$tree"
}

make_tree() {
  local name=$1 suite=$2 package version deb tree=$BTFLY_CACHE/packages/$1
  shift 2
  [ ! -d "$tree" ] || return 0
  need_archive
  rm -rf "$tree.new"
  for package; do
    version=$(archive_version "$package" "$suite")
    [ -n "$version" ] || die "Debian $suite has no $package for arm64"
    deb=$(fetch_deb "$package=$version")
    unpack_deb "$deb" "$tree.new"
    rm -rf "${deb%/*}"
    echo "$package $version" >>"$tree.new/versions"
  done
  mv "$tree.new" "$tree"
}

# ---------------------------------------------------------------- other people's compilers

# Compiles a source by each BPF compiler of Debian's, as a folder of objects named after them.
compile_by_each() { # SOURCE FOLDER
  local version
  mkdir -p "$2"
  for version in 14 16 19; do
    "clang-$version" -target bpf -O2 -g -Wall -Werror -c "$1" -o "$2/clang-$version.bpf.o"
  done
  bpf-gcc -O2 -gbtf -Wall -Werror -c "$1" -o "$2/gcc.bpf.o"
}

# The C header that btfly makes of the types inside a kernel's image, which are left in BTF.
header_of() { # KERNEL BTF
  local image
  image=$("$BTFLY_TOP/scripts/qemu-arm64/kernel" "$1")
  (
    cd "$BTFLY_TOP"
    cargo run --quiet --locked --target "$HOST_TARGET" --example kernel_btf -- "$image" >"$2"
    cargo run --quiet --locked --target "$HOST_TARGET" --bin btfly -- btf dump file "$2" --format c
  )
}
