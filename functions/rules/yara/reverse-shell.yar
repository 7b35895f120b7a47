// A shell handed to a remote peer, in the languages of packages.

rule reverse_shell_command {
    meta:
        gate = "/dev/tcp/|/dev/udp/|mkfifo\\s|/inet/tcp/|socat\\s|use socket|e /bin/|c /bin/|e /usr/bin/|c /usr/bin/|-e bash|-e sh|-e cmd|-e powershell"
        title = "Connects a shell to a remote host"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059.004 T1571"
        why = "Whoever listens at that address types commands on this machine."
    strings:
        $bash = /\b(ba|z|da|k)?sh\s{1,4}-i\s{0,4}[0-9]?[>&]{1,2}\s{0,2}\/dev\/(tcp|udp)\/[^\s\/]{3,80}\/[0-9]{1,5}/
        $exec = /exec\s{1,4}[0-9]{1,3}<>\s{0,2}\/dev\/tcp\/[^\s\/]{3,80}\/[0-9]{1,5}[^\n]{0,200}(\n[^\n]{0,200})?<&[0-9]/
        $redirect = /0<&[0-9]{1,3};\s{0,4}exec [0-9]{1,3}<>\/dev\/tcp\/[^\s\/]{3,80}\/[0-9]{1,5}/
        $nc1 = /\b(nc|ncat|netcat)(\.exe|\.traditional|\.openbsd)?\s[^\n|;]{0,80}-[a-z]{0,3}[ec] (\/usr)?\/bin\/(ba|z|da)?sh\b/
        $nc2 = /\b(nc|ncat|netcat)(\.exe|\.traditional|\.openbsd)?\s[^\n|;]{0,80}-e (ba)?(sh|cmd|powershell)(\.exe)?\b/
        $fifo = /mkfifo\s{1,4}[^\s;]{2,60}[^\n]{0,80}\|\s{0,4}(\/bin\/)?(ba)?sh\s{1,4}-i[^\n]{0,60}\|\s{0,4}(nc|ncat|netcat|telnet|openssl)\b/
        $perl = /perl\s{1,4}-(M\w{1,20} )?-?e[^\n]{0,40}use Socket[^\n]{0,400}open\(STDIN,\s{0,2}["']>&[^\n]{0,200}exec\s{0,2}[({"'][^\n]{0,10}\/bin\/(ba)?sh/
        $awk = /\/inet\/tcp\/0\/[^\/\s]{3,80}\/[0-9]{1,5}[^\n]{0,200}getline/
        $socat = /socat\s[^\n]{0,80}(exec|EXEC):['"]?(\/bin\/)?(ba)?sh[^\n]{0,80}(tcp|TCP|OPENSSL|openssl)(-connect|4)?:/
        $socat2 = /socat\s[^\n]{0,80}(tcp|TCP|OPENSSL|openssl)(-connect|-CONNECT|4)?:[^\s]{3,80}\s[^\n]{0,40}(exec|EXEC):['"]?(\/bin\/)?(ba)?sh/
    condition:
        any of them
}

rule reverse_shell_python {
    meta:
        gate = "dup2(|.recv("
        also = "subprocess.|os.system(|os.exec|os.popen(|pty.spawn("
        title = "Python connects a shell to a remote host"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059.006 T1571"
        why = "A socket is connected and takes the place of a shell's input and output: whoever listens types commands on this machine."
    strings:
        $socket = "socket.socket("
        $connect = ".connect("
        $dup = /dup2\(\s{0,2}\w{1,20}\.fileno\(\)\s{0,2},\s{0,2}[\w.]{1,20}\s{0,2}\)/
        $shell = /(subprocess\.(call|run|Popen|check_call|check_output)|os\.(system|execv?e?p?l?|popen)|pty\.spawn)\(\s{0,2}\[?\s{0,2}["'](\/bin\/|\/usr\/bin\/)?(ba|z|da)?sh/
        $loop = /(subprocess\.(run|Popen|getoutput|check_output|getstatusoutput)|os\.popen)\([^\n]{0,40}\.recv\(/
    condition:
        $socket and $connect and (($dup and $shell) or $loop)
}

rule reverse_shell_javascript {
    meta:
        gate = ".stdout.pipe("
        title = "JavaScript connects a shell to a remote host"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059.007 T1571"
        why = "A socket is piped into a shell and the shell's output back into the socket: whoever listens types commands on this machine."
    strings:
        $shell = /spawn\(\s{0,4}[^\n)]{0,60}["'](\/bin\/(ba)?sh|bash|sh|cmd(\.exe)?|powershell(\.exe)?)["']/
        $net1 = /require\(["'](node:)?(net|tls)["']\)/
        $net2 = /from\s{0,2}["'](node:)?(net|tls)["']/
        $in = /\.pipe\(\s{0,2}\w{1,30}\.stdin\s{0,2}\)/
        $out = /\.stdout\.pipe\(\s{0,2}\w{1,30}\s{0,2}\)/
        $connect = /\.(connect|createConnection)\(/
    condition:
        $shell and any of ($net*) and $in and $out and $connect
}

rule reverse_shell_php {
    meta:
        gate = "fsockopen|stream_socket_client|socket_connect"
        also = "sh -i"
        title = "PHP connects a shell to a remote host"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1505.003 T1571"
        why = "A socket takes the place of a shell's input and output: whoever listens types commands on this machine."
    strings:
        $socket = /(p?fsockopen|stream_socket_client|socket_connect)\s{0,2}\(/
        $shell1 = /(exec|shell_exec|system|passthru|popen|proc_open)\s{0,2}\(\s{0,2}["'][^"'\n]{0,30}\bsh -i\b/
        $shell2 = /\$\w{1,20}\s{0,4}=\s{0,4}["'][^"'\n]{0,80}\/bin\/(ba)?sh -i["']/
        $proc = "proc_open"
        $one = /\bsh -i <&3 >&3 2>&3/
    condition:
        $socket and ($shell1 or $one or ($shell2 and $proc))
}

rule reverse_shell_ruby {
    meta:
        gate = "tcpsocket."
        title = "Ruby connects a shell to a remote host"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059 T1571"
        why = "A socket takes the place of a shell's input and output: whoever listens types commands on this machine."
    strings:
        $socket = /TCPSocket\.(open|new)[( ]/
        $shell1 = /exec[( ]{1,2}(sprintf[( ]{1,2})?["']\/bin\/(ba)?sh -i\s{0,2}<&/
        $shell2 = /IO\.popen\(\s{0,2}\w{1,20}\s{0,2},\s{0,2}["']r[+]?["']\s{0,2}\)/
        $gets = /while\s{0,2}\(?\s{0,2}\w{1,20}\s{0,2}=\s{0,2}\w{1,20}\.gets/
        $open3 = /Open3\.capture[0-9e]{1,2}\(\s{0,2}\w{1,20}\.gets/
        $reopen = /\$?(stdin|STDIN)\.reopen\(\s{0,2}\w{1,20}\s{0,2}\)/
        $sh = /exec[( ]{1,2}["'](\/bin\/)?(ba)?sh/
    condition:
        $socket and ($shell1 or ($shell2 and $gets) or $open3 or ($reopen and $sh))
}

rule reverse_shell_powershell {
    meta:
        gate = "net.sockets.tcpclient("
        title = "PowerShell connects itself to a remote host"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059.001 T1571"
        why = "What comes over a socket is run and the answer sent back: whoever listens types commands on this machine."
    strings:
        $client = /Net\.Sockets\.TCPClient\(/ nocase
        $stream = ".GetStream()" nocase
        $run = /(\biex\b|Invoke-Expression)\s{0,2}[( ]?\$/ nocase
        $write = ".Write(" nocase
        $read = ".Read(" nocase
    condition:
        all of them
}

rule reverse_shell_jvm {
    meta:
        gate = "processbuilder|getruntime().exec("
        also = "socket("
        title = "A JVM language connects a shell to a remote host"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059 T1571"
        why = "A socket is copied into a shell and back: whoever listens types commands on this machine."
    strings:
        $socket = /new\s{1,4}(java\.net\.)?Socket\(/
        $process1 = /new\s{1,4}ProcessBuilder\(/
        $process2 = "Runtime.getRuntime().exec("
        $shell = /["'](\/bin\/(ba)?sh|cmd(\.exe)?|powershell(\.exe)?)["']/
        $copy = /\.write\(\s{0,2}\w{1,10}\.read\(\)\s{0,2}\)/
    condition:
        $socket and any of ($process*) and $shell and #copy >= 2
}

rule reverse_shell_go {
    meta:
        gate = "net.dial"
        also = "exec.command("
        title = "Go connects a shell to a remote host"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059 T1571"
        why = "A connection takes the place of a shell's input and output: whoever listens types commands on this machine."
    strings:
        $dial = /net\.Dial(Timeout)?\(\s{0,2}["`]tcp/
        $shell = /exec\.Command\(\s{0,2}["`](\/bin\/)?(ba|z)?(sh|cmd(\.exe)?|powershell(\.exe)?)["`]/
        $in = /\.Stdin\s{0,4}=\s{0,4}\w{1,20}/
        $out = /\.Stdout\s{0,4}=\s{0,4}\w{1,20}/
        $err = /\.Stderr\s{0,4}=\s{0,4}\w{1,20}/
    condition:
        $dial and $shell and $in and $out and $err
}

rule reverse_shell_native {
    meta:
        gate = "dup2(|from_raw_fd("
        also = "/bin/sh|/bin/bash|\"sh\"|\"bash\""
        title = "C or Rust source connects a shell to a remote host"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1059.004 T1571"
        why = "A connected socket takes the place of a shell's input and output: whoever listens types commands on this machine."
    strings:
        $connect1 = /\bconnect\(\s{0,2}\w{1,20}\s{0,2},/
        $dup = /dup2\(\s{0,2}\w{1,20}\s{0,2},\s{0,2}[012]\s{0,2}\)/
        $shell1 = /execv?l?e?p?\(\s{0,2}"\/bin\/(ba)?sh"/
        $connect2 = "TcpStream::connect("
        $fd = "from_raw_fd("
        $shell2 = /Command::new\(\s{0,2}"(\/bin\/)?(ba)?sh"\s{0,2}\)/
    condition:
        ($connect1 and #dup >= 2 and $shell1) or ($connect2 and #fd >= 2 and $shell2)
}
