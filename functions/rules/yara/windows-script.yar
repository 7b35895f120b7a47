// Scripts and shortcuts that Windows runs at a click, and its tools that run code from the network.

rule script_host_dropper {
    meta:
        gate = "wscript.shell|shell.application"
        title = "A Windows script downloads or unpacks a program and runs it"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059.005 T1105"
        why = "The script fetches or decodes bytes, saves them as a file and starts it."
    strings:
        $shell1 = /(CreateObject|ActiveXObject|WScript\.CreateObject)\(\s{0,2}["']WScript\.Shell["']/ nocase
        $shell2 = /(CreateObject|ActiveXObject)\(\s{0,2}["']Shell\.Application["']/ nocase
        $fetch1 = /(CreateObject|ActiveXObject)\(\s{0,2}["'](Microsoft\.XMLHTTP|MSXML2\.(Server)?XMLHTTP(\.[0-9.]{3,5})?|WinHttp\.WinHttpRequest(\.[0-9.]{3,5})?)["']/ nocase
        $fetch2 = "bin.base64" nocase
        $save1 = /["']ADODB\.Stream["']/ nocase
        $save2 = "SaveToFile" nocase
        $run = /\.(Run|Exec|ShellExecute)[ (]/ nocase
    condition:
        text and any of ($shell*) and any of ($fetch*) and any of ($save*) and $run
}

rule html_application_runs_commands {
    meta:
        gate = "<hta:application"
        title = "An HTML application that runs commands"
        severity = "high"
        confidence = "high"
        category = "execution"
        attack = "T1218.005"
        anywhere = true
        why = "HTML applications run with all rights of the user. No package needs one."
    strings:
        $application = /<hta:application/ nocase
        $script = /<script/ nocase
        $shell1 = /WScript\.Shell/ nocase
        $shell2 = /Shell\.Application/ nocase
        $shell3 = /powershell/ nocase
    condition:
        text and $application and $script and any of ($shell*)
}

rule shortcut_runs_commands {
    meta:
        gate = "L\x00\x00\x00\x01\x14\x02\x00"
        title = "A Windows shortcut that runs a command interpreter"
        severity = "high"
        confidence = "high"
        category = "execution"
        attack = "T1204.002 T1027.012"
        anywhere = true
        why = "The shortcut looks like a document and runs commands at a click. No package needs one."
    strings:
        $head = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
        $run1 = "powershell" ascii wide nocase
        $run2 = "cmd.exe" ascii wide nocase
        $run3 = "mshta" ascii wide nocase
        $run4 = "wscript" ascii wide nocase
        $run5 = "rundll32" ascii wide nocase
        $argument1 = /https?:\/\// ascii wide nocase
        $argument2 = " /c " ascii wide nocase
        $argument3 = /-(e|enc|encodedcommand|w|windowstyle|ep|c|command) / ascii wide nocase
    condition:
        $head at 0 and any of ($run*) and any of ($argument*)
}

rule character_code_script {
    meta:
        gate = ")&chr|) & chr|) &chr|)& chr|)  & chr"
        title = "A Visual Basic script written in character codes"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1027.010 T1059.005"
        why = "The program is written as numbers so that nobody reads it, and run as text."
    strings:
        $codes = /Chr[WB]?\(\s{0,2}(&H)?[0-9a-f]{1,5}([-+*\/][0-9]{1,5})?\s{0,2}\)\s{0,2}&\s{0,2}Chr[WB]?\(/ nocase
        $run = /\b(Execute|ExecuteGlobal|Eval)\b[ (]/ nocase
    condition:
        text and #codes >= 20 and $run
}

rule windows_tool_runs_download {
    meta:
        gate = "mshta|regsvr32|rundll32|certutil|bitsadmin|/format:http|/format:\"http"
        title = "A tool of Windows fetches code and runs it"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1218 T1105"
        why = "Programs that belong to Windows are used to fetch and run code, because nothing stops them."
    strings:
        $mshta = /\bmshta(\.exe)?["', ]{1,5}(https?:\/\/|vbscript:|javascript:)[^\s"']{4,200}/ nocase
        $regsvr = /\bregsvr32(\.exe)?["', ][^\n]{0,60}\/i:https?:\/\//  nocase
        $rundll = /\brundll32(\.exe)?["', ]{1,5}javascript:/ nocase
        $certutil = /\bcertutil(\.exe)?["', ][^\n]{0,60}-urlcache[^\n]{0,60}https?:\/\/[^\n]{4,240}/ nocase
        $bits = /\bbitsadmin(\.exe)?["', ][^\n]{0,60}\/transfer[^\n]{0,120}https?:\/\/[^\n]{4,240}\.(exe|dll|ps1|bat|vbs|scr)/ nocase
        $wmic = /\bwmic(\.exe)?["', ][^\n]{0,80}\/format:["']{0,2}https?:\/\// nocase
    condition:
        any of them
}
