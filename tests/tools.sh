#!/bin/sh
# See that the servers and the browser which the tests start are on this machine: install them where that is possible, else say how.
set -eu

missing=""
command -v redis-server >/dev/null || missing="$missing redis-server"
command -v prometheus >/dev/null && command -v promtool >/dev/null || missing="$missing prometheus"
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing$missing, which the tests start" >&2
    apt-get update -qq
    # shellcheck disable=SC2086  # several words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 $missing >/dev/null
else
    echo "the tests start real servers and a browser: install$missing (Debian: sudo apt-get install$missing; macOS: brew install redis prometheus chromium)," >&2
    echo "or run those that need none: make test-fast" >&2
    exit 1
fi
