//! Histories that are right, and such that are not.

use super::{Action, Answer, Entry, Operation, Problem, check};

fn entry(groups: &str, username: &str) -> Answer {
    // The creation is told by the first letter, which every value of it has.
    let creation = Some(groups.chars().take(1).collect());
    Answer::Entry(Entry { creation, groups: groups.to_owned(), username: username.to_owned() })
}

/// An operation at a server, from one time to another.
fn at(server: usize, (asked, answered): (u64, u64), action: Action, answer: Answer) -> Operation {
    Operation { server, action, answer, asked, answered }
}

fn create(name: &str) -> Action {
    Action::Create { groups: format!("{name}0"), username: format!("{name}0") }
}

fn groups(value: &str) -> Action {
    Action::SetGroups(value.to_owned())
}

fn username(value: &str) -> Action {
    Action::SetUsername(value.to_owned())
}

fn assert_right(history: Vec<Operation>) {
    if let Err(problem) = check(history) {
        panic!("{problem:?}");
    }
}

fn assert_wrong(history: Vec<Operation>) {
    assert!(matches!(check(history), Err(Problem::NoOrder { .. })));
}

#[test]
fn an_entry_that_is_created_changed_read_and_deleted_is_right() {
    assert_right(vec![
        at(0, (1, 2), create("a"), entry("a0", "a0")),
        at(1, (3, 4), create("b"), Answer::Exists),
        at(1, (5, 6), groups("a1"), entry("a1", "a0")),
        at(0, (7, 8), username("a2"), entry("a1", "a2")),
        at(0, (9, 10), Action::Read, entry("a1", "a2")),
        at(1, (11, 12), Action::Delete, Answer::Deleted),
        at(0, (13, 14), Action::Delete, Answer::NotFound),
        at(0, (15, 16), create("c"), entry("c0", "c0")),
    ]);
}

#[test]
fn of_two_creations_at_once_one_is_refused() {
    let both = |second| vec![at(0, (1, 5), create("a"), entry("a0", "a0")), at(1, (2, 6), create("b"), second)];
    assert_right(both(Answer::Exists));
    assert_wrong(both(entry("b0", "b0")));
}

#[test]
fn a_second_creation_after_the_first_is_wrong() {
    assert_wrong(vec![at(0, (1, 2), create("a"), entry("a0", "a0")), at(1, (3, 4), create("b"), entry("b0", "b0"))]);
}

#[test]
fn an_update_that_another_one_made_forgotten_is_wrong() {
    let lost = |answer| {
        vec![
            at(0, (1, 2), create("a"), entry("a0", "a0")),
            at(0, (3, 6), groups("a1"), entry("a1", "a0")),
            at(1, (4, 7), username("a2"), answer),
            at(0, (8, 9), username("a3"), entry("a1", "a3")),
        ]
    };
    assert_right(lost(entry("a1", "a2")));
    // Each made its own of what was there before.
    assert_wrong(lost(entry("a0", "a2")));
    // The groups of the first were there, and then no more.
    let mut history = lost(entry("a1", "a2"));
    history[3].answer = entry("a0", "a3");
    assert_wrong(history);
}

#[test]
fn a_deletion_that_does_not_last_is_wrong() {
    assert_wrong(vec![
        at(0, (1, 2), create("a"), entry("a0", "a0")),
        at(0, (3, 4), Action::Delete, Answer::Deleted),
        at(1, (5, 6), groups("a1"), entry("a1", "a0")),
    ]);
}

#[test]
fn a_refusal_by_what_is_no_longer_so_is_wrong() {
    let deleted = |asked| {
        vec![
            at(0, (1, 2), create("a"), entry("a0", "a0")),
            at(0, (3, 6), Action::Delete, Answer::Deleted),
            at(1, (asked, 9), create("b"), Answer::Exists),
        ]
    };
    assert_wrong(deleted(7));
    assert_right(deleted(5));
}

