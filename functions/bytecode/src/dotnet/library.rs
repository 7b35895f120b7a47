//! Functions of the .NET runtime, and functions of Windows that assemblies declare.

use std::sync::LazyLock;

use crate::facts::Deed;
use crate::labels::Labels;
use crate::meaning::Meaning::{
    Base64, Concat, Do, Fill, Initialise, Into, Pick, Pour, Property, Put, Same, Source, Variable,
};
use crate::meaning::{Library, Meaning, Row};

/// Those of the runtime.
pub(crate) static LIBRARY: LazyLock<Library> =
    LazyLock::new(|| Library::new(&[TEXTS, FILES, NETWORK, CODE, HOST, DATA]));

const NONE: Labels = Labels::NONE;
const NET: Labels = Labels::NETWORK;

#[rustfmt::skip]
const TEXTS: &[Row] = &[
    ("System.String", "Concat", Concat("")),
    ("System.String", "Format", Concat(" ")),
    ("System.String", "Join", Concat(" ")),
    ("System.String", ".ctor", Concat("")),
    ("System.String", "Trim", Same),
    ("System.String", "ToString", Same),
    ("System.String", "ToLower", Same),
    ("System.String", "ToCharArray", Concat("")),
    ("System.Text.StringBuilder", "*", Into("")),
    ("System.Text.StringBuilder", ".ctor", Concat("")),
    ("System.Text.StringBuilder", "ToString", Concat("")),
    ("System.Text.Encoding", "GetString", Concat("")),
    ("System.Text.Encoding", "GetBytes", Concat("")),
    ("System.Text.Encoding", "get_UTF8", Source(NONE)),
    ("System.Text.Encoding", "get_ASCII", Source(NONE)),
    ("System.Text.Encoding", "get_Unicode", Source(NONE)),
    ("System.Array", "Copy", Pour),
    ("System.Buffer", "BlockCopy", Pour),
    ("System.Runtime.CompilerServices.RuntimeHelpers", "InitializeArray", Initialise),
];

#[rustfmt::skip]
const FILES: &[Row] = &[
    ("System.IO.Path", "Combine", Concat("\\")),
    ("System.IO.Path", "GetTempPath", Source(NONE)),
    ("System.IO.Path", "GetFullPath", Concat("")),
    ("System.IO.File", "ReadAllBytes", Source(Labels::FILE)),
    ("System.IO.File", "ReadAllText", Source(Labels::FILE)),
    ("System.IO.File", "ReadAllLines", Source(Labels::FILE)),
    ("System.IO.File", "OpenRead", Source(Labels::FILE)),
    ("System.IO.File", "OpenText", Source(Labels::FILE)),
    ("System.IO.File", "WriteAllBytes", Do(Deed::Write, NONE)),
    ("System.IO.File", "WriteAllBytesAsync", Do(Deed::Write, NONE)),
    ("System.IO.File", "WriteAllText", Do(Deed::Write, NONE)),
    ("System.IO.File", "AppendAllText", Do(Deed::Write, NONE)),
    ("System.IO.File", "Create", Source(Labels::TO_FILE)),
    ("System.IO.File", "OpenWrite", Source(Labels::TO_FILE)),
    ("System.IO.File", "Delete", Do(Deed::Delete, NONE)),
    ("System.IO.FileStream", ".ctor", Source(Labels::TO_FILE)),
    ("System.IO.StreamWriter", ".ctor", Source(NONE)),
    ("System.IO.StreamReader", ".ctor", Source(NONE)),
    ("System.IO.Stream", "Write", Put),
    ("System.IO.Stream", "WriteAsync", Put),
    ("System.IO.FileStream", "Write", Put),
    ("System.IO.BinaryWriter", "Write", Put),
    ("System.IO.StreamWriter", "Write", Put),
    ("System.IO.StreamWriter", "WriteLine", Put),
    ("System.IO.TextWriter", "Write", Put),
    ("System.IO.TextWriter", "WriteLine", Put),
    ("System.IO.TextWriter", "WriteLineAsync", Put),
    ("System.IO.Stream", "CopyTo", Pour),
    ("System.IO.Stream", "CopyToAsync", Pour),
    ("System.IO.Stream", "Read", Fill),
    ("System.IO.Stream", "ReadAsync", Fill),
    ("System.Reflection.Assembly", "GetManifestResourceStream", Source(Labels::RESOURCE)),
    ("System.Resources.ResourceManager", "GetObject", Source(Labels::RESOURCE)),
];

