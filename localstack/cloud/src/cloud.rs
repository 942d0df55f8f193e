//! The cloud itself: its services, and the one place every AWS call passes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use dynoxide::Database;
use serde_json::Value;

use crate::client::InProcess;
use crate::clock::Clock;
use crate::db::Db;
use crate::dynamo::{Tokens, Upkeep};
use crate::fault::{Effect, Faults, InjectedFault};
use crate::iam::{self, Ledger, Permission, Role};
use crate::mail::{Mail, Mailbox};
use crate::s3::S3;
use crate::secrets::Secrets;
use crate::service::{Refusal, Service, operation};
use crate::sqs::Sqs;
use crate::template::names::REGION;
use crate::template::{Function, Template};
use crate::wire::{Fault, Reply, Request};
use crate::{dynamo, provision};

/// Why a cloud could not be opened or asked.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database of queues, secrets, objects and mail failed.
    #[error("the local cloud's database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// `DynamoDB` failed.
    #[error("the local DynamoDB failed: {0}")]
    Dynamo(#[from] dynoxide::DynoxideError),
    /// A resource of the template could not be made.
    #[error("{resource} could not be made: {reason}")]
    Resource {
        /// Its logical id.
        resource: String,
        /// Why.
        reason: String,
    },
}

/// The services one template declares. Cloning shares them.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
}

struct Inner {
    dynamo: Database,
    tokens: Tokens,
    upkeep: Option<Upkeep>,
    db: Arc<Db>,
    clock: Clock,
    sqs: Sqs,
    secrets: Secrets,
    s3: S3,
    mailbox: Mailbox,
    calls: Mutex<BTreeMap<(Service, String), u64>>,
    ledger: Ledger,
    faults: Faults,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cloud")
    }
}

impl Cloud {
    /// A cloud in memory, with everything `template` declares.
    ///
    /// # Errors
    /// When a resource cannot be made as declared.
    pub fn memory(template: &Template) -> Result<Self, CloudError> {
        let clock = Clock::default();
        let dynamo = Database::memory_with_clock(Arc::new(clock.clone()))?;
        Self::assemble(template, dynamo, None, Db::memory()?, clock)
    }

    /// The cloud kept in `data_dir`, which is made when it is missing. What `template` declares and the
    /// folder does not have yet is added: tables, indexes, streams, queues, secrets, buckets. Nothing is ever
    /// taken away.
    ///
    /// Every acknowledged change survives the process being killed. The caller keeps two processes from
    /// sharing a folder.
    ///
    /// # Errors
    /// When the folder cannot be written, or a resource cannot be made as declared.
    pub fn open(template: &Template, data_dir: &Path) -> Result<Self, CloudError> {
        let folder = |source| CloudError::Folder { path: data_dir.to_owned(), source };
        make_data_dir(data_dir).map_err(folder)?;
        let path = data_dir.join("dynamodb.sqlite");
        let dynamo = Database::new(&path.to_string_lossy())?;
        // Named for imports, but what it sets is `synchronous = NORMAL` (see `Db::open`) and SQLite's other
        // defaults.
        dynamo.disable_bulk_loading()?;
        let upkeep = Upkeep::open(&path)?;
        let db = Db::open(&data_dir.join("cloud.sqlite"))?;
        Self::assemble(template, dynamo, Some(upkeep), db, Clock::default())
    }

