#!/bin/sh
# A command for jobs of kind `custom`: which files below a folder expire soon.
#   parameters: folder (string), days (int)
# Writes a line for each on standard output. Ends with 4 if there are any.
set -eu
call=$(cat)
folder=$(printf %s "$call" | jq -r .parameters.folder)
days=$(printf %s "$call" | jq -r .parameters.days)
[ -d "$folder" ] || { echo "$folder is no folder" >&2; exit 1; }

found=0 seen=0
for file in "$folder"/*.pem "$folder"/*.crt; do
  [ -f "$file" ] || continue
  seen=$((seen + 1))
  if ! openssl x509 -in "$file" -noout -checkend $((days * 86400)) >/dev/null 2>&1; then
    printf '%s\n' "$file"
    found=$((found + 1))
  fi
done
echo "$found of $seen certificates expire within $days days or cannot be read" >&2
[ "$found" -eq 0 ] || exit 4
