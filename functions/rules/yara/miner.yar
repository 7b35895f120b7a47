// Mining at the expense of whoever installs the package.

rule miner_configuration {
    meta:
        gate = "stratum+|donate-level"
        title = "Configuration of a cryptocurrency miner"
        severity = "high"
        confidence = "high"
        category = "impact"
        attack = "T1496.001"
        why = "A miner's pool, wallet and options stand in the package. It would spend this machine's power on somebody else's coins."
    strings:
        $pool = /stratum\+(tcp|ssl|tls|udp):\/\/[a-z0-9.-]{4,80}:[0-9]{2,5}/ nocase
        $donate = /["' -]donate-level\b/
        $algorithm1 = /["'](rx\/0|cn\/r|cn-heavy|randomx|cryptonight|kawpow|ethash|verushash)["']/ nocase
        $algorithm2 = /(-a|--algo)[ =](rx\/0|cn\/r|cn-heavy|randomx|cryptonight|kawpow|ethash|verushash|yespower)/ nocase
        $monero = /\b[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}\b/
        $worker = /(-u|--user)[ =]\S{20,120}[^\n]{0,40}(-p|--pass)[ =]/
        $pools = /"pools"\s{0,4}:\s{0,4}\[/
    condition:
        ($pool and ($donate or $monero or $worker or any of ($algorithm*)))
        or ($donate and $pools and ($monero or $algorithm1))
}

rule miner_download {
    meta:
        gate = "xmrig|xmr-stak|/t-rex|nbminer|lolminer|phoenixminer|cpuminer"
        title = "Downloads and starts a cryptocurrency miner"
        severity = "high"
        confidence = "high"
        category = "impact"
        attack = "T1496.001 T1105"
        why = "A known miner is fetched and started. It would spend this machine's power on somebody else's coins."
    strings:
        $release = /\/(xmrig|xmr-stak|t-rex|nbminer|lolMiner|PhoenixMiner|cpuminer)[A-Za-z0-9_-]{0,20}\/releases\/download\//
        $fetch1 = /\b(curl|wget)\b/
        $fetch2 = /(urlretrieve|urlopen|requests\.get|https?\.get|fetch|DownloadFile|Invoke-WebRequest)\s{0,2}\(?/
        $run1 = /chmod(Sync)?[ (]/
        $run2 = /(nohup|subprocess|child_process|spawn|exec|Start-Process|os\.system)/
    condition:
        text and $release and any of ($fetch*) and any of ($run*)
}
