#!/bin/sh
# Runs inside a finished tree, in namespaces of its own: the recipe's scripts, one after the other.
set -eu

for script in /.piccolo/scripts/*; do
    name=$(cat "/.piccolo/names/${script##*/}")
    "$script" </dev/null || {
        echo "the post-processing script $name ended with status $?" >&2
        exit 1
    }
done
