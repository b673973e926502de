//! TEMP
use crate::failure::Failure;
use crate::report::Report;
/// TEMP
#[derive(Debug, clap::Args)]
pub struct Args {}
pub fn run(_: Args, _: &Report) -> Result<(), Failure> {
    Ok(())
}
