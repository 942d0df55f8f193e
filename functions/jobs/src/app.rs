//! What the group's handlers share.

use axum::extract::FromRef;
use platform::{
    Boot, BootError, Edge, admin_secret::ADMIN_SECRET, bucket::Bucket, config::Reader, edge::EdgeConfig,
    job::FILES,
};

/// The state of every handler. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) edge: Edge,
    pub(crate) results: Bucket,
}

impl App {
    /// Reads the configuration and the secrets that every request needs.
    ///
    /// # Errors
    /// [`BootError`], with every fault of the configuration at once.
    pub async fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, &crate::NEEDS);
        let config = EdgeConfig::read(&mut env, &crate::TABLES);
        let admin_secret: Option<String> = env.required(ADMIN_SECRET);
        let results = env.required::<String>(FILES);
        let (config, results) = env.finish(|| {
            let config = EdgeConfig { admin_secret: Some(admin_secret?), ..config? };
            Some((config, results?))
        })?;
        Ok(Self { edge: Edge::new(boot, config).await?, results: Bucket::new(&boot.aws, results) })
    }
}

impl FromRef<App> for Edge {
    fn from_ref(app: &App) -> Self {
        app.edge.clone()
    }
}
