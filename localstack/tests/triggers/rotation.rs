//! Rotations of secrets, step by step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloud::{Cloud, Template};
use futures_util::FutureExt as _;
use localstack::{stop, trigger};
use platform::{Clock, Function, secrets::Secrets};
use tokio::time::Instant;

use crate::{Seen, only, until};

const TEMPLATE: &str = r#"
Resources:
  Keys:
    Type: AWS::SecretsManager::Secret
    Properties: { Name: keys, SecretString: "one" }
  Rotator:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: rotator } }
    Properties: { Timeout: 1 }
  Rotation:
    Type: AWS::SecretsManager::RotationSchedule
    Properties:
      SecretId: !Ref Keys
      RotationLambdaARN: !GetAtt Rotator.Arn
      RotationRules: { AutomaticallyAfterDays: 30 }
"#;

/// How long is waited for what should not come.
const REST: Duration = Duration::from_mins(5);

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// Steps at which the function does not do its work: each time it comes there, it has the next of these troubles.
type Troubles = Arc<Mutex<Vec<(&'static str, Trouble)>>>;

#[derive(Clone, Copy)]
enum Trouble {
    Fails,
    Panics,
    Hangs,
}

/// The secret and the function that rotates it.
struct Stage {
    cloud: Cloud,
    template: Template,
    secrets: Secrets,
    seen: Seen,
    troubles: Troubles,
}

impl Stage {
    fn new(troubles: &[(&'static str, Trouble)]) -> Self {
        let template = Template::parse(TEMPLATE, &BTreeMap::new()).unwrap();
        let cloud = Cloud::memory(&template).unwrap();
        let secrets = Secrets::new(&cloud.sdk_config(), Clock::System);
        let troubles = Arc::new(Mutex::new(troubles.to_vec()));
        Self { cloud, template, secrets, seen: Seen::default(), troubles }
    }

    /// Notes every step with its version, writes the secret in the first and puts it in use in the last.
    fn function(&self) -> Function {
        let (secrets, seen, troubles) = (self.secrets.clone(), Arc::clone(&self.seen), self.troubles.clone());
        Function::Rotation(Arc::new(move |event| {
            let (secrets, seen, troubles) = (secrets.clone(), Arc::clone(&seen), Arc::clone(&troubles));
            async move {
                let (step, version) = (event.step, event.client_request_token);
                seen.lock().unwrap().push(format!("{step} {version}"));
                let trouble = troubles.lock().unwrap().first().copied().filter(|(at, _)| *at == step);
                if trouble.is_some() {
                    troubles.lock().unwrap().remove(0);
                }
                match trouble {
                    Some((_, Trouble::Fails)) => return Err(kernel::Error::internal("rotate", "a bad day")),
                    Some((_, Trouble::Panics)) => panic!("a worse day"),
                    Some((_, Trouble::Hangs)) => std::future::pending().await,
                    None => {}
                }
                let id = event.secret_id;
                match step.as_str() {
                    "createSecret" => secrets.stage(&id, &version, "AWSPENDING", &version).await,
                    "finishSecret" => {
                        let current = secrets.current(&id).await?.unwrap().id;
                        secrets.move_label(&id, "AWSCURRENT", Some(&version), Some(&current)).await
                    }
                    _ => Ok(()),
                }
            }
            .boxed()
        }))
    }

    /// Runs the triggers until these steps were seen and the version is in use, and a while longer.
    async fn run(&self, steps: &[&str], version: &str) {
        let (_stopper, stop) = stop::channel();
        let functions = only(&self.template, "rotator", self.function());
        let _tasks = trigger::start(&self.cloud, &functions, &stop).unwrap();
        let is_in_use = async || self.secrets.current("keys").await.unwrap().unwrap().id == version;
        while !is_in_use().await {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // Nothing more is due.
        tokio::time::sleep(REST).await;
        let expected: Vec<String> = steps.iter().map(|step| format!("{step} {version}")).collect();
        assert_eq!(std::mem::take(&mut *self.seen.lock().unwrap()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_takes_four_steps_when_asked_for_and_when_it_is_due() {
    let stage = Stage::new(&[]);
    let asked = stage.secrets.begin_rotation("keys").await.unwrap();
    stage.run(&STEPS, &asked).await;
    stage.cloud.advance(Duration::from_hours(30 * 24) - Duration::from_secs(1));
    assert_eq!(stage.cloud.rotation_due("keys").unwrap(), None);
    stage.cloud.advance(Duration::from_secs(1));
    let due = stage.cloud.rotation_due("keys").unwrap().unwrap();
    assert_ne!(due, asked);
    stage.run(&STEPS, &due).await;
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_ends_the_attempt_and_the_next_begins_at_the_first_a_minute_later() {
    let [create, set, test, finish] = STEPS;
    let stage = Stage::new(&[(test, Trouble::Fails), (set, Trouble::Panics), (create, Trouble::Hangs)]);
    let version = stage.secrets.begin_rotation("keys").await.unwrap();
    let begun = Instant::now();
    let steps = [create, set, test, create, set, create, create, set, test, finish];
    stage.run(&steps, &version).await;
    let took = begun.elapsed();
    let pauses = REST + Duration::from_mins(3);
    assert!(took >= pauses && took < pauses + Duration::from_mins(1), "three pauses: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_was_under_way_at_the_end_goes_on_at_the_next_start() {
    let stage = Stage::new(&[("setSecret", Trouble::Hangs)]);
    let version = stage.secrets.begin_rotation("keys").await.unwrap();
    {
        let (_stopper, stop) = stop::channel();
        let functions = only(&stage.template, "rotator", stage.function());
        let mut tasks = trigger::start(&stage.cloud, &functions, &stop).unwrap();
        until("the second step", async || stage.seen.lock().unwrap().len() == 2).await;
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
    }
    stage.seen.lock().unwrap().clear();
    stage.run(&STEPS, &version).await;
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_it_has_to_also_while_it_waits_to_try_again() {
    let stage = Stage::new(&[("createSecret", Trouble::Fails)]);
    stage.secrets.begin_rotation("keys").await.unwrap();
    let (stopper, stop) = stop::channel();
    let functions = only(&stage.template, "rotator", stage.function());
    let mut tasks = trigger::start(&stage.cloud, &functions, &stop).unwrap();
    until("the failure", async || !stage.seen.lock().unwrap().is_empty()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stopper.stop();
    let asked = Instant::now();
    while tasks.join_next().await.is_some() {}
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(stage.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn only_a_function_for_rotations_takes_them() {
    let stage = Stage::new(&[]);
    let (_stopper, stop) = stop::channel();
    let misfit = only(&stage.template, "rotator", Function::Http(axum::Router::new()));
    let error = trigger::start(&stage.cloud, &misfit, &stop).unwrap_err().to_string();
    assert_eq!(error, "Rotator does not take rotation events; correct its `Events` in template.yaml");
}
