//! The routes in `template.yaml`: every path with its methods, its preflight and the answer to any other method; and
//! which of them have a throttle of their own.
//!
//! It is written out in full: neither SAM nor CloudFormation takes YAML anchors reliably.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use serde_json::Value;

use super::Group;
use crate::Result;

/// The markers around the routes.
pub(super) const ROUTES: Markers = Markers { begin: "# <routes>", end: "# </routes>" };
/// The markers around the throttles.
pub(super) const THROTTLES: Markers = Markers { begin: "# <throttles>", end: "# </throttles>" };
/// The methods API Gateway knows, in the order they are written.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];
/// The answer to any other method: 405 as a problem, in the words of platform's own, made by API Gateway without a
/// function. `{allow}` is replaced.
///
/// API Gateway looks the template of a mock up by the request's media type, so the ones clients send stand here; with
/// `never` any other gets its 415 instead of an internal error.
const REFUSAL: &str = r#"  x-amazon-apigateway-any-method:
    responses:
      "405":
        description: Method not allowed
        headers:
          Access-Control-Allow-Origin: { schema: { type: string } }
          Access-Control-Expose-Headers: { schema: { type: string } }
          Allow: { schema: { type: string } }
          Cache-Control: { schema: { type: string } }
          Content-Type: { schema: { type: string } }
          X-Request-Id: { schema: { type: string } }
    x-amazon-apigateway-integration:
      type: mock
      contentHandling: CONVERT_TO_TEXT
      passthroughBehavior: never
      requestTemplates:
        application/json: '{"statusCode": 405}'
        application/x-www-form-urlencoded: '{"statusCode": 405}'
        multipart/form-data: '{"statusCode": 405}'
        text/plain: '{"statusCode": 405}'
      responses:
        default:
          statusCode: "405"
          responseParameters:
            method.response.header.Access-Control-Allow-Origin: "'*'"
            method.response.header.Access-Control-Expose-Headers: "'allow,x-request-id'"
            method.response.header.Allow: "'{allow}'"
            method.response.header.Cache-Control: "'no-store'"
            method.response.header.Content-Type: "'application/problem+json'"
            method.response.header.X-Request-Id: context.requestId
          responseTemplates:
            application/json: '{"type":"urn:groundwork:problem:method-not-allowed","title":"Method Not Allowed","status":405,"detail":"this path does not take that method; see Allow","instance":"$context.path","request_id":"$context.requestId"}'
"#;

/// The lines before and after what is generated.
#[derive(Clone, Copy)]
pub(super) struct Markers {
    begin: &'static str,
    end: &'static str,
}

/// One path of one function.
struct Route<'a> {
    path: &'a str,
    function: &'a str,
    /// In the order of [`METHODS`], always with `options`.
    methods: Vec<&'static str>,
    streams: bool,
}

/// The generated lines, unindented.
pub(super) fn render(groups: &[Group]) -> Result<String> {
    let mut out = String::new();
    let mut owners = BTreeMap::new();
    let mut variables = BTreeMap::new();
    for Group { function, document } in groups {
        let paths = document.paths.paths.iter();
        let paths: Vec<(&String, Value)> =
            paths.map(|(path, item)| Ok((path, serde_json::to_value(item)?))).collect::<Result<_>>()?;
        // A bootstrap streams every answer or none: its runtime decides, not the handler.
        let streams = paths.iter().any(|(_, item)| streams(item));
        for (path, item) in &paths {
            if let Some(other) = owners.insert(path.as_str(), function) {
                return Err(
                    format!("{path} is answered by {other} and by {function}: a path has one owner").into()
                );
            }
            refuse_siblings(&mut variables, path)?;
            let methods = methods(path, item)?;
            let route = Route { path, function, methods, streams };
            write!(out, "{route}")?;
        }
    }
    Ok(out)
}

/// The settings of the operations that say `x-throttle`, unindented. Its one value so far is `auth`: what takes a
/// password or a token, and costs a hash or a guess.
pub(super) fn throttles(groups: &[Group]) -> Result<String> {
    let mut out = String::new();
    for (path, item) in groups.iter().flat_map(|group| &group.document.paths.paths) {
        let item = serde_json::to_value(item)?;
        for method in METHODS {
            match item[method]["x-throttle"].as_str() {
                None => {}
                Some("auth") => write!(
                    out,
                    "- ResourcePath: /{}\n  HttpMethod: {}\n  ThrottlingRateLimit: !Ref AuthRateLimit\n  \
                     ThrottlingBurstLimit: !Ref AuthBurstLimit\n",
                    path.replace('/', "~1"),
                    method.to_uppercase()
                )?,
                Some(other) => {
                    return Err(format!("{method} {path}: there is no throttle `{other}`; say `auth`").into());
                }
            }
        }
    }
    Ok(out)
}

