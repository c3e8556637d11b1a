//! Steps about what only whoever asks can see: the difference of clocks, whether an API server calls when somebody comes
//! to it, and the files that a kube-apiserver is started with.

use jiff::{SignedDuration, Timestamp};

use super::cluster::CLIENT_IS_LATE;
use super::words::ends;
use super::{ClusterContact, Step};
use crate::contact::Hook;

/// A second is what the server's clock is told with; a few more are nobody's concern.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(10);
/// A token may be dated five minutes ahead at most, and all of fifteen minutes back.
const CLOCKS_REFUSE: SignedDuration = SignedDuration::from_mins(4);

/// By how much the server's clock is ahead of the one here.
pub fn clock(ahead: SignedDuration) -> Step {
    const NAME: &str = "clock";
    const REMEDY: &str = "set both clocks by NTP: tokens and requests are dated by whoever signs, and a server refuses \
                          tokens that are dated more than 5 minutes ahead of its clock or 15 behind";
    let seconds = ahead.as_secs();
    let found = match seconds {
        0 => "the clocks agree".to_owned(),
        1.. => format!("the server's clock is {seconds} s ahead of the one here"),
        _ => format!("the server's clock is {} s behind the one here", seconds.unsigned_abs()),
    };
    match ahead.abs() {
        apart if apart >= CLOCKS_REFUSE => Step::fail(NAME, found, REMEDY),
        apart if apart >= CLOCKS_DIFFER => Step::warn(NAME, found, REMEDY),
        _ => Step::ok(NAME, found),
    }
}

/// What came of two requests to a cluster's API server: one with a token of this scheme that is nobody's, one without any.
/// `before` and `after` are what the server counted.
pub fn probe(before: &ClusterContact, after: &ClusterContact, requests: &Result<(), String>, is_shared: bool) -> Step {
    const NAME: &str = "api-server-calls";
    let name = &before.name;
    let called = |hook| match hook {
        Hook::Authenticate => after.authenticate_calls > before.authenticate_calls,
        Hook::Authorize => after.authorize_calls > before.authorize_calls,
    };
    let step = match (requests, Hook::ALL.map(called)) {
        (Err(problem), _) => Step::warn(
            NAME,
            format!("the API server at {} cannot be asked from here: {problem}", before.endpoint),
            "ask from where it can be reached; `webhook-calls` tells when it called last",
        ),
        (Ok(()), [true, true]) => Step::ok(NAME, "asked with a token and without, it asked both webhooks"),
        (Ok(()), [true, false]) => Step::ok(
            NAME,
            "asked with a token, it asked the token webhook; what nobody may do anonymously it did not ask about, as \
             without anonymous access or with an answer that it remembers",
        ),
        (Ok(()), [false, _]) if is_shared => Step::warn(
            NAME,
            "asked with a token, it did not ask this server; another one of the same store may have been asked",
            "ask each server, with `--endpoint-url`",
        ),
        (Ok(()), [false, _]) => Step::fail(
            NAME,
            "asked with a token, it did not ask the token webhook: nobody comes in",
            "start its kube-apiserver with `--authentication-token-webhook-config-file`, as in `flags` of `doorward \
             init`, and see in its log whether it reaches the webhooks; check its file with `--webhook-config FILE`",
        ),
    };
    step.of(name)
}

/// A file that a kube-apiserver knows a webhook by, and what came of calling the webhook as the file says.
#[derive(Clone, Debug)]
pub struct WebhookFile {
    /// Its name.
    pub path: String,
    /// The webhook's URL.
    pub url: String,
    /// SHA-256 of each authority in it, in hexadecimal digits.
    pub authorities: Vec<String>,
    /// The cluster that the client certificate in it is for, and when it ends; none where there is no certificate.
    pub client: Option<(Option<String>, Timestamp)>,
    /// What came of the call.
    pub answer: Answer,
}

/// What came of calling a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The certificates of both sides were accepted, and that of the API server is the right one.
    Accepted,
    /// The server's answer was a refusal: its status and its words.
    Refused(u16, String),
    /// TLS failed.
    Tls(String),
    /// Nobody is there, or nothing that speaks HTTP.
    Unreachable(String),
}

/// Judges a file; `authority` is SHA-256 of the server's own, where that is known.
pub fn webhook_file(file: &WebhookFile, authority: Option<&str>, now: Timestamp) -> Step {
    const NAME: &str = "webhook-file";
    let WebhookFile { path, url, .. } = file;
    let cluster = cluster_of(url);
    let again = format!(
        "run `doorward init --cluster {} --out DIR` on the server's data folder again, and start the kube-apiserver with \
         the new files",
        cluster.unwrap_or("NAME")
    );
    let fail = |found: String, remedy: &str| Step::fail(NAME, format!("`{path}`: {found}"), remedy);
    let is_other_authority = authority.is_some_and(|own| !file.authorities.iter().any(|known| known == own));
    let step = match (&file.client, &file.answer) {
        _ if cluster.is_none() => fail(
            format!("{url} is not the address of a webhook"),
            "the path is /clusters/NAME/authenticate or /authorize",
        ),
        _ if is_other_authority => fail(
            "the authority in it is not this server's, so that the API server refuses to talk to it".to_owned(),
            &again,
        ),
        (Some((_, at)), _) if *at <= now => fail(format!("the client certificate {}", ends(*at, now)), &again),
        (Some((Some(of), _)), _) if Some(of.as_str()) != cluster => {
            fail(format!("the client certificate is that of the cluster `{of}`, and the path names another"), &again)
        }
        (_, Answer::Unreachable(problem)) => fail(
            format!("{url} cannot be reached from here: {problem}"),
            "see whether the server runs, and whether the address in the file is the one of `--webhook` as seen from there",
        ),
        (_, Answer::Tls(problem)) => fail(
            format!("TLS with {url} fails: {problem}"),
            &format!("if the name is not in the server's certificate, start it with `--webhook-name`; else {again}"),
        ),
        (_, Answer::Refused(status, words)) => fail(format!("{url} answers {status}: {}", words.trim()), &again),
        (Some((_, at)), Answer::Accepted) if at.duration_since(now) < CLIENT_IS_LATE => {
            Step::warn(NAME, format!("`{path}`: the client certificate {}", ends(*at, now)), again.clone())
        }
        (client, Answer::Accepted) => {
            let client = match client {
                Some((_, at)) => format!("the client certificate {}", ends(*at, now)),
                None => "there is no client certificate, and none is asked for".to_owned(),
            };
            Step::ok(NAME, format!("`{path}`: the server is trusted and answers; {client}"))
        }
    };
    match cluster {
        Some(cluster) => step.of(cluster),
        None => step,
    }
}

