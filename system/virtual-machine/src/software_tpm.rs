//! The software TPM: swtpm, one process for each machine.

use host::cancel::Cancel;
use host::invocation::{HostError, Invocation};
use host::program::Program;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The socket's name in the machine's directory.
pub const SOCKET: &str = "tpm.sock";
/// The folder of the TPM's memory in the machine's directory.
const STATE_FOLDER: &str = "tpm";

/// Makes a TPM 2.0 in the machine's directory unless there is one.
///
/// # Errors
/// When the folder cannot be made or swtpm_setup fails.
pub fn prepare(directory: &Path, cancel: &Cancel) -> Result<(), TpmError> {
    let state = directory.join(STATE_FOLDER);
    if state.join("tpm2-00.permall").exists() {
        return Ok(());
    }
    fs::create_dir_all(&state).map_err(|source| TpmError::Folder { path: state.clone(), source })?;
    // Only the SHA-256 bank: what the product measures and seals to. A second bank doubles the firmware's hashing.
    Invocation::new(Program::SwtpmSetup)
        .arguments(["--tpm2", "--pcr-banks", "sha256", "--overwrite", "--tpmstate"])
        .argument(&state)
        .run(cancel)?;
    Ok(())
}

/// The process that is the TPM. It ends by itself when QEMU lets go of it.
///
/// It leaves its socket in the machine's directory.
#[must_use]
pub fn invocation(directory: &Path) -> Invocation {
    // A socket's address is short (108 bytes), so it is given relative to the directory.
    Invocation::new(Program::Swtpm)
        .arguments(["socket", "--tpm2", "--terminate", "--tpmstate"])
        .argument(format!("dir={}", directory.join(STATE_FOLDER).display()))
        .arguments(["--ctrl", &format!("type=unixio,path={SOCKET}")])
        .directory(directory)
}

/// Whether the socket is there.
#[must_use]
pub fn is_listening(directory: &Path) -> bool {
    directory.join(SOCKET).symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// Why there is no TPM.
#[derive(Debug, thiserror::Error)]
pub enum TpmError {
    /// The folder for its memory could not be made.
    #[error("the TPM's folder {path} could not be made")]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program failed.
    #[error(transparent)]
    Program(#[from] HostError),
}
