// Documents and pages that run code or deceive whoever opens them.

rule office_macro_dropper {
    meta:
        gate = "auto_open|autoopen|document_open|workbook_open|document_close"
        also = "createobject|shell|powershell|urlmon"
        title = "A macro that starts by itself and runs a program"
        severity = "high"
        confidence = "high"
        category = "execution"
        attack = "T1204.002 T1059.005"
        why = "The macro runs when the document is opened, and starts a program or fetches one."
    strings:
        $start = /\bSub\s{1,4}(Auto_?Open|Document_Open|Workbook_Open|Document_Close)\s{0,2}\(/ nocase
        $run1 = /CreateObject\(\s{0,2}"(WScript\.Shell|Shell\.Application|MSXML2\.[A-Za-z.0-9]{4,20}|WinHttp\.[A-Za-z.0-9]{4,30})"/ nocase
        $run2 = /\bShell\s{0,2}\(?\s{0,2}"?(cmd|powershell|mshta|wscript|rundll32)/ nocase
        $run3 = "URLDownloadToFile" nocase
        $run4 = /GetObject\(\s{0,2}"winmgmts:/ nocase
    condition:
        text and $start and any of ($run*)
}

rule page_smuggles_program {
    meta:
        gate = "mssaveoropenblob|createobjecturl"
        also = "tvqqa|uesdb|application/octet-stream|application/x-"
        title = "A page that builds a program and hands it to whoever opens it"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1027.006"
        anywhere = true
        why = "The program stands in the page as text and is saved by script: nothing on the way sees a download."
    strings:
        $program1 = /["'`](TVqQAA|TVpQAA|TVoAAA|UEsDB[A-D])[A-Za-z0-9+\/]{200}/
        $make = /new\s{1,4}Blob\s{0,2}\(/
        $save1 = "msSaveOrOpenBlob"
        $save2 = "createObjectURL"
        $click = /\.click\s{0,2}\(\s{0,2}\)/
        $name = /\.(exe|scr|iso|img|zip|hta|js|vbs|lnk|msi)["'`]/ nocase
    condition:
        text and any of ($program*) and $make and any of ($save*) and $click and $name
}

rule page_takes_passwords {
    meta:
        gate = "type=\"password|type='password|type=password"
        also = "api.telegram.org|api/webhooks|formspree|emailjs|getform"
        title = "A sign-in page that sends passwords to a chat or form service"
        severity = "high"
        confidence = "high"
        category = "credential-access"
        attack = "T1566.002 T1056.003"
        anywhere = true
        why = "What is typed into the page goes to an address that no service uses to sign its users in."
    strings:
        $field = /<input\s[^>]{0,200}type\s{0,2}=\s{0,2}["']?password/ nocase
        $send1 = /api\.telegram\.org\/bot/
        $send2 = /discord(app)?\.com\/api\/webhooks\/[0-9]/
        $send3 = /(formspree\.io\/|getform\.io\/|submit-form\.com\/|formsubmit\.co\/)[A-Za-z0-9]/
        $send4 = /emailjs\.send(Form)?\(/
        $brand = /(Microsoft|Office ?365|Outlook|OneDrive|SharePoint|Google|Apple ?ID|PayPal|MetaMask|Coinbase|Binance|Facebook|Instagram|Netflix|DocuSign|Adobe|webmail|GitHub)/ nocase
    condition:
        text and $field and any of ($send*) and $brand
}

rule picture_runs_script {
    meta:
        gate = "<svg\\s|<svg>"
        also = "<script|onload=|javascript:"
        title = "An SVG picture that leads away or runs encoded script"
        severity = "high"
        confidence = "medium"
        category = "defense-evasion"
        attack = "T1027.006 T1566.002"
        anywhere = true
        why = "Browsers run script in SVG pictures. One that decodes code or an address is a lure."
    strings:
        $picture = /<svg[\s>]/ nocase
        $script = /<script[\s>]|onload\s{0,2}=|<foreignObject[\s>]/ nocase
        $decode1 = /(eval|Function)\s{0,2}\(\s{0,2}(window\.)?(atob|unescape|decodeURIComponent)\(/
        $decode2 = /location(\.href)?\s{0,2}=\s{0,2}(window\.)?atob\(/
        $decode3 = /document\.write\(\s{0,2}(window\.)?(atob|unescape)\(/
    condition:
        text and $picture and $script and any of ($decode*) and extension matches /^(svg|xml|svgz)$/
}
