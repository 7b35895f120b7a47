use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::guard::GuardedResolver;
use super::send::pause;
use super::{Guard, Secret, Sender, UrlProblem};
use crate::config::WebhookConfig;
use crate::db::deliveries::Due;

const STRICT: fn() -> Guard = || Guard::new(false);

/// The example of the specification's reference implementations.
#[test]
fn signs_as_the_specification_says() {
    let secret = Secret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    let signature = secret.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
    assert_eq!(
        signature.unwrap(),
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
    );
}

#[test]
fn secrets_are_read_as_they_are_shown() {
    let secret = Secret::random().unwrap();
    let shown = secret.expose();
    assert_eq!(Secret::parse(&shown).unwrap().expose(), shown);
    assert_ne!(Secret::random().unwrap().expose(), shown);
    for wrong in ["", "whsec_", "whsec_!", &shown[6..]] {
        assert!(Secret::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn pauses_make_about_a_day() {
    let all = |random: f64| {
        (1..8)
            .map(|attempt| pause(attempt, random))
            .sum::<Duration>()
    };
    assert_eq!(all(0.0), Duration::from_secs(81_370));
    assert!(all(1.0) < Duration::from_secs(29 * 3_600));
    assert_eq!(pause(1, 0.0), Duration::from_secs(10));
    assert_eq!(pause(29, 0.0), pause(7, 0.0));
}

#[test]
fn urls_that_may_not_be_delivered_to_are_named() {
    let wrong = |text: &str| STRICT().parse(text).unwrap_err();
    assert_eq!(wrong("example.com/hook"), UrlProblem::NoUrl);
    assert_eq!(wrong("https://exa\tmple.com/"), UrlProblem::NoUrl);
    assert_eq!(wrong("http://example.com/"), UrlProblem::NotHttps);
    assert_eq!(wrong("ftp://example.com/"), UrlProblem::NotHttps);
    assert_eq!(wrong("https://u:p@example.com/"), UrlProblem::Credentials);
    assert_eq!(wrong("https://u@example.com/"), UrlProblem::Credentials);
    assert_eq!(wrong("https://example.com:25/"), UrlProblem::Port(25));
    let long = format!("https://example.com/{}", "a".repeat(2_048));
    assert_eq!(wrong(&long), UrlProblem::TooLong);
    for private in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://127.0.0.1./",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[fd00:ec2::254]/",
        "https://100.64.0.1/",
    ] {
        assert_eq!(wrong(private), UrlProblem::Private, "{private}");
    }
    for good in [
        "https://example.com/hook",
        "https://example.com:8443/?a=b",
        "https://203.0.113.5/",
    ] {
        assert!(STRICT().parse(good).is_ok(), "{good}");
    }
    let lax = Guard::new(true);
    assert!(lax.parse("http://127.0.0.1:8080/").is_ok());
    assert_eq!(lax.parse("file:///etc/hosts"), Err(UrlProblem::NotHttp));
    assert_eq!(lax.parse("http://127.0.0.1:22/"), Err(UrlProblem::Port(22)));
}

fn inside() -> impl Strategy<Value = Ipv4Addr> {
    let within = |net: [u8; 4], bits: u32| {
        any::<u32>().prop_map(move |host| {
            let mask = u32::MAX.checked_shr(bits).unwrap_or(0);
            Ipv4Addr::from(u32::from_be_bytes(net) & !mask | host & mask)
        })
    };
    prop_oneof![
        within([0, 0, 0, 0], 8),
        within([10, 0, 0, 0], 8),
        within([100, 64, 0, 0], 10),
        within([127, 0, 0, 0], 8),
        within([169, 254, 0, 0], 16),
        within([172, 16, 0, 0], 12),
        within([192, 168, 0, 0], 16),
        within([198, 18, 0, 0], 15),
        within([224, 0, 0, 0], 4),
        within([240, 0, 0, 0], 4),
    ]
}

proptest! {
    #[test]
    fn nothing_inside_passes_however_it_is_written(v4 in inside()) {
        let [a, b, c, d] = v4.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let written = [
            IpAddr::V4(v4),
            v4.to_ipv6_mapped().into(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low).into(),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low).into(),
        ];
        for address in written {
            prop_assert!(!STRICT().allows(address), "{address}");
            prop_assert!(Guard::new(true).allows(address));
            let host = SocketAddr::new(address, 8443);
            prop_assert_eq!(STRICT().parse(&format!("https://{host}/")), Err(UrlProblem::Private));
        }
        let number = u32::from(v4);
        for host in [format!("{number}"), format!("{number:#x}"), format!("{a}.{b}.{}", u16::from_be_bytes([c, d]))] {
            prop_assert_eq!(STRICT().parse(&format!("https://{host}/")), Err(UrlProblem::Private));
        }
    }

    #[test]
    fn ipv6_outside_of_global_unicast_never_passes(bits in any::<u128>()) {
        let address = Ipv6Addr::from(bits);
        let global = address.segments()[0] & 0xe000 == 0x2000;
        let embedded = address.to_ipv4_mapped().is_some() || address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
        prop_assert!(global || embedded || !STRICT().allows(address.into()));
    }

    #[test]
    fn whatever_is_taken_is_https_without_credentials(text in "[hH]ttps?://[a-z0-9@:.\\[\\]/%-]{0,40}") {
        if let Ok(url) = STRICT().parse(&text) {
            prop_assert_eq!(url.scheme(), "https");
            prop_assert!(url.username().is_empty() && url.password().is_none());
            // What is kept is read the same again.
            prop_assert_eq!(STRICT().parse(url.as_str()), Ok(url.clone()));
        }
    }
}

/// A name server that is the attacker's.
struct Names(Vec<IpAddr>);

impl Resolve for Names {
    fn resolve(&self, _: Name) -> Resolving {
        let found: Vec<_> = self.0.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
    }
}

fn due(url: String) -> Due {
    Due {
        id: 7,
        webhook: 3,
        url,
        secret: Secret::random().unwrap().expose(),
        previous_secret: None,
        event: "webhook.test".into(),
        attempts: 1,
        task: None,
        purl: None,
        verdict: None,
        score: None,
        error_category: None,
        error_message: None,
    }
}

fn config() -> WebhookConfig {
    WebhookConfig {
        allow_private: false,
        attempts: 8,
        timeout: Duration::from_secs(20),
    }
}

#[tokio::test]
async fn only_allowed_addresses_reach_the_connector() {
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let public = IpAddr::from([203, 0, 113, 9]);
    let resolve = async |found: Vec<IpAddr>| {
        let resolver = GuardedResolver::new(STRICT(), Arc::new(Names(found)));
        let found = resolver.resolve("hook.example.com".parse().unwrap()).await;
        found.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>())
    };
    assert_eq!(resolve(vec![loopback, public]).await.unwrap(), [public]);
    assert!(
        resolve(vec![loopback, "::1".parse().unwrap()])
            .await
            .is_err()
    );
    assert!(resolve(vec![]).await.is_err());
}

