#!/bin/sh
# For any program that sets environment variables: NEW_PASSWORD has the value.
# Other processes of the same user can read them, so standard input is better.
exec '/usr/local/bin/sealrelay' hook env --value-from NEW_PASSWORD \
  --url 'https://relay.example:8443/v1/hooks/env' \
  --secret-file '/var/lib/sealrelay-hook/hook.secret' \
  --service-key '/var/lib/sealrelay-hook/service.pub' \
  --spool '/var/lib/sealrelay-hook/spool' \
  --prefix='prod/' --secret db/orders
