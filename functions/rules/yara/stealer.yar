// Thieves of tokens, passwords and wallets.

rule discord_token_grabber {
    meta:
        gate = "leveldb"
        also = "discord"
        title = "Steals Discord tokens"
        severity = "critical"
        confidence = "high"
        category = "credential-access"
        attack = "T1528 T1555"
        why = "The code searches Discord's own storage for the form of its tokens. A token is as good as the account."
    strings:
        $form1 = /\[\\w-\]\{24(,[0-9]{0,2})?\}\\?\.\[\\w-\]\{6\}\\?\.\[\\w-\]\{2[0-9](,[0-9]{0,3})?\}/
        $form2 = /mfa\\?\.\[\\w-\]\{[0-9]{2}/
        $form3 = "dQw4w9WgXcQ:"
        $place1 = "discordcanary" nocase
        $place2 = "discordptb" nocase
        $place3 = /discord[\\\/"', ]{1,6}Local Storage/ nocase
        $store1 = "leveldb" nocase
        $store2 = "Local Storage" nocase
        $api = /discord(app)?\.com\/api\/(v[0-9]{1,2}\/)?users\/@me/
    condition:
        text and any of ($form*) and all of ($store*) and (any of ($place*) or $api)
}

rule browser_password_stealer {
    meta:
        gate = "login data"
        also = "encrypted_key|os_crypt"
        title = "Reads saved passwords of browsers"
        severity = "high"
        confidence = "high"
        category = "credential-access"
        attack = "T1555.003"
        why = "The code opens the password stores of several browsers and decrypts them."
    strings:
        $store = "Login Data"
        $query = /(password_value|origin_url|action_url)/
        $key1 = "encrypted_key"
        $key2 = "os_crypt"
        $decrypt1 = "CryptUnprotectData"
        $decrypt2 = /AES\.(new|MODE_GCM)|AESGCM|createDecipheriv|aes-256-gcm|NewGCM|saltysalt/
        $browser1 = /Google[\\\/"', ]{1,6}Chrome/
        $browser2 = "BraveSoftware"
        $browser3 = "Opera Software"
        $browser4 = /Microsoft[\\\/"', ]{1,6}Edge/
        $browser5 = "YandexBrowser"
        $browser6 = "Vivaldi"
    condition:
        text and $store and $query and any of ($key*) and any of ($decrypt*) and 2 of ($browser*)
}

rule wallet_stealer {
    meta:
        gate = "nkbihfbeogaeaoehlefnkodbefgpgknn|bfnaelmomeimhlpmgjnjophhpkkoljpa|hnfanknocfeofbddgcijnmhnfnkdnaad|fhbohimaelbohpjbbldcngcnapndodjp|ibnejdfjmmkpcnlpebklmnkoeoihofec|ejbalbakoplchlghecdalmeeeajnimhm|aholpfdialjgjfhomihkjbmgjidlcdno|egjidjbpglichdcondbcbdnbeeppgdph|exodus.wallet|electrum|coinomi|wallet.dat|solana/id.json|solana_id|guarda"
        also = "local extension settings|local storage|indexeddb|exodus.wallet|coinomi|wallet.dat|solana/id.json|solana_id|keystore"
        title = "Reads cryptocurrency wallets"
        severity = "high"
        confidence = "high"
        category = "credential-access"
        attack = "T1555 T1005"
        why = "The folders of several wallets are named beside the copying of files: whoever gets them takes the money."
    strings:
        $extension1 = "nkbihfbeogaeaoehlefnkodbefgpgknn"
        $extension2 = "bfnaelmomeimhlpmgjnjophhpkkoljpa"
        $extension3 = "hnfanknocfeofbddgcijnmhnfnkdnaad"
        $extension4 = "fhbohimaelbohpjbbldcngcnapndodjp"
        $extension5 = "ibnejdfjmmkpcnlpebklmnkoeoihofec"
        $extension6 = "ejbalbakoplchlghecdalmeeeajnimhm"
        $extension7 = "aholpfdialjgjfhomihkjbmgjidlcdno"
        $extension8 = "egjidjbpglichdcondbcbdnbeeppgdph"
        $folder = /Local Extension Settings|Local Storage[\\\/"', ]{1,6}leveldb|IndexedDB/
        $desktop1 = /Exodus[\\\/"', ]{1,6}exodus\.wallet/ nocase
        $desktop2 = /Electrum[\\\/"', ]{1,6}wallets/
        $desktop3 = /atomic[\\\/"', ]{1,6}Local Storage/
        $desktop4 = /Ethereum[\\\/"', ]{1,6}keystore/
        $desktop5 = /Coinomi[\\\/"', ]{1,6}Coinomi/
        $desktop6 = "wallet.dat"
        $desktop7 = /\.config\/solana\/id\.json|solana_id\.txt/
        $desktop8 = /Guarda[\\\/"', ]{1,6}Local Storage/
    condition:
        text and ((2 of ($extension*) and $folder) or 3 of ($desktop*))
}

rule wallet_address_swap {
    meta:
        gate = "pyperclip.paste(|getclipboarddata|clipboard.gettext|get-clipboard|clipboard_get(|clipboard.read|clipboardy.read"
        also = "{40}|bc1|ltc1|a-km-z|9ab]|{33}"
        title = "Replaces wallet addresses in the clipboard"
        severity = "high"
        confidence = "high"
        category = "impact"
        attack = "T1115 T1565.002"
        why = "The clipboard is watched for the addresses of several currencies, and written to: payments go to somebody else."
    strings:
        $form1 = /\(?\??:?(bc1|\[13\])[^\n"']{0,30}\[a-(km-)?zA-HJ-NP-Z0-9\]|\[13\]\[a-km-zA-HJ-NP-Z1-9\]|\^\(?bc1\|/
        $form2 = /0x\[a-fA-F0-9\]\{40\}/
        $form3 = /4\[0-9AB\]\[1-9A-HJ-NP-Za-km-z\]\{9/
        $form4 = /T\[A-Za-z1-9\]\{33\}|T\[1-9A-HJ-NP-Za-km-z\]\{33\}/
        $form5 = /\[LM3?\]\[a-km-zA-HJ-NP-Z1-9\]\{2|ltc1/
        $read1 = "pyperclip.paste("
        $read2 = /GetClipboardData|Clipboard\.GetText|Get-Clipboard|clipboard_get\(|clipboardy?\.(read|readSync|readText)\(/
        $write1 = "pyperclip.copy("
        $write2 = /SetClipboardData|Clipboard\.SetText|Set-Clipboard|clipboard_append\(|clipboardy?\.(write|writeSync|writeText)\(/
    condition:
        text and 2 of ($form*) and any of ($read*) and any of ($write*)
}

rule web_wallet_drainer {
    meta:
        gate = "xmlhttprequest.prototype."
        title = "Rewrites payments on their way through a web page"
        severity = "high"
        confidence = "high"
        category = "impact"
        attack = "T1565.002 T1185"
        why = "The page's network functions and its wallet are replaced, and addresses of several currencies are searched: payments go to somebody else."
    strings:
        $hook1 = /XMLHttpRequest\.prototype\.(open|send)\s{0,2}=[^=]/
        $hook2 = /(window|globalThis|self)\.fetch\s{0,2}=[^=]|\bfetch\s{0,2}=\s{0,2}async\b/
        $wallet1 = /ethereum\.request|window\.ethereum/
        $wallet2 = "eth_sendTransaction"
        $wallet3 = /signAndSendTransaction|solana_signTransaction/
        $form1 = /0x\[a-fA-F0-9\]\{40\}/
        $form2 = /bc1\[?|\[13\]\[a-km-zA-HJ-NP-Z1-9\]/
        $form3 = /T\[1-9A-HJ-NP-Za-km-z\]\{33\}/
        $form4 = /\[1-9A-HJ-NP-Za-km-z\]\{32,44\}/
        $form5 = /\[LM3?\]\[a-km-zA-HJ-NP-Z1-9\]\{2|ltc1/
    condition:
        text and all of ($hook*) and any of ($wallet*) and 3 of ($form*)
}
