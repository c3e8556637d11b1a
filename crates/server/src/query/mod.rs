//! AWS's query protocol, which STS and IAM speak: parameters in a form, answers in XML.
//!
//! Source: Smithy, "AWS query protocol"; IAM and STS API References, "Making query requests" and "Common errors".

mod error;
mod page;
mod parameters;
#[cfg(test)]
pub(crate) mod testing;
mod xml;

use doorward_identity::directory::{Change, Directory};
use doorward_identity::{Caller, Random, SessionKey};
use jiff::Timestamp;

pub use error::{ApiError, Fault};
pub use parameters::Parameters;

pub(crate) use page::Page;
pub(crate) use xml::Xml;

/// What an operation works with, beside its parameters.
pub struct Call<'a> {
    /// The directory as it is now.
    pub directory: &'a Directory,
    /// What session tokens are sealed with.
    pub sessions: &'a SessionKey,
    /// Who calls, by a signature that held.
    pub caller: &'a Caller,
    /// The region that the request was signed for.
    pub region: &'a str,
    /// The time.
    pub now: Timestamp,
    /// The request's id, which the answer repeats.
    pub request_id: &'a str,
    /// In which form the answer is to be written.
    pub format: Format,
    /// Where ids and secrets come from.
    pub random: &'a mut dyn Random,
}

/// In which form an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// What the SDKs expect.
    Xml,
    /// What verifiers of EKS tokens ask STS for. Only `GetCallerIdentity` and errors have this form.
    Json,
}

impl Format {
    /// By the header `Accept`: JSON only if that is all that is asked for.
    pub fn from_accept(accept: Option<&str>) -> Self {
        match accept.map(str::trim) {
            Some(value) if value.eq_ignore_ascii_case("application/json") => Self::Json,
            _ => Self::Xml,
        }
    }

    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "text/xml",
            Self::Json => "application/json",
        }
    }
}

/// What an operation answers, once its changes are stored. The body may have a new secret in it: never log it.
pub struct Outcome {
    /// The answer, in the form of [`Outcome::format`].
    pub body: String,
    /// How the body is written.
    pub format: Format,
    /// What has to be stored before the answer is given.
    pub changes: Vec<Change>,
}

impl Outcome {
    /// An answer in XML: `<ACTIONResponse><ACTIONResult>…</ACTIONResult>…`; without a result for an action that has no
    /// output at all.
    pub(crate) fn xml(
        service: Service,
        action: &str,
        request_id: &str,
        changes: Vec<Change>,
        result: Option<impl FnOnce(&mut Xml)>,
    ) -> Self {
        let mut xml = Xml::default();
        xml.root(&format!("{action}Response"), service.namespace(), |xml| {
            if let Some(result) = result {
                xml.element(&format!("{action}Result"), result);
            }
            xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
        });
        Self { body: xml.into_string(), format: Format::Xml, changes }
    }
}

/// A service that speaks this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// IAM.
    Iam,
    /// STS.
    Sts,
}

impl Service {
    /// As requests are signed for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    /// The namespace of its answers.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }

    /// The version that requests name.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
        }
    }

    /// Checks that a request means this service.
    pub(crate) fn expect_version(self, parameters: &mut Parameters) -> Result<(), ApiError> {
        match parameters.take("Version") {
            Some(version) if version == self.version() => Ok(()),
            version => Err(ApiError::unknown_action(parameters.action(), version.as_deref())),
        }
    }
}

/// A time as both services write it: UTC, whole seconds.
pub(crate) fn timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
