// Code where a reader expects a picture or a font.

rule image_with_script {
    meta:
        gate = "<?php|eval|require(|import |#!/|powershell|base64_decode|<script|exec("
        media = true
        title = "A picture with a script inside"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1027.003 T1036.008"
        anywhere = true
        why = "The file opens as a picture, and also holds code for whoever knows that it is there."
    strings:
        $jpeg = { FF D8 FF }
        $png = { 89 50 4E 47 0D 0A 1A 0A }
        $gif = "GIF8"
        $webp = "WEBP"
        $icon = { 00 00 01 00 01 00 }
        $font1 = "wOF2"
        $font2 = "wOFF"
        $font3 = { 00 01 00 00 00 }
        $font4 = "OTTO"
        $code1 = /<\?php\s/
        $code2 = /\beval\s{0,2}\(\s{0,2}[a-z_$@"'`][\w$.]{0,40}/
        $code3 = /require\(["'](node:)?(child_process|fs|http|https|net|os)["']\)/
        $code4 = /\bimport (os|subprocess|socket|base64|urllib)\s/
        $code5 = /#!\/(usr\/)?bin\/(env |ba|z|da)?(sh|python|node|perl)/
        $code6 = /powershell(\.exe)? -[a-z]/ nocase
        $code7 = /base64_decode\s{0,2}\(/
        $code8 = /<script[\s>]/ nocase
        $code9 = /exec\((base64|marshal|zlib|bytes|__import__)/
    condition:
        (($jpeg at 0) or ($png at 0) or ($gif at 0) or ($webp at 8) or ($icon at 0) or ($font1 at 0) or ($font2 at 0) or ($font3 at 0) or ($font4 at 0))
        and any of ($code*)
}

rule image_with_program {
    meta:
        gate = "this program "
        media = true
        title = "A picture with a Windows program inside"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1027.003 T1027.009"
        anywhere = true
        why = "The file opens as a picture, and also holds an executable that code can take out and run."
    strings:
        $jpeg = { FF D8 FF }
        $png = { 89 50 4E 47 0D 0A 1A 0A }
        $gif = "GIF8"
        $stub = "This program cannot be run in DOS mode"
        $stub2 = "This program must be run under Win32"
    condition:
        (($jpeg at 0) or ($png at 0) or ($gif at 0)) and any of ($stub*)
}

rule script_named_as_media {
    meta:
        gate = "require(|eval|function|=>|const |let |var |_0x|import |from |exec|__import__|def |<?php|#!/|powershell"
        media = true
        title = "A script under the name of a picture, font or sound"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1036.008"
        anywhere = true
        why = "The name says that there is nothing to read. The content is code, which some other file of the package runs."
    strings:
        $js1 = /require\(["'](node:)?[a-z_@\/-]{2,40}["']\)/
        $js2 = /\beval\s{0,2}\(|new Function\s{0,2}\(|\(function\s{0,2}\(|=>\s{0,2}\{|\b(const|let|var)\s{1,3}[\w$]{1,40}\s{0,2}=/
        $js3 = /\b_0x[0-9a-f]{4,6}\b/
        $py1 = /^(import|from)\s{1,3}[a-z_][\w.]{1,40}(\s|$)/
        $py2 = /\bexec\s{0,2}\(|__import__\s{0,2}\(|def \w{1,40}\(/
        $php = "<?php"
        $shell = "#!/"
        $powershell = /powershell(\.exe)? -[a-z]/ nocase
    condition:
        text and filesize > 32
        and extension matches /^(png|jpe?g|gif|bmp|webp|ico|tiff?|avif|woff2?|ttf|otf|eot|mp3|mp4|wav|ogg|webm|avi|mov|flac)$/
        and (2 of ($js*) or (all of ($py*)) or $php at 0 or $shell at 0 or $powershell)
}
