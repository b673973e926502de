//! Has the running updater read its settings again: what `systemctl reload` starts.

use std::path::Path;

use anyhow::Context;
use device_api::UPDATE_ACTIONS_PATH;
use device_api::updates::{UpdateRequest, Updates};
use device_client::DeviceClient;

/// Asks, and waits for the answer.
///
/// # Errors
/// When nobody answers, or the settings are refused; then those from before hold.
pub fn ask(socket: &Path) -> anyhow::Result<()> {
    let client = DeviceClient::at_socket(socket)?;
    let answer = client.post::<_, Updates>(UPDATE_ACTIONS_PATH, &UpdateRequest::ReloadSettings);
    answer.map(drop).context("the settings were not taken over")
}
