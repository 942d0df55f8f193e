//! Names of the template that other files have to say as well: a rename in one place only fails here.

use std::{collections::BTreeSet, fs};

use xtask::{Result, workspace};

use super::{assert_none, source};

const TEMPLATE: &str = "template.yaml";

fn read(path: &str) -> Result<String> {
    fs::read_to_string(workspace::root().join(path)).map_err(|error| format!("{path}: {error}").into())
}

fn runbooks() -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(workspace::root().join("docs/runbooks"))? {
        paths.push(format!("docs/runbooks/{}", entry?.file_name().to_string_lossy()));
    }
    paths.sort();
    Ok(paths)
}

/// The names in a section of the template.
fn named_in<'a>(template: &'a str, section: &str) -> BTreeSet<&'a str> {
    let head = format!("{section}:");
    let lines = template.lines().skip_while(|line| *line != head).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    names.filter(|name| name.chars().all(char::is_alphanumeric)).collect()
}

/// The resources of a type.
fn of_type<'a>(template: &'a str, kind: &str) -> BTreeSet<&'a str> {
    let lines: Vec<&str> = template.lines().collect();
    let typed = lines.windows(2).filter(|pair| pair[1].trim() == format!("Type: {kind}"));
    typed.filter_map(|pair| pair[0].trim().strip_suffix(':')).collect()
}

/// Words like `LogLevel=debug`: a parameter that is given a value.
fn assigned(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "\"'`(),".contains(c));
    words.filter_map(|word| word.split_once('=')).map(|(name, _)| name).filter(|name| {
        name.starts_with(char::is_uppercase)
            && name.contains(char::is_lowercase)
            && name.chars().all(char::is_alphanumeric)
    })
}

/// What the AWS CLI and Python write like a parameter.
const OF_OTHERS: [&str; 2] = ["AdditionalVersionWeights", "Item"];

#[test]
fn every_parameter_that_is_given_exists() -> Result<()> {
    let template = read(TEMPLATE)?;
    let pipeline = read("infra/pipeline.yaml")?;
    let mut parameters = named_in(&template, "Parameters");
    assert!(parameters.contains("PublicUrl"), "the template's parameters are read: {parameters:?}");
    parameters.extend(named_in(&pipeline, "Parameters"));
    let mut files = runbooks()?;
    let others =
        ["samconfig.toml", "localstack/deploy.sh", ".github/workflows/deploy.yml", ".ci/run", "README.md"];
    files.extend(others.map(str::to_owned));
    let mut breaches = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        let text = read(&file)?;
        let given = assigned(&text).filter(|name| !OF_OTHERS.contains(name));
        for name in given {
            if parameters.contains(name) {
                seen.insert(name.to_owned());
            } else {
                breaches.push(format!(
                    "{file}: neither {TEMPLATE} nor infra/pipeline.yaml has a parameter {name}"
                ));
            }
        }
    }
    assert!(seen.len() > 8, "the files are read: {seen:?}");
    assert_none("a parameter that is renamed is renamed wherever it is given", &breaches);
    Ok(())
}

#[test]
fn every_output_that_is_asked_for_exists() -> Result<()> {
    let template = read(TEMPLATE)?;
    let outputs = named_in(&template, "Outputs");
    let mut breaches = Vec::new();
    let mut asked = 0;
    for file in runbooks()? {
        let text = read(&file)?;
        for part in text.split("$(out ").skip(1) {
            asked += 1;
            let name = part.split(')').next().unwrap_or_default();
            if !outputs.contains(name) {
                breaches.push(format!("{file}: {TEMPLATE} has no output {name}"));
            }
        }
    }
    assert!(asked > 5, "the runbooks are read");
    assert_none("an output that is renamed is renamed in the runbooks", &breaches);
    Ok(())
}

#[test]
fn a_release_can_be_told_from_the_one_before() -> Result<()> {
    let config = read("samconfig.toml")?;
    let pipeline = read(".github/workflows/deploy.yml")?;
    let line = "\"Release=''\",";
    assert_eq!(config.matches(line).count(), 2, "samconfig.toml: `{line}` in dev and in prod");
    let edit = "s/\\\"Release=''\\\"/";
    assert_eq!(
        pipeline.matches(edit).count(),
        2,
        ".github/workflows/deploy.yml puts a number into that line, twice"
    );
    Ok(())
}

