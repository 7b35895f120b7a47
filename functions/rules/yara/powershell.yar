// PowerShell as attackers call it: encoded, hidden, with its scanner switched off.

rule powershell_encoded_command {
    meta:
        gate = "powershell|pwsh.exe|pwsh\"|pwsh'|pwsh "
        also = "-e\"|-e'|-e,|-e |-ec\"|-ec'|-ec,|-ec |-en\"|-en'|-en,|-en |/e\"|/e'|/e,|/e |/ec\"|/ec'|/ec,|/ec |/en\"|/en'|/en,|/en |-enc|/enc"
        title = "PowerShell runs an encoded command"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1059.001 T1027.010"
        decode = "base64"
        why = "A command line carries its program as base64, so that nobody reads it. Tools that need to quote a command build the encoding when they run; a ready-made one in source code hides what it does."
    strings:
        $call = /powershell(\.exe)?["' ][^\r\n]{0,160}[ "',][-\/](e|ec|en|enc|enco|encod|encode|encoded|encodedc|encodedcommand)["', ]{1,6}[A-Za-z0-9+\/]{40,}={0,2}/ nocase
        $shell = /pwsh(\.exe)?["' ][^\r\n]{0,160}[ "',][-\/](e|ec|en|enc|enco|encod|encode|encoded|encodedc|encodedcommand)["', ]{1,6}[A-Za-z0-9+\/]{40,}={0,2}/ nocase
    condition:
        any of them
}

rule powershell_hidden_download {
    meta:
        gate = "powershell|pwsh.exe|pwsh\"|pwsh'|pwsh "
        also = "iex|invoke-expression|start-process|reflection.assembly"
        title = "A hidden PowerShell downloads and runs code"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059.001 T1105 T1564.003"
        why = "The window is hidden, a file or script is fetched, and it is run at once: the user sees nothing of a program that came from elsewhere."
    strings:
        $call = /(powershell|pwsh)(\.exe)?["' ][^\r\n]{0,120}[-\/]w(in|indowstyle)?["', ]{1,6}(hidden|1)\b[^\r\n]{0,400}/ nocase
        $fetch1 = "downloadstring" nocase
        $fetch2 = "downloadfile" nocase
        $fetch3 = "downloaddata" nocase
        $fetch4 = "invoke-webrequest" nocase
        $fetch5 = "invoke-restmethod" nocase
        $fetch6 = "start-bitstransfer" nocase
        $fetch7 = /\b(iwr|irm|curl|wget)\s{1,4}["'(]?(-uri )?["'(]?https?:/ nocase
        $run1 = /\biex\b/ nocase
        $run2 = "invoke-expression" nocase
        $run3 = "start-process" nocase
        $run4 = "reflection.assembly" nocase
    condition:
        $call and any of ($fetch*) and any of ($run*)
}

rule powershell_amsi_bypass {
    meta:
        gate = "amsiutils|amsiscanbuffer"
        title = "PowerShell switches off the malware scanner"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1562.001"
        why = "The code patches or disables the interface through which Windows scans scripts (AMSI). Only code that expects to be stopped does that."
    strings:
        $utils = "AmsiUtils" nocase
        $failed = "amsiInitFailed" nocase
        $buffer = "AmsiScanBuffer" nocase
        $protect = "VirtualProtect"
        $address = "GetProcAddress"
    condition:
        ($utils and $failed) or ($buffer and $protect and $address and text)
}

rule defender_switched_off {
    meta:
        gate = "-mppreference|windows defender"
        title = "Excludes itself from the malware scanner or switches it off"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1562.001"
        why = "An exclusion or a disabled protection lets what comes next run unseen."
    strings:
        $exclude = /Add-MpPreference[^\r\n]{0,80}-Exclusion(Path|Process|Extension)/ nocase
        $disable = /Set-MpPreference[^\r\n]{0,80}-Disable(RealtimeMonitoring|BehaviorMonitoring|IOAVProtection)\s{1,4}(\$true|1)/ nocase
        $registry = /reg(\.exe)?\s{1,4}add[^\r\n]{0,120}Windows Defender[^\r\n]{0,120}Disable(AntiSpyware|RealtimeMonitoring)[^\r\n]{0,60}/ nocase
    condition:
        any of them
}
