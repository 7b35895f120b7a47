// Executables carried as text.

rule base64_windows_program {
    meta:
        gate = "TVqQAAMAAAAEAAAA|TVpQAAIAAAAEAA8A|TVqAAAEAAAAEABAA|TVoAAAAAAAAAAAAA|TVpBUlVIieVIgewg"
        title = "A Windows program embedded as base64"
        severity = "high"
        confidence = "medium"
        category = "defense-evasion"
        attack = "T1027.009 T1027.013"
        anywhere = true
        why = "Packages that need a program ship it as a file. One that is encoded into source code is unpacked when the code runs, unseen by scanners of files."
    strings:
        $head1 = "TVqQAAMAAAAEAAAA"
        $head2 = "TVpQAAIAAAAEAA8A"
        $head3 = "TVqAAAEAAAAEABAA"
        $head4 = "TVoAAAAAAAAAAAAA"
        $head5 = "TVpBUlVIieVIgewg"
        $stub = "This program cannot be run in DOS mode" base64
        $stub2 = "This program must be run under Win32" base64
    condition:
        text and any of ($head*) and any of ($stub*)
}

rule reversed_base64_windows_program {
    meta:
        gate = "AAAAEAAAAMAAQqVT"
        title = "A Windows program embedded as base64, written backwards"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1027.013"
        anywhere = true
        why = "The encoded program is reversed so that nothing recognises it. There is no honest reason to do that."
    strings:
        $head = /[A-Za-z0-9+\/]{200}AAAAEAAAAMAAQqVT/
    condition:
        text and $head
}

rule base64_linux_program {
    meta:
        gate = "f0VMRgIBAQ|f0VMRgEBAQ"
        title = "A Linux program embedded as base64"
        severity = "high"
        confidence = "medium"
        category = "defense-evasion"
        attack = "T1027.009 T1027.013"
        anywhere = true
        why = "Packages that need a program ship it as a file. One that is encoded into source code is unpacked when the code runs, unseen by scanners of files."
    strings:
        $head = /\bf0VMRg[IE]BAQ[A-Za-z0-9+\/]{300}/
    condition:
        text and $head
}

rule hex_program {
    meta:
        gate = "4d5a9000|4d5a5000|4d5a8000|4d5a7800|4d5a4152|\\x4d\\x5a\\x90|0x4d, 0x5a|0x4d,0x5a|7f454c460|\\x7f\\x45\\x4c\\x46\\x0|\\x7fELF\\x0|0x7f, 0x45|0x7f,0x45"
        title = "A program embedded as hexadecimal text"
        severity = "high"
        confidence = "medium"
        category = "defense-evasion"
        attack = "T1027.009 T1027.013"
        anywhere = true
        why = "The bytes of an executable, more than a header, are written as digits, to be turned back into a program when the code runs."
    strings:
        $pe_plain = /\b4d5a(9000|5000|8000|7800|4152)[0-9a-f]{2000}/ nocase
        $pe_escaped = /\\x4d\\x5a\\x90\\x00\\x03\\x00\\x00\\x00(\\x[0-9a-f]{2}){800}/ nocase
        $pe_list = /0x4d, ?0x5a, ?0x90, ?0x00, ?0x03, ?0x00(,\s{0,12}0x[0-9a-f]{1,2}){600}/ nocase
        $elf_plain = /\b7f454c460[12]0101[0-9a-f]{2000}/ nocase
        $elf_escaped = /\\x7f(\\x45\\x4c\\x46|ELF)\\x0[12]\\x01\\x01(\\x[0-9a-f]{2}){800}/ nocase
        $elf_list = /0x7f, ?0x45, ?0x4c, ?0x46, ?0x0[12](,\s{0,12}0x[0-9a-f]{1,2}){600}/ nocase
    condition:
        text and any of them
}

rule shellcode_loader {
    meta:
        gate = "virtualalloc|prot_exec|heapcreate"
        also = "rtlmovememory|writeprocessmemory|memmove|marshal.copy"
        title = "Writes machine code into memory and runs it"
        severity = "high"
        confidence = "high"
        category = "execution"
        attack = "T1055 T1620"
        why = "A block of bytes is copied into executable memory and started. Scripts of honest packages load libraries by their file."
    strings:
        $bytes1 = /(\\x[0-9a-f]{2}){100}/ nocase
        $bytes2 = /(0x[0-9a-f]{1,2},\s{0,8}){100}/ nocase
        $bytes3 = /["'][A-Za-z0-9+\/]{400,}={0,2}["']/
        $memory1 = "VirtualAlloc"
        $memory2 = "PROT_EXEC"
        $memory3 = "HeapCreate"
        $copy1 = "RtlMoveMemory"
        $copy2 = "WriteProcessMemory"
        $copy3 = "memmove"
        $copy4 = "Marshal.Copy"
        $run1 = "CreateThread"
        $run2 = "CreateRemoteThread"
        $run3 = "CFUNCTYPE"
        $run4 = "QueueUserAPC"
        $run5 = "EnumSystemLocales"
        $run6 = "GetDelegateForFunctionPointer"
    condition:
        text and filesize < 4MB and any of ($bytes*) and any of ($memory*) and any of ($copy*) and any of ($run*)
}
