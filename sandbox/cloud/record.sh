#!/bin/bash
# record.sh FILE COMMAND...: writes "pid start-time" of this process to FILE, then becomes COMMAND. Recording comes
# first, so that nothing of ours ever runs unrecorded; the start time tells our process from a later one with its pid.
file=$1
shift
stat=$(</proc/$$/stat)
read -ra field <<<"${stat##*) }"
echo "$$ ${field[19]}" >"$file.new" && mv "$file.new" "$file" && exec "$@"
