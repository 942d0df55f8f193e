//! The Lambda Runtime API on loopback: hands events to one bootstrap and hears its answers. Times are taken on
//! the connection's own thread the moment a request has been read.

use std::{
    io::BufReader,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::http1;
use crate::Result;

const PREFIX: &str = "/2018-06-01/runtime/";
/// A bootstrap that has said nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an invocation may take, as told to the function.
const TIMEOUT: Duration = Duration::from_secs(30);

const JSON: (&str, &str) = ("content-type", "application/json");

/// What a bootstrap told the Runtime API.
#[derive(Debug)]
pub(super) enum Heard {
    /// It asks for an event: initialisation, or the last invocation, is over.
    Next { at: Instant },
    /// It answered an event.
    Response { at: Instant, body: Vec<u8> },
    /// It reported that the handler or the initialisation failed.
    Error { path: String, body: String },
}

/// One fake Runtime API, for one bootstrap. Dropping it ends the connections.
pub(super) struct RuntimeApi {
    address: SocketAddr,
    heard: mpsc::Receiver<Heard>,
    events: mpsc::Sender<Vec<u8>>,
    closing: Arc<AtomicBool>,
}

impl RuntimeApi {
    /// Listens on a free port of the loopback interface.
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (tell, heard) = mpsc::channel();
        let (events, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let closing = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&closing);
        thread::spawn(move || {
            // The bootstrap keeps one connection, but its client may open a second one while the first is busy.
            for stream in listener.incoming().flatten() {
                if closed.load(Ordering::Relaxed) {
                    return;
                }
                let connection = Connection { tell: tell.clone(), queue: Arc::clone(&queue) };
                thread::spawn(move || connection.serve(&stream));
            }
        });
        Ok(Self { address, heard, events, closing })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// When the bootstrap asked for its next event.
    pub(super) fn wait_for_next(&self) -> Result<Instant> {
        match self.hear()? {
            Heard::Next { at } => Ok(at),
            other => Err(unexpected("a request for the next event", &other)),
        }
    }

    /// Hands over an event; answers the response and when it came. The bootstrap must have asked before.
    pub(super) fn invoke(&self, event: &[u8]) -> Result<(Instant, Vec<u8>)> {
        self.events.send(event.to_vec())?;
        match self.hear()? {
            Heard::Response { at, body } => Ok((at, body)),
            other => Err(unexpected("a response", &other)),
        }
    }

    fn hear(&self) -> Result<Heard> {
        self.heard
            .recv_timeout(PATIENCE)
            .map_err(|_| format!("the bootstrap has been silent for {} s", PATIENCE.as_secs()).into())
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees the flag. If it cannot be reached it is gone already.
        let _ = TcpStream::connect(self.address);
    }
}

fn unexpected(wanted: &str, heard: &Heard) -> Box<dyn std::error::Error + Send + Sync> {
    match heard {
        Heard::Error { path, body } => format!("the bootstrap reported {path}: {body}"),
        Heard::Next { .. } => format!("expected {wanted}; the bootstrap asked for the next event"),
        Heard::Response { .. } => format!("expected {wanted}; the bootstrap sent a response"),
    }
    .into()
}

/// One connection of the bootstrap, on its own thread.
struct Connection {
    tell: mpsc::Sender<Heard>,
    queue: Arc<Mutex<mpsc::Receiver<Vec<u8>>>>,
}

impl Connection {
    /// Serves until either side goes away; a broken connection shows at the other end of the channel.
    fn serve(&self, stream: &TcpStream) {
        // Without this each answer waits for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(stream);
        while let Ok(Some(request)) = http1::read(&mut reader) {
            let at = Instant::now();
            if self.answer(stream, request, at).is_none() {
                return;
            }
        }
    }

    /// `None` when the bench or the bootstrap has gone.
    fn answer(&self, mut stream: &TcpStream, request: http1::Message, at: Instant) -> Option<()> {
        let (method, path) = request.method_and_path();
        let call = path.strip_prefix(PREFIX).unwrap_or(path);
        if (method, call) == ("GET", "invocation/next") {
            self.tell.send(Heard::Next { at }).ok()?;
            let event = self.queue.lock().ok()?.recv().ok()?;
            let deadline = deadline_ms().to_string();
            let headers = [
                JSON,
                ("lambda-runtime-aws-request-id", "b5e3c1a0-7c7e-4a55-8a0e-7b6f6d5b2f10"),
                ("lambda-runtime-deadline-ms", deadline.as_str()),
                (
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:us-east-1:000000000000:function:bench",
                ),
                ("lambda-runtime-trace-id", "Root=1-5e1b4151-5ac6c58f5ac6c58f5ac6c58f;Sampled=0"),
            ];
            return http1::write(&mut stream, "HTTP/1.1 200 OK", headers, &event).ok();
        }
        let accepted = http1::write(&mut stream, "HTTP/1.1 202 Accepted", [JSON], b"{\"status\":\"OK\"}");
        let heard = if call.ends_with("/response") {
            Heard::Response { at, body: request.body }
        } else {
            Heard::Error { path: call.to_owned(), body: String::from_utf8_lossy(&request.body).into_owned() }
        };
        self.tell.send(heard).ok()?;
        accepted.ok()
    }
}

fn deadline_ms() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now + TIMEOUT).as_millis()
}
