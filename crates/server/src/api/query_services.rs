//! STS and IAM on the API address: the query protocol at `/`.
//!
//! Which of the two is meant is said by what the request was signed for. A request for neither is answered as STS would.

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
    /// Nothing was changed; the client may try again.
    fn from(error: WriteError) -> Self {
        tracing::error!(%error, "a change could not be stored");
        Self::internal()
    }
}

pub(super) async fn answer(api: &Api, incoming: &Incoming, now: Timestamp, request_id: &str) -> Answer {
    let service = match Api::signed_for(incoming).as_deref() {
        Some("iam") => Service::Iam,
        _ => Service::Sts,
    };
    let format = Format::from_accept(incoming.header("accept"));
    match run(api, incoming, service, format, now, request_id).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::info!(request_id, code = error.code, message = error.message, "an API call was refused");
            Answer {
                status: error.status,
                content_type: format.content_type(),
                error_type: Some(error.code),
                body: error.to_body(service, format, request_id).into_bytes(),
            }
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
    let name = match service {
        Service::Iam => "iam",
        Service::Sts => "sts",
    };
    let Authenticated { caller, .. } = api.authenticate(&view, incoming, name, now)?;
    let parameters = Parameters::read(&incoming.query, &incoming.body)?;
    let action = parameters.action().to_owned();
    let operation = |view: &View| {
        let call = &mut Call {
            directory: &view.directory,
            sessions: &api.sessions,
            caller: &caller,
            now,
            request_id,
            format,
            random: &mut OsRandom,
        };
        match service {
            Service::Iam => iam::run(call, parameters),
            Service::Sts => sts::run(call, parameters),
        }
    };
    let outcome = if service == Service::Iam && iam::is_write(&action) {
        let event = Event {
            by: caller.arn(),
            access_key_id: caller.access_key_id.clone(),
            action: format!("{name}:{action}"),
            request_id: request_id.to_owned(),
            at: now,
        };
        let plan = |view: &View| {
            let mut outcome = operation(view)?;
            let changes = std::mem::take(&mut outcome.changes).into_iter().map(Change::Directory).collect();
            Ok::<_, ApiError>((outcome, changes))
        };
        api.engine.write(event, plan).await?
    } else {
        operation(&view)?
    };
    Ok(Answer {
        status: http::StatusCode::OK,
        content_type: outcome.format.content_type(),
        error_type: None,
        body: outcome.body.into_bytes(),
    })
}
