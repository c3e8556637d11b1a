//! From JSON to a [`WorldDocument`], by hand: an error is to say where something stands and what was probably meant.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::error::WorldDocumentError as Error;
use super::{
    AssociationDocument, AwsAuthDocument, ClusterIdentity, EntryDocument, Kind, VERSION, WorldDocument,
    authenticator_named, aws_auth, rbac,
};
use crate::access_entry::{EntryType, Tags};
use crate::access_policy::AccessPolicyArn;
use crate::access_scope::AccessScope;
use crate::arn::printable;
use crate::authentication_mode::AuthenticationMode;
use crate::directory::KnownPrincipal;
use crate::principal::{PrincipalArn, PrincipalId};
use crate::suggestion::hint;

const TOP: &str = "the World";
const TOP_KEYS: [&str; 10] = [
    "kind",
    "version",
    "cluster",
    "authenticationMode",
    "authenticator",
    "creator",
    "accessEntries",
    "awsAuth",
    "rbac",
    "directory",
];
/// What DescribeAccessEntry prints, and the associations.
const ENTRY_KEYS: [&str; 10] = [
    "clusterName",
    "principalArn",
    "kubernetesGroups",
    "accessEntryArn",
    "createdAt",
    "modifiedAt",
    "tags",
    "username",
    "type",
    "associatedAccessPolicies",
];
const ASSOCIATION_KEYS: [&str; 4] = ["policyArn", "accessScope", "associatedAt", "modifiedAt"];

pub(super) fn document(value: &Value) -> Result<WorldDocument, Error> {
    let fields = Fields::of(value, TOP.to_owned())?;
    match fields.text("kind")? {
        Some("World") => {}
        Some(other) => return Err(Error::value("kind", format!("`{}`, expected `World`", printable(other)))),
        None => return Err(fields.missing("kind", "expected a World, as `doorward world export` prints it")),
    }
    match fields.get("version") {
        Some(version) if version.as_u64() == Some(VERSION) => {}
        found => {
            let found = found.map_or("(none)".to_owned(), |found| printable(&found.to_string()));
            return Err(Error::Version { found });
        }
    }
    fields.only(&TOP_KEYS)?;
    let mode = fields.text("authenticationMode")?;
    let mode = mode.ok_or_else(|| fields.missing("authenticationMode", "expected `API`, for one"))?;
    let authenticator = fields.text("authenticator")?;
    let authenticator = authenticator.ok_or_else(|| fields.missing("authenticator", "expected `eks` or `doorward`"))?;
    Ok(WorldDocument {
        kind: Kind::World,
        version: VERSION,
        cluster: fields.get("cluster").map(cluster).transpose()?,
        authentication_mode: AuthenticationMode::from_name(mode).ok_or_else(|| {
            let expected = "expected `CONFIG_MAP`, `API_AND_CONFIG_MAP` or `API`";
            Error::value("authenticationMode", format!("`{}`, {expected}", printable(mode)))
        })?,
        authenticator: authenticator_named(authenticator).ok_or_else(|| {
            Error::value("authenticator", format!("`{}`, expected `eks` or `doorward`", printable(authenticator)))
        })?,
        creator: fields.get("creator").map(|value| known_principal(value, "creator")).transpose()?,
        access_entries: fields.get("accessEntries").map_or(Ok(Vec::new()), |value| entries(value, "accessEntries"))?,
        aws_auth: fields.get("awsAuth").map(aws_auth_document).transpose()?,
        rbac: fields.get("rbac").map(|value| rbac::objects(list(value, "rbac")?.iter().cloned())).transpose()?,
        directory: fields.get("directory").map(|value| principals(value, "directory")).transpose()?,
    })
}

/// Access entries, sorted by principal; each principal has one.
pub(super) fn entries(value: &Value, place: &str) -> Result<Vec<EntryDocument>, Error> {
    let items = list(value, place)?.iter().enumerate();
    let mut entries =
        items.map(|(at, value)| entry(value, &format!("{place}[{at}]"))).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|a, b| a.principal_arn.cmp(&b.principal_arn));
    if let Some((_, twice)) =
        entries.iter().zip(entries.iter().skip(1)).find(|(a, b)| a.principal_arn == b.principal_arn)
    {
        let problem = format!("`{}` has two access entries; a principal has one", twice.principal_arn);
        return Err(Error::value(place, problem));
    }
    Ok(entries)
}

