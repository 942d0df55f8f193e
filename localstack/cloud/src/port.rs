//! The AWS port.
