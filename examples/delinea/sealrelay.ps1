# A dependency script of Secret Server. Its arguments, in this order and each in
# double quotes: "NAME" "$USERNAME" "$PASSWORD". After a password change $PASSWORD
# is the new password. It goes to the program through a pipe, in base64, so that
# neither a list of processes nor the pipe's encoding gets to see it.
$options = @(
    '--url', 'https://relay.example:8443/v1/hooks/delinea',
    '--secret-file', 'C:\ProgramData\sealrelay-hook\hook.secret',
    '--service-key', 'C:\ProgramData\sealrelay-hook\service.pub',
    '--spool', 'C:\ProgramData\sealrelay-hook\spool',
    '--prefix=prod/'
)
if ($args.Count -ne 3) { throw 'three arguments are needed: "NAME" "$USERNAME" "$PASSWORD"' }
$global:LASTEXITCODE = 1 # until the program has run
$value = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes([string]$args[2]))
@{ key = [string]$args[0]; username = [string]$args[1]; value_base64 = $value } | ConvertTo-Json -Compress |
    & 'C:\Program Files\sealrelay\sealrelay.exe' hook delinea @options
if ($LASTEXITCODE -ne 0) { throw "sealrelay has not sent the password: exit code $LASTEXITCODE" }
