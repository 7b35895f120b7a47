// Hidden or fetched code in Ruby.

rule ruby_decode_and_eval {
    meta:
        gate = "decode64|zlib::inflate|zlib.inflate|.unpack(\"m|.unpack('m|.unpack1(\"m|.unpack1('m|.unpack(\"h*|.unpack('h*|.unpack1(\"h*|.unpack1('h*"
        also = "eval"
        title = "Ruby runs decoded code"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1059 T1140"
        decode = "base64"
        why = "The code is encoded so that nobody reads it, and decoded only to be run."
    strings:
        $base64 = /\b(eval|instance_eval|class_eval)[ (]{1,2}\s{0,2}(::)?Base64\.(strict_|urlsafe_)?decode64[ (]{1,2}[^\n]{0,400}/
        $zlib = /\b(eval|instance_eval|class_eval)[ (]{1,2}\s{0,2}(::)?Zlib(::Inflate\.inflate|::inflate|\.inflate)[ (]{1,2}/
        $unpack = /\beval[ (]{1,2}\s{0,2}["'][A-Za-z0-9+\/=\\n]{40,}["']\.unpack1?\(["'](m|H\*)/
    condition:
        text and any of them
}

rule ruby_fetch_and_eval {
    meta:
        gate = "net::http.get|faraday.get|httparty.get|restclient.get|uri.open|uri(\"|uri('|open(\"http|open('http|open(\\s\"http|open(\\s'http|open(\\s\\s\"http|open(\\s\\s'http"
        also = "eval(|eval |system(|system |exec(|exec "
        title = "Ruby runs code from the network"
        severity = "high"
        confidence = "high"
        category = "command-and-control"
        attack = "T1105 T1059"
        why = "What runs is decided by a server each time, long after anybody looked at the package."
    strings:
        $http = /\b(eval|instance_eval|class_eval)[ (]{1,2}\s{0,2}(Net::HTTP\.get|Faraday\.get|HTTParty\.get|RestClient\.get|URI\.open|URI\(["'][^\n]{4,120}["']\)\.(open|read)|open\(\s{0,2}["']https?:)/
        $shell = /\b(system|exec)[ (]{1,2}\s{0,2}(Net::HTTP\.get|Faraday\.get|HTTParty\.get|RestClient\.get|URI\.open\(|open\(\s{0,2}["']https?:)/
    condition:
        text and any of them
}
