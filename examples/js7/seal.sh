#!/bin/sh
# seal.sh CERTIFICATE FILE COMMAND... runs the command, which prints a password, seals
# what it prints for the agent, and puts the envelope into the file, in one step:
#
#   seal.sh jobs.crt /var/lib/js7-secrets/prod/db/orders.js7 bw get password orders
#   seal.sh jobs.crt orders.js7 op read op://production/orders/password
#   seal.sh jobs.crt orders.js7 keepassxc-cli show -q -s -a password vault.kdbx orders
#
# The password is in this script's memory, in no file and on no command line (printf is
# the shell's own). If the command fails, or prints nothing, the file stays as it was.
set -eu
certificate=$1 file=$2
shift 2
password=$("$@")
[ -n "$password" ] || { echo "seal.sh: the command printed nothing; $file is as it was" >&2; exit 1; }
printf %s "$password" | sealrelay encrypt --format js7 --cert "$certificate" --outfile "$file.new" --force
mv "$file.new" "$file"
