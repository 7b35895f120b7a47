// Shell commands that honest install scripts do not contain.

rule shell_decode_and_run {
    meta:
        gate = "base64 -d|base64 --d|base64  |base64 -enc|enc -base64|xxd -|base64 <<"
        title = "A shell runs a decoded text"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1059.004 T1140"
        decode = "base64"
        why = "The commands are encoded so that nobody reads them, and decoded only to be run."
    strings:
        $echo = /\b(echo|printf)\s{1,3}(-n\s{1,3})?["']?[A-Za-z0-9+\/]{30,}={0,2}["']?\s{0,3}\|\s{0,3}(\/usr\/bin\/|\/bin\/)?(base64|openssl base64|openssl enc -base64)\s{1,3}(-d|-D|--decode)[^\n|]{0,20}\|\s{0,3}(sudo\s{1,3})?(\/bin\/|\/usr\/bin\/env )?(ba|z|da|k)?sh\b/
        $here = /base64\s{1,3}(-d|-D|--decode)\s{0,3}<<<\s{0,3}["']?[A-Za-z0-9+\/]{30,}={0,2}["']?\s{0,3}\|\s{0,3}(ba|z|da|k)?sh\b/
        $eval = /eval\s{1,3}["']?(\$\(|`)\s{0,3}echo\s{1,3}["']?[A-Za-z0-9+\/]{30,}={0,2}["']?\s{0,3}\|\s{0,3}(base64|openssl base64)\s{1,3}(-d|-D|--decode)/
        $python = /\b(echo|printf)\s{1,3}(-n\s{1,3})?["']?[A-Za-z0-9+\/]{30,}={0,2}["']?\s{0,3}\|\s{0,3}base64\s{1,3}(-d|-D|--decode)\s{0,3}\|\s{0,3}(python[23]?|perl|ruby|node|php)\b/
        $hex = /\becho\s{1,3}["']?[0-9a-f]{40,}["']?\s{0,3}\|\s{0,3}xxd\s{1,3}(-r -p|-p -r|-r)\s{0,3}\|\s{0,3}(ba|z|da|k)?sh\b/
    condition:
        any of them
}

rule shell_download_from_address {
    meta:
        gate = "curl\\s|wget\\s"
        also = "://1|://2|://3|://4|://5|://6|://7|://8|://9"
        title = "Downloads from a bare address and runs it"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059.004 T1105"
        why = "The program comes from a machine that has not even a name, and is run without a check."
    strings:
        $pipe = /\b(curl|wget)\s[^\n|]{0,160}https?:\/\/(([1-9]|1[1-9]|[2-9][0-9]|1[01345][0-9]|12[0-689]|16[0-8]|17[013-9]|18[0-9]|19[013-9]|2[0-5][0-9])\.[0-9]{1,3}|192\.([0-9]{1,2}|1[0-57-9][0-9]|16[0-79]|2[0-5][0-9])|172\.([0-9]|1[0-5]|3[2-9]|[4-9][0-9]|[12][0-9]{2}))\.[0-9]{1,3}\.[0-9]{1,3}[^\n|]{0,160}\|\s{0,3}(sudo\s{1,3})?(\/bin\/)?((ba|z|da|k)?sh|python[23]?|perl|node|php)\b/
        $mode = /\b(curl|wget)\s[^\n]{0,160}https?:\/\/(([1-9]|1[1-9]|[2-9][0-9]|1[01345][0-9]|12[0-689]|16[0-8]|17[013-9]|18[0-9]|19[013-9]|2[0-5][0-9])\.[0-9]{1,3}|192\.([0-9]{1,2}|1[0-57-9][0-9]|16[0-79]|2[0-5][0-9])|172\.([0-9]|1[0-5]|3[2-9]|[4-9][0-9]|[12][0-9]{2}))\.[0-9]{1,3}\.[0-9]{1,3}[^\n]{0,200}(\n[^\n]{0,120}){0,2}chmod\s{1,3}(\+x|[0-7]{0,1}7[0-7][0-7]|a\+x|u\+x)/
        $substitute = /(ba|z|da|k)?sh\s{1,3}(-c\s{1,3})?["']?(<\(|\$\(|`)\s{0,3}(curl|wget)\s[^\n)]{0,120}https?:\/\/(([1-9]|1[1-9]|[2-9][0-9]|1[01345][0-9]|12[0-689]|16[0-8]|17[013-9]|18[0-9]|19[013-9]|2[0-5][0-9])\.[0-9]{1,3}|192\.([0-9]{1,2}|1[0-57-9][0-9]|16[0-79]|2[0-5][0-9])|172\.([0-9]|1[0-5]|3[2-9]|[4-9][0-9]|[12][0-9]{2}))\.[0-9]{1,3}\.[0-9]{1,3}/
    condition:
        any of them
}

rule shell_download_hidden {
    meta:
        gate = "curl\\s|wget\\s"
        also = "/dev/null"
        title = "Downloads a program into a temporary folder and starts it unseen"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1105 T1564 T1059.004"
        why = "A file is fetched into a folder for rubbish, made executable and started in the background with its output thrown away."
    strings:
        $fetch = /\b(curl|wget)\s[^\n]{0,240}(\/tmp\/|\/var\/tmp\/|\/dev\/shm\/|\$TMPDIR\/|\$\{TMPDIR\}\/)[^\s]{1,80}/
        $mode = /chmod\s{1,3}(\+x|[0-7]{0,1}7[0-7][0-7]|a\+x|u\+x)\s{1,3}["']?(\/tmp\/|\/var\/tmp\/|\/dev\/shm\/|\$TMPDIR\/|\$\{TMPDIR\}\/)/
        $unseen = /(nohup|setsid)?[^\n]{0,20}(\/tmp\/|\/var\/tmp\/|\/dev\/shm\/|\$TMPDIR\/|\$\{TMPDIR\}\/)[^\n>]{1,120}>\s{0,2}\/dev\/null[^\n]{0,20}&/
    condition:
        all of them
}

rule shell_plants_itself {
    meta:
        gate = "authorized_keys|crontab|/etc/cron|/var/spool/cron"
        also = "curl\\s|wget\\s|ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp"
        title = "Plants a login key or a scheduled download"
        severity = "high"
        confidence = "high"
        category = "persistence"
        attack = "T1098.004 T1053.003"
        why = "A key lets its owner log in to this machine; a scheduled download lets them run what they like later."
    strings:
        $key = /(echo|printf)\s{1,3}[^\n]{0,20}(ssh-(rsa|ed25519)|ecdsa-sha2-nistp[0-9]{3}) AAAA[A-Za-z0-9+\/]{40,}[^\n]{0,120}>>\s{0,3}[^\n]{0,60}\.ssh\/authorized_keys/
        $write = /(appendFile(Sync)?|writeFile(Sync)?|\.write)\([^\n]{0,120}ssh-(rsa|ed25519) AAAA[A-Za-z0-9+\/]{40,}/
        $file = "authorized_keys"
        $cron = /\*[^\n]{0,20}\*\s[^\n]{0,60}(curl|wget)\s[^\n]{0,160}\|\s{0,3}(ba)?sh[^\n]{0,60}\|\s{0,3}crontab\b/
        $spool = /\*[^\n]{0,20}\*\s[^\n]{0,60}(curl|wget)\s[^\n]{0,160}\|\s{0,3}(ba)?sh[^\n]{0,60}>>?\s{0,3}\/(etc\/cron|var\/spool\/cron)/
    condition:
        $key or $cron or $spool or ($write and $file)
}
