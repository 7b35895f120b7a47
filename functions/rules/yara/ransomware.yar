// Extortion.

rule ransom_note {
    meta:
        gate = "been encrypted|been locked|are encrypted|are locked|were encrypted|were locked|now encrypted|now locked|decrypt your |recover your |restore your |unlock your "
        also = "bitcoin|monero| btc|btc |xmr|usdt| eth "
        title = "A ransom note"
        severity = "high"
        confidence = "medium"
        category = "impact"
        attack = "T1486"
        anywhere = true
        why = "The text tells a victim that files are encrypted and how to pay."
    strings:
        $claim1 = /\b(all (of )?)?your (\w{1,20} ){0,3}(files|documents|data) (have been|has been|are|were) (now )?(encrypted|locked)/ nocase
        $claim2 = /\bto (decrypt|recover|restore|unlock) your (files|data|documents)/ nocase
        $pay1 = /\b(send|pay|transfer)\b[^\n]{0,80}\b(bitcoins?|btc|monero|xmr|usdt|eth)\b/ nocase
        $pay2 = /\b(bitcoins?|btc|monero|xmr) (address|wallet)\b/ nocase
        $way1 = /[a-z2-7]{16,56}\.onion/
        $way2 = "Tor Browser" nocase
        $way3 = /\b(bc1[a-z0-9]{25,60}|[13][a-km-zA-HJ-NP-Z1-9]{25,34})\b/
        $way4 = /[a-z0-9._-]{3,40}@(protonmail|proton|tutanota|tuta|onionmail|cock)\.\w{2,4}/ nocase
        $way5 = /\b(decryption key|private key|decryptor)\b/ nocase
    condition:
        text and filesize < 1MB and any of ($claim*) and any of ($pay*) and 2 of ($way*)
}

rule recovery_destroyed {
    meta:
        gate = "vssadmin|shadowcopy|wbadmin|bcdedit"
        title = "Destroys the system's backups"
        severity = "high"
        confidence = "high"
        category = "impact"
        attack = "T1490"
        why = "Shadow copies and recovery are removed so that lost files stay lost."
    strings:
        $shadow1 = /vssadmin(\.exe)?["', ]{1,5}delete["', ]{1,5}shadows["', ]{1,5}\/(all|for|quiet)/ nocase
        $shadow2 = /wmic(\.exe)?["', ]{1,5}shadowcopy["', ]{1,5}delete/ nocase
        $catalog = /wbadmin(\.exe)?["', ]{1,5}delete["', ]{1,5}(catalog|systemstatebackup)/ nocase
        $boot = /bcdedit(\.exe)?["', ]{1,5}\/set["', ]{1,5}\{?default\}?["', ]{1,5}(recoveryenabled["', ]{1,5}no|bootstatuspolicy["', ]{1,5}ignoreallfailures)/ nocase
    condition:
        any of them
}
