#!/usr/bin/env bash
# Prints the path of a Docker Compose binary that was built from Go's module proxy, for machines whose Docker has no
# compose plugin. Built once (about 8 minutes) into the cache folder.
set -euo pipefail
version=v2.40.3
binary=${XDG_CACHE_HOME:-$HOME/.cache}/pr-telemetry/compose-$version/docker-compose
if [ ! -x "$binary" ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    # `go install` refuses the module for its exclude directives; its own folder builds.
    module=$(go mod download -json "github.com/docker/compose/v2@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    cp -r "$module" "$scratch/source"
    chmod -R u+w "$scratch/source"
    CGO_ENABLED=0 go build -C "$scratch/source" -o "$scratch/docker-compose" \
        -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$version" ./cmd
    mkdir -p "$(dirname "$binary")"
    mv "$scratch/docker-compose" "$binary"
fi
echo "$binary"
