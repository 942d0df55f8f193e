use std::collections::BTreeMap;

use cloud::Template;
use cloud::template::{Event, Integration, StreamStart, local_overrides};

fn parse(text: &str) -> Result<Template, String> {
    Template::parse(text, &BTreeMap::new()).map_err(|e| e.to_string())
}

/// A template whose one function has the environment variable `V`.
fn value_of(expression: &str) -> Result<String, String> {
    let text = format!(
        r#"
Parameters:
  Name: {{ Type: String, Default: x }}
  List: {{ Type: CommaDelimitedList, Default: "a,b" }}
Mappings: {{ Sizes: {{ small: {{ mb: 128 }} }} }}
Conditions:
  IsX: !Equals [!Ref Name, x]
  IsNotX: !Not [!Condition IsX]
  Circle: !And [!Condition Circle, !Condition IsX]
Resources:
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{{ AttributeName: pk, AttributeType: S }}]
      KeySchema: [{{ AttributeName: pk, KeyType: HASH }}]
      StreamSpecification: {{ StreamViewType: NEW_IMAGE }}
  Work: {{ Type: AWS::SQS::Queue }}
  Key: {{ Type: AWS::SecretsManager::Secret, Properties: {{ Name: key }} }}
  Fn:
    Type: AWS::Serverless::Function
    Metadata: {{ BuildProperties: {{ Binary: fn }} }}
    Properties:
      Environment: {{ Variables: {{ V: {expression} }} }}
"#
    );
    parse(&text).map(|t| t.functions[0].environment.get("V").cloned().unwrap_or_default())
}

