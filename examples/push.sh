#!/usr/bin/env bash
# Sends one secret to a sealrelay hook endpoint, signed as Standard Webhooks
# 1.0.0 says. It needs bash, openssl, od and curl.
#
#   printf %s "$VALUE" | push.sh URL SECRET_FILE NAME
#
# URL is https://HOST/v1/hooks/SOURCE, SECRET_FILE holds the source's signing
# secret (whsec_...), NAME is the secret's name. The value comes from standard
# input, byte for byte: it and the signing secret are on no command line, in no
# environment, in no file and in no output. For a private certificate authority
# set CURL_CA_BUNDLE. Exit status 0 means that the event is durable.
set -euo pipefail
set +x # tracing would print the value

fail() { printf 'push.sh: %s\n' "$1" >&2; exit 2; }

[[ $# -eq 3 ]] || fail 'usage: push.sh URL SECRET_FILE NAME, and the value on standard input'
url=$1 name=$3
[[ $name =~ ^[A-Za-z0-9._@+=,~/\ -]+$ ]] || fail 'NAME has a character that a secret name cannot have'
read -r secret < "$2" || [[ $secret ]] || fail 'SECRET_FILE is empty'
[[ $secret == whsec_* ]] || fail 'SECRET_FILE does not begin with whsec_'
key=$(printf '%s' "${secret#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
((${#key} >= 48 && ${#key} <= 128)) || fail 'SECRET_FILE is not whsec_ and 24 to 64 bytes in base64'

# HMAC-SHA256 (RFC 2104) of standard input, in binary. openssl would take the
# key on its command line, where every user of the machine can read it.
pad() { # the key, filled up with zeros to SHA-256's block, each byte xor $1
  local i byte bytes=''
  for ((i = 0; i < 128; i += 2)); do
    byte=${key:i:2}
    printf -v byte '\\x%02x' $((16#${byte:-0} ^ $1))
    bytes+=$byte
  done
  printf '%b' "$bytes"
}
hmac() {
  { pad 0x5c; { pad 0x36; cat; } | openssl dgst -sha256 -binary; } | openssl dgst -sha256 -binary
}

value=$(openssl base64 -A)
[[ $value ]] || fail 'no value on standard input'
body="{\"secret\":\"$name\",\"operation\":\"set\",\"value_base64\":\"$value\"}"
now=$(date +%s)
id=msg_$now$(openssl rand -hex 16)
signature=$(printf '%s' "$id.$now.$body" | hmac | openssl base64 -A)

# curl tries again on 408, 429, 500, 502, 503 and 504, as Retry-After says; the
# ID stays the same, so the event is accepted once. It follows no redirect.
printf '%s' "$body" | curl --silent --show-error --fail-with-body \
  --proto '=https' --tlsv1.2 --max-time 30 --retry 4 --retry-max-time 120 \
  --header 'Content-Type: application/json' \
  --header "webhook-id: $id" \
  --header "webhook-timestamp: $now" \
  --header "webhook-signature: v1,$signature" \
  --data-binary @- -- "$url"
