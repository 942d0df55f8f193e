//! Configuration: read once, typed, every fault at once.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::Needs;

/// The environment of a function: the process's own on Lambda, the template's in the local cloud.
#[derive(Clone, Debug, Default)]
pub struct Vars(BTreeMap<String, String>);

impl Vars {
    /// The process's environment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_process() -> Self {
        Self(std::env::vars().collect())
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl Vars {
    /// The same with one variable set to something else.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl FromIterator<(String, String)> for Vars {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(vars: I) -> Self {
        Self(vars.into_iter().collect())
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {}", self.0.join("; "))
    }
}

/// Reads variables and gathers what is wrong with them.
///
/// ```
/// # use platform::config::{Reader, Vars};
/// let vars: Vars = [("PORT".to_owned(), "80".to_owned())].into_iter().collect();
/// let mut env = Reader::new(&vars);
/// let port: Option<u16> = env.required("PORT");
/// let level: Option<String> = env.or("LEVEL", "info");
/// let config = env.finish(|| Some((port?, level?)));
/// assert_eq!(config.unwrap(), (80, "info".to_owned()));
/// ```
pub struct Reader<'a> {
    vars: &'a Vars,
    needs: Option<&'a Needs>,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Starts reading.
    pub fn new(vars: &'a Vars) -> Self {
        Self { vars, needs: None, faults: Vec::new() }
    }

    /// Starts reading what a function needs: a variable that it does not declare is a fault, so that a name cannot be
    /// changed here alone.
    pub fn of(vars: &'a Vars, needs: &'a Needs) -> Self {
        Self { needs: Some(needs), ..Self::new(vars) }
    }

    fn require_declared(&mut self, name: &str) {
        if self.needs.is_some_and(|needs| needs.variables().all(|declared| declared != name)) {
            self.faults.push(format!("{name} is read but not declared in NEEDS"));
        }
    }

    /// A variable that must be there. `None` notes a fault.
    pub fn required<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Option<T> {
        self.require_declared(name);
        if let Some(text) = self.vars.get(name) {
            self.parse(name, text)
        } else {
            self.faults.push(format!("{name} is not set"));
            None
        }
    }

    /// A variable with a default.
    pub fn or<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str, default: &str) -> Option<T> {
        self.require_declared(name);
        let text = self.vars.get(name).unwrap_or(default).to_owned();
        self.parse(name, &text)
    }

    /// Every variable whose name ends with `suffix`, by name. `None` notes a fault: in one of them, or that there is
    /// none.
    pub fn each<T: FromStr<Err: fmt::Display>>(&mut self, suffix: &str) -> Option<BTreeMap<String, T>> {
        let vars = self.vars;
        let named: Vec<_> = vars.0.iter().filter(|(name, _)| name.ends_with(suffix)).collect();
        if named.is_empty() {
            self.faults.push(format!("no variable named *{suffix} is set"));
        }
        // Each is read before the first fault counts, so that all faults are noted.
        let read: Vec<Option<(String, T)>> =
            named.into_iter().map(|(name, text)| Some((name.clone(), self.parse(name, text)?))).collect();
        read.into_iter().collect()
    }

    /// Notes what is wrong with several variables together.
    pub fn fault(&mut self, fault: &str) {
        self.faults.push(fault.to_owned());
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error| self.faults.push(format!("{name}: {error}"))).ok()
    }

    /// The configuration, or everything that is wrong with it.
    ///
    /// # Errors
    /// [`ConfigError`] when any variable was.
    pub fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, ConfigError> {
        match build() {
            Some(config) if self.faults.is_empty() => Ok(config),
            _ => Err(ConfigError(self.faults)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once() {
        let vars: Vars =
            [("A".to_owned(), "x".to_owned()), ("C".to_owned(), String::new())].into_iter().collect();
        let mut env = Reader::new(&vars);
        let a: Option<u16> = env.required("A");
        let b: Option<u16> = env.or("B", "7");
        let c: Option<String> = env.required("C");
        let error = env.finish(|| Some((a?, b?, c?))).unwrap_err().to_string();
        assert_eq!(error, "configuration: A: invalid digit found in string; C is not set");
    }

    #[test]
    fn what_is_not_declared_cannot_be_read() {
        const NEEDS: Needs = Needs { settings: &["A"], grants: &[crate::Grant::on("B", &[])] };
        let vars: Vars = ["A", "B", "C"].map(|name| (name.to_owned(), "1".to_owned())).into_iter().collect();
        let mut env = Reader::of(&vars, &NEEDS);
        let [a, b, c, d]: [Option<u8>; 4] =
            [env.required("A"), env.or("B", "2"), env.required("C"), env.or("D", "2")];
        let error = env.finish(|| Some((a?, b?, c?, d?))).unwrap_err().to_string();
        assert_eq!(
            error,
            "configuration: C is read but not declared in NEEDS; D is read but not declared in NEEDS"
        );
    }

    #[test]
    fn variables_are_read_by_their_ending() {
        let vars: Vars = [("A_PORT", "1"), ("B_PORT", "2"), ("PORTS", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let mut env = Reader::new(&vars);
        let ports: Option<BTreeMap<String, u16>> = env.each("_PORT");
        let ports = env.finish(|| ports).unwrap();
        assert_eq!(
            ports.into_iter().collect::<Vec<_>>(),
            [("A_PORT".to_owned(), 1), ("B_PORT".to_owned(), 2)]
        );

        let mut env = Reader::new(&vars);
        let (bad, none) = (env.each::<bool>("_PORT"), env.each::<u16>("_HOST"));
        let error = env.finish(|| bad.zip(none)).unwrap_err().to_string();
        assert_eq!(
            error,
            "configuration: A_PORT: provided string was not `true` or `false`; \
             B_PORT: provided string was not `true` or `false`; no variable named *_HOST is set"
        );
    }
}
