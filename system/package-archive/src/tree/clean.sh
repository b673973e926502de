#!/bin/sh
# Runs inside the new tree, last: removes what package scripts leave that is of one run and would differ in the next.
set -eu

# An empty machine id is a statement (machine-id(5)), one that a script has made is a mistake.
if [ -s /etc/machine-id ]; then rm /etc/machine-id; fi
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed /etc/.pwd.lock /usr/sbin/policy-rc.d
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
rm -f /var/lib/dpkg/*-old /var/lib/dpkg/lock* /var/lib/dpkg/triggers/Lock /var/cache/debconf/*-old
find /var/log /var/cache/ldconfig /var/cache/apt /var/lib/apt/lists -type f -delete 2>/dev/null || true
find /usr -type d -name __pycache__ -prune -exec rm -rf {} +
