//! Which cloud is asked, and a local one when none is named.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::Duration,
};

use platform::config::Vars;
use testkit::Witness;
use ureq::http::HeaderMap;

/// What a deployment and the local cloud are told, so that its answer can be tested.
pub(crate) const ORIGIN: &str = "http://localhost:3000";

/// Where the API answers, and what it takes to test it.
pub(crate) struct Cloud {
    pub(crate) url: String,
    /// Where mails are read.
    pub(crate) mail: Option<String>,
    /// `operator.json`.
    pub(crate) operator: Option<PathBuf>,
    pub(crate) is_emulator: bool,
    /// What the functions log, and what may not stand there: of a local cloud.
    log: Option<PathBuf>,
    witness: Witness,
    /// Ends with this process: its standard input closes then, however that happens.
    _running: Option<Child>,
}

impl Cloud {
    /// Notes the credentials of a message, and searches for all so far in what was logged since.
    pub(crate) fn witness(&self, headers: &HeaderMap, body: &[u8]) {
        self.witness.saw(headers, body);
        if let Some(log) = &self.log {
            self.witness.search(|place| whole_lines(log, place).expect("the log of the local cloud"));
        }
    }
}

/// What stands in a file from a place on, without a line that is being written.
fn whole_lines(file: &Path, place: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = fs::File::open(file)?;
    file.seek(SeekFrom::Start(place as u64))?;
    file.read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    bytes.truncate(end);
    Ok(bytes)
}

/// The one of this run.
pub(crate) fn cloud() -> &'static Cloud {
    static CLOUD: OnceLock<Cloud> = OnceLock::new();
    CLOUD.get_or_init(|| named(&Vars::from_process()).unwrap_or_else(start))
}

fn named(vars: &Vars) -> Option<Cloud> {
    let url = vars.get("GROUNDWORK_URL")?.trim_end_matches('/').to_owned();
    Some(Cloud {
        url,
        mail: vars.get("GROUNDWORK_MAIL").map(str::to_owned),
        operator: vars.get("GROUNDWORK_OPERATOR").map(PathBuf::from),
        is_emulator: is_emulator(vars.get("GROUNDWORK_CLOUD")).unwrap_or_else(|error| panic!("{error}")),
        log: None,
        witness: Witness::default(),
        _running: None,
    })
}

/// Whether the cloud of that name is the emulator. One whose gaps nobody knows would fail for reasons of its own.
fn is_emulator(name: Option<&str>) -> Result<bool, String> {
    match name {
        None | Some("aws") => Ok(false),
        Some("emulator") => Ok(true),
        Some(other) => Err(format!(
            "GROUNDWORK_CLOUD={other}: must be `emulator`, or `aws` as without it, also for the local cloud"
        )),
    }
}

#[test]
fn a_cloud_of_another_name_is_refused() {
    assert_eq!((is_emulator(None), is_emulator(Some("aws"))), (Ok(false), Ok(false)));
    assert_eq!(is_emulator(Some("emulator")), Ok(true));
    for typo in ["", "emulater", "Emulator", "AWS", "local"] {
        let error = is_emulator(Some(typo)).unwrap_err();
        assert!(error.contains("`emulator`") && error.contains("`aws`"), "{error}");
    }
}

/// Runs the local cloud until standard input ends, and takes its folder away.
const UNTIL_THE_TESTS_END: &str = r#"
"$0" >"$1/out" 2>"$1/log" &
cat >/dev/null
kill -TERM $!
wait $!
rm -rf "$1"
"#;

fn start() -> Cloud {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    let running = Command::new("sh")
        .args(["-c", UNTIL_THE_TESTS_END, env!("CARGO_BIN_EXE_local-cloud")])
        .arg(&folder)
        .env("GROUNDWORK_ADDR", "127.0.0.1:0")
        .env("GROUNDWORK_AWS_ADDR", "127.0.0.1:0")
        .env("GROUNDWORK_DATA_DIR", folder.join("data"))
        // All cases come from one network, and make accounts of their own. What an API key may do is limited all the
        // same. Nobody waits a minute for an erasure.
        .env(
            "GROUNDWORK_PARAMETERS",
            "RequestsPerMinute=60000 AttemptsPerMinute=0 AuditErasureDelaySeconds=0",
        )
        // The workspace's own template, throttles and all, whatever else is tried in this shell.
        .env_remove("GROUNDWORK_TEMPLATE")
        .env_remove("GROUNDWORK_LIMITS")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let url = wait_until_up(&folder);
    Cloud {
        mail: Some(format!("{url}/_local/mail")),
        operator: Some(folder.join("data/operator.json")),
        url,
        is_emulator: false,
        log: Some(folder.join("log")),
        witness: Witness::default(),
        _running: Some(running),
    }
}

fn wait_until_up(folder: &Path) -> String {
    for _ in 0..600 {
        let told = fs::read_to_string(folder.join("out")).unwrap_or_default();
        if let Some(url) = told.lines().find_map(|line| line.strip_prefix("Groundwork is up at ")) {
            return url.to_owned();
        }
        sleep(Duration::from_millis(100));
    }
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("the local cloud is not up after a minute: {log}");
}
