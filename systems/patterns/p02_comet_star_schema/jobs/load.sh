#!/usr/bin/env bash
# Loads deliveries of the exoplanet catalogue into the star schema, as cron does it:
#
#     17 3 * * *  /path/to/jobs/load.sh /path/to/inbox/*.xml.gz
#
# The database is libpq's own business: PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE, or a PGSERVICE. COMET_ENV names a
# file with such lines for cron, which has no environment. Two firings at once: one loads, the other says so.
#
#   --full      derive the whole star again, also where nothing seems to have changed
#   --unpack    only unpack what is not loaded yet, into this empty folder
#   --landed    load what lies unpacked in this folder (by --unpack, or by another program)
#
#   COMET_STATE   where the lock and the log lie; by default a folder of this user's below TMPDIR
#   COMET_LOG     the log; `-` is standard error, which it is on a terminal anyway
#   COMET_WAIT    seconds to wait for another firing (0)
#   COMET_PROGRESS  if set, unpacking says every second how far it is
#   COMET_REFUSED_LIMIT   the share of a file's rows that may be refused; beyond it nothing is loaded (0.5)
#   PSQL, PYTHON  which programs to use
#
# Exit codes: 0 loaded, or nothing new · 2 a file that cannot be read, or a wrong call · 3 too many rows refused · 4 no
# database · 5 another firing is at it · 6 what this script does not know · 7 the database refuses · 8 no room left ·
# 130 interrupted. Whatever is not 0 has changed nothing, unless
# it was lost at the commit itself, which the message says; the next firing passes over what is in.
set -euo pipefail
umask 077

readonly tab=$'\t'
readonly lock_number=1709696104557689241 # pg_try_advisory_xact_lock: one writer, whichever machine it is on

exec 3>&2 4>&2 # 3: who called; 4: the log, or who called
die() { # exit code, what was asked, where it was looked, what was found, what mends it
    local text
    text=$(printf 'error %s: %s\n  looked in:  %s\n  found:      %s\n  to fix:     %s\n' "$@")
    is_told=yes
    printf '%s\n' "$text" >&4
    [ /dev/fd/4 -ef /dev/fd/3 ] || printf '%s\n' "$text" >&3
    exit "$1"
}
usage() {
    die 2 "load.sh cannot do that." "the command line" "$1" "load.sh [--full] FILE …, or --unpack FOLDER FILE …, or --landed FOLDER"
}

full=false
landed=
unpack=
while [ $# -gt 0 ]; do
    case $1 in
    --full) full=true ;;
    --landed | --unpack)
        [ $# -gt 1 ] && [ -d "$2" ] || usage "$1 without a folder that is there"
        if [ "$1" = --landed ]; then landed=$2; else unpack=$2; fi
        shift
        ;;
    --)
        shift
        break
        ;;
    -*) usage "an option $1" ;;
    *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || [ -n "$landed" ] || [ "$full" = true ] || usage "no file"
[ $# -eq 0 ] || [ -z "$landed" ] || usage "files and --landed"
[ -z "$unpack" ] || [ -z "$landed" ] || usage "--unpack and --landed"

# --- settings ------------------------------------------------------------------------------------------------------

if [ -n "${COMET_ENV:-}" ]; then
    [ -r "$COMET_ENV" ] || die 2 "The settings cannot be read." "$COMET_ENV" "no file that may be read" "unset COMET_ENV, or write it"
    set -a
    # shellcheck source=/dev/null
    . "$COMET_ENV"
    set +a
fi
COMET_JOBS=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
export PGCLIENTENCODING=UTF8
export COMET_JOBS PYTHON=${PYTHON:-python3} PGAPPNAME=${PGAPPNAME:-comet-load}
psql=${PSQL:-psql}
state=${COMET_STATE:-${TMPDIR:-/tmp}/comet-$(id -u)}
wait=${COMET_WAIT:-0}
run_id=${COMET_RUN_ID:-cron-$(date -u +%Y%m%dT%H%M%S)-$$}
token=${COMET_TOKEN:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}

case $wait in '' | *[!0-9]*) usage "COMET_WAIT=$wait, no whole number" ;; esac
case ${COMET_REFUSED_LIMIT:-0.5} in *[!0-9.]* | *.*.*) usage "COMET_REFUSED_LIMIT=$COMET_REFUSED_LIMIT, no share" ;; esac
[ -z "$landed" ] || [ -f "$landed/files.tsv" ] || usage "--landed $landed, with no files.tsv in it"
for program in "$psql" "$PYTHON"; do
    command -v "$program" >/dev/null || die 2 "A program is missing." "PATH=$PATH" "no $program" \
        "install it, or name it: PSQL=/path/to/psql, PYTHON=/path/to/python3"