/// DNS rebinding: the name passed every check when the webhook was made, and resolves to
/// something inside at the moment of delivery.
#[tokio::test]
async fn a_name_that_turns_inward_is_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).await.unwrap();
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        read
    });
    let names = || Arc::new(Names(vec![Ipv4Addr::LOCALHOST.into()]));
    let url = format!("https://hook.example.com:{port}/");
    STRICT().parse(&url).unwrap();

    let sender = Sender::with_names(&config(), STRICT(), names()).unwrap();
    let refused = sender.send(&due(url)).await;
    assert_eq!(refused.status, None);
    let error = refused.error.unwrap();
    assert!(
        error.ends_with("resolves to private addresses only"),
        "{error}"
    );
    assert!(!served.is_finished());

    // The same with the guard open arrives: it was the guard that kept the other one away.
    let sender = Sender::with_names(&config(), Guard::new(true), names()).unwrap();
    let taken = sender
        .send(&due(format!("http://hook.example.com:{port}/")))
        .await;
    assert_eq!((taken.status, taken.error), (Some(204), None));
    assert!(served.await.unwrap() > 0);
}

#[tokio::test]
async fn a_literal_is_checked_before_each_attempt() {
    let sender = Sender::new(&config(), STRICT()).unwrap();
    let refused = sender.send(&due("https://127.0.0.1:8443/".into())).await;
    assert_eq!(refused.error.unwrap(), UrlProblem::Private.to_string());
}
