#!/bin/sh
# Which requirements/<purpose>.lock a system's run needs, by the extras of its system.toml: sh tools/purpose.sh orbit
#
# In shell, because it is asked before there is a Python environment. A name that is not known is `run`: the command
# itself then says what there is.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."
name=$(printf '%s' "${1:-meteor}" | tr '[:upper:]' '[:lower:]')
for manifest in systems/*/*_"${name#*_}"_*/system.toml systems/*/"$name"_*/system.toml; do
    for purpose in dbt-postgres dbt; do
        if [ -f "$manifest" ] && grep -q "^extras *=.*\"$purpose\"" "$manifest"; then
            echo "$purpose"
            exit
        fi
    done
done
echo run
