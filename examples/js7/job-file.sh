#!/bin/sh
# The script of a JS7 shell job that reads the envelope from the folder SEALED, where
# the service or its agent has put it. A file is replaced in one step.
set -eu
PGPASSWORD=$(js7_decrypt.sh --key="$ENCIPHERMENT_PRIVATE_KEY_PATH" --in="$(cat "$SEALED/prod/db/orders.js7")")
export PGPASSWORD
exec psql --host=db.example.com --username=orders --command='call nightly()'
