// Droppers in Java, Kotlin, .NET and MSBuild.

rule jvm_download_and_run {
    meta:
        gate = "processbuilder|getruntime"
        also = "java.io.tmpdir|createtempfile|appdata|/tmp/"
        title = "Java downloads a program into a temporary folder and runs it"
        severity = "medium"
        confidence = "medium"
        category = "command-and-control"
        attack = "T1105 T1059"
        why = "The address of a program, a temporary folder and the start of a process stand in one class: what runs is not in the package."
    strings:
        $address = /https?:\/\/[^\s"']{4,160}\.(exe|sh|ps1|bat|bin|dll|so|vbs|hta)["'\x00-\x1f]/ nocase
        $run1 = "ProcessBuilder"
        $run2 = "getRuntime"
        $fetch1 = "openStream"
        $fetch2 = "URLDownloadToFile"
        $fetch3 = "openConnection"
        $write1 = "FileOutputStream"
        $write2 = "transferFrom"
        $write3 = "java/nio/file/Files"
        $write4 = "Files.copy"
        $place1 = "java.io.tmpdir"
        $place2 = "createTempFile"
        $place3 = "APPDATA"
        $place4 = "/tmp/"
        $java1 = "java/lang/"
        $java2 = /\bimport java[.x]/
    condition:
        any of ($java*) and $address and any of ($run*) and any of ($fetch*) and any of ($write*) and any of ($place*)
}

rule dotnet_loads_encoded_assembly {
    meta:
        gate = "frombase64string("
        title = ".NET loads a program from encoded text"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1620 T1140"
        why = "A compiled program is carried as text and run from memory, where no scanner of files sees it."
    strings:
        $load = /Assembly\]?(::|\.)Load\(\s{0,4}(\[?System\.)?\[?Convert\]?(::|\.)FromBase64String\(/ nocase
        $load2 = /Assembly\]?(::|\.)Load\(\s{0,4}\$?[a-z_]\w{0,30}\s{0,2}\)/ nocase
        $bytes = /FromBase64String\(\s{0,2}["'][A-Za-z0-9+\/]{400,}/ nocase
        $run1 = ".EntryPoint" nocase
        $run2 = ".Invoke(" nocase
    condition:
        text and ($load or ($load2 and $bytes)) and any of ($run*)
}

rule msbuild_inline_program {
    meta:
        gate = "codetaskfactory"
        title = "A build file compiles and runs its own program"
        severity = "high"
        confidence = "high"
        category = "execution"
        attack = "T1127.001"
        why = "Build files of a package run in every project that uses it. This one carries source code that starts processes, loads code or talks to the network."
    strings:
        $factory = /(Roslyn)?CodeTaskFactory/
        $code = /<Code\s[^>]{0,120}(Type|Language)\s{0,2}=/
        $act1 = "Process.Start"
        $act2 = "ProcessStartInfo"
        $act3 = /Download(File|String|Data)(Async|TaskAsync)?\(/
        $act4 = "FromBase64String"
        $act5 = "VirtualAlloc"
        $act6 = "Assembly.Load"
        $network = /WebClient|HttpClient|TcpClient/
    condition:
        text and $factory and $code and (2 of ($act*) or ($network and any of ($act*)))
}

rule msbuild_hidden_command {
    meta:
        gate = "<exec "
        title = "A build file downloads and starts a program"
        severity = "high"
        confidence = "medium"
        category = "command-and-control"
        attack = "T1127.001 T1105"
        phase = "install"
        why = "Build files of a package run in every project that uses it, when it is built."
    strings:
        $exec = /<Exec\s[^>]{0,60}Command\s{0,2}=\s{0,2}["'][^>]{0,200}(powershell|pwsh|curl|certutil|bitsadmin|mshta)[^>]{0,300}https?:\/\/[^>]{0,300}/ nocase
        $run = /<Exec\s[^>]{0,60}Command\s{0,2}=\s{0,2}["'][^>]{0,400}(\biex\b|start-process|Invoke-Expression|\| ?(ba)?sh\b|start \/b|&amp;&amp; ?[^\s>]{0,80}\.exe|mshta)/ nocase
    condition:
        text and all of them
}
