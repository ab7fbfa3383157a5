#!/bin/sh
# The script of a JS7 shell job. The envelope may stand on a command line, the
# password only in the environment of the one program that needs it.
set -eu
PGPASSWORD=$(js7_decrypt.sh --key="$ENCIPHERMENT_PRIVATE_KEY_PATH" --in="$(cat "$SEALED/prod/db/orders.js7")")
export PGPASSWORD
exec psql --host=db.example.com --username=orders --command='call nightly()'
