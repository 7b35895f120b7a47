//! Deploying, looking, promoting, rolling back, yanking, disabling.

use packguard_platform::model::Scope;
use packguard_tests::EMPTY;
use reqwest::Method;
use serde_json::json;

use super::lab::{Lab, digest, guest, send, sign, signed};

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_published_looked_at_and_moved() {
    let lab = Lab::start(&[]).await;
    let first = send(lab.deploy("empty", "0.1.0", EMPTY)).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let data = first.data();
    assert_eq!(data["version"]["sha256"], digest(EMPTY));
    assert_eq!(data["version"]["publisher"], "acme");
    assert_eq!(data["version"]["contract"], "packguard:analyzer@1.0.0");
    assert_eq!(data["version"]["signature"], json!(null));
    assert_eq!(data["version"]["descriptor"]["name"], "empty");
    let imports = data["version"]["capabilities"].as_array().expect("imports");
    assert!(!imports.is_empty());
    assert!(
        data["version"]["measures"]["smoke_fuel"]
            .as_u64()
            .expect("fuel")
            > 0
    );
    assert_eq!(data["changes"], json!(null));
    assert_eq!(lab.stored().await, [1, 1, 0, 1, 1]);

    // The next one is told what it changes; the same component costs no second object.
    let bytes = guest("empty", "0.2.0");
    let second = send(lab.deploy("empty", "0.2.0", bytes.clone())).await;
    let changes = &second.data()["changes"];
    assert_eq!(changes["since"], "0.1.0");
    assert_eq!(changes["capabilities"], json!({"added": [], "removed": []}));
    assert_eq!(changes["size_bytes_before"], EMPTY.len());
    assert!(
        changes["measures_before"]["load_us"]
            .as_u64()
            .expect("a time")
            > 0
    );
    assert_eq!(lab.stored().await, [1, 2, 0, 2, 2]);

    let path = "/api/v1/functions/empty/versions/0.2.0/component/";
    let component = lab.request(&lab.deployer.1, Method::GET, path).send().await;
    let component = component.expect("an answer").bytes().await.expect("bytes");
    assert_eq!(component, bytes);

    // Aliases: forward, back, and not to what was yanked or disabled.
    let rollback = "/api/v1/functions/empty/aliases/stable/rollback/";
    let rollback = || send(lab.request(&lab.deployer.1, Method::POST, rollback));
    assert_eq!(rollback().await.status, 404);
    assert_eq!(
        lab.promote("empty", "0.1.0").await.data()["from"],
        json!(null)
    );
    assert_eq!(rollback().await.code(), "no_previous_version");
    assert_eq!(lab.promote("empty", "0.2.0").await.data()["from"], "0.1.0");
    let back = rollback().await;
    assert_eq!(back.data()["to"], "0.1.0");
    assert_eq!(back.data()["sha256"], digest(EMPTY));
    assert_eq!(lab.promote("empty", "9.9.9").await.status, 404);
    for (change, code) in [
        (json!({"yanked": true}), "version_yanked"),
        (
            json!({"yanked": false, "disabled": true, "reason": "it is slow"}),
            "version_disabled",
        ),
    ] {
        let path = "/api/v1/functions/empty/versions/0.2.0/";
        let request = lab.request(&lab.deployer.1, Method::PATCH, path);
        let changed = send(request.json(&change)).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        let refused = lab.promote("empty", "0.2.0").await;
        assert_eq!((refused.status, refused.code()), (409, code));
    }
    let function = lab.get("/api/v1/functions/empty/").await;
    assert_eq!(function.data()["aliases"], json!({"stable": "0.1.0"}));
    let moves = function.data()["moves"].as_array().expect("moves").clone();
    let kinds: Vec<_> = moves.iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["rollback", "promote", "promote"]);
    assert_eq!(moves[0]["from"], "0.2.0");
    let list = lab.get("/api/v1/functions/").await;
    assert_eq!(list.data()["items"][0]["versions"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn published_versions_never_change() {
    let lab = Lab::start(&[]).await;
    lab.publish("empty", "0.1.0").await;
    let changed = sqlx::query("UPDATE function_versions SET sha256 = sha256(''::bytea)")
        .execute(&lab.app.db)
        .await;
    let error = changed.expect_err("it is refused").to_string();
    assert!(error.contains("never changes"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_publish_what() {
    let lab = Lab::start(&[]).await;
    let admin = lab.key("admin", &[Scope::Admin]).await;
    let path = "/api/v1/admin/publishers/acme/namespaces/alpha/";
    let reserved = send(lab.request(&admin.1, Method::PUT, path)).await;
    assert_eq!(reserved.status, 200, "{}", reserved.body);
    let by_stranger = |name: &str, bytes: Vec<u8>| {
        let path = format!("/api/v1/functions/?name={name}&version=0.1.0");
        send(
            lab.request(&lab.stranger.1, Method::POST, &path)
                .body(bytes),
        )
    };
    for name in ["alpha", "alpha-two"] {
        let refused = by_stranger(name, guest("alpha", "0.1.0")).await;
        assert_eq!((refused.status, refused.code()), (403, "name_taken"));
    }
    assert_eq!(lab.stored().await, [0; 5]);
    // Nobody's name is whose who comes first.
    let taken = by_stranger("empty", EMPTY.to_vec()).await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    let own = taken.data()["version"]["publisher"].clone();
    assert_eq!(own, format!("key-{}", lab.stranger.0));
    let refused = send(lab.deploy("empty", "0.2.0", guest("empty", "0.2.0"))).await;
    assert_eq!((refused.status, refused.code()), (403, "name_taken"));
    assert_eq!(lab.promote("empty", "0.1.0").await.code(), "name_taken");
    // And the scope is needed.
    let path = "/api/v1/functions/?name=other&version=0.1.0";
    let refused = send(lab.request(&lab.client.1, Method::POST, path).body(EMPTY)).await;
    assert_eq!(refused.code(), "forbidden");
    let refused = send(lab.request(
        &lab.deployer.1,
        Method::PUT,
        "/api/v1/admin/publishers/acme/namespaces/all/",
    ))
    .await;
    assert_eq!(refused.code(), "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_disabled_only_an_admin_enables() {
    let lab = Lab::start(&[]).await;
    lab.publish("empty", "0.1.0").await;
    let admin = lab.key("admin", &[Scope::Admin]).await;
    let path = "/api/v1/functions/empty/versions/0.1.0/";
    let patch = async |secret: &str, change: serde_json::Value| {
        let request = lab.request(secret, Method::PATCH, path);
        send(request.json(&change)).await
    };
    let (own, admin) = (lab.deployer.1.as_str(), admin.1.as_str());
    let disable = |reason: &str| json!({"disabled": true, "reason": reason});
    let enable = json!({"disabled": false, "yanked": true});
    // Its own it enables by itself.
    assert_eq!(patch(own, disable("it is slow")).await.status, 200);
    assert_eq!(patch(own, enable.clone()).await.status, 200);
    assert_eq!(patch(own, json!({"yanked": false})).await.status, 200);

    assert_eq!(patch(admin, disable("it lies")).await.status, 200);
    // To disable it once more makes it nobody else's.
    let kept = patch(own, disable("it is mine")).await;
    assert_eq!(kept.data()["disabled_reason"], "it lies");
    let refused = patch(own, enable.clone()).await;
    assert_eq!(
        (refused.status, refused.code()),
        (403, "disabled_by_admin"),
        "{}",
        refused.body
    );
    let row = lab.get(path).await;
    assert_eq!(row.data()["disabled_reason"], "it lies");
    assert_eq!(row.data()["yanked_at"], json!(null));
    let enabled = patch(admin, enable.clone()).await;
    assert_eq!(enabled.data()["disabled_at"], json!(null));
    // Forgotten then.
    assert_eq!(patch(own, disable("it is slow")).await.status, 200);
    assert_eq!(patch(own, enable).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_deploys_than_there_is_room_for_are_told_to_wait() {
    let lab = Lab::start(&[]).await;
    let deploys = &lab.app.service.deploys;
    let all = u32::try_from(deploys.available_permits()).expect("few");
    let others = deploys.acquire_many(all).await.expect("it is open");
    let answer = lab.deploy("empty", "0.1.0", EMPTY).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "5");
    let body: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(body["code"], "unavailable");
    assert_eq!(lab.stored().await, [0; 5]);
    drop(others);
    for (version, status) in [("0.1.0", 201), ("0.2.0", 422)] {
        let answer = send(lab.deploy("empty", version, EMPTY)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    assert_eq!(u32::try_from(deploys.available_permits()), Ok(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_are_verified_and_good_for_one_version_only() {
    let lab = Lab::start(&[("FUNCTION_SIGNATURES", "required")]).await;
    let unsigned = send(lab.deploy("empty", "0.1.0", EMPTY)).await;
    assert_eq!(
        (unsigned.status, unsigned.code()),
        (422, "signature_required")
    );
    let signature = sign("empty", "0.1.0", EMPTY).await;
    // Replayed: for another version, another name, another publisher's key.
    for (name, version) in [("empty", "0.2.0"), ("alpha", "0.1.0")] {
        let request = lab.deploy(name, version, guest(name, version));
        let replayed = send(signed(request, &signature)).await;
        assert_eq!(
            (replayed.status, replayed.code()),
            (422, "signature_invalid")
        );
    }
    // For another component that says the same of itself: one with a custom section more.
    let other = [EMPTY, &[0, 2, 1, b'x']].concat();
    let replayed = send(signed(lab.deploy("empty", "0.1.0", other), &signature)).await;
    assert_eq!(
        (replayed.status, replayed.code()),
        (422, "signature_invalid")
    );
    let path = "/api/v1/functions/?name=empty&version=0.1.0";
    let request = lab.request(&lab.stranger.1, Method::POST, path).body(EMPTY);
    let stolen = send(signed(request, &signature)).await;
    assert_eq!(stolen.code(), "signature_unknown_key");
    for broken in ["", "AAAA"] {
        let request = lab.deploy("empty", "0.1.0", EMPTY);
        assert_eq!(
            send(signed(request, broken)).await.code(),
            "invalid_request"
        );
    }
    assert_eq!(lab.stored().await, [0; 5]);
    let good = send(signed(lab.deploy("empty", "0.1.0", EMPTY), &signature)).await;
    assert_eq!(good.data()["version"]["signature"], signature);
}
