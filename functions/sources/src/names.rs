//! What functions of the languages' libraries do.

use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::lang::Lang;
use crate::value::Taint;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs a command line.
    Shell,
    /// Starts a program, given word by word.
    Spawn,
    /// Runs text as code of the same language.
    Eval,
    /// Loads bytes as code: a class, an assembly, a library.
    Load,
    /// Talks to a server; what it gives came from there, what it takes goes there.
    Net,
    /// Downloads into a file.
    NetToFile,
    /// Connects a socket.
    Socket,
    /// Looks a host name up.
    Dns,
    /// Writes a file.
    Write,
    /// Reads a file.
    Read,
    /// Copies one stream or file to another.
    Copy,
    /// Makes a file executable.
    Chmod,
    /// Deletes.
    Delete,
    /// Gives something with these labels.
    Source(Taint),
    /// Decodes.
    Decode(Coding),
    /// Puts numbers together to a text.
    Chr,
    /// Makes objects of bytes.
    Deserialize,
    /// Gives or calls a function by its name in a text.
    Reflect,
    /// Memory that code can run in, threads in other processes.
    Inject,
    /// Waits for keys.
    Keys,
    /// Puts something on the clipboard.
    Paste,
    /// Keeps what it takes as it is: string functions.
    Pass,
    /// Redirects standard input or output.
    Redirect,
    /// Ends the program.
    Exit,
}

/// A way to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Base64.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// Deflate, zlib, gzip.
    Inflate,
    /// ROT13.
    Rot13,
    /// Percent-encoding.
    Percent,
    /// Reversed.
    Reverse,
    /// Base32, base58, uuencode, ciphers: not followed.
    Other,
}

use Coding::{Base64, Hex, Inflate, Percent, Reverse, Rot13};
use Role::{
    Chmod, Chr, Decode, Delete, Deserialize, Dns, Eval, Exit, Inject, Keys, Load, Net, NetToFile,
    Pass, Paste, Read, Redirect, Reflect, Shell, Socket, Source, Spawn, Write,
};