#[rustfmt::skip]
const NETWORK: &[Row] = &[
    ("System.Uri", ".ctor", Concat("")),
    ("System.Net.WebClient", "DownloadFile", Do(Deed::DownloadToFile, NET)),
    ("System.Net.WebClient", "DownloadFileAsync", Do(Deed::DownloadToFile, NET)),
    ("System.Net.WebClient", "DownloadFileTaskAsync", Do(Deed::DownloadToFile, NET)),
    ("System.Net.WebClient", "DownloadData", Do(Deed::Fetch, NET)),
    ("System.Net.WebClient", "DownloadDataTaskAsync", Do(Deed::Fetch, NET)),
    ("System.Net.WebClient", "DownloadString", Do(Deed::Fetch, NET)),
    ("System.Net.WebClient", "DownloadStringTaskAsync", Do(Deed::Fetch, NET)),
    ("System.Net.WebClient", "OpenRead", Do(Deed::Fetch, NET)),
    ("System.Net.WebClient", "UploadData", Do(Deed::Send, NET)),
    ("System.Net.WebClient", "UploadString", Do(Deed::Send, NET)),
    ("System.Net.WebClient", "UploadValues", Do(Deed::Send, NET)),
    ("System.Net.WebClient", "UploadFile", Do(Deed::Send, NET)),
    ("System.Net.WebRequest", "Create", Concat("")),
    ("System.Net.WebRequest", "GetResponse", Do(Deed::Fetch, NET)),
    ("System.Net.WebRequest", "GetRequestStream", Source(Labels::TO_NETWORK)),
    ("System.Net.HttpWebRequest", "GetResponse", Do(Deed::Fetch, NET)),
    ("System.Net.Http.HttpClient", "GetStringAsync", Do(Deed::Fetch, NET)),
    ("System.Net.Http.HttpClient", "GetByteArrayAsync", Do(Deed::Fetch, NET)),
    ("System.Net.Http.HttpClient", "GetStreamAsync", Do(Deed::Fetch, NET)),
    ("System.Net.Http.HttpClient", "GetAsync", Do(Deed::Fetch, NET)),
    ("System.Net.Http.HttpClient", "PostAsync", Do(Deed::Send, NET)),
    ("System.Net.Http.HttpClient", "PutAsync", Do(Deed::Send, NET)),
    ("System.Net.Http.HttpClient", "SendAsync", Do(Deed::Send, NET)),
    ("System.Net.Http.StringContent", ".ctor", Concat("")),
    ("System.Net.Http.ByteArrayContent", ".ctor", Concat("")),
    ("System.Net.Http.MultipartFormDataContent", "Add", Into(" ")),
    ("System.Net.Http.HttpRequestMessage", ".ctor", Concat(" ")),
    ("System.Net.Sockets.TcpClient", ".ctor", Do(Deed::Connect, Labels::SOCKET)),
    ("System.Net.Sockets.TcpClient", "Connect", Do(Deed::Connect, Labels::SOCKET)),
    ("System.Net.Sockets.Socket", "Connect", Do(Deed::Connect, Labels::SOCKET)),
    ("System.Net.Sockets.Socket", "Receive", Fill),
    ("System.Net.Sockets.Socket", "Send", Do(Deed::Send, NONE)),
    ("System.Net.Sockets.TcpClient", "GetStream", Source(NET.with(Labels::SOCKET).with(Labels::TO_NETWORK))),
    ("System.Net.Sockets.NetworkStream", "Write", Put),
    ("System.Net.Sockets.NetworkStream", "Read", Fill),
    ("System.Net.Mail.SmtpClient", "Send", Do(Deed::Send, NONE)),
    ("System.Net.Dns", "GetHostName", Source(Labels::HOST)),
    ("Microsoft.AspNetCore.Http.HttpRequest", "get_Query", Source(Labels::REQUEST)),
    ("System.Web.HttpRequest", "get_Item", Source(Labels::REQUEST)),
];

#[rustfmt::skip]
const CODE: &[Row] = &[
    ("System.Diagnostics.ProcessStartInfo", ".ctor", Concat(" ")),
    ("System.Diagnostics.ProcessStartInfo", "set_FileName", Into(" ")),
    ("System.Diagnostics.ProcessStartInfo", "set_Arguments", Into(" ")),
    ("System.Diagnostics.ProcessStartInfo", "*", Same),
    ("System.Diagnostics.Process", "get_StartInfo", Same),
    ("System.Diagnostics.Process", "set_StartInfo", Into(" ")),
    ("System.Diagnostics.Process", "Start", Do(Deed::Execute, Labels::OUTPUT)),
    ("System.Diagnostics.Process", "get_StandardOutput", Source(Labels::OUTPUT)),
    ("System.Diagnostics.Process", "get_StandardError", Source(Labels::OUTPUT)),
    ("System.Diagnostics.Process", "get_StandardInput", Source(Labels::TO_PROCESS)),
    ("System.Reflection.Assembly", "Load", Do(Deed::Load, NONE)),
    ("System.Reflection.Assembly", "UnsafeLoadFrom", Do(Deed::LoadFrom, NONE)),
    ("System.Reflection.Assembly", "LoadFrom", Do(Deed::LoadFrom, NONE)),
    ("System.Reflection.Assembly", "LoadFile", Do(Deed::LoadFrom, NONE)),
    ("System.AppDomain", "Load", Do(Deed::Load, NONE)),
    ("System.Runtime.Loader.AssemblyLoadContext", "LoadFromStream", Do(Deed::Load, NONE)),
    ("System.Reflection.MethodBase", "Invoke", Do(Deed::Reflect, NONE)),
    ("System.Management.Automation.PowerShell", "AddScript", Do(Deed::Eval, NONE)),
    ("Microsoft.CodeAnalysis.CSharp.Scripting.CSharpScript", "EvaluateAsync", Do(Deed::Eval, NONE)),
    ("System.CodeDom.Compiler.CodeDomProvider", "CompileAssemblyFromSource", Do(Deed::Eval, NONE)),
    ("System.Runtime.InteropServices.Marshal", "Copy", Do(Deed::Pointer, NONE)),
    ("System.Runtime.InteropServices.Marshal", "GetDelegateForFunctionPointer", Do(Deed::Pointer, NONE)),
    ("System.Runtime.Serialization.Formatters.Binary.BinaryFormatter", "Deserialize", Do(Deed::Deserialise, NONE)),
];

