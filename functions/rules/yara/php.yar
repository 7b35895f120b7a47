// Web shells and hidden code in PHP.

rule php_decode_and_eval {
    meta:
        gate = "gzinflate|gzuncompress|gzdecode|base64_decode|str_rot13|convert_uudecode|strrev|hex2bin"
        also = "<?"
        title = "PHP runs decoded code"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1505.003 T1140"
        decode = "base64"
        why = "The code is encoded so that nobody reads it, and decoded only to be run."
    strings:
        $eval = /\b(eval|assert|create_function)\s{0,4}\(\s{0,4}(['"]{2}\s{0,2},\s{0,2})?@?(gzinflate|gzuncompress|gzdecode|base64_decode|str_rot13|convert_uudecode|strrev|hex2bin)\s{0,4}\([^\n]{0,400}/ nocase
        $close = /\beval\s{0,4}\(\s{0,4}["']\s{0,4}\?>\s{0,4}["']\s{0,4}\.\s{0,4}@?(gzinflate|gzuncompress|gzdecode|base64_decode|str_rot13|strrev)\s{0,4}\(/ nocase
        $open = "<?"
    condition:
        text and $open and any of ($eval, $close)
}

rule php_runs_request {
    meta:
        gate = "$_post|$_get|$_request|$_cookie|$_server"
        title = "PHP runs what a visitor sends"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1505.003"
        why = "Anyone who can reach the page runs code or commands on the server."
    strings:
        $direct = /\b(eval|assert|system|shell_exec|passthru|popen|proc_open|pcntl_exec)\s{0,4}\(\s{0,4}@?(base64_decode\s{0,2}\(\s{0,2}|stripslashes\s{0,2}\(\s{0,2}|trim\s{0,2}\(\s{0,2}|urldecode\s{0,2}\(\s{0,2})?@?\$_(POST|GET|REQUEST|COOKIE|SERVER)\s{0,2}\[/ nocase
        $backtick = /`\s{0,2}\{?\$_(POST|GET|REQUEST|COOKIE)\s{0,2}\[[^\n`]{1,40}\]\}?\s{0,2}`/
        $call = /@?\$_(POST|GET|REQUEST|COOKIE)\s{0,2}\[[^\]\n]{1,40}\]\s{0,2}\(\s{0,2}@?\$_(POST|GET|REQUEST|COOKIE)\s{0,2}\[/
        $replace = /preg_replace\s{0,2}\(\s{0,2}["'](.)[^"'\n]{0,40}[\/#~@|][imsx]{0,4}e[imsx]{0,4}["']\s{0,2},\s{0,2}@?\$_(POST|GET|REQUEST|COOKIE)/
        $open = "<?"
    condition:
        text and $open and any of ($direct, $backtick, $call, $replace)
}

rule php_hidden_call {
    meta:
        gate = "$_post|$_get|$_request|$_cookie"
        title = "PHP hides the name of a dangerous function and calls it with a request"
        severity = "high"
        confidence = "medium"
        category = "defense-evasion"
        attack = "T1505.003 T1027"
        why = "The function's name is put together from pieces so that nobody finds it, and it is given what a visitor sends."
    strings:
        $name1 = /=\s{0,3}["'](s(["']\s{0,2}\.\s{0,2}["'])?y(["']\s{0,2}\.\s{0,2}["'])?s(["']\s{0,2}\.\s{0,2}["'])?t(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?m|a(["']\s{0,2}\.\s{0,2}["'])?s(["']\s{0,2}\.\s{0,2}["'])?s(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?r(["']\s{0,2}\.\s{0,2}["'])?t|p(["']\s{0,2}\.\s{0,2}["'])?a(["']\s{0,2}\.\s{0,2}["'])?s(["']\s{0,2}\.\s{0,2}["'])?s(["']\s{0,2}\.\s{0,2}["'])?t(["']\s{0,2}\.\s{0,2}["'])?h(["']\s{0,2}\.\s{0,2}["'])?r(["']\s{0,2}\.\s{0,2}["'])?u|s(["']\s{0,2}\.\s{0,2}["'])?h(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?l(["']\s{0,2}\.\s{0,2}["'])?l(["']\s{0,2}\.\s{0,2}["'])?_(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?x(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?c|e(["']\s{0,2}\.\s{0,2}["'])?x(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?c|p(["']\s{0,2}\.\s{0,2}["'])?o(["']\s{0,2}\.\s{0,2}["'])?p(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?n|p(["']\s{0,2}\.\s{0,2}["'])?r(["']\s{0,2}\.\s{0,2}["'])?o(["']\s{0,2}\.\s{0,2}["'])?c(["']\s{0,2}\.\s{0,2}["'])?_(["']\s{0,2}\.\s{0,2}["'])?o(["']\s{0,2}\.\s{0,2}["'])?p(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?n|c(["']\s{0,2}\.\s{0,2}["'])?r(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?a(["']\s{0,2}\.\s{0,2}["'])?t(["']\s{0,2}\.\s{0,2}["'])?e(["']\s{0,2}\.\s{0,2}["'])?_(["']\s{0,2}\.\s{0,2}["'])?f(["']\s{0,2}\.\s{0,2}["'])?u(["']\s{0,2}\.\s{0,2}["'])?n(["']\s{0,2}\.\s{0,2}["'])?c(["']\s{0,2}\.\s{0,2}["'])?t(["']\s{0,2}\.\s{0,2}["'])?i(["']\s{0,2}\.\s{0,2}["'])?o(["']\s{0,2}\.\s{0,2}["'])?n)["']\s{0,2};/ nocase
        $name2 = /\$\w{1,30}\s{0,3}=\s{0,3}(strrev|str_rot13|base64_decode|hex2bin)\s{0,2}\(\s{0,2}["'](lave|metsys|tressa|cexe_llehs|urhffgueh|nffreg|flfgrz|furyy_rkrp|ZXZhbA==|c3lzdGVt|YXNzZXJ0|c2hlbGxfZXhlYw==|73797374656d)["']/
        $call = /\$\w{1,30}\s{0,2}\(\s{0,2}@?(base64_decode\s{0,2}\(\s{0,2})?@?\$_(POST|GET|REQUEST|COOKIE)\s{0,2}\[/
        $open = "<?"
    condition:
        text and $open and any of ($name*) and $call
}
