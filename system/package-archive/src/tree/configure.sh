#!/bin/sh
# Runs inside the new tree, in namespaces of its own: everything is unpacked, nothing is configured.
set -eu

instructions=/.piccolo
architecture=$(cat $instructions/architecture)

# Runs the scripts that dpkg would have run before unpacking.
before_unpacking() {
    while read -r package; do
        DPKG_MAINTSCRIPT_PACKAGE=${package%%:*} DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_ARCH=$architecture \
            DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT= \
            "/var/lib/dpkg/info/$package.preinst" install </dev/null || {
            echo "the preinst script of $package failed" >&2
            exit 1
        }
    done <"$1"
}

before_unpacking $instructions/essential-preinst
# Essential packages first: the others may count on them without saying so.
xargs dpkg --force-unsafe-io --no-triggers --configure <$instructions/essential
before_unpacking $instructions/preinst

# Packages that divert files have to be unpacked by dpkg itself.
set -- $instructions/packages/*.deb
if [ -e "$1" ]; then
    packages="$*"
    set --
    while read -r path; do set -- "$@" "--path-exclude=/$path/*"; done <$instructions/excluded-paths
    while read -r name; do set -- "$@" "--path-include=*/$name"; done <$instructions/kept-names
    # shellcheck disable=SC2086 # Package names have no spaces.
    dpkg --force-unsafe-io --force-depends --no-triggers "$@" --unpack $packages
fi

dpkg --force-unsafe-io --configure --pending

# Some failures leave dpkg content and a package half done.
broken=$(dpkg --audit)
if [ -n "$broken" ]; then
    echo "$broken" >&2
    exit 1
fi
