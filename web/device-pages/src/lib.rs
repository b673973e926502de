//! The pages that a device serves
