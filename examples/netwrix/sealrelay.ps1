# A user-defined script of Netwrix Password Secure, which calls RunScript and reads
# "true" or "false".
function RunScript {
    param(
        [String]$HostName, [String]$UserName, [String]$NewPassword,
        [String]$CredentialsUserName, [SecureString]$CredentialsPassword
    )
    $options = @(
        '--url', 'https://relay.example:8443/v1/hooks/netwrix',
        '--secret-file', 'C:\ProgramData\sealrelay-hook\hook.secret',
        '--service-key', 'C:\ProgramData\sealrelay-hook\service.pub',
        '--spool', 'C:\ProgramData\sealrelay-hook\spool',
        '--prefix=prod/'
    )
    $global:LASTEXITCODE = 1 # until the program has run
    $value = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($NewPassword))
    @{ host = $HostName; username = $UserName; value_base64 = $value } | ConvertTo-Json -Compress |
        & 'C:\Program Files\sealrelay\sealrelay.exe' hook netwrix @options | Out-Null
    if ($LASTEXITCODE -eq 0) { Write-Output 'true' } else { Write-Output 'false' }
}