#[test]
fn functions_evaluate() {
    let table = [
        ("!Ref Name", "x"),
        ("{ Ref: Name }", "x"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::NoValue", ""),
        ("!Ref Things", "groundwork-Things"),
        ("!Ref Work", "https://sqs.us-east-1.amazonaws.com/123456789012/groundwork-Work"),
        ("!GetAtt Work.Arn", "arn:aws:sqs:us-east-1:123456789012:groundwork-Work"),
        ("{ 'Fn::GetAtt': [Work, QueueName] }", "groundwork-Work"),
        (
            "!GetAtt Things.StreamArn",
            "arn:aws:dynamodb:us-east-1:123456789012:table/groundwork-Things/stream/local",
        ),
        (
            r#"!Sub "${Name}-${Things}-${Work.QueueName}-${!Literal}""#,
            "x-groundwork-Things-groundwork-Work-${Literal}",
        ),
        (r#"!Sub ["${A}/${Name}", { A: !Ref List }]"#, "a,b/x"),
        ("!If [IsX, yes, no]", "yes"),
        ("!If [IsNotX, yes, !Ref AWS::NoValue]", ""),
        ("!Join ['-', [a, !Ref Name]]", "a-x"),
        ("!Select [1, !Split ['@', 'me@example.com']]", "example.com"),
        ("!FindInMap [Sizes, small, mb]", "128"),
        ("!Base64 hi", "aGk="),
        ("true", "true"),
        ("1.5", "1.5"),
    ];
    for (expression, value) in table {
        assert_eq!(value_of(expression).as_deref(), Ok(value), "{expression}");
    }
    let arn = value_of("!Ref Key").unwrap();
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:123456789012:secret:key-"), "{arn}");
}

#[test]
fn a_mistake_is_told_with_its_place_and_its_cure() {
    let table = [
        (
            "!Ref Nmae",
            "Resources.Fn.Properties.Environment.Variables.V: it refers to `Nmae`, which the template does not declare",
        ),
        ("!GetAtt Work.Colour", "it refers to `Work.Colour`"),
        (r#"!Sub "${Name""#, "never closed"),
        ("!If [Circle, a, b]", "it refers to itself"),
        ("!If [Absent, a, b]", "the condition `Absent` does not exist"),
        ("!ImportValue x", "the tag `!ImportValue` is unknown"),
        ("{ 'Fn::ImportValue': x }", "the function `Fn::ImportValue` is unknown"),
        ("{ a: b }", "a plain value is wanted"),
    ];
    for (expression, message) in table {
        let error = value_of(expression).unwrap_err();
        assert!(error.starts_with("template.yaml: ") && error.contains(message), "{expression}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_broken_template_is_one_clear_line() {
    let function =
        "Fn: { Type: AWS::Serverless::Function, Metadata: { BuildProperties: { Binary: f } }, Properties: ";
    let table = [
        ("Resources: [".to_owned(), "not valid YAML"),
        ("Resources: {}".to_owned(), "Resources: it declares nothing"),
        ("Parameters: { P: { Type: String } }\nResources: { A: { Type: X } }".to_owned(), "Parameters.P: it has neither a default"),
        ("Resources: { A: {} }".to_owned(), "Resources.A: it has no `Type`"),
        ("Resources: { T: { Type: AWS::DynamoDB::Table } }".to_owned(), "Resources.T.Properties.AttributeDefinitions: it is missing"),
        ("Resources: { Q: { Type: AWS::SQS::Queue, Properties: { VisibilityTimeout: soon } } }".to_owned(), "`soon` is not a fitting number"),
        ("Resources: { F: { Type: AWS::Serverless::Function } }".to_owned(), "the function names no binary"),
        (format!("Resources:\n  {function} {{ Events: {{ E: {{ Type: Api }} }} }} }}"), "no `Api` events"),
        (
            format!("Resources:\n  {function} {{}} }}\n  X: {{ Type: X, Properties: {{ A: !Ref Fn.Alias }} }}"),
            "Resources.X.Properties.A: `Fn` has no alias; give it an `AutoPublishAlias`",
        ),
        (
            format!("Resources:\n  {function} {{ Events: {{ E: {{ Type: SQS, Properties: {{ Queue: 'arn:x:q' }} }} }} }} }}"),
            "queue `q`, which the template does not declare",
        ),
        (
            "Resources: { Api: { Type: AWS::Serverless::Api, Properties: { DefinitionBody: { paths: { /x: { get: {} } } } } } }".to_owned(),
            "DefinitionBody.paths./x.get.x-amazon-apigateway-integration: the method has no integration",
        ),
    ];
    for (text, message) in table {
        let error = parse(&text).unwrap_err();
        assert!(error.contains(message), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn overrides_replace_defaults_and_must_be_allowed() {
    let text = "Parameters: { P: { Type: String, Default: a, AllowedValues: [a, b] } }\nResources: { A: { Type: X } }";
    let with = |value: &str| Template::parse(text, &BTreeMap::from([("P".to_owned(), value.to_owned())]));
    assert_eq!(with("b").unwrap().parameters["P"], "b");
    assert!(with("c").unwrap_err().to_string().contains("is not allowed"));
}

#[test]
fn the_template_of_this_workspace_reads_whole() {
    let template = Template::of_workspace().unwrap();
    let identity = template.function("identity").unwrap();
    assert_eq!(identity.environment["IDENTITY_TABLE"], "groundwork-IdentityTable");
    assert_eq!(identity.environment["PUBLIC_URL"], "http://127.0.0.1:8080");
    assert_eq!(identity.environment["ALLOWED_ORIGINS"], "http://localhost:3000");
    let relay = &template.function("outbox-relay").unwrap().events;
    assert!(matches!(
        &relay[..],
        [Event::Stream { start: StreamStart::TrimHorizon, reports_failures: true, on_failure: Some(queue), .. }]
            if queue == "groundwork-OutboxDeadLetterQueue"
    ));
    let mailer = &template.function("identity-mailer").unwrap().events;
    assert!(matches!(&mailer[..], [Event::Queue { batch_size: 10, reports_failures: true, .. }]));
    let sweeper = &template.function("outbox-sweeper").unwrap().events;
    assert!(matches!(&sweeper[..], [Event::Schedule { expression, .. }] if expression == "rate(1 minute)"));
    let api = template.api.unwrap();
    assert_eq!(api.binary_media_types, ["*/*"]);
    assert_eq!(api.gateway_responses["MISSING_AUTHENTICATION_TOKEN"].status, Some(404));
    let login = api.method_throttles.iter().find(|t| t.path == "/api/v1/auth/login").unwrap();
    assert_eq!((login.method.as_str(), login.throttle.burst), ("POST", 200));
    let me = api.routes.iter().find(|r| r.path == "/api/v1/me").unwrap();
    assert!(
        matches!(&me.methods["GET"], Integration::Function { function, streams: false } if function == "IdentityFunction")
    );
    assert_eq!(local_overrides("u")["PublicUrl"], "u");
}
