//! Looks for inputs that break a property, on stable Rust: `doorward-fuzz-targets [TARGET…]`.
//!
//! `FUZZ_SECONDS` says how long each target is run (20), `FUZZ_SEED` where to begin. A line a target; what breaks a
//! property is written to `fuzz/artifacts/`, an input with a new outcome to `fuzz/work/`. The exit code is 1 if anything
//! was found.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use doorward_fuzz_targets::corpus;
use doorward_fuzz_targets::mutate::{Mutator, Numbers};
use doorward_fuzz_targets::{TARGETS, Target};

/// An input that takes longer is a finding: a server has others to answer. A debug build takes ten times its time.
const PATIENCE: Duration = Duration::from_secs(2);

/// After so many findings there is something to do.
const ENOUGH: usize = 5;

/// What the last panic said.
static MESSAGE: Mutex<String> = Mutex::new(String::new());

fn main() -> ExitCode {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let time = Duration::from_secs(number("FUZZ_SECONDS", 20));
    let seed = number("FUZZ_SEED", 1);
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !TARGETS.iter().any(|target| target.name == **name)) {
        eprintln!("there is no target `{unknown}`");
        return ExitCode::from(2);
    }
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut message) = MESSAGE.lock() {
            *message = panic.to_string();
        }
    }));
    let mut findings = 0;
    for target in TARGETS.iter().filter(|target| wanted.is_empty() || wanted.iter().any(|name| name == target.name)) {
        findings += search(target, time, seed);
    }
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn search(target: &Target, time: Duration, seed: u64) -> usize {
    let started = Instant::now();
    let seeds = corpus::read(target.name);
    let mut search = Search { target, outcomes: BTreeSet::new(), messages: BTreeSet::new(), runs: 0, new: 0 };
    for (_, input) in &seeds {
        search.run(input, false);
    }
    let mut mutator = Mutator::new(seeds.into_iter().map(|(_, input)| input));
    let mut numbers = Numbers(seed);
    while started.elapsed() < time && search.messages.len() < ENOUGH {
        let input = mutator.make(&mut numbers);
        if search.run(&input, true) {
            mutator.keep(input);
        }
    }
    let Search { outcomes, messages, runs, new, .. } = search;
    println!(
        "{:<22} {runs:>8} runs {:>5.1} s {:>3} outcomes {new:>3} new entries {:>2} findings",
        target.name,
        started.elapsed().as_secs_f64(),
        outcomes.len(),
        messages.len()
    );
    messages.len()
}

struct Search<'a> {
    target: &'a Target,
    outcomes: BTreeSet<&'static str>,
    /// One finding for each place that panics, however many inputs get there.
    messages: BTreeSet<String>,
    runs: u64,
    new: u64,
}

impl Search<'_> {
    /// Runs an input; true if its outcome is new.
    fn run(&mut self, input: &[u8], is_made: bool) -> bool {
        self.runs += 1;
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        if started.elapsed() > PATIENCE {
            self.found("slow", format!("it takes {:?}", started.elapsed()), input);
        }
        match outcome {
            Ok(outcome) => {
                let is_new = self.outcomes.insert(outcome);
                if is_new && is_made {
                    self.new += 1;
                    save("work", self.target.name, &format!("outcome-{outcome}").replace(' ', "-"), input);
                }
                is_new
            }
            Err(_) => {
                let message = MESSAGE.lock().map(|message| message.clone()).unwrap_or_default();
                let place = message.lines().next().unwrap_or_default().to_owned();
                self.found(&place, message, input);
                false
            }
        }
    }

    fn found(&mut self, place: &str, message: String, input: &[u8]) {
        if self.messages.insert(place.to_owned()) {
            let input = self.shortest(place, input.to_vec());
            let path = save("artifacts", self.target.name, &format!("finding-{}", self.messages.len()), &input);
            let shown: String = message.chars().take(1500).collect();
            let input: String = String::from_utf8_lossy(&input).chars().take(600).collect();
            eprintln!("{}: {shown}\ninput ({}): {input:?}\n", self.target.name, path.display());
        }
    }

    /// Leaves out whatever can be left out without losing the finding.
    fn shortest(&self, place: &str, mut input: Vec<u8>) -> Vec<u8> {
        let still_found = |input: &[u8]| {
            catch_unwind(AssertUnwindSafe(|| (self.target.run)(input))).is_err()
                && MESSAGE.lock().is_ok_and(|message| message.lines().next() == Some(place))
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut size = input.len() / 2;
        while size > 0 {
            let mut at = 0;
            while at < input.len() && Instant::now() < deadline {
                let mut shorter = input.clone();
                shorter.drain(at..(at + size).min(shorter.len()));
                if still_found(&shorter) {
                    input = shorter;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
        input
    }
}

fn save(folder: &str, target: &str, name: &str, input: &[u8]) -> PathBuf {
    let folder = corpus::folder().join(folder).join(target);
    let path = folder.join(name);
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input));
    if let Err(error) = written {
        eprintln!("cannot write {}: {error}", Path::new(&path).display());
    }
    path
}
