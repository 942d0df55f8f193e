//! Whole-system tests, in one binary. `tidy` holds the laws of the house, `e2e` asks a running API, `ways`
//! tries every credential on every route.

mod e2e;
mod tidy;
mod ways;