fn entry(value: &Value, place: &str) -> Result<EntryDocument, Error> {
    let fields = Fields::of(value, place.to_owned())?;
    // `aws eks describe-access-entry` prints the entry below this key.
    if let Some(inner) = fields.get("accessEntry") {
        fields.only(&["accessEntry", "associatedAccessPolicies"])?;
        let mut entry = entry(inner, &fields.place_of("accessEntry"))?;
        if let Some(beside) = fields.get("associatedAccessPolicies") {
            entry.associated_access_policies = associations(beside, &fields.place_of("associatedAccessPolicies"))?;
        }
        return Ok(entry);
    }
    fields.only(&ENTRY_KEYS)?;
    let principal_arn = principal(&fields, "principalArn")?;
    let type_name = fields.text("type")?.unwrap_or(EntryType::Standard.name());
    // Of a type that is not known yet, no defaults are either.
    let known_type = EntryType::from_name(type_name);
    let username = match (fields.text("username")?, known_type) {
        (Some(username), _) => username.to_owned(),
        (None, Some(known)) => {
            let default = known.default_username(&principal_arn);
            default.map_err(|error| Error::value(place, error.to_string()))?.as_str().to_owned()
        }
        (None, None) => return Err(fields.missing("username", "expected what DescribeAccessEntry prints")),
    };
    let groups = match fields.get("kubernetesGroups") {
        Some(groups) => texts(groups, &fields.place_of("kubernetesGroups"))?,
        None => known_type.map(EntryType::default_groups).unwrap_or_default(),
    };
    let associations = fields.get("associatedAccessPolicies");
    Ok(EntryDocument {
        associated_access_policies: associations.map_or(Ok(Vec::new()), |value| associations_of(&fields, value))?,
        tags: tags(&fields)?,
        access_entry_arn: fields.text("accessEntryArn")?.map(str::to_owned),
        created_at: fields.timestamp("createdAt")?,
        modified_at: fields.timestamp("modifiedAt")?,
        principal_arn,
        r#type: type_name.to_owned(),
        username,
        kubernetes_groups: groups,
    })
}

fn associations_of(fields: &Fields<'_>, value: &Value) -> Result<Vec<AssociationDocument>, Error> {
    associations(value, &fields.place_of("associatedAccessPolicies"))
}

/// Associated access policies, sorted; each policy is there once.
pub(super) fn associations(value: &Value, place: &str) -> Result<Vec<AssociationDocument>, Error> {
    let items = list(value, place)?.iter().enumerate();
    let mut all =
        items.map(|(at, value)| association(value, &format!("{place}[{at}]"))).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| a.policy_arn.cmp(&b.policy_arn));
    if let Some((_, twice)) =
        all.iter().zip(all.iter().skip(1)).find(|(a, b)| a.policy_arn.name() == b.policy_arn.name())
    {
        return Err(Error::value(place, format!("`{}` is associated twice; a policy is once", twice.policy_arn)));
    }
    Ok(all)
}

fn association(value: &Value, place: &str) -> Result<AssociationDocument, Error> {
    let fields = Fields::of(value, place.to_owned())?;
    fields.only(&ASSOCIATION_KEYS)?;
    let arn =
        fields.text("policyArn")?.ok_or_else(|| fields.missing("policyArn", "expected an access policy's ARN"))?;
    let policy_arn = AccessPolicyArn::parse(arn).map_err(|_| {
        let expected = "expected an ARN such as `arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy`";
        Error::value(&fields.place_of("policyArn"), format!("`{}`, {expected}", printable(arn)))
    })?;
    let scope = fields.get("accessScope").ok_or_else(|| {
        fields.missing("accessScope", "expected `{\"type\": \"cluster\"}` or one of type `namespace` with `namespaces`")
    })?;
    let scope = Fields::of(scope, fields.place_of("accessScope"))?;
    scope.only(&["type", "namespaces"])?;
    let kind = scope.text("type")?.ok_or_else(|| scope.missing("type", "expected `cluster` or `namespace`"))?;
    let namespaces = scope.get("namespaces");
    let namespaces = namespaces.map_or(Ok(Vec::new()), |value| texts(value, &scope.place_of("namespaces")))?;
    Ok(AssociationDocument {
        policy_arn,
        access_scope: AccessScope::parse(kind, &namespaces)
            .map_err(|error| Error::value(&scope.place, error.to_string()))?,
        associated_at: fields.timestamp("associatedAt")?,
        modified_at: fields.timestamp("modifiedAt")?,
    })
}

/// A directory: principals with their unique ids.
pub(super) fn principals(value: &Value, place: &str) -> Result<Vec<KnownPrincipal>, Error> {
    let items = list(value, place)?.iter().enumerate();
    let mut all =
        items.map(|(at, value)| known_principal(value, &format!("{place}[{at}]"))).collect::<Result<Vec<_>, _>>()?;
    all.sort();
    all.dedup();
    Ok(all)
}

