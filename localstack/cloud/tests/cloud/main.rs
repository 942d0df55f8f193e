//! The embedded cloud through the real AWS SDKs.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which may fail and may know the time"
)]

mod dynamo;
mod mail;
mod port;
mod s3;
mod secrets;
mod sqs;
mod template;

use std::collections::BTreeMap;

use cloud::{Cloud, Template};

/// A small template with one of each resource.
const SMALL: &str = r#"
Parameters:
  Prefix: { Type: String, Default: test }
Resources:
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub "${Prefix}-things"
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: sk, AttributeType: S }
        - { AttributeName: gsi1pk, AttributeType: S }
        - { AttributeName: gsi1sk, AttributeType: S }
      KeySchema:
        - { AttributeName: pk, KeyType: HASH }
        - { AttributeName: sk, KeyType: RANGE }
      GlobalSecondaryIndexes:
        - IndexName: gsi1
          KeySchema:
            - { AttributeName: gsi1pk, KeyType: HASH }
            - { AttributeName: gsi1sk, KeyType: RANGE }
          Projection: { ProjectionType: ALL }
      StreamSpecification: { StreamViewType: NEW_IMAGE }
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
  Work:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: work
      VisibilityTimeout: 60
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2 }
  Dead:
    Type: AWS::SQS::Queue
    Properties: { QueueName: dead }
  Empty:
    Type: AWS::SecretsManager::Secret
    Properties: { Name: empty }
  Made:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: made
      GenerateSecretString:
        SecretStringTemplate: '{"current": "k1"}'
        GenerateStringKey: k1
        PasswordLength: 64
        ExcludePunctuation: true
  Files:
    Type: AWS::S3::Bucket
    Properties: { BucketName: files }
"#;

fn small() -> Template {
    Template::parse(SMALL, &BTreeMap::new()).unwrap()
}

fn in_memory() -> Cloud {
    Cloud::memory(&small()).unwrap()
}
