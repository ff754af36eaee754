#!/usr/bin/env bash
# What the tests need from the system: a browser, PostgreSQL and Java. As root on Debian they are installed; elsewhere they are named.
set -eu
missing=()
find_one() { for path in "$@"; do [ -e "$path" ] && return 0; done; return 1; }
find_one /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome || missing+=(chromium)
find_one /usr/lib/postgresql/*/bin/initdb || missing+=(postgresql)
command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
[ ${#missing[@]} = 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "Not installed: ${missing[*]}. The tests that need them are left out; install them with your package manager to run all." >&2
fi
