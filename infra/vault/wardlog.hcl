# What Wardlog's token may do in HashiCorp Vault, with its transit engine mounted at transit/.
# `update` without `create` for encrypt: it makes no key by the way.
path "transit/keys/wardlog-*" {
  capabilities = ["create", "read", "update"]
}
path "transit/encrypt/wardlog-*" {
  capabilities = ["update"]
}
path "transit/decrypt/wardlog-*" {
  capabilities = ["update"]
}
path "transit/hmac/wardlog-installation" {
  capabilities = ["update"]
}
