//! `GET /me/login-events`

use std::net::IpAddr;

use axum::extract::State;
use kernel::{Page, Timestamp, id::AuditId, permission::ProfileRead};
use platform::{Allowed, Paging, Query, Result, View};
use serde::Serialize;

use super::account;
use crate::{
    App,
    login_event::{LoginEvent, Outcome},
};

/// One attempt to log in to the account, or to do what takes its password.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "at": "2026-01-31T12:00:00.000Z", "ip": "203.0.113.7",
    "user_agent": "curl/8.5.0", "outcome": "success"
}))]
pub(crate) struct LoginEventView {
    /// Its id.
    id: AuditId,
    /// When.
    at: Timestamp,
    /// Where from.
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// What the client called itself.
    user_agent: String,
    /// How it ended.
    outcome: Outcome,
}

impl From<LoginEvent> for LoginEventView {
    fn from(event: LoginEvent) -> Self {
        Self {
            id: event.id,
            at: event.at,
            ip: event.ip,
            user_agent: event.user_agent,
            outcome: event.outcome,
        }
    }
}

/// Lists the logins to one's own account, newest first, failed ones too. They are kept for 90 days.
#[utoipa::path(
    get, path = "/api/v1/me/login-events", tag = "me",
    params(Paging),
    responses((status = 200, description = "A page of logins.", body = Page<LoginEventView>)),
    extensions(("x-permission" = json!("profile:read")))
)]
pub(crate) async fn list_login_events(
    State(app): State<App>,
    allowed: Allowed<ProfileRead>,
    Query(paging): Query<Paging>,
) -> Result<View<Page<LoginEventView>>> {
    let user = account(&app, &allowed).await?;
    let query = LoginEvent::of_user(user.id);
    let limit = paging.limit.unwrap_or_default();
    let page = app.edge.store().page(&query, limit, paging.cursor.as_deref()).await?;
    Ok(View(page.map(LoginEventView::from)))
}
