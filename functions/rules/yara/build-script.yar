// Build scripts and packages that fetch and run programs while they are built or loaded.

rule rust_build_downloads_and_runs {
    meta:
        gate = "from_mode(|\"chmod\""
        also = "command::new("
        title = "A Rust build script downloads a program and runs it"
        severity = "high"
        confidence = "medium"
        category = "command-and-control"
        attack = "T1105 T1195.002"
        phase = "install"
        why = "Build scripts run on the developer's machine. Those that fetch a library link it; this one makes what it fetched executable, in a temporary folder, and starts it."
    strings:
        $fetch1 = /(reqwest|ureq|attohttpc|minreq|isahc|curl::easy)/
        $fetch2 = /Command::new\(\s{0,2}"(curl|wget|powershell|pwsh|certutil)(\.exe)?"\s{0,2}\)/
        $address = /"https?:\/\/[^"\s]{4,200}"/
        $mode1 = /from_mode\(\s{0,2}0o7[0-7]{2}\s{0,2}\)/
        $mode2 = /Command::new\(\s{0,2}"chmod"\s{0,2}\)/
        $place1 = "temp_dir()"
        $place2 = "/tmp/"
        $place3 = "/dev/shm"
        $run = /Command::new\(\s{0,2}&?[a-z_]\w{0,30}(\.as_path\(\)|\.as_os_str\(\)|\.clone\(\))?\s{0,2}\)/
    condition:
        text and filename == "build.rs" and $address and any of ($fetch*) and any of ($mode*) and any of ($place*) and $run
}

rule rust_build_runs_shell_download {
    meta:
        gate = "command::new("
        also = "curl |wget "
        title = "A Rust build script pipes a download into a shell"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1105 T1195.002"
        phase = "install"
        why = "Build scripts run on the developer's machine. What this one runs is decided by a server."
    strings:
        $shell = /Command::new\(\s{0,2}"(\/bin\/)?(ba)?sh"\s{0,2}\)/
        $pipe = /(curl|wget)\s[^\n"]{0,200}https?:\/\/[^\n"]{4,200}\|\s{0,2}(ba)?sh\b/
    condition:
        text and filename == "build.rs" and all of them
}

rule go_init_downloads_and_runs {
    meta:
        gate = "exec.command("
        also = "http.get(|curl |wget "
        title = "A Go package runs a download when it is loaded"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1105 T1059.004"
        phase = "import"
        why = "`init` and package variables run as soon as any program imports the package, before its first line."
    strings:
        $package = /\bpackage\s{1,3}\w{1,40}/
        $init = /func\s{1,3}init\(\)/
        $variable = /\bvar\s{1,3}_?\w{0,20}\s{0,3}=\s{0,3}(func\(|exec\.Command)/
        $shell = /exec\.Command\(\s{0,2}"(\/bin\/)?((ba)?sh|cmd(\.exe)?|powershell(\.exe)?)"\s{0,2},\s{0,2}"[-\/](c|C|command|Command)"/
        $fetch1 = /["`][^"`\n]{0,60}(wget|curl)\s[^"`\n]{0,200}https?:\/\/[^"`\n]{4,200}\|\s{0,2}(\/bin\/)?(ba)?sh\b/
        $fetch2 = "http.Get("
        $write = /(os|ioutil)\.WriteFile\([^\n]{0,120}0?o?7[0-7]{2}\s{0,2}\)/
        $temporary = /os\.TempDir\(\)|"\/tmp\/|"\/dev\/shm/
        $run = /exec\.Command\(\s{0,2}[a-z_]\w{0,30}\s{0,2}\)\.(Run|Start|Output)/
    condition:
        text and $package and ($init or $variable) and (($shell and $fetch1) or ($fetch2 and $write and $temporary and $run))
}

rule go_command_from_pieces {
    meta:
        gate = "exec.command("
        also = "[]string"
        title = "Go puts a command together from single characters"
        severity = "high"
        confidence = "medium"
        category = "defense-evasion"
        attack = "T1027.010 T1059.004"
        why = "A command is written as a list of letters so that nobody finds it, and put together to be run."
    strings:
        $list = /\[\]string\s{0,2}\{\s{0,4}("[^"\n]{1,2}",\s{0,4}){12}/
        $run = /exec\.Command\(/
        $join = /strings\.Join\(|\w{1,20}\[[0-9]{1,3}\]\s{0,2}\+\s{0,2}\w{1,20}\[[0-9]{1,3}\]/
    condition:
        text and all of them
}

rule npm_self_propagation {
    meta:
        gate = "_authtoken|npm_token"
        also = "whoami|maintainer:|/v1/search"
        title = "Rewrites packages' install scripts and publishes them"
        severity = "critical"
        confidence = "high"
        category = "impact"
        attack = "T1195.002 T1072"
        why = "That is how a worm spreads: it takes the developer's token, adds an install script to their packages and publishes them."
    strings:
        $script = /scripts(\.|\[["'])(pre|post)?install(["']\])?\s{0,3}=[^=]/
        $publish1 = "npm publish"
        $publish2 = /["']publish["']/
        $token1 = "_authToken"
        $token2 = "NPM_TOKEN"
        $owned1 = "maintainer:"
        $owned2 = "/-/whoami"
        $owned3 = "npm whoami"
        $owned4 = /-\/v1\/search\?text=/
    condition:
        text and $script and any of ($publish*) and any of ($token*) and any of ($owned*)
}
