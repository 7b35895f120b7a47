//! Words of PowerShell, in lower case, that tell where a value comes from or goes.

pub(super) const FETCHES: &[&str] = &[
    "downloadstring",
    "downloaddata",
    "downloadfile",
    "invoke-webrequest",
    "invoke-restmethod",
    "start-bitstransfer",
    "getstringasync",
    "getbytearrayasync",
    "msxml2.xmlhttp",
    "winhttp.winhttprequest",
    "iwr ",
    "irm ",
    "curl ",
    "wget ",
    "openread(",
    "getresponsestream",
    "resolve-dnsname",
    "bitsadmin",
];

pub(super) const DECODES: &[&str] = &[
    "frombase64string",
    "gzipstream",
    "deflatestream",
    "-bxor",
    "createdecryptor",
    "convertto-securestring",
    "frombase64",
];

pub(super) const RUNS: &[&str] = &[
    "iex ",
    "iex(",
    "iex;",
    "invoke-expression",
    "[scriptblock]::create",
    "invokescript",
    "assembly]::load",
    ".load(",
    "newscriptblock",
    "powershell -c",
    "powershell.exe -c",
    "-encodedcommand",
    "-enc ",
    "create().addscript",
];

pub(super) const MACHINE: &[&str] = &[
    "$env:username",
    "$env:computername",
    "$env:userdomain",
    "whoami",
    "systeminfo",
    "ipconfig",
    "get-computerinfo",
    "win32_operatingsystem",
    "win32_computersystem",
    "get-process",
    "hostname",
    "machinename",
    "get-nettcpconnection",
    "get-wmiobject",
    "get-ciminstance",
    "netsh wlan",
];

pub(super) const SECRET: &[&str] = &[
    "get-childitem env:",
    "gci env:",
    "dir env:",
    "ls env:",
    "getenvironmentvariables",
    "get-clipboard",
    "protecteddata",
    "cmdkey",
    "vaultcmd",
    "copyfromscreen",
    "key=clear",
];

pub(super) const SENDS: &[&str] = &[
    "-method post",
    "-method 'post'",
    "-method \"post\"",
    "-method put",
    "-body",
    "uploadstring",
    "uploadfile",
    "uploaddata",
    "uploadvalues",
    "postasync",
    "send-mailmessage",
    "-infile",
    ".send(",
    "smtpclient",
];
