//! What a large World takes of memory, and that deciding takes none.

#![expect(clippy::unwrap_used, reason = "a World that cannot be built fails the test")]

mod large;

use allocation_counter::{AllocationInfo, measure};
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::authorize::{Decision, NoOpinion, Subject, authorize};
use doorward_core::rbac::{Attributes, ResourceAttributes};
use doorward_core::resolve::resolve;
use doorward_core::world::World;

fn ask(verb: &'static str, namespace: &'static str) -> Attributes<'static> {
    Attributes::Resource(ResourceAttributes { verb, resource: "pods", namespace, ..ResourceAttributes::default() })
}

fn subject(caller: &large::Caller) -> Subject<'_> {
    let Subject { canonical_arn, .. } = Subject::default();
    Subject { uid: &caller.uid, principal_id: Some(&caller.principal.id.0), canonical_arn }
}

#[test]
fn authorize_allocates_nothing_whether_it_allows_or_not() {
    for associations in [1, 20] {
        let (world, callers) = large::world(1_000, associations);
        let (allowed, refused) = (ask("get", "carts"), ask("delete", "carts"));
        let counted = measure(|| {
            for caller in &callers {
                assert!(matches!(authorize(&world, subject(caller), &allowed), Decision::Allow(_)));
                let refused = authorize(&world, subject(caller), &refused);
                assert!(matches!(refused, Decision::NoOpinion(NoOpinion::NotCovered)));
            }
        });
        assert_eq!(counted.count_total, 0, "{associations}");
    }
}

#[test]
fn an_entry_without_a_unique_id_is_found_without_allocating_too() {
    let (_, callers) = large::world(1, 1);
    let mut record = large::entry(0).record();
    record.principal_id = None;
    let world = World::new(AuthenticationMode::Api).with_entry(record.into());
    let subject =
        Subject { canonical_arn: Some("arn:aws:iam::123456789012:role/ROLE-0000000"), ..subject(&callers[0]) };
    let asked = ask("get", "carts");
    let counted = measure(|| assert!(matches!(authorize(&world, subject, &asked), Decision::Allow(_))));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn resolve_allocates_for_what_it_makes_and_copies_nothing() {
    let (world, callers) = large::world(100, 1);
    // The default username's text, the username with the session's name in it, the uid.
    let counted = measure(|| assert!(resolve(&world, &callers[0].principal).is_ok()));
    assert!(counted.count_total <= 3, "{}", counted.count_total);
}

#[test]
fn an_entry_takes_less_than_400_bytes_with_its_place_in_every_index() {
    const ENTRIES: usize = 20_000;
    let mut world = World::new(AuthenticationMode::Api);
    world = world.with_entry(large::entry(ENTRIES));
    let AllocationInfo { bytes_current, count_current, .. } = measure(|| {
        world = (0..ENTRIES).fold(world.clone(), |world, at| world.with_entry(large::entry(at)));
    });
    // An allocator adds up to 16 bytes to each allocation: glibc's 8, and what rounds it up to 16.
    let bytes = bytes_current + 16 * count_current;
    let an_entry = bytes / i64::try_from(ENTRIES).unwrap();
    println!("{an_entry} bytes an entry, {bytes_current} asked for in {count_current} allocations");
    assert!(an_entry <= 400, "{an_entry}");
    assert_eq!(world.entry_count(), ENTRIES + 1);
}
