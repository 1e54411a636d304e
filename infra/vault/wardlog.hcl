# What Wardlog's token may do in HashiCorp Vault, with its transit engine mounted at transit/.
# It may make keys, of one type, but none by encrypting (`create`) and none that could be given away or deleted.
path "transit/keys/wardlog-*" {
  capabilities = ["read", "update"]
  allowed_parameters = {
    "type"                   = ["aes256-gcm96"]
    "min_decryption_version" = []
    "min_encryption_version" = []
    "min_available_version"  = []
  }
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
