//! The cases of `cases/sts-reply`, and the answers that they describe.

use doorward_core::partition::Partition;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) description: String,
    #[serde(default = "ok")]
    pub(crate) status: u16,
    arn: Option<String>,
    account: Option<String>,
    user_id: Option<String>,
    partition: Option<String>,
    body: Option<String>,
    replace: Option<(String, String)>,
    append: Option<String>,
    /// Spaces behind the body, until it has so many bytes.
    pad_to: Option<usize>,
    /// Whether more spaces follow for ever.
    #[serde(default)]
    pub(crate) endless: bool,
    content_type: Option<String>,
    pub(crate) encoding: Option<String>,
    pub(crate) canonical: Option<String>,
    pub(crate) id_is: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) outcome: Option<String>,
}

fn ok() -> u16 {
    200
}

impl Case {
    fn plain_body(&self) -> String {
        let mut body = self.body.clone().unwrap_or_else(|| {
            let or = |value: &Option<String>, default: &str| {
                serde_json::to_string(value.as_deref().unwrap_or(default)).unwrap()
            };
            let arn = or(&self.arn, "arn:aws:iam::123456789012:user/alice");
            let (account, id) = (or(&self.account, "123456789012"), or(&self.user_id, "AIDAEXAMPLE"));
            format!(
                r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{"Account":{account},"Arn":{arn},"UserId":{id}}},"ResponseMetadata":{{"RequestId":"r"}}}}}}"#
            )
        });
        if let Some((old, new)) = &self.replace {
            assert!(body.contains(old), "{}: `{old}` is not in the body", self.id);
            body = body.replacen(old, new, 1);
        }
        body + self.append.as_deref().unwrap_or_default()
    }

    pub(crate) fn content_type(&self) -> Option<&str> {
        Some(self.content_type.as_deref().unwrap_or("application/json")).filter(|value| *value != "none")
    }

    pub(crate) fn partition(&self) -> Partition {
        Partition::from_name(self.partition.as_deref().unwrap_or("aws")).unwrap()
    }

    /// The body, without its end if it has none.
    pub(crate) fn body(&self) -> String {
        let body = self.plain_body();
        let spaces = self.pad_to.map_or(0, |length| length - body.len());
        body + &" ".repeat(spaces)
    }

    /// Whether the case is about how an answer is received, so that there is nothing to see once it is a value.
    pub(crate) fn is_about_receiving(&self) -> bool {
        self.endless || self.pad_to.is_some()
    }

    /// The answer's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Status\r\nlocation: http://127.0.0.1:1/\r\n", self.status);
        for (name, value) in [("content-type", self.content_type()), ("content-encoding", self.encoding.as_deref())] {
            if let Some(value) = value {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let body = if self.status == 204 { String::new() } else { self.body() };
        if self.status != 204 && !self.endless {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        format!("{head}\r\n{body}").into_bytes()
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let folder = format!("{}/../../cases/sts-reply", env!("CARGO_MANIFEST_DIR"));
    ["identities.yaml", "refusals.yaml"]
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
            serde_saphyr::from_str::<Vec<Case>>(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
        })
        .collect()
}
