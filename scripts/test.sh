#!/usr/bin/env bash
# Every test: first on SQLite with DuckDB and the browser, then what touches the database again on PostgreSQL, then Spark.
# CLOSEDWON_REQUIRE names the parts that may not be missing (in CI all of them).
set -u
cd "$(dirname "$0")/.."
PYTEST=.venv/bin/pytest
export PYTHONHASHSEED=0 SPARK_LOCAL_IP=127.0.0.1 CLOSEDWON_FUZZ_SECONDS=${CLOSEDWON_FUZZ_SECONDS:-30}
failed=0
part() {
  local name=$1; shift
  echo "== $name"
  local start=$SECONDS
  "$@"
  local code=$?
  echo "== $name: $((SECONDS - start)) s, exit $code"
  [ $code = 0 ] || failed=1
}
part "SQLite and DuckDB" $PYTEST -n 2 --dist loadfile -m "not browser and not spark"
part "Spark" $PYTEST -m spark
part "Browser" $PYTEST -m browser
if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
  part "PostgreSQL" bash scripts/with-postgres.sh $PYTEST -n 2 --dist loadfile -m "not browser and not spark and not slow"
elif [[ " ${CLOSEDWON_REQUIRE:-} " == *" postgres "* ]]; then
  echo "PostgreSQL is not installed, and CI must run on it." >&2
  failed=1
else
  echo "PostgreSQL is not installed: its part was left out."
fi
exit $failed
