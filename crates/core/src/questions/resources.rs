//! Names of resources, as kubectl takes them: plural, singular and short, with their API group and scope.
//!
//! kubectl asks the cluster for them; a World does not hold them, so those that every Kubernetes serves are data
//! (`data/resources.txt`, where its source stands too), and other names are taken as they are.

use std::sync::LazyLock;

const DATA: &str = include_str!("../../data/resources.txt");

/// Parts of an object that have a name of their own. Anything else behind a slash is an object's name. Source:
/// Kubernetes API reference; custom resources have `status` and `scale` alone.
pub(super) const SUBRESOURCES: [&str; 19] = [
    "approval",
    "attach",
    "binding",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "finalize",
    "log",
    "metrics",
    "portforward",
    "proxy",
    "resize",
    "scale",
    "spec",
    "stats",
    "status",
    "token",
    "configz",
    "healthz",
];

/// A resource that every Kubernetes serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) plural: &'static str,
    singular: &'static str,
    short: &'static str,
    /// Empty for the core group.
    pub(super) group: &'static str,
    pub(super) is_namespaced: bool,
}

static TABLE: LazyLock<Vec<Resource>> = LazyLock::new(|| DATA.lines().filter_map(line).collect());

/// The resource of a name, in any of its spellings, and of a group if one is given.
pub(super) fn find(name: &str, group: Option<&str>) -> Option<Resource> {
    let is_named = |resource: &&Resource| {
        resource.plural == name
            || resource.singular == name
            || resource.short.split(',').any(|short| !short.is_empty() && short == name)
    };
    let of_name = TABLE.iter().filter(is_named);
    of_name.into_iter().find(|resource| group.is_none_or(|group| resource.group == group)).copied()
}

/// Every plural name.
pub(super) fn plurals() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|resource| resource.plural)
}

fn line(text: &'static str) -> Option<Resource> {
    let mut words = text.split_ascii_whitespace();
    let plural = words.next().filter(|word| !word.starts_with('#'))?;
    let mut word = || words.next().map(|word| if word == "-" { "" } else { word });
    let (singular, short, group) = (word()?, word()?, word()?);
    Some(Resource { plural, singular, short, group, is_namespaced: word()? == "N" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_data_is_a_resource() {
        let lines = DATA.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(TABLE.len(), lines);
        assert!(
            DATA.lines().filter(|line| !line.starts_with('#')).all(|line| line.ends_with(" N") || line.ends_with(" C"))
        );
    }

    #[test]
    fn a_resource_is_found_by_each_of_its_names() {
        for name in ["deployments", "deployment", "deploy"] {
            assert_eq!(find(name, None).unwrap().group, "apps");
        }
        assert_eq!(find("events", None).unwrap().group, "");
        assert_eq!(find("ev", Some("events.k8s.io")).unwrap().group, "events.k8s.io");
        assert!(!find("no", None).unwrap().is_namespaced);
        assert_eq!(find("deployments", Some("extensions")), None);
        assert_eq!(find("widgets", None), None);
        // An empty list of short names is no short name.
        assert_eq!(find("", None), None);
    }
}