/// The cluster that the URL of a webhook names.
pub fn cluster_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("/clusters/")?;
    let (name, hook) = rest.split_once('/')?;
    (!name.is_empty() && Hook::ALL.iter().any(|known| known.name() == hook)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn now() -> Timestamp {
        "2026-01-10T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn clocks_may_differ_by_seconds_and_not_by_minutes() {
        for (seconds, verdict) in [
            (0, Verdict::Ok),
            (-9, Verdict::Ok),
            (10, Verdict::Warn),
            (-60, Verdict::Warn),
            (240, Verdict::Fail),
            (-300, Verdict::Fail),
        ] {
            assert_eq!(clock(SignedDuration::from_secs(seconds)).verdict, verdict, "{seconds}");
        }
        assert!(clock(SignedDuration::from_secs(-60)).message.contains("60 s behind"));
    }

    fn contact(authenticate_calls: u64, authorize_calls: u64) -> ClusterContact {
        ClusterContact {
            name: "demo".to_owned(),
            endpoint: "https://127.0.0.1:6443".to_owned(),
            certificate_authority: String::new(),
            authenticate_calls,
            authorize_calls,
        }
    }

    #[test]
    fn an_api_server_that_does_not_call_when_it_is_asked_lets_nobody_in() {
        let judge =
            |after: &ClusterContact, requests, is_shared| probe(&contact(3, 4), after, &requests, is_shared).verdict;
        assert_eq!(judge(&contact(4, 5), Ok(()), false), Verdict::Ok);
        assert_eq!(judge(&contact(4, 4), Ok(()), false), Verdict::Ok);
        assert_eq!(judge(&contact(3, 5), Ok(()), false), Verdict::Fail);
        assert_eq!(judge(&contact(3, 4), Ok(()), true), Verdict::Warn);
        assert_eq!(judge(&contact(3, 4), Err("refused".to_owned()), false), Verdict::Warn);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_the_worst_first() {
        let days = |days: i64| now() + SignedDuration::from_hours(days * 24);
        let good = WebhookFile {
            path: "f".to_owned(),
            url: "https://127.0.0.1:8443/clusters/demo/authenticate".to_owned(),
            authorities: vec!["aa".to_owned()],
            client: Some((Some("demo".to_owned()), days(100))),
            answer: Answer::Accepted,
        };
        let told = |file: &WebhookFile| {
            let step = webhook_file(file, Some("aa"), now());
            assert_eq!(step.remedy.is_some(), step.verdict != Verdict::Ok, "{step:?}");
            (step.verdict, step.message)
        };
        assert_eq!(told(&good).0, Verdict::Ok);
        assert_eq!(webhook_file(&good, None, now()).cluster.as_deref(), Some("demo"));
        let unreachable = Answer::Unreachable("refused".to_owned());
        for (file, verdict, words) in [
            (
                WebhookFile { authorities: vec!["bb".to_owned()], answer: Answer::Tls("x".to_owned()), ..good.clone() },
                Verdict::Fail,
                "authority",
            ),
            (
                WebhookFile { client: Some((None, days(-1))), answer: Answer::Tls("x".to_owned()), ..good.clone() },
                Verdict::Fail,
                "ended 24 h ago",
            ),
            (
                WebhookFile { client: Some((Some("other".to_owned()), days(9))), ..good.clone() },
                Verdict::Fail,
                "`other`",
            ),
            (
                WebhookFile { client: Some((Some("demo".to_owned()), days(9))), ..good.clone() },
                Verdict::Warn,
                "ends in 9 days",
            ),
            (WebhookFile { answer: unreachable, ..good.clone() }, Verdict::Fail, "cannot be reached"),
            (
                WebhookFile { answer: Answer::Refused(403, "no\n".to_owned()), ..good.clone() },
                Verdict::Fail,
                "answers 403: no",
            ),
            (
                WebhookFile { url: "https://127.0.0.1:8443/".to_owned(), ..good.clone() },
                Verdict::Fail,
                "not the address",
            ),
            (WebhookFile { client: None, ..good.clone() }, Verdict::Ok, "none is asked for"),
        ] {
            let (found, message) = told(&file);
            assert_eq!(found, verdict, "{message}");
            assert!(message.contains(words), "{message}");
        }
    }
}
