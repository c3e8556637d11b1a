//! The walkthrough: the EKS workshop's access-management section, played with real commands on the running lab.
//!
//! [`chapters`] is the data: every command with what it must answer. [`expectation`] judges an answer. This module
//! plays them, prints everything, and keeps score.

mod chapters;
mod expectation;

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::command::shell;
use crate::objects::aws_auth;
use crate::state::LabState;
use crate::{KubernetesApi, LabDir, LabError, aws, reconcile};

use chapters::{Step, Wait};
use expectation::Answer;

/// No command of the walkthrough takes anywhere near this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a walkthrough went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// How many steps were played.
    pub steps: usize,
    /// The steps that answered otherwise than they should: chapter, title, and what was expected.
    pub failures: Vec<String>,
}

impl Outcome {
    /// Whether every step answered as it should.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Plays every chapter on the lab in `dir`, writing each command and its answer to `transcript`. A step that fails
/// does not end it: what follows shows what still works.
pub async fn walkthrough(dir: &LabDir, transcript: &mut (dyn Write + Send)) -> Result<Outcome, LabError> {
    let state = LabState::read(dir)?.filter(|state| state.ready && state.running().len() == state.processes.len());
    if state.is_none() {
        return Err(LabError::NotRunning { dir: dir.root().to_owned() });
    }
    let api = KubernetesApi::connect(dir).await?;
    prepare(dir, &api).await?;
    let identity = if knows_whoami(dir).await? { Identity::WhoAmI } else { Identity::TokenReview };

    let mut player = Player { dir, api, transcript, outcome: Outcome { steps: 0, failures: Vec::new() } };
    for chapter in chapters::ALL {
        player.say(&format!("\n{}\n{}\n", chapter.title, "=".repeat(chapter.title.chars().count())))?;
        for step in chapter.steps.iter().filter(|step| step.identity.is_none_or(|wanted| wanted == identity)) {
            player.play(chapter.title, step).await?;
        }
    }
    let Outcome { steps, failures } = &player.outcome;
    let summary = match failures.as_slice() {
        [] => format!("\nWalkthrough: all {steps} steps answered as they should.\n"),
        failures => format!("\nWalkthrough: {} of {steps} steps FAILED:\n{}", failures.len(), bullets(failures)),
    };
    player.say(&summary)?;
    Ok(player.outcome)
}

/// How the walkthrough asks who a caller is: `kubectl auth whoami` needs kubectl 1.28 and a server of 1.28, a
/// TokenReview works on every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    WhoAmI,
    TokenReview,
}

/// Brings the lab back to where the walkthrough starts, so that it can be played again.
async fn prepare(dir: &LabDir, api: &KubernetesApi) -> Result<(), LabError> {
    api.put("/api/v1/namespaces/kube-system/configmaps", "aws-auth", &aws_auth()).await?;
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/carts";
    api.delete(&format!("{rbac}/rolebindings/carts-team-role-binding")).await?;
    api.delete(&format!("{rbac}/roles/carts-team-role")).await?;
    aws::delete_walkthrough_entries(dir).await
}

async fn knows_whoami(dir: &LabDir) -> Result<bool, LabError> {
    Ok(answer(dir, "kubectl --context default auth whoami").await?.success)
}

struct Player<'a> {
    dir: &'a LabDir,
    api: KubernetesApi,
    transcript: &'a mut (dyn Write + Send),
    outcome: Outcome,
}

impl Player<'_> {
    async fn play(&mut self, chapter: &str, step: &Step) -> Result<(), LabError> {
        self.say(&format!("\n# {}\n", step.title))?;
        for line in step.command.lines() {
            self.say(&format!("$ {line}\n"))?;
        }
        match step.wait {
            Some(Wait::NextSecond) => next_second().await,
            // They come back by themselves, a moment later; the next command counts them.
            Some(Wait::PodsBack) => reconcile(&self.api).await?,
            None => {}
        }
        let answer = answer(self.dir, step.command).await?;
        self.say(&answer.stdout)?;
        self.say(&answer.stderr)?;
        self.outcome.steps += 1;
        let wrong = step.expectation.judge(&answer);
        if !wrong.is_empty() {
            self.say(&format!("FAILED: {}\n{}", step.title, bullets(&wrong)))?;
            self.outcome.failures.push(format!("{chapter}: {}: {}", step.title, wrong.join("; ")));
        }
        Ok(())
    }

    fn say(&mut self, text: &str) -> Result<(), LabError> {
        self.transcript.write_all(text.as_bytes()).map_err(LabError::Transcript)?;
        self.transcript.flush().map_err(LabError::Transcript)
    }
}

async fn answer(dir: &LabDir, command: &str) -> Result<Answer, LabError> {
    let failed = LabError::file("run", std::path::Path::new("/bin/sh"));
    match tokio::time::timeout(PATIENCE, shell(dir, command).output()).await {
        Ok(output) => output.map(Answer::from).map_err(failed),
        Err(_) => Ok(Answer::too_late(PATIENCE)),
    }
}

/// kube-apiserver remembers a good token for ten seconds, whatever its flags say, and a token is a URL signed with the
/// date to the second: two tokens of one second can be the same one. Once the second has changed, every token that is
/// made is one that kube-apiserver has not seen.
async fn next_second() {
    let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let last = second();
    while second() == last {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  - {line}\n")).collect()
}
