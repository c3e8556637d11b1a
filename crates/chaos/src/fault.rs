//! How something is broken, and how it is mended.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use doorward_cluster::init::{Init, init};
use doorward_core::cluster_name::ClusterName;
use jiff::Timestamp;

use crate::abuse::{Abuse, Abusers, Target};
use crate::etcd;
use crate::kubernetes::Kubernetes;
use crate::link::Mode;
use crate::question::CLUSTER;
use crate::replica::SMALL_DISK;
use crate::settings::Settings;
use crate::stage::Stage;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Killed, as by a power cut, and started again.
    Kill(Whom),
    /// Stopped by a signal, as a machine that hangs, and told to go on.
    Stop(Whom),
    /// The first server is told to end, and started again.
    Terminate,
    /// Each server is told to end and started again, one after the other, as in an upgrade.
    RestartInTurn,
    /// The clocks of the two servers are eight minutes apart, four on each side of the right time.
    WrongClocks,
    /// The second server is stopped, etcd throws its history away, the server goes on.
    CompactUnderStopped,
    /// What passes between servers and etcd takes so many milliseconds more, in each direction.
    SlowEtcd(u64),
    /// What passes between the first server and etcd is lost.
    CutOff,
    /// etcd has no more space.
    FullEtcd,
    /// The disk of the first server has no more space.
    FullDisk,
    /// What passes between the first server and AWS.
    Aws(Mode),
    /// The webhooks' certificates are made anew.
    Rotate,
    /// Clients that mean harm.
    Abuse(Abuse),
}

/// To whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// A member of etcd that does not lead.
    Follower,
    /// The one that does.
    Leader,
    /// Two members of etcd: too many.
    TwoMembers,
    /// All members of etcd.
    AllMembers,
    /// The first server.
    First,
    /// Both servers.
    Both,
    /// The API server.
    ApiServer,
}

/// Somebody, found at the beginning: who leads then may not lead at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Member(usize),
    Replica(usize),
    ApiServer,
}

/// What is broken now, and has to be mended.
#[derive(Debug, Default)]
pub(crate) struct Broken {
    found: Vec<Found>,
    abusers: Abusers,
    /// Those that were shown before they were made anew.
    certificates: Vec<Vec<u8>>,
}

impl Fault {
    /// Why it cannot be tried here, if it cannot.
    pub(crate) fn hindrance(self, settings: &Settings) -> Option<&'static str> {
        (self == Self::WrongClocks && settings.faketime.is_none()).then_some("there is no libfaketime")
    }

    /// Breaks something.
    ///
    /// # Errors
    /// If it cannot be broken.
    pub(crate) async fn begin(self, stage: &mut Stage) -> anyhow::Result<Broken> {
        let mut broken = Broken::default();
        match self {
            Self::Kill(whom) | Self::Stop(whom) => broken.found = whom.find(stage).await?,
            Self::CompactUnderStopped => broken.found = vec![Found::Replica(1)],
            Self::Terminate => stage.replica(0)?.signal("TERM")?,
            Self::RestartInTurn => restart_in_turn(stage, [0, 0]).await?,
            Self::WrongClocks => restart_in_turn(stage, [MINUTES, -MINUTES]).await?,
            Self::SlowEtcd(millis) => stage.link(None, Mode::Late(Duration::from_millis(millis))),
            Self::CutOff => stage.link(Some(0), Mode::Silent),
            Self::FullEtcd => etcd::fill(stage.etcd()?).await?,
            Self::FullDisk => fill_disk(stage)?,
            Self::Aws(mode) => stage.link(Some(0), mode),
            Self::Rotate => {
                broken.certificates = certificates(stage).await?;
                rotate(stage)?;
            }
            Self::Abuse(abuse) => broken.abusers = abuse.begin(&targets(stage)),
        }
        for &somebody in &broken.found {
            match (self, somebody) {
                (Self::Kill(_), Found::Member(at)) => stage.etcd()?.kill(at),
                (Self::Kill(_), Found::Replica(at)) => stage.replica(at)?.kill(),
                (Self::Kill(_), Found::ApiServer) => api_server(stage)?.kill()?,
                (_, Found::Member(at)) => etcd::signal(stage.etcd()?, at, "STOP")?,
                (_, Found::Replica(at)) => stage.replica(at)?.signal("STOP")?,
                (_, Found::ApiServer) => anyhow::bail!("the API server is killed only"),
            }
        }
        Ok(broken)
    }

    /// Mends it; from then on everything has to become well.
    ///
    /// # Errors
    /// If it cannot be mended.
    pub(crate) async fn end(self, stage: &mut Stage, broken: Broken) -> anyhow::Result<()> {
        match self {
            Self::Terminate => {
                stage.replica(0)?.terminate()?;
                stage.replica(0)?.spawn()?;
            }
            Self::WrongClocks => restart_in_turn(stage, [0, 0]).await?,
            Self::CompactUnderStopped => etcd::compact(stage.etcd()?).await?,
            Self::SlowEtcd(_) | Self::CutOff | Self::Aws(_) => stage.link(None, Mode::Pass),
            Self::FullDisk => std::fs::remove_file(ballast(stage)?)?,
            Self::FullEtcd => etcd::make_space(stage.etcd()?).await?,
            Self::Rotate => {
                let shown = certificates(stage).await?;
                let is_new = shown.iter().zip(&broken.certificates).all(|(now, before)| now != before);
                anyhow::ensure!(is_new, "a server shows the old certificate");
            }
            Self::Kill(_) | Self::Stop(_) | Self::RestartInTurn | Self::Abuse(_) => {}
        }
        for somebody in broken.found {
            match (self, somebody) {
                (Self::Kill(_), Found::Member(at)) => stage.etcd()?.restart(at),
                (Self::Kill(_), Found::Replica(at)) => stage.replica(at)?.spawn()?,
                (_, Found::ApiServer) => api_server(stage)?.restart().await?,
                (_, Found::Member(at)) => etcd::signal(stage.etcd()?, at, "CONT")?,
                (_, Found::Replica(at)) => stage.replica(at)?.signal("CONT")?,
            }
        }
        drop(broken.abusers);
        Ok(())
    }
}

