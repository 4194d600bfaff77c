#!/usr/bin/env bash
# One hour of the pipeline, for cron: fetch, load, check. See "By cron" in docs/DEPLOYMENT.md.
#
# It runs in the repository's folder, with its .env and .venv, needs nothing of its environment, and
# prints one line. Status: 0 done, 75 another one is at it (this one did nothing), else as
# `crypto-pipeline run` ended.
#
#   PIPELINE_HOME       folder with .env and .data      (the repository)
#   PIPELINE_VENV       virtual environment             (.venv of the repository)
#   PIPELINE_LOG_BYTES  size at which the log turns     (5000000; five old ones are kept)
set -uo pipefail
umask 027
export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"
export CRYPTO_PIPELINE_LAUNCHER=${CRYPTO_PIPELINE_LAUNCHER:-cron}

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 1
home=${PIPELINE_HOME:-$repository}
python=${PIPELINE_VENV:-$repository/.venv}/bin/python
folder=$home/.data/log
log=$folder/run_pipeline.log
unfinished=$folder/run_pipeline.unfinished

cd "$home" && mkdir -p "$folder" || exit 1
if [[ ! -x $python ]]; then
    echo "crypto-pipeline: $python is missing: run make install" >&2
    exit 1
fi

# The lock is this file's open descriptor 9, which the pipeline inherits: the kernel frees it when
# the last of them is gone, however that ends. Python takes it because not every system has flock.
exec 9>>"$folder/run_pipeline.lock"
if ! "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null; then
    echo "crypto-pipeline: another run is under way, this one did nothing" >&2
    exit 75
fi

if [[ -f $log && $(wc -c <"$log") -ge ${PIPELINE_LOG_BYTES:-5000000} ]]; then
    for number in 4 3 2 1; do
        [[ -f $log.$number ]] && mv -f "$log.$number" "$log.$((number + 1))"
    done
    mv -f "$log" "$log.1"
fi

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
step() {
    echo "$(now) crypto-pipeline $*"
    "$python" -m crypto_pipeline.cli "$@"
}

status=0
began=$(date +%s)
{
    # A run that was cut off may have left a file of its hour that only a load takes up.
    if [[ -e $unfinished ]]; then
        step load || status=$?
    fi
    : >"$unfinished"
    step run || status=$?
    if [[ $status -eq 0 ]]; then
        rm -f "$unfinished"
    fi
} >>"$log" 2>&1 </dev/null
seconds=$(($(date +%s) - began))

if [[ $status -ne 0 ]]; then
    reason=$(tail -n 1 "$log")
    line="$(now) crypto-pipeline: failed with status $status after $seconds s: $reason"
    echo "$line" >>"$log"
    echo "$line (all of it in $log)" >&2
    exit "$status"
fi
counts=$("$python" -m crypto_pipeline.cli status --json 2>>"$log" | "$python" -c '
import json, sys
batch = json.load(sys.stdin)["newest_batch"]
print("{records_loaded} loaded, {records_duplicate} duplicate, {records_rejected} rejected"
      .format(**batch))')
line="$(now) crypto-pipeline: done in $seconds s: ${counts:-no counts}"
echo "$line" | tee -a "$log"