/// One row: what functions do, and their names. `a.b` are the last two parts of a name,
/// `.b` a method of something not known, `b` a function alone.
type Row = (Role, &'static str);

const RUBY: &[Row] = &[
    (
        Shell,
        "system exec spawn Kernel.system Kernel.exec Kernel.spawn Kernel.` IO.popen popen Open3.capture2 Open3.capture2e Open3.capture3 Open3.popen3 Open3.popen2 Open3.popen2e Open3.pipeline Process.spawn PTY.spawn PTY.getpty Process.exec sh",
    ),
    (
        Eval,
        "eval Kernel.eval instance_eval class_eval module_eval .instance_eval .class_eval .module_eval .eval instance_exec binding.eval RubyVM.compile InstructionSequence.compile TOPLEVEL_BINDING.eval ERB.new",
    ),
    (
        Load,
        "Fiddle.dlopen DL.dlopen InstructionSequence.load_from_binary",
    ),
    (
        Net,
        "HTTP.get HTTP.get_response HTTP.post HTTP.post_form HTTP.start HTTP.new Get.new Post.new Put.new Multipart.new URI.open URI.parse.open .open_uri open RestClient.get RestClient.post HTTParty.get HTTParty.post Faraday.get Faraday.post Faraday.new Typhoeus.get Typhoeus.post Excon.get Excon.post HTTPClient.new Curl.get Curl.post Easy.new .post .post_form Mechanize.new HTTP.put RestClient.put OpenURI.open_uri URI.read",
    ),
    (
        Socket,
        "TCPSocket.new TCPSocket.open UDPSocket.new Socket.tcp Socket.new SSLSocket.new",
    ),
    (
        Dns,
        "Resolv.getaddress Addrinfo.ip IPSocket.getaddress Resolv.getaddresses DNS.new Socket.getaddrinfo Addrinfo.getaddrinfo Socket.gethostbyname .getresources .getaddress",
    ),
    (
        Write,
        "File.write IO.write File.binwrite IO.binwrite .write File.new File.open",
    ),
    (
        Read,
        "File.read IO.read File.binread File.readlines IO.readlines File.foreach IO.binread .read Pathname.new",
    ),
    (
        Role::Copy,
        "IO.copy_stream FileUtils.cp FileUtils.mv FileUtils.copy",
    ),
    (Chmod, "File.chmod FileUtils.chmod .chmod"),
    (
        Delete,
        "FileUtils.rm_rf FileUtils.rm_r FileUtils.remove_dir FileUtils.remove_entry FileUtils.remove_entry_secure",
    ),
    (
        Source(Taint::HOST_FACT),
        "Socket.gethostname Etc.getlogin Etc.getpwuid Etc.uname Socket.ip_address_list Dir.pwd Etc.passwd Socket.getifaddrs Etc.getpwnam",
    ),
    (
        Source(Taint::ENVIRONMENT),
        "ENV.to_h ENV.to_hash ENV.inspect ENV.map ENV.each ENV.to_a ENV.select ENV.to_s ENV.collect ENV.each_pair ENV.sort ENV.to_json ENV.filter ENV.reject ENV.values",
    ),
    (Source(Taint::CLIPBOARD), "Clipboard.paste"),
    (Paste, "Clipboard.copy"),
    (
        Decode(Base64),
        "Base64.decode64 Base64.urlsafe_decode64 Base64.strict_decode64",
    ),
    (Decode(Hex), ".hexdecode"),
    (
        Decode(Inflate),
        "Inflate.inflate Zlib.inflate Zlib.gunzip GzipReader.new .inflate GzipReader.zcat",
    ),
    (
        Decode(Percent),
        "CGI.unescape URI.decode URI.decode_www_form_component URI.unescape",
    ),
    (Decode(Reverse), ".reverse .reverse!"),
    (
        Decode(Coding::Other),
        "Cipher.new Decipher.new .decrypt .decipher",
    ),
    (Chr, ".chr Array.pack .pack"),
    (Deserialize, "Marshal.load Marshal.restore YAML.unsafe_load"),
    (
        Reflect,
        "send public_send __send__ .send .public_send .__send__ Object.const_get Kernel.const_get .const_get .method method .instance_method",
    ),
    (
        Redirect,
        "STDIN.reopen STDOUT.reopen STDERR.reopen $stdin.reopen $stdout.reopen $stderr.reopen .reopen",
    ),
    (
        Pass,
        "format sprintf Kernel.format .strip .chomp .to_s .to_str .join .gsub .tr .downcase .upcase .chop .force_encoding .encode .to_sym .freeze .dup .body .read_body .string .split .map .unpack .unpack1 .each_char .chars .bytes .delete .sub .squeeze .concat .to_json JSON.generate JSON.dump .inspect URI.parse URI URI.encode URI.join URI.encode_www_form_component CGI.escape Base64.encode64 Base64.strict_encode64 Base64.urlsafe_encode64 .first .call String.new .flatten .scan .collect File.join File.expand_path JSON.parse",
    ),
];

const PHP: &[Row] = &[
    (
        Shell,
        "system exec shell_exec passthru popen proc_open pcntl_exec expect_popen ssh2_exec w32api_invoke_function Process.fromShellCommandline",
    ),
    (Eval, "eval assert create_function mb_ereg_replace"),
    (
        Net,
        "curl_exec curl_init curl_setopt curl_setopt_array http_get http_post_data file_get_contents fopen readfile get_headers stream_context_create get_file Http.get Http.post Client.request .request Guzzle.get fsockopen_http file simplexml_load_file mail wp_remote_get wp_remote_post wp_remote_request Requests.get Requests.post",
    ),
    (
        Socket,
        "fsockopen pfsockopen stream_socket_client socket_connect socket_create",
    ),
    (
        Dns,
        "gethostbyname dns_get_record checkdnsrr dns_check_record gethostbynamel",
    ),
    (Write, "file_put_contents fwrite fputs"),
    (
        Role::Copy,
        "copy move_uploaded_file rename stream_copy_to_stream",
    ),
    (Chmod, "chmod"),
    (Delete, "unlink rmdir"),
    (
        Source(Taint::HOST_FACT),
        "php_uname gethostname get_current_user posix_getpwuid posix_uname getmyuid phpinfo phpversion getcwd",
    ),
    (
        Source(Taint::REQUEST),
        "getallheaders apache_request_headers filter_input filter_input_array get_defined_vars",
    ),
    (Decode(Base64), "base64_decode"),
    (Decode(Hex), "hex2bin"),
    (
        Decode(Inflate),
        "gzinflate gzuncompress gzdecode zlib_decode bzdecompress",
    ),
    (Decode(Rot13), "str_rot13"),
    (Decode(Percent), "urldecode rawurldecode"),
    (Decode(Reverse), "strrev"),
    (
        Decode(Coding::Other),
        "openssl_decrypt convert_uudecode mcrypt_decrypt sodium_crypto_secretbox_open",
    ),
    (Chr, "chr pack"),
    (Deserialize, "unserialize"),
    (
        Reflect,
        "call_user_func call_user_func_array array_map array_filter array_walk array_walk_recursive usort uasort uksort register_shutdown_function register_tick_function set_error_handler ob_start forward_static_call func_overload iterator_apply array_reduce preg_replace_callback array_diff_ukey array_udiff forward_static_call_array is_callable_run ReflectionFunction Closure.fromCallable spl_autoload_register",
    ),
    (
        Pass,
        "trim strtr str_replace substr implode join strtolower strtoupper stripslashes sprintf vsprintf ltrim rtrim json_encode serialize http_build_query base64_encode urlencode rawurlencode print_r var_export bin2hex array_merge array_reverse str_split explode json_decode stripcslashes ucfirst lcfirst preg_replace strval htmlspecialchars htmlspecialchars_decode html_entity_decode chunk_split nl2br current reset end array_pop array_shift range str_pad str_ireplace array_values md5 getenv_array wordwrap array_filter_values",
    ),
];

const GO: &[Row] = &[
    (
        Spawn,
        "exec.Command exec.CommandContext os.StartProcess syscall.Exec syscall.ForkExec syscall.StartProcess unix.Exec",
    ),
    (
        Load,
        "plugin.Open syscall.NewLazyDLL windows.NewLazyDLL syscall.LoadLibrary windows.LoadLibrary",
    ),
    (
        Net,
        "http.Get http.Post http.PostForm http.NewRequest http.NewRequestWithContext client.Get client.Post .PostForm resty.New req.Get grequests.Get grequests.Post http.Head",
    ),
    (
        Socket,
        "net.Dial net.DialTimeout tls.Dial net.DialTCP websocket.Dial Dialer.Dial DefaultDialer.Dial .Dial .DialContext",
    ),
    (
        Dns,
        "net.LookupHost net.LookupIP net.LookupTXT net.LookupAddr net.LookupCNAME net.ResolveIPAddr .LookupHost .LookupTXT",
    ),
    (
        Write,
        "os.WriteFile ioutil.WriteFile os.Create os.OpenFile .WriteFile",
    ),
    (Read, "os.ReadFile ioutil.ReadFile os.Open"),
    (Role::Copy, "io.Copy io.CopyN io.CopyBuffer os.Rename"),
    (Chmod, "os.Chmod .Chmod"),
    (Delete, "os.RemoveAll"),
    (
        Source(Taint::HOST_FACT),
        "os.Hostname user.Current os.Getwd net.Interfaces net.InterfaceAddrs os.UserHomeDir_ host.Info os.Getuid",
    ),
    (Source(Taint::ENVIRONMENT), "os.Environ syscall.Environ"),
    (Source(Taint::CLIPBOARD), "clipboard.ReadAll clipboard.Read"),
    (Paste, "clipboard.WriteAll clipboard.Write"),
    (
        Source(Taint::SCREEN),
        "screenshot.CaptureDisplay screenshot.CaptureRect screenshot.Capture robotgo.CaptureScreen",
    ),
    (Keys, "robotgo.EventHook hook.Start keyboard.GetKey"),
    (
        Decode(Base64),
        "base64.DecodeString StdEncoding.DecodeString URLEncoding.DecodeString RawStdEncoding.DecodeString RawURLEncoding.DecodeString StdEncoding.Decode",
    ),
    (Decode(Hex), "hex.DecodeString hex.Decode"),
    (
        Decode(Inflate),
        "gzip.NewReader zlib.NewReader flate.NewReader",
    ),
    (
        Decode(Coding::Other),
        "cipher.NewCBCDecrypter .Decrypt .XORKeyStream gcm.Open rc4.NewCipher .CryptBlocks base32.DecodeString base58.Decode",
    ),
    (Exit, "os.Exit log.Fatal"),
    (Chr, "string rune"),
    (Deserialize, "gob.NewDecoder"),
    (
        Inject,
        "VirtualAlloc.Call VirtualAllocEx.Call WriteProcessMemory.Call CreateRemoteThread.Call RtlMoveMemory.Call windows.VirtualAlloc windows.WriteProcessMemory syscall.Mmap unix.Mmap virtualAlloc.Call createThread.Call CreateThread.Call RtlCopyMemory.Call unix.MemfdCreate",
    ),
    (
        Pass,
        "strings.Join strings.Replace strings.ReplaceAll strings.TrimSpace strings.Trim fmt.Sprintf fmt.Sprint fmt.Sprintln bytes.NewBuffer bytes.NewBufferString strings.NewReader bytes.NewReader io.ReadAll ioutil.ReadAll strings.ToLower strings.ToUpper .String .Bytes json.Marshal json.MarshalIndent []byte append url.QueryEscape base64.EncodeToString StdEncoding.EncodeToString URLEncoding.EncodeToString hex.EncodeToString filepath.Join path.Join strings.Split strings.Fields byte strings.Repeat strings.Map bufio.NewReader bufio.NewScanner .ReadString .Text make copy grpc.Dial grpc.DialContext smtp.Dial redis.Dial amqp.Dial rpc.Dial mgo.Dial ssh.Dial ethclient.Dial ldap.Dial",
    ),
];

const RUST: &[Row] = &[
    (
        Spawn,
        "Command.new process.Command Exec.cmd Exec.shell duct.cmd cmd! libc.system libc.execve libc.execvp nix.execvp unistd.execvp unistd.execv std_process.new",
    ),
    (Shell, "Exec.shell libc.system"),
    (
        Load,
        "Library.new libloading.Library.new libc.dlopen Library.open",
    ),
    (
        Net,
        "reqwest.get blocking.get Client.new Client.builder .get .post .put ureq.get ureq.post ureq.put ureq.request attohttpc.get attohttpc.post minreq.get minreq.post isahc.get isahc.post surf.get surf.post http_req.get Request.get Request.post Easy.new Request.new Request.builder Agent.new ureq.agent blocking.Client.new Client.default HttpRequest.new",
    ),
    (
        Socket,
        "TcpStream.connect TcpStream.connect_timeout UdpSocket.bind WebSocket.connect tungstenite.connect UnixStream_.connect",
    ),
    (
        Dns,
        "net.lookup_host .to_socket_addrs lookup_host .lookup_ip .txt_lookup dns_lookup.lookup_host",
    ),
    (Write, "fs.write File.create .write_all OpenOptions.new"),
    (Read, "fs.read fs.read_to_string File.open"),
    (Role::Copy, "io.copy fs.copy fs.rename"),
    (
        Chmod,
        "fs.set_permissions Permissions.from_mode .set_permissions .set_mode",
    ),
    (Delete, "fs.remove_dir_all"),
    (
        Source(Taint::HOST_FACT),
        "hostname.get whoami.username whoami.hostname whoami.realname gethostname.gethostname System.host_name whoami.devicename whoami.fallible env.current_dir whoami.platform",
    ),
    (
        Source(Taint::ENVIRONMENT),
        "env.vars env.vars_os std.env.vars",
    ),
    (
        Source(Taint::CLIPBOARD),
        "ClipboardContext.new Clipboard.new",
    ),
    (Paste, ".set_contents .set_text"),
    (
        Source(Taint::SCREEN),
        ".capture_image Screen.all Monitor.all",
    ),
    (Source(Taint::EMBEDDED), "include_bytes! include_str!"),
    (Keys, "rdev.listen rdev.grab DeviceState.new"),
    (
        Decode(Base64),
        "base64.decode STANDARD.decode URL_SAFE.decode BASE64.decode BASE64_STANDARD.decode STANDARD_NO_PAD.decode BASE64_STANDARD_NO_PAD.decode URL_SAFE_NO_PAD.decode general_purpose.decode b64.decode engine.decode",
    ),
    (Decode(Hex), "hex.decode FromHex.from_hex"),
    (
        Decode(Inflate),
        "GzDecoder.new ZlibDecoder.new DeflateDecoder.new inflate.decompress_to_vec",
    ),
    (
        Decode(Coding::Other),
        "bs58.decode base32.decode secretbox.open secretbox.open_easy .decrypt .apply_keystream base85.decode obfstr! .decrypt_in_place litcrypt! lc! Aes256Gcm.new cryptify.encrypt_string! encrypt_string!",
    ),
    (Decode(Reverse), ".rev"),
    (Chr, "char.from char.from_u32"),
    (
        Inject,
        "mem.transmute VirtualAlloc VirtualAllocEx WriteProcessMemory CreateRemoteThread VirtualProtect libc.mmap Memory.VirtualAlloc memfd_create libc.memfd_create NtAllocateVirtualMemory CreateThread QueueUserAPC",
    ),
    (
        Redirect,
        "libc.dup2 unistd.dup2 Stdio.from_raw_fd .from_raw_fd FromRawFd.from_raw_fd",
    ),
    (
        Pass,
        "format! concat! String.from .to_string .to_owned .into .as_str .unwrap .expect .clone .collect .trim .replace .as_bytes .to_vec .join .concat String.from_utf8 String.from_utf8_lossy str.from_utf8 .into_bytes .text .bytes .body .iter .map .into_iter vec! .as_ref .unwrap_or_default .unwrap_or .ok .to_str .to_lowercase .into_string .read_to_string .read_to_end serde_json.to_string json! serde_json.to_vec .send .into_reader .chars .copied .cloned .flat_map .filter .filter_map .error_for_status .await .encode STANDARD.encode base64.encode hex.encode .unwrap_or_else .map_err Some Ok .to_string_lossy .into_owned .display Path.new PathBuf.from .as_path .context HashMap.new",
    ),
];

const JAVA: &[Row] = &[
    (
        Shell,
        "Runtime.exec .exec getRuntime.exec Runtime.getRuntime.exec",
    ),
    (
        Spawn,
        "ProcessBuilder ProcessBuilder.command .processBuilder CommandLine.parse",
    ),
    (
        Eval,
        "ScriptEngine.eval .eval GroovyShell.evaluate Eval.me GroovyShell.parse SpelExpressionParser.parseExpression",
    ),
    (
        Load,
        "URLClassLoader URLClassLoader.newInstance .defineClass defineClass Lookup.defineClass .defineHiddenClass Unsafe.defineClass System.load System.loadLibrary Runtime.load DexClassLoader InMemoryDexClassLoader",
    ),
    (
        Net,
        "URL .openConnection .openStream HttpURLConnection HttpGet HttpPost HttpRequest.newBuilder URI.create HttpClient.newHttpClient Jsoup.connect .url Request.Builder OkHttpClient RestTemplate .postForObject .getForObject .postForEntity URL.readText .toURL",
    ),
    (
        Socket,
        "Socket SSLSocketFactory.createSocket .createSocket SocketChannel.open DatagramSocket",
    ),
    (
        Dns,
        "InetAddress.getByName InetAddress.getAllByName InitialDirContext",
    ),
    (NetToFile, "FileUtils.copyURLToFile"),
    (
        Write,
        "Files.write Files.writeString FileOutputStream FileWriter Files.newOutputStream FileUtils.writeByteArrayToFile .writeBytes .writeText",
    ),
    (
        Read,
        "Files.readAllBytes Files.readString Files.readAllLines FileInputStream FileReader Files.lines FileUtils.readFileToString .readText .readBytes",
    ),
    (
        Role::Copy,
        "Files.copy Files.move .transferTo .transferFrom IOUtils.copy",
    ),
    (Chmod, ".setExecutable Files.setPosixFilePermissions"),
    (Delete, "FileUtils.deleteDirectory .deleteRecursively"),
    (
        Source(Taint::HOST_FACT),
        "InetAddress.getLocalHost NetworkInterface.getNetworkInterfaces .getHostName .getCanonicalHostName",
    ),
    (Source(Taint::CLIPBOARD), ".getSystemClipboard"),
    (Source(Taint::SCREEN), ".createScreenCapture"),
    (Source(Taint::REQUEST), ".getParameter .getHeader"),
    (
        Keys,
        "GlobalScreen.addNativeKeyListener GlobalScreen.registerNativeHook",
    ),
    (
        Decode(Base64),
        "Base64.getDecoder.decode getDecoder.decode getUrlDecoder.decode getMimeDecoder.decode Base64.decodeBase64 Base64.decode DatatypeConverter.parseBase64Binary BASE64Decoder.decodeBuffer .decodeBase64 .decodeBuffer Decoder.decode",
    ),
    (
        Decode(Hex),
        "Hex.decodeHex DatatypeConverter.parseHexBinary HexFormat.parseHex .parseHex",
    ),
    (
        Decode(Inflate),
        "GZIPInputStream InflaterInputStream Inflater.inflate",
    ),
    (Decode(Reverse), ".reverse"),
    (Decode(Coding::Other), ".doFinal Cipher.getInstance"),
    (Deserialize, "ObjectInputStream .readObject"),
    (
        Reflect,
        "Class.forName .loadClass .getMethod .getDeclaredMethod .invoke .newInstance .getDeclaredConstructor .getConstructor .findClass .forName",
    ),
    (
        Exit,
        "System.exit Runtime.halt getRuntime.halt Runtime.getRuntime.halt",
    ),
    (Chr, "Character.toString String.valueOf Character.toChars"),
    (
        Pass,
        "String .toString .getBytes .concat .replace .trim .toCharArray .substring String.format .append .toLowerCase .toUpperCase StringBuilder StringBuffer .getInputStream .readAllBytes .readLine BufferedReader InputStreamReader Scanner ByteArrayInputStream ByteArrayOutputStream .toByteArray .next .body String.join .join .encodeToString Arrays.asList List.of .split .collect .lines Channels.newChannel .getOutputStream DataOutputStream OutputStreamWriter PrintWriter File Paths.get Path.of .toPath .resolve .getBytes .format .replaceAll .string URI .toURI .bytes .execute .newCall",
    ),
];

const CSHARP: &[Row] = &[
    (
        Spawn,
        "Process.Start ProcessStartInfo Process .ShellExecute Interaction.Shell",
    ),
    (
        Eval,
        "CSharpScript.EvaluateAsync CSharpScript.RunAsync .AddScript PowerShell.Create.AddScript .CompileAssemblyFromSource Pipeline.AddScript",
    ),
    (
        Load,
        "Assembly.Load Assembly.LoadFrom Assembly.LoadFile Assembly.UnsafeLoadFrom AppDomain.Load CurrentDomain.Load .LoadFromStream AssemblyLoadContext.LoadFromStream LoadLibrary NativeLibrary.Load .DefineDynamicAssembly",
    ),
    (
        Net,
        ".DownloadString .DownloadData .GetStringAsync .GetByteArrayAsync .GetStreamAsync .PostAsync .UploadString .UploadData .UploadValues .UploadFile .UploadStringTaskAsync .DownloadStringTaskAsync .DownloadDataTaskAsync WebRequest.Create HttpWebRequest.Create WebClient HttpClient .GetAsync .SendAsync HttpRequestMessage RestRequest .OpenRead .PutAsync .PostAsJsonAsync .DownloadStringAsync SmtpClient .GetResponse .GetResponseStream .UploadStringAsync",
    ),
    (
        NetToFile,
        ".DownloadFile .DownloadFileAsync .DownloadFileTaskAsync URLDownloadToFile",
    ),
    (
        Socket,
        "TcpClient Socket .Connect .ConnectAsync ClientWebSocket UdpClient",
    ),
    (
        Dns,
        "Dns.GetHostEntry Dns.GetHostAddresses Dns.GetHostByName Dns.GetHostEntryAsync Dns.Resolve",
    ),
    (
        Write,
        "File.WriteAllBytes File.WriteAllText FileStream File.Create StreamWriter File.WriteAllBytesAsync File.AppendAllText File.OpenWrite",
    ),
    (
        Read,
        "File.ReadAllText File.ReadAllBytes File.ReadAllLines File.OpenRead StreamReader File.ReadLines File.OpenText",
    ),
    (Role::Copy, "File.Copy .CopyTo .CopyToAsync File.Move"),
    (Delete, "Directory.Delete"),
    (
        Source(Taint::HOST_FACT),
        "Dns.GetHostName WindowsIdentity.GetCurrent NetworkInterface.GetAllNetworkInterfaces ManagementObjectSearcher",
    ),
    (
        Source(Taint::ENVIRONMENT),
        "Environment.GetEnvironmentVariables",
    ),
    (
        Source(Taint::CLIPBOARD),
        "Clipboard.GetText Clipboard.GetDataObject",
    ),
    (Paste, "Clipboard.SetText Clipboard.SetDataObject"),
    (Source(Taint::SCREEN), ".CopyFromScreen"),
    (Source(Taint::CREDENTIAL), "ProtectedData.Unprotect"),
    (Keys, "GetAsyncKeyState SetWindowsHookEx GetKeyState"),
    (
        Decode(Base64),
        "Convert.FromBase64String .FromBase64String Base64.DecodeFromUtf8",
    ),
    (Decode(Hex), "Convert.FromHexString"),
    (Decode(Inflate), "GZipStream DeflateStream BrotliStream"),
    (Decode(Reverse), "Array.Reverse .Reverse"),
    (
        Decode(Coding::Other),
        ".CreateDecryptor .TransformFinalBlock .Decrypt RijndaelManaged Aes.Create",
    ),
    (
        Deserialize,
        "BinaryFormatter.Deserialize LosFormatter.Deserialize NetDataContractSerializer.Deserialize SoapFormatter.Deserialize",
    ),
    (
        Reflect,
        "Type.GetType .GetMethod .GetType .Invoke .InvokeMember Activator.CreateInstance .CreateInstance .EntryPoint.Invoke EntryPoint.Invoke .GetMethods .DynamicInvoke .CreateDelegate",
    ),
    (
        Inject,
        "VirtualAlloc VirtualAllocEx WriteProcessMemory CreateRemoteThread CreateThread QueueUserAPC NtCreateThreadEx VirtualProtect Marshal.GetDelegateForFunctionPointer RtlMoveMemory Marshal.GetDelegateForFunctionPointer<> NtWriteVirtualMemory SetThreadContext EnumSystemLocalesA",
    ),
    (
        Exit,
        "GetCurrentProcess.Kill Environment.Exit Environment.FailFast",
    ),
    (Chr, "Convert.ToChar char.ConvertFromUtf32"),
    (
        Pass,
        "Uri.EscapeDataString Uri.EscapeUriString WebUtility.UrlEncode HttpUtility.UrlEncode string.Concat String.Concat string.Format String.Format string.Join String.Join .ToString .Replace .Trim .Substring ASCII.GetString UTF8.GetString Unicode.GetString Encoding.UTF8.GetString .GetString .GetBytes .ToCharArray .ToArray string String .Append StringBuilder Path.Combine Path.Join .Split .Select .Aggregate .Result .ReadAsStringAsync .ReadAsByteArrayAsync .ReadToEnd .ReadLine Uri StringContent FormUrlEncodedContent MemoryStream JsonConvert.SerializeObject JsonSerializer.Serialize Convert.ToBase64String Convert.ToByte .GetAwaiter .GetResult StreamContent ByteArrayContent Convert.ToInt32 .ToLower .Insert .Remove .Concat .Cast .ConfigureAwait",
    ),
];

const C: &[Row] = &[
    (Shell, "system popen _popen _wsystem std.system WinExec"),
    (
        Spawn,
        "execl execlp execle execv execve execvp ShellExecuteA ShellExecuteW ShellExecute ShellExecuteEx CreateProcessA CreateProcessW CreateProcess posix_spawn",
    ),
    (Load, "dlopen LoadLibraryA LoadLibraryW LoadLibrary"),
    (
        Net,
        "curl_easy_setopt curl_easy_perform InternetOpenUrlA InternetOpenUrlW InternetReadFile HttpSendRequestA WinHttpSendRequest WinHttpConnect InternetConnectA",
    ),
    (
        NetToFile,
        "URLDownloadToFileA URLDownloadToFileW URLDownloadToFile",
    ),
    (Socket, "connect WSAConnect WSASocketA WSASocket"),
    (Dns, "gethostbyname getaddrinfo"),
    (Read, "fopen open ifstream"),
    (Write, "fwrite"),
    (Chmod, "chmod fchmod"),
    (
        Source(Taint::HOST_FACT),
        "gethostname uname getlogin getpwuid GetComputerNameA GetUserNameA GetComputerName GetUserName",
    ),
    (Source(Taint::CLIPBOARD), "GetClipboardData"),
    (Paste, "SetClipboardData"),
    (Source(Taint::SCREEN), "BitBlt"),
    (
        Keys,
        "GetAsyncKeyState SetWindowsHookExA SetWindowsHookExW SetWindowsHookEx",
    ),
    (
        Inject,
        "VirtualAllocEx WriteProcessMemory CreateRemoteThread NtCreateThreadEx QueueUserAPC memfd_create NtUnmapViewOfSection RtlCreateUserThread",
    ),
    (Redirect, "dup2"),
    (Pass, "std.string sprintf snprintf strcat strcpy strncat"),
];

const LUA: &[Row] = &[
    (Shell, "os.execute io.popen"),
    (Eval, "load loadstring dofile_text loadstring_"),
    (Load, "package.loadlib ffi.load"),
    (Net, "http.request https.request http.get curl.easy"),
    (Socket, "socket.tcp socket.connect socket.connect4"),
    (Read, "io.open"),
    (Source(Taint::ENVIRONMENT), "os.environ"),
    (
        Decode(Base64),
        "base64.decode mime.unb64 b64.decode ngx.decode_base64",
    ),
    (Decode(Reverse), "string.reverse .reverse"),
    (Chr, "string.char"),
    (
        Pass,
        "table.concat string.format string.gsub tostring string.sub .gsub .sub string.rep",
    ),
];

const PERL: &[Row] = &[
    (Shell, "system exec qx open3 open2 IPC.run"),
    (Eval, "eval"),
    (
        Net,
        "get LWP.Simple.get getstore LWP.UserAgent.new UserAgent.new HTTP.Tiny.new Tiny.new .get .post HTTP.Request.new Request.new mirror getprint",
    ),
    (NetToFile, "getstore mirror"),
    (Socket, "INET.new IO.Socket.INET.new socket"),
    (Dns, "gethostbyname inet_aton"),
    (Chmod, "chmod"),
    (Delete, "rmtree remove_tree"),
    (
        Source(Taint::HOST_FACT),
        "hostname Sys.Hostname.hostname getpwuid getlogin uname",
    ),
    (
        Decode(Base64),
        "decode_base64 MIME.Base64.decode MIME.Base64.decode_base64 Base64.decode_base64",
    ),
    (
        Decode(Inflate),
        "uncompress inflate Compress.Zlib.uncompress memGunzip",
    ),
    (Decode(Reverse), "reverse"),
    (Chr, "chr pack"),
    (Deserialize, "Storable.thaw thaw"),
    (Redirect, "dup2"),
    (
        Pass,
        "join sprintf lc uc map split unpack encode_base64 encode_json decoded_content .decoded_content .content substr",
    ),
];

/// Functions of a language by name.
#[derive(Debug)]
pub struct Table {
    roles: FxHashMap<&'static str, Role>,
}

impl Table {
    fn new(rows: &'static [Row]) -> Self {
        let roles = rows
            .iter()
            .flat_map(|(role, names)| names.split(' ').map(move |name| (name, *role)))
            .collect();
        Self { roles }
    }

    /// What a function does, by its dotted name: by its whole name, by its last parts, or
    /// as a method of something unknown.
    pub fn role(&self, name: &str) -> Option<Role> {
        if let Some(role) = self.roles.get(name) {
            return Some(*role);
        }
        let mut rest = name;
        while let Some((_, behind)) = rest.split_once('.') {
            if !behind.contains('.') {
                break;
            }
            if let Some(role) = self.roles.get(behind) {
                return Some(*role);
            }
            rest = behind;
        }
        let dot = name.rfind('.')?;
        self.roles.get(&name[dot..]).copied()
    }
}

/// The table of a language.
pub fn table(lang: Lang) -> &'static Table {
    static TABLES: [LazyLock<Table>; 9] = [
        LazyLock::new(|| Table::new(RUBY)),
        LazyLock::new(|| Table::new(PHP)),
        LazyLock::new(|| Table::new(GO)),
        LazyLock::new(|| Table::new(RUST)),
        LazyLock::new(|| Table::new(JAVA)),
        LazyLock::new(|| Table::new(CSHARP)),
        LazyLock::new(|| Table::new(C)),
        LazyLock::new(|| Table::new(LUA)),
        LazyLock::new(|| Table::new(PERL)),
    ];
    let at = match lang {
        Lang::Ruby => 0,
        Lang::Php => 1,
        Lang::Go => 2,
        Lang::Rust => 3,
        Lang::Java | Lang::Kotlin => 4,
        Lang::CSharp => 5,
        Lang::C => 6,
        Lang::Lua => 7,
        Lang::Perl => 8,
    };
    &TABLES[at]
}

