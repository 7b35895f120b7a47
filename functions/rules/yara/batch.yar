// Obfuscated batch files.

rule batch_obfuscated {
    meta:
        gate = ":~\\s|:~-|:~0|:~1|:~2|:~3|:~4|:~5|:~6|:~7|:~8|:~9|\xff\xfe&cls|@e^|p^o^w|s^e^t|c^m^d|c^u^r|s^t^a|e^c^h"
        also = "set\\s|&cls|@e^|p^o^w|s^e^t|c^m^d|c^u^r|s^t^a|e^c^h"
        title = "A batch file hides its commands"
        severity = "high"
        confidence = "high"
        category = "defense-evasion"
        attack = "T1027.010 T1059.003"
        why = "Commands are put together letter by letter so that nobody reads them. Honest batch files have no reason to."
    strings:
        $slice = /%[^%\s:]{1,40}:~\s{0,2}-?[0-9]{1,4}\s{0,2},\s{0,2}1%/
        $caret = /[a-z]\^[a-z]\^[a-z]\^[a-z]\^[a-z]/ nocase
        $set = /\bset\s{1,3}"?[^\s=]{1,40}=/ nocase
        $word = /@e\^|p\^o\^w|s\^e\^t|c\^m\^d|c\^u\^r|s\^t\^a|e\^c\^h/ nocase
        $mark = { FF FE 26 63 6C 73 }
    condition:
        text and filesize < 8MB and ((#slice >= 12 and $set) or (#caret >= 8 and $word) or $mark at 0)
}
