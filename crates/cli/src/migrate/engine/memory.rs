//! A cluster in memory that does what EKS and an API server do, counts the calls, and can fail or stop at any of them.

use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::plan::{Action, BindingManifest};
use doorward_core::principal::PrincipalArn;
use doorward_core::world_document::{AwsAuthDocument, EntryDocument, WorldDocument};
use serde_json::json;
use tokio::sync::Notify;

use super::target::{Data, FoundAwsAuth, Target, TargetError};

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is refused, and nothing happens.
    Refused,
    /// It happens, and the answer is lost.
    AnswerLost,
    /// Whoever calls is killed before it happens.
    KilledBefore,
    /// Whoever calls is killed after it happened.
    KilledAfter,
}

pub(super) const FAULTS: [Fault; 4] = [Fault::Refused, Fault::AnswerLost, Fault::KilledBefore, Fault::KilledAfter];

/// A cluster in memory.
pub(super) struct Memory {
    inner: Mutex<Inner>,
    killed: Notify,
}

struct Inner {
    document: WorldDocument,
    /// Every state that the cluster was in, one after the other.
    states: Vec<WorldDocument>,
    version: usize,
    calls: usize,
    fault: Option<(usize, Fault)>,
}

impl Memory {
    pub(super) fn new(document: WorldDocument) -> Self {
        let states = vec![document.clone()];
        let inner = Inner { document, states, version: 1, calls: 0, fault: None };
        Self { inner: Mutex::new(inner), killed: Notify::new() }
    }

    /// Lets the call of that number, from now on and counted from 0, go wrong.
    pub(super) fn fail_at(&self, call: usize, fault: Fault) {
        let mut inner = self.inner.lock().unwrap();
        inner.calls = 0;
        inner.fault = Some((call, fault));
    }

    /// How many calls there were.
    pub(super) fn calls(&self) -> usize {
        self.inner.lock().unwrap().calls
    }

    pub(super) fn document(&self) -> WorldDocument {
        self.inner.lock().unwrap().document.clone()
    }

    pub(super) fn states(&self) -> Vec<WorldDocument> {
        self.inner.lock().unwrap().states.clone()
    }

    /// Runs something until it ends or is killed by a fault.
    pub(super) async fn until_killed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.killed.notified() => None,
            done = work => Some(done),
        }
    }

    async fn call<R>(&self, what: impl FnOnce(&mut Inner) -> Result<R, TargetError> + Send) -> Result<R, TargetError> {
        let fault = {
            let mut inner = self.inner.lock().unwrap();
            let number = inner.calls;
            inner.calls += 1;
            inner.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault)
        };
        let lost = || TargetError::Other("the connection broke".to_owned());
        match fault {
            Some(Fault::Refused) => return Err(lost()),
            Some(Fault::KilledBefore) => {
                self.killed.notify_one();
                pending::<()>().await;
            }
            _ => {}
        }
        let answer = what(&mut self.inner.lock().unwrap());
        match fault {
            Some(Fault::AnswerLost) => return Err(lost()),
            Some(Fault::KilledAfter) => {
                self.killed.notify_one();
                pending::<()>().await;
            }
            _ => {}
        }
        answer
    }
}

impl Inner {
    fn becomes(&mut self, document: WorldDocument) {
        self.version += 1;
        self.states.push(document.clone());
        self.document = document;
    }
}

impl Target for Memory {
    async fn mode(&self) -> Result<Option<AuthenticationMode>, TargetError> {
        self.call(|inner| Ok(Some(inner.document.authentication_mode))).await
    }

    async fn entry(&self, principal: &PrincipalArn) -> Result<Option<EntryDocument>, TargetError> {
        self.call(|inner| Ok(inner.document.entry(principal).cloned())).await
    }

    async fn binding(&self, namespace: Option<&str>, name: &str) -> Result<Option<BindingManifest>, TargetError> {
        self.call(|inner| {
            let is_it = |object: &&serde_json::Value| {
                object["kind"].as_str().unwrap().ends_with("Binding")
                    && object["metadata"]["name"] == name
                    && object["metadata"]["namespace"].as_str() == namespace
            };
            let found = inner.document.rbac.iter().flatten().find(is_it);
            Ok(found.map(|object| serde_json::from_value(object.clone()).unwrap()))
        })
        .await
    }

    async fn aws_auth(&self) -> Result<Option<FoundAwsAuth>, TargetError> {
        self.call(|inner| {
            let version = inner.version;
            let found = inner.document.aws_auth.as_ref();
            Ok(found.map(|found| FoundAwsAuth { data: found.data.clone(), manifest: json!(version) }))
        })
        .await
    }

    async fn send(&self, action: &Action) -> Result<(), TargetError> {
        self.call(|inner| {
            let other = |error: &dyn std::fmt::Display| TargetError::Other(error.to_string());
            match action {
                Action::CreateEntry { principal_arn, .. } if inner.document.entry(principal_arn).is_some() => {
                    return Err(TargetError::Exists("already in use".to_owned()));
                }
                Action::DeleteEntry { principal_arn } if inner.document.entry(principal_arn).is_none() => {
                    return Err(TargetError::NotFound("no such entry".to_owned()));
                }
                _ => {}
            }
            let document = action.apply_to(&inner.document).map_err(|error| other(&error))?;
            inner.becomes(document);
            Ok(())
        })
        .await
    }

    async fn has_settled(&self, _: &Action) -> Result<bool, TargetError> {
        self.call(|_| Ok(true)).await
    }

    fn settling_time(&self, _: &Action) -> Duration {
        Duration::ZERO
    }

    fn memory_of_tokens(&self) -> Duration {
        Duration::ZERO
    }

    async fn put_aws_auth(&self, found: Option<&FoundAwsAuth>, data: Option<&Data>) -> Result<(), TargetError> {
        self.call(|inner| {
            let now = inner.document.aws_auth.as_ref().map(|_| json!(inner.version));
            if now != found.map(|found| found.manifest.clone()) {
                return Err(TargetError::Changed("changed".to_owned()));
            }
            let mut document = inner.document.clone();
            document.aws_auth = data.map(|data| AwsAuthDocument { data: data.clone() });
            inner.becomes(document);
            Ok(())
        })
        .await
    }
}