impl Whom {
    async fn find(self, stage: &mut Stage) -> anyhow::Result<Vec<Found>> {
        let members = 0..etcd::MEMBERS;
        Ok(match self {
            Self::First => vec![Found::Replica(0)],
            Self::Both => vec![Found::Replica(0), Found::Replica(1)],
            Self::ApiServer => vec![Found::ApiServer],
            Self::AllMembers => members.map(Found::Member).collect(),
            Self::TwoMembers => members.skip(1).map(Found::Member).collect(),
            Self::Leader => vec![Found::Member(etcd::leader(stage.etcd()?).await?)],
            Self::Follower => {
                let leader = etcd::leader(stage.etcd()?).await?;
                vec![Found::Member(members.into_iter().find(|&at| at != leader).context("only the leader")?)]
            }
        })
    }
}

/// By how many minutes a clock is wrong.
const MINUTES: i32 = 4;

/// Restarts the servers, one after the other, each with a clock that is wrong by so many minutes.
async fn restart_in_turn(stage: &mut Stage, minutes_ahead: [i32; 2]) -> anyhow::Result<()> {
    for (at, minutes_ahead) in minutes_ahead.into_iter().enumerate() {
        stage.replica(at)?.restart_with_clock(minutes_ahead).await?;
    }
    Ok(())
}

fn api_server(stage: &Stage) -> anyhow::Result<&Kubernetes> {
    stage.kubernetes().context("there is no API server here")
}

/// API and webhooks of each server.
fn targets(stage: &Stage) -> Vec<Target> {
    let each = stage.replicas.iter().flat_map(|replica| [(replica.api, false), (replica.webhook, true)]);
    each.map(|(address, is_tls)| Target { address, is_tls }).collect()
}

/// A file that only takes space on the disk of the first server.
fn ballast(stage: &mut Stage) -> anyhow::Result<PathBuf> {
    Ok(stage.replica(0)?.data_from_outside()?.join("ballast"))
}

/// Writes until there is no more space.
fn fill_disk(stage: &mut Stage) -> anyhow::Result<()> {
    let mut file = File::create(ballast(stage)?)?;
    for _ in 0..2 * SMALL_DISK / PIECE {
        match file.write_all(&[0; PIECE]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("the disk does not become full")
}

/// What is written at once, in bytes.
const PIECE: usize = 4 * 1024;

/// The certificate that each server shows.
async fn certificates(stage: &Stage) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut shown = Vec::new();
    for server in stage.servers() {
        shown.push(server.webhook.certificate().await?);
    }
    Ok(shown)
}

/// Has another name written into the certificate of each server, as `doorward init` does, which makes a new one.
fn rotate(stage: &Stage) -> anyhow::Result<()> {
    let cluster: ClusterName = CLUSTER.parse()?;
    for replica in &stage.replicas {
        let what = Init {
            data_dir: &replica.data,
            cluster: &cluster,
            webhook_addr: "rotated.example:8443",
            out: &replica.data.with_extension("rotated"),
            installed_at: None,
            force: true,
        };
        init(&what, Timestamp::now())?;
    }
    Ok(())
}
