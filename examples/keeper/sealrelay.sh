#!/bin/sh
# Keeper's Gateway runs this after a rotation, with what was rotated as one line
# of base64 on standard input. The value is on no command line.
exec '/usr/local/bin/sealrelay' hook keeper \
  --url 'https://relay.example:8443/v1/hooks/keeper' \
  --secret-file '/var/lib/sealrelay-hook/hook.secret' \
  --service-key '/var/lib/sealrelay-hook/service.pub' \
  --spool '/var/lib/sealrelay-hook/spool' \
  --prefix='prod/' --name-from title
