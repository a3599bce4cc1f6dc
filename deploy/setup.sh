#!/usr/bin/env bash
# Installs what is missing to run and test the embedded stack; quick where everything is there already. `setup.sh run`
# leaves out what only tests, checks and notebooks need.
# Needs python3 (3.11 or later), Java 17 and Maven. With root and apt it also gets the Docker engine and python3-venv.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '== %s\n' "$*" >&2; }

for tool in python3 java mvn git; do
    command -v "$tool" >/dev/null || { say "$tool is missing: install it and start again"; exit 1; }
done
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "python3 must be 3.11 or later"; exit 1; }

stamp=.venv/.installed
files=$(cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1)
extras=embedded,dev
[ "${1:-}" != run ] || [ "$(cat "$stamp" 2>/dev/null)" = "$files $extras" ] || extras=embedded
want="$files $extras"
if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
    say "installing Python packages into .venv (about a minute)"
    if ! python3 -m venv .venv 2>/dev/null; then
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { say "python3 has no venv module: install it"; exit 1; }
        say "installing python3-venv with apt"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        python3 -m venv .venv
    fi
    .venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[$extras]"
    printf '%s\n' "$want" >"$stamp"
fi
.venv/bin/python -m deploy.embedded.kafka --fetch-only
.venv/bin/python -m deploy.embedded.docker_engine ensure ||
    say "going on without Docker: traces are taken, checked and judged, and their verdict is unverifiable"
