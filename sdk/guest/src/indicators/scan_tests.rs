use super::Kind;
use super::scan::{PER_KIND_LIMIT, scan};
use super::table::{Form, GROUPS, RARE_TLDS};

fn kinds(text: &str) -> Vec<(Kind, String)> {
    scan(text)
        .into_iter()
        .map(|found| (found.kind, found.text))
        .collect()
}

#[test]
fn hostile_texts_are_recognised() {
    for (text, kind, matched) in [
        (
            "post to https://webhook.site/aa-bb",
            Kind::Webhook,
            "webhook.site",
        ),
        (
            "'eo1.m.pipedream.net'",
            Kind::Webhook,
            "eo1.m.pipedream.net",
        ),
        ("https://x.BEECEPTOR.com/", Kind::Webhook, "x.BEECEPTOR.com"),
        ("tcp://0.tcp.ngrok.io:1234", Kind::Tunnel, "0.tcp.ngrok.io"),
        ("a.trycloudflare.com", Kind::Tunnel, "a.trycloudflare.com"),
        ("https://a.loca.lt", Kind::Tunnel, "a.loca.lt"),
        ("curl transfer.sh", Kind::PasteOrFileShare, "transfer.sh"),
        ("https://file.io/x", Kind::PasteOrFileShare, "file.io"),
        (
            "https://pastebin.com/raw/x",
            Kind::PasteOrFileShare,
            "pastebin.com",
        ),
        (
            "https://discord.com/api/webhooks/1/x",
            Kind::ChatApi,
            "discord.com/api/webhooks",
        ),
        (
            "https://api.telegram.org/bot1:x/send",
            Kind::ChatApi,
            "api.telegram.org",
        ),
        (
            "https://hooks.slack.com/services/",
            Kind::ChatApi,
            "hooks.slack.com",
        ),
        ("x.oast.fun", Kind::OutOfBand, "x.oast.fun"),
        (
            "http://abc.oast.newtld/",
            Kind::OutOfBand,
            "abc.oast.newtld",
        ),
        (
            "a.burpcollaborator.net.",
            Kind::OutOfBand,
            "a.burpcollaborator.net",
        ),
        ("http://bit.ly/abc", Kind::Shortener, "bit.ly"),
        ("curl bit.ly/abc", Kind::Shortener, "bit.ly"),
        ("https://evil.xyz/payload", Kind::RareTld, "evil.xyz"),
        ("https://user@evil.top:8080/", Kind::RareTld, "evil.top"),
        ("http://203.0.113.7/a.sh", Kind::PublicIp, "203.0.113.7"),
        ("http://example.com@192.0.2.1/", Kind::PublicIp, "192.0.2.1"),
        ("http://0xC0000201/", Kind::PublicIp, "0xC0000201"),
        ("http://3221225985/", Kind::PublicIp, "3221225985"),
        ("ws://[2001:db8::1]:80/", Kind::PublicIp, "[2001:db8::1]"),
        (
            "http://[64:ff9b::203.0.113.7]/",
            Kind::PublicIp,
            "[64:ff9b::203.0.113.7]",
        ),
        (
            "https://api.ipify.org?format=json",
            Kind::IpLookup,
            "api.ipify.org",
        ),
        ("~/.ssh/id_rsa", Kind::CredentialPath, ".ssh/"),
        (
            "C:\\\\Users\\\\x\\\\.aws\\\\credentials",
            Kind::CredentialPath,
            ".aws\\\\credentials",
        ),
        (
            "Google\\Chrome\\User Data",
            Kind::CredentialPath,
            "Google\\Chrome",
        ),
        ("/etc/shadow", Kind::CredentialPath, "/etc/shadow"),
        ("'.npmrc'", Kind::CredentialPath, ".npmrc"),
        ("NPM_TOKEN", Kind::SecretVariable, "NPM_TOKEN"),
        (
            "process.env.MY_APP_SECRET",
            Kind::SecretVariable,
            "MY_APP_SECRET",
        ),
        (
            "os.environ['WALLET_MNEMONIC']",
            Kind::SecretVariable,
            "WALLET_MNEMONIC",
        ),
        ("echo $DEPLOY_TOKEN", Kind::SecretVariable, "DEPLOY_TOKEN"),
        ("/etc/cron.d/x", Kind::AutostartPath, "/etc/cron"),
        (
            "Software\\Microsoft\\Windows\\CurrentVersion\\Run",
            Kind::AutostartPath,
            "CurrentVersion\\Run",
        ),
        ("~/.bashrc", Kind::AutostartPath, ".bashrc"),
        ("~/.profile", Kind::AutostartPath, ".profile"),
        (
            "stratum+tcp://pool.example:3333",
            Kind::Miner,
            "stratum+tcp",
        ),
        ("./xmrig -o", Kind::Miner, "xmrig"),
    ] {
        assert!(
            kinds(text).contains(&(kind, matched.into())),
            "{text:?} gave {:?}",
            kinds(text)
        );
    }
}