fn known_principal(value: &Value, place: &str) -> Result<KnownPrincipal, Error> {
    let fields = Fields::of(value, place.to_owned())?;
    fields.only(&["arn", "uniqueId"])?;
    let unique_id = fields.text("uniqueId")?.map(|id| PrincipalId(id.to_owned()));
    Ok(KnownPrincipal { arn: principal(&fields, "arn")?, unique_id })
}

fn cluster(value: &Value) -> Result<ClusterIdentity, Error> {
    let fields = Fields::of(value, "cluster".to_owned())?;
    fields.only(&["name", "arn"])?;
    let name = fields.text("name")?.ok_or_else(|| fields.missing("name", "expected the cluster's name"))?;
    Ok(ClusterIdentity { name: name.to_owned(), arn: fields.text("arn")?.map(str::to_owned) })
}

fn aws_auth_document(value: &Value) -> Result<AwsAuthDocument, Error> {
    let fields = Fields::of(value, "awsAuth".to_owned())?;
    fields.only(&["data"])?;
    let data = fields.get("data").ok_or_else(|| fields.missing("data", "expected the ConfigMap's `data`"))?;
    Ok(AwsAuthDocument { data: aws_auth::texts_of(data)? })
}

fn principal(fields: &Fields<'_>, key: &'static str) -> Result<PrincipalArn, Error> {
    let arn = fields.text(key)?.ok_or_else(|| fields.missing(key, "expected the ARN of a role or a user"))?;
    PrincipalArn::parse(arn).map_err(|error| Error::value(&fields.place_of(key), error.to_string()))
}

fn tags(fields: &Fields<'_>) -> Result<Tags, Error> {
    let Some(value) = fields.get("tags") else { return Ok(Tags::new()) };
    let place = fields.place_of("tags");
    let tags = Fields::of(value, place.clone())?;
    let text = |(key, value): (&String, &Value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        _ => Err(Error::value(&place, format!("the value of `{}` is not text", printable(key)))),
    };
    tags.map.iter().map(text).collect()
}

fn texts(value: &Value, place: &str) -> Result<Vec<String>, Error> {
    let text = |(at, value): (usize, &Value)| match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(Error::value(&format!("{place}[{at}]"), format!("{}, expected text", shown(other)))),
    };
    list(value, place)?.iter().enumerate().map(text).collect()
}

pub(super) fn list<'v>(value: &'v Value, place: &str) -> Result<&'v [Value], Error> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(Error::value(place, format!("{}, expected a list", shown(other)))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => format!("`{}`", printable(&other.to_string())),
    }
}

/// An object, and where it stands.
struct Fields<'v> {
    map: &'v Map<String, Value>,
    place: String,
}

impl<'v> Fields<'v> {
    fn of(value: &'v Value, place: String) -> Result<Self, Error> {
        match value {
            Value::Object(map) => Ok(Self { map, place }),
            other => Err(Error::value(&place, format!("{}, expected an object", shown(other)))),
        }
    }

    /// The value of a key; `null` is none.
    fn get(&self, key: &str) -> Option<&'v Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Result<Option<&'v str>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Error::value(&self.place_of(key), format!("{}, expected text", shown(other)))),
        }
    }

    /// A point in time, in seconds since 1970 as the API has it, or in the ISO form that the aws CLI prints.
    fn timestamp(&self, key: &str) -> Result<Option<Timestamp>, Error> {
        let parsed = match self.get(key) {
            None => return Ok(None),
            Some(Value::Number(seconds)) => seconds.as_f64().and_then(of_seconds),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        let wrong = || {
            let expected = "expected seconds since 1970, or a time such as `2026-01-31T12:00:00Z`";
            Error::value(&self.place_of(key), expected)
        };
        parsed.map(Some).ok_or_else(wrong)
    }

    fn only(&self, known: &[&str]) -> Result<(), Error> {
        let Some(key) = self.map.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
        Err(Error::UnknownKey { place: self.place.clone(), key: printable(key), hint: hint(key, known) })
    }

    fn missing(&self, key: &'static str, expected: &'static str) -> Error {
        Error::MissingKey { place: self.place.clone(), key, expected }
    }

    fn place_of(&self, key: &str) -> String {
        if self.place == TOP { key.to_owned() } else { format!("{}.{key}", self.place) }
    }
}

fn of_seconds(seconds: f64) -> Option<Timestamp> {
    let milliseconds = (seconds * 1000.0).round();
    // Far more than any time that can be told.
    if !milliseconds.is_finite() || milliseconds.abs() >= 1e15 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is a whole number below 2^53")]
    Timestamp::from_millisecond(milliseconds as i64).ok()
}
