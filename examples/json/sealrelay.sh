#!/bin/sh
# For any program that can write a JSON object to standard input:
#   {"key": "db/orders", "value": "..."}, or value_base64 in place of value.
exec '/usr/local/bin/sealrelay' hook json \
  --url 'https://relay.example:8443/v1/hooks/json' \
  --secret-file '/var/lib/sealrelay-hook/hook.secret' \
  --service-key '/var/lib/sealrelay-hook/service.pub' \
  --spool '/var/lib/sealrelay-hook/spool' \
  --prefix='prod/'
