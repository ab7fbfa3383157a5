# A post-processing script of Passwordstate. Bind the parameters to the variables
# that your version of Passwordstate shows for a script; their names differ.
param(
    [Parameter(Mandatory)][string]$Key,
    [string]$HostName,
    [string]$UserName,
    [Parameter(Mandatory)][string]$NewPassword
)
$options = @(
    '--url', 'https://relay.example:8443/v1/hooks/passwordstate',
    '--secret-file', 'C:\ProgramData\sealrelay-hook\hook.secret',
    '--service-key', 'C:\ProgramData\sealrelay-hook\service.pub',
    '--spool', 'C:\ProgramData\sealrelay-hook\spool',
    '--prefix=prod/'
)
$global:LASTEXITCODE = 1 # until the program has run
$value = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($NewPassword))
@{ key = $Key; host = $HostName; username = $UserName; value_base64 = $value } | ConvertTo-Json -Compress |
    & 'C:\Program Files\sealrelay\sealrelay.exe' hook passwordstate @options
if ($LASTEXITCODE -ne 0) { throw "sealrelay has not sent the password: exit code $LASTEXITCODE" }
