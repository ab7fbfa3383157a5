#!/bin/sh
# The script of a JS7 shell job whose Job Resource has the envelope: the variable
# DATABASE_PASSWORD is "enc:KEY IV VALUE". JVM jobs need no script: the agent decrypts
# such an argument by itself.
set -eu
PGPASSWORD=$(js7_decrypt.sh --key="$ENCIPHERMENT_PRIVATE_KEY_PATH" --in="$DATABASE_PASSWORD")
export PGPASSWORD
exec psql --host=db.example.com --username=orders --command='call nightly()'
