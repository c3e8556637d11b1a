//! STS and IAM on the API address: the query protocol at `/`.
//!
//! Which of the two is meant is said by what the request was signed for. A request for neither is answered as STS would.

use doorward_identity::Caller;
use doorward_identity::random::OsRandom;
use jiff::Timestamp;

use super::entry::{Api, Authenticated};
use super::http::{Answer, Incoming};
use crate::change::Change;
use crate::engine::Event;
use crate::error::WriteError;
use crate::query::{ApiError, Call, Format, Parameters, Service};
use crate::view::View;
use crate::{iam, sts};

impl From<WriteError> for ApiError {
    /// Nothing was changed, or nobody knows; the client may try again, unless what it asks for is too large.
    fn from(error: WriteError) -> Self {
        if error.is_too_large() {
            return Self::sender(
                "LimitExceeded",
                409,
                format!("Cannot exceed quota for the size of an object: {error}"),
            );
        }
        tracing::error!(%error, "a change could not be stored");
        if error.is_unknown() { Self::unconfirmed() } else { Self::internal() }
    }
}

/// The service that a request is for.
pub(super) fn service_of(incoming: &Incoming) -> Service {
    match Api::signed_for(incoming).as_deref() {
        Some("iam") => Service::Iam,
        _ => Service::Sts,
    }
}

pub(super) async fn answer(
    api: &Api,
    incoming: &Incoming,
    service: Service,
    now: Timestamp,
    request_id: &str,
) -> Answer {
    let format = Format::from_accept(incoming.header("accept"));
    match run(api, incoming, service, format, now, request_id).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::info!(request_id, code = error.code, error = error.message, "an API call was refused");
            Answer {
                status: error.status,
                content_type: format.content_type(),
                error_type: Some(error.code),
                body: error.to_body(service, format, request_id).into_bytes(),
            }
        }
    }
}

/// What all calls of one request have in common.
#[derive(Clone, Copy)]
struct Asked<'a> {
    api: &'a Api,
    region: &'a str,
    now: Timestamp,
    request_id: &'a str,
    format: Format,
}

impl Asked<'_> {
    fn call<'a>(&'a self, view: &'a View, caller: &'a Caller, random: &'a mut OsRandom) -> Call<'a> {
        Call {
            directory: &view.directory,
            sessions: &self.api.sessions,
            caller,
            region: self.region,
            now: self.now,
            request_id: self.request_id,
            format: self.format,
            random,
        }
    }
}

async fn run(
    api: &Api,
    incoming: &Incoming,
    service: Service,
    format: Format,
    now: Timestamp,
    request_id: &str,
) -> Result<Answer, ApiError> {
    let view = api.engine.view_owned();
    let name = service.name();
    let Authenticated { caller, region } = api.authenticate(&view, incoming, name, now)?;
    let parameters = Parameters::read(&incoming.query, &incoming.body)?;
    let asked = Asked { api, region: &region, now, request_id, format };
    let outcome = match service {
        Service::Sts => sts::run(&mut asked.call(&view, &caller, &mut OsRandom), parameters)?,
        Service::Iam if !iam::is_write(parameters.action()) => {
            iam::run(&mut asked.call(&view, &caller, &mut OsRandom), parameters)?
        }
        Service::Iam => {
            // A refusal need not wait for its turn to write.
            iam::permit(&asked.call(&view, &caller, &mut OsRandom), &parameters)?;
            let event = Event {
                by: caller.arn(),
                access_key_id: caller.access_key_id.clone(),
                action: format!("{name}:{}", parameters.action()),
                request_id: request_id.to_owned(),
                at: now,
            };
            let plan = |current: &View| {
                // Until it was this request's turn to write, the key or a permission may have been taken away;
                // both are in the directory.
                let again;
                let caller = if current.directory_version == view.directory_version {
                    &caller
                } else {
                    again = api.authenticate(current, incoming, name, now)?.caller;
                    &again
                };
                let mut outcome = iam::run(&mut asked.call(current, caller, &mut OsRandom), parameters.clone())?;
                let changes = std::mem::take(&mut outcome.changes).into_iter().map(Change::Directory).collect();
                Ok::<_, ApiError>((outcome, changes))
            };
            api.engine.write(event, plan).await?
        }
    };
    Ok(Answer {
        status: http::StatusCode::OK,
        content_type: outcome.format.content_type(),
        error_type: None,
        body: outcome.body.into_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use doorward_store::StoreError;

    use super::*;

    #[test]
    fn who_cannot_be_told_that_a_change_was_made_is_not_told_that_it_was_not() {
        let told = |error| ApiError::from(WriteError::Store(error)).message;
        let unknown = told(StoreError::Unknown("no answer".to_owned()));
        assert!(unknown.contains("may or may not have been made"), "{unknown}");
        assert!(told(StoreError::Full).contains("nothing was changed"));
    }
}
