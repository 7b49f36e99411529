#!/bin/sh
# What the test of the page needs, beside the virtual environment named by the first argument: node
# and Chromium, on Debian and Ubuntu by apt where they are missing, and playwright-core by npm.
# Called by `make browser`, and by nothing else.
set -eu
venv=$1

missing() {
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || echo chromium
}

# shellcheck disable=SC2046
set -- $(missing)
if [ $# -gt 0 ]; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    command -v apt-get >/dev/null || {
        echo "tellus: make browser is for Debian and Ubuntu; elsewhere install $*." >&2
        exit 1
    }
    echo "tellus: ${as_root:+sudo }apt-get install $*"
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "$@" >/dev/null
fi
npm install --silent --no-audit --no-fund --prefix "$venv/web" playwright-core@1.56.1