done
mkdir -p -- "$state" 2>/dev/null || :
[ -d "$state" ] && [ ! -L "$state" ] && [ -O "$state" ] || die 7 "There is no folder for the lock and the log." "$state" \
    "not a folder of user $(id -un 2>/dev/null || id -u)" "COMET_STATE=/another/folder"
state=$(CDPATH='' cd -- "$state" && pwd -P)
log=${COMET_LOG:-$state/load.log}
if [ "$log" != - ] && [ ! -t 2 ]; then
    { : >>"$log"; } 2>/dev/null || die 2 "The log cannot be written." "$log" "no such folder, or no right" "COMET_LOG=/another/file"
    exec 2>>"$log" 4>&2
fi
say() { printf '%s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$run_id" "$*" >&4; }

# --- one at a time, and nothing left behind ------------------------------------------------------------------------

no_room() { die 8 "There is no room left." "$state" "a file could not be written" "make room, then load again"; }
exec 9>>"$state/load.lock"
flock -w "$wait" 9 || die 5 "Another firing is loading." "$state/load.lock" "it is held" "wait for it: COMET_WAIT=60"
rm -rf -- "$state"/work.* # of a firing that was killed
work=$(mktemp -d "$state/work.XXXXXXXX") || no_room
child=
is_told=
tidy() { # whatever ends this script says something
    local code=$?
    rm -rf -- "$work"
    [ "$code" -eq 0 ] || [ -n "$is_told" ] || printf 'error %s: load.sh ended where it should not: see %s\n' "$code" "$log" >&3
}
interrupted() {
    trap '' INT TERM HUP PIPE
    [ -z "$child" ] || kill "$child" 2>/dev/null || :
    is_told=yes
    say "interrupted: nothing is loaded, unless it had come to its commit; the next firing knows"
    exit 130
}
trap tidy EXIT
trap interrupted INT TERM HUP
attend() { # run a program to its end, and be there for signals meanwhile
    "$@" &
    child=$!
    local code=0
    wait "$child" || code=$?
    child=
    return "$code"
}

followed() { # the same; what the program tells goes on at once, and is kept in $work/told
    local code=0 teller
    exec 7> >(exec tee -- "$work/told" >&4 9>&-)
    teller=$!
    attend "$@" 2>&7 7>&- || code=$?
    exec 7>&-
    wait "$teller" || :
    return "$code"
}

# --- the database --------------------------------------------------------------------------------------------------

ask() { # psql over a file of sql/; its answer goes to $work/answer, its errors are told by their kind
    followed "$psql" -X -q -A -t -F "$tab" -w -v ON_ERROR_STOP=1 -v VERBOSITY=verbose "${@:2}" -f "$COMET_JOBS/../sql/$1" \
        >"$work/answer" || database_says "$?"
}
database_says() {
    local found sql_state
    found=$(grep -m 1 -E '(ERROR|FATAL|PANIC): |error: ' "$work/told" || tail -n 1 "$work/told")
    sql_state=$(sed -nE 's/.*(ERROR|FATAL|PANIC):  ([0-9A-Z]{5}):.*/\2/p' "$work/told" | head -n 1)
    found=${found##*sql:}
    local where="${PGHOST:-${PGSERVICE:-localhost}}:${PGPORT:-5432}/${PGDATABASE:-}"
    case $sql_state:$found in
    28*:* | 42501:* | *authentication\ failed* | *no\ password\ supplied* | *role\ *does\ not\ exist*)
        die 7 "PostgreSQL refused." "$where" "$found" "check user, password and grants there" ;;
    53100:* | 53200:* | *No\ space\ left*)
        die 8 "There is no room left." "$where, $work" "$found" "make room, then load again" ;;
    40001:* | 40P01:* | 55P03:*)
        die 5 "Somebody else holds what this needs." "$where" "$found" "the next firing takes what is new" ;;
    57*:* | 08*:* | 53*:* | *connection*)
        die 4 "PostgreSQL did not answer, or went away." "$where" "$found" "start it; the next firing takes what is new" ;;
    *)
        [ "$1" -lt 128 ] || die 4 "psql was ended by signal $(($1 - 128))." "$where" "nobody can say whether it had committed" \
            "load again: what is in is passed over"
        [ "$1" -ne 2 ] || die 4 "PostgreSQL did not answer, or went away." "$where" "$found" "start it; the next firing takes what is new"
        die 6 "PostgreSQL could not do it: nothing was loaded." "$where" "$found" "the log has all of it: $log" ;;
    esac
}

