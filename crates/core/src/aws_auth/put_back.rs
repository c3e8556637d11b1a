//! Putting rows back that were removed: byte for byte where nobody touched the section since, and beside what
//! somebody wrote meanwhile otherwise (EKS itself does, for node groups).

use super::edit::{Data, Duplicates, EditError, NewMapping, create_account, create_mapping, remove_rows};
use super::{Section, parse};

/// The data with rows of a section back in it. `before` is the section's text as it was when `rows` (places, from 0)
/// were removed from it.
///
/// Where the section is as that removal left it, it becomes `before` again; where it is `before`, it stays. Otherwise
/// the rows that counted are appended to what is there, each unless an equal one exists: whoever comes in by them comes
/// in again, and what was written meanwhile stays.
///
/// # Errors
/// If the section cannot be read or edited.
pub fn put_back(data: &Data, section: Section, before: &str, rows: &[usize]) -> Result<Data, EditError> {
    let key = section.key().to_owned();
    let old = Data::from([(key.clone(), before.to_owned())]);
    let now = data.get(&key).map(String::as_str).unwrap_or_default();
    let left = remove_rows(&old, section, rows)?.data;
    if now == before || left.get(&key).map(String::as_str).unwrap_or_default() == now {
        let mut restored = data.clone();
        restored.insert(key, before.to_owned());
        return Ok(restored);
    }
    let old = parse(&old);
    let mut restored = data.clone();
    for row in old.mappings().filter(|row| rows.contains(&row.index)) {
        let exists = parse(&restored).mappings().any(|there| there.says_the_same_as(row));
        if !exists {
            let groups: Vec<String> = row.groups.iter().map(ToString::to_string).collect();
            let row = NewMapping { arn: &row.arn, username: row.username.as_str(), groups: &groups };
            restored = create_mapping(&restored, &row, Duplicates::Shadow)?.data;
        }
    }
    for row in old.accounts.iter().filter(|row| rows.contains(&row.index)) {
        restored = create_account(&restored, row.account)?.data;
    }
    Ok(restored)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# ours\n- {rolearn: arn:aws:iam::123456789012:role/a, username: a}\n\
                          - {rolearn: arn:aws:iam::123456789012:role/b, username: b, groups: [g]}\n";

    fn roles(text: &str) -> Data {
        Data::from([("mapRoles".to_owned(), text.to_owned()), ("mapUsers".to_owned(), "[]\n".to_owned())])
    }

    #[test]
    fn an_untouched_section_is_restored_byte_for_byte_and_only_it() {
        let left = remove_rows(&roles(BEFORE), Section::Roles, &[0, 1]).unwrap().data;
        assert_ne!(left, roles(BEFORE));
        assert_eq!(put_back(&left, Section::Roles, BEFORE, &[0, 1]).unwrap(), roles(BEFORE));
        assert_eq!(put_back(&roles(BEFORE), Section::Roles, BEFORE, &[0, 1]).unwrap(), roles(BEFORE));
    }

    #[test]
    fn what_was_written_meanwhile_stays_and_the_rows_come_back_beside_it() {
        let meanwhile = "- {rolearn: arn:aws:iam::123456789012:role/new, username: new}\n\
                         - {rolearn: arn:aws:iam::123456789012:role/a, username: a}\n";
        let restored = put_back(&roles(meanwhile), Section::Roles, BEFORE, &[0, 1]).unwrap();
        let names: Vec<String> = parse(&restored).mappings().map(|row| row.username.to_string()).collect();
        assert_eq!(names, ["new", "a", "b"]);
        assert_eq!(restored["mapUsers"], "[]\n");
    }
}
