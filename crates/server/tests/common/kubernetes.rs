//! An API server that knows nothing but aws-auth, and may be away.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What it says of aws-auth: `mapRoles`, that there is none, or nothing at all.
#[derive(Clone, Debug, PartialEq)]
pub enum AwsAuth {
    MapRoles(String),
    Absent,
    Away,
}

pub struct Kubernetes {
    pub address: SocketAddr,
    aws_auth: watch::Sender<AwsAuth>,
}

impl Kubernetes {
    pub async fn start(aws_auth: AwsAuth) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (aws_auth, known) = watch::channel(aws_auth);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, known.clone()));
            }
        });
        Self { address, aws_auth }
    }

    pub fn says(&self, aws_auth: AwsAuth) {
        self.aws_auth.send_replace(aws_auth);
    }

    /// What registers this cluster.
    pub fn registration(&self, mode: &str) -> String {
        let server = format!("http://{}", self.address);
        let kubeconfig = format!(
            "{{apiVersion: v1, kind: Config, current-context: doorward, clusters: [{{name: c, cluster: {{server: \
             '{server}'}}}}], contexts: [{{name: doorward, context: {{cluster: c, user: u}}}}], users: [{{name: u, \
             user: {{token: t}}}}]}}"
        );
        let mut registration: Value = serde_json::from_str(&super::registration(mode)).unwrap();
        registration["kubeconfig"] = Value::String(kubeconfig);
        registration.to_string()
    }
}

/// One request: a list is answered at once, a watch by an error when something has changed.
async fn answer(mut stream: TcpStream, mut known: watch::Receiver<AwsAuth>) {
    let mut head = Vec::new();
    let mut part = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(length @ 1..) => head.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
    let is_watch = String::from_utf8_lossy(&head).contains("watch=true");
    let aws_auth = known.borrow_and_update().clone();
    let items = match aws_auth {
        AwsAuth::Away => return,
        AwsAuth::Absent => json!([]),
        AwsAuth::MapRoles(text) => json!([{
            "metadata": { "name": "aws-auth", "namespace": "kube-system", "resourceVersion": "7" },
            "data": { "mapRoles": text },
        }]),
    };
    if is_watch {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = known.changed().await;
        // Without it, a client would watch on from where it was, and not list.
        let gone = json!({
            "type": "ERROR", "object": { "kind": "Status", "apiVersion": "v1", "code": 410, "reason": "Expired",
            "message": "too old resource version" },
        });
        let _ = stream.write_all(format!("{gone}\n").as_bytes()).await;
        return;
    }
    let list =
        json!({ "apiVersion": "v1", "kind": "ConfigMapList", "metadata": { "resourceVersion": "7" }, "items": items });
    let list = list.to_string();
    let length = list.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{list}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
