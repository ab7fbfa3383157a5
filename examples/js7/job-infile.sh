#!/bin/sh
# The script of a JS7 shell job whose secret is too large for a command line: the
# destination file has js7_file: true, and orders.js7file beside orders.js7 is in JS7's
# file mode. The two are replaced one after the other: the copy is used only if it goes
# with the header, which their first characters tell.
set -eu
from=$SEALED/prod/db/orders
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tries=0
while :; do
	cp "$from.js7file" "$work/sealed"
	read -r key iv value <"$from.js7" || [ -n "$value" ]
	case $value in
	"$(head -c 21 "$work/sealed")"*) break ;;
	esac
	tries=$((tries + 1))
	[ "$tries" -lt 10 ] || { echo "job-infile.sh: $from.js7file does not go with $from.js7" >&2; exit 1; }
	sleep 1
done
js7_decrypt.sh --key="$ENCIPHERMENT_PRIVATE_KEY_PATH" --encrypted-key="${key#enc:}" --iv="$iv" --infile="$work/sealed" --outfile="$work/opened"
psql --host=db.example.com --username=orders --file="$work/opened"
