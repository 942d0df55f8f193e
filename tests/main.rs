//! Whole-system tests, in one binary. `tidy` holds the laws of the house.

mod tidy;
