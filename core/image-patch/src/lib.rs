//! Makes and applies patches between root images and between unified kernel images.

pub mod apply;
pub mod digest;
pub mod format;
mod frame;
pub mod make;
mod model;
mod operation;
mod range_coder;
pub mod source;
mod window;
