#!/bin/sh
# Makes .venv ready for one purpose and returns at once when it already is: sh tools/bootstrap.sh run|test|bench
#
# A Python, a virtual environment, uv inside it, the packages of requirements/<purpose>.lock (each by its hash), and
# this checkout linked into it. Whoever kills this leaves .venv/.making behind, and the next call begins again.
# It speaks on stderr only, so that `make run ARGS=--json` can be piped.
set -eu

purpose=${1:-run}
CDPATH='' cd -- "$(dirname -- "$0")/.."
lock=requirements/$purpose.lock
ready=.venv/.ready-$purpose
log=.make/install.log
python=.venv/bin/python

# What somebody's shell may hold that would send packages elsewhere.
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT UV_SYSTEM_PYTHON UV_TARGET UV_PREFIX || :

say() { printf '%s\n' "$*" >&2; }

fail() { # exit code, what was asked, where it looked, what it found, what mends it
    printf '%s\n  looked in:  %s\n  found:      %s\n  to fix:     %s\n' "$2" "$3" "$4" "$5" >&2
    exit "$1"
}

wanted() { cat -- "$lock" requirements/uv.lock.txt pyproject.toml tools/bootstrap.sh tools/link_checkout.py | cksum; }

is_ready() { # the stamp fits, nobody was killed half-way, and the interpreter still starts and finds us
    [ -f "$ready" ] && [ ! -e .venv/.making ] && [ "$(cat -- "$ready")" = "$(wanted)" ] &&
        "$python" -I -c 'import orrery' >/dev/null 2>&1
}

[ -f "$lock" ] || fail 2 "There is nothing to install for '$purpose'." "requirements/" "no $purpose.lock" \
    "sh tools/bootstrap.sh run (or test, or bench)"
if is_ready; then exit 0; fi

# --- one at a time -------------------------------------------------------------------------------------------------

mkdir -p .make 2>/dev/null || :
[ -w .make ] || fail 7 "The packages cannot be installed." "$(pwd)" \
    "no right to write there as $(id -un 2>/dev/null || id -u)" "take a copy that belongs to you, or change this one's owner"

if command -v flock >/dev/null 2>&1; then
    exec 9>.make/install.lock
    if ! flock -n 9; then
        say "Another make is installing here; waiting for it …"
        flock 9
    fi
else
    waited=0
    until mkdir .make/install.d 2>/dev/null; do
        owner=$(cat .make/install.d/pid 2>/dev/null || :)
        if [ -n "$owner" ] && ! ps -p "$owner" >/dev/null 2>&1; then # its owner is dead: one of us moves it away
            mv .make/install.d ".make/install.dead.$$" 2>/dev/null && rm -rf ".make/install.dead.$$"
            continue
        fi
        [ "$waited" -gt 0 ] || say "Another make is installing here; waiting for it …"
        waited=$((waited + 1))
        [ "$waited" -lt 900 ] || fail 5 "The packages cannot be installed." ".make/install.d" \
            "another make that has held the lock for 15 minutes" "end it, or: rm -r .make/install.d"
        sleep 1
    done
    echo $$ >.make/install.d/pid
    trap 'rm -rf .make/install.d' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
fi
if is_ready; then exit 0; fi # the other one did it

# --- where downloads are kept: where pip and uv keep them, or in .venv where there is no home to write to -----------

home_cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}
[ -d "$home_cache" ] || home_cache=${HOME:-/nonexistent}
if [ ! -d "$home_cache" ] || [ ! -w "$home_cache" ]; then
    export UV_CACHE_DIR="${UV_CACHE_DIR:-$(pwd)/.venv/cache/uv}"
    export PIP_CACHE_DIR="${PIP_CACHE_DIR:-$(pwd)/.venv/cache/pip}"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 UV_PYTHON_DOWNLOADS=never

# --- Python --------------------------------------------------------------------------------------------------------

is_usable() { # really run: a version manager's shim may stand in PATH and fail; the pinned wheels end at 3.14
    "$1" -I -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1
}

