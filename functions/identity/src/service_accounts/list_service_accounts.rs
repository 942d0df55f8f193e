//! `GET /service-accounts`

use axum::extract::State;
use kernel::{Page, permission::ServiceAccountsRead};
use platform::{Allowed, Paging, Query, Result, View};

use crate::{
    App,
    service_account::{ServiceAccount, ServiceAccountView},
};

/// Lists the service accounts of the tenant that the caller acts in.
#[utoipa::path(
    get, path = "/api/v1/service-accounts", tag = "service accounts", params(Paging),
    responses((status = 200, description = "A page of service accounts, oldest first unless told otherwise.",
        body = Page<ServiceAccountView>)),
    extensions(("x-permission" = json!("service_accounts:read")))
)]
pub(crate) async fn list_service_accounts(
    State(app): State<App>,
    allowed: Allowed<ServiceAccountsRead>,
    Query(paging): Query<Paging>,
) -> Result<View<Page<ServiceAccountView>>> {
    let page = paging.read(app.edge.store(), ServiceAccount::of_tenant(allowed.tenant_id())).await?;
    Ok(View(page.map(|account| ServiceAccountView::from(&account))))
}