#[test]
fn whoever_tries_a_deployment_is_not_held_back() -> Result<()> {
    let config = read("samconfig.toml")?;
    let (_, dev) = config.split_once("[dev.deploy.parameters]").ok_or("samconfig.toml has no dev")?;
    let (dev, _) = dev.split_once("[prod.").ok_or("samconfig.toml has no prod after dev")?;
    let places = [
        ("samconfig.toml, dev", dev.to_owned()),
        ("localstack/deploy.sh", read("localstack/deploy.sh")?),
        ("tests/e2e/cloud.rs", read("tests/e2e/cloud.rs")?),
    ];
    let mut breaches = Vec::new();
    for (place, text) in places {
        for parameter in ["RequestsPerMinute=60000", "AttemptsPerMinute=0"] {
            if !text.contains(parameter) {
                breaches.push(format!("{place}: add {parameter}"));
            }
        }
    }
    assert_none("the end-to-end suite asks often, and from one network", &breaches);
    Ok(())
}

#[test]
fn the_runbooks_know_every_table_and_secret() -> Result<()> {
    let template = read(TEMPLATE)?;
    let books = [
        ("AWS::DynamoDB::Table", vec!["docs/runbooks/restore-a-table.md"]),
        ("AWS::SecretsManager::Secret", vec!["docs/runbooks/rotate-a-secret.md", "docs/runbooks/keys.md"]),
    ];
    let mut breaches = Vec::new();
    for (kind, files) in books {
        let text = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?.concat();
        let resources = of_type(&template, kind);
        assert!(resources.len() > 3, "the resources are read: {resources:?}");
        let untold = resources.into_iter().filter(|name| !text.contains(*name));
        breaches.extend(untold.map(|name| format!("{}: say what to do with {name}", files[0])));
    }
    assert_none("whoever is called at night finds what is to be done", &breaches);
    Ok(())
}

#[test]
fn alarms_listen_to_metrics_that_are_written() -> Result<()> {
    let template = read(TEMPLATE)?;
    let sources = source::all()?;
    let says = |name: &str| {
        let text = format!("\"{name}\"");
        sources.iter().any(|source| source.path.contains("/src/") && source.text.contains(&text))
    };
    let mut lines = template.lines().map(str::trim).peekable();
    let mut breaches = Vec::new();
    let mut alarms = 0;
    while let Some(line) = lines.next() {
        let ours = line == "Namespace: Groundwork";
        if let Some(metric) = lines.peek().filter(|_| ours).and_then(|next| next.strip_prefix("MetricName: "))
        {
            alarms += 1;
            if !says(metric) || !says("Groundwork") {
                breaches.push(format!("{TEMPLATE}: nothing writes the metric {metric} of Groundwork"));
            }
        }
    }
    assert!(alarms > 0, "the alarms are read");
    assert_none("an alarm on a metric that nobody writes is silent for ever", &breaches);
    Ok(())
}

#[test]
fn what_has_an_end_is_deleted() -> Result<()> {
    let template = read(TEMPLATE)?;
    let attribute = store::TTL;
    let enabled: Vec<&str> =
        template.lines().filter(|line| line.contains("TimeToLiveSpecification:")).collect();
    let wanted = format!("{{ AttributeName: {attribute}, Enabled: true }}");
    let breaches: Vec<String> = enabled
        .iter()
        .filter(|line| !line.contains(&wanted))
        .map(|line| format!("{TEMPLATE}: {line}"))
        .collect();
    assert!(enabled.len() >= 3, "the tables are read");
    assert_none(&format!("items end at their `{attribute}`, as store::TTL has it"), &breaches);
    Ok(())
}

#[test]
fn a_panic_ends_a_request_and_not_the_sandbox() -> Result<()> {
    let manifest = read("Cargo.toml")?;
    let (_, release) =
        manifest.split_once("\n[profile.release]\n").ok_or("Cargo.toml: no [profile.release]")?;
    let release = release.split("\n[").next().unwrap_or_default();
    let cure =
        "Cargo.toml: say panic = \"unwind\" in [profile.release]; cargo-lambda aborts where nothing is said";
    assert!(release.lines().any(|line| line == "panic = \"unwind\""), "{cure}");
    Ok(())
}