/// Puts the block between the markers, as far in as the first marker stands.
pub(super) fn splice(template: &str, markers: Markers, block: &str) -> Result<String> {
    let lines: Vec<&str> = template.lines().collect();
    let position = |marker: &str| {
        let mut found = lines.iter().enumerate().filter(|(_, line)| line.contains(marker));
        match (found.next(), found.next()) {
            (Some((position, _)), None) => Ok(position),
            (None, _) => Err(format!("template.yaml: no line contains `{marker}`")),
            _ => Err(format!("template.yaml: more than one line contains `{marker}`")),
        }
    };
    let (begin, end) = (position(markers.begin)?, position(markers.end)?);
    if end < begin {
        return Err(format!("template.yaml: `{}` stands before `{}`", markers.end, markers.begin).into());
    }
    let indent = &lines[begin][..lines[begin].len() - lines[begin].trim_start().len()];
    let block = block.lines().map(|line| format!("{indent}{line}\n"));
    let verbatim = |line: &&str| format!("{line}\n");
    let mut out: String = lines[..=begin].iter().map(verbatim).collect();
    out.extend(block);
    out.extend(lines[end..].iter().map(verbatim));
    Ok(out)
}

fn streams(item: &Value) -> bool {
    METHODS.iter().any(|method| item[method]["x-stream"] == true)
}

/// The path's methods in a fixed order, with the preflight, and `head` where there is `get`: axum answers it so.
fn methods(path: &str, item: &Value) -> Result<Vec<&'static str>> {
    for unknown in ["trace", "query"] {
        if !item[unknown].is_null() {
            return Err(format!("{path}: API Gateway has no method {unknown}").into());
        }
    }
    let declared = |method: &&str| match *method {
        "options" => true,
        "head" => !item["get"].is_null(),
        method => !item[method].is_null(),
    };
    Ok(METHODS.into_iter().filter(declared).collect())
}

/// API Gateway wants one name for the variable at one place of the tree, and no variable that swallows the rest.
fn refuse_siblings<'a>(variables: &mut BTreeMap<&'a str, &'a str>, path: &'a str) -> Result<()> {
    for (start, variable) in path_variables(path) {
        if variable.starts_with('*') || variable.ends_with('+') {
            return Err(format!("{path}: list the paths one by one instead of {{{variable}}}").into());
        }
        let first = *variables.entry(&path[..start]).or_insert(variable);
        if first != variable {
            let parent = &path[..start];
            return Err(format!(
                "{path}: behind {parent} another path says {{{first}}}, this one {{{variable}}}: use one name"
            )
            .into());
        }
    }
    Ok(())
}

/// The names in braces, each with the place of its brace.
fn path_variables(path: &str) -> impl Iterator<Item = (usize, &str)> {
    path.match_indices('{').filter_map(|(start, _)| {
        let rest = &path[start + 1..];
        Some((start, &rest[..rest.find('}')?]))
    })
}

impl fmt::Display for Route<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}:", self.path)?;
        let variables: Vec<String> = path_variables(self.path)
            .map(|(_, name)| {
                format!("{{ name: {name}, in: path, required: true, schema: {{ type: string }} }}")
            })
            .collect();
        if !variables.is_empty() {
            writeln!(out, "  parameters: [{}]", variables.join(", "))?;
        }
        for method in &self.methods {
            writeln!(out, "  {method}:")?;
            self.write_function(out)?;
        }
        out.write_str(&REFUSAL.replace("{allow}", &self.methods.join(",").to_uppercase()))
    }
}

