//! Hosts that stand in strings.

/// Services and documentation that programs of all kinds name.
const KNOWN_HOSTS: &[&str] = &[
    "github.com",
    "githubusercontent.com",
    "gitlab.com",
    "bitbucket.org",
    "python.org",
    "pypa.io",
    "w3.org",
    "googleapis.com",
    "google.com",
    "microsoft.com",
    "apache.org",
    "mozilla.org",
    "readthedocs.io",
    "readthedocs.org",
    "wikipedia.org",
    "openai.com",
    "anthropic.com",
    "amazonaws.com",
    "windows.net",
    "azure.com",
    "stackoverflow.com",
    "json-schema.org",
    "schema.org",
    "xmlsoap.org",
    "openxmlformats.org",
    "adobe.com",
    "apple.com",
    "gnu.org",
    "opensource.org",
    "creativecommons.org",
    "huggingface.co",
    "infura.io",
    "sentry.io",
    "nodejs.org",
    "debian.org",
    "ubuntu.com",
    "docker.io",
    "docker.com",
    "cloudflare.com",
    "jsdelivr.net",
    "unpkg.com",
    "solana.com",
    "etherscan.io",
    "ietf.org",
    "iana.org",
    "purl.org",
];

/// Whether a host is neither this machine nor one that programs of all kinds name.
pub fn is_foreign(host: &str) -> bool {
    let host = host.rsplit('@').next().unwrap_or(host);
    let host = host.split(':').next().unwrap_or(host).trim_end_matches('.');
    if !host.contains('.') || host.len() > 253 {
        return false;
    }
    let local = [
        "127.", "10.", "192.168.", "0.", "169.254.", "255.", "224.", "239.",
    ];
    if local.iter().any(|start| host.starts_with(start)) && is_address(host) {
        return false;
    }
    let ends = |known: &&str| {
        host.strip_suffix(*known)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !KNOWN_HOSTS.iter().any(ends)
        && (is_address(host) || host.rsplit('.').next().is_some_and(is_top_level))
}

fn is_top_level(label: &str) -> bool {
    label.len() >= 2 && label.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Four numbers.
pub fn is_address(host: &str) -> bool {
    host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// Whether a string is nothing but the name of a host or an address.
pub fn is_bare_host(text: &str) -> bool {
    const FILES: &[&str] = &[
        "py", "txt", "json", "toml", "cfg", "ini", "md", "rst", "html", "js", "css", "xml", "yaml",
        "yml", "sh", "exe", "dll", "so", "log", "csv", "db", "zip", "gz", "png", "jpg", "pem",
        "key", "crt", "dat", "bin", "tar", "tgz", "whl", "lock", "conf", "env", "sql", "pyc",
        "svg", "ico", "tmp", "bat", "ps1", "path", "request", "version", "name", "error", "local",
        "rc", "inf", "sqlite", "client", "server", "core", "utils",
    ];
    let host = text.split(':').next().unwrap_or(text);
    let plain = host
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    let ending = host.rsplit('.').next().unwrap_or_default();
    let file = FILES.contains(&ending);
    plain && host.len() > 4 && !host.starts_with('.') && !file && is_foreign(host)
}
