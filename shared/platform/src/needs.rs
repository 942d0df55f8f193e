//! What a function needs from its surroundings, written beside its code.
//!
//! The template gives it: as variables, and as statements of the function's role. Tests compare the two, and the local
//! cloud holds each function to its role, so that what stands in one place only is found on a laptop.

/// What one function needs.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// The variables that hold a setting.
    pub settings: &'static [&'static str],
    /// What it does to the resources that its other variables name.
    pub grants: &'static [Grant],
}

/// What a function does to one resource.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The variable that names the resource: a table's name, a queue's URL, a secret's ARN, a sender's address.
    pub variable: &'static str,
    /// The index of the table, when it is that and not the table itself.
    pub index: Option<&'static str>,
    /// The actions, as IAM calls them: `dynamodb:GetItem`.
    pub actions: &'static [&'static str],
}

impl Grant {
    /// On the resource that `variable` names.
    pub const fn on(variable: &'static str, actions: &'static [&'static str]) -> Self {
        Self { variable, index: None, actions }
    }

    /// On an index of the table that `variable` names.
    pub const fn on_index(
        variable: &'static str,
        index: &'static str,
        actions: &'static [&'static str],
    ) -> Self {
        Self { variable, index: Some(index), actions }
    }
}

impl Needs {
    /// Every variable it reads.
    pub fn variables(&self) -> impl Iterator<Item = &'static str> {
        self.settings.iter().copied().chain(self.grants.iter().map(|grant| grant.variable))
    }
}
