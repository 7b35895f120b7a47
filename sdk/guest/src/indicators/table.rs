//! The facts that [`scan`](super::scan) looks for. Hosts are written in lower case;
//! paths with `/`, which stands for `\` and `\\` too.

use super::Kind;

/// What must stand around a pattern for it to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A host name, or the domain at the end of one, anywhere.
    Host,
    /// A host name that is an ordinary word or file name too: counts only after `//`
    /// or before `/`.
    HostInUrl,
    /// The first labels of a host name whose last one varies.
    HostPrefix,
    /// A path: no letter or digit before it, and none after it unless it ends in `/`.
    Path,
    /// A dot file whose name is a common member name: a quote or separator before it.
    DotFile,
    /// A word, in any case.
    Word,
    /// The exact name of an environment variable.
    Variable,
    /// The end of an environment variable's name, counted only where the text reads
    /// one (quotes, `$`, `env.`, `%`).
    VariableSuffix,
}

pub(super) struct Group {
    pub kind: Kind,
    pub form: Form,
    pub patterns: &'static [&'static str],
}

const fn group(kind: Kind, form: Form, patterns: &'static [&'static str]) -> Group {
    Group {
        kind,
        form,
        patterns,
    }
}

#[rustfmt::skip]
pub(super) const GROUPS: &[Group] = &[
    group(Kind::Webhook, Form::Host, &[
        "webhook.site", "webhookinbox.com", "webhook.cool", "webhook-test.com", "webhookrelay.com",
        "pipedream.net", "requestbin.net", "requestbin.com", "requestbin.io", "requestbin.cn",
        "requestcatcher.com", "requestinspector.com", "hookbin.com", "hookdeck.com", "beeceptor.com",
        "putsreq.com", "ptsv2.com", "ptsv3.com", "postb.in", "typedwebhook.tools", "mockbin.org",
        "mocky.io", "hookb.in", "svix.play", "play.svix.com", "rbnd.gl0.eu", "rbndr.us", "smee.io",
        "webhook.win", "hook.eu1.make.com", "hook.us1.make.com", "hook.integromat.com", "hooks.zapier.com",
        "formspree.io", "formsubmit.co", "getform.io", "maker.ifttt.com", "discordapp.net/api/webhooks",
    ]),
    group(Kind::Tunnel, Form::Host, &[
        "ngrok.io", "ngrok.app", "ngrok.dev", "ngrok-free.app", "ngrok-free.dev", "ngrok.com",
        "serveo.net", "serveousercontent.com", "localhost.run", "lhr.life", "lhr.rocks", "lhrtunnel.link",
        "trycloudflare.com", "loca.lt", "localtunnel.me", "localtunnel.com", "portmap.io", "portmap.host",
        "pagekite.me", "telebit.io", "telebit.cloud", "bore.pub", "playit.gg", "ply.gg", "localxpose.io",
        "loclx.io", "zrok.io", "pinggy.link", "pinggy.online", "free.pinggy.net", "devtunnels.ms",
        "tunnelto.dev", "packetriot.net", "duckdns.org", "hopto.org", "zapto.org", "sytes.net", "ddns.net",
        "myftp.org", "myftp.biz", "servebeer.com", "serveftp.com", "no-ip.org", "no-ip.biz", "dynu.net",
    ]),
    group(Kind::PasteOrFileShare, Form::Host, &[
        "pastebin.com", "pastebin.pl", "hastebin.com", "hastebin.skyra.pw", "toptal.com/developers/hastebin",
        "transfer.sh", "gofile.io", "anonfiles.com", "anonfile.com", "anonymfile.com", "bayfiles.com",
        "catbox.moe", "0x0.st", "x0.at", "termbin.com", "rentry.co", "rentry.org", "ghostbin.com",
        "ghostbin.co", "ghostbin.me", "paste.ee", "dpaste.com", "dpaste.org", "controlc.com", "privatebin.net",
        "paste.rs", "ix.io", "sprunge.us", "justpaste.it", "paste.mozilla.org", "pastecode.io", "paste.gg",
        "bpa.st", "bpaste.net", "paste2.org", "pastery.net", "klgrth.io", "bashupload.com", "temp.sh",
        "tmpfiles.org", "oshi.at", "uguu.se", "pixeldrain.com", "mediafire.com", "sendspace.com",
        "filebin.net", "store1.gofile.io", "filetransfer.io", "ufile.io", "wetransfer.com", "we.tl",
        "upload.ee", "zippyshare.com", "krakenfiles.com", "easyupload.io", "fileditch.com", "cdn.discordapp.com/attachments",
        "media.discordapp.net/attachments", "jsonkeeper.com", "jsonbin.io", "npoint.io", "textbin.net",
        "pst.klgrth.io", "codepad.org", "hatebin.com", "p.ip.fi", "limewire.com/d/",
    ]),
    group(Kind::PasteOrFileShare, Form::HostInUrl, &["file.io", "send.cm", "siasky.net", "paste.sh", "keep.sh"]),
    group(Kind::ChatApi, Form::Host, &[
        "discord.com/api/webhooks", "discordapp.com/api/webhooks", "ptb.discord.com/api/webhooks",
        "canary.discord.com/api/webhooks", "discord.com/api/v6/webhooks", "discord.com/api/v7/webhooks",
        "discord.com/api/v8/webhooks", "discord.com/api/v9/webhooks", "discord.com/api/v10/webhooks",
        "api.telegram.org", "hooks.slack.com", "slack.com/api/files.upload", "webhook.office.com",
        "open.feishu.cn/open-apis/bot", "oapi.dingtalk.com/robot", "qyapi.weixin.qq.com/cgi-bin/webhook",
        "chat.googleapis.com/v1/spaces",
    ]),
    group(Kind::OutOfBand, Form::Host, &[
        "oast.pro", "oast.live", "oast.site", "oast.online", "oast.fun", "oast.me", "oastify.com",
        "interact.sh", "interactsh.com", "burpcollaborator.net", "dnslog.cn", "dnslog.link", "dnslog.pw",
        "ceye.io", "canarytokens.com", "canarytokens.org", "requestrepo.com", "dnsbin.zhack.ca", "xss.ht",
        "xsshunter.com", "bxss.me", "bxss.in", "dns.outbound.watchtowr.com", "r87.me", "eyes.sh",
        "digimg.store", "callback.red", "tu4.org", "pingb.in", "dnshook.site", "sslip.io", "nip.io",
    ]),
    group(Kind::Shortener, Form::HostInUrl, &[
        "bit.ly", "tinyurl.com", "is.gd", "v.gd", "t.ly", "cutt.ly", "rb.gy", "shorturl.at", "goo.gl",
        "ow.ly", "rebrand.ly", "tiny.cc", "s.id", "bl.ink", "adf.ly", "shorte.st", "soo.gd", "clck.ru",
        "u.to", "qr.ae", "lnkd.in", "buff.ly", "t.co", "dub.sh", "kutt.it", "grabify.link", "iplogger.org",
        "iplogger.com", "2no.co", "yip.su", "shrtco.de", "n9.cl", "urlz.fr", "x.co",
    ]),
    group(Kind::IpLookup, Form::Host, &[
        "ipify.org", "ipinfo.io", "ifconfig.me", "ifconfig.co", "ifconfig.io", "icanhazip.com",
        "ip-api.com", "checkip.amazonaws.com", "checkip.dyndns.org", "ipecho.net", "ident.me",
        "myexternalip.com", "wtfismyip.com", "ipapi.co", "freegeoip.app", "freegeoip.net", "api.myip.com",
        "ip.42.pl", "whatismyip.akamai.com", "ipwho.is", "ipwhois.app", "ipwhois.io", "geoplugin.net",
        "db-ip.com", "api.ip.sb", "jsonip.com", "extreme-ip-lookup.com", "httpbin.org/ip", "curlmyip.com",
        "ipgeolocation.io", "geolocation-db.com", "geojs.io", "trackip.net", "api.iplocation.net",
        "ipgeolocationapi.com", "whatismyipaddress.com", "eth0.me", "ip.seeip.org", "myip.opendns.com",
        "o-o.myaddr.l.google.com", "api.my-ip.io", "l2.io/ip",
    ]),
    group(Kind::CredentialPath, Form::Path, &[
        ".ssh/", "id_rsa", "id_ed25519", "id_ecdsa", "id_dsa", ".aws/credentials", ".aws/config",
        ".npmrc", ".pypirc", ".netrc", "_netrc", ".git-credentials", ".gem/credentials",
        ".cargo/credentials", ".docker/config.json", ".kube/config", ".config/gcloud", "gcloud/credentials.db",
        "application_default_credentials.json", ".azure/accesstokens.json", ".azure/msal_token_cache",
        ".config/gh/hosts.yml", ".terraform.d/credentials", ".vault-token", ".config/solana/id.json",
        ".gnupg/", "/etc/shadow", "/etc/passwd", ".bash_history", ".zsh_history", ".mysql_history",
        ".pgpass", ".my.cnf", "library/keychains", "login.keychain",
        "login data", "local extension settings", "local storage/leveldb", "network/cookies",
        "default/cookies", "cookies.sqlite", "logins.json", "key4.db", "key3.db", "chrome/user data",
        "edge/user data", "brave-browser/user data", "user data/local state", "user data/default",
        "google/chrome", ".config/google-chrome", ".config/chromium", "opera software/opera",
        "mozilla/firefox", "yandexbrowser/user data", "vivaldi/user data", "discordcanary", "discordptb",
        "lightcord", "telegram desktop/tdata", "steam/config", "minecraft/launcher_accounts.json",
        "filezilla/recentservers.xml", "winscp.ini",
        "wallet.dat", "exodus.wallet", "exodus/exodus", "electrum/wallets", "ethereum/keystore",
        "atomic/local storage", "coinomi/wallets", "guarda/local storage", ".electrum", ".bitcoin/",
        "jaxx/local storage", "ledger live", "seed.seco", "passphrase.json",
        "/proc/self/environ", "secrets/kubernetes.io/serviceaccount", "169.254.169.254",
        "metadata.google.internal", "claude_desktop_config.json", ".claude/.credentials.json",
    ]),
    group(Kind::CredentialPath, Form::Word, &[
        // Browser extension ids of wallets: MetaMask (Chrome, Edge), Phantom, TronLink,
        // Binance, Coinbase, Trust, Exodus, Ronin, Keplr, OKX.
        "nkbihfbeogaeaoehlefnkodbefgpgknn", "ejbalbakoplchlghecdalmeeeajnimhm",
        "bfnaelmomeimhlpmgjnjophhpkkoljpa", "ibnejdfjmmkpcnlpebklmnkoeoihofec",
        "fhbohimaelbohpjbbldcngcnapndodjp", "hnfanknocfeofbddgcijnmhnfnkdnaad",
        "egjidjbpglichdcondbcbdnbeeppgdph", "aholpfdialjgjfhomihkjbmgjidlcdno",
        "fnjhmkhhmkbjkkabndcnnogagogbneec", "dmkamcknogkgcdfhhbddcghachkejeap",
        "mcohilncbfahbmgdjkbpemcciiolgcge", "cryptunprotectdata",
    ]),
    group(Kind::SecretVariable, Form::Variable, &[
        "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "GH_TOKEN",
        "GITLAB_TOKEN", "CI_JOB_TOKEN", "NPM_TOKEN", "NODE_AUTH_TOKEN", "NPM_AUTH_TOKEN",
        "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS",
        "AZURE_CLIENT_SECRET", "AZURE_STORAGE_KEY", "TWINE_PASSWORD", "PYPI_TOKEN", "PYPI_API_TOKEN",
        "CARGO_REGISTRY_TOKEN", "GEM_HOST_API_KEY", "DOCKER_AUTH_CONFIG", "DOCKER_PASSWORD",
        "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "STRIPE_SECRET_KEY",
        "SLACK_BOT_TOKEN", "TELEGRAM_BOT_TOKEN", "DISCORD_TOKEN", "HEROKU_API_KEY", "SONAR_TOKEN",
        "VAULT_TOKEN", "DATABASE_URL", "CIRCLE_TOKEN", "CODECOV_TOKEN", "SENTRY_AUTH_TOKEN",
        "DIGITALOCEAN_ACCESS_TOKEN", "CLOUDFLARE_API_TOKEN", "VERCEL_TOKEN", "NETLIFY_AUTH_TOKEN",
    ]),
    group(Kind::SecretVariable, Form::VariableSuffix, &[
        "_SECRET", "_SECRET_KEY", "_TOKEN", "_PASSWORD", "_PASSWD", "_PRIVATE_KEY", "_API_KEY", "_APIKEY",
        "_ACCESS_KEY", "_CREDENTIALS", "MNEMONIC", "SEED_PHRASE", "PRIVATE_KEY",
    ]),
    group(Kind::AutostartPath, Form::Path, &[
        "/etc/cron", "/var/spool/cron", "/etc/systemd/system", "/lib/systemd/system",
        ".config/systemd/user", "library/launchagents", "library/launchdaemons", "currentversion/run",
        "start menu/programs/startup", "programs/startup", "/etc/rc.local", "/etc/init.d/",
        "/etc/profile.d/", "/etc/ld.so.preload", ".config/autostart", ".bashrc", ".zshrc",
        ".bash_profile", ".bash_login", ".zprofile", ".zshenv", ".config/fish/config.fish",
        ".ssh/authorized_keys", "authorized_keys",
    ]),
    group(Kind::AutostartPath, Form::DotFile, &[".profile", ".xinitrc", ".xprofile"]),
    group(Kind::AutostartPath, Form::Word, &["crontab", "schtasks"]),
    group(Kind::Miner, Form::Word, &[
        "xmrig", "xmr-stak", "stratum+tcp", "stratum+ssl", "stratum+udp", "minexmr", "coinhive", "coin-hive",
        "crypto-loot", "cryptoloot", "coinimp", "webminepool", "jsecoin", "deepminer", "cryptonight",
        "moneroocean", "supportxmr", "nanopool.org", "2miners.com", "hashvault.pro", "c3pool", "nicehash.com",
        "ethermine.org", "f2pool.com", "herominers.com", "monerohash.com", "unmineable.com", "xmrpool",
        "phoenixminer", "lolminer", "nbminer", "teamredminer", "cpuminer", "minerd", "kryptex.network",
        "randomx.xmrig.com", "pool.hashvault.pro", "kinsing",
    ]),
];

