//! The AWS provider against an STS that really verifies signatures: who is believed, and how often STS is asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::directory_sts::{DirectorySts, Mood};
use common::{World, credentials, now};
use doorward_core::principal::Principal;
use doorward_identity::Endpoint;
use doorward_identity::aws::{AwsConfig, AwsProvider, CacheLimits, IdentityError, StaticCredentials, StsLimits};
use doorward_identity::token::{PREFIX, encode};
use doorward_sigv4::{Credentials, SecretKey};
use futures::future::join_all;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

struct Aws {
    sts: Arc<DirectorySts>,
    provider: Arc<AwsProvider>,
}

impl Aws {
    fn new(config: AwsConfig) -> Self {
        let sts = Arc::new(DirectorySts::new(World::new().directory));
        let credentials = Arc::new(StaticCredentials(credentials()));
        let provider = Arc::new(AwsProvider::with_transport(config, sts.clone(), credentials).unwrap());
        Self { sts, provider }
    }

    async fn ask(&self, cluster: &str, token: &str) -> Result<Arc<Principal>, IdentityError> {
        self.provider.verify(cluster, token, now()).await
    }

    async fn outcome(&self, cluster: &str, token: &str) -> &'static str {
        self.ask(cluster, token).await.as_ref().map_or_else(IdentityError::reason, |_| "ok")
    }
}

fn token_of(region: &str, credentials: &Credentials, cluster: &str, seconds_ago: i64) -> String {
    let at = now() - SignedDuration::from_secs(seconds_ago);
    let endpoint = Endpoint::of_region(region).unwrap();
    encode(&endpoint, region, credentials, cluster, at).unwrap().expose_secret().to_owned()
}

/// Another token for each number.
fn token(number: i64) -> String {
    token_of("us-west-2", &credentials(), "demo", number)
}

/// A token that STS refuses.
fn forged(number: i64) -> String {
    let secret = SecretKey::new(format!("not the secret {number}"));
    let forger = Credentials::new(common::KEY_ID.to_owned(), secret, None).unwrap();
    token_of("us-west-2", &forger, "demo", 0)
}

