#!/usr/bin/env bash
# Every benchmark, one after the other: those of pytest-benchmark, then each script, which prints its table beside a hand-written floor.
# CLOSEDWON_BENCH names some of them, for example CLOSEDWON_BENCH="formula import"; CLOSEDWON_FUZZ_SECONDS shortens the ten minutes of fuzzing.
set -u -o pipefail
python=${1:-.venv/bin/python}
failed=()
for file in benchmarks/bench_*.py; do
  name=${file#benchmarks/bench_}; name=${name%.py}
  [[ -z "${CLOSEDWON_BENCH:-}" || " $CLOSEDWON_BENCH " == *" $name "* ]] || continue
  echo "== $name"
  if grep -q '^def test_' "$file"; then
    "$python" -m pytest "$file" -o "python_files=bench_*.py" -p no:xdist --benchmark-disable-gc -q || failed+=("$name")
  else
    PYTHONPATH=src:. "$python" "$file" || failed+=("$name")
  fi
done
if ((${#failed[@]})); then
  echo "missed its bar or failed: ${failed[*]}" >&2
  exit 1
fi
