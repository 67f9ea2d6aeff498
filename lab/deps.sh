#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Install the Debian packages of lab/packages and model/packages that are missing.
# Shell, because a fresh machine has no Python yet.
set -u

usage="usage: deps.sh [--model | --help]   install the Debian packages that are missing
--model: only those of model/packages"
lists="lab/packages model/packages"
case "${1-}" in
'') ;;
--model) lists=model/packages ;;
--help) echo "$usage"; exit 0 ;;
*) echo "$usage" >&2; exit 2 ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
wanted=$(cd "$root" && sed 's/#.*//' $lists)

if ! command -v apt-get >/dev/null; then
	echo "deps: this is not a Debian system (no apt-get)." >&2
	echo "deps: install these by hand, then use lab/lab.py directly:" $wanted >&2
	exit 1
fi

missing=
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	sudo=$(command -v sudo) || {
		echo "deps: run this once as root, or install sudo; missing:$missing" >&2
		exit 1
	}
fi

mkdir -p "$root/out/log"
log="$root/out/log/deps.log"
shown=${log#"$root"/}
echo "deps: installing$missing (log: $shown)" >&2
# Ask for a password before the log hides the prompt.
[ -z "$sudo" ] || $sudo true || exit 1

install() {
	$sudo apt-get update &&
	$sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends $missing
}
install >"$log" 2>&1 &
worker=$!
start=$(date +%s)
while kill -0 $worker 2>/dev/null; do
	sleep 1
	elapsed=$(($(date +%s) - start))
	[ $((elapsed % 10)) = 0 ] || continue
	total=$(sed -n 's/.* \([0-9]*\) newly installed.*/\1/p' "$log")
	ready=$(grep -c '^Setting up' "$log")
	echo "deps: $ready/${total:-?} packages, $elapsed s so far, usually 60 to 180 s" >&2
done
if ! wait $worker; then
	tail -n 15 "$log" >&2
	echo "deps: apt-get failed; see $shown, repair it and run make deps again" >&2
	exit 1
fi
