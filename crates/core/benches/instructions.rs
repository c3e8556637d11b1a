//! `resolve` and `authorize` under valgrind: scripts/instructions.sh counts the instructions of the four functions below.
//!
//! Arguments: how many entries the World has, and how often each function is called. Without arguments, as cargo runs
//! it, each is called once in a small World.

#![expect(clippy::unwrap_used, reason = "a World that cannot be built leaves nothing to measure")]

#[path = "../tests/large/mod.rs"]
mod large;

use std::hint::black_box;
use std::time::Instant;

use doorward_core::authorize::{Decision, Subject, authorize};
use doorward_core::rbac::{Attributes, ResourceAttributes};
use doorward_core::resolve::resolve;
use doorward_core::world::World;
use large::Caller;

type Measured = fn(&World, &[Caller], usize) -> usize;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (entries, calls) = (numbers.next().unwrap_or(10), numbers.next().unwrap_or(1));
    for (associations, functions) in [
        (1, [("resolve", resolve_1 as Measured), ("authorize", authorize_1)]),
        (20, [("resolve", resolve_20), ("authorize", authorize_20)]),
    ] {
        let (world, callers) = large::world(entries, associations);
        for (name, measured) in functions {
            let started = Instant::now();
            assert_eq!(measured(&world, &callers, calls), calls, "{name}");
            let nanoseconds = started.elapsed().as_nanos() / u128::try_from(calls).unwrap();
            println!("{name}: {entries} entries, {associations} associations: {nanoseconds} ns a call");
        }
    }
}

// One function for each row, so that a profile tells them apart by name.

#[inline(never)]
fn resolve_1(world: &World, callers: &[Caller], calls: usize) -> usize {
    each_resolved(world, callers, calls) + black_box(0)
}

#[inline(never)]
fn resolve_20(world: &World, callers: &[Caller], calls: usize) -> usize {
    each_resolved(world, callers, calls) + black_box(0) * 2
}

#[inline(never)]
fn authorize_1(world: &World, callers: &[Caller], calls: usize) -> usize {
    each_authorized(world, callers, calls) + black_box(0)
}

#[inline(never)]
fn authorize_20(world: &World, callers: &[Caller], calls: usize) -> usize {
    each_authorized(world, callers, calls) + black_box(0) * 2
}

fn each_resolved(world: &World, callers: &[Caller], calls: usize) -> usize {
    let each = callers.iter().cycle().take(calls);
    each.filter(|caller| black_box(resolve(black_box(world), &caller.principal)).is_ok()).count()
}

fn each_authorized(world: &World, callers: &[Caller], calls: usize) -> usize {
    let asked = ResourceAttributes { verb: "get", resource: "pods", namespace: "carts", ..Default::default() };
    let asked = Attributes::Resource(asked);
    let is_allowed = |caller: &&Caller| {
        let subject = Subject { uid: &caller.uid, principal_id: Some(&caller.principal.id.0), canonical_arn: None };
        matches!(black_box(authorize(black_box(world), subject, black_box(&asked))), Decision::Allow(_))
    };
    callers.iter().cycle().take(calls).filter(is_allowed).count()
}
