# For the configuration of Vault Agent or OpenBao Agent. The agent runs the command
# when the rendered file has changed. The template is on one line and has no
# newline at its end: the file is the value, byte for byte.
template {
  contents             = "{{ with secret \"secret/data/db/orders\" }}{{ .Data.data.password }}{{ end }}"
  destination          = "/var/lib/sealrelay-hook/orders"
  perms                = "0600"
  error_on_missing_key = true
  exec {
    command = [
      "/usr/local/bin/sealrelay", "hook", "file", "--path", "/var/lib/sealrelay-hook/orders",
      "--url", "https://relay.example:8443/v1/hooks/file",
      "--secret-file", "/var/lib/sealrelay-hook/hook.secret",
      "--service-key", "/var/lib/sealrelay-hook/service.pub",
      "--spool", "/var/lib/sealrelay-hook/spool",
      "--prefix=prod/", "--secret", "db/orders", "--timeout", "20s"
    ]
    timeout = "30s"
  }
}
