//! The table of failures: what is broken, and what has to hold meanwhile.

use std::time::Duration;

use crate::abuse;
use crate::fault::{Fault, Whom};
use crate::link::Mode;
use crate::tally::Promise;

/// One failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// For `CHAOS_ONLY`.
    pub(crate) name: &'static str,
    /// What is tried.
    pub(crate) tried: &'static str,
    /// Where.
    pub(crate) on: On,
    /// How.
    pub(crate) fault: Fault,
    /// What has to hold meanwhile.
    pub(crate) promise: Promise,
    /// From when on the time to recover counts.
    pub(crate) since: Since,
}

/// Where a row is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// Two servers on etcd of three members, and a kube-apiserver that asks them.
    Etcd,
    /// One server on SQLite.
    Sqlite,
    /// The same on a disk of few megabytes.
    SmallDisk,
    /// One server whose tokens AWS proves.
    Aws,
}

impl On {
    /// All, in the order in which they are tried.
    pub(crate) const ALL: [Self; 4] = [Self::Etcd, Self::Sqlite, Self::SmallDisk, Self::Aws];

    /// What runs there.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Etcd => "three members of etcd, two servers, a kube-apiserver",
            Self::Sqlite => "a server on SQLite",
            Self::SmallDisk => "a server on SQLite, on a small disk",
            Self::Aws => "a server whose tokens AWS proves",
        }
    }
}

/// From when on the time to recover counts: until every kind of request is answered rightly by every server that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// From the beginning of the fault, while it lasts.
    Beginning,
    /// From its end.
    End,
}

/// What an AWS says that has had too many calls.
const THROTTLED: &str = concat!(
    "HTTP/1.1 400 Bad Request\r\ncontent-type: text/xml\r\ncontent-length: 120\r\nconnection: close\r\n\r\n",
    "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>",
    "</ErrorResponse>"
);

/// What something says that is no AWS.
const RUBBISH: &str = concat!(
    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 26\r\nconnection: close\r\n\r\n",
    "<html>Please log in</html>"
);

const fn on(on: On, name: &'static str, tried: &'static str, fault: Fault, promise: Promise) -> Row {
    Row { name, tried, on, fault, promise, since: Since::End }
}

const fn on_etcd(name: &'static str, tried: &'static str, fault: Fault, promise: Promise, since: Since) -> Row {
    Row { name, tried, on: On::Etcd, fault, promise, since }
}

/// All rows.
pub(crate) const ROWS: &[Row] = {
    use Fault::{Abuse, Kill, Stop};
    use Promise::{Everything, Nothing, Questions};
    use Since::{Beginning, End};
    &[
        on_etcd(
            "member-killed",
            "a member of etcd, not the leader, is killed",
            Kill(Whom::Follower),
            Everything,
            Beginning,
        ),
        on_etcd("leader-killed", "the leader of etcd is killed", Kill(Whom::Leader), Everything, Beginning),
        on_etcd(
            "member-stopped",
            "a member of etcd, not the leader, hangs",
            Stop(Whom::Follower),
            Everything,
            Beginning,
        ),
        on_etcd("leader-stopped", "the leader of etcd hangs", Stop(Whom::Leader), Everything, Beginning),
        on_etcd(
            "two-members-killed",
            "two members of etcd are killed: no majority",
            Kill(Whom::TwoMembers),
            Questions,
            End,
        ),
        on_etcd("etcd-stopped", "all members of etcd hang", Stop(Whom::AllMembers), Questions, End),
        on_etcd("etcd-slow", "etcd answers 200 ms later", Fault::SlowEtcd(100), Everything, Beginning),
        on_etcd("cut-off", "what passes between server 1 and etcd is lost", Fault::CutOff, Everything, End),
        on_etcd(
            "compacted",
            "etcd throws its history away while server 2 hangs",
            Fault::CompactUnderStopped,
            Everything,
            End,
        ),
        on_etcd("replica-killed", "server 1 is killed (-9)", Kill(Whom::First), Everything, End),
        on_etcd("replica-stopped", "server 1 hangs", Stop(Whom::First), Everything, End),
        on_etcd("replica-terminated", "server 1 is told to end (SIGTERM)", Fault::Terminate, Everything, End),
        on_etcd(
            "restarted-in-turn",
            "both servers are restarted, one after the other",
            Fault::RestartInTurn,
            Everything,
            Beginning,
        ),
        on_etcd(
            "wrong-clocks",
            "one server's clock is four minutes ahead, the other's four behind",
            Fault::WrongClocks,
            Everything,
            Beginning,
        ),
        on_etcd("api-server-killed", "kube-apiserver is killed (-9)", Kill(Whom::ApiServer), Everything, End),
        on_etcd("certificates", "the webhooks' certificates are made anew", Fault::Rotate, Everything, Beginning),
        on_etcd(
            "half-requests",
            "2,000 clients never finish a request",
            Abuse(abuse::Abuse::HalfRequests),
            Everything,
            Beginning,
        ),
        on_etcd(
            "connections",
            "6,000 connections that say nothing",
            Abuse(abuse::Abuse::Connections),
            Everything,
            Beginning,
        ),
        on_etcd(
            "huge-bodies",
            "128 clients send a gigabyte each",
            Abuse(abuse::Abuse::HugeBodies),
            Everything,
            Beginning,
        ),
        on_etcd("etcd-full", "etcd has no more space", Fault::FullEtcd, Questions, End),
        // The last there, because what they read then is all that was acknowledged before.
        on_etcd("both-killed", "both servers are killed (-9)", Kill(Whom::Both), Nothing, End),
        on(On::Sqlite, "sqlite-killed", "the only server, on SQLite, is killed (-9)", Kill(Whom::First), Nothing),
        on(On::SmallDisk, "disk-full", "the disk of a server on SQLite is full", Fault::FullDisk, Questions),
        on(On::Aws, "sts-away", "AWS's STS cannot be reached", Fault::Aws(Mode::Away), Questions),
        on(On::Aws, "sts-silent", "AWS's STS does not answer", Fault::Aws(Mode::Silent), Questions),
        on(
            On::Aws,
            "sts-slow",
            "AWS's STS answers a second later",
            Fault::Aws(Mode::Late(Duration::from_millis(500))),
            Questions,
        ),
        on(On::Aws, "sts-throttles", "AWS's STS has had too many calls", Fault::Aws(Mode::Says(THROTTLED)), Questions),
        on(
            On::Aws,
            "sts-rubbish",
            "something else answers instead of AWS's STS",
            Fault::Aws(Mode::Says(RUBBISH)),
            Questions,
        ),
    ]
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
    }

    #[test]
    fn what_is_said_instead_of_aws_is_as_long_as_it_says() {
        for said in [THROTTLED, RUBBISH] {
            let (head, body) = said.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        }
    }
}