impl Route<'_> {
    fn write_function(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, invocations, mode) = if self.streams {
            ("2021-11-15", "response-streaming-invocations", ", responseTransferMode: STREAM")
        } else {
            ("2015-03-31", "invocations", "")
        };
        writeln!(
            out,
            "    x-amazon-apigateway-integration: {{ type: aws_proxy, httpMethod: POST{mode}, uri: !Sub \
             [\"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/{version}/functions/\
             ${{Alias}}/{invocations}\", {{ Alias: !Ref {}.Alias }}] }}",
            self.function
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{group, groups};
    use super::*;

    fn paths(function: &str, paths: &[&str]) -> Group {
        let item = |path: &&str| ((*path).to_owned(), json!({ "get": { "responses": {} } }));
        let paths: serde_json::Map<String, Value> = paths.iter().map(item).collect();
        let info = json!({ "title": "x", "version": "0" });
        group(function, json!({ "openapi": "3.1.0", "info": info, "paths": paths }))
    }

    fn error(groups: &[Group]) -> String {
        render(groups).unwrap_err().to_string()
    }

    #[test]
    fn every_path_has_its_methods_its_preflight_and_its_refusal() {
        insta::assert_snapshot!(render(&groups()).unwrap());
    }

    #[test]
    fn the_local_cloud_reads_what_is_written() {
        use cloud::template::{Integration, Template, local_overrides, workspace_template};

        let template = std::fs::read_to_string(workspace_template()).unwrap();
        let block = render(&[paths("IdentityFunction", &["/a/{id}"])]).unwrap();
        let template = splice(&template, ROUTES, &block).unwrap();
        let template = Template::parse(&template, &local_overrides("http://127.0.0.1:8080")).unwrap();
        let routes = template.api.unwrap().routes;
        assert_eq!(routes.len(), 1, "{routes:?}");
        assert_eq!(routes[0].path, "/a/{id}");
        let function = Integration::Function { function: "IdentityFunction".to_owned(), streams: false };
        assert_eq!(routes[0].methods["GET"], function);
        assert_eq!(routes[0].methods["OPTIONS"], function);
        let Integration::Mock(mock) = &routes[0].methods["ANY"] else {
            panic!("the refusal is no mock: {routes:?}");
        };
        assert_eq!(mock.status, 405);
        let answer = &mock.responses["default"];
        assert_eq!(answer.headers["Allow"], "'GET,HEAD,OPTIONS'");
        serde_json::from_str::<Value>(&answer.templates["application/json"]).unwrap();
    }

    #[test]
    fn the_block_stands_as_far_in_as_its_marker() {
        let template = "a:\n    # <routes> x\n    old: 1\n    # </routes>\nb: 2\n";
        let spliced = splice(template, ROUTES, "/x:\n  get: {}\n").unwrap();
        assert_eq!(spliced, "a:\n    # <routes> x\n    /x:\n      get: {}\n    # </routes>\nb: 2\n");
    }

    #[test]
    fn a_template_without_markers_is_refused() {
        for template in
            ["a: 1\n", "# <routes>\n", "# </routes>\n# <routes>\n", "# <routes>\n# <routes>\n# </routes>\n"]
        {
            assert!(splice(template, ROUTES, "").is_err(), "{template}");
        }
    }

    #[test]
    fn an_operation_says_whether_it_has_a_throttle() {
        let throttle = |name: &str| {
            let item = json!({ "get": { "responses": {} }, "post": { "x-throttle": name, "responses": {} } });
            let info = json!({ "title": "x", "version": "0" });
            [group("AFunction", json!({ "openapi": "3.1.0", "info": info, "paths": { "/a/{id}": item } }))]
        };
        let settings = throttles(&throttle("auth")).unwrap();
        assert!(settings.starts_with("- ResourcePath: /~1a~1{id}\n  HttpMethod: POST\n"), "{settings}");
        assert_eq!(settings.matches("ResourcePath").count(), 1);
        assert!(throttles(&throttle("much")).is_err());
    }

    #[test]
    fn a_path_has_one_owner() {
        let error = error(&[paths("AFunction", &["/a"]), paths("BFunction", &["/a"])]);
        assert_eq!(error, "/a is answered by AFunction and by BFunction: a path has one owner");
    }

    #[test]
    fn one_place_of_the_tree_has_one_variable() {
        let error = error(&[paths("AFunction", &["/a/{id}", "/a/{name}/b"])]);
        assert!(error.contains("behind /a/ another path says {id}, this one {name}"), "{error}");
        render(&[paths("AFunction", &["/a/{id}", "/a/{id}/b/{name}", "/c/{name}"])]).unwrap();
    }

    #[test]
    fn a_variable_does_not_swallow_the_rest() {
        for path in ["/a/{*rest}", "/a/{proxy+}"] {
            assert!(error(&[paths("AFunction", &[path])]).contains("one by one"));
        }
    }
}
