//! `cargo xtask bench gateway`: requests a second of `GET /me` through the local cloud, limiter and all, beside what a
//! Python team would begin with: `FastAPI`, uvicorn and `SQLite`, without a limiter.

use std::{
    io::BufReader,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Options, build, http1, python};
use crate::{Result, workspace, workspace::Workspace};

/// The local cloud's package and binary.
const LOCALSTACK: &str = "localstack";
/// The yardstick's sources.
const FOLDER: &str = "tests/load/python_me";
/// At least so many times the yardstick.
const RATIO_MIN: f64 = 3.0;
/// Connections, each with a person of its own and one request at a time.
const CLIENTS: usize = 8;
/// Rounds, in which both are asked; the first only warms them.
const ROUNDS: usize = 4;
const ROUND: Duration = Duration::from_secs(5);
/// As many workers as the machine the figure is for has cores.
const WORKERS: &str = "2";
const ME: &str = "/api/v1/me";
/// Everything is counted, and everything passes.
const PARAMETERS: &str =
    "RequestsPerMinute=60000 AttemptsPerMinute=0 StageRateLimit=100000 StageBurstLimit=100000";

/// A server under load, stopped when it goes out of scope.
struct Server {
    name: &'static str,
    process: Child,
    addr: SocketAddr,
    tokens: Vec<String>,
    rates: Vec<f64>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The whole group: uvicorn's workers would live on without it. It may have ended itself.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.process.id())]).status();
        let _ = self.process.wait();
    }
}

/// Builds, measures, prints; with `--check` fails below the ratio.
pub fn gateway(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    build::fast(LOCALSTACK, &["--bins"])?;
    let folder = tempfile::tempdir()?;
    let mut servers = [
        ours(&workspace.target.join("fast").join(LOCALSTACK), folder.path())?,
        theirs(&workspace.target, folder.path())?,
    ];
    for round in 0..ROUNDS {
        for server in &mut servers {
            let rate = server.load()?;
            if round > 0 {
                server.rates.push(rate);
            }
        }
    }
    println!("GET {ME}, {CLIENTS} clients, medians of {} rounds of {} s", ROUNDS - 1, ROUND.as_secs());
    let [ours, theirs] = servers.map(|mut server| {
        server.rates.sort_by(f64::total_cmp);
        let median = server.rates[server.rates.len() / 2];
        println!("{:<44} {median:>8.0} requests/s", server.name);
        median
    });
    let ratio = ours / theirs;
    println!("{ratio:.2} x, at least {RATIO_MIN}");
    if options.check && ratio < RATIO_MIN { Err("too slow beside FastAPI".into()) } else { Ok(()) }
}

fn ours(binary: &Path, folder: &Path) -> Result<Server> {
    let addr = free()?;
    let process = Command::new(binary)
        .env("GROUNDWORK_ADDR", addr.to_string())
        .env("GROUNDWORK_AWS_ADDR", free()?.to_string())
        .env("GROUNDWORK_DATA_DIR", folder.join("data"))
        .env("GROUNDWORK_TEMPLATE", workspace::root().join("template.yaml"))
        .env("GROUNDWORK_PARAMETERS", PARAMETERS)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let mut server = Server {
        name: "Groundwork's local gateway, with its limiter",
        process,
        addr,
        tokens: Vec::new(),
        rates: Vec::new(),
    };
    server.wait()?;
    for client in 0..CLIENTS {
        let name = format!("bench{client}");
        let email = format!("{name}@example.com");
        let password = "correct horse battery 7";
        let account = json!({"email": email, "username": name, "password": password});
        server.post("/api/v1/auth/register", &account)?;
        let tokens = server.post("/api/v1/auth/login", &json!({"email": email, "password": password}))?;
        server.keep(&tokens)?;
    }
    Ok(server)
}

fn theirs(target: &Path, folder: &Path) -> Result<Server> {
    let venv = target.join("python-me");
    let sources = workspace::root().join(FOLDER);
    python::install(&venv, &sources.join("requirements.txt"), &[])?;
    let addr = free()?;
    let process = Command::new(venv.join("bin/uvicorn"))
        .current_dir(&sources)
        .args(["app:app", "--host", "127.0.0.1", "--port", &addr.port().to_string()])
        .args(["--workers", WORKERS, "--no-access-log", "--log-level", "warning"])
        .env("DATABASE", folder.join("users.sqlite"))
        .env("KEY", "11".repeat(32))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .process_group(0)
        .spawn()?;
    let mut server = Server {
        name: "FastAPI and SQLite, without one",
        process,
        addr,
        tokens: Vec::new(),
        rates: Vec::new(),
    };
    server.wait()?;
    for _ in 0..CLIENTS {
        let tokens = server.post("/token", &json!({}))?;
        server.keep(&tokens)?;
    }
    Ok(server)
}

/// An address that nobody listens on.
fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Server {
    fn wait(&mut self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_mins(1) {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("{} ended with {status}", self.name).into());
            }
            if Client::new(self.addr).and_then(|mut client| client.ask("GET", "/health", None, b"")).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{} is not up after a minute", self.name).into())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = Client::new(self.addr)?.ask("POST", path, None, body.to_string().as_bytes())?;
        Ok(serde_json::from_slice(&answer)?)
    }

    fn keep(&mut self, tokens: &Value) -> Result<()> {
        let token = tokens["access_token"].as_str().ok_or("no access_token")?;
        self.tokens.push(token.to_owned());
        Ok(())
    }

    /// Asks for a while; how many requests a second were answered.
    fn load(&self) -> Result<f64> {
        let begun = Instant::now();
        let ask = |token: &String| -> std::result::Result<u32, String> {
            let mut client = Client::new(self.addr).map_err(|error| error.to_string())?;
            let mut answered = 0;
            while begun.elapsed() < ROUND {
                client.ask("GET", ME, Some(token), b"").map_err(|error| error.to_string())?;
                answered += 1;
            }
            Ok(answered)
        };
        let answered: std::result::Result<Vec<u32>, String> = thread::scope(|scope| {
            let clients: Vec<_> = self.tokens.iter().map(|token| scope.spawn(move || ask(token))).collect();
            clients
                .into_iter()
                .map(|client| client.join().map_err(|_| "a client panicked".to_owned())?)
                .collect()
        });
        let answered = answered.map_err(|error| format!("{}: {error}", self.name))?;
        Ok(f64::from(answered.iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
    }
}

/// A connection that is kept.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The body of an answer that succeeded.
    fn ask(&mut self, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Result<Vec<u8>> {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("host", "127.0.0.1"), ("content-type", "application/json")];
        headers.extend(authorization.iter().map(|value| ("authorization", value.as_str())));
        http1::write(self.0.get_mut(), &format!("{method} {path} HTTP/1.1"), headers, body)?;
        let answer = http1::read(&mut self.0)?.ok_or("the connection was closed")?;
        match answer.start.split(' ').nth(1) {
            Some("200" | "201") => Ok(answer.body),
            _ => Err(format!("{method} {path}: {}: {}", answer.start, String::from_utf8_lossy(&answer.body))
                .into()),
        }
    }
}
