//! STS `AssumeRole`. Query protocol: a form in, XML out.

use doorward_sigv4::Credentials;
use doorward_sigv4::query::encode;
use jiff::Timestamp;

use super::client::{AwsClient, Call};
use super::credentials::{Lease, credentials};
use super::endpoint::Service;
use super::error::AwsError;

/// What is sent to assume a role.
#[derive(Clone, Debug)]
pub(crate) struct AssumeRole {
    pub(crate) role_arn: String,
    pub(crate) session_name: String,
    pub(crate) external_id: Option<String>,
    pub(crate) duration_seconds: Option<String>,
}

/// Who calls, as STS says it.
#[derive(Clone, Debug)]
pub(crate) struct CallerIdentity {
    pub(crate) account: String,
    pub(crate) arn: String,
    pub(crate) user_id: String,
}

impl AwsClient {
    /// `GetCallerIdentity`.
    ///
    /// # Errors
    /// If STS cannot be reached, or refuses.
    pub(crate) async fn caller_identity(&self) -> Result<CallerIdentity, AwsError> {
        let operation = "GetCallerIdentity";
        let form = "Action=GetCallerIdentity&Version=2011-06-15".to_owned();
        let answer = self.send(&sts_call(operation, form), self.credentials().await?).await?;
        let text = String::from_utf8_lossy(&answer);
        let part = |name: &str| self.part(&text, name, operation);
        Ok(CallerIdentity { account: part("Account")?, arn: part("Arn")?, user_id: part("UserId")? })
    }

    /// An element that the answer must have.
    fn part(&self, text: &str, name: &str, operation: &str) -> Result<String, AwsError> {
        element(text, name).ok_or_else(|| self.unusable(operation, format!("has no `{name}`")))
    }

    /// An answer that is not what STS answers.
    fn unusable(&self, operation: &str, problem: String) -> AwsError {
        AwsError::Answer { url: self.url_of(Service::Sts), operation: operation.to_owned(), problem }
    }

    /// Assumes a role with these credentials.
    ///
    /// # Errors
    /// If STS cannot be reached, or refuses.
    pub(super) async fn assume_role(&self, role: &AssumeRole, with: &Credentials) -> Result<Lease, AwsError> {
        let mut form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn={}&RoleSessionName={}",
            encode(&role.role_arn),
            encode(&role.session_name)
        );
        for (name, value) in [("ExternalId", &role.external_id), ("DurationSeconds", &role.duration_seconds)] {
            if let Some(value) = value {
                form.push_str(&format!("&{name}={}", encode(value)));
            }
        }
        let operation = format!("AssumeRole for `{}`", role.role_arn);
        let answer = self.send(&sts_call(&operation, form), with).await?;
        let text = String::from_utf8_lossy(&answer);
        let part = |name: &str| self.part(&text, name, &operation);
        let (id, secret, token) = (part("AccessKeyId")?, part("SecretAccessKey")?, part("SessionToken")?);
        let no_time = |_| self.unusable(&operation, "has an `Expiration` that is no time".to_owned());
        let ends: Timestamp = part("Expiration")?.parse().map_err(no_time)?;
        let credentials = credentials(&id, &secret, Some(&token), "the role's session")?;
        Ok(Lease { credentials, ends: Some(ends) })
    }
}

fn sts_call(operation: &str, form: String) -> Call<'_> {
    Call {
        service: Service::Sts,
        operation,
        method: http::Method::POST,
        path: "/",
        query: "",
        body: Some(("application/x-www-form-urlencoded; charset=utf-8", form.into_bytes())),
    }
}

/// The text of the first element of this name that holds text only.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    // `&amp;` last, or it would make new ones.
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    Some(text.replace("&apos;", "'").replace("&amp;", "&").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_and_their_entities_replaced() {
        let xml = "<R><Credentials><AccessKeyId>A</AccessKeyId><S>a&amp;lt;&lt;b&gt;</S></Credentials></R>";
        assert_eq!(element(xml, "AccessKeyId").as_deref(), Some("A"));
        assert_eq!(element(xml, "S").as_deref(), Some("a&lt;<b>"));
        assert_eq!(element(xml, "SessionToken"), None);
    }
}
