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
use crate::{KubernetesApi, LabDir, LabError, aws, reconcile, status};

use chapters::{Chapter, Step, Wait};
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
    status(dir)?.all_running(dir)?;
    let api = KubernetesApi::connect(dir).await?;
    prepare(dir, &api).await?;
    let identity = if knows_whoami(dir).await? { Identity::WhoAmI } else { Identity::TokenReview };

    let mut player = Player { dir, api, transcript, outcome: Outcome { steps: 0, failures: Vec::new() } };
    player.play_all(chapters::ALL, identity).await?;
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
    async fn play_all(&mut self, chapters: &[Chapter], identity: Identity) -> Result<(), LabError> {
        for chapter in chapters {
            self.say(&format!("\n{}\n{}\n", chapter.title, "=".repeat(chapter.title.chars().count())))?;
            for step in chapter.steps.iter().filter(|step| step.identity.is_none_or(|wanted| wanted == identity)) {
                self.play(chapter.title, step).await?;
            }
        }
        let Outcome { steps, failures } = &self.outcome;
        let summary = match failures.as_slice() {
            [] => format!("\nWalkthrough: all {steps} steps answered as they should.\n"),
            failures => format!("\nWalkthrough: {} of {steps} steps FAILED:\n{}", failures.len(), bullets(failures)),
        };
        self.say(&summary)
    }

    async fn play(&mut self, chapter: &str, step: &Step) -> Result<(), LabError> {
        self.say(&format!("\n# {}\n", step.title))?;
        self.say(&prompted(step.command))?;
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

/// A command as it looks when it is typed into sh: `$ ` before a line that starts a command, `> ` before one that
/// continues it (which the chapters indent).
fn prompted(command: &str) -> String {
    let continues = |line: &str| line.starts_with(' ') || line == "done";
    command.lines().map(|line| format!("{} {line}\n", if continues(line) { ">" } else { "$" })).collect()
}

fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  - {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::write_private;
    use expectation::{Check, Expectation};

    /// A folder with an `env` and a kubeconfig whose server nobody asks.
    fn lab() -> (tempfile::TempDir, LabDir) {
        let guard = tempfile::tempdir().unwrap();
        let dir = LabDir::new(guard.path()).unwrap();
        write_private(&dir.env(), b"export NAME=value\n").unwrap();
        let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
            clusters:\n- {name: c, cluster: {server: \"https://127.0.0.1:1\", insecure-skip-tls-verify: true}}\n\
            contexts:\n- {name: c, context: {cluster: c, user: u}}\nusers:\n- {name: u, user: {token: t}}\n";
        write_private(&dir.admin_kubeconfig(), kubeconfig.as_bytes()).unwrap();
        (guard, dir)
    }

    const fn step(command: &'static str, checks: &'static [Check]) -> Step {
        let expectation = Expectation { success: true, checks };
        Step { title: "Say the name", command, expectation, wait: None, identity: None }
    }

    async fn play(dir: &LabDir, steps: &'static [Step]) -> (Outcome, String) {
        let mut transcript = Vec::new();
        let api = KubernetesApi::connect(dir).await.unwrap();
        let outcome = Outcome { steps: 0, failures: Vec::new() };
        let mut player = Player { dir, api, transcript: &mut transcript, outcome };
        player.play_all(&[Chapter { title: "1 One", steps }], Identity::WhoAmI).await.unwrap();
        let outcome = player.outcome;
        (outcome, String::from_utf8(transcript).unwrap())
    }

    #[tokio::test]
    async fn commands_are_printed_with_their_real_output() {
        let (_guard, dir) = lab();
        let (outcome, transcript) = play(&dir, const { &[step("echo $NAME", &[Check::Line("value")])] }).await;
        assert!(outcome.is_success());
        assert_eq!(
            transcript,
            "\n1 One\n=====\n\n# Say the name\n$ echo $NAME\nvalue\n\nWalkthrough: all 1 steps answered as they should.\n"
        );
    }

    #[tokio::test]
    async fn a_step_that_fails_says_what_was_expected_and_the_rest_is_still_played() {
        let (_guard, dir) = lab();
        let steps = const { &[step("echo $NAME; exit 3", &[Check::Line("other")]), step("echo $NAME", &[])] };
        let (outcome, transcript) = play(&dir, steps).await;
        assert_eq!(outcome.steps, 2);
        assert_eq!(
            outcome.failures,
            ["1 One: Say the name: expected success, but the command failed; expected a line like `other`"]
        );
        assert!(transcript.contains("value\nFAILED: Say the name\n  - expected success"), "{transcript}");
        assert!(transcript.contains("Walkthrough: 1 of 2 steps FAILED:\n  - 1 One: Say the name"), "{transcript}");
    }

    #[tokio::test]
    async fn the_callers_own_settings_do_not_reach_a_command() {
        let (_guard, dir) = lab();
        let (_, transcript) = play(&dir, const { &[step("env | grep -c '^CARGO' || echo $HOME", &[])] }).await;
        assert!(transcript.contains(&format!("0\n{}\n", dir.home().display())), "{transcript}");
    }

    #[test]
    fn continued_lines_have_the_prompt_of_continued_lines() {
        assert_eq!(prompted("a\nb"), "$ a\n$ b\n");
        assert_eq!(prompted("a \\\n  b\nc"), "$ a \\\n>   b\n$ c\n");
        assert_eq!(prompted("for x; do\n  y\ndone"), "$ for x; do\n>   y\n> done\n");
    }

    #[test]
    fn every_json_of_the_chapters_is_json() {
        for step in chapters::ALL.iter().flat_map(|chapter| chapter.steps) {
            for check in step.expectation.checks {
                if let Check::Json(_, json) = check {
                    assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{}: {json}", step.title);
                }
            }
        }
    }
}