    fn assemble(
        template: &Template,
        dynamo: Database,
        upkeep: Option<Upkeep>,
        db: Db,
        clock: Clock,
    ) -> Result<Self, CloudError> {
        let db = Arc::new(db);
        let inner = Inner {
            sqs: Sqs::new(Arc::clone(&db), clock.clone()),
            secrets: Secrets::new(Arc::clone(&db), clock.clone()),
            s3: S3::new(Arc::clone(&db), clock.clone()),
            mailbox: Mailbox::new(Arc::clone(&db), clock.clone()),
            calls: Mutex::default(),
            ledger: Ledger::default(),
            faults: Faults::default(),
            tokens: Tokens::default(),
            upkeep,
            dynamo,
            db,
            clock,
        };
        provision::tables(&inner.dynamo, &template.tables)?;
        provision::queues(&inner.sqs, &template.queues)?;
        provision::secrets(&inner.secrets, &template.secrets)?;
        provision::rotations(&inner.secrets, &template.functions)?;
        provision::buckets(&inner.s3, &template.buckets)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The configuration for every AWS SDK client: fixed region and credentials, answered in-process. Calls are
    /// root's: nothing is denied. Building it touches neither the network nor the environment.
    pub fn sdk_config(&self) -> SdkConfig {
        self.config_of(None)
    }

    /// The configuration a function of the template gets: as [`sdk_config`](Self::sdk_config), but what its role does
    /// not allow is denied, and what it uses is [noted](Self::used).
    pub fn sdk_config_of(&self, function: &Function) -> SdkConfig {
        self.config_of(Some(Arc::new(Role::of(function))))
    }

    fn config_of(&self, role: Option<Arc<Role>>) -> SdkConfig {
        let credentials = Credentials::new("AKIALOCAL", "local", None, None, "local cloud");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(InProcess { cloud: self.clone(), role })
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new())
            .build()
    }

    /// Answers one AWS request. Every call, from an SDK in this process or from the port, passes here: permissions
    /// are checked, calls counted and injected faults met.
    ///
    /// # Errors
    /// When an injected fault breaks the connection.
    pub(crate) async fn call(&self, request: Request, role: Option<&Role>) -> io::Result<Reply> {
        let Some(service) = Service::of(&request) else {
            let fault = Fault::client("UnknownService", "The local cloud does not have this service.");
            return Ok(fault.json());
        };
        let operation = operation(&request).to_owned();
        self.count(service, &operation);
        let (delay, effect) = self.inner.faults.meet(service, &operation, role.map(Role::function));
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let refusal = match effect {
            Some(Effect::Reset) => return Err(io::ErrorKind::ConnectionReset.into()),
            Some(Effect::Throttle) => Some(Refusal::Throttled),
            Some(Effect::Error) => Some(Refusal::Failed),
            Some(Effect::Deny) => Some(Refusal::Denied("A fault was injected.".to_owned())),
            Some(Effect::LostAnswer | Effect::LatencyMs(_)) | None => {
                role.and_then(|role| self.denied(role, service, &operation, &request))
            }
        };
        if let Some(refusal) = refusal {
            return Ok(service.refuse(refusal, &request));
        }
        let reply = self.serve(service, &operation, &request).await;
        if effect == Some(Effect::LostAnswer) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(reply)
    }

    /// What the role lacks for a call; otherwise notes what it has used.
    fn denied(&self, role: &Role, service: Service, operation: &str, request: &Request) -> Option<Refusal> {
        let mut needed = iam::needed(service, operation, request);
        if service == Service::S3 {
            needed.extend(self.inner.s3.permission_to_miss(request).map(|permission| vec![permission]));
        }
        if needed.is_empty() {
            let unclear = format!("It cannot be told which permission {}:{operation} needs.", service.name());
            return Some(Refusal::Denied(unclear));
        }
        if let Some(lacking) = role.refusal(&needed) {
            return Some(Refusal::Denied(lacking));
        }
        self.inner.ledger.note(role, &needed);
        None
    }

    async fn serve(&self, service: Service, operation: &str, request: &Request) -> Reply {
        match service {
            Service::Dynamo => dynamo::call(&self.inner.dynamo, &self.inner.tokens, operation, request),
            Service::Sqs => self.inner.sqs.call(operation, request.body()).await,
            Service::Secrets => self.inner.secrets.call(operation, request.body()),
            Service::Mail => self.inner.mailbox.call(request),
            Service::S3 => self.inner.s3.call(request),
        }
    }

    /// The permissions that the function with this binary has used so far: actions and ARNs.
    pub fn used(&self, binary: &str) -> BTreeSet<Permission> {
        self.inner.ledger.of(binary)
    }

    /// Puts these faults in force, in place of those before.
    ///
    /// # Panics
    /// When one of them could never meet a call; see [`InjectedFault::check`].
    pub fn inject(&self, faults: Vec<InjectedFault>) {
        for fault in &faults {
            assert_eq!(fault.check(), Ok(()));
        }
        self.inner.faults.set(faults);
    }

    /// The faults in force.
    pub fn faults(&self) -> Vec<InjectedFault> {
        self.inner.faults.list()
    }

