//! STS: three operations on the query protocol. What they decide is in [`doorward_identity::sts`].

use doorward_identity::session::SessionCredentials;
use doorward_identity::sts::{AssumeRole, assume_role, get_caller_identity, get_session_token};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::query::{ApiError, Call, Format, Outcome, Parameters, Service, Xml, timestamp};

/// Runs the operation that the parameters ask for. None of them changes anything.
///
/// # Errors
/// In AWS's words.
pub fn run(call: &mut Call<'_>, mut parameters: Parameters) -> Result<Outcome, ApiError> {
    Service::Sts.expect_version(&mut parameters)?;
    match parameters.action() {
        "GetCallerIdentity" => caller_identity(call, parameters),
        "AssumeRole" => assume(call, parameters),
        "GetSessionToken" => session_token(call, parameters),
        other => Err(ApiError::unknown_action(other, Some(Service::Sts.version()))),
    }
}

fn caller_identity(call: &Call<'_>, parameters: Parameters) -> Result<Outcome, ApiError> {
    parameters.finish()?;
    let identity = get_caller_identity(call.caller);
    if call.format == Format::Json {
        let result = json!({ "Account": identity.account, "Arn": identity.arn, "UserId": identity.user_id });
        let response = json!({
            "GetCallerIdentityResponse": {
                "GetCallerIdentityResult": result,
                "ResponseMetadata": { "RequestId": call.request_id },
            }
        });
        return Ok(Outcome { body: response.to_string(), format: Format::Json, changes: Vec::new() });
    }
    Ok(respond(call, "GetCallerIdentity", |xml| {
        xml.text("Arn", &identity.arn);
        xml.text("UserId", &identity.user_id);
        xml.text("Account", &identity.account);
    }))
}

fn assume(call: &mut Call<'_>, mut parameters: Parameters) -> Result<Outcome, ApiError> {
    let role_arn = parameters.require("RoleArn")?;
    let session_name = parameters.require("RoleSessionName")?;
    let duration_seconds = parameters.take_number("DurationSeconds")?;
    let external_id = parameters.take("ExternalId");
    parameters.finish()?;
    let request = AssumeRole {
        role_arn: &role_arn,
        session_name: &session_name,
        duration_seconds,
        external_id: external_id.as_deref(),
        region: call.region,
    };
    let assumed = assume_role(call.directory, call.sessions, call.caller, &request, call.now, call.random)?;
    Ok(respond(call, "AssumeRole", |xml| {
        xml.element("AssumedRoleUser", |xml| {
            xml.text("AssumedRoleId", &assumed.id);
            xml.text("Arn", &assumed.arn);
        });
        write_credentials(xml, &assumed.credentials);
    }))
}

fn session_token(call: &mut Call<'_>, mut parameters: Parameters) -> Result<Outcome, ApiError> {
    let duration_seconds = parameters.take_number("DurationSeconds")?;
    parameters.finish()?;
    let credentials = get_session_token(call.sessions, call.caller, duration_seconds, call.now, call.random)?;
    Ok(respond(call, "GetSessionToken", |xml| write_credentials(xml, &credentials)))
}

fn write_credentials(xml: &mut Xml, credentials: &SessionCredentials) {
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &credentials.access_key_id);
        xml.text("SecretAccessKey", credentials.secret_access_key.expose_secret());
        xml.text("SessionToken", credentials.session_token.expose_secret());
        xml.text("Expiration", &timestamp(credentials.expiration));
    });
}

fn respond(call: &Call<'_>, action: &str, result: impl FnOnce(&mut Xml)) -> Outcome {
    Outcome::xml(Service::Sts, action, call.request_id, Vec::new(), Some(result))
}

#[cfg(test)]
mod tests;
