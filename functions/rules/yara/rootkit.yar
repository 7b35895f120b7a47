// What hides itself in a system, and what opens ways into it.

rule preload_planted {
    meta:
        gate = "ld.so.preload"
        title = "A library is forced into every program"
        severity = "high"
        confidence = "high"
        category = "persistence"
        attack = "T1574.006 T1014"
        why = "What stands in ld.so.preload is loaded into every program of the system: rootkits hide so."
    strings:
        $shell = />>?\s{0,2}["']?\/etc\/ld\.so\.preload/
        $python = /open\(\s{0,2}["']\/etc\/ld\.so\.preload["']\s{0,2},\s{0,2}["'](w|a)/
        $node = /(writeFile|appendFile)(Sync)?\(\s{0,2}["'`]\/etc\/ld\.so\.preload/
        $tee = /tee (-a )?\/etc\/ld\.so\.preload/
        $other = /(os\.WriteFile|File\.write|file_put_contents|fs::write|File\.open)\(\s{0,2}["']\/etc\/ld\.so\.preload/
    condition:
        text and any of them
}

rule ssh_key_planted {
    meta:
        gate = "authorized_keys"
        also = "ssh-rsa aaaa|ssh-ed25519 aaaa|ecdsa-sha2"
        title = "A key for logging in is planted"
        severity = "high"
        confidence = "high"
        category = "persistence"
        attack = "T1098.004"
        why = "A fixed public key is added to those that may log in: its owner has the account from then on."
    strings:
        $shell = /(ssh-(rsa|ed25519)|ecdsa-sha2-nistp[0-9]{3}) AAAA[A-Za-z0-9+\/=]{20,800}[^\n]{0,80}>>\s{0,2}["']?[^\n"']{0,60}authorized_keys/
        $key = /["'`](ssh-(rsa|ed25519)|ecdsa-sha2-nistp[0-9]{3}) AAAA[A-Za-z0-9+\/=]{20,800}/
        $write = /(open|appendFile(Sync)?|writeFile(Sync)?|WriteFile|File\.open|file_put_contents|OpenFile)\([^\n]{0,120}authorized_keys/
    condition:
        text and ($shell or ($key and $write))
}

rule reverse_ssh {
    meta:
        gate = "stricthostkeychecking=no"
        title = "A shell is opened to the outside through SSH"
        severity = "high"
        confidence = "medium"
        category = "command-and-control"
        attack = "T1572"
        why = "A tunnel from somebody's server to this machine's own port for logging in, without asking whose server it is."
    strings:
        $tunnel = /\bssh\s[^\n]{0,200}-[fNnTq]{0,5}R\s{0,2}(\*:|0\.0\.0\.0:)?[0-9]{2,5}:(localhost|127\.0\.0\.1):22\b/
        $unasked = /StrictHostKeyChecking[= ]no/ nocase
    condition:
        text and all of them
}