# --- the load ------------------------------------------------------------------------------------------------------

step() {
    printf 'step %s\n' "$1" >&2
    [ -z "${COMET_AT_STEP:-}" ] || "$COMET_AT_STEP" "$1"
}

unpacked() { # what is not loaded yet, into a folder
    local code=0
    step unpack.before
    ask known.sql
    mv -- "$work/answer" "$work/known"
    followed "$PYTHON" "$COMET_JOBS/unpack.py" --into "$1" --known "$work/known" -- "${@:2}" || code=$?
    if [ "$code" -ne 0 ]; then
        [ "$code" -eq 1 ] || is_told=yes
        [ /dev/fd/4 -ef /dev/fd/3 ] || cat -- "$work/told" >&3
        exit "$code"
    fi
    step unpack.after
}

if [ -n "$unpack" ]; then
    unpacked "$(CDPATH='' cd -- "$unpack" && pwd -P)" "$@"
    exit 0
fi

say "begins"
if [ -n "$landed" ]; then
    cp -- "$landed"/*.tsv "$work/" || no_room
elif [ $# -gt 0 ]; then
    unpacked "$work" "$@"
else
    for kind in files systems hosts planets refused; do : >"$work/$kind.tsv"; done
fi
cp -- "$COMET_JOBS/../data/surveys.csv" "$work/"
tables=$(cat -- "$COMET_JOBS"/../sql/{operational,star,queries,keys}.sql | cksum | tr ' ' -)
cd -- "$work"
ask load.sql -v lock="$lock_number" -v full="$full" -v run_id="$run_id" -v token="$token" -v loaded_at="${COMET_LOADED_AT:-}" -v tables="$tables" -v wait_ms="$((wait * 1000))" \
    -v merge_batch="$COMET_JOBS/../sql/merge_batch.sql" \
    -v refused_limit="${COMET_REFUSED_LIMIT:-0.5}" ${COMET_AT_STEP:+-v at_step=1}
cat -- "$work/answer"
case $(sed -n 's/^outcome //p' "$work/answer") in
loaded) say "loaded: $(tr '\n\t' '  ' <"$work/answer")" ;;
nothing_new) say "nothing new" ;;
locked) die 5 "Another firing is loading." "advisory lock $lock_number" "it is held" "wait for it: COMET_WAIT=60" ;;
held_back)
    die 3 "$(sed -n 's/^held_back //p' "$work/answer") is held back: nothing was loaded." "the rows of the file" \
        "$(sed -n 's/^held_rows //p' "$work/answer")" \
        "mend the file, or let more pass: COMET_REFUSED_LIMIT=0.9" ;;
*) die 6 "The load ended without a word." "$work" "no outcome" "the log has all of it: $log" ;;
esac