#[test]
fn honest_texts_are_left_alone() {
    for text in [
        "https://github.com/psf/requests",
        "see https://docs.example.org/x.top/y",
        "from file.io import reader",
        "profile.io/x",
        "notpastebin.com",
        "pastebin.com.example.org",
        "http://127.0.0.1:8000/ http://10.0.0.1/ http://192.168.1.1 http://[::1]:80/ http://[1200::1]/ http://0.0.0.0",
        "https://1.1.1.1/dns-query",
        "version 1.2.3.4 of 8.8.8.8",
        "STRING_TOKEN = EOF_TOKEN",
        "access_token, csrf_token",
        "user.profile .profile { color: red }",
        "$HOME/.profiler",
        "abc.xyz is a file",
        "the id_rsation of things",
        "://",
        "a://",
    ] {
        assert_eq!(kinds(text), [], "{text:?}");
    }
}

#[test]
fn overlapping_matches_of_a_kind_are_one() {
    assert_eq!(
        kinds("cat ~/.ssh/id_rsa"),
        [
            (Kind::CredentialPath, ".ssh/".into()),
            (Kind::CredentialPath, "id_rsa".into())
        ]
    );
    assert_eq!(kinds("DB_SECRET_KEY"), []);
    assert_eq!(
        kinds("'DB_SECRET_KEY'"),
        [(Kind::SecretVariable, "DB_SECRET_KEY".into())]
    );
}

#[test]
fn each_kind_is_bounded() {
    let text = "pastebin.com ".repeat(PER_KIND_LIMIT * 2) + "xmrig";
    let found = scan(&text);
    assert_eq!(found.len(), PER_KIND_LIMIT + 1);
}

#[test]
fn nothing_is_lost_or_doubled_between_pieces() {
    for before in (64 << 10) - 80..(64 << 10) + 20 {
        let text = " ".repeat(before) + "https://PASTEBIN.com/x" + &" ".repeat(70_000);
        assert_eq!(scan(&text).len(), 1, "{before}");
    }
}

#[test]
fn tables_are_as_the_scanner_expects() {
    assert!(RARE_TLDS.is_sorted());
    for group in GROUPS {
        for pattern in group.patterns {
            assert!(pattern.len() + 4 < 64, "longer than the overlap");
            let upper = matches!(group.form, Form::Variable | Form::VariableSuffix);
            assert_eq!(
                upper,
                !pattern.bytes().any(|byte| byte.is_ascii_lowercase())
                    && pattern.bytes().any(|byte| byte.is_ascii_uppercase()),
                "{pattern}"
            );
        }
    }
}

proptest::proptest! {
    #[test]
    fn ranges_are_inside_and_ordered(text in "([a-z./:@\\\\\"'_A-Z0-9é]|://|pastebin\\.com|_TOKEN|oast\\.|\\.ssh/){0,60}") {
        let found = scan(&text);
        assert!(found.is_sorted_by_key(|found| found.range.start));
        for one in found {
            assert_eq!(&text[one.range.clone()], one.text);
        }
    }
}
