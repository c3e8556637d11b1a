#!/usr/bin/env bash
# Makes what Doorward's lab, tests and checks need available in the cache. Without arguments: everything that
# `make lab` and `make test` use. Quick and silent on the network once done.
#   scripts/setup.sh [compiler] [etcd] [kube-apiserver] [kubectl] [aws] [moto] [nginx] [valgrind] [faketime] [tools]
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

steps=("$@")
((${#steps[@]})) || steps=(compiler etcd kube-apiserver kubectl aws)
for step in "${steps[@]}"; do
  [ -f "$ROOT/scripts/setup-$step.sh" ] || die "there is no set-up step \`$step\`" \
    "Steps: compiler etcd kube-apiserver kubectl aws moto nginx valgrind faketime tools"
done

# Two set-ups at once would write the same files; the second waits and then finds everything there.
exec 9>"$CACHE/lock"
if ! flock --nonblock 9; then
  say "another set-up is running; waiting for it"
  flock 9
fi
for step in "${steps[@]}"; do
  bash "$ROOT/scripts/setup-$step.sh"
done
say "${steps[*]}: ready in $BIN"