#[test]
fn a_server_may_be_behind_others_but_not_behind_itself() {
    let reads = |server, second| {
        vec![
            at(0, (1, 2), create("a"), entry("a0", "a0")),
            at(0, (3, 4), groups("a1"), entry("a1", "a0")),
            at(1, (5, 6), Action::Read, entry("a0", "a0")),
            at(server, (7, 8), Action::Read, second),
        ]
    };
    assert_right(reads(1, entry("a1", "a0")));
    assert_right(reads(1, entry("a0", "a0")));
    assert_wrong(reads(1, Answer::NotFound));
    assert_wrong(reads(0, entry("a0", "a0")));
}

#[test]
fn a_server_that_does_not_see_its_own_write_is_wrong() {
    let read = |server| {
        vec![
            at(0, (1, 2), create("a"), entry("a0", "a0")),
            at(1, (3, 4), groups("a1"), entry("a1", "a0")),
            at(server, (5, 6), Action::Read, entry("a0", "a0")),
        ]
    };
    assert_right(read(0));
    assert_wrong(read(1));
}

#[test]
fn nobody_reads_what_is_not_asked_for_yet() {
    assert_wrong(vec![
        at(0, (1, 2), create("a"), entry("a0", "a0")),
        at(1, (3, 4), Action::Read, entry("a1", "a0")),
        at(0, (5, 6), groups("a1"), entry("a1", "a0")),
    ]);
}

#[test]
fn what_nobody_knows_the_outcome_of_happens_late_or_never() {
    let history = |later: Vec<Operation>| {
        let mut history = vec![
            at(0, (1, 2), create("a"), entry("a0", "a0")),
            at(0, (3, 4), groups("a1"), Answer::Unknown),
            at(0, (5, 6), Action::Delete, Answer::Unknown),
            at(1, (7, 8), username("a2"), entry("a0", "a2")),
        ];
        history.extend(later);
        history
    };
    assert_right(history(Vec::new()));
    assert_right(history(vec![at(1, (9, 10), Action::Read, entry("a1", "a2"))]));
    assert_right(history(vec![
        at(1, (9, 10), create("b"), entry("b0", "b0")),
        at(1, (11, 12), groups("b1"), entry("b1", "b0")),
    ]));
    // A deletion happens once.
    assert_wrong(history(vec![
        at(1, (9, 10), create("b"), entry("b0", "b0")),
        at(1, (11, 12), create("c"), entry("c0", "c0")),
    ]));
}

#[test]
fn a_creation_that_nobody_heard_of_is_the_same_for_all_who_see_it() {
    let seen = |by_the_second| {
        let Answer::Entry(second) = entry("a0", "a0") else { unreachable!() };
        let second = Entry { creation: Some(String::from(by_the_second)), ..second };
        vec![
            at(0, (1, 2), create("a"), Answer::Unknown),
            at(0, (3, 4), Action::Read, entry("a0", "a0")),
            at(1, (5, 6), Action::Read, Answer::Entry(second)),
        ]
    };
    assert_right(seen("a"));
    assert_wrong(seen("other"));
}

#[test]
fn a_long_history_with_many_unknown_outcomes_is_decided() {
    let mut history = Vec::new();
    for round in 0..120_u64 {
        let name = format!("{}", char::from(b'a' + u8::try_from(round % 26).unwrap()));
        let time = round * 10;
        history.push(at(0, (time, time + 2), create(&name), entry(&format!("{name}0"), &format!("{name}0"))));
        history.push(at(1, (time + 1, time + 4), create("z"), Answer::Exists));
        history.push(at(1, (time + 3, time + 4), groups(&format!("{name}{round}")), Answer::Unknown));
        history.push(at(1, (time + 5, time + 6), Action::Delete, Answer::Deleted));
        if round % 10 == 0 {
            history.push(at(0, (time + 7, time + 8), Action::Delete, Answer::Unknown));
        }
    }
    assert_right(history);
}
