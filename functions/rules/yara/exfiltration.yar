// Data sent to places that whoever set them up reads.

rule webhook_with_host_data {
    meta:
        gate = "/webhooks/|api.telegram.org/bot|hooks.slack.com|webhook.site/|.m.pipedream.net|.ngrok.app|.ngrok.io|.ngrok.dev|.ngrok-free.app|.ngrok-free.io|.ngrok-free.dev|.trycloudflare.com"
        title = "Sends data of the host or user to a chat or webhook"
        severity = "high"
        confidence = "high"
        category = "exfiltration"
        attack = "T1567.004 T1082"
        why = "The address, with its key, is written into the code beside what is gathered from this machine. Services that notify somebody take the address from their user."
    strings:
        $hook1 = /discord(app)?\.com\/api\/(v[0-9]{1,2}\/)?webhooks\/[0-9]{10,24}\/[A-Za-z0-9_-]{20,100}/
        $hook2 = /api\.telegram\.org\/bot[0-9]{7,12}:[A-Za-z0-9_-]{30,40}/
        $hook3 = /hooks\.slack\.com\/services\/T[A-Z0-9]{6,14}\/B[A-Z0-9]{6,14}\/[A-Za-z0-9]{16,40}/
        $hook4 = /webhook\.site\/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/
        $hook5 = /[a-z0-9]{12,40}\.(m\.pipedream\.net|ngrok(-free)?\.(app|io|dev)|trycloudflare\.com)/
        $token = /["'][0-9]{8,12}:AA[A-Za-z0-9_-]{33}["']/
        $telegram = "api.telegram.org/bot"
        $data1 = /(dict|str|json\.dumps|stringify)\(\s{0,2}(os\.environ|process\.env)\s{0,2}[),]/
        $data2 = /os\.environ\.(items|copy)\(\)|\.\.\.process\.env\b|os\.Environ\(\)|ENV\.(to_h|to_a|inspect|map)|System\.getenv\(\)|getenv\(\)/
        $data3 = /getpass\.getuser\(|os\.getlogin\(|os\.userInfo\(|user\.Current\(|Etc\.getlogin/
        $data4 = /socket\.gethostname\(|platform\.node\(|os\.hostname\(|os\.Hostname\(|Socket\.gethostname/
        $data5 = /["'`$(| ](whoami|printenv|ipconfig|ifconfig|uname -a)["'`)| ]/
        $data6 = /\.(ssh\/id_rsa|aws\/credentials|npmrc|pypirc|netrc|git-credentials)\b/
        $data7 = /api\.ipify\.org|ipinfo\.io|ip-api\.com|ifconfig\.me|icanhazip\.com/
    condition:
        text and (any of ($hook*) or ($token and $telegram)) and any of ($data*)
}

rule out_of_band_with_host_data {
    meta:
        gate = ".oast.|interact.sh|interactsh.com|burpcollaborator|oastify.com|dnslog.cn|ceye.io|requestrepo.com|eyes.sh|bxss.in"
        title = "Sends data of the host or user to an interaction server"
        severity = "high"
        confidence = "high"
        category = "exfiltration"
        attack = "T1567 T1048.003 T1082"
        why = "Interaction servers tell their owner that code ran, and on which machine. Probes for dependency confusion and their imitators use them."
    strings:
        $host = /[a-z0-9]{8,64}\.(oast\.(fun|pro|live|site|online|me|us)|interact\.sh|interactsh\.com|burpcollaborator\.net|oastify\.com|dnslog\.cn|ceye\.io|requestrepo\.com|eyes\.sh|bxss\.in)/ nocase
        $data1 = /os\.environ|process\.env|os\.Environ|ENV\.to_/
        $data2 = /getuser\(|getlogin|userInfo\(|user\.Current/
        $data3 = /hostname\(|platform\.node\(/
        $data4 = /["'`$(| ](whoami|hostname|printenv|id|uname -a)["'`)| ]/
        $data5 = /__dirname|os\.getcwd\(|homedir\(/
        $send1 = /(requests|axios)\.(get|post|put)|require\(["'](node:)?https?["']\)|urlopen|https?\.(request|get|Get|Post)|fetch\(|Net::HTTP|XMLHttpRequest/
        $send2 = /\b(curl|wget|nslookup|dig|ping)\s/
        $send3 = /gethostbyname\(|getaddrinfo\(|dns\.(lookup|resolve)/
    condition:
        text and $host and any of ($data*) and any of ($send*)
}

rule workflow_secrets_dump {
    meta:
        gate = "tojson(secrets|tojson( secrets|tojson(  secrets"
        title = "A workflow gathers all secrets of a repository and sends them away"
        severity = "high"
        confidence = "high"
        category = "exfiltration"
        attack = "T1552.001 T1567"
        why = "A build workflow turns every secret into one text. Beside a way to send or encode it, that steals the repository's keys."
    strings:
        $all = /\$\{\{\s{0,4}toJSON\(\s{0,4}secrets\s{0,4}\)\s{0,4}\}\}/ nocase
        $send1 = /\bcurl\b[^\n]{0,300}(-d|--data|--data-binary|-X\s{0,2}POST|-F|--json)/
        $send2 = "base64 -w"
        $send3 = /\|\s{0,3}base64\b/
        $send4 = "webhook.site"
        $send5 = "upload-artifact"
    condition:
        text and $all and any of ($send*)
}