find_python() {
    without_venv=
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if is_usable "$candidate"; then
            if "$candidate" -I -c 'import venv, ensurepip' >/dev/null 2>&1; then
                found=$candidate
                return
            fi
            without_venv=${without_venv:-$candidate}
        fi
        if [ -n "${PYTHON:-}" ]; then break; fi # named by hand: that one or none
    done
    version=$({ "${PYTHON:-python3}" --version 2>&1 || :; } 2>/dev/null | head -n 1)
    case $version in Python*) ;; *) version="none that starts" ;; esac
    [ -z "$without_venv" ] || fail 2 "Orrery needs Python's venv module to make .venv." \
        "$(command -v "$without_venv")" "Python without venv or ensurepip" \
        "install the system's package for it (Debian, Ubuntu: apt-get install python3-venv), then run make again"
    fail 2 "Orrery needs Python 3.11, 3.12, 3.13 or 3.14." "${PYTHON:-python3, python3.14 … python3.11 in PATH}" \
        "$version" "install one, or name it: make run PYTHON=/path/to/python3.12"
}

# --- .venv ---------------------------------------------------------------------------------------------------------

empty_venv() { # all but the downloads
    for entry in .venv/* .venv/.[!.]*; do
        case $entry in
        .venv/cache) ;;
        *) rm -rf -- "$entry" ;;
        esac
    done
}

if [ -e .venv/.making ]; then
    say "An installation was cut off; making .venv again …"
    empty_venv
elif [ -e .venv/pyvenv.cfg ] && ! { is_usable "$python" && "$python" -I -m pip --version >/dev/null 2>&1; }; then
    say "The Python of .venv does not start any more or has the wrong version; making .venv again …"
    empty_venv
elif [ -d .venv ] && [ ! -e .venv/pyvenv.cfg ] && [ -n "$(find .venv/. ! -name . -prune ! -name cache)" ]; then
    fail 2 "Orrery wants to install into .venv." "$(pwd)/.venv" "a folder that is no virtual environment" \
        "move it away, then run make again"
fi
if [ -d .venv ] && [ ! -w .venv ]; then
    fail 7 "The packages cannot be installed." "$(pwd)/.venv" "it belongs to another user" \
        "ask that user to run the same make command, or take a copy of your own"
fi
found=
[ -e .venv/pyvenv.cfg ] || find_python
mkdir -p .venv
: >.venv/.making
rm -f -- "$ready"

if [ -n "$found" ]; then
    say "Making .venv with $("$found" --version 2>&1) …"
    "$found" -I -m venv .venv >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        fail 2 "Making the virtual environment failed." "$(command -v "$found") -m venv .venv" "the lines above" \
            "install the system's package for it (Debian, Ubuntu: apt-get install python3-venv), then run make again"
    }
fi

# --- packages ------------------------------------------------------------------------------------------------------

pip_setting() { # of one key, from pip's files and variables
    printf '%s\n' "$settings" | sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" | tail -n 1
}
settings=$("$python" -I -m pip config list 2>/dev/null || :) # uv does not read them by itself
if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] && [ -n "$(pip_setting index-url)" ]; then
    UV_DEFAULT_INDEX=$(pip_setting index-url)
    export UV_DEFAULT_INDEX
fi
if [ -z "${SSL_CERT_FILE:-}" ] && [ -n "$(pip_setting cert)" ]; then
    SSL_CERT_FILE=$(pip_setting cert)
    export SSL_CERT_FILE
fi

has_uv() {
    pinned=$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' requirements/uv.lock.txt)
    case "$(.venv/bin/uv --version 2>/dev/null || :) " in "uv $pinned "*) ;; *) false ;; esac
}
with_pip() { "$python" -I -m pip install -q --require-hashes --no-deps --only-binary :all: -r "$1" >>"$log" 2>&1; }
with_uv() {
    .venv/bin/uv pip install -q --python "$python" --compile-bytecode --require-hashes --no-deps --only-binary :all: -r "$lock" >>"$log" 2>&1
}

: >"$log"
has_uv || with_pip requirements/uv.lock.txt || :
say "Installing $(grep -c '^[A-Za-z0-9].*==' "$lock") packages (once) …"
if ! { has_uv && with_uv; }; then
    say "uv did not manage ($log says why); trying pip, which takes longer …"
    with_pip "$lock" || {
        tail -n 5 "$log" >&2
        fail 4 "The packages of $lock could not be installed." "the package index that pip is set to" \
            "the lines above, all of them in $log" \
            "mend the network or pip's settings (pip config list), then run make again"
    }
fi

"$python" -I tools/link_checkout.py
"$python" -I -m compileall -q src systems >>"$log" 2>&1 || : # as the packages are; a folder of somebody else stays as it is
wanted >"$ready.new"
mv -- "$ready.new" "$ready"
rm -f .venv/.making
