//! What the group's handlers share.

use axum::extract::FromRef;
use platform::{Boot, BootError, Edge, admin_secret::ADMIN_SECRET, config::Reader, edge::EdgeConfig};

/// The state of every handler. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) edge: Edge,
}

impl App {
    /// Reads the configuration and the secrets that every request needs. The admin secret is read when it is first
    /// presented.
    ///
    /// # Errors
    /// [`BootError`], with every fault of the configuration at once.
    pub async fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, &crate::NEEDS);
        let config = EdgeConfig::read(&mut env, &crate::TABLES);
        let admin_secret: Option<String> = env.required(ADMIN_SECRET);
        let config = env.finish(|| Some(EdgeConfig { admin_secret: Some(admin_secret?), ..config? }))?;
        Ok(Self { edge: Edge::new(boot, config).await? })
    }
}

impl FromRef<App> for Edge {
    fn from_ref(app: &App) -> Self {
        app.edge.clone()
    }
}
