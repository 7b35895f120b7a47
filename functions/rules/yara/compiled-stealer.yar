// Thieves in compiled files, whose texts are UTF-16 as often as not.

rule compiled_stealer {
    meta:
        gate = "l\x00o\x00g\x00i\x00n\x00 \x00d\x00a\x00t\x00a\x00|login data"
        also = "c\x00r\x00y\x00p\x00t\x00u\x00n|cryptunprotectdata|e\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00_\x00|encrypted_key"
        title = "A compiled thief of passwords"
        severity = "high"
        confidence = "high"
        category = "credential-access"
        attack = "T1555.003"
        anywhere = true
        why = "The file names the stores of browsers that only thieves name together, what decrypts them, and where the loot goes."
    strings:
        $store = "Login Data" ascii wide
        $key1 = "CryptUnprotectData" ascii wide
        $key2 = "encrypted_key" ascii wide
        $browser1 = "BraveSoftware" ascii wide
        $browser2 = "Opera Software" ascii wide
        $browser3 = "YandexBrowser" ascii wide
        $browser4 = "Vivaldi" ascii wide
        $browser5 = "CocCoc" ascii wide
        $browser6 = "CentBrowser" ascii wide
        $loot1 = "api.telegram.org/bot" ascii wide
        $loot2 = "/api/webhooks/" ascii wide
        $loot3 = "api.gofile.io" ascii wide
        $loot4 = "transfer.sh" ascii wide
        $loot5 = "sendDocument" ascii wide
    condition:
        not text and $store and any of ($key*) and 2 of ($browser*) and any of ($loot*)
}

rule shellcode_stager {
    meta:
        gate = "\xfcH\x83\xe4\xf0\xe8|\xfc\xe8\x82\x00\x00\x00|\xfc\xe8\x89\x00\x00\x00|\xfc\xe8\x8f\x00\x00\x00|\\xfc\\x48\\x83\\xe4|\\xfc\\xe8\\x8|0xfc,0x48,0x83,0xe4|0xfc, 0x48, 0x83, 0xe4|0xfc,0xe8,0x8|0xfc, 0xe8, 0x8"
        title = "The beginning of a known kind of shellcode"
        severity = "high"
        confidence = "high"
        category = "execution"
        attack = "T1620 T1055"
        anywhere = true
        why = "Machine code that finds the functions of Windows by hashes and fetches the rest from the network begins so: that of Metasploit, Cobalt Strike and their likes."
    strings:
        $code64 = { FC 48 83 E4 F0 E8 (C0|C8|CC) 00 00 00 41 51 41 50 52 51 }
        $code32 = { FC E8 (82|89|8F) 00 00 00 60 89 E5 31 (C0|D2) 64 8B (50|52) 30 }
        $text64 = /\\xfc\\x48\\x83\\xe4\\xf0\\xe8\\xc[08c]\\x00\\x00\\x00\\x41\\x51/ nocase
        $text32 = /\\xfc\\xe8\\x8[29f]\\x00\\x00\\x00\\x60\\x89\\xe5/ nocase
        $list64 = /0xfc, {0,2}0x48, {0,2}0x83, {0,2}0xe4, {0,2}0xf0, {0,2}0xe8, {0,2}0xc[08c], {0,2}0x0{1,2}/ nocase
        $list32 = /0xfc, {0,2}0xe8, {0,2}0x8[29f], {0,2}0x0{1,2}, {0,2}0x0{1,2}, {0,2}0x0{1,2}, {0,2}0x60, {0,2}0x89, {0,2}0xe5/ nocase
    condition:
        any of them
}
