//! Finding the resource and the integration for a path.

use std::collections::BTreeMap;

use cloud::template::{Integration, Route};

/// The resources of an API, ready to be searched.
pub(super) struct Routes {
    resources: Vec<Resource>,
}

struct Resource {
    path: String,
    segments: Vec<Segment>,
    methods: BTreeMap<String, Integration>,
}

/// Ordered as API Gateway prefers them: a literal before a variable, a variable before a greedy one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Variable(String),
    Greedy(String),
}

/// A resource that answers a path.
pub(super) struct Matched<'g> {
    /// The resource's path, as the template spells it.
    pub(super) resource: &'g str,
    /// The path's variables.
    pub(super) variables: BTreeMap<String, String>,
    /// What answers the method.
    pub(super) integration: &'g Integration,
}

impl Routes {
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut resources: Vec<Resource> = routes
            .iter()
            .map(|route| Resource {
                path: route.path.clone(),
                segments: split(&route.path).map(segment).collect(),
                methods: route.methods.clone(),
            })
            .collect();
        resources.sort_by(|a, b| a.segments.iter().map(rank).cmp(b.segments.iter().map(rank)));
        Self { resources }
    }

    /// The resource for `path`, if it answers `method`.
    pub(super) fn find(&self, path: &str, method: &str) -> Option<Matched<'_>> {
        let segments: Vec<&str> = split(path).collect();
        let (resource, variables) = self
            .resources
            .iter()
            .find_map(|r| matches(&r.segments, &segments).map(|variables| (r, variables)))?;
        let integration = resource.methods.get(method).or_else(|| resource.methods.get("ANY"))?;
        Some(Matched { resource: &resource.path, variables, integration })
    }
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn segment(text: &str) -> Segment {
    match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        None => Segment::Literal(text.to_owned()),
        Some(name) => match name.strip_suffix('+') {
            None => Segment::Variable(name.to_owned()),
            Some(name) => Segment::Greedy(name.to_owned()),
        },
    }
}

fn rank(segment: &Segment) -> u8 {
    match segment {
        Segment::Literal(_) => 0,
        Segment::Variable(_) => 1,
        Segment::Greedy(_) => 2,
    }
}

fn matches(resource: &[Segment], path: &[&str]) -> Option<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let mut rest = path;
    for segment in resource {
        let (first, others) = rest.split_first()?;
        match segment {
            Segment::Literal(text) if text == first => {}
            Segment::Variable(name) if !first.is_empty() => {
                variables.insert(name.clone(), (*first).to_owned());
            }
            Segment::Greedy(name) if !first.is_empty() => {
                variables.insert(name.clone(), rest.join("/"));
                return Some(variables);
            }
            _ => return None,
        }
        rest = others;
    }
    rest.is_empty().then_some(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&str]) -> Routes {
        let function = Integration::Function { function: "F".into(), streams: false };
        let methods = BTreeMap::from([("GET".to_owned(), function)]);
        let route = |path: &&str| Route { path: (*path).to_owned(), methods: methods.clone() };
        Routes::new(&paths.iter().map(route).collect::<Vec<_>>())
    }

    #[test]
    fn literals_come_before_variables() {
        let routes =
            routes(&["/users/{id}", "/users/me", "/users/{id}/keys", "/files/{rest+}", "/", "/files"]);
        let table = [
            ("/users/me", Some("/users/me")),
            ("/users/7", Some("/users/{id}")),
            ("/users/me/keys", Some("/users/{id}/keys")),
            ("/users", None),
            ("/users/", None),
            ("/users//keys", None),
            ("/users/7/", None),
            ("/files", Some("/files")),
            ("/files/a/b", Some("/files/{rest+}")),
            ("/", Some("/")),
            ("/Users/me", None),
        ];
        for (path, resource) in table {
            assert_eq!(routes.find(path, "GET").map(|m| m.resource), resource, "{path}");
        }
        assert!(routes.find("/users/me", "POST").is_none());
        assert_eq!(routes.find("/files/a/b", "GET").unwrap().variables["rest"], "a/b");
        assert_eq!(routes.find("/users/a%20b", "GET").unwrap().variables["id"], "a%20b");
    }
}