/// First labels after which any top-level domain follows.
pub(super) const HOST_PREFIXES: &[(Kind, &str)] = &[
    (Kind::OutOfBand, "oast."),
    (Kind::OutOfBand, "interactsh."),
    (Kind::OutOfBand, "dnslog."),
    (Kind::Tunnel, "ngrok."),
];

/// Top-level domains that were free or nearly so and carry far more abuse than honest
/// package traffic. Sorted.
pub(super) const RARE_TLDS: &[&str] = &[
    "bd", "beauty", "bid", "bond", "buzz", "cam", "cc", "cd", "cf", "cfd", "click", "cyou", "date",
    "download", "ga", "gdn", "gq", "hair", "icu", "ke", "lat", "loan", "lol", "makeup", "men",
    "ml", "monster", "mov", "mw", "party", "pw", "quest", "racing", "rest", "review", "sbs",
    "science", "stream", "su", "surf", "tk", "top", "trade", "uno", "win", "xin", "xyz", "zip",
];

/// Public resolvers that honest code names in URLs (DNS over HTTPS).
pub(super) const WELL_KNOWN_ADDRESSES: &[&str] = &[
    "1.0.0.1",
    "1.1.1.1",
    "8.8.4.4",
    "8.8.8.8",
    "9.9.9.9",
    "149.112.112.112",
    "208.67.222.222",
];
