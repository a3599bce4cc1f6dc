#!/usr/bin/env bash
# Builds the project's image: deploy/docker/build.sh [BASE] [TAG]
# The wheels are collected here, on the host, so that the build itself needs no network and no package index: BASE is
# any image with Python 3.11 and a shell, also one that was imported from a local file.
set -euo pipefail
cd "$(dirname "$0")/../.."
base=${1:-python:3.11-slim} tag=${2:-pr-telemetry:local} python=${PYTHON:-.venv/bin/python}

"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    { echo "$python is not Python 3.11: its wheels would not fit the image; set PYTHON" >&2; exit 1; }
rm -rf build/wheels
"$python" -m pip wheel -q --disable-pip-version-check -c constraints.txt -w build/wheels .
"$python" -m pip download -q --disable-pip-version-check --no-deps -d build/wheels pip
docker build -q --network none --build-arg "BASE=$base" -f deploy/docker/Dockerfile -t "$tag" .
