# Keeper's Gateway pipes to this, after a rotation, what was rotated, as one line
# of base64. The value is on no command line.
$options = @(
    '--url', 'https://relay.example:8443/v1/hooks/keeper',
    '--secret-file', 'C:\ProgramData\sealrelay-hook\hook.secret',
    '--service-key', 'C:\ProgramData\sealrelay-hook\service.pub',
    '--spool', 'C:\ProgramData\sealrelay-hook\spool',
    '--prefix=prod/', '--name-from', 'title'
)
$global:LASTEXITCODE = 1 # until the program has run
$input | & 'C:\Program Files\sealrelay\sealrelay.exe' hook keeper @options
exit $LASTEXITCODE
