#!/usr/bin/env bash
# Puts a kube-apiserver into the cache: one that is there already, an official release, or a build from Debian's own
# source package (about five minutes on two cores, once).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

OFFICIAL_VERSION=v1.32.4
# The number after the plus goes up when the build changes, so that an earlier build in the cache is replaced.
BUILT_VERSION=v1.20.2+doorward.1
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
  # The source carries reflect2 1.0.1, which calls Go's map iterator as it was before Go 1.18. Built with a newer Go, the
  # server then dies of a wild pointer when it prints JSON for reading, as it does for curl, or for `?pretty=1`.
  rm vendor/github.com/modern-go/reflect2/*.go
  cp "$work"/reflect2/usr/share/gocode/src/github.com/modern-go/reflect2/*.go vendor/github.com/modern-go/reflect2/
  # The OpenAPI document is generated code that the source package does not carry; the server does not start without it.
  dirs=$(grep -rl --include='*.go' '+k8s:openapi-gen=' pkg staging/src |
    xargs -n1 dirname | sort -u | sed -e 's|^staging/src/||' -e 's|^pkg|k8s.io/kubernetes/pkg|' | paste -sd, -)
  go run ./vendor/k8s.io/kube-openapi/cmd/openapi-gen --logtostderr -O zz_generated.openapi \
    --go-header-file /dev/null --output-base "$work/gopath/src" \
    -p k8s.io/kubernetes/pkg/generated/openapi -i "$dirs" -r /dev/null
  local version=$BUILT_VERSION v=k8s.io/component-base/version c=k8s.io/client-go/pkg/version
  local flags=''
  for package in "$v" "$c" "k8s.io/kubernetes/vendor/$v" "k8s.io/kubernetes/vendor/$c"; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=20"
  done
  go build -ldflags "-s -w$flags" -o "$target.part" k8s.io/kubernetes/cmd/kube-apiserver
  mv "$target.part" "$target"
}

# Whether the cache has a build of an earlier version of this script. Links are somebody else's programs.
outdated() {
  [ -f "$target" ] && [ ! -L "$target" ] || return 1
  case $("$target" --version) in
    "Kubernetes $BUILT_VERSION") return 1 ;;
    'Kubernetes v1.20.2'*) return 0 ;;
  esac
  return 1
}

if usable kube-apiserver && ! outdated; then exit 0; fi
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
run_step "fetching reflect2 1.0.2" deb_extract golang-github-modern-go-reflect2-dev "$work/reflect2"
run_step "fetching the kubernetes source package" unpack_source
run_step "building kube-apiserver" build
rm -rf "$work"
