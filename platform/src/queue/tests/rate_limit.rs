//! What keys may submit.

use std::time::Duration;

use super::harness::Server;
use crate::model::KeyId;
use crate::queue::rate_limit::RateLimiter;

#[tokio::test]
async fn rate_limits() {
    let server = Server::start(&[]);
    let limiter = RateLimiter::new(&server.queue().await);
    let look = limiter.take(KeyId(1), 0, 10).await.unwrap();
    assert!(look.allowed);
    assert_eq!(
        (look.limit, look.remaining, look.reset),
        (10, 10, Duration::ZERO)
    );
    assert_eq!(server.keys().await, [""; 0], "looking leaves nothing");
    let first = limiter.take(KeyId(1), 7, 10).await.unwrap();
    assert!(first.allowed && first.remaining == 3 && first.retry_after.is_none());
    assert!(first.reset > Duration::from_secs(3590) && first.reset <= Duration::from_secs(3600));
    // More than is left takes nothing.
    let second = limiter.take(KeyId(1), 4, 10).await.unwrap();
    assert!(!second.allowed && second.remaining == 3);
    assert_eq!(second.retry_after, Some(second.reset));
    assert_eq!(
        limiter.take(KeyId(1), 11, 10).await.unwrap().retry_after,
        None,
        "never fits"
    );
    assert!(limiter.take(KeyId(1), 3, 10).await.unwrap().allowed);
    assert!(!limiter.take(KeyId(1), 1, 10).await.unwrap().allowed);
    let look = limiter.take(KeyId(1), 0, 10).await.unwrap();
    assert!(look.allowed && look.remaining == 0);
    assert_eq!(
        limiter.take(KeyId(1), 0, 5).await.unwrap().remaining,
        0,
        "lowered"
    );
    assert!(
        limiter.take(KeyId(2), 1, 1).await.unwrap().allowed,
        "by key"
    );
    assert!(!limiter.take(KeyId(3), u32::MAX, 0).await.unwrap().allowed);
    limiter.give_back(KeyId(1), 4).await.unwrap();
    assert_eq!(limiter.take(KeyId(1), 0, 10).await.unwrap().remaining, 4);
    limiter.give_back(KeyId(1), u32::MAX).await.unwrap();
    limiter.give_back(KeyId(4), 4).await.unwrap();
    assert_eq!(limiter.take(KeyId(1), 0, 10).await.unwrap().remaining, 10);
    // The window ends an hour after its first submission, not its last.
    let key = "{analysis_tasks}:rate:00000000000000000001";
    let _: u8 = server.command(&["PEXPIRE", key, "60000"]).await;
    let third = limiter.take(KeyId(1), 1, 10).await.unwrap();
    assert!(third.reset <= Duration::from_secs(60), "{third:?}");
    let _: u8 = server.command(&["PEXPIRE", key, "0"]).await;
    assert_eq!(limiter.take(KeyId(1), 1, 10).await.unwrap().remaining, 9);
}

#[tokio::test]
async fn a_limit_holds_when_many_take_at_once() {
    let server = Server::start(&[]);
    let limiter = RateLimiter::new(&server.queue().await);
    let taking = (0..200).map(|_| limiter.take(KeyId(1), 3, 100));
    let decisions = futures_util::future::join_all(taking).await;
    let allowed = decisions
        .into_iter()
        .filter(|d| d.as_ref().unwrap().allowed);
    assert_eq!(allowed.count(), 33);
}
