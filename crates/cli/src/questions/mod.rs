//! `doorward can-i`, `who-can` and `why`: questions about a World. What decides stands in `doorward_core::questions`;
//! here are flags and words.

pub(crate) mod can_i;
mod list;
pub(crate) mod who_can;
pub(crate) mod why;

use clap::Args;
use doorward_core::questions::{Caller, Decision, Place, Request, rule_about};
use doorward_core::world::World;
use doorward_core::world_document::WorldDocument;

pub(crate) use can_i::CanIArgs;
pub(crate) use who_can::WhoCanArgs;
pub(crate) use why::WhyArgs;

use crate::error::CliError;
use crate::talk::Talk;
use crate::world::WorldArgs;

/// The namespace where none is given, as for kubectl.
const DEFAULT_NAMESPACE: &str = "default";

/// Whom a question is about.
#[derive(Debug, Args)]
pub(crate) struct CallerArgs {
    /// The ARN of a role, a role's session, or a user.
    #[arg(long = "as", value_name = "ARN")]
    arn: String,
    /// The name of the role's session; it matters only where usernames or groups contain it.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
}

impl CallerArgs {
    fn caller(&self, world: &World) -> Result<Caller, CliError> {
        Ok(Caller::parse(&self.arn, self.session.as_deref(), world.directory())?)
    }
}

/// Where somebody wants to do something.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The namespace [default: `default`; any, for `--list` and `who-can`].
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// All namespaces at once: a cluster-wide request.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
}

impl PlaceArgs {
    fn place(&self) -> Place {
        match (&self.namespace, self.all_namespaces) {
            (_, true) => Place::AllNamespaces,
            (Some(namespace), _) => Place::Namespace(namespace.clone()),
            (None, _) => Place::Namespace(DEFAULT_NAMESPACE.to_owned()),
        }
    }
}

/// Reads a request, and says what of it had to be guessed.
fn request(
    verb: &str,
    resource: &str,
    name: Option<&str>,
    subresource: Option<&str>,
    place: &PlaceArgs,
    talk: Talk,
) -> Result<Request, CliError> {
    let (request, notes) = Request::parse(verb, resource, name, subresource, &place.place())?;
    notes.iter().for_each(|note| talk.note(note));
    if place.namespace.is_some() && !request.is_in_a_namespace() {
        talk.note(format_args!("`{resource}` is in no namespace, so `-n` does not matter"));
    }
    Ok(request)
}

/// Reads the World, and says if a part is missing that every answer needs.
async fn load(args: &WorldArgs, talk: Talk) -> Result<(WorldDocument, World), CliError> {
    let document = args.load(talk).await?;
    if document.rbac.is_none() {
        talk.warning(
            "RBAC is not known (`--rbac FILE`), so that answers are about identities and access policies alone",
        );
    }
    let world = document.to_world()?;
    Ok((document, world))
}

/// A decision about a request, in a sentence.
fn reason(decision: &Decision<'_>, asked: &Request) -> String {
    match decision {
        Decision::NotLetIn(_) => not_let_in(decision),
        Decision::Bypass => "a member of `system:masters`, which passes every check".to_owned(),
        Decision::Allowed(permission) => {
            format!("{}: {}", permission.by, rule_about(permission.rule, &asked.attributes()))
        }
        Decision::No => "let in, and nothing allows it".to_owned(),
    }
}

fn not_let_in(decision: &Decision<'_>) -> String {
    let Decision::NotLetIn(refusal) = decision else { return String::new() };
    format!("not let into the cluster: {refusal}")
}

/// The name of a decision in answers for programs.
fn decision_name(decision: &Decision<'_>) -> &'static str {
    match decision {
        Decision::NotLetIn(_) => "notLetIn",
        Decision::Bypass => "bypass",
        Decision::Allowed(_) => "allowed",
        Decision::No => "no",
    }
}
