//! EC2 `DescribeInstances`: the private DNS names and instance profiles of some instances.

use std::collections::HashMap;

use super::error::{IdentityError, Undecided};
use super::signed_query::SignedService;
use super::xml::Element;

/// Instances that are asked about at once. EC2 takes 200 values of a filter.
pub(crate) const MAX_INSTANCES: usize = 100;

/// Longest body that is read, in bytes: an instance has some 5,000.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Pages that are followed. As many instances as are asked about fit on one.
const MAX_PAGES: usize = 4;

/// What EC2 knows of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ec2Instance {
    /// Empty while it starts and after it has ended.
    pub(crate) private_dns_name: String,
    /// The ARN of its instance profile.
    pub(crate) profile_arn: Option<String>,
}

/// Describes instances. One that does not exist is not in the answer, and spoils nothing for the others: they are named
/// in a filter, where EC2 takes an unknown id for no match; named as `InstanceId.N` it would fail the call.
///
/// # Errors
/// [`IdentityError`].
pub(crate) async fn describe_instances(
    ec2: &SignedService,
    ids: &[String],
) -> Result<HashMap<String, Ec2Instance>, IdentityError> {
    let mut found = HashMap::with_capacity(ids.len());
    let mut next_token = None;
    for _ in 0..MAX_PAGES {
        let answer = ec2.call(&form(ids, next_token.take()), MAX_BODY).await.map_err(|error| ec2.not_refused(error))?;
        if answer.name() != "DescribeInstancesResponse" || answer.child("reservationSet").is_none() {
            return Err(Undecided::Unreadable.into());
        }
        for (id, instance) in answer.list("reservationSet").flat_map(|item| item.list("instancesSet")).map(instance) {
            let id = id.ok_or(Undecided::Unreadable)?;
            // An answer that says two things of one instance says nothing.
            if ids.contains(&id) && found.insert(id, instance).is_some() {
                return Err(Undecided::Unreadable.into());
            }
        }
        next_token = answer.child("nextToken").map(|token| token.text().to_owned()).filter(|token| !token.is_empty());
        if next_token.is_none() {
            return Ok(found);
        }
    }
    Err(Undecided::Unreadable.into())
}

fn form(ids: &[String], next_token: Option<String>) -> Vec<(String, String)> {
    let fixed = [("Action", "DescribeInstances"), ("Version", "2016-11-15"), ("Filter.1.Name", "instance-id")];
    let values = ids.iter().enumerate().map(|(at, id)| (format!("Filter.1.Value.{}", at + 1), id.clone()));
    let next_token = next_token.map(|token| ("NextToken".to_owned(), token));
    fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(values).chain(next_token).collect()
}

/// Only the instance's own children count: its network interfaces have private DNS names, too.
fn instance(item: &Element) -> (Option<String>, Ec2Instance) {
    let text = |element: &Element, name: &str| element.child(name).map(|child| child.text().to_owned());
    let instance = Ec2Instance {
        private_dns_name: text(item, "privateDnsName").unwrap_or_default(),
        profile_arn: item.child("iamInstanceProfile").and_then(|profile| text(profile, "arn")),
    };
    (text(item, "instanceId"), instance)
}