    fn count(&self, service: Service, operation: &str) {
        let mut calls = self.inner.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry((service, operation.to_owned())).or_default() += 1;
    }

    /// How often each operation was called so far: `dynamodb:GetItem` → 3. Services without named operations
    /// count by HTTP method (`s3:PUT`).
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let calls = self.inner.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls
            .iter()
            .map(|((service, operation), n)| (format!("{}:{operation}", service.name()), *n))
            .collect()
    }

    /// The mail sent so far, oldest first, all of it or that to one address.
    ///
    /// # Errors
    /// When the database fails.
    pub fn mail(&self, to: Option<&str>) -> Result<Vec<Mail>, CloudError> {
        Ok(self.inner.mailbox.mail(to)?)
    }

    /// Up to `limit` stream records of `table` after the sequence number `after` (from the oldest without
    /// one), each in the shape Lambda receives it in.
    ///
    /// # Errors
    /// When the table has no stream, or the database fails.
    pub fn stream_records(
        &self,
        table: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Value>, CloudError> {
        Ok(dynamo::stream_records(&self.inner.dynamo, table, after, limit)?)
    }

    /// The sequence number of the newest stream record of `table`.
    ///
    /// # Errors
    /// When the table has no stream, or the database fails.
    pub fn stream_end(&self, table: &str) -> Result<Option<String>, CloudError> {
        Ok(dynamo::stream_end(&self.inner.dynamo, table)?)
    }

    /// The version that a rotation of the secret is going to put in use, when one is under way or due: its function is
    /// to be called with that until it is.
    ///
    /// # Errors
    /// When the database fails.
    pub fn rotation_due(&self, secret: &str) -> Result<Option<String>, CloudError> {
        let due = self.inner.secrets.due(secret);
        due.map_err(|e| CloudError::Resource { resource: secret.to_owned(), reason: e.message })
    }

    /// A remembered value, such as how far a trigger has read.
    ///
    /// # Errors
    /// When the database fails.
    pub fn note(&self, name: &str) -> Result<Option<String>, CloudError> {
        Ok(self.inner.db.note(name)?)
    }

    /// Remembers a value across restarts.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_note(&self, name: &str, value: &str) -> Result<(), CloudError> {
        Ok(self.inner.db.set_note(name, value)?)
    }

    /// Deletes the items whose time to live is over, and the stream records older than a day; how many items
    /// there were. AWS does this in the background.
    ///
    /// # Errors
    /// When the database fails.
    pub fn sweep_expired(&self) -> Result<usize, CloudError> {
        if let Some(upkeep) = &self.inner.upkeep {
            upkeep.trim(self.inner.clock.now())?;
        }
        Ok(self.inner.dynamo.sweep_ttl()?)
    }

    /// Lets the clock of a cloud in memory go with tokio's from now on, which a test can pause.
    pub fn go_with_tokio(&self) {
        self.inner.clock.go_with_tokio();
    }

    /// Moves the clock of a cloud in memory forward: visibility time-outs, delays, expiry.
    pub fn advance(&self, by: Duration) {
        self.inner.clock.advance(by);
    }
}

/// Makes a data folder unless it exists, for nobody but its owner: secrets lie in there.
///
/// # Errors
/// When it can neither be found nor made.
pub fn make_data_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_operation_that_may_fail_on_purpose_is_served() {
        let nothing = "Resources: { Q: { Type: AWS::SQS::Queue } }";
        let cloud = Cloud::memory(&Template::parse(nothing, &BTreeMap::new()).unwrap()).unwrap();
        let services = [
            (Service::Dynamo, "DynamoDB_20120810"),
            (Service::Sqs, "AmazonSQS"),
            (Service::Secrets, "secretsmanager"),
        ];
        for (service, target) in services {
            for (operation, is_served) in
                service.operations().iter().map(|o| (*o, true)).chain([("None", false)])
            {
                let request =
                    http::Request::post("/").header("x-amz-target", format!("{target}.{operation}"));
                let reply = cloud.call(request.body("{}".into()).unwrap(), None).await.unwrap();
                let text = String::from_utf8_lossy(reply.body()).to_lowercase();
                assert_eq!(!text.contains("the local cloud has no"), is_served, "{operation}: {text}");
            }
        }
    }
}