fn limited(calls_per_second: u32, burst: u32) -> AwsConfig {
    AwsConfig { sts: StsLimits { calls_per_second, burst, ..StsLimits::default() }, ..AwsConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn a_good_token_is_believed_and_the_request_is_the_servers_own() {
    let aws = Aws::new(AwsConfig::default());
    let principal = aws.ask("demo", &token(0)).await.unwrap();
    assert_eq!(principal.arn, "arn:aws:iam::123456789012:user/alice");
    assert_eq!(principal.access_key_id, common::KEY_ID);
    let requests = aws.sts.requests.lock().unwrap();
    let request = &requests[0];
    assert_eq!((requests.len(), request.method().as_str()), (1, "GET"));
    assert!(request.uri().to_string().starts_with("https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity&"));
    let mut headers: Vec<(&str, &str)> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    headers.sort();
    let expected = [("accept", "application/json"), ("host", "sts.us-west-2.amazonaws.com"), ("x-k8s-aws-id", "demo")];
    assert_eq!(headers, expected);
    assert!(request.body().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_for_another_cluster_is_refused_by_its_signature() {
    let aws = Aws::new(AwsConfig::default());
    let for_other = token_of("us-west-2", &credentials(), "other", 0);
    assert_eq!(aws.outcome("demo", &for_other).await, "sts_refused");
    assert_eq!(aws.sts.calls(), 1);
    assert_eq!(aws.outcome("", &for_other).await, "no_cluster");
}

#[tokio::test(start_paused = true)]
async fn what_one_cluster_remembers_another_does_not_take() {
    let aws = Aws::new(AwsConfig::default());
    let token = token(0);
    assert_eq!(aws.outcome("demo", &token).await, "ok");
    assert_eq!(aws.outcome("other", &token).await, "sts_refused");
    assert_eq!(aws.outcome("demo", &token).await, "ok");
    assert_eq!(aws.sts.calls(), 2);
    // Nor the other way round: a refusal for one is none for the other.
    let token = token_of("us-west-2", &credentials(), "other", 1);
    assert_eq!(aws.outcome("demo", &token).await, "sts_refused");
    assert_eq!(aws.outcome("other", &token).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn many_copies_at_once_are_one_call_and_later_ones_none() {
    let aws = Aws::new(AwsConfig::default());
    let token = token(0);
    let outcomes = join_all((0..64).map(|_| aws.outcome("demo", &token))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == "ok"));
    assert_eq!(aws.sts.calls(), 1);
    assert_eq!(aws.outcome("demo", &token).await, "ok");
    assert_eq!(aws.sts.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn spelling_a_token_in_many_ways_costs_no_more_calls() {
    let aws = Aws::new(AwsConfig::default());
    let url = URL_SAFE_NO_PAD.decode(token(0).strip_prefix(PREFIX).unwrap()).unwrap();
    let url = String::from_utf8(url).unwrap();
    let (place, query) = url.split_once('?').unwrap();
    let mut pairs: Vec<&str> = query.split('&').collect();
    for turn in 0..pairs.len() {
        pairs.rotate_left(1);
        let mut query = pairs.join("&");
        if turn % 2 == 0 {
            query = query.replace("%2F", "/").replace("%3B", "%3b");
        }
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(format!("{place}?{query}")));
        assert_eq!(aws.outcome("demo", &token).await, "ok");
    }
    assert_eq!(aws.sts.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_first_and_goes_away_harms_nobody_and_saves_nobody_a_call() {
    let aws = Aws::new(AwsConfig::default());
    let token = token(0);
    for _ in 0..20 {
        let gone = tokio::time::timeout(Duration::from_millis(1), aws.ask("demo", &token)).await;
        assert!(gone.is_err());
    }
    assert_eq!(aws.outcome("demo", &token).await, "ok");
    assert_eq!(aws.sts.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_bad_token_sent_again_and_again_is_one_call_every_few_seconds() {
    let aws = Aws::new(AwsConfig::default());
    for _ in 0..200 {
        assert_eq!(aws.outcome("demo", &forged(0)).await, "sts_refused");
    }
    assert_eq!(aws.sts.calls(), 1);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(aws.outcome("demo", &forged(0)).await, "sts_refused");
    assert_eq!(aws.sts.calls(), 2);
    assert_eq!(aws.outcome("demo", &token(0)).await, "ok", "the same key with the right secret is not held back");
}

#[tokio::test(start_paused = true)]
async fn bad_tokens_do_not_push_out_good_ones() {
    let cache = CacheLimits { identities: 10, refusals: 10, ..CacheLimits::default() };
    let aws = Aws::new(AwsConfig { cache, ..limited(10_000, 10_000) });
    assert_eq!(aws.outcome("demo", &token(0)).await, "ok");
    for number in 0..100 {
        assert_eq!(aws.outcome("demo", &forged(number)).await, "sts_refused");
    }
    aws.sts.set(Mood::Unreachable);
    assert_eq!(aws.outcome("demo", &token(0)).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_is_no_call_and_what_is_known_is_answered_all_the_same() {
    let aws = Aws::new(limited(1, 6));
    assert_eq!(aws.outcome("demo", &token(0)).await, "ok");
    assert_eq!(aws.outcome("demo", &forged(1)).await, "sts_refused");
    assert_eq!(aws.outcome("demo", &forged(2)).await, "sts_refused");
    assert_eq!(aws.outcome("demo", &token(1)).await, "throttled_by_budget");
    assert_eq!(aws.sts.calls(), 3);
    assert_eq!(aws.outcome("demo", &token(0)).await, "ok");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(aws.outcome("demo", &token(1)).await, "ok", "running out is not remembered of a token");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_strangers_does_not_shut_out_those_who_were_let_in_before() {
    let aws = Aws::new(limited(1, 20));
    let alice = aws.ask("demo", &token(0)).await.unwrap();
    aws.provider.let_in(&alice).await;
    let stranger = |number: i64| {
        let secret = SecretKey::new("s".to_owned());
        let id = format!("AKIASTRANGER{number}");
        token_of("us-west-2", &Credentials::new(id, secret, None).unwrap(), "demo", 0)
    };
    let mut outcomes = Vec::new();
    for number in 0..500 {
        outcomes.push(aws.outcome("demo", &stranger(number)).await);
    }
    assert!(outcomes.iter().filter(|outcome| **outcome == "throttled_by_budget").count() > 450);
    assert_eq!(aws.outcome("demo", &token(1)).await, "ok", "a new token of a key that was let in");
}

#[tokio::test(start_paused = true)]
async fn only_so_many_calls_are_under_way() {
    let sts = StsLimits { in_flight: 2, ..StsLimits::default() };
    let aws = Aws::new(AwsConfig { sts, ..AwsConfig::default() });
    let tokens: Vec<String> = (0..5).map(token).collect();
    let mut outcomes = join_all(tokens.iter().map(|token| aws.outcome("demo", token))).await;
    outcomes.sort();
    assert_eq!(outcomes, ["ok", "ok", "throttled_in_flight", "throttled_in_flight", "throttled_in_flight"]);
}

#[tokio::test(start_paused = true)]
async fn throttling_by_aws_is_its_own_outcome_and_remembered_of_no_token() {
    let aws = Aws::new(AwsConfig::default());
    aws.sts.set(Mood::Throttling);
    for _ in 0..10 {
        assert_eq!(aws.outcome("demo", &token(0)).await, "throttled_by_aws");
    }
    assert!(aws.provider.failing_endpoints().is_empty(), "who throttles is there");
    aws.sts.set(Mood::Good);
    assert_eq!(aws.outcome("demo", &token(0)).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_is_left_alone_for_a_while_and_the_others_are_not() {
    let aws = Aws::new(AwsConfig::default());
    let host = "sts.us-west-2.amazonaws.com".to_owned();
    for mood in [Mood::Unreachable, Mood::Failing] {
        let before = aws.sts.calls();
        aws.sts.moods.lock().unwrap().insert(host.clone(), mood);
        let reason = if mood == Mood::Failing { "server_error" } else { "unreachable" };
        for _ in 0..5 {
            assert_eq!(aws.outcome("demo", &token(0)).await, reason);
        }
        assert_eq!(aws.outcome("demo", &token(1)).await, "breaker");
        assert_eq!(aws.sts.calls() - before, 5);
        assert_eq!(aws.provider.failing_endpoints(), [host.as_str()]);
        let elsewhere = token_of("eu-west-1", &credentials(), "demo", aws.sts.calls() as i64);
        assert_eq!(aws.outcome("demo", &elsewhere).await, "ok");
        // One call tries, the others wait for what it finds.
        tokio::time::advance(Duration::from_secs(5)).await;
        let (one, two) = (token(2), token(3));
        let tried = tokio::join!(aws.outcome("demo", &one), aws.outcome("demo", &two));
        assert_eq!(tried, (reason, "breaker"));
        aws.sts.moods.lock().unwrap().clear();
        tokio::time::advance(Duration::from_secs(5)).await;
        let (good, next) = (token(10 + aws.sts.calls() as i64), token(100 + aws.sts.calls() as i64));
        assert_eq!(aws.outcome("demo", &good).await, "ok");
        assert_eq!(aws.outcome("demo", &next).await, "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn an_identity_is_forgotten_when_its_time_or_its_token_ends() {
    let cache = CacheLimits { identity_seconds: 60, ..CacheLimits::default() };
    let aws = Aws::new(AwsConfig { cache, ..AwsConfig::default() });
    assert_eq!(aws.outcome("demo", &token(0)).await, "ok");
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(aws.outcome("demo", &token(0)).await, "ok");
    assert_eq!(aws.sts.calls(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(aws.outcome("demo", &token(0)).await, "ok");
    assert_eq!(aws.sts.calls(), 2);

    let aws = Aws::new(AwsConfig::default());
    let old = token(890);
    assert_eq!(aws.outcome("demo", &old).await, "ok");
    tokio::time::advance(Duration::from_secs(11)).await;
    // By the cache's clock alone; the check of the token's age comes before it.
    assert_eq!(aws.outcome("demo", &old).await, "ok");
    assert_eq!(aws.sts.calls(), 2);
    let later = now() + SignedDuration::from_secs(11);
    assert_eq!(aws.provider.verify("demo", &old, later).await.unwrap_err().reason(), "too_old");
}

#[tokio::test(start_paused = true)]
async fn what_can_be_refused_here_is_no_call() {
    let aws = Aws::new(AwsConfig { regions: vec!["us-west-2".to_owned()], ..AwsConfig::default() });
    let host = |from: &str, to: &str| {
        let url = URL_SAFE_NO_PAD.decode(token(0).strip_prefix(PREFIX).unwrap()).unwrap();
        let url = String::from_utf8(url).unwrap().replace(from, to);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(url))
    };
    for (token, reason) in [
        ("k8s-aws-v1.".to_owned(), "scheme"),
        (token_of("eu-west-1", &credentials(), "demo", 0), "host"),
        (token_of("us-gov-west-1", &credentials(), "demo", 0), "host"),
        (token_of("us-west-2", &credentials(), "demo", 901), "too_old"),
        (token_of("us-west-2", &credentials(), "demo", -400), "in_future"),
        (host("sts.us-west-2.amazonaws.com", "169.254.169.254"), "host"),
        (host("sts.us-west-2.amazonaws.com", "sts.us-west-2.amazonaws.com@evil.example"), "host"),
        (host("https:", "http:"), "scheme"),
        (host("Action=GetCallerIdentity", "Action=AssumeRole"), "value"),
    ] {
        assert_eq!(aws.outcome("demo", &token).await, reason);
    }
    assert_eq!(aws.sts.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_said_of_a_token_shows_it() {
    let aws = Aws::new(AwsConfig::default());
    let signature = |token: &str| {
        let url = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX).unwrap()).unwrap();
        String::from_utf8(url).unwrap().rsplit_once("X-Amz-Signature=").unwrap().1.to_owned()
    };
    for mood in [Mood::Good, Mood::Throttling, Mood::Failing, Mood::Unreachable] {
        aws.sts.set(mood);
        let token = forged(aws.sts.calls() as i64);
        let error = aws.ask("demo", &token).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&signature(&token)) && !shown.contains("AKIA") && !shown.contains("https://"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_observer_is_told_of_each_call_in_words_from_closed_lists() {
    let sts = Arc::new(DirectorySts::new(World::new().directory));
    // The endpoint, the outcome, and whether a call was made.
    type Told = Vec<(&'static str, &'static str, bool)>;
    let told = Arc::<std::sync::Mutex<Told>>::default();
    let observer = Arc::clone(&told);
    let provider = AwsProvider::with_transport(limited(1, 4), sts, Arc::new(StaticCredentials(credentials())))
        .unwrap()
        .with_observer(Arc::new(move |endpoint, outcome, took| {
            observer.lock().unwrap().push((endpoint, outcome, took.is_some()))
        }));
    for token in [token(0), token(0), forged(0), forged(0), forged(1)] {
        let _ = provider.verify("demo", &token, now()).await;
    }
    let told = told.lock().unwrap().clone();
    let of = |outcome, was_made| ("us-west-2", outcome, was_made);
    assert_eq!(told, [of("ok", true), of("sts_refused", true), of("throttled_by_budget", false)]);
}
