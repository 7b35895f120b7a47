// Secrets left in packages.

rule private_key {
    meta:
        gate = "private key-----|private key block-----"
        title = "A private key"
        severity = "info"
        confidence = "high"
        category = "metadata"
        attack = "T1552.004"
        anywhere = true
        why = "Most are keys for tests. A real one lets anyone who has the package act as its owner."
    strings:
        $key = /-----BEGIN (RSA |EC |DSA |OPENSSH |PGP |ENCRYPTED )?PRIVATE KEY( BLOCK)?-----\r?\n([A-Za-z0-9+\/=:,. -]{0,100}\r?\n){2,4}[A-Za-z0-9+\/=]{40,100}/
    condition:
        text and $key
}
