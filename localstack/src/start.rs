//! Start and stop of the whole.

use std::fs::File;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cloud::{Cloud, CloudError, Template, TemplateError, template};
use platform::BootError;
use platform::config::{ConfigError, Vars};
use platform::telemetry::causes;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::functions::{self, LoadError};
use crate::gateway::{self, Gateway};
use crate::invoke::Functions;
use crate::trigger::{self, TriggerError};
use crate::{Settings, operator, stop};

/// Triggers get this long to finish their batches.
const DRAIN: Duration = Duration::from_secs(10);

/// Why the local cloud does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment is wrong.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// The template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// There is no REST API in the template.
    #[error("template.yaml: Resources: it declares no AWS::Serverless::Api; declare one")]
    NoApi,
    /// An address cannot be listened on.
    #[error(
        "{addr} cannot be listened on: {source}; stop what uses it, or set {variable} to another address"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The variable that sets it.
        variable: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {source}; set GROUNDWORK_DATA_DIR to another one", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another local cloud has the data folder.
    #[error("the data folder {} is in use by another local cloud; stop it, or set GROUNDWORK_DATA_DIR", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The cloud's state cannot be used.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A function does not start.
    #[error(transparent)]
    Function(#[from] LoadError),
    /// A trigger does not fit its function.
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    /// A route does not fit its function.
    #[error(transparent)]
    Route(#[from] gateway::Mismatch),
    /// `GROUNDWORK_PARAMETERS` names what the template does not have.
    #[error("GROUNDWORK_PARAMETERS: the template has no parameter {0}")]
    Parameter(String),
    /// The operator's account cannot be made.
    #[error("the operator's account cannot be made: {}", causes(.0))]
    Operator(BootError),
    /// The system refused something a server needs.
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
}

impl StartError {
    /// The exit code, of sysexits.h: 78 configuration, 73 cannot create, 69 unavailable, 75 may pass.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_)
            | Self::Template(_)
            | Self::NoApi
            | Self::Parameter(_)
            | Self::Trigger(_)
            | Self::Route(_)
            | Self::Function(LoadError::Unknown { .. }) => 78,
            Self::Function(LoadError::Boot { source, .. }) | Self::Operator(source) => source.exit_code(),
            Self::Folder { .. } | Self::Cloud(_) => 73,
            Self::Listen { .. } | Self::System(_) => 69,
            Self::FolderInUse { .. } => 75,
        }
    }
}

/// Runs the local cloud until Ctrl-C or SIGTERM.
///
/// # Errors
/// When something it needs is not there; nothing has been started then.
pub async fn run() -> Result<(), StartError> {
    let settings = Settings::read(&Vars::from_process())?;
    let (api, addr) = listen(settings.addr, "GROUNDWORK_ADDR").await?;
    let (aws, _) = listen(settings.aws_addr, "GROUNDWORK_AWS_ADDR").await?;
    let url = public_url(addr);
    let template = load_template(&settings, &url)?;
    let _lock = lock(&settings.data_dir)?;
    // Only now: until here one line on stderr tells what is wrong, and nothing else.
    platform::telemetry::init(settings.log_level);
    let cloud = Cloud::open(&template, &settings.data_dir)?;
    let functions = functions::load(&cloud, &template).await?;
    let announcement = first_start(&cloud, &template, &settings.data_dir).await?;
    serve(Parts { settings, cloud, template, functions, api, aws, url, announcement }).await
}

struct Parts {
    settings: Settings,
    cloud: Cloud,
    template: Template,
    functions: Functions,
    api: TcpListener,
    aws: TcpListener,
    url: String,
    announcement: Option<String>,
}

async fn serve(parts: Parts) -> Result<(), StartError> {
    let (stopper, stop) = stop::channel();
    let api = parts.template.api.ok_or(StartError::NoApi)?;
    let mut signals = Signals::new()?;
    let mut triggers = trigger::start(&parts.cloud, &parts.functions, &stop)?;
    let gateway = Arc::new(Gateway::new(api, parts.functions, parts.settings.limits)?);
    let server = tokio::spawn(gateway::serve(parts.api, gateway, parts.cloud.clone(), stop.clone()));
    let aws = tokio::spawn({
        let mut stop = stop.clone();
        async move {
            parts.cloud.serve_aws(parts.aws, stop.requested()).await;
        }
    });
    let mut out = std::io::stdout();
    for line in parts.announcement.into_iter().chain([format!("Groundwork is up at {}", parts.url)]) {
        // Nobody may be reading; that is no reason to stop.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
    signals.recv().await;
    tracing::info!("stopping");
    stopper.stop();
    let _ = server.await;
    let ended = async { while triggers.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, ended).await.is_err() {
        tracing::warn!("a trigger was still at work when everything stopped; its batch comes again");
    }
    let _ = aws.await;
    Ok(())
}

/// Makes the operator's account unless it exists; what to say when it was made just now.
async fn first_start(
    cloud: &Cloud,
    template: &Template,
    data_dir: &Path,
) -> Result<Option<String>, StartError> {
    let Some(declared) = template.function("identity") else {
        return Ok(None);
    };
    let boot = functions::boot(cloud, declared);
    let made =
        identity::bootstrap::ensure_operator(&boot, operator::EMAIL, |fresh| operator::keep(data_dir, fresh));
    let made = made.await.map_err(StartError::Operator)?;
    let file = data_dir.join(operator::FILE);
    Ok(made.map(|operator| {
        let (email, password) = (operator.email, operator.password.expose());
        format!("Operator: {email} with password {password} (kept in {})", file.display())
    }))
}

async fn listen(addr: SocketAddr, variable: &'static str) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { addr, variable, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// How clients on this machine reach the gateway.
fn public_url(addr: SocketAddr) -> String {
    let is_everywhere = addr.ip().is_unspecified();
    let ip = if is_everywhere { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { addr.ip() };
    format!("http://{}", SocketAddr::new(ip, addr.port()))
}

fn load_template(settings: &Settings, url: &str) -> Result<Template, StartError> {
    let here = PathBuf::from("template.yaml");
    let path = settings
        .template
        .clone()
        .unwrap_or_else(|| if here.exists() { here } else { template::workspace_template() });
    let mut overrides = template::local_overrides(url);
    overrides.insert("LogLevel".to_owned(), settings.log_level.to_string());
    if !settings.limits {
        let lifted = ["RequestsPerMinute", "AttemptsPerMinute"].map(|name| (name.to_owned(), "0".to_owned()));
        overrides.extend(lifted);
    }
    overrides.extend(settings.parameters.0.clone());
    let template = Template::load(&path, &overrides)?;
    if let Some(unknown) = settings.parameters.0.keys().find(|name| !template.parameters.contains_key(*name))
    {
        return Err(StartError::Parameter(unknown.clone()));
    }
    if template.api.is_none() {
        return Err(StartError::NoApi);
    }
    Ok(template)
}

/// Takes the data folder for this process. The lock goes with the process, however that ends.
fn lock(data_dir: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Folder { path: data_dir.to_owned(), source };
    cloud::make_data_dir(data_dir).map_err(failed)?;
    let file = File::options().create(true).append(true).open(data_dir.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::FolderInUse { path: data_dir.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listening begins here, so that a signal during the start is not lost.
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