/// Words without which no rule has anything to say about a file.
const TELLING: &str = "system exec spawn sh clipboard popen popen2 popen2e popen3 capture2 capture2e capture3 eval instance_eval \
class_eval module_eval Open3 PTY shell_exec passthru proc_open pcntl_exec assert create_function preg_replace \
call_user_func call_user_func_array array_map array_filter usort uasort register_shutdown_function base64_decode \
send public_send __send__ const_get HTTP RestClient HTTParty Faraday Excon Typhoeus TCPSocket UDPSocket URI Resolv \
curl_init curl_exec fsockopen stream_socket_client file_get_contents gethostbyname mail include require include_once require_once \
exec.Command Command CommandContext StartProcess ForkExec http net plugin NewLazyDLL Mmap VirtualAlloc VirtualAllocEx VirtualProtect \
TcpStream UdpSocket reqwest ureq attohttpc minreq isahc surf Library dlopen transmute include_bytes! \
Runtime ProcessBuilder ScriptEngine ScriptEngineManager URLClassLoader defineClass forName URL HttpClient Socket ObjectInputStream \
GroovyShell Process ProcessStartInfo Assembly WebClient HttpClient TcpClient DllImport WebRequest SetWindowsHookEx GetAsyncKeyState \
WriteProcessMemory CreateRemoteThread URLDownloadToFile URLDownloadToFileA memfd_create execve execl execv execvp WinExec \
ShellExecuteA ShellExecute CreateProcessA LoadLibraryA os.execute execute loadstring load qx LWP INET unserialize Marshal \
rdev GlobalScreen FileUtils RemoveAll remove_dir_all rmtree deleteDirectory dup2 ENV environ Environ vars $_GET $_POST $_REQUEST $_COOKIE \
$_SERVER $_FILES $GLOBALS LocalDate Base64 base64 method File IO Files FileOutputStream FileWriter RegistryKey Registry WriteFile OpenFile Fiddle Zlib";

/// Whether a word tells that a file is worth a walk.
pub fn is_telling(word: &[u8]) -> bool {
    static WORDS: LazyLock<FxHashSet<&[u8]>> = LazyLock::new(|| {
        TELLING
            .split_ascii_whitespace()
            .map(str::as_bytes)
            .collect()
    });
    WORDS.contains(word)
}
