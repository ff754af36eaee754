#!/usr/bin/env bash
# Run a command with a throw-away PostgreSQL from the system's packages: `scripts/with-postgres.sh pytest ...`.
# CLOSEDWON_TEST_DATABASE_URL names it; nothing of it is left afterwards.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb 2>/dev/null || true)" 2>/dev/null)
if [ -z "$bin" ] || [ ! -x "$bin/initdb" ]; then
  echo "PostgreSQL is not installed (Debian: sudo apt-get install postgresql)." >&2
  exit 1
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/closedwon-postgres-XXXXXX")
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as=()
if [ "$(id -u)" = 0 ]; then  # the server refuses to run as root
  chown postgres "$folder"
  as=(setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$folder")
fi
stop() {
  (cd "$folder" && "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1) || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM
cd_back=$PWD
cd "$folder"
"${as[@]}" "$bin/initdb" -D "$folder/data" -U closedwon --auth=trust --encoding=UTF8 --locale=C --no-sync >/dev/null
"${as[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w start \
  -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c fsync=off -c full_page_writes=off" >/dev/null || { cat "$folder/log" >&2; exit 1; }
"${as[@]}" "$bin/createdb" -h 127.0.0.1 -p "$port" -U closedwon closedwon
cd "$cd_back"
export CLOSEDWON_TEST_DATABASE_URL="postgres://closedwon@127.0.0.1:$port/closedwon"
"$@"
