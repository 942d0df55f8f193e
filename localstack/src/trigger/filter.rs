//! Which records a function wants: `FilterCriteria` of an event source mapping
//! (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>), as far as it is used here.

use serde_json::Value;

/// Whether one of the patterns matches, or there is none.
pub(super) fn is_wanted(patterns: &[Value], record: &Value) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, record))
}

/// Whether everything that the pattern names is there: an array holds the values that it may have.
fn matches(pattern: &Value, record: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields.iter().all(|(name, pattern)| matches(pattern, &record[name])),
        Value::Array(values) => values.contains(record),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_wanted_when_it_has_what_the_pattern_names() {
        let pattern = json!({"dynamodb": {"NewImage": {"status": {"S": ["queued", "retrying"]}}}});
        let record =
            |status: &str| json!({"dynamodb": {"NewImage": {"status": {"S": status}, "x": {"N": "1"}}}});
        for (record, is_right) in [
            (record("queued"), true),
            (record("retrying"), true),
            (record("running"), false),
            (json!({"dynamodb": {"Keys": {}}}), false),
        ] {
            assert_eq!(is_wanted(std::slice::from_ref(&pattern), &record), is_right, "{record}");
            assert!(is_wanted(&[], &record));
        }
        assert!(is_wanted(&[json!({"a": [1]}), pattern], &record("queued")), "one of several is enough");
    }
}
