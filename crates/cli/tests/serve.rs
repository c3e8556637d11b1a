//! `doorward serve`: its configuration, how it starts, and how it ends.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use common::{Answer, Place, Server};

const ANY_PORTS: &str = "api: 127.0.0.1:0\nwebhook: 127.0.0.1:0\nops: 127.0.0.1:0\n";

#[test]
fn an_unknown_key_is_refused_with_a_suggestion_and_nothing_is_made() {
    let place = Place::new();
    place.write("config.yaml", "dataDir: /x\n");
    let said = place.run(&["serve", "--config", "config.yaml"]).refused(2);
    assert_eq!(
        said,
        "error: the configuration file `config.yaml` has the unknown key `dataDir`; did you mean `data-dir`?\n"
    );
    let said = Answer::of(place.doorward(&["serve"]).env("DOORWARD_CONFIG", "absent.yaml")).refused(2);
    assert!(said.contains("cannot read the configuration file `absent.yaml`"), "{said}");
    let said = Answer::of(place.doorward(&["serve"]).env("DOORWARD_WEBHOOK_CLIENT_AUTH", "maybe")).refused(2);
    assert!(said.contains("[possible values: required, off]"), "{said}");
    assert!(!place.path().join("doorward-data").exists());
}

#[test]
fn a_busy_port_is_told_with_its_flag_and_nothing_is_made() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    place.write("config.yaml", ANY_PORTS);
    for (flag, purpose) in [("--api", "the API"), ("--webhook", "the webhooks"), ("--ops", "health and metrics")] {
        let said = place.run(&["serve", "--config", "config.yaml", flag, &address]).refused(1);
        assert!(said.contains(&format!("cannot listen on {address} for {purpose}")), "{said}");
        assert!(said.contains(&format!("choose another address with `{flag}`")), "{said}");
    }
    assert!(!place.path().join("doorward-data").exists());
}

#[test]
fn a_flag_goes_before_its_variable_and_that_before_the_file() {
    let place = Place::new();
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [first, second] = listeners.each_ref().map(|listener| listener.local_addr().unwrap().to_string());
    place.write("config.yaml", &ANY_PORTS.replace("api: 127.0.0.1:0", &format!("api: {first}")));
    let mut command = place.doorward(&["serve", "--config", "config.yaml"]);
    assert!(Answer::of(&mut command).refused(1).contains(&first));
    assert!(Answer::of(command.env("DOORWARD_API", &second)).refused(1).contains(&second));
    assert!(Answer::of(command.args(["--api", &first])).refused(1).contains(&first));
}

#[test]
fn a_data_folder_that_cannot_be_used_is_told() {
    let place = Place::new();
    place.write("config.yaml", ANY_PORTS);
    place.write("file", "");
    for folder in ["file", "file/below", "/proc/doorward"] {
        let said = place.run(&["serve", "--config", "config.yaml", "--data-dir", folder]).refused(1);
        assert!(said.contains(&format!("`{folder}")), "{said}");
    }
    std::fs::create_dir(place.path().join("damaged")).unwrap();
    place.write("damaged/session.key", "short");
    let said = place.run(&["serve", "--config", "config.yaml", "--data-dir", "damaged"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("session.key` is not a key of 32 bytes"), "{}", said.stderr);
}

#[test]
fn it_says_how_to_use_it_and_what_it_says_works_and_it_stops_when_told() {
    let place = Place::new();
    let mut server = Server::start(&place);
    assert!(server.said.contains(&format!("serving the AWS APIs on http://{}", server.api)));
    let data = std::fs::canonicalize(place.path()).unwrap().join("doorward-data");
    let mut command = place.doorward(&["status", "-o", "json"]);
    command.env("AWS_CONFIG_FILE", data.join("aws/config"));
    command.env("AWS_SHARED_CREDENTIALS_FILE", data.join("aws/credentials")).env("AWS_PROFILE", "doorward");
    assert!(Answer::of(&mut command).ok().contains("\"clusters\": []"));

    let second = place.run(&["serve", "--api", "127.0.0.1:0", "--webhook", "127.0.0.1:0", "--ops", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("doorward-data"), "{second:?}");

    assert_eq!(server.stop(), Some(0));
    assert!(Answer::of(&mut command).refused(1).contains("is the server running"));
    // The key of the first start is that of the second.
    place.write("doorward-data/aws/config", "");
    let server = Server::start(&place);
    command.env("AWS_ENDPOINT_URL", format!("http://{}", server.api));
    assert!(Answer::of(&mut command).ok().contains("\"clusters\": []"));
}

#[test]
fn json_logs_are_json_and_nothing_else() {
    let place = Place::new();
    place.write("config.yaml", &format!("{ANY_PORTS}log-format: json\n"));
    let mut command = place.doorward(&["serve", "--config", "config.yaml"]);
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut told = None;
    for line in lines.map_while(Result::ok) {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if line.pointer("/message").and_then(|message| message.as_str()) == Some("listening") {
            told = line.pointer("/api").and_then(|api| api.as_str()).map(str::to_owned);
            assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
        }
    }
    assert_eq!(process.wait().unwrap().code(), Some(0));
    assert!(told.unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn as_many_files_may_be_open_as_the_system_allows() {
    let place = Place::new();
    let limits = |process: &str| {
        let text = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
        line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    place.write("config.yaml", ANY_PORTS);
    let shell = Command::new("sh")
        .args(["-c", "ulimit -Sn 256 && exec \"$0\" serve --config config.yaml"])
        .arg(place.doorward(&[]).get_program())
        .current_dir(place.path())
        .stderr(Stdio::piped())
        .spawn();
    let mut process = shell.unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
    let listens = lines.any(|line| line.starts_with("serving the AWS APIs"));
    let limits = listens.then(|| limits(&process.id().to_string()));
    process.kill().unwrap();
    process.wait().unwrap();
    let limits = limits.unwrap();
    assert_eq!(limits.get(3), limits.get(4), "{limits:?}");
}
