//! What the group's handlers share.

use axum::extract::FromRef;
use platform::{Boot, BootError, Edge, bucket::Bucket, config::Reader, edge::EdgeConfig};

use crate::log::Log;

/// The state of every handler. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) edge: Edge,
    pub(crate) log: Log,
}

impl App {
    /// Reads the configuration and the secrets that every request needs.
    ///
    /// # Errors
    /// [`BootError`], with every fault of the configuration at once.
    pub async fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, &crate::NEEDS);
        let config = EdgeConfig::read(&mut env, &crate::TABLES);
        let bucket = env.required::<String>(crate::LOG_BUCKET);
        let (config, bucket) = env.finish(|| config.zip(bucket))?;
        let edge = Edge::new(boot, config).await?;
        let log = Log::new(edge.store().clone(), Bucket::new(&boot.aws, bucket));
        Ok(Self { edge, log })
    }
}

impl FromRef<App> for Edge {
    fn from_ref(app: &App) -> Self {
        app.edge.clone()
    }
}
