#!/usr/bin/env bash
# Puts a kube-apiserver into the cache: one that is there already, an official release, or a build from Debian's own
# source package (about five minutes on two cores, once).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

OFFICIAL_VERSION=v1.32.4
target=$BIN/kube-apiserver

official() {
  local arch url
  arch=$(dpkg --print-architecture 2>/dev/null || echo amd64)
  url=https://dl.k8s.io/release/$OFFICIAL_VERSION/bin/linux/$arch/kube-apiserver
  command -v curl >/dev/null || return 1
  curl -fsSL --connect-timeout 4 --speed-limit 50000 --speed-time 20 -o "$target.part" "$url" 2>/dev/null || return 1
  curl -fsSL --connect-timeout 4 -o "$target.sha256" "$url.sha256" 2>/dev/null || return 1
  printf '%s  %s\n' "$(cat "$target.sha256")" "$target.part" | sha256sum -c --quiet || return 1
  rm "$target.sha256"
  chmod 755 "$target.part"
  mv "$target.part" "$target"
}

unpack_source() {
  cd "$work"
  apt_private source --download-only kubernetes
  dpkg-source --no-check -x kubernetes_*.dsc source
}

build() {
  local module=$work/gopath/src/k8s.io/kubernetes dirs
  export GOROOT=$work/go/usr/lib/go-1.19 GOPATH=$work/gopath GO111MODULE=off GOFLAGS=
  export GOCACHE=$work/gocache CGO_ENABLED=0 PATH=$work/go/usr/lib/go-1.19/bin:$PATH
  mkdir -p "$work/gopath/src/k8s.io"
  ln -sfn "$work/source" "$module"
  cd "$module"
  # The OpenAPI document is generated code that the source package does not carry; the server does not start without it.
  dirs=$(grep -rl --include='*.go' '+k8s:openapi-gen=' pkg staging/src |
    xargs -n1 dirname | sort -u | sed -e 's|^staging/src/||' -e 's|^pkg|k8s.io/kubernetes/pkg|' | paste -sd, -)
  go run ./vendor/k8s.io/kube-openapi/cmd/openapi-gen --logtostderr -O zz_generated.openapi \
    --go-header-file /dev/null --output-base "$work/gopath/src" \
    -p k8s.io/kubernetes/pkg/generated/openapi -i "$dirs" -r /dev/null
  local version=v1.20.2 v=k8s.io/component-base/version c=k8s.io/client-go/pkg/version
  local flags=''
  for package in "$v" "$c" "k8s.io/kubernetes/vendor/$v" "k8s.io/kubernetes/vendor/$c"; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=20"
  done
  go build -ldflags "-s -w$flags" -o "$target.part" k8s.io/kubernetes/cmd/kube-apiserver
  mv "$target.part" "$target"
}

usable kube-apiserver && exit 0
link_found kube-apiserver && exit 0
say "kube-apiserver: trying the official release $OFFICIAL_VERSION"
if official; then
  say "kube-apiserver: official $OFFICIAL_VERSION"
  exit 0
fi
rm -f "$target.part" "$target.sha256"
say "kube-apiserver: the official release cannot be reached; building 1.20.2 from Debian's source package (once)"
apt_index
for tool in dpkg-source xz; do
  command -v "$tool" >/dev/null || die "$tool is missing, which unpacks Debian's source package" \
    "Install it: apt-get install dpkg-dev xz-utils"
done
work=$CACHE/build/kube-apiserver
rm -rf "$work"
mkdir -p "$work"
run_step "fetching Debian's Go 1.19" deb_extract golang-1.19-go golang-1.19-src "$work/go"
run_step "fetching the kubernetes source package" unpack_source
run_step "building kube-apiserver" build
rm -rf "$work"
