//! IAM `ListRoles` and `ListUsers`: the principals of the caller's own account, with real paths and unique ids. Query
//! protocol: a form in, XML out.

use doorward_core::directory::KnownPrincipal;
use doorward_core::principal::{PrincipalArn, PrincipalId};
use doorward_sigv4::query::encode;
use http::Method;

use super::client::{AwsClient, Call};
use super::endpoint::Service;
use super::error::AwsError;
use super::sts::element;

/// So many pages at most: a server that always has one more must not keep us for ever.
const MAX_PAGES: usize = 1_000;

impl AwsClient {
    /// Every role and user of the account.
    ///
    /// # Errors
    /// If IAM cannot be reached, or refuses.
    pub(crate) async fn list_principals(&self) -> Result<Vec<KnownPrincipal>, AwsError> {
        let mut principals = self.iam_list("ListRoles", "RoleId").await?;
        principals.extend(self.iam_list("ListUsers", "UserId").await?);
        Ok(principals)
    }

    async fn iam_list(&self, operation: &str, id: &str) -> Result<Vec<KnownPrincipal>, AwsError> {
        let (mut principals, mut marker) = (Vec::new(), String::new());
        for _ in 0..MAX_PAGES {
            let form = format!("Action={operation}&Version=2010-05-08&MaxItems=1000{marker}");
            let body = Some(("application/x-www-form-urlencoded; charset=utf-8", form.into_bytes()));
            let call = Call { service: Service::Iam, operation, method: Method::POST, path: "/", query: "", body };
            let answer = self.send(&call, self.credentials().await?).await?;
            let text = String::from_utf8_lossy(&answer);
            let page = text.split_once(&format!("<{operation}Result>")).map(|(_, page)| page);
            let page = page.ok_or_else(|| self.strange_iam(operation, "is no list"))?;
            principals.extend(members(page, id).ok_or_else(|| self.strange_iam(operation, "cannot be read"))?);
            match element(page, "Marker").filter(|_| element(page, "IsTruncated").as_deref() == Some("true")) {
                Some(next) => marker = format!("&Marker={}", encode(&next)),
                None => return Ok(principals),
            }
        }
        Err(self.strange_iam(operation, "never ends"))
    }

    fn strange_iam(&self, operation: &str, problem: &str) -> AwsError {
        AwsError::Answer {
            url: self.url_of(Service::Iam),
            operation: operation.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

/// The members of a page: none of what they hold in these lists has members in its turn.
fn members(page: &str, id: &str) -> Option<Vec<KnownPrincipal>> {
    let member = |text: &str| {
        let arn = PrincipalArn::parse(&element(text, "Arn")?).ok()?;
        Some(KnownPrincipal { arn, unique_id: Some(PrincipalId(element(text, id)?)) })
    };
    page.split("<member>").skip(1).map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gives_arns_and_unique_ids() {
        let page = "<Roles><member><Path>/t/</Path><Arn>arn:aws:iam::123456789012:role/t/a</Arn><RoleId>AROAA</RoleId>\
                    </member><member><RoleId>AROAB</RoleId><Arn>arn:aws:iam::123456789012:role/b</Arn></member></Roles>";
        let found = members(page, "RoleId").unwrap();
        let texts: Vec<_> =
            found.iter().map(|known| (known.arn.as_str(), known.unique_id.as_ref().unwrap().0.as_str())).collect();
        assert_eq!(
            texts,
            [("arn:aws:iam::123456789012:role/t/a", "AROAA"), ("arn:aws:iam::123456789012:role/b", "AROAB")]
        );
        assert_eq!(members("<Roles/>", "RoleId").unwrap(), []);
        assert!(members("<member><Arn>x</Arn></member>", "RoleId").is_none());
    }
}
