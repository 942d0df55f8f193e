//! `GET /me/login-events`

use std::net::IpAddr;

use axum::extract::State;
use kernel::{Limit, Page, Sort, Timestamp, id::AuditId, permission::ProfileRead};
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

kernel::input! {
    /// Which logins.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct ListLoginEvents {
        /// How many items at most: 20 unless told.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<Limit>,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: Option<String>,
        /// By age: `created_at` is oldest first, `-created_at` newest first. A cursor goes on in its own order only.
        #[param(value_type = Option<String>, pattern = "^-?created_at$", example = "-created_at")]
        sort: Option<Sort>,
        /// Only logins that ended so. The rest is left out after it was read: a page may hold fewer than `limit`, and
        /// the list goes on for as long as there is a `next_cursor`.
        #[param(value_type = Option<Outcome>, inline)]
        outcome: Option<Outcome>,
    }
}

/// Lists the logins to one's own account, failed ones too, newest first unless told otherwise. They are kept for 90
/// days.
#[utoipa::path(
    get, path = "/api/v1/me/login-events", tag = "me",
    params(ListLoginEvents),
    responses((status = 200, description = "A page of logins.", body = Page<LoginEventView>)),
    extensions(("x-permission" = json!("profile:read")))
)]
pub(crate) async fn list_login_events(
    State(app): State<App>,
    allowed: Allowed<ProfileRead>,
    Query(ListLoginEvents { limit, cursor, sort, outcome }): Query<ListLoginEvents>,
) -> Result<View<Page<LoginEventView>>> {
    let user = account(&app, &allowed).await?;
    let events = LoginEvent::of_user(user.id);
    let events = match outcome {
        Some(outcome) => events.only("outcome", &outcome),
        None => events,
    };
    let page = Paging { limit, cursor, sort }.read(app.edge.store(), events).await?;
    Ok(View(page.map(LoginEventView::from)))
}
