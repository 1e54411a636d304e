# What the token of a process of Wardlog with the role SERVICE may do in HashiCorp Vault, with its transit engine mounted at
# transit/. It may make keys, of one type, but none by encrypting (`create`) and none that could be given away or deleted;
# and it reaches the keys of its own role alone.
path "transit/keys/wardlog-SERVICE-*" {
  capabilities = ["read", "update"]
  allowed_parameters = {
    "type"                   = ["aes256-gcm96"]
    "min_decryption_version" = []
    "min_encryption_version" = []
    "min_available_version"  = []
  }
}
path "transit/encrypt/wardlog-SERVICE-*" {
  capabilities = ["update"]
}
path "transit/decrypt/wardlog-SERVICE-*" {
  capabilities = ["update"]
}

# By a key that is never changed Wardlog tells this engine from others.
path "transit/keys/wardlog-installation" {
  capabilities = ["read", "update"]
  allowed_parameters = {
    "type" = ["aes256-gcm96"]
  }
}
path "transit/hmac/wardlog-installation" {
  capabilities = ["update"]
}

# Whoever renews the token does it with the token itself.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
