//! What the group's handlers share.

use axum::extract::FromRef;
use platform::{Boot, BootError, Edge, config::Reader, edge::EdgeConfig};

use crate::readiness::{Readiness, TABLES};

/// The state of every handler. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) edge: Edge,
    readiness: Readiness,
}

impl App {
    /// Reads the configuration. Asks nobody: that one does not answer is what `/ready` is there to tell.
    ///
    /// # Errors
    /// [`BootError`], with every fault of the configuration at once.
    #[expect(clippy::unused_async, reason = "`endpoints!` awaits every state")]
    pub async fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, &crate::NEEDS);
        let config = EdgeConfig::of_public(&mut env, &TABLES.map(|(_, table)| table));
        let edge = Edge::keyless(boot, env.finish(|| config)?);
        Ok(Self { readiness: Readiness::new(edge.clone()), edge })
    }
}

impl FromRef<App> for Edge {
    fn from_ref(app: &App) -> Self {
        app.edge.clone()
    }
}

impl FromRef<App> for Readiness {
    fn from_ref(app: &App) -> Self {
        app.readiness.clone()
    }
}
