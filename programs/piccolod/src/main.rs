//! The device daemon: reads what the device is, publishes it, and answers on port 8080.

mod cli;
mod collector;
mod listener;
mod problem;
mod published;
mod report;
mod request;
mod routes;
mod server;
mod service_manager;
mod stop;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use device_facts::FactsSource;
use tracing::info;

use cli::Arguments;
use collector::Collector;
use server::{Limits, Server};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    journal_log::start(arguments.log_level.into());
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

/// One thread serves everybody: handlers only read what was published, so there is nothing to wait for.
fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let result = runtime.block_on(serve(arguments));
    // A thread that hangs reading a fact must not keep the daemon from ending.
    runtime.shutdown_background();
    result
}

async fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    let stop = stop::on_signals().context("cannot listen for SIGTERM")?;
    let (collector, latest) = Collector::start(FactsSource::new(&arguments.facts_from)).await?;
    let listener = listener::bind(arguments.listen)?;
    let address = listener.local_addr().context("cannot tell which address was bound")?;

    let server = Server { listener, router: routes::router(latest.clone(), stop.clone())?, limits: Limits::default() };
    let collecting = tokio::spawn(collector.run(stop.clone()));
    let watchdog = tokio::spawn(service_manager::feed_watchdog(latest, stop.clone()));

    report::listening(address);
    service_manager::ready(address);

    server.run(stop).await;
    info!("stopped");
    collecting.abort();
    watchdog.abort();
    Ok(())
}