#[rustfmt::skip]
const HOST: &[Row] = &[
    ("System.Collections.IDictionary", "get_Item", Pick),
    ("System.Environment", "GetEnvironmentVariable", Variable),
    ("System.Environment", "GetEnvironmentVariables", Variable),
    ("System.Environment", "get_MachineName", Source(Labels::HOST)),
    ("System.Environment", "get_UserName", Source(Labels::HOST)),
    ("System.Environment", "get_UserDomainName", Source(Labels::HOST)),
    ("System.Environment", "GetFolderPath", Property),
    ("System.Security.Cryptography.ProtectedData", "Unprotect", Do(Deed::Unprotect, Labels::SECRET)),
    ("System.Windows.Forms.Clipboard", "GetText", Do(Deed::ReadClipboard, Labels::CLIPBOARD)),
    ("System.Windows.Forms.Clipboard", "SetText", Do(Deed::WriteClipboard, NONE)),
    ("System.Windows.Clipboard", "GetText", Do(Deed::ReadClipboard, Labels::CLIPBOARD)),
    ("System.Windows.Clipboard", "SetText", Do(Deed::WriteClipboard, NONE)),
    ("System.Drawing.Graphics", "CopyFromScreen", Do(Deed::Capture, Labels::SCREEN)),
    ("Microsoft.Win32.RegistryKey", "OpenSubKey", Concat("\\")),
    ("Microsoft.Win32.RegistryKey", "CreateSubKey", Concat("\\")),
    ("Microsoft.Win32.RegistryKey", "SetValue", Do(Deed::Registry, NONE)),
    ("Microsoft.Win32.Registry", "SetValue", Do(Deed::Registry, NONE)),
];

#[rustfmt::skip]
const DATA: &[Row] = &[
    ("System.Convert", "FromBase64String", Base64),
    ("System.Convert", "FromHexString", Do(Deed::Decode, Labels::DECODED)),
    ("System.Security.Cryptography.ICryptoTransform", "TransformFinalBlock", Do(Deed::Decode, Labels::DECODED)),
    ("System.Security.Cryptography.CryptoStream", ".ctor", Do(Deed::Decode, Labels::DECODED)),
    ("System.IO.Compression.GZipStream", ".ctor", Source(Labels::INFLATED)),
    ("System.IO.Compression.DeflateStream", ".ctor", Source(Labels::INFLATED)),
];

/// What a function of Windows means.
pub(crate) fn native(name: &str) -> Option<Meaning> {
    const NATIVE: &[(&str, Meaning)] = &[
        ("URLDownloadToFile", Do(Deed::DownloadToFile, NET)),
        ("ShellExecute", Do(Deed::Execute, NONE)),
        ("WinExec", Do(Deed::Execute, NONE)),
        ("CreateProcess", Do(Deed::Execute, NONE)),
        ("system", Do(Deed::Execute, NONE)),
        ("LoadLibrary", Do(Deed::LoadLibrary, NONE)),
        ("CryptUnprotectData", Do(Deed::Unprotect, Labels::SECRET)),
        ("GetAsyncKeyState", Do(Deed::Keys, Labels::KEYS)),
        ("SetWindowsHookEx", Do(Deed::Keys, NONE)),
        (
            "GetClipboardData",
            Do(Deed::ReadClipboard, Labels::CLIPBOARD),
        ),
        ("SetClipboardData", Do(Deed::WriteClipboard, NONE)),
        ("WriteProcessMemory", Do(Deed::Pointer, NONE)),
        ("NtWriteVirtualMemory", Do(Deed::Pointer, NONE)),
        ("RtlMoveMemory", Do(Deed::Pointer, NONE)),
    ];
    let mut rows = NATIVE.iter();
    let row = rows.find(|(known, _)| {
        name.strip_prefix(known)
            .is_some_and(|rest| matches!(rest, "" | "A" | "W" | "Ex" | "ExA" | "ExW"))
    });
    row.map(|row| row.1)
}
